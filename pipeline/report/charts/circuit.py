"""A circuit as Qiskit draws it, as an SVG that the page's style sheet colours.

Qiskit draws black on white by matplotlib. Of its SVG the lines, boxes and words are kept: black becomes the class
`ink`, white `paper`, and the boxes of gates whose angle reads an input `data`. What else stands in the file, fonts and
clipping among it, is left out, so it holds no address and no identifier that another drawing has too.
"""

import io
import re
from contextlib import redirect_stderr
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from ....export.errors import InputError, SpiqError
from ...validation.analysis.quantum import MOST_DRAWN_GATES, MOST_DRAWN_QUBITS
from ...validation.failures import failures, reason
from .plot import printable

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

INK, PAPER, DATA = "#000000", "#ffffff", "#eeeeee"
CLASSES = {INK: "ink", PAPER: "paper", DATA: "data"}
"""The class of what Qiskit draws in a colour; anything else is ink."""

FOLD = 22
"""Columns in a row of the drawing: as wide as the page."""

MAGNIFIED = 1.1
"""Pixels per point of matplotlib's, so that the smallest words can be read."""

AROUND = 6.0
"""Points around the drawing."""

MARK = "\u200b"
"""Ends the label of a gate that reads an input; it has no width, and is taken out."""

LONGEST_ANGLE = 18
"""Characters of an angle that are drawn; a longer one names its inputs only, or how many there are."""

NAMES = {"rx": "RX", "ry": "RY", "rz": "RZ", "sdg": "S†", "tdg": "T†", "sx": "√X", "sxdg": "√X†", "reset": "|0⟩"}
NAMES |= {"u1": "U1", "u2": "U2", "u3": "U3", "rxx": "RXX", "ryy": "RYY", "rzx": "RZX", "initialize": "init"}
"""What is written in a gate's box, where that is not its name in capital letters."""

STYLE = {
    "name": "bw",
    "subfontsize": 9,
    "displaytext": NAMES,
    "displaycolor": {f"{name}{MARK}": [DATA, INK] for name in ("RX", "RY", "RZ", "P", "U", "U1", "U2", "U3")},
}

SVG = "{http://www.w3.org/2000/svg}"

MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""Errors of Python's that the importer and the drawer let through for some malformed programs."""

