"""What would make an audit clean, as one unified diff: old settings out, the rendered ones in.

The new text is read and judged again before it is shown; what stays wrong is said, not hidden.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardening.findings import Finding, Severity
from hardening.tls import audit, new_texts, render
from hardening.tls.judge import judge_all
from hardening.tls.ruleset import Policy
from hardening.tls.targets.base import Reading
from hardening.tls.targets.tree import Tree


@dataclass(frozen=True, slots=True)
class Fixed:
    """The diff (apply with `patch -p1 -d /`), and what it leaves."""

    diff: str
    left: tuple[Finding, ...]


def fix(paths: Sequence[Path], policy: Policy, asked: audit.Asked, place: str | None = None) -> Fixed:
    """Return the diff for files and folders; with `place`, the settings go to that file as the playbook does it.

    Errors: as `audit.audit`, and UsageError where nothing would do.
    """
    diffs: list[str] = []
    left: list[Finding] = []
    for path in paths:
        tree = Tree.on_disk(path)
        for main in audit.mains(tree, path, asked):
            way = audit.readings(tree, main, asked)[-1]
            if not _wrong(tree, main, way, policy):
                continue
            new = _rewritten(tree, main, way, policy, place, asked)
            diffs += [_diff(tree, name, text) for name, text in sorted(new.items())]
            after = Tree.on_disk(path)
            after.overlay = new
            left += _wrong(after, main, way, policy)
    return Fixed("".join(dict.fromkeys(diffs)), tuple(left))


def _rewritten(
    tree: Tree, main: audit.Main, way: Reading, policy: Policy, place: str | None, asked: audit.Asked
) -> dict[str, str]:
    if place is None:
        return new_texts.in_place(tree, main.target, main.path, way, policy)
    params = new_texts.parameters(tree, main.target, main.path, way)
    shipped = asked.build is None and way.build == way.release.openssl
    build = None if shipped else way.build  # said in the header as an assumption, where nobody named it
    made = render.render(main.target, policy, version=way.release.version, build=build, params=params)
    return new_texts.separate(tree, main.target, main.path, way, made, place)


def _wrong(tree: Tree, main: audit.Main, way: Reading, policy: Policy) -> list[Finding]:
    return [
        finding
        for offer in main.target.read(tree, main.path, way)
        for finding in judge_all(offer, [policy]).findings
        if finding.level >= Severity.LOW and finding.rule.id in render.CONFIGURABLE
    ]


def _diff(tree: Tree, path: str, new: str) -> str:
    return "".join(_unified(new_texts.text_of(tree, path), new, path, there=tree.exists(path)))


def _unified(old: str, new: str, path: str, *, there: bool) -> Iterator[str]:
    plain = path.lstrip("/")
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for line in difflib.unified_diff(before, after, f"a/{plain}" if there else "/dev/null", f"b/{plain}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
