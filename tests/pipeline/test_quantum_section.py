"""The circuits on the page: drawings and charts, read back with the standard library's parsers."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from shared.circuits import random_circuit
from spiq.export.circuit.circuit import Circuit, Gate, pauli_z
from spiq.export.circuit.qasm import to_openqasm3
from spiq.pipeline.report.charts.circuit import UndrawableError, circuit_drawing
from spiq.pipeline.report.charts.expectations import expectation_chart
from spiq.pipeline.report.charts.shots import shots_chart
from spiq.pipeline.report.page import render
from spiq.pipeline.validation.analysis.accuracy_by_shots import AccuracyAtShots, AccuracyByShots
from spiq.pipeline.validation.analysis.quantum import Measured, MeasuredObservable, Point, QuantumHalf
from spiq.pipeline.validation.report import Gate as LadderGate
from spiq.pipeline.validation.report import Report

CIRCUIT = Circuit(
    2,
    ("u", "a_long_name"),
    (
        Gate("h", (0,)),
        Gate("rx", (0,), 0.25, ((0, 1.0),)),
        Gate("rz", (1,), -0.5),
        Gate("ry", (1,), 0.125, ((0, 0.75), (1, -1.5))),
        Gate("cz", (0, 1)),
        Gate("sdg", (1,)),
    ),
    (pauli_z(0), pauli_z(1)),
)
PROGRAM = to_openqasm3(CIRCUIT)
MEASURED = Measured(
    rung="shots",
    samples=40,
    shots=100,
    observables=[
        MeasuredObservable(
            observable="Z0",
            bound=1.0,
            is_string=True,
            mean_error=-0.00123,
            rms_error=0.0456,
            largest_error=0.1234,
            shot_error=0.0432,
        ),
        MeasuredObservable(
            observable="Z0 + Z1",
            bound=2.0,
            is_string=False,
            mean_error=0.002,
            rms_error=0.05,
            largest_error=0.2,
            shot_error=0.0777,
        ),
    ],
    points=[
        Point(observable=0, exact=-1.0, measured=-1.0),
        Point(observable=0, exact=0.5, measured=0.4),
        Point(observable=1, exact=1.5, measured=1.5),
    ],
)
HALF = QuantumHalf(
    stage="head",
    qubits=2,
    inputs=2,
    gates={"h": 1, "sdg": 1, "rx": 1, "ry": 1, "rz": 1, "cz": 1},
    two_qubit_gates=1,
    depth=4,
    observables=2,
    program=PROGRAM,
    measured=[MEASURED],
)
BY_SHOTS = AccuracyByShots(
    samples=40,
    exact=0.95,
    measured=[
        AccuracyAtShots(shots=16, accuracy=0.8, interval=(0.65, 0.9)),
        AccuracyAtShots(shots=256, accuracy=0.9, interval=(0.77, 0.96)),
        AccuracyAtShots(shots=4096, accuracy=0.95, interval=(0.83, 0.99)),
    ],
)


def page(*circuits: QuantumHalf, found: AccuracyByShots | None = BY_SHOTS) -> str:
    return render(
        Report(
            name="quantum",
            data="digits",
            parameters=None,
            steps=8,
            qubits=2,
            shots=256,
            seed=0,
            rungs=[],
            gate=LadderGate(max_accuracy_drop=0.1, accuracy_drop=None, passed=True),
            training=[],
            circuits=list(circuits),
            accuracy_by_shots=found,
            versions={},
            machine="",
        )
    )


def words(svg: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in svg.iter("text")]


def test_a_drawing_has_every_gate_and_qubit() -> None:
    svg = ElementTree.fromstring(circuit_drawing(PROGRAM, "circuit-0", "The circuit", "2 qubits"))
    assert [element.text for element in svg[:2]] == ["The circuit", "2 qubits"]
    assert svg.attrib["aria-labelledby"] == "circuit-0-title circuit-0-desc"
    # The angle of ry is too long to be written out.
    expected = ["q0", "q1", "H", "RX", "0.25 + u", "RZ", "−0.5", "RY", "f(a_long_name, u)", "S†"]
    assert sorted(words(svg)) == sorted(expected)
    # The angles of two gates read an input.
    assert len([path for path in svg.iter("path") if "fill-data" in path.attrib["class"]]) == 2


def test_any_circuit_is_drawn_within_its_frame() -> None:
    random = np.random.default_rng(3)
    circuit = random_circuit(random, products=True, least_inputs=2)
    while len(circuit.gates) < 20:
        circuit = random_circuit(random, products=True, least_inputs=2)
    svg = ElementTree.fromstring(circuit_drawing(to_openqasm3(circuit), "c", "t", "d"))
    left, top, width, height = map(float, svg.attrib["viewBox"].split())
    named = {"rx": "RX", "ry": "RY", "rz": "RZ", "sx": "√X", "tdg": "T†", "h": "H", "t": "T", "y": "Y"}
    for gate, name in named.items():
        assert words(svg).count(name) == sum(one.name == gate for one in circuit.gates)
    for text in svg.iter("text"):
        assert left <= float(text.attrib["x"]) <= left + width
        assert top <= float(text.attrib["y"]) <= top + height


def test_a_drawing_needs_nothing_else_and_is_the_same_every_time() -> None:
    drawn = circuit_drawing(PROGRAM, "c", "<script>", 'a"b&c')
    circuit_drawing.cache_clear()
    assert circuit_drawing(PROGRAM, "c", "<script>", 'a"b&c') == drawn
    svg = ElementTree.fromstring(drawn)
    assert {element.tag for element in svg.iter()} == {"svg", "title", "desc", "path", "text"}
    names = {name for element in svg.iter() for name in element.attrib}
    assert names <= {
        *("class", "role", "aria-labelledby", "viewBox", "width", "id"),
        *("d", "x", "y", "stroke-width", "font-size", "text-anchor"),
    }
    assert not re.search("http|url|<!|<script", drawn)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("", "its program cannot be read"),
        ("OPENQASM 3.0; nonsense", "its program cannot be read"),
        ('OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; c = measure q;', "it has no gate"),
        (f'OPENQASM 3.0; include "stdgates.inc"; qubit q; {"h q; " * 401}', "that size, 401 gates and 1 qubit"),
        ('OPENQASM 3.0; include "stdgates.inc"; qubit[31] q; h q;', "that size, 31 gates and 31 qubits"),
        ('OPENQASM 3.0; include "stdgates.inc"; qubit[99999] q; h q;', "must have at most 64 qubits, got 99999"),
    ],
)
def test_what_cannot_be_drawn_says_why(program: str, why: str) -> None:
    with pytest.raises(UndrawableError, match=why):
        circuit_drawing(program, "c", "t", "d")


def test_the_section_shows_every_circuit() -> None:
    device = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; sx $3; rz(0.5) $3; cz $3, $4; c[0] = measure $3;'
    large = HALF.model_copy(update={"stage": "large", "program": None, "measured": [], "unmeasured": {"shots": "why"}})
    html = page(HALF, HALF.model_copy(update={"stage": "other", "transpiled": device}), large)
    section = html[html.index('<section id="quantum"') : html.index('<section id="training"')]
    ids = re.findall(r'id="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    svgs = [ElementTree.fromstring(svg) for svg in re.findall("<svg.*?</svg>", section, re.DOTALL)]
    assert [svg.attrib["class"] for svg in svgs] == [
        *("circuit-drawing", "chart"),
        *("circuit-drawing", "circuit-drawing", "chart"),
        "chart",
    ]
    assert "√X" in words(svgs[3])
    text = " ".join(re.sub("<[^>]*>", " ", section).split())
    assert "The circuit is not drawn: nobody could read a drawing of that size." in text
    assert "Its gates are 1 h, 1 sdg, 1 rx, 1 ry, 1 rz, 1 cz." in text
    assert "On the rung shots the circuit is not held against exact values: why." in text
    for row in ("Z0 −0.0012 0.0456 0.0432 0.1234", "Z0 + Z1 +0.0020 0.0500 ≤ 0.0777 0.2000"):
        assert row in text
    assert "256 90.00% 77.00% – 96.00%" in text


def test_without_a_circuit_there_is_no_section() -> None:
    assert 'id="quantum"' not in page(found=None)


def test_the_reason_stands_where_the_accuracy_would() -> None:
    html = page(HALF, found=AccuracyByShots(samples=0, unmeasured="Aer was killed"))
    assert "The accuracy was not measured with other numbers of shots: Aer was killed." in html


def test_a_pair_lies_where_the_axes_say() -> None:
    chart = ElementTree.fromstring(expectation_chart(MEASURED, "e") or "")
    (diagonal,) = [
        one for one in chart.iter("line") if one.attrib["class"] == "diagonal" and one.attrib["y1"] != "12.0"
    ]
    ends = {end: float(diagonal.attrib[end]) for end in ("x1", "y1", "x2", "y2")}
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in chart.iter("circle")]
    found = [
        (
            -1 + 2 * (x - ends["x1"]) / (ends["x2"] - ends["x1"]),
            -1 + 2 * (y - ends["y1"]) / (ends["y2"] - ends["y1"]),
        )
        for x, y in dots
    ]
    assert np.array(found) == pytest.approx(np.array([(-1, -1), (0.5, 0.4), (0.75, 0.75)]), abs=2e-3)
    (band,) = chart.iter("polygon")
    edge = np.array([tuple(map(float, point.split(","))) for point in band.attrib["points"].split()])
    # At 0 the band is 2 / √100 to either side.
    middle = edge[np.abs(edge[:, 0] - (ends["x1"] + ends["x2"]) / 2) < 1][:, 1]
    assert -1 + 2 * (middle - ends["y1"]) / (ends["y2"] - ends["y1"]) == pytest.approx([0.2, -0.2], abs=2e-3)


def test_shots_lie_on_a_logarithmic_scale() -> None:
    chart = ElementTree.fromstring(shots_chart(BY_SHOTS, 256) or "")
    places = [float(dot.attrib["cx"]) for dot in chart.iter("circle")]
    # Each is 16 times the one before.
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)
    assert [text.text for text in chart.iter("text") if "own" in text.attrib["class"]] == ["256"]
    assert shots_chart(AccuracyByShots(samples=0), 256) is None
