"""The tables of `spiq inspect`: the numbers of `hardware/inspection/bundle.py` as text."""

from collections.abc import Iterator
from typing import Any

from ...export.bundle.epochs import Epochs, training_in_words
from .table_layout import Cell, Table

KIBIBYTE = 1024


def inspection_tables(found: dict[str, Any]) -> Iterator[Table]:
    """The stages; of each spiking one the layers, what they do on data and what it costs; circuits, files, versions."""
    yield _stages(found)
    for half in found["spiking"]:
        yield _layers(half)
        programmable = [layer for layer in half["layers"] if layer["programmable"]]
        if programmable:
            yield _programmable(programmable)
        yield quantization_table(half["quantization"])
        yield _activity(half)
        yield _neurobench(half)
        yield from _estimates(half)
    yield _network(found)
    for circuit in found["circuits"]:
        yield Table(f"circuit {circuit['stage']}", ("", ""), _pairs(circuit, ("stage",)))
    for key in ("left_out", "files", "versions"):
        if found[key]:
            yield Table(key.replace("_", " "), ("", ""), _pairs(found[key]))


def _stages(found: dict[str, Any]) -> Table:
    """The network's graph: each stage, what it reads and gives."""
    rows = [
        (name, stage["kind"], ", ".join(stage["reads"]), stage["gives"], _settings(stage))
        for name, stage in found["stages"].items()
    ]
    return Table(found["name"], ("stage", "kind", "reads", "gives", "settings"), rows)


def _settings(stage: dict[str, Any]) -> str:
    told = {key: value for key, value in stage.items() if key not in ("kind", "reads", "gives")}
    told |= told.pop("coding", {})
    return ", ".join(
        f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}" for key, value in told.items()
    )


def _pairs(values: dict[str, Any], without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in values.items() if name not in without]


def _layers(found: dict[str, Any]) -> Table:
    chip = found["chip"]
    rows: list[tuple[Cell, ...]] = [("input", "", "", "", "", "", "", str(chip["input_fan_out"]), "", "")]
    rows += [
        (
            layer["layer"],
            [_read(connection) for connection in layer["connections"]],
            *(str(layer[key]) for key in ("neurons", "synapses", "nonzero", "weight_bits", "fan_in", "fan_out")),
            f"{layer['synaptic_bytes'] / KIBIBYTE:.1f}",
            str(layer["cores"]),
        )
        for layer in found["layers"]
    ]
    sums = (str(chip[key]) for key in ("neurons", "synapses", "nonzero"))
    rows.append(("all", "", *sums, "", "", "", f"{chip['synaptic_bytes'] / KIBIBYTE:.1f}", str(chip["cores"])))
    title = f"spiking stage {found['stage']}; Loihi 2 chips: {chip['chips']}, of {chip['cores_a_chip']} neuro-cores"
    columns = ("layer", "reads", "neurons", "synapses", "not 0", "bits", "fan-in", "fan-out", "KB", "cores")
    return Table(title, columns, rows, ("bits", "not 0", "fan-in", "fan-out", "KB"))


def _programmable(layers: list[dict[str, Any]]) -> Table:
    """The layers whose neurons Lava's LIF cannot be."""
    rows = [(layer["layer"], ", ".join(layer["programmable"])) for layer in layers]
    return Table("need a programmable neuron: not for Loihi itself, nor for netx", ("layer", "why"), rows)


def _read(connection: dict[str, Any]) -> str:
    """Whose spikes it reads, and how many steps late if they are."""
    least, most = connection["delays"]
    steps = f"{least}" if least == most else f"{least} to {most}"
    return f"{connection['reads']}, {steps} late" if most else connection["reads"]


def quantization_table(layers: list[dict[str, Any]]) -> Table:
    """What each layer lost in the chip's 8 bits (`spiq.hardware.loihi.lowering.losses`)."""
    rows = [
        (
            layer["layer"],
            *(str(layer[key]) for key in ("weights", "zeroed", "neurons", "silenced")),
            f"{layer['range_used']:.0%}",
        )
        for layer in layers
    ]
    columns = ("layer", "weights not 0", "became 0", "neurons that fire", "can no longer", "range used")
    return Table("what 8 bits took", columns, rows)


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


def _neurobench(found: dict[str, Any]) -> Table:
    """NeuroBench's metrics of the graph in floating point."""
    values = found["neurobench"]
    operations = values["synaptic_operations"]
    rows = [
        ("footprint", f"{values['footprint_bytes'] / KIBIBYTE:,.1f} KB"),
        ("connection sparsity", f"{values['connection_sparsity']:.4f}"),
        ("activation sparsity", f"{values['activation_sparsity']:.4f}"),
        ("synaptic operations, dense", f"{operations['dense']:,.1f}"),
        ("effective, as accumulates", f"{operations['effective_acs']:,.1f}"),
        ("effective, as multiply-accumulates", f"{operations['effective_macs']:,.1f}"),
        ("membrane updates", f"{values['membrane_updates']:,.1f}"),
    ]
    title = f"NeuroBench's metrics in floating point; operations and updates per sample, of {values['samples']}"
    return Table(title, ("", ""), rows)


def _estimates(found: dict[str, Any]) -> Iterator[Table]:
    """What each model of energy says of a sample, and where each has its figures from."""
    least, most = (
        f"{_nanojoules(value)} ({model})"
        for value, model in zip(found["energy_range_pj"], found["energy_range_models"], strict=True)
    )
    rows = [
        (
            estimate["model"],
            estimate["chip"],
            _nanojoules(estimate["energy_pj"]),
            "" if estimate["time_us"] is None else f"{estimate['time_us']:,.1f}",
            estimate["basis"],
        )
        for estimate in found["estimates"]
    ]
    columns = ("model", "chip", "nJ per sample", "µs per sample", "its figures")
    yield Table(f"estimates: {least} to {most} nJ per sample", columns, rows)
    sources = [(estimate["model"], estimate["source"]) for estimate in found["estimates"]]
    yield Table(
        "where the figures are published; docs/costs.md says what each leaves out", ("model", "source"), sources
    )


def _nanojoules(picojoules: float) -> str:
    value = picojoules / 1000
    return f"{value:,.2f}" if value >= 1 else f"{value:.3g}"


def _network(found: dict[str, Any]) -> Table:
    white, epochs = found["pixel_range"], found["epochs"]
    rows = [
        ("data", found["data"]),
        ("integer pixels", "not known what white is" if white is None else f"0 to {white}"),
        ("training", training_in_words(None if epochs is None else Epochs(**epochs))),
    ]
    return Table("network", ("", ""), rows)
