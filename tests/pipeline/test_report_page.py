"""The report's page, read back with the standard library's HTML and XML parsers."""

import math
import re
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spiq.pipeline.report.charts.plot import scale
from spiq.pipeline.report.page import render
from spiq.pipeline.validation.report import Gate, Report
from spiq.pipeline.validation.rung import Rung

VOID = {"meta", "br", "hr", "img", "input", "link"}
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "p", "span"),
    *("dl", "div", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure"),
    *("svg", "desc", "g", "line", "circle", "polyline", "text"),
}

RUNGS = [
    Rung(name="trained", samples=400, accuracy=0.9525, interval=(0.9271, 0.9694), seconds=1.25),
    Rung(
        name="nir",
        samples=400,
        accuracy=0.95,
        interval=(0.9240, 0.9674),
        agreement=0.9975,
        spike_mismatches=137,
        seconds=3.5,
    ),
    Rung(name="lava", skipped="real Lava is not here"),
    Rung(
        name="qasm",
        samples=400,
        accuracy=0.9475,
        interval=(0.921, 0.9654),
        agreement=1.0,
        max_error=3.4e-15,
        seconds=14.2,
    ),
]
TRAINING: list[dict[str, float | None]] = [
    {"loss": 1.2345, "accuracy": 0.6125, "validation": 0.5875},
    {"loss": 0.4321, "accuracy": 0.9175, "validation": None},
]


def report(**changes: object) -> Report:
    fields = {
        "name": "ladder-run",
        "data": "digits",
        "parameters": 2531,
        "steps": 8,
        "qubits": 9,
        "shots": 1024,
        "seed": 77,
        "rungs": RUNGS,
        "gate": Gate(max_accuracy_drop=0.03, accuracy_drop=0.005, passed=True),
        "training": TRAINING,
        "versions": {"torch": "2.13.0", "qiskit-aer": "0.17.9"},
        "machine": "2 cores, x86_64, Python 3.11.9",
    }
    return Report.model_validate({**fields, **changes})


class Page(HTMLParser):
    """Elements with their attributes and the text inside them; raises where an element is not closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(html)
        self.close()
        if self.open:
            raise ValueError(f"not closed: {self.open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        opened = self.open.pop()[0]
        if opened != tag:
            raise ValueError(f"<{opened}> is closed by </{tag}>")

    def handle_data(self, data: str) -> None:
        for _, _, text in self.open:
            text.append(data)

    def named(self, tag: str, css: str = "") -> list[str]:
        """The texts of the elements of that tag and class."""
        return [
            "".join(text) for name, attrs, text in self.elements if name == tag and css in (attrs.get("class") or "")
        ]


def charts(html: str) -> list[ElementTree.Element]:
    """The page's SVGs. Raises ParseError where one is no XML."""
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def rows(page: Page) -> list[list[str]]:
    """The ladder table's rows."""
    found: list[list[str]] = []
    for tag, attrs, text in page.elements:
        if tag == "table" and found:
            break
        if tag == "tr":
            found.append([])
        if tag in ("th", "td") and (tag == "td" or attrs.get("scope") == "row"):
            found[-1].append("".join(text))
    return found[1:]


def test_every_figure_is_on_the_page() -> None:
    page = Page(render(report()))
    assert [row[0] for row in rows(page)] == ["trained", "nir", "lava", "qasm"]
    assert rows(page)[1][3:] == ["400", "95.00%", "92.40% – 96.74%", "99.75%", "137", "", "3.5"]
    assert rows(page)[3][3:] == ["400", "94.75%", "92.10% – 96.54%", "100.00%", "", "3.4e-15", "14.2"]
    text = "".join(page.named("body"))
    for figure in ("2531", "1024", "77", "digits", "1.2345", "58.75%", "91.75%", "0.17.9", "2 cores, x86_64"):
        assert figure in text
    assert page.named("h1") == ["ladder-run"]