_STYLE_RULE = re.compile(r"\s*([a-z-]+)\s*:\s*([^;]+?)\s*(?:;|$)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class UndrawableError(Exception):
    """A program that cannot be drawn, with the reason."""


@lru_cache(maxsize=16)
def circuit_drawing(program: str, key: str, title: str, description: str) -> str:
    """The drawing of an OpenQASM 3 program, without the measurements at its end.

    The same program gives the same text.

    Args:
        program: The text.
        key: What the identifiers in it begin with, one of its own for each drawing in a page.
        title: What the drawing is called.
        description: What it shows, for those who do not see it.

    Raises:
        UndrawableError: It is no such program, or too large.
    """
    try:
        return _svg(_drawn(_simplified(_read(program))), key, title, description)
    except SpiqError as error:
        raise UndrawableError(str(error)) from error
    except (*failures(), *MALFORMED) as error:
        raise UndrawableError(f"its program cannot be drawn ({reason(error)})") from error


def _read(program: str) -> "QuantumCircuit":
    """Raises InputError where it cannot be read, has no gate, or is too large to be drawn."""
    from openqasm3.parser import QASM3ParsingError
    from qiskit_qasm3_import import ConversionError, convert

    from ....hardware.qpu.program_limits import parsed

    try:
        # The parser also prints what it stumbles over.
        with redirect_stderr(io.StringIO()):
            tree, _ = parsed(program)
            circuit: Any = convert(tree)
    except InputError:
        raise
    except (ConversionError, QASM3ParsingError, *MALFORMED) as error:
        raise InputError("its program cannot be read") from error
    gates = circuit.remove_final_measurements(inplace=False)
    if not gates.data:
        raise InputError("it has no gate")
    qubits = {qubit for instruction in gates.data for qubit in instruction.qubits}
    if len(gates.data) > MOST_DRAWN_GATES or len(qubits) > MOST_DRAWN_QUBITS:
        raise InputError(f"nobody could read a drawing of that size, {len(gates.data)} gates and {len(qubits)} qubits")
    return gates


def _simplified(circuit: "QuantumCircuit") -> "QuantumCircuit":
    """Gates that read an input get a label of their own, which has a colour; long angles become short."""
    from qiskit.circuit import ParameterExpression

    shown = circuit.copy_empty_like()
    shown.global_phase = 0
    short: dict[str, Any] = {}
    for instruction in circuit.data:
        operation: Any = instruction.operation
        reads = [angle for angle in operation.params if isinstance(angle, ParameterExpression) and angle.parameters]
        if reads:
            operation = operation.to_mutable()
            operation.params = [_shortened(angle, short) if angle in reads else angle for angle in operation.params]
            operation.label = f"{NAMES.get(operation.name, operation.name.upper())}{MARK}"
        shown.append(operation, instruction.qubits, instruction.clbits)
    return shown


def _shortened(angle: Any, short: dict[str, Any]) -> Any:
    """The angle, or where it is too long a parameter with a short name for it."""
    from qiskit.circuit import Parameter
    from qiskit.circuit.tools import pi_check

    words = str(pi_check(angle, ndigits=3))
    if len(words) > LONGEST_ANGLE:
        names = sorted(parameter.name for parameter in angle.parameters)
        words = f"f({', '.join(names)})"
    if len(words) > LONGEST_ANGLE:
        words = f"f({len(angle.parameters)} inputs)"
    return short.setdefault(words, Parameter(words))


def _drawn(circuit: "QuantumCircuit") -> bytes:
    """Matplotlib's SVG."""
    import matplotlib
    from matplotlib import pyplot

    # A style of the user's own would change the drawing. Words are kept as words, without matplotlib's mathematics.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.fonttype": "none", "text.parse_math": False})
        figure: Any = circuit.draw("mpl", fold=FOLD, style=STYLE, idle_wires=False)
        try:
            written = io.BytesIO()
            figure.savefig(written, format="svg", metadata={"Date": None})
        finally:
            pyplot.close(figure)
    return written.getvalue()


def _svg(drawn: bytes, key: str, title: str, description: str) -> str:
    """What is kept of matplotlib's SVG, in a frame as large as that."""
    named = {"class": "circuit-drawing", "role": "img", "aria-labelledby": f"{key}-title {key}-desc"}
    svg = Element("svg", named)
    SubElement(svg, "title", {"id": f"{key}-title"}).text = printable(title)
    SubElement(svg, "desc", {"id": f"{key}-desc"}).text = printable(description)
    frame = _Frame()
    for element in fromstring(drawn).iter():
        look = dict(_STYLE_RULE.findall(element.get("style", "")))
        if element.tag == f"{SVG}path" and "stroke" in look:
            path = " ".join(_NUMBER.sub(_rounded, element.attrib["d"]).split())
            # White on white covers what hangs over at a row's end, far beyond it.
            if look["stroke"] != PAPER:
                frame.add_path(path)
            width = {"stroke-width": look.get("stroke-width", "1")}
            SubElement(svg, "path", {"d": path, **width, "class": f"{_fill(look)} stroke-{_colour(look['stroke'])}"})
        elif element.tag == f"{SVG}text":
            words, size = _plain(element.text or ""), float(look["font-size"].removesuffix("px"))
            place = {axis: f"{float(element.attrib[axis]):.1f}" for axis in ("x", "y")}
            anchor = look.get("text-anchor", "start")
            frame.add_text(float(place["x"]), float(place["y"]), anchor, size * len(words))
            drawn_as = {"font-size": f"{size:g}", "text-anchor": anchor, "class": _fill(look)}
            SubElement(svg, "text", {**place, **drawn_as}).text = printable(words)
    svg.set("viewBox", frame.view_box())
    svg.set("width", f"{MAGNIFIED * frame.width:.0f}")
    return tostring(svg, encoding="unicode")


class _Frame:
    """The rectangle around everything drawn so far."""

    def __init__(self) -> None:
        self.across: list[float] = []
        self.down: list[float] = []

    def add_path(self, path: str) -> None:
        numbers = [float(number) for number in _NUMBER.findall(path)]
        self.across += numbers[::2]
        self.down += numbers[1::2]

    def add_text(self, x: float, y: float, anchor: str, letters: float) -> None:
        """`letters` is the words' number of letters times the height of one."""
        width = 0.65 * letters
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        self.across += [left, left + width]
        self.down.append(y)

    @property
    def width(self) -> float:
        return max(self.across) - min(self.across) + 2 * AROUND

    def view_box(self) -> str:
        height = max(self.down) - min(self.down) + 2 * AROUND
        return f"{min(self.across) - AROUND:.1f} {min(self.down) - AROUND:.1f} {self.width:.1f} {height:.1f}"


def _fill(look: dict[str, str]) -> str:
    """The class for what an element is filled with; black where it does not say, as SVG has it."""
    colour = look.get("fill", INK)
    return "hollow" if colour == "none" else f"fill-{_colour(colour)}"


def _colour(colour: str) -> str:
    return CLASSES.get(colour, "ink")


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


def _plain(words: str) -> str:
    """Without the marks that matplotlib's mathematics would read."""
    words = re.sub(r"\\(mathrm|mathit)", "", words).replace(r"\pi", "π").replace("$-$", "−")
    return re.sub(r"[${}\\\u200b]", "", words).replace("q_", "q") if "$" in words or MARK in words else words
