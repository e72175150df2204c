"""What a policy says of SSH: `[[ssh]]` rules and `[render.ssh]` lists, read from its file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from hardening import resources
from hardening.records import dataclass
from hardening.tls.libraries import ssh_algorithms
from hardening.tls.policies.requirement import Level, RuleKind, not_read
from hardening.toml_rows import Table

_SHIPPED = str(resources.tls_data() / "policies")
Lists = tuple[tuple[str, tuple[str, ...]], ...]
"""Names to render, per kind, in order of preference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshNeed:
    """Which algorithms of one kind a rule forbids."""

    kind: str
    allow: frozenset[str] | None = None
    forbid: tuple[str, ...] = ()

    def forbids(self, name: str) -> bool:
        """Return whether the rule forbids an algorithm."""
        if self.allow is not None:
            return name not in self.allow
        return any(ssh_algorithms.is_like(name, pattern) for pattern in self.forbid)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshRule:
    """One rule about SSH in our own words, where it stands, and what of it a program checks."""

    id: str
    section: str
    text: str
    level: Level
    verified: str
    needs: tuple[SshNeed, ...] = ()
    no_protocol1: bool = False

    @property
    def kind(self) -> RuleKind:
        """Whether a program can check the rule: always."""
        return RuleKind.AUTOMATED

    @property
    def binding(self) -> bool:
        """Whether breaking the rule fails the policy."""
        return self.level is not Level.ADVICE

    @property
    def is_verified(self) -> bool:
        """Whether the rule's text was checked against its source."""
        return self.verified == "yes"

    @property
    def not_read(self) -> str:
        """What of the rule's source was not read; empty where all of it was."""
        return not_read(self.verified)

    def forbids(self, kind: str, name: str) -> bool:
        """Return whether the rule forbids an algorithm."""
        return any(need.kind == kind and need.forbids(name) for need in self.needs)


def read_rules(table: Table) -> tuple[SshRule, ...]:
    """Read the `[[ssh]]` rows of a table. Errors: DataError naming file and key."""
    return tuple(_rule(row) for row in table.rows("ssh"))


def _rule(row: Table) -> SshRule:
    found = SshRule(
        id=row.text("id"),
        section=row.text("section"),
        text=row.text("text"),
        level=row.choice("level", Level),
        verified=row.text("verified"),
        needs=tuple(_need(row.table(kind), kind) for kind in ssh_algorithms.KINDS if kind in row),
        no_protocol1=row.flag("no_protocol1", default=False),
    )
    if not found.needs and not found.no_protocol1:
        clauses = ", ".join((*ssh_algorithms.KINDS, "no_protocol1"))
        raise row.wrong("id", "the rule has nothing a program could check", f"clauses: {clauses}")
    row.done()
    return found


def _need(table: Table, kind: str) -> SshNeed:
    need = SshNeed(
        kind=kind,
        allow=frozenset(_names(table, "allow", kind)) if "allow" in table else None,
        forbid=_names(table, "forbid", kind, patterns=True),
    )
    if (need.allow is None) is not bool(need.forbid):
        raise table.wrong("allow", "needs either allow or forbid")
    table.done()
    return need


def _names(table: Table, key: str, kind: str, *, patterns: bool = False) -> tuple[str, ...]:
    found = table.texts(key, ())
    if table.source.startswith(_SHIPPED):
        return found  # a test knows their names; asking for them here would cost every run some milliseconds
    known = ssh_algorithms.known(kind)
    for name in found:
        if name not in known and not (patterns and name.endswith("-")):
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "ssh -Q lists the names OpenSSH knows"
            raise table.wrong(key, f"unknown {ssh_algorithms.LABELS[kind]} {name!r}", hint)
    return tuple(dict.fromkeys(found))


def read_lists(render: Table, rules: Iterable[SshRule]) -> Lists:
    """Read `[render.ssh]`; what would be rendered has to pass the rules. Errors: DataError."""
    if "ssh" not in render:
        return ()
    table = render.table("ssh")
    found = tuple((kind, _names(table, kind, kind)) for kind in ssh_algorithms.KINDS if kind in table)
    table.done()
    for kind, names in found:
        for name in names:
            if rule := next((r for r in rules if r.binding and r.forbids(kind, name)), None):
                raise table.wrong(kind, f"{name!r} is forbidden by {rule.section} ({rule.level})")
    return found
