"""What would make an audit clean, as one unified diff: old settings out, the rendered ones in.

The new text is read and judged again before it is shown; what stays wrong is said, not hidden.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardening.errors import UsageError
from hardening.findings import Finding, Severity
from hardening.tls import audit, render
from hardening.tls.judge import judge_all
from hardening.tls.ruleset import Policy
from hardening.tls.targets.base import Edit, Reading
from hardening.tls.targets.tree import Tree


@dataclass(frozen=True, slots=True)
class Fixed:
    """The diff (apply with `patch -p1 -d /`), and what it leaves."""

    diff: str
    left: tuple[Finding, ...]


def fix(paths: Sequence[Path], policy: Policy, asked: audit.Asked) -> Fixed:
    """Return the diff for files and folders. Errors: as `audit.audit`, and UsageError where nothing would do."""
    diffs: list[str] = []
    left: list[Finding] = []
    for path in paths:
        tree = Tree.on_disk(path)
        for main in audit.mains(tree, path, asked):
            way = audit.readings(tree, main, asked)[-1]
            if not _wrong(tree, main, way, policy):
                continue
            new = _rewritten(tree, main, way, policy)
            diffs += [_diff(tree, name, text) for name, text in sorted(new.items())]
            after = Tree.on_disk(path)
            after.overlay = new
            left += _wrong(after, main, way, policy)
    return Fixed("".join(dict.fromkeys(diffs)), tuple(left))


def _wrong(tree: Tree, main: audit.Main, way: Reading, policy: Policy) -> list[Finding]:
    return [
        finding
        for offer in main.target.read(tree, main.path, way)
        for finding in judge_all(offer, [policy]).findings
        if finding.level >= Severity.LOW and finding.rule.id in render.CONFIGURABLE
    ]


def _rewritten(tree: Tree, main: audit.Main, way: Reading, policy: Policy) -> dict[str, str]:
    if main.target.edits is None:
        raise UsageError(
            f"no diff is made for {main.target.name}",
            hint=f"`harden tls render {main.target.name} --policy {policy.id}` writes the settings to put in",
        )
    changes: dict[str, dict[tuple[int, int], str]] = {}
    for edit in main.target.edits(tree, main.path, way):
        for path, first, last in edit.remove:
            changes.setdefault(path, {})[first, last] = ""
        spans = changes.setdefault(edit.path, {})
        new = _new(tree, main, way, policy, edit)
        spans[edit.at, edit.at] = spans.get((edit.at, edit.at), "") + new
    return {path: _applied(_text(tree, path), spans) for path, spans in changes.items()}


def _text(tree: Tree, path: str) -> str:
    source = tree.source(path)
    return source.text if source else ""


def _new(tree: Tree, main: audit.Main, way: Reading, policy: Policy, edit: Edit) -> str:
    if edit.write is None:
        return _indented(tree, edit, _settings(main, way, policy, edit))
    return edit.write(render.plan(main.target, policy, version=way.release.version, build=way.build).job)


def _settings(main: audit.Main, way: Reading, policy: Policy, edit: Edit) -> list[str]:
    params = {k: v for k, v in edit.params.items() if k in main.target.params}
    made = render.render(main.target, policy, version=way.release.version, build=way.build, params=params)
    lines = made.text.splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _indented(tree: Tree, edit: Edit, lines: list[str]) -> str:
    """The block's own indent and one step more; a place in the middle of a line gets a line of its own."""
    text = _text(tree, edit.path)
    start = text.rfind("\n", 0, edit.at) + 1
    before = text[start : edit.at]
    if edit.at >= len(text):
        lead = "" if not text or text.endswith("\n") else "\n"
        return lead + "".join(f"{line}\n" for line in lines)
    if before.strip():
        return "\n" + "".join(f"    {line}\n" for line in lines)
    body = "".join(f"    {before if i else ''}{line}\n" for i, line in enumerate(lines))
    return body + before


def _applied(text: str, spans: dict[tuple[int, int], str]) -> str:
    for (first, last), new in sorted(spans.items(), reverse=True):
        end = last
        if not new:
            first, end = _whole_line(text, first, last)  # noqa: PLW2901 - the span grows to its line
        text = text[:first] + new + text[end:]
    return text


def _whole_line(text: str, first: int, last: int) -> tuple[int, int]:
    """Where nothing else is on the lines of a setting, the lines go with it; a remark after it goes too."""
    start = text.rfind("\n", 0, first) + 1
    stop = text.find("\n", last)
    stop = len(text) if stop < 0 else stop
    rest = text[last:stop].strip()
    if not text[start:first].strip() and (not rest or rest.startswith("#")):
        return start, min(stop + 1, len(text))
    return first, last


def _diff(tree: Tree, path: str, new: str) -> str:
    old = _text(tree, path)
    return "".join(_unified(old, new, path))


def _unified(old: str, new: str, path: str) -> Iterator[str]:
    plain = path.lstrip("/")
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for line in difflib.unified_diff(before, after, f"a/{plain}", f"b/{plain}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
