"""TOML into policies: the vocabulary of docs/policies.md, every unknown word refused.

A policy stands alone, or `extends` another and says what it adds and removes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from hardening.errors import InputError, UsageError
from hardening.tls.policies.requirement import (
    REMOVED,
    GroupNeed,
    Level,
    PolicyRule,
    ProtocolNeed,
    RuleKind,
    SuiteMatch,
    SuiteNeed,
)
from hardening.tls.policies.rule import read_rule
from hardening.tls.policies.ruleset import Policy
from hardening.tls.policies.ssh import Lists, SshRule, read_lists, read_rules
from hardening.tls.policies.words import groups, protocols, schemes, suites
from hardening.toml_rows import Table

T = TypeVar("T")
Find = Callable[[str], Policy]
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*")


def read(path: Path, *, find: Find, chain: tuple[Path, ...] = ()) -> Policy:
    """Read one policy; `find` returns a shipped policy it extends, `chain` holds the files that extend it.

    Errors: InputError (absent), DataError naming file and key.
    """
    table = Table.load(path)
    policy = _derived(table, find, chain) if "extends" in table else _standalone(table)
    table.done()
    if not policy.protocols:
        raise table.wrong("rule", "no protocol version is left that may be offered")
    return policy


_OWN = ("id", "title", "version", "source", "verified", "notes", "render", "rule", "ssh")
"""What a policy that extends none may say."""


def _standalone(table: Table) -> Policy:
    rules = tuple(read_rule(row) for row in table.rows("rule"))
    ssh = read_rules(table)
    if not rules and not ssh:
        for key in (*_OWN, "extends"):
            table.value(key, object, None)
        table.done()  # `extend = ...` is the likelier mistake
        raise table.wrong("rule", 'a policy needs at least one [[rule]] or [[ssh]], or extends = "..."')
    _refuse_twice(table, (*rules, *ssh))
    render = table.table("render", optional=True)
    policy = Policy(
        id=_id(table),
        title=table.text("title"),
        version=table.text("version"),
        source=table.texts("source"),
        verified=table.text("verified"),
        rules=rules,
        suites=suites(render, "suites"),
        suites13=suites(render, "suites13"),
        groups=groups(render, "groups"),
        signature_algorithms=schemes(render, "signature_algorithms"),
        server_preference=render.flag("server_preference", None),
        session_tickets=render.flag("session_tickets", default=False),
        notes=table.texts("notes", ()),
        ssh=ssh,
        ssh_lists=read_lists(render, ssh),
    )
    render.done()
    _refuse_forbidden(render, policy)
    return policy


def _id(table: Table) -> str:
    """The id names the policy in reports and rule ids, so it is plain."""
    name = table.text("id")
    if not _PLAIN.fullmatch(name):
        raise table.wrong("id", f"{name!r} has to be lower-case letters, digits, '.', '_' and '-'")
    return name


def _refuse_twice(table: Table, rules: Iterable[PolicyRule | SshRule]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise table.wrong("rule", f"two rules have the id {rule.id!r}")
        seen.add(rule.id)


def _refuse_forbidden(render: Table, policy: Policy) -> None:
    """What we would render has to pass the policy's own rules."""
    newest = next((p for p in reversed(policy.protocols) if p != "TLSv1.3"), "TLSv1.2")
    for key, found, protocol in (("suites", policy.suites, newest), ("suites13", policy.suites13, "TLSv1.3")):
        for suite in found:
            if suite.tls13 is not (key == "suites13"):
                raise render.wrong(key, f"{suite.iana} belongs to the other list")
            if why := policy.suite_reason(suite, protocol):
                raise render.wrong(key, f"{suite.iana} is forbidden by {why}")
    for group in policy.groups:
        if why := policy.group_reason(group):
            raise render.wrong("groups", f"{group.name} is forbidden by {why}")
    for scheme in policy.signature_algorithms:
        if why := policy.forbids_scheme(scheme):
            raise render.wrong("signature_algorithms", f"{scheme.name} is forbidden by {why}")


