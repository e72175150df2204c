"""`harden rules [ID]`: every rule the tool knows, with why and remedy; `make docs` writes them as pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import click

from hardening.cli import completing
from hardening.cli.known_rules import all_rules
from hardening.errors import UsageError
from hardening.findings import Rule


@click.command()
@click.argument("rule_id", metavar="[ID]", required=False, shell_complete=completing.rules)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Format of the output.",
)
def command(rule_id: str | None, form: str) -> None:
    """List every rule with its reason and remedy; ID is a rule (`tls/suite`) or a family (`tls`)."""
    rules = chosen(all_rules(), rule_id)
    writers = {"text": _text, "json": _json, "markdown": _markdown}
    click.echo("\n".join(writers[form](rules, whole=rule_id is None)))


def chosen(rules: Sequence[Rule], rule_id: str | None) -> Sequence[Rule]:
    """Return the rule of that id, or a family's. Errors: UsageError with the nearest known id."""
    if rule_id is None:
        return rules
    found = [rule for rule in rules if rule.id == rule_id or rule.id.startswith(rule_id.rstrip("/") + "/")]
    if not found:
        from difflib import get_close_matches

        close = get_close_matches(rule_id, [rule.id for rule in rules], n=1)
        hint = f"did you mean {close[0]!r}?" if close else "harden rules lists them all"
        raise UsageError(f"no rule {rule_id!r}", hint=hint)
    return found


def _text(rules: Sequence[Rule], *, whole: bool) -> Iterator[str]:
    wide = max((len(rule.id) for rule in rules), default=0)
    for rule in rules:
        yield f"{rule.id:<{wide}}  {rule.severity.label:<8}  {rule.title}"
        if not whole:
            yield f"  why     {rule.rationale}"
            yield f"  remedy  {rule.remedy}"
            yield from (f"  see     {link}" for link in rule.references)
    if whole:
        yield ""
        yield f"{len(rules)} rules; harden rules ID explains one"


def _json(rules: Sequence[Rule], *, whole: bool) -> Iterator[str]:  # noqa: ARG001 - one shape for all three
    import json

    rows = [
        {
            "id": rule.id,
            "title": rule.title,
            "severity": rule.severity.label,
            "rationale": rule.rationale,
            "remedy": rule.remedy,
            "references": list(rule.references),
        }
        for rule in rules
    ]
    yield json.dumps(rows, indent=2)


def _markdown(rules: Sequence[Rule], *, whole: bool) -> Iterator[str]:
    if whole:
        yield "# Rules"
        yield ""
        yield f"Every rule the tool knows, {len(rules)} of them."
        yield "The severity is the default. A finding can have another one, because of its place."
    yield from markdown(rules)


def markdown(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield the lines that describe rules, each with an anchor: `tls-suite` for tls/suite."""
    from hardening.reports.markdown import escape

    def prose(text: str) -> str:
        parts = re.split(r"(`[^`]+`)", text)  # commands stay code
        return "".join(one if one.startswith("`") else escape(one, limit=None) for one in parts)

    for rule in rules:
        yield from ("", f'<a id="{rule.id.replace("/", "-")}"></a>', "", f"## `{rule.id}`")
        yield from ("", f"**{escape(rule.title)}** ({rule.severity.label})")
        yield from ("", prose(rule.rationale), "", f"Remedy: {prose(rule.remedy)}")
        if rule.references:
            yield ""
            yield from (f"- <{link}>" for link in rule.references)
