"""The one error that means: what the user gave cannot be used."""


class InputError(ValueError):
    """Something given from outside (a file, a key, an array, an option) is not usable.

    The message is one sentence that a user can act on: it names the file, key or layer, says what was found and
    what is allowed. The command line prints it without a traceback and ends with exit status 2.
    """
