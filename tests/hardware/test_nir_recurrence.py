"""Recurrent groups in the float runtime, against a second transcription of the equations.

Every number is a multiple of a power of two: all sums are exact, in any order.
"""

from typing import NamedTuple

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.nir.graph import resolve
from spiq.hardware.runtime.nir_runtime import NirRuntime

STEPS, SAMPLES = 7, 2
DT = 2.0**-10
THRESHOLD = 1.0


class Wiring(NamedTuple):
    """A flat graph, and which of its edges are delayed: said where the edge is made."""

    nodes: dict[str, nir.NIRNode]
    edges: list[tuple[str, str]]
    delayed: set[tuple[str, str]]


def quarters(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.integers(-3, 5, shape) / 4


def neurons(kind: str, shape: tuple[int, ...]) -> nir.NIRNode:
    """dt/tau is 1/2 everywhere."""
    voltage = {"r": np.full(shape, 2.0), "v_leak": np.full(shape, 0.25)}
    spike = {"v_threshold": np.full(shape, THRESHOLD), "v_reset": np.full(shape, -0.25)}
    match kind:
        case "IF":
            return nir.IF(np.ones(shape), **spike)
        case "LIF":
            return nir.LIF(tau=np.full(shape, 2 * DT), **voltage, **spike)
        case _:
            tau = np.full(shape, 2 * DT)
            return nir.CubaLIF(tau_syn=tau, tau_mem=tau, w_in=np.full(shape, 2.0), **voltage, **spike)


def convolution(random: np.random.Generator, inside: int, outside: int) -> nir.Conv2d:
    weight, bias = quarters(random, outside, inside, 3, 3), quarters(random, outside)
    return nir.Conv2d(None, weight, 1, "same", 1, 1, bias)


def group(wiring: Wiring, name: str, before: str, shape: tuple[int, ...], random: np.random.Generator) -> str:
    """Append neurons that hear themselves in one way or none; returns their name."""
    nodes, edges, delayed = wiring
    neuron, weight = f"{name}.lif", f"{name}.w_rec"
    nodes[neuron] = neurons(str(random.choice(["IF", "LIF", "CubaLIF"])), shape)
    edges.append((before, neuron))
    way = random.choice(["none", "identity", "weights", "both", "two", "fed"])
    if way in ("identity", "both"):
        edges.append((neuron, neuron))
        delayed.add((neuron, neuron))
    if way in ("none", "identity"):
        return neuron
    if len(shape) == 3:
        nodes[weight] = convolution(random, shape[0], shape[0])
    elif random.random() < 0.5:
        nodes[weight] = nir.Affine(quarters(random, *shape, *shape), quarters(random, *shape))
    else:
        nodes[weight] = nir.Linear(quarters(random, *shape, *shape))
    edges.append((neuron, weight))
    delayed.add((neuron, weight))
    if way == "fed":
        edges.append((before, weight))
    if way == "two":
        nodes[f"{name}.scale"] = nir.Scale(quarters(random, *shape))
        edges += [(weight, f"{name}.scale"), (f"{name}.scale", neuron)]
    else:
        edges.append((weight, neuron))
    return neuron


def network(random: np.random.Generator) -> tuple[Wiring, tuple[int, ...]]:
    """Perhaps a convolution and maps that are recurrent; then dense layers, some recurrent, some with a short cut."""
    wiring = Wiring({}, [], set())
    nodes, edges, _ = wiring
    shape: tuple[int, ...] = (2, 3, 3) if random.random() < 0.5 else (4,)
    inside, last, features = shape, "input", 4
    if len(shape) == 3:
        nodes["conv"] = convolution(random, 2, 2)
        edges.append((last, "conv"))
        last = group(wiring, "maps", "conv", shape, random)
        nodes["flat"] = nir.Flatten({"input": np.array(shape)}, 0, -1)
        edges.append((last, "flat"))
        last, features = "flat", int(np.prod(shape))
    for number in range(random.integers(1, 4)):
        size = int(random.integers(1, 5))
        nodes[f"fc{number}"] = nir.Affine(quarters(random, size, features), quarters(random, size))
        edges.append((last, f"fc{number}"))
        last = group(wiring, f"layer{number}", f"fc{number}", (size,), random)
        if random.random() < 0.3:
            nodes[f"sum{number}"] = nir.Scale(np.full(size, 0.5))
            edges += [(last, f"sum{number}"), (f"fc{number}", f"sum{number}")]
            last = f"sum{number}"
        features = size
    edges.append((last, "output"))
    return wiring, inside


def bordered(
    nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]], inside: tuple[int, ...], random: np.random.Generator
) -> nir.NIRGraph:
    """The graph, its nodes and edges in any order."""
    whole = {**nodes, "input": nir.Input(np.array(inside)), "output": nir.Output(None)}  # type: ignore[arg-type]
    keys = random.permutation(len(whole))
    names = list(whole)
    shuffled = [edges[index] for index in random.permutation(len(edges))]
    return nir.NIRGraph({names[key]: whole[names[key]] for key in keys}, shuffled, type_check=False)


