"""An OpenQASM program that asks for more than it says is counted, and refused, before Qiskit builds any of it."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.export.circuit.qasm import to_openqasm3
from spiq.export.circuit.reupload import reupload_circuit
from spiq.export.errors import InputError
from spiq.hardware.qpu.aer import read_program
from spiq.hardware.qpu.program_limits import MOST_GATES, parsed

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def doubling(levels: int, call: str = "g{0} a; g{0} a;", parameter: str = "", first: str = "x a;") -> str:
    """Gates that call the one before twice."""
    gates = [f"gate g0{parameter} a {{ {first} }}"]
    gates += [f"gate g{level}{parameter} a {{ {call.format(level - 1)} }}" for level in range(1, levels)]
    return HEAD + "\n".join(gates) + "\n"


HOSTILE = {
    "qubit[1000000000] q;": "must have at most 64 qubits, got 1000000000",
    "bit[1000000000] c;": "must have at most 64 bits, got 1000000000",
    "qubit[40] q; qubit[40] r;": "must have at most 64 qubits, got 80",
    "qubit[1000 * 1000000] q;": "the size of a register must be a number, got a computed one",
    "qubit[" + "9" * 200 + "] q;": r"must have at most 64 qubits, got 10\^199",
    "qubit[" + "9" * 2000 + "] q;": "a name or a number must have at most 256 characters, got 2000",
    "x $1000000000;": "must have at most 64 physical qubits, got 1000000001",
    "qubit[32] q;\nlet a = q ++ q;\nlet b = a ++ a;": "must have at most 64 qubits or bits in an alias, got 128",
    "qubit q;\n" + "x q;" * 100_000: "must have at most 40000 names, numbers and signs, got 3000\\d\\d, which",
    "qubit q;\n" + "x q;" * 10_001: "must have at most .* (gates, got 10001|names, .*, got 30016)",
    "qubit[64] q;\n" + "x q;" * 200: "must have at most 10000 gates, got 10048",
    "qubit q;\npow(1e9) @ pow(1e9) @ pow(1e9) @ pow(1e9) @ pow(1e9) @ x q;": "must have at most 10000 gates, got 32768",
    "qubit[9] q;\ngate g a, b, c, d, e { h a; }\npow(0.5) @ g q[0], q[1], q[2], q[3], q[4];": ".* 10000 .*, got 32768",
    "qubit q;\nctrl(1000000000) @ x q;": r"must have at most 10000 gates, got 10\^96",
    "for int i in [0:1000000000] { }": "must hold only gates and .*, got a statement of the kind ForInLoop in line 3",
    "while (true) { }": "must hold only .*, got a statement of the kind WhileLoop",
    "if (true) { }": "must hold only .*, got a statement of the kind BranchingStatement",
    "array[int[32], 1000000000] a;": "must hold only .*, got a statement of the kind|cannot be read",
    "def f(int a) -> int { return f(a); }": "must hold only .*, got a statement of the kind SubroutineDefinition",
    "const int n = 1 << 1000000000;": "must hold only .*, got a statement of the kind ConstantDeclaration",
    'include "/etc/passwd";': "cannot be read .*non-stdgates imports",
    "x" + " a[" * 200: "must have at most 100 brackets within brackets, got more",
    "//" + "x" * 2**20: r"must have at most 1048576 characters, got \d+",
}


@pytest.mark.parametrize("program", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_too_large_is_refused_at_once(program: str) -> None:
    started = time.monotonic()
    with pytest.raises(InputError, match=f"OpenQASM 3 program: ({HOSTILE[program]})"):
        read_program(HEAD + program)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "program",
    [
        doubling(26),
        doubling(26, "g{0}(p + p / 3) a;", "(p)", "rz(p) a;"),
        doubling(26, "g{0}(p) a; g{0}(p) a;", "(p)", "rz(p) a;") + "qubit q;\ng25(1.0) q;",
    ],
)
def test_gates_that_double_with_every_level_are_counted_without_spelling_them_out(program: str) -> None:
    with pytest.raises(InputError, match=f"must have at most {MOST_GATES} gates, got 16384"):
        read_program(program)


def test_the_largest_head_of_a_configuration_is_far_below_the_limits() -> None:
    text = to_openqasm3(reupload_circuit(np.ones((8, 16, 3))))
    assert parsed(text)[1] == 8 * 16 * 6 + 7 * 16 + 16 < MOST_GATES / 10


def test_more_work_than_a_state_vector_can_do_is_refused() -> None:
    program = HEAD + "qubit[24] q;\nbit[24] c;\n" + "x q;\n" * 43 + "c = measure q;\n"
    with pytest.raises(InputError, match="must have at most 1024 gates on 24 qubits, got 1056"):
        read_program(program)


def test_other_peoples_programs_with_gates_controls_and_aliases_are_read() -> None:
    program = HEAD + (
        "input float[64] a;\ngate turn(p) t, u { rz(p + p / 2) t; ctrl @ ry(p) t, u; inv @ s u; pow(0.5) @ x t; }\n"
        "qubit[4] q;\nbit[4] c;\nlet half = q[0:1] ++ q[{3}];\nturn(a) q[0], q[1];\nh half;\nbarrier q;\n"
        "c = measure q;\n"
    )
    assert read_program(program).measured.num_qubits == 4


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_a_program_with_a_part_of_it_repeated_is_read_or_refused(data: st.DataObject) -> None:
    text = to_openqasm3(reupload_circuit(np.ones((1, 2, 3))))
    start = data.draw(st.integers(0, len(text) - 1))
    part = text[start : data.draw(st.integers(start, len(text)))]
    place = data.draw(st.integers(0, len(text)))
    try:
        read_program(text[:place] + part * data.draw(st.integers(0, 200)) + text[place:])
    except InputError as error:
        assert str(error).startswith("OpenQASM 3 program: ")  # noqa: PT017