def _derived(table: Table, find: Find, chain: tuple[Path, ...]) -> Policy:
    base = _base(table, find, chain)
    add = table.table("add", optional=True)
    remove = table.table("remove", optional=True)
    dropped = _dropped_rules(remove, base)
    extra = tuple(read_rule(row) for row in add.rows("rule"))
    ssh = (*read_rules(add), *(r for r in base.ssh if r.id not in dropped))
    name = _id(table)
    if name == base.id:
        raise table.wrong("id", f"{name!r} is the id of the policy it extends", "choose another")
    taken = _removal(remove, name, table.source)
    more, more_groups, more_protocols = (
        suites(add, "suites"),
        groups(add, "groups"),
        protocols(add, "protocols"),
    )
    render = table.table("render", optional=True)
    policy = replace(
        base,
        id=name,
        title=table.text("title", base.title),
        version=table.text("version", base.version),
        source=table.texts("source", (f"{table.source}, extends {base.id}", *base.source)),
        verified=table.text("verified", base.verified),
        notes=table.texts("notes", ()) + base.notes,
        rules=(*taken, *extra, *(r for r in base.rules if r.id not in dropped)),
        ssh=ssh,
        ssh_lists=_ssh_lists(render, ssh, base),
        suites=suites(render, "suites", _joined(base.suites, (s for s in more if not s.tls13))),
        suites13=suites(render, "suites13", _joined(base.suites13, (s for s in more if s.tls13))),
        groups=groups(render, "groups", _joined(base.groups, more_groups)),
        signature_algorithms=schemes(render, "signature_algorithms", base.signature_algorithms),
        server_preference=render.flag("server_preference", base.server_preference),
        session_tickets=render.flag("session_tickets", base.session_tickets),
        permits=(base.permits | {s.code for s in more}) - _codes(taken),
        permits_groups=(base.permits_groups | {g.id for g in more_groups}) - _ids(taken),
        permits_protocols=(base.permits_protocols | set(more_protocols)) - _versions(taken),
        _breaches={},
    )
    for part in (add, remove, render):
        part.done()
    _refuse_twice(table, (*policy.rules, *policy.ssh))
    return _without_forbidden(policy)


def _ssh_lists(render: Table, rules: tuple[SshRule, ...], base: Policy) -> Lists:
    """The base's lists without what the rules now forbid, each replaced where the file says one of its own."""
    kept = {
        kind: tuple(n for n in names if not any(r.binding and r.forbids(kind, n) for r in rules))
        for kind, names in base.ssh_lists
    }
    return tuple((kept | dict(read_lists(render, rules))).items())


def _base(table: Table, find: Find, chain: tuple[Path, ...]) -> Policy:
    name = table.text("extends")
    if name.endswith(".toml"):
        here = Path(table.source)
        path = here.parent / name
        chain = (*chain, here.resolve())
        if path.resolve() in chain:
            raise table.wrong("extends", f"{name!r} extends itself in the end")
        try:
            return read(path, find=find, chain=chain)
        except InputError as problem:
            raise table.wrong("extends", str(problem), problem.hint) from problem
    try:
        return find(name)
    except UsageError as problem:
        raise table.wrong("extends", str(problem), problem.hint) from problem


def _dropped_rules(remove: Table, base: Policy) -> frozenset[str]:
    known = {r.id for r in base.every_rule}
    names = remove.texts("rules", ())
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
            raise remove.wrong("rules", f"{base.id} has no rule {name!r}", hint)
    return frozenset(names)


def _removal(remove: Table, name: str, source: str) -> tuple[PolicyRule, ...]:
    """What `[remove]` takes away becomes one rule that forbids it."""
    codes = frozenset(s.code for s in suites(remove, "suites"))
    ids = frozenset(g.id for g in groups(remove, "groups"))
    versions = frozenset(protocols(remove, "protocols"))
    if not (codes or ids or versions):
        return ()
    return (
        PolicyRule(
            id=f"removed-by-{name}",
            section=REMOVED,
            text=f"Taken out of the policy by {source}.",
            level=Level.MUST,
            verified="yes",
            kind=RuleKind.AUTOMATED,
            protocols=ProtocolNeed(forbid=versions) if versions else None,
            suites=SuiteNeed(forbid=(SuiteMatch(names=codes),)) if codes else None,
            groups=GroupNeed(forbid=ids) if ids else None,
        ),
    )


def _codes(rules: Iterable[PolicyRule]) -> frozenset[int]:
    return frozenset(c for r in rules if r.suites for m in r.suites.forbid for c in m.names)


def _ids(rules: Iterable[PolicyRule]) -> frozenset[int]:
    return frozenset(i for r in rules if r.groups for i in r.groups.forbid)


def _versions(rules: Iterable[PolicyRule]) -> frozenset[str]:
    return frozenset(v for r in rules if r.protocols for v in r.protocols.forbid)


def _joined(first: Iterable[T], second: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _without_forbidden(policy: Policy) -> Policy:
    """A derived policy renders what is left of its base after the removals."""
    newest = next((p for p in reversed(policy.protocols) if p != "TLSv1.3"), "TLSv1.2")
    return replace(
        policy,
        suites=tuple(s for s in policy.suites if policy.suite_reason(s, newest) is None),
        suites13=tuple(s for s in policy.suites13 if policy.suite_reason(s, "TLSv1.3") is None),
        groups=tuple(g for g in policy.groups if policy.group_reason(g) is None),
        signature_algorithms=tuple(
            s for s in policy.signature_algorithms if policy.forbids_scheme(s) is None
        ),
        _breaches={},
    )
