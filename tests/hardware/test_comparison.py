"""The first difference between two devices, against a plain search."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.errors import InputError
from spiq.hardware.network.comparison import Comparison, Difference, compare


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), flips=st.integers(0, 4))
def test_first_difference_and_counts(seed: int, flips: int):
    random = np.random.default_rng(seed)
    shapes = {"conv": (3, 4, 2, 2, 2), "pool": (3, 4, 2, 1, 1), "dense": (3, 4, 5)}
    ours = {name: random.integers(0, 2, shape).astype(np.uint8) for name, shape in shapes.items()}
    other = {name: layer.copy() for name, layer in ours.items()}
    for _ in range(flips):
        layer = other[str(random.choice(list(shapes)))]
        place = tuple(int(random.integers(size)) for size in layer.shape)
        layer[place] ^= 1
    expected = []
    for sample, step in product(range(4), range(3)):
        for name in shapes:
            one, two = ours[name][step, sample].ravel(), other[name][step, sample].ravel()
            expected += [
                Difference(sample, step, name, int(neuron)) for neuron in range(len(one)) if one[neuron] != two[neuron]
            ]
    found = compare(ours, other)
    assert found.first == (expected[0] if expected else None)
    assert found.mismatches == {name: sum(difference.layer == name for difference in expected) for name in shapes}


def test_only_common_layers_are_compared():
    spikes = np.zeros((2, 1, 3), np.uint8)
    assert compare({"a": spikes, "b": spikes}, {"b": spikes}) == Comparison({"b": 0}, None)
    with pytest.raises(InputError, match="both must have a layer in common, got a and b"):
        compare({"a": spikes}, {"b": spikes})


def test_shapes_must_fit():
    with pytest.raises(
        InputError, match=r"a: \[time, sample, neuron\] must be alike, got \[2, 1, 3\] here and \[2, 1, 4\] there"
    ):
        compare({"a": np.zeros((2, 1, 3), np.uint8)}, {"a": np.zeros((2, 1, 4), np.uint8)})
