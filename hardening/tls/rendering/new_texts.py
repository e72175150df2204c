"""The files of a configuration as they have to be for a policy to hold: old settings out, the rendered ones in.

The audit's diff and the playbook both take their texts from here, so what is shown is what is installed.
There are two layouts: in place, where each server of a configuration gets the settings in its own block; and
separate, where one file of ours holds them and every other line that sets the same is commented out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from hardening.errors import UsageError
from hardening.tls.libraries import builds
from hardening.tls.policies.ruleset import Policy
from hardening.tls.rendering import render
from hardening.tls.rendering.rendered import Rendered
from hardening.tls.targets import Target
from hardening.tls.targets.base import Edit, Reading
from hardening.tls.targets.reading import certificates, security_levels
from hardening.tls.targets.reading.tree import Tree

MARK = "# replaced by the TLS policy in {place}: "
SEPARATE = ("httpd", "lighttpd", "nginx")
"""Targets whose settings hold for every server when they stand in a file of their own that the main file includes."""


def in_place(
    tree: Tree, target: Target, main: str, way: Reading, policy: Policy, level: int | None = None
) -> dict[str, str]:
    """Return each changed file's new text by real path, with a security level that the lists have to keep. Errors: UsageError where nothing would do."""
    if target.edits is None:
        raise UsageError(
            f"no diff is made for {target.name}",
            hint=f"`harden tls render {target.name} --policy {policy.id}` writes the settings to put in",
        )
    changes: dict[str, dict[tuple[int, int], str]] = {}
    for edit in target.edits(tree, main, way):
        for path, first, last in edit.remove:
            changes.setdefault(path, {})[first, last] = ""
        spans = changes.setdefault(edit.path, {})
        new = _new(tree, target, way, policy, edit, level)
        spans[edit.at, edit.at] = spans.get((edit.at, edit.at), "") + new
    return {
        path: _with_its_ends(tree, path, _applied(text_of(tree, path), spans))
        for path, spans in changes.items()
    }