def test_each_half_is_in_words() -> None:
    found = rows(Page(render(report())))
    assert found[0][1:3] == ["PyTorch, 64-bit floating point"] * 2
    assert "NIR" in found[1][1]
    assert "Loihi" in found[3][1]
    assert "Qiskit Aer, state vector" in found[3][2]


def test_every_column_is_explained() -> None:
    page = Page(render(report()))
    columns = ["".join(text) for tag, attrs, text in page.elements if tag == "th" and attrs.get("scope") == "col"]
    assert columns[:10] == page.named("dt")[6:]
    assert all(len(meaning) > 30 for meaning in page.named("dd")[6:])


def test_every_header_cell_says_what_it_heads() -> None:
    page = Page(render(report()))
    assert {attrs.get("scope") for tag, attrs, _ in page.elements if tag == "th"} == {"row", "col"}


def test_a_skipped_rung_shows_its_reason_and_is_grey() -> None:
    page = Page(render(report()))
    (skipped,) = page.named("tr", "skipped")
    assert "lava" in skipped
    assert "skipped: real Lava is not here" in skipped
    (chart, *_) = charts(render(report()))
    assert [text.text for text in chart.iter("text") if "skipped" in text.attrib["class"]] == ["lava", "skipped"]


@pytest.mark.parametrize(
    ("drop", "passed", "words"),
    [
        (0.005, True, "Gate passed: qasm lies 0.50 points under trained, a drop of 3.00 is allowed."),
        (0.0525, False, "Gate NOT passed: qasm lies 5.25 points under trained, a drop of 3.00 is allowed."),
        (-0.01, True, "Gate passed: qasm lies 1.00 points over trained, a drop of 3.00 is allowed."),
        (-1e-17, True, "Gate passed: qasm lies 0.00 points under trained, a drop of 3.00 is allowed."),
    ],
)
def test_the_gate_speaks_in_words_and_in_colour(drop: float, passed: bool, words: str) -> None:
    page = Page(render(report(gate=Gate(max_accuracy_drop=0.03, accuracy_drop=drop, passed=passed))))
    (shown,) = page.named("p", "verdict")
    assert words in shown
    assert page.named("p", "passed" if passed else "failed") == [shown]


def test_names_do_not_become_markup() -> None:
    bad = "</title></svg><script>alert(1)</script><b>&amp;\"'"
    rungs = [RUNGS[0].model_copy(update={"name": bad}), Rung(name=bad, skipped=bad)]
    html = render(report(name=bad, data=bad, rungs=rungs, versions={bad: bad}, machine=bad))
    page = Page(html)
    assert not page.named("script")
    assert not page.named("b")
    assert page.named("h1") == [bad]
    assert rows(page)[0][0] == bad
    assert bad in "".join(page.named("tr", "skipped"))
    assert len(charts(html)) == 3


def test_the_page_needs_nothing_else() -> None:
    html = render(report())
    page = Page(html)
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _, _ in page.elements}
    assert not {"src", "href", "xlink:href"} & {name for _, attrs, _ in page.elements for name in attrs}


def test_the_same_report_gives_the_same_page() -> None:
    assert render(report()) == render(Report.model_validate_json(report().text()))


