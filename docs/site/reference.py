"""Pages of the reference, written from what the program itself knows: rules, commands, policies, targets, products."""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click

from hardening.cli import harden
from hardening.cli.known_rules import all_rules
from hardening.cli.rules import markdown
from hardening.errors import ExitCode
from hardening.findings import Rule

ROOT = Path(__file__).resolve().parents[2]


def pages() -> dict[str, str]:
    """Return the Markdown of each generated page, by its path in the site."""
    return {
        **dict(_rules()),
        "reference/commands.md": _commands(),
        "reference/policies.md": _policies(),
        "reference/targets.md": _targets(),
        "reference/exit-codes.md": _exit_codes(),
        "reference/json-schema.md": _schema(),
        "reference/products.md": _products(),
        "reference/ansible.md": _ansible(),
    }


def family(rule: Rule) -> str:
    """Return the page of a rule: `tls` for tls/suite, `tls-pci-dss-4.0.1` for a clause of that policy."""
    return "-".join(rule.id.split("/")[:-1])


def _rules() -> Iterator[tuple[str, str]]:
    families: dict[str, list[Rule]] = defaultdict(list)
    for rule in all_rules():
        families[family(rule)].append(rule)
    for name, rules in families.items():
        yield f"rules/{name}.md", "\n".join([f"# Rules: {name}", *markdown(rules), ""])
    rows = [f"| [{name}]({name}.md) | {len(rules)} |" for name, rules in sorted(families.items())]
    head = ["# Rules", "", "The severity is the default. A finding can have another one, and says why."]
    yield "rules/index.md", "\n".join([*head, "", "| family | rules |", "| --- | ---: |", *rows, ""])


def _commands() -> str:
    lines = ["# Commands", "", "The help of every command, as the program prints it."]
    for path, command in _verbs(harden, ("harden",)):
        context = click.Context(command, info_name=" ".join(path), max_content_width=100)
        lines += ["", f"## `{' '.join(path)}`", "", "```text", command.get_help(context).rstrip(), "```"]
    return "\n".join([*lines, ""])


def _verbs(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _verbs(below, (*path, name))


def _policies() -> str:
    from hardening.tls import policy

    rows = []
    for one in map(policy.load, policy.available()):
        count = one.counts()
        rows.append(f"| `{one.id}` | {one.title} | {one.version} | {count['rules']} | {count['verified']} |")
    lead = "`harden tls policies NAME` prints one rule by rule. `verified` counts rules that were compared with their source."
    return _table("Policies", lead, "policy | title | edition | rules | verified", rows)


def _targets() -> str:
    from hardening.tls.targets import targets

    rows = [
        f"| `{one.name}` | {one.title} | {' '.join(f'`{release.version}`' for release in one.facts.releases)} |"
        for one in targets()
    ]
    lead = "`harden tls render TARGET@RELEASE --policy POLICY` writes the configuration."
    return _table("Targets", lead, "target | server | releases", rows)


def _exit_codes() -> str:
    names = {code: code.name.replace("_", " ").lower() for code in ExitCode}
    meanings = dict(_meanings())
    rows = [f"| {int(code)} | {name} | {meanings.get(int(code), '')} |" for code, name in names.items()]
    return _table("Exit codes", "The codes are the same for every command.", "code | name | meaning", rows)


def _meanings() -> Iterator[tuple[int, str]]:
    """Yield the rows of the table in docs/cli.md, with links as a page of the reference sees them."""
    text = (ROOT / "docs/cli.md").read_text("utf-8").replace("](incomplete.md", "](../incomplete.md")
    for line in text.split("## Exit codes", 1)[1].split("\n## ", 1)[0].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0].isdigit():
            yield int(cells[0]), cells[1]


def _schema() -> str:
    schema = json.loads((ROOT / "hardening/reports/harden-report-1.schema.json").read_text("utf-8"))
    return "\n".join(
        [
            "# JSON schema",
            "",
            "Every JSON report is valid against this schema, which is in the package.",
            "",
            "```json",
            json.dumps(schema, indent=2),
            "```",
            "",
        ]
    )


def _products() -> str:
    lines = [
        "# Product packs",
        "",
        "What is known of a product, each row with its source: `harden products NAME`.",
    ]
    for folder in sorted((ROOT / "hardening/products").iterdir()):
        tables = sorted(folder.glob("*.toml"))
        if tables:
            lines += ["", f"## {folder.name}", "", "| table | rows |", "| --- | ---: |"]
            lines += [f"| `{table.stem}` | {_row_count(table)} |" for table in tables]
    return "\n".join([*lines, ""])


def _row_count(path: Path) -> int:
    table = tomllib.loads(path.read_text("utf-8"))
    return sum(len(rows) for rows in table.values() if isinstance(rows, list))


def _ansible() -> str:
    lines = ["# Ansible", "", "Playbooks, and the arguments of every role, as `ansible-doc` shows them.", ""]
    lines += ["| playbook | does |", "| --- | --- |"]
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        first = next((line for line in path.read_text("utf-8").splitlines() if line.startswith("# ")), "# ")
        lines.append(f"| `{path.name}` | {first[2:]} |")
    for path in sorted((ROOT / "playbooks").rglob("meta/argument_specs.yml")):
        lines += [
            "",
            f"## Role `{path.parents[1].name}`",
            "",
            "```yaml",
            path.read_text("utf-8").strip(),
            "```",
        ]
    return "\n".join([*lines, ""])


def _table(title: str, lead: str, head: str, rows: list[str]) -> str:
    rule = " | ".join("---" for _ in head.split("|"))
    return "\n".join([f"# {title}", "", lead, "", f"| {head} |", f"| {rule} |", *rows, ""])
