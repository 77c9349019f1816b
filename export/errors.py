"""The errors that a user sees as one sentence."""


class InputError(ValueError):
    """Something given from outside (a file, a key, an array, an option) is not usable.

    The message is one sentence that a user can act on: it names the file, key or layer, says what was found and
    what is allowed. The command line prints it without a traceback and ends with exit status 2.
    """


class DeviceError(InputError):
    """A device or its worker did not do its work: it ended, hung, or answered what makes no sense.

    It is shown as an InputError is; the message says what happened and quotes the device's last word.
    """
