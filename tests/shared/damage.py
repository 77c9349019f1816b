"""Bytes as a broken disk or a hostile hand leaves them."""

from hypothesis import strategies as st


@st.composite
def damages(draw: st.DrawFn, content: bytes, until: int | None = None) -> bytes:
    """The content with bytes changed, cut off, put in or added, before the place `until` if that is given."""
    place = draw(st.integers(0, (until or len(content)) - 1))
    patch = draw(st.binary(min_size=1, max_size=6) | st.text("'(,{)[\\#\nOeL*9", min_size=1).map(str.encode))
    match draw(st.sampled_from(["change", "cut", "insert", "append"])):
        case "change":
            return content[:place] + patch + content[place + len(patch) :]
        case "cut":
            return content[:place]
        case "insert":
            return content[:place] + patch + content[place:]
        case _:
            return content + patch
