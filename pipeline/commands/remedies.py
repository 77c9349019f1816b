"""The options that help against what the library refuses, by its word for it (`errors.SpiqError.remedy`)."""

from ...export.errors import SpiqError

REMEDIES = {
    "replace": "--force replaces it",
    "replace or resume": "--force replaces what is in it, --resume goes on with it",
    "export anew": "`spiq export RUN --force` makes it anew",
    "resume": "--resume goes on with the same one, in which only training.epochs and training.log may differ",
    "train anew": "--force trains anew",
}


def told(error: SpiqError) -> str:
    """The error's sentence, and the option that helps."""
    return f"{error}; {REMEDIES[error.remedy]}" if error.remedy in REMEDIES else str(error)
