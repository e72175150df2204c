"""Credential families: one TOML file each under bundle/data/credentials.

A family has nets: a `regex` with a group `secret` (and `user`, `service`, `key` where there are), the formats it is
for, and whether the value has to look like a secret (`evidence = "value"`) or is one wherever it stands (`"place"`).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from bundle.detect.credentials.rules.allowance import Allowance
from hardening.findings import Rule, Severity
from hardening.toml_rows import Table


class Late:
    """A pattern that is compiled when it is first used: a bundle meets few of the nets that ship with the tool."""

    def __init__(self, pattern: str, flags: int) -> None:
        """Keep what `re.compile` is to be given."""
        self.pattern = pattern
        self._given = flags

    def __getattr__(self, name: str) -> Any:
        """Return what the compiled pattern has under this name; it is here from then on."""
        if name.startswith("_"):
            raise AttributeError(name)
        made = re.compile(self.pattern, self._given)
        self.flags, self.groupindex, self.finditer = made.flags, made.groupindex, made.finditer
        return getattr(made, name)


@dataclass(frozen=True, slots=True)
class Net:
    """One pattern: where it is looked for, and what has to be true of what it catches."""

    id: str
    """Names the row: `assignment/3f2a9c01`, by its family and its pattern where the row has no `id` of its own."""
    regex: re.Pattern[str]
    gate: str
    """What Vectorscan looks for; matches wherever `regex` does."""
    styles: frozenset[str]
    """Kinds of text (see `place.style`) this is for; empty: all."""
    files: re.Pattern[str] | None
    """What the member's name has to be like, which is then read whole, without the gate; None: any."""
    evidence: str
    multiline: bool
    check: str
    """A word for a further check in Python: `hash`, `github`, `xml`, ...; empty for none."""
    lists: bool = False
    """Whether this is for lists of accounts, a line each: programs and JSON have none, and no word is in all of them to look for."""
    longest: int = 0
    """Bytes of the longest line that this is asked of; 0 for any."""
    within: int = 0
    """Bytes to either side of a hit in which its match lies: of a long line no more is looked at; 0 for all of the line."""
    beside: bool = False
    """Whether the check looks at the lines before and behind too."""
    table: bool = False
    """Whether what its gate looks for is the heading of a table, whose rows are read to the last one."""
    back: int = 0
    """Bytes before its line that the check of a match looks through as well, for what a variable was given there."""
    entropy: float = 0
    """Bits for each character that a value has to have (rules of a user's own)."""
    literals: bool = False
    """Whether this is for literals of programs and data too, where its family and kinds of text do not say so."""
    service: str = ""
    """Whose secret it is, where the pattern tells."""
    allowed: tuple[Allowance, ...] = ()
    """What makes a value harmless (rules of a user's own)."""
    path: re.Pattern[str] | None = None
    """What the whole path of a member has to be like (rules of a user's own); None: any."""


@dataclass(frozen=True, slots=True)
class Sink:
    """A function whose argument is a secret wherever it stands."""

    callee: str
    secret: int
    user: int
    service: str


@dataclass(frozen=True, slots=True)
class Example:
    """A text that has to be flagged, or not; `{secret}` stands for one made when the test runs."""

    flagged: bool
    path: str
    content: str
    line: int


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of place where appliances hide credentials."""

    rule: Rule
    nets: tuple[Net, ...]
    sinks: tuple[Sink, ...]
    examples: tuple[Example, ...]
    path: re.Pattern[str] | None = None
    """Paths of files that are findings by themselves (rules of a user's own)."""
    allowed: tuple[Allowance, ...] = ()
    """Which of these are none."""


@cache
def shipped() -> tuple[Family, ...]:
    """Return the families that ship with the tool, by id."""
    folder = files("bundle") / "data" / "credentials"
    found = [load(f, late=True) for f in folder.iterdir() if f.name.endswith(".toml")]
    return tuple(sorted(found, key=lambda f: f.rule.id))


def load(path: Path | Traversable, *, late: bool = False) -> Family:
    """Read one family; what is known to compile may do so `late`. Errors: DataError naming file and key."""
    table = Table.load(path)
    family_id = table.text("id")
    rule = Rule(
        id=f"credential/{family_id}",
        title=table.text("title"),
        severity=table.choice("severity", Severity),
        rationale=table.text("why"),
        remedy=table.text("remedy"),
        references=table.texts("references", []),
    )
    family = Family(
        rule=rule,
        nets=(
            *(_token(row, family_id) for row in table.rows("token")),
            *(_net(row, family_id, late=late) for row in table.rows("net")),
        ),
        sinks=tuple(_sink(row) for row in table.rows("sink")),
        examples=tuple(_example(row) for row in table.rows("examples")),
    )
    table.done()
    return family


def _id(row: Table, family: str, pattern: str) -> str:
    """Return the name of a row: its own, else one that is the same as long as its pattern is."""
    return row.text("id", "") or f"{family}/{zlib.crc32(pattern.encode()):08x}"


def _net(row: Table, family: str, *, late: bool) -> Net:
    regex = cast("re.Pattern[str]", Late(row.text("regex"), re.VERBOSE | re.MULTILINE))
    try:
        if not late and "secret" not in regex.groupindex:
            raise row.wrong("regex", "has no group named secret", "write (?P<secret>...)")
    except re.error as problem:
        raise row.wrong("regex", f"not a regular expression: {problem}") from problem
    path = row.text("files", "")
    net = Net(
        id=_id(row, family, regex.pattern),
        regex=regex,
        files=re.compile(path, re.IGNORECASE) if path else None,
        gate=row.text("gate"),
        styles=frozenset(row.texts("styles", [])),
        evidence=row.text("evidence", "place"),
        multiline=row.flag("multiline", default=False),
        check=row.text("check", ""),
        lists=row.flag("lists", default=False),
        longest=row.number("longest", 0),
        within=row.number("within", 0),
        beside=row.flag("beside", default=False),
        table=row.flag("table", default=False),
        back=row.number("back", 0),
        literals=row.flag("literals", default=False),
        service=row.text("service", ""),
    )
    row.done()
    return net


_END = re.compile(r"\{(\d+),\d+\}(\)?)(?:={0,1}\{0,\d\}|\(\?:[^()]*\)\?)*$")
"""The last count of a form and what may follow: its least is enough to look for."""


def _token(row: Table, family: str) -> Net:
    """Read the published form of a token, which is its own gate where no other is given.

    What stands before and behind it is no letter or digit; a form that begins elsewhere names its group `secret` itself.
    """
    form = row.text("form")
    whole = form if "(?P<secret>" in form else rf"(?<![A-Za-z0-9_])(?P<secret>{form})(?![A-Za-z0-9])"
    least = _END.sub(r"{\1}\2", form)
    net = Net(
        id=_id(row, family, form),
        regex=cast("re.Pattern[str]", Late(whole, re.MULTILINE)),
        gate=row.text("gate", "") or rf"\b({least})".replace("(?P<secret>", "(").replace("(?:", "("),
        styles=frozenset(),
        files=None,
        evidence="place",
        multiline=False,
        check=row.text("check", "token"),
        service=row.text("service"),
    )
    row.done()
    return net


def _sink(row: Table) -> Sink:
    sink = Sink(row.text("callee"), row.number("secret"), row.number("user", -1), row.text("service", ""))
    row.done()
    return sink


def _example(row: Table) -> Example:
    example = Example(row.flag("flagged"), row.text("path"), row.text("content"), row.number("line", 0))
    row.done()
    return example
