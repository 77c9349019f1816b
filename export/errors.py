"""The errors that a user sees as one sentence."""

from .wording import one_line


class SpiqError(Exception):
    """What spiq raises if something outside of it is at fault.

    Args:
        message: One sentence; it is kept on one line (`wording.one_line`).
        remedy: What a front end can offer against it, if there is such a thing, such as "replace" what exists. The
            command line has an option for it, Python an argument.

    Example:
        try:
            spiq.open_bundle("nowhere")
        except spiq.SpiqError as error:
            print(error)
    """

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(one_line(message))
        self.remedy = remedy


class InputError(SpiqError, ValueError):
    """Something given from outside (a file, a key, an array, an option) is not usable.

    The message is one sentence that a user can act on: it names the file, key or layer, says what was found and
    what is allowed. The command line prints it without a traceback and ends with exit status 2.

    Example:
        try:
            spiq.Coding("morse", steps=8)
        except spiq.InputError as error:
            print(error)
    """


class DeviceError(SpiqError, RuntimeError):
    """A device or its worker did not do its work: it ended, hung, or answered what makes no sense.

    It is shown as an InputError is; the message says what happened and quotes the device's last word.

    Example:
        try:
            spiq.cosim("mine/bundle", x_test, snn="loihi")
        except spiq.DeviceError as error:
            print(error)
    """
