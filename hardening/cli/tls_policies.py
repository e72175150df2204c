"""`harden tls policies`: which policies there are, or one of them rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hardening.cli import completing

if TYPE_CHECKING:
    from hardening.tls.policies.requirement import PolicyRule
    from hardening.tls.policies.ruleset import Policy
    from hardening.tls.policies.ssh import SshRule


@click.command()
@click.argument("name", required=False, shell_complete=completing.policies)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the output.",
)
def command(name: str | None, form: str) -> None:
    """List the policies, or show policy NAME (an id, a short name or a TOML file) rule by rule."""
    from hardening.tls import policy

    chosen = [policy.load(name)] if name else [policy.load(one) for one in policy.available()]
    if form == "json":
        import json

        body = [_json(one, full=bool(name)) for one in chosen]
        click.echo(json.dumps(body[0] if name else body, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_text(chosen[0]) if name else _table(chosen)))


def _aliases(policy_id: str) -> list[str]:
    from hardening.tls.policy import SHORT_NAMES

    return [short for short, full in SHORT_NAMES.items() if full == policy_id]


def _table(policies: list[Policy]) -> list[str]:
    rows = [("POLICY", "SHORT NAME", "RULES", "VERIFIED", "MANUAL", "EDITION")]
    for one in policies:
        count = one.counts()
        numbers = (str(count["rules"]), str(count["verified"]), str(count["manual"]))
        rows.append((one.id, ", ".join(_aliases(one.id)), *numbers, one.version))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [
        *lines,
        "",
        "VERIFIED: rules whose text was checked against the source. MANUAL: controls no program can check.",
        "`harden tls policies NAME` shows a policy rule by rule.",
    ]


def _text(one: Policy) -> list[str]:
    count = one.counts()
    tally = f"{count['verified']} verified, {count['unverified']} not verified, {count['manual']} manual"
    lines = [
        f"{one.id}: {one.title}",
        f"  edition    {one.version}",
        f"  verified   {one.verified}",
        *(f"  source     {source}" for source in one.source),
        *(f"  note       {note}" for note in one.notes),
        *(_tls_lines(one) if one.rules else ()),
        *(f"  ssh        {kind}: {', '.join(names)}" for kind, names in one.ssh_lists),
        f"  rules      {count['rules']}: {tally}",
        "",
    ]
    return lines + [_rule_line(rule) for rule in one.every_rule]


def _tls_lines(one: Policy) -> list[str]:
    return [
        f"  protocols  {', '.join(one.protocols)}",
        f"  rendered   {', '.join(s.iana for s in (*one.suites13, *one.suites)) or 'nothing'}",
        f"  groups     {', '.join(g.name for g in one.groups) or 'as the library has them'}",
    ]


def _rule_line(rule: PolicyRule | SshRule) -> str:
    marks = [rule.level.value, rule.kind.value]
    if not rule.is_verified:
        marks.append(f"not verified: {rule.verified}; not read: {rule.not_read}")
    return f"  {rule.id}  [{rule.section}; {'; '.join(marks)}]\n      {rule.text}"


def _json(one: Policy, *, full: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": one.id,
        "short_names": _aliases(one.id),
        "title": one.title,
        "version": one.version,
        "source": list(one.source),
        "verified": one.verified,
        "protocols": list(one.protocols),
        "counts": one.counts(),
    }
    if not full:
        return body
    return body | {
        "notes": list(one.notes),
        "render": {
            "suites": [s.iana for s in one.suites],
            "suites13": [s.iana for s in one.suites13],
            "groups": [g.name for g in one.groups],
            "signature_algorithms": [s.name for s in one.signature_algorithms],
            "server_preference": one.server_preference,
            "ssh": {kind: list(names) for kind, names in one.ssh_lists},
        },
        "rules": [
            {
                "id": r.id,
                "section": r.section,
                "text": r.text,
                "level": r.level.value,
                "kind": r.kind.value,
                "verified": r.verified,
                "not_read": r.not_read,
            }
            for r in one.every_rule
        ],
    }
