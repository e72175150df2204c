"""Tables of verdicts about files that others wrote: one row a file, with the reason where we and they disagree.

A row is `"FILE" = "VERDICT"` where both agree, and `"FILE" = "VERDICT: REASON, REASON"` where they do not. `--regolden`
rewrites the verdicts, keeps the reasons of rows that stay, and gives the others the reason `undecided`, which fails.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.places import DATA, ROOT

FOLDER = DATA / "tls/corpora"
UNDECIDED = "undecided"


def corpus(name: str) -> Path:
    """Return the folder of a fetched repository below `CORPORA`. It fails where it is not there."""
    top = os.environ.get("CORPORA")
    if not top:
        pytest.fail(
            "set CORPORA to the folder of the fetched repositories: make test-corpora says how to get it"
        )
    folder = Path(top) / name
    if not folder.is_dir():
        pytest.fail(f"{folder} is missing: make test-corpora without CORPORA says how to get it")
    return folder


def modules(*names: str) -> Path:
    """Return a folder of the cache with these npm packages installed."""
    folder = ROOT / ".cache/corpora"
    if not all((folder / "node_modules" / name).is_dir() for name in names):
        command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", *names]
        subprocess.run(command, check=True)
    return folder


def same(name: str, found: Mapping[str, str], agrees: Callable[[str], bool], *, rewrite: bool) -> None:
    """Compare verdicts with the table `name`, row by row; a verdict that `agrees` needs no reason."""
    path = FOLDER / f"{name}.toml"
    text = path.read_text()
    table = tomllib.loads(text)
    rows = {file: tuple(row.partition(": ")[::2]) for file, row in table["rows"].items()}
    if rewrite:
        path.write_text(text.partition("[rows]\n")[0] + "[rows]\n" + _written(found, rows, agrees))
        return
    told = {file: verdict for file, (verdict, _) in rows.items()}
    wrong = [
        f"{file}: {told.get(file, 'no row')} in the table, now {found.get(file, 'no such file')}"
        for file in sorted({*told, *found})
        if told.get(file) != found.get(file)
    ]
    given = {file: set(filter(None, why.split(", "))) for file, (_, why) in rows.items()}
    open_ = [file for file, (verdict, why) in rows.items() if agrees(verdict) == bool(why)]
    named = set().union(*given.values())
    assert not wrong, f"of commit {table['commit']} the table says otherwise:\n" + "\n".join(wrong)
    assert not open_, f"agree and have a reason, or disagree and have none: {open_}"
    assert named == set(table["reasons"]), f"reasons: {named ^ set(table['reasons'])}"


def _written(
    found: Mapping[str, str], rows: Mapping[str, tuple[str, ...]], agrees: Callable[[str], bool]
) -> str:
    lines = []
    for file, verdict in found.items():
        before, why = rows.get(file, ("", ""))
        reason = (why if before == verdict else "") or UNDECIDED
        lines.append(f'"{file}" = "{verdict}{"" if agrees(verdict) else ": " + reason}"\n')
    return "".join(lines)
