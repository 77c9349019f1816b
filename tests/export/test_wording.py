"""Text from outside is shown on one line, of a bounded length, in characters that any output can write."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from spiq.export.errors import DeviceError, InputError
from spiq.export.wording import MOST_CHARACTERS, one_line, without_surrogates

ANY_TEXT = st.text(st.characters(), max_size=2 * MOST_CHARACTERS)


def test_what_does_not_print_is_shown_escaped() -> None:
    assert one_line("a\nb\r\x1b[31m\u202e\ud800\x00 µ→×") == r"a\nb\r\x1b[31m\u202e\ud800\x00 µ→×"


def test_a_long_text_loses_its_middle() -> None:
    path = "/data/" + "a" * 200
    shown = one_line(f"{path}: {'x' * 10_000}; 1 to 9 are allowed")
    assert len(shown) == MOST_CHARACTERS
    assert shown.startswith(f"{path}: xx")
    assert " … xx" in shown
    assert shown.endswith("x; 1 to 9 are allowed")


@given(ANY_TEXT)
def test_any_text_becomes_a_short_line_that_utf8_holds(text: str) -> None:
    shown = one_line(text)
    assert shown.isprintable()
    assert len(shown) <= MOST_CHARACTERS
    assert len(shown.splitlines()) <= 1
    assert one_line(shown) == shown
    shown.encode()


@given(ANY_TEXT)
def test_only_surrogates_are_taken_out(text: str) -> None:
    assert without_surrogates(text).encode().decode() == text.encode(errors="backslashreplace").decode()


@given(ANY_TEXT, st.sampled_from([InputError, DeviceError]))
def test_an_error_is_one_line_whatever_it_names(text: str, kind: type[InputError]) -> None:
    error = kind(f"{text}: is not what is needed")
    assert str(error) == one_line(f"{text}: is not what is needed")
    assert str(kind(str(error))) == str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
