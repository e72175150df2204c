"""An error that the operator reads."""


class AccountProblem(Exception):
    """One line for the operator: what could not be done, and why."""