def in_subgraphs(wiring: Wiring, inside: tuple[int, ...], random: np.random.Generator) -> nir.NIRGraph:
    """The same with each group, all that is named `group.*`, as a graph within the graph."""

    def outer(name: str) -> str:
        return name.split(".")[0]

    nodes: dict[str, nir.NIRNode] = {}
    for name, node in wiring.nodes.items():
        if "." not in name:
            nodes[name] = node
            continue
        own = {key.split(".")[1]: value for key, value in wiring.nodes.items() if outer(key) == outer(name)}
        edges = []
        for source, target in wiring.edges:
            if outer(name) in (outer(source), outer(target)):
                start = source.split(".")[1] if outer(source) == outer(name) else "input"
                edges.append((start, target.split(".")[1] if outer(target) == outer(name) else "output"))
        shape = np.shape(own["lif"].v_threshold)  # type: ignore[attr-defined]
        nodes[outer(name)] = bordered(own, list(dict.fromkeys(edges)), shape, random)
    edges = dict.fromkeys((outer(source), outer(target)) for source, target in wiring.edges)
    return bordered(nodes, [edge for edge in edges if len(set(edge)) == 2], inside, random)


class Plain:
    """The equations in plain Python, asked backwards: what does this node give at that step, for one sample?"""

    def __init__(self, wiring: Wiring, x: np.ndarray) -> None:
        self.wiring, self.x = wiring, x
        self.given: dict[tuple[str, int], np.ndarray] = {}
        self.state: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = {}

    def gives(self, name: str, step: int) -> np.ndarray:
        if name == "input":
            return self.x[step].astype(float)
        if (name, step) not in self.given:
            self.given[name, step] = self.computed(name, step)
        return self.given[name, step]

    def reads(self, name: str, step: int) -> np.ndarray:
        total: np.ndarray = np.zeros(())
        for source, target in self.wiring.edges:
            if target == name and (source, target) not in self.wiring.delayed:
                total = total + self.gives(source, step)
            elif target == name and step > 0:
                total = total + self.gives(source, step - 1)
            elif target == name:
                total = total + np.zeros(np.shape(self.wiring.nodes[source].v_threshold))  # type: ignore[attr-defined]
        return total

    def computed(self, name: str, step: int) -> np.ndarray:
        x = self.reads(name, step)
        node = self.wiring.nodes.get(name)
        match node:
            case None:
                return x
            case nir.Flatten():
                return np.array([value for plane in x for row in plane for value in row])
            case nir.Scale():
                return x * node.scale
            case nir.Linear() | nir.Affine():
                out = getattr(node, "bias", np.zeros(len(node.weight))).copy()
                for row, column in np.ndindex(node.weight.shape):
                    out[row] += node.weight[row, column] * x[column]
                return out
            case nir.Conv2d():
                out = np.zeros((len(node.weight), *x.shape[1:]))
                for o, row, column in np.ndindex(out.shape):
                    out[o, row, column] = node.bias[o]
                    for i, dy, dx in np.ndindex(node.weight.shape[1:]):
                        y, z = row + dy - 1, column + dx - 1
                        if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
                            out[o, row, column] += node.weight[o, i, dy, dx] * x[i, y, z]
                return out
        return self.fires(name, node, x, step)

    def fires(self, name: str, node: nir.NIRNode, x: np.ndarray, step: int) -> np.ndarray:
        rest = np.full(x.shape, 0.0 if isinstance(node, nir.IF) else 0.25)
        if step > 0:
            self.gives(name, step - 1)
        i, v = self.state[name, step - 1] if step > 0 else (np.zeros(x.shape), rest)
        if isinstance(node, nir.IF):
            v = v + x
        else:
            if isinstance(node, nir.CubaLIF):
                i = i + 0.5 * (2 * x - i)
                x = i
            v = v + 0.5 * (0.25 - v + 2 * x)
        out = np.zeros(v.shape)
        for index in np.ndindex(v.shape):
            if v[index] > THRESHOLD:
                out[index], v[index] = 1.0, -0.25
        self.state[name, step] = i, v
        return out


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**31))
def test_a_recurrent_network_follows_its_equations_flat_and_in_subgraphs(seed: int) -> None:
    random = np.random.default_rng(seed)
    wiring, inside = network(random)
    x = (random.random((STEPS, SAMPLES, *inside)) < 0.5).astype(np.uint8)
    flat = resolve(bordered(wiring.nodes, wiring.edges, inside, random), dt=DT, integration="per-step")
    assert {(source, node.name) for node in flat.nodes for source in node.delayed} == wiring.delayed
    found = NirRuntime(flat).trace(x)
    for sample in range(SAMPLES):
        plain = Plain(wiring, x[:, sample])
        for name in (*wiring.nodes, "output"):
            expected = [plain.gives(name, step) for step in range(STEPS)]
            assert np.array_equal(found[name][:, sample], expected), name
    nested = NirRuntime(resolve(in_subgraphs(wiring, inside, random), dt=DT, integration="per-step")).trace(x)
    assert nested.keys() == found.keys()
    assert all(np.array_equal(nested[name], found[name]) for name in found)


