"""What is known of the values in a Java method while it is followed."""

from __future__ import annotations

from dataclasses import dataclass, field

from bundle.detect.credentials.java.methods import Variables

Said = tuple[str, list[str | None]]
"""A call by name with its arguments, `=name` with what it is given, `~name` with what a local variable is, `*name` with an element of a list,
`?name` with what it is held against, `@name` with an entry. For a parameter without a name `#` stands, and the name of the
method where it answers yes or no."""
LINES = "\n"
"""What stands for the name where a literal has several lines, or ends one: it may be a text of its own."""
COMMAND = "$"
"""What stands for the name where a list of texts may be a program and its arguments."""


class Name(str):
    """What is known of a value that is no literal: the variable, field, getter or key that it comes from."""

    __slots__ = ()


class Items(Name):
    """A list that is being filled: the literals in it, and None for what is none."""

    __slots__ = ("kept", "run", "texts")

    def __init__(self, *_: str) -> None:
        self.texts: list[str | None] = []
        self.kept = 0
        """How often it was said to be kept in a field or a variable."""
        self.run = 0
        """How many texts it had when it was last said to be a command."""


class Text(str):
    """A literal that may be another one as well, as a condition says."""

    __slots__ = ("also",)

    def __init__(self, *_: str) -> None:
        self.also: list[str] = []


def literal(value: str | None) -> str | None:
    """Return a value if it is a literal."""
    return None if isinstance(value, Name) else value


def literals(value: str | None) -> list[str]:
    """Return all the literals that a value may be."""
    if value is None or isinstance(value, Name):
        return []
    return [value, *value.also] if isinstance(value, Text) else [value]


@dataclass(slots=True)
class State:
    """What is known while a method is followed."""

    variables: Variables
    stack: list[str | None] = field(default_factory=list)
    slots: dict[int, str | None] = field(default_factory=dict)
    """What variables were last given, in the order of the code."""
    account: str = ""
    """The account that the method has compared something with."""
    method: str = ""
    """The name of the method, where it answers yes or no."""
    parameters: dict[int, str] = field(default_factory=dict)
    """The parameters that are texts, for where no name says anything: `#` and the number, by the number of their variable."""
    jumps: dict[int, list[str | None]] = field(default_factory=dict)
    """The stack where a jump ahead arrives, by its place."""
    joined: str = ""
    """The literal that a text which is put together ends with."""
    prompt: str = ""
    """The method that has asked for a password, where nothing has answered yet."""

    def pop(self, count: int = 1) -> str | None:
        """Take values from the stack, and return the last."""
        last = self.stack[-1] if self.stack else None
        del self.stack[max(0, len(self.stack) - count) :]
        return last
