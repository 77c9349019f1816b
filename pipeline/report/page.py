"""The report as one HTML page that needs nothing else: no script, and no font, image or style sheet of its own."""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from ...export.bundle.epochs import training_in_words
from ..validation.gate import verdict
from ..validation.rung import Report, Rung
from .chart import accuracy_chart, loss_chart, printable, training_accuracy_chart
from .table import EPOCH_COLUMNS, cells, epoch_cells
from .words import MEANINGS, PAGE_COLUMNS, halves

TEMPLATE = "report.html.jinja"

EMBEDDED_HEIGHT = 700
"""Pixels of the frame in a notebook."""


def render(report: Report) -> str:
    """The page. The same report gives the same page, and no text of the report becomes markup."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_finalize, trim_blocks=True, lstrip_blocks=True
    )
    source = files(__name__.rpartition(".")[0]).joinpath(TEMPLATE).read_text(encoding="utf-8")
    history = [chart for chart in (loss_chart(report.training), training_accuracy_chart(report.training)) if chart]
    chart = accuracy_chart(report)
    return environment.from_string(source).render(
        report=report,
        verdict=verdict(report),
        facts=_facts(report),
        columns=PAGE_COLUMNS,
        meanings=MEANINGS,
        rows=[(rung.skipped, _page_cells(rung)) for rung in report.rungs],
        # What the charts write is escaped by the XML writer.
        accuracy_chart=None if chart is None else Markup(chart),
        training_charts=[Markup(chart) for chart in history],
        training=training_in_words(report.epochs),
        epoch_columns=EPOCH_COLUMNS,
        epochs=[epoch_cells(number, epoch) for number, epoch in enumerate(report.training, 1)],
    )


def embedded(report: Report) -> str:
    """The page within another one, such as a notebook's: in a frame, so that neither's style touches the other's."""
    height = EMBEDDED_HEIGHT
    return f'<iframe srcdoc="{escape(render(report))}" style="width: 100%; height: {height}px; border: 0"></iframe>'


def _page_cells(rung: Rung) -> tuple[str, ...]:
    """The rung's cells in the order of PAGE_COLUMNS."""
    name, *figures = cells(rung)
    return (name, *halves(rung.name), *figures)


def _facts(report: Report) -> tuple[tuple[str, str], ...]:
    """What was climbed, in a line: names and values."""
    white = () if report.pixel_range is None else (("pixels", f"0 to {report.pixel_range}"),)
    own = (("need a programmable neuron", report.programmable_in_words()),) if report.programmable else ()
    return (
        *(() if report.parameters is None else (("parameters", f"{report.parameters}"),)),
        ("time steps T", f"{report.steps}"),
        ("qubits", f"{report.qubits}"),
        ("shots a sample", f"{report.shots}"),
        ("data", report.data),
        *white,
        ("seed", f"{report.seed}"),
        *own,
    )


def _finalize(value: object) -> object:
    return printable(value) if type(value) is str else value