def test_charts_have_a_title_and_a_description() -> None:
    html = render(report())
    ids = [attrs["id"] for _, attrs, _ in Page(html).elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for chart in charts(html):
        assert chart.attrib["role"] == "img"
        labels = chart.attrib["aria-labelledby"].split()
        assert labels == [chart[0].attrib["id"], chart[1].attrib["id"]]
        assert (chart[0].tag, chart[1].tag) == ("title", "desc")
        assert chart[1].text
    assert charts(html)[0][1].text == (
        "trained 95.25%, 92.71% – 96.94%; nir 95.00%, 92.40% – 96.74%; lava; qasm 94.75%, 92.10% – 96.54%"
    )


def resolved(chart: ElementTree.Element) -> tuple[float, float]:
    """Slope and offset of the vertical scale, read off the lowest and the highest tick's grid line and label."""
    lines = [float(line.attrib["y1"]) for line in chart.iter("line") if line.attrib["class"] in ("axis", "grid")]
    labels = [text.text or "" for text in chart.iter("text") if text.attrib["text-anchor"] == "end"]
    values = [float(label.rstrip("%")) / (100 if label.endswith("%") else 1) for label in labels]
    slope = (lines[-1] - lines[0]) / (values[-1] - values[0])
    assert slope < 0
    for y, value in zip(lines, values, strict=True):
        assert y == pytest.approx(lines[0] + slope * (value - values[0]), abs=0.2)
    return slope, lines[0] - slope * values[0]


def test_dots_and_error_bars_lie_where_the_axis_says() -> None:
    chart = charts(render(report()))[0]
    slope, offset = resolved(chart)
    marks = [mark for mark in chart.iter("g") if mark.find("circle") is not None]
    for rung, mark in zip([RUNGS[0], RUNGS[1], RUNGS[3]], marks, strict=True):
        circle, bar = mark.find("circle"), mark.find("line")
        assert circle is not None
        assert bar is not None
        assert rung.interval is not None
        assert (float(circle.attrib["cy"]) - offset) / slope == pytest.approx(rung.accuracy, abs=1e-3)
        ends = [(float(bar.attrib[end]) - offset) / slope for end in ("y1", "y2")]
        assert ends == pytest.approx(rung.interval, abs=1e-3)
    (gate,) = [line for line in chart.iter("line") if line.attrib["class"] == "gate" and line.attrib["y1"] != "12.0"]
    assert (float(gate.attrib["y1"]) - offset) / slope == pytest.approx(0.9225, abs=1e-3)


def test_curves_lie_where_the_axis_says() -> None:
    training = [
        {"loss": 2.0 / epoch, "accuracy": 1 - 0.8 / epoch, "validation": 0.9 - 0.8 / epoch} for epoch in range(1, 7)
    ]
    _, loss, accuracy = charts(render(report(training=training)))
    for chart, keys in ((loss, ["loss"]), (accuracy, ["accuracy", "validation"])):
        slope, offset = resolved(chart)
        for curve, key in zip(chart.iter("polyline"), keys, strict=True):
            heights = [float(point.split(",")[1]) for point in curve.attrib["points"].split()]
            values = [(y - offset) / slope for y in heights]
            assert values == pytest.approx([epoch[key] for epoch in training], abs=2e-3)


def test_without_validation_there_is_no_curve_of_it() -> None:
    _, _, accuracy = charts(render(report(training=[{"loss": 1.0, "accuracy": 0.5, "validation": None}] * 3)))
    assert len(list(accuracy.iter("polyline"))) == 1
    assert [text.text for text in accuracy.iter("text") if text.attrib["class"] == "legend"] == ["training accuracy"]


def test_a_loss_that_is_no_number_leaves_a_gap() -> None:
    losses = [1.0, 0.5, math.nan, 0.25, None, 0.125, math.inf]
    html = render(report(training=[{"loss": loss, "accuracy": 0.5, "validation": None} for loss in losses]))
    loss = charts(html)[1]
    assert [len(curve.attrib["points"].split()) for curve in loss.iter("polyline")] == [2, 1, 1]
    assert "nan" not in "".join(curve.attrib["points"] for curve in loss.iter("polyline"))
    assert "nan" in "".join(Page(html).named("details"))


def test_without_epochs_the_page_says_so() -> None:
    html = render(report(training=[]))
    assert len(charts(html)) == 1
    assert "No epoch is on record." in Page(html).named("p")


def test_without_a_measured_rung_the_page_says_so() -> None:
    html = render(report(rungs=[RUNGS[2]]))
    assert len(charts(html)) == 2
    assert "No rung was measured." in Page(html).named("p")
    assert "no rung was measured" in Page(html).named("p", "verdict")[0]


def test_characters_that_xml_forbids_are_replaced() -> None:
    html = render(report(name="a\x00b", rungs=[RUNGS[0].model_copy(update={"name": "x\x1by\uffff"})]))
    assert Page(html).named("h1") == ["a\ufffdb"]
    assert rows(Page(html))[0][0] == "x\ufffdy\ufffd"
    assert len(charts(html)) == 3


@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=5) | st.lists(st.floats(0, 1), min_size=1))
@settings(deadline=None, max_examples=150)
def test_ticks_are_even_and_hold_every_value(values: list[float]) -> None:
    ticks = scale(values)
    step = (ticks[-1] - ticks[0]) / (len(ticks) - 1)
    assert 2 <= len(ticks) <= 8
    assert step > 0
    slack = 1e-6 * (ticks[-1] - ticks[0])
    assert ticks[0] <= min(values) + slack
    assert ticks[-1] >= max(values) - slack
    assert [after - before for before, after in pairwise(ticks)] == pytest.approx([step] * (len(ticks) - 1), rel=1e-5)
    assert float(f"{step:.6e}".split("e")[0]) in (1.0, 2.0, 5.0)


