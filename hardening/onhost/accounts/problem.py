"""An error that the operator reads."""


class Problem(Exception):
    """What could not be done, in one line for the operator."""
