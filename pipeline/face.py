"""What `import spiq` offers: the few calls that a notebook needs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..export.bundle.bundle import Bundle
from ..export.bundle.folder import open_bundle
from ..export.coding import Coding
from ..export.errors import InputError
from ..export.network.decoding import Decode, Decoding
from ..export.network.trace import Trace
from ..hardware.network.cosimulation import check_samples, cosimulate
from ..hardware.network.verification import Check
from ..hardware.network.verification import verify as checks_of
from ..hardware.registry import devices
from .models.own_network import OwnNetwork


def network(
    encoder: nn.Module,
    circuit: Any = None,
    readout: nn.Module | None = None,
    coding: str | Coding | None = "phase",
    steps: int = 8,
    decode: Decoding | Decode = "rate",
    input_shape: Sequence[int] = (1, 28, 28),
    weights: Mapping[str, Any] | None = None,
    inputs: Any = None,
    observables: Sequence[Any] | None = None,
    seed: int = 0,
) -> OwnNetwork:
    """A network of your own: encoder, circuit and readout in a row.

    The samples become spikes, the encoder runs them, its output spikes become numbers, and these go to the circuit as
    one vector. Several branches are built with `spiq.OwnNetwork`.

    Args:
        encoder: Stock PyTorch layers and snnTorch neurons.
        circuit: A PennyLane QNode or TorchLayer, a Qiskit QuantumCircuit, a text in OpenQASM, or a spiq Circuit. May be
            left out.
        readout: Any module without a state that ONNX can hold. May be left out.
        coding: How samples become spikes: "phase", "rate", "latency" or a Coding; None for samples that are spikes.
        steps: Time steps of the spikes.
        decode: How output spikes become numbers: "rate" (spikes per step), "count", "first_spike", or a Decode with
            scale, offset and windows.
        input_shape: Of one sample.
        weights: The other arguments of a QNode, by name (`models.own_circuit`).
        inputs: Which parameters of a QuantumCircuit are inputs, in their order.
        observables: What is measured, if the circuit does not say it.
        seed: Of a random coding.

    Returns:
        The network; its method `export` writes the bundle.

    Raises:
        InputError: Something cannot be deployed; the stage and the layer or gate are named.

    Example:
        network = spiq.network(encoder, qnode, readout, coding="phase", steps=8, input_shape=(1, 8, 8))
        bundle = network.export("mine/other", calibration=x_train, golden=(x_test[:8], y_test[:8]))
    """
    made = OwnNetwork(input_shape, steps if coding is None else None)
    last = made.spiking(encoder, "input" if coding is None else made.encode(coding, steps, seed))
    last = made.decode(decode, last)
    if circuit is not None:
        last = made.circuit(circuit, last, weights=weights, inputs=inputs, observables=observables)
    if readout is not None:
        made.classical(readout, last)
    return made


def cosim(
    bundle: Bundle | Path | str,
    samples: Any,
    snn: str = "loihi",
    qpu: str = "exact",
    shots: int | None = None,
    seed: int | None = None,
) -> Trace:
    """Both halves together, on the devices of these names.

    Args:
        bundle: A bundle, or the folder of a bundle or a run.
        samples: Arrays or tensors, as the network reads them: values `[sample, *shape]` or spikes `[time, sample,
            *shape]`.
        snn: The spiking device; `spiq devices` lists them.
        qpu: The quantum device.
        shots: Measurements of each basis per sample. Default: exact values.
        seed: Of the shots. Default: the bundle's.

    Returns:
        Every value by its stage; `trace.predictions` are the classes.

    Raises:
        InputError: There is no such bundle or device, or the samples do not fit the network.
        DeviceError: A device failed.

    Example:
        spiq.cosim("mine/bundle", x_test, snn="loihi", qpu="aer", shots=128).predictions
    """
    from .terminal.progress import sample_bars

    opened = _opened(bundle)
    values = as_samples(opened, samples)
    count = check_samples(opened.network, values)
    with sample_bars() as watch:
        on = devices(opened, snn, qpu, seed)
        return cosimulate(opened.network, on, values, shots, lambda done: watch(snn, done, count))


def validate(
    bundle: Bundle | Path | str,
    samples: Any,
    labels: Any,
    trained: Any = None,
    shots: int | None = None,
    lava_samples: int | None = None,
    max_accuracy_drop: float | None = None,
    min_accuracy: float | None = None,
) -> "Validation":
    """Climb the ladder: what accuracy and spikes each step towards the hardware keeps.

    Args:
        bundle: A bundle, or the folder of a bundle or a run.
        samples: As the network reads them.
        labels: The true classes, `[sample]`.
        trained: The network in its own framework, for the rung of that name: what `spiq.network` gave.
        shots: Measurements per sample on the rung `shots`. This and the next three are keys of [ladder] and [gate] of a
            configuration, whose defaults hold.
        lava_samples: Samples on real Lava.
        max_accuracy_drop: How much accuracy the last rung may lose.
        min_accuracy: The least accuracy of the last rung.

    Returns:
        The report. It prints itself as a table, and shows itself as a page in a notebook.

    Raises:
        InputError: There is no such bundle, or samples and labels do not fit it.

    Example:
        found = spiq.validate("mine/bundle", x_test, y_test, shots=64)
        found.passed, found.report.rungs[-1].accuracy
    """
    from .config.schema import Gate, Ladder
    from .terminal.progress import sample_bars
    from .validation.ascent import Ascent
    from .validation.ladder import climb

    opened = _opened(bundle)
    ladder = Ladder(**_given(shots=shots, lava_samples=lava_samples))
    gate = Gate(**_given(max_accuracy_drop=max_accuracy_drop, min_accuracy=min_accuracy))
    ascent = Ascent(
        opened, as_samples(opened, samples), _array(labels), ladder, gate, trained, epochs=opened.manifest.epochs
    )
    with sample_bars() as watch:
        return Validation(climb(ascent, watch))


def verify(bundle: Bundle | Path | str) -> list[Check]:
    """Run the golden samples through every file of a bundle, and hold each answer against the stored one.

    Args:
        bundle: A bundle, or the folder of a bundle or a run.

    Returns:
        One check for each thing that was compared: file, difference found, difference allowed.

    Raises:
        InputError: There is no such bundle.

    Example:
        assert all(check.passed for check in spiq.verify("mine/bundle"))
    """
    return list(checks_of(_opened(bundle)))


class Validation:
    """A climbed ladder: `report` holds all of its figures."""

    def __init__(self, report: Any) -> None:
        self.report = report

    @property
    def passed(self) -> bool:
        """Whether the gate is passed."""
        return self.report.gate.passed

    def __repr__(self) -> str:
        from .report.table import report_text

        return report_text(self.report)

    def _repr_html_(self) -> str:
        from .report.page import embedded

        return embedded(self.report)


class Run(NamedTuple):
    """A run that is finished: its folder, its bundle and its report."""

    folder: Path
    bundle: Bundle
    report: Validation


def train(
    config: Path | str, out: Path | str | None = None, set: Mapping[str, Any] | None = None, replace: bool = False
) -> Run:
    """Train by a configuration, export, climb the ladder: what the command `spiq run` does.

    Args:
        config: A TOML file; `spiq config` lists its keys.
        out: The run's folder, which must be new unless `replace`. Default: runs/NAME.
        set: Values for keys of the configuration.
        replace: Replace what is in the folder.

    Returns:
        The folder, the bundle and the report.

    Raises:
        InputError: The configuration or the data cannot be used, or the folder is taken.

    Example:
        run = spiq.train("digits.toml", set={"training.epochs": 1})
        run.bundle, run.report
    """
    import sys

    from .config.file import load_config
    from .run.stages import whole_run

    def tell(note: str | None) -> None:
        if note is not None:
            print(f"spiq: {note}", file=sys.stderr)

    folder, report = whole_run(load_config(config, set), None if out is None else Path(out), replace, False, tell)
    return Run(folder, open_bundle(folder), Validation(report))


def as_samples(bundle: Bundle, samples: Any) -> np.ndarray:
    """Arrays or tensors as the network reads them. Raises InputError where they hold something else than numbers."""
    array = _array(samples)
    spikes = bundle.network.input.kind == "spikes"
    if array.dtype.kind not in ("iub" if spikes else "fiub"):
        raise InputError(f"the samples must be {'0 and 1' if spikes else 'numbers'}, got {array.dtype}")
    return array.astype(np.uint8 if spikes else np.float64)


def _opened(bundle: Bundle | Path | str) -> Bundle:
    if isinstance(bundle, Bundle):
        return bundle
    if not isinstance(bundle, str | Path):
        raise InputError(f"bundle must be a Bundle or the path of one, got a {type(bundle).__name__}")
    return open_bundle(bundle)


def _array(given: Any) -> np.ndarray:
    return np.asarray(given.detach().cpu() if isinstance(given, torch.Tensor) else given)


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