@given(st.lists(st.floats(0, 1), min_size=1))
@example([1.0])
@example([0.0, 1e-300])
@settings(deadline=None, max_examples=100)
def test_no_tick_of_a_share_lies_outside_zero_and_one(values: list[float]) -> None:
    ticks = scale(values)
    assert ticks[0] >= 0
    assert ticks[-1] <= 1 + 1e-9


NUMBER = st.none() | st.floats() | st.floats(0, 1)
TEXT = st.text(max_size=20) | st.text("<>&\"'/{}%-\x00\x0b\r\ufffeé", max_size=12)
RUNG = st.builds(
    Rung,
    name=TEXT,
    samples=st.none() | st.integers(),
    accuracy=NUMBER,
    interval=st.none() | st.tuples(st.floats(), st.floats()) | st.tuples(st.floats(0, 1), st.floats(0, 1)),
    agreement=NUMBER,
    spike_mismatches=st.none() | st.integers(),
    max_error=NUMBER,
    seconds=NUMBER,
    skipped=st.none() | TEXT,
)
EPOCH = st.dictionaries(st.sampled_from(["loss", "accuracy", "validation", "other"]), NUMBER)
REPORT = st.builds(
    Report,
    name=TEXT,
    data=TEXT,
    rungs=st.lists(RUNG, max_size=9),
    gate=st.builds(Gate, max_accuracy_drop=st.floats(), accuracy_drop=st.floats(), passed=st.booleans()),
    training=st.lists(EPOCH, max_size=40),
    versions=st.dictionaries(TEXT, TEXT, max_size=3),
    machine=TEXT,
)


@given(REPORT)
@settings(deadline=None, max_examples=150)
def test_any_report_gives_a_well_formed_page(random: Report) -> None:
    html = render(random)
    html.encode()
    page = Page(html)
    allowed = {chr(code) for code in (9, 10, *range(0x20, 0xD800), *range(0xE000, 0xFFFE))}
    title = "".join(sign if sign in allowed or ord(sign) > 0xFFFF else "\ufffd" for sign in random.name)
    assert page.named("h1") == [title]
    assert len(page.named("tr", "skipped")) == sum(rung.skipped is not None for rung in random.rungs)
    for chart in charts(html):
        bounds = chart.attrib["viewBox"].split()
        for element in chart.iter():
            for name, size in (("x", 2), ("y", 3), ("cy", 3), ("y1", 3), ("y2", 3)):
                assert 0 <= float(element.attrib.get(name, 0)) <= float(bounds[size])
    assert {tag for tag, _, _ in page.elements} <= TAGS
