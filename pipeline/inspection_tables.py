"""The tables of `spiq inspect`: the numbers of `spiq.hardware.inspection` as text, narrow enough for 100 columns."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

KIBIBYTE = 1024


class Table(NamedTuple):
    """A title, its columns, its rows of text; a cell may have several lines."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str | list[str], ...]]


def inspection_tables(found: dict[str, Any]) -> Iterator[Table]:
    """The layers, what they do on data, what that costs, then circuit, files and versions."""
    yield _layers(found)
    yield _activity(found)
    yield _estimate(found)
    for key in ("circuit", "files", "versions"):
        yield Table(key, ("", ""), [(name, str(value)) for name, value in found[key].items()])


def _layers(found: dict[str, Any]) -> Table:
    coding, chip = found["coding"], found["chip"]
    inputs = " × ".join(map(str, found["image_shape"]))
    rows: list[tuple[str | list[str], ...]] = [
        ("input", "", inputs, "", "", "", "", str(chip["input_fan_out"]), "", "")
    ]
    rows += [
        (
            layer["layer"],
            layer["reads"],
            *(str(layer[key]) for key in ("neurons", "synapses", "nonzero", "weight_bits", "fan_in", "fan_out")),
            f"{layer['synaptic_bytes'] / KIBIBYTE:.1f}",
            str(layer["cores"]),
        )
        for layer in found["layers"]
    ]
    sums = (str(chip[key]) for key in ("neurons", "synapses", "nonzero"))
    rows.append(("all", "", *sums, "", "", "", f"{chip['synaptic_bytes'] / KIBIBYTE:.1f}", str(chip["cores"])))
    title = (
        f"{found['name']}: spiking half, T = {coding['steps']}, {coding['kind']} coding; "
        f"Loihi 2 chips: {chip['chips']}, of {chip['cores_a_chip']} neuro-cores"
    )
    columns = ("layer", "reads", "neurons", "synapses", "not 0", "bits", "fan-in", "fan-out", "KB", "cores")
    return Table(title, columns, rows)


def _activity(found: dict[str, Any]) -> Table:
    activity = found["activity"]
    rows = [("input", f"{activity['input_spikes']:.1f}", "", "")]
    rows += [
        (
            layer["layer"],
            f"{layer['spikes']:.1f}",
            f"{layer['spikes_a_neuron_and_step']:.4f}",
            f"{layer['synaptic_operations']:.1f}",
        )
        for layer in activity["layers"]
    ]
    rows.append(("all", f"{activity['spikes']:.1f}", "", f"{activity['synaptic_operations']:.1f}"))
    title = f"a sample, the mean of {activity['samples']}: {activity['measured_on']}"
    return Table(title, ("layer", "spikes", "a neuron and step", "synaptic operations"), rows)


def _estimate(found: dict[str, Any]) -> Table:
    cost = found["estimate"]
    rows = [
        (name, f"{cost[key] / 1000:,.1f} nJ")
        for name, key in (
            ("synaptic operations", "operations_pj"),
            ("neuron updates", "neuron_updates_pj"),
            ("spikes", "spikes_pj"),
            ("energy", "energy_pj"),
        )
    ]
    rows += [
        (name, f"{cost[key]:,.1f} µs")
        for name, key in (("computing", "computing_us"), ("barriers", "barrier_us"), ("time", "time_us"))
    ]
    rows += [("figures", cost["source"]), ("left out", cost["left_out"])]
    return Table("an estimate, not measured", ("", "a sample"), rows)
