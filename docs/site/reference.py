"""Writes the pages of every rule, one a family: `make docs`. A rule's anchor is its id with `-` for `/`.

python docs/rules.py FOLDER
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from hardening.cli.known_rules import all_rules
from hardening.cli.rules import markdown
from hardening.findings import Rule


def family(rule: Rule) -> str:
    """Return the page of a rule: `tls` for tls/suite, `tls-pci-dss-4.0.1` for a clause of that policy."""
    return "-".join(rule.id.split("/")[:-1])


def main(folder: Path) -> None:
    """Write one page a family, and `index.md` with the number of rules of each."""
    families: dict[str, list[Rule]] = defaultdict(list)
    for rule in all_rules():
        families[family(rule)].append(rule)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        old.unlink()
    for name, rules in families.items():
        (folder / f"{name}.md").write_text("\n".join([f"# {name}", *markdown(rules), ""]), "utf-8")
    rows = [f"| [{name}]({name}.md) | {len(rules)} |" for name, rules in sorted(families.items())]
    head = [
        "# Rules",
        "",
        "The severity is the usual one; a finding may have another where its place asks for it.",
    ]
    text = "\n".join([*head, "", "| family | rules |", "| --- | --- |", *rows, ""])
    (folder / "index.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
