"""Text from outside, made fit to be shown: on one line, of a bounded length, and in characters that can be written."""

import re

MOST_CHARACTERS = 500
"""Of a sentence that is shown; what is longer loses its middle, so that both its beginning and its end are seen."""

_CUT = " … "
_KEPT_END = 150

# A file's name in bytes that are no UTF-8, and a hostile text in JSON or HDF5, hold them; no encoding writes them.
_SURROGATE = re.compile("[\ud800-\udfff]")


def one_line(text: str, most: int = MOST_CHARACTERS) -> str:
    r"""The text with whatever does not print written as an escape, as `repr` does: \n, \x1b, \u202e, \ud800.

    What is longer than `most` characters loses its middle.
    """
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
            for character in _shortened(text, most)
        )
    return _shortened(text, most)


def without_surrogates(text: str) -> str:
    """The text with each lone surrogate written as an escape: the rest can be written in UTF-8 as it stands."""
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = min(_KEPT_END, most // 3)
    return f"{text[: most - end - len(_CUT)]}{_CUT}{text[len(text) - end :]}"
