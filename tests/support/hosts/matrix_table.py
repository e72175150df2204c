"""The table of docs/hosts-measured.md: what hosts ended as, per step of the transaction and fault, made of `matrix.json`.

`python -m tests.support.hosts.matrix_table` writes it; `make matrix-test` runs the matrix first.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from tests.support.hosts import matrix

SEEN = Path(__file__).with_name("matrix.json")
PAGE = Path(__file__).parents[3] / "docs" / "hosts-measured.md"
BEGIN, END = "<!-- made by tests/support/hosts/matrix_table.py -->\n", "<!-- until here -->\n"


def counted(ends: dict[str, str]) -> str:
    """Return a cell: how many ended old and new, and where hosts differ which."""
    words = []
    for letter, word in (("o", "old"), ("n", "new")):
        per = {host: end.count(letter) for host, end in ends.items() if letter in end}
        if per:
            whole = len(per) == len(ends) and len(set(per.values())) == 1
            where = "" if whole else f" ({', '.join(sorted(per))})"
            words.append(f"{sum(per.values())} {word}{where}")
    return ", ".join(words)


def table() -> str:
    """Return both tables, as Markdown."""
    seen = json.loads(SEEN.read_text())
    hosts = sorted(seen["steps"])
    (steps,) = {tuple(one) for one in seen["steps"].values()}
    faults = [fault for fault in matrix.FAULTS if all(fault in seen["ends"][host] for host in hosts)]
    names = {host: host.removesuffix("like").upper() for host in hosts}
    lines = ["| fault comes in front of | " + " | ".join(faults) + " |", "| --- |" + " --- |" * len(faults)]
    for name, group in groupby(enumerate(steps), key=lambda pair: pair[1]):
        places = [number for number, _ in group]
        cells = [
            counted({names[host]: "".join(seen["ends"][host][fault][at] for at in places) for host in hosts})
            for fault in faults
        ]
        lines.append(
            f"| {name}{f' ({len(places)} steps)' if len(places) > 1 else ''} | " + " | ".join(cells) + " |"
        )
    lines += ["", "| host | " + " | ".join(faults) + " |", "| --- |" + " --- |" * len(faults)]
    for host in hosts:
        cells = [counted({"": seen["ends"][host][fault]}) for fault in faults]
        lines.append(f"| {names[host]} layout | " + " | ".join(cells) + " |")
    cells_run = sum(len(seen["ends"][host][fault]) for host in hosts for fault in faults)
    missing = [fault for fault in matrix.FAULTS if fault not in faults]
    said = f"{cells_run} cells, every one old or new as a whole."
    if missing:
        said += f" Not run whole yet: {', '.join(missing)}."
    return said + "\n\n" + "\n".join(lines) + "\n"


def page() -> str:
    """Return docs/hosts-measured.md with the tables as they are to be."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin
    assert end
    return f"{before}{begin}{table()}{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
