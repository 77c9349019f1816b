"""A program as the kernels read it: the records that say what stands where in their arrays."""

import numpy as np

COPY, ANY, INTEGRATE, WHOLE, PROGRAMMED = range(5)
"""The loops that a layer can be stepped by (`kernels`)."""

TO_VOLTAGE, LATER, AT_ONCE = range(3)
"""The resets of a PROGRAMMED layer (`simulate`)."""

WORD = 8
"""Spikes that are looked at and combined together, as one 64-bit word."""

LAYER = np.dtype(
    [
        ("kind", np.uint64),
        # Where its spikes stand within a step's row, and where its neurons' u, v and bias stand.
        ("place", np.uint64),
        ("neuron", np.uint64),
        ("size", np.uint64),
        ("threshold", np.int32),
        ("kept_current", np.int32),
        ("kept_voltage", np.int32),
        ("first_connection", np.uint64),
        ("last_connection", np.uint64),
        # PROGRAMMED only: its reset, and where its neurons' numbers begin in `settings`; the three above are not read.
        ("reset", np.uint64),
        ("settings", np.uint64),
    ],
    align=True,
)
"""A layer. Kept is what a step leaves of u and v, in parts of 4096."""

SETTINGS = ("threshold", "kept_current", "kept_voltage", "reset_by")
"""The rows of `settings`, which have a number for each neuron of the PROGRAMMED layers: T, kept as in a layer, and the
voltage or A (`simulate`)."""

CONNECTION = np.dtype(
    [
        ("recurrent", np.uint64),
        # How long a row of weights is where it belongs to half a word of the source, else 0.
        ("row", np.uint64),
        # Of the source: where its spikes stand within a step's row.
        ("place", np.uint64),
        ("size", np.uint64),
        # Within `tables`: for each place of the source (with `row`, each word) its pattern and where its weights begin;
        # for each pattern its first run; the runs, each (first target, first weight from where the weights begin,
        # length). Within `weights`: a row of zeros. For ANY: for each target its first run, and the runs, each a word
        # that it reads.
        ("pattern_of", np.uint64),
        ("weights_of", np.uint64),
        ("no_weights", np.uint64),
        ("first_run", np.uint64),
        ("runs", np.uint64),
        # ANY only: how many targets there are, and how many words each is.
        ("patterns", np.uint64),
        ("words", np.uint64),
        # Whether its source's spikes carry values, up to 255.
        ("graded", np.uint64),
        # With delays, else 0: how many steps of the source are kept. Then `place` is the connection's own, where the
        # spikes come late; `source_place` is the source's, `delays` in `tables` has each place's steps, and `waiting`
        # is where, of what is kept, its part begins.
        ("kept_steps", np.uint64),
        ("source_place", np.uint64),
        ("delays", np.uint64),
        ("waiting", np.uint64),
    ],
    align=True,
)
"""A connection of a layer."""

SOURCE = np.dtype([("feature", np.uint64), ("place", np.uint64), ("size", np.uint64)])
"""Spikes from outside: where among the features they stand, and where within a step's row."""
