"""The errors that a user sees as one sentence."""

from .wording import one_line


class SpiqError(Exception):
    """What spiq raises where something outside of it is at fault, on one line (`wording.one_line`).

    `remedy` names what a front end can offer against it, where there is such a thing: "replace" what exists, say. The
    command line has an option for it, Python an argument.
    """

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(one_line(message))
        self.remedy = remedy


class InputError(SpiqError, ValueError):
    """Something given from outside (a file, a key, an array, an option) is not usable.

    The message is one sentence that a user can act on: it names the file, key or layer, says what was found and
    what is allowed. The command line prints it without a traceback and ends with exit status 2.
    """


class DeviceError(SpiqError, RuntimeError):
    """A device or its worker did not do its work: it ended, hung, or answered what makes no sense.

    It is shown as an InputError is; the message says what happened and quotes the device's last word.
    """