def parameters(
    tree: Tree, target: Target, main: str, way: Reading, overrides: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the template's parameters for a file of ours: what every server of the configuration says alike, and what is given."""
    values_of: dict[str, set[str]] = {}
    for edit in target.edits(tree, main, way) if target.edits is not None else ():
        for name in target.params:
            values_of.setdefault(name, set()).add(edit.params.get(name, ""))
    alike = {
        name: value for name, values in values_of.items() if len(values) == 1 for value in values if value
    }
    return {**alike, **(overrides or {})}


def separate(
    tree: Tree,
    target: Target,
    main: str,
    way: Reading,
    rendered: Rendered,
    place: str,
    also: Iterable[str] = (),
) -> dict[str, str]:
    """Return the text of our file and of each file that set the same, by real path.

    `place` is our file as the server calls it; `also` are real paths of files that count as the server's
    although no include leads to them. Errors: UsageError for a target without this layout, or where a line
    sets more than one thing.
    """
    if target.name not in SEPARATE:
        raise UsageError(
            f"{target.name} does not take its TLS settings from a file of their own",
            hint="leave --fix-place out: the settings then go where they are; it is for "
            + ", ".join(SEPARATE),
        )
    list(target.read(tree, main, way))  # so that the tree knows which files the server reads
    ours = tree.place(place, main.rpartition("/")[0])
    names = _directives(rendered.text)
    new = {ours: rendered.text}
    for path in dict.fromkeys((main, *tree.read_paths, *also)):
        old = text_of(tree, path)
        if path != ours and (text := _without(old, names, target.name, place, path)) != old:
            new[path] = _with_its_ends(tree, path, text)
    return new


def text_of(tree: Tree, path: str) -> str:
    """Return a file's text; nothing where it is not there."""
    if not tree.exists(path):
        return ""
    source = tree.source(path)
    return source.text if source else ""


def lines_of(text: str) -> list[str]:
    """Return a text's lines with their ends; only a line feed ends one, as in the programs that read them."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _with_its_ends(tree: Tree, path: str, text: str) -> str:
    """Return a new text whose lines end as the file's own: what stays stays as it is, what comes ends alike."""
    source = tree.source(path) if tree.exists(path) else None
    if source is None or source.written is None:
        return text
    old, rewritten, new = lines_of(source.text), lines_of(source.written), lines_of(text)
    crlf = "\r\n" in source.written
    found: list[str] = []
    for kind, first, last, begin, end in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        found += (
            rewritten[first:last]
            if kind == "equal"
            else [f"{x[:-1]}\r\n" if crlf and x[-1] == "\n" else x for x in new[begin:end]]
        )
    return "".join(found)


def _new(tree: Tree, target: Target, way: Reading, policy: Policy, edit: Edit, level: int | None) -> str:
    if edit.write is None:
        return _indented(tree, edit, _settings(tree, target, way, policy, edit, level))
    planned = render.plan(target, policy, version=way.release.version, build=way.build, level=level)
    return edit.write(planned.job)


def _settings(
    tree: Tree, target: Target, way: Reading, policy: Policy, edit: Edit, level: int | None
) -> list[str]:
    params = {k: v for k, v in edit.params.items() if k in target.params}
    bits = certificates.dh_bits(tree, tree.place(params["dhparam"], "/")) if "dhparam" in params else None
    own = builds.build(builds.plain(way.build)).security_level or 0
    at = own if level is None else level
    if bits is not None and (
        bits < policy.dh_min_bits or not security_levels.allows_field(way.build, at, bits)
    ):
        del params["dhparam"]  # at a higher security level the server would not even start with it
    rendered = render.render(
        target, policy, version=way.release.version, build=way.build, params=params, level=level
    )
    return [line for line in rendered.text.splitlines() if line and not line.startswith("#")]


def _indented(tree: Tree, edit: Edit, lines: list[str]) -> str:
    """Return lines as deep as the block's last one, else one step deeper than the block; a place in the middle of a line gets
    a line of its own, the top of a file none that is indented.
    """
    text = text_of(tree, edit.path)
    start = text.rfind("\n", 0, edit.at) + 1
    before = text[start : edit.at]
    if edit.at >= len(text):
        lead = "" if not text or text.endswith("\n") else "\n"
        return lead + "".join(f"{line}\n" for line in lines)
    if before.strip():
        return "\n" + "".join(f"    {line}\n" for line in lines)
    above = next((line for line in reversed(text[:start].splitlines()) if line.strip()), "")
    own = above[: len(above) - len(above.lstrip())]
    if not above:  # the top of a file is in no block, and to slapd a line that begins with a blank goes on
        return "".join(f"{line}\n" for line in lines) + before
    step = own[len(before) :] if own.startswith(before) and own != before else "    "
    return f"{step}{f'{chr(10)}{before}{step}'.join(lines)}\n{before}" if lines else before


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


_WORD = re.compile(r"[A-Za-z][\w.\-]*")


def _directives(text: str) -> frozenset[str]:
    """Return the names of the directives that a rendered configuration sets."""
    words = (_WORD.match(line.strip()) for line in text.splitlines())
    return frozenset(word[0].lower() for word in words if word)


def _without(text: str, names: frozenset[str], server: str, place: str, path: str) -> str:
    """Comment out every line that sets one of `names`, with its continuation lines.

    Errors: UsageError where a directive shares its line with another, for a line comment would take both.
    """
    lines, open_until, kept = text.splitlines(keepends=True), "", []
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        word = _WORD.match(stripped)
        ours = open_until != "" or (word is not None and word[0].lower() in names)
        if not ours:
            kept.append(line)
            continue
        body = stripped.partition(" #")[0].rstrip()
        if body.count(";") > 1 or (body.endswith("}") and "{" not in body):
            raise UsageError(
                f"{path} line {number} sets more than one thing: {stripped}",
                hint="put each directive on a line of its own; then it can be replaced alone",
            )
        kept.append(MARK.format(place=place) + line.lstrip())
        if not open_until:
            open_until = _end(body, server)
        if open_until and _ended(body, open_until):
            open_until = ""
    return "".join(kept)


def _end(body: str, server: str) -> str:
    """Return how a directive that begins with this line ends: a semicolon, a bracket, or no backslash."""
    if server == "nginx" or body.endswith(";"):
        return ";"
    if body.count("(") > body.count(")"):
        return ")"
    return "\\" if body.endswith("\\") else ""


def _ended(body: str, until: str) -> bool:
    return not body.endswith("\\") if until == "\\" else body.endswith(until)