def test_weights_hear_the_step_before_and_their_bias_acts_at_once() -> None:
    """One neuron with threshold 1: bias 1/2 a step, and -1 for a spike one step before."""
    nodes = {
        "n": nir.IF(np.ones(1), np.full(1, 0.75)),
        "w": nir.Affine(np.full((1, 1), -1.0), np.full(1, 0.5)),
        "input": nir.Input(np.array([1])),
        "output": nir.Output(None),
    }
    graph = nir.NIRGraph(nodes, [("input", "n"), ("n", "output"), ("n", "w"), ("w", "n")], type_check=False)
    x = np.array([0, 0, 0, 1, 1], np.uint8)[:, None, None]
    trace = NirRuntime(resolve(graph)).trace(x)
    # v: 0.5; 1 → 0; -0.5; -0.5 + 1.5 = 1 → 0; 0 + 1 - 0.5 = 0.5
    assert trace["n"].ravel().tolist() == [0, 1, 0, 1, 0]
    assert trace["w"].ravel().tolist() == [0.5, 0.5, -0.5, 0.5, -0.5]


def test_every_sample_starts_from_silence_however_samples_are_chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    wiring = Wiring({}, [], set())
    wiring.nodes["w"] = nir.Affine(np.full((3, 3), 0.25), np.full(3, 0.5))
    wiring.nodes["n"] = neurons("LIF", (3,))
    edges = [("input", "n"), ("n", "w"), ("w", "n"), ("n", "n"), ("n", "output")]
    resolved = resolve(bordered(wiring.nodes, edges, (3,), random), dt=DT, integration="per-step")
    x = (random.random((9, 11, 3)) < 0.5).astype(np.uint8)
    whole = NirRuntime(resolved).run(x)
    assert whole.any()
    monkeypatch.setattr("spiq.hardware.runtime.nir_runtime.CHUNK_VALUES", 60)
    assert np.array_equal(NirRuntime(resolved).run(x), whole)
    assert NirRuntime(resolved).run(x[:, :0]).shape == (9, 0, 3)
