"""Prove that a bundle is another one minus some members and literals: a check that shares no code with the cleaner.

Both bundles are walked, and their members compared in the order they are stored. What may differ: members that are
gone, literals that gave way to `@secret:name@`, the sums a package keeps of both, and the bytes of an archive in
which one of these happened. Everything else is named.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from bundle.verify_clean import rpm as proof_rpm
from bundle.verify_clean import texts as proof_texts
from bundle.verify_clean.tree import Node, name_alike, tree
from bundle.walk import walk
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from bundle.walk.names import shown
from hardening.errors import ExitCode, InputError
from hardening.findings import (
    NESTING,
    Examined,
    Finding,
    InFile,
    Result,
    Rule,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
)

REMOVED = Rule(
    id="prove/removed",
    title="A member of the old bundle is not in the new one",
    severity=Severity.INFO,
    rationale="Each removed member is named, so that a reviewer can judge it.",
    remedy="Compare it with the report of `harden bundle clean`.",
)
REPLACED = Rule(
    id="prove/replaced",
    title="A credential of the old bundle is a placeholder in the new one",
    severity=Severity.INFO,
    rationale="Cleaning replaces credentials in texts and changes nothing else in them. Each place is named.",
    remedy="Before you install the bundle, put the secret into the host's secret store (`harden docs host-credentials`).",
)
DIFFERENCE = Rule(
    id="prove/difference",
    title="The new bundle differs from the old one by more than removals and placeholders",
    severity=Severity.CRITICAL,
    rationale="Cleaning only removes members and writes placeholders. Any other difference has another origin.",
    remedy="Do not install it. Clean the original again and compare the two results.",
)


@dataclass(slots=True)
class _Proof:
    removed: list[Node] = field(default_factory=list)
    changed: list[tuple[Node, Node]] = field(default_factory=list)
    """Files of one name with other content, which has to be looked at."""
    packages: list[tuple[Node, Node]] = field(default_factory=list)
    """An rpm whose header is another one, which has to follow from what differs in it."""
    replaced: list[tuple[Node, proof_texts.Replaced]] = field(default_factory=list)
    relinked: list[tuple[Node, Node, set[str]]] = field(default_factory=list)
    """Names of one file in a cpio of which another is the first now, and all the further names it had."""
    differences: list[tuple[tuple[str, ...], str]] = field(default_factory=list)


def rules() -> tuple[Rule, ...]:
    """Return every rule a proof can say."""
    return (REMOVED, REPLACED, DIFFERENCE)


def prove(old: Path, new: Path, *, limits: WalkLimits | None = None) -> Run:
    """Return a run that exits 0 when `new` is `old` minus members, and 11 naming every other difference.

    Removed members are findings of severity info. What could not be read cannot be proved.
    Errors: InputError (absent, a folder, unreadable).
    """
    started, begun = datetime.now(UTC), monotonic()
    for path in (old, new):
        if not path.is_file():
            raise InputError(
                f"{path}: {'is a folder' if path.is_dir() else 'no such file'}",
                hint="give each bundle as one file",
            )
    before, after = tree(old, limits), tree(new, limits)
    name_alike(before, after)
    proof = _Proof()
    if before.content != after.content and before.facts.get("format") not in _WRITTEN:
        proof.differences.append(((), f"{new.name} was changed, and cleaning does not write this format"))
    elif before.content != after.content:
        _compare_container(before, after, proof)
        _look_at_changed(old, new, proof, limits)
        _look_at_packages(new, proof, limits)
        _look_at_links(proof)
        gone = {node.parts for node in proof.removed}
        for reason, parts, message in sorted(after.problems - before.problems):
            if parts not in gone:
                proof.differences.append((parts, f"{NESTING.join(parts) or new.name} {message} ({reason})"))
    if _digest(old) != _digest(new):
        proof.differences[:0] = [*_unread(before, after, proof, old), *_unread(after, before, proof, new)]
    subject = str(new)
    findings = _findings(subject, proof)
    proved = not proof.differences
    stats = {
        "members": after.members,
        "members_before": before.members,
        "removed": len(proof.removed),
        "replaced": len(proof.replaced),
        "differences": len(proof.differences),
        "seconds": round(monotonic() - begun, 3),
    }
    reason = (
        f"equals {old} minus {len(proof.removed)} members and {len(proof.replaced)} literals" if proved else "; ".join(m for _, m in proof.differences[:3])
    )  # fmt: skip
    result = Result(
        rule=DIFFERENCE, subject=subject, verdict=Verdict.PASS if proved else Verdict.FAIL, reason=reason
    )
    seen = Subject(id=subject, kind=SubjectKind.BUNDLE, examined=Examined.FULL, reason=reason, stats=stats)
    return Run.of(
        [seen], findings, [result], started=started, extra_codes=set() if proved else {ExitCode.REFUSED}
    )


_STOPPED = frozenset({"limit-total", "limit-members", "limit-time"})
"""What ended the walk: nobody knows what lies behind."""
_READ_WHOLE = frozenset({"unsupported", "limit-depth", "limit-work", "library-missing"})
"""What is said of a member whose own bytes were read to the end."""


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _unread(side: Node, other: Node, proof: _Proof, path: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the first thing that was not read, and that neither went as a whole nor lies in the same bytes on both sides."""
    removed = {node.parts for node in proof.removed}
    mine, others = dict(_contents_below(side)), dict(_contents_below(other))
    for one in side.unread:
        parts = one.parts[1:]
        around = [parts[:depth] for depth in range(1, len(parts) + (one.reason in _READ_WHOLE))]
        same = any(place in mine and mine[place] == others.get(place) for place in around)
        gone = any(parts[:depth] in removed for depth in range(1, len(parts) + 1))
        if one.reason in _STOPPED or not (same or gone):
            where = NESTING.join(parts) or path.name
            yield (), f"{path.name} could not be read in full: {where} {one.message}"
            return


def _contents_below(node: Node) -> Iterator[tuple[tuple[str, ...], tuple[int, str]]]:
    """Yield the bytes of everything in a node, where they are known; of two with one name neither is."""
    names = Counter(one.parts for one in node.inside)
    for one in node.inside:
        if names[one.parts] == 1:
            if one.content[1]:
                yield one.parts, one.content
            yield from _contents_below(one)


def _findings(subject: str, proof: _Proof) -> list[Finding]:
    """Return what was removed and replaced, which is for information, and every other difference."""
    return [
        Finding(
            rule=REMOVED, subject=subject, location=InFile((subject, *node.parts)),
            message=f"removed {NESTING.join(node.parts)}" + _with_inside(node),
        )
        for node in proof.removed
    ] + [
        Finding(
            rule=REPLACED, subject=subject, location=InFile((subject, *node.parts), one.line), evidence=f"@secret:{one.name}@",
            message=f"{NESTING.join(node.parts)} line {one.line}: a literal gave way to @secret:{one.name}@",
        )
        for node, one in proof.replaced
    ] + [
        Finding(rule=DIFFERENCE, subject=subject, location=InFile((subject, *parts)), message=message)
        for parts, message in proof.differences
    ]  # fmt: skip


def _with_inside(node: Node) -> str:
    return f" with {node.members} members in it" if node.members else ""


def _compare_container(old: Node, new: Node, proof: _Proof) -> None:
    """Compare two archives whose bytes differ: something has to be gone from them, and nothing else may differ."""
    for word in _facts_that_differ(old, new):
        proof.differences.append((new.parts, f"{NESTING.join(new.parts) or new.name}: {word}"))
    if old.facts.get("format") == "rpm":
        proof.packages.append((old, new))
    elif old.front != new.front and not (
        old.facts.get("format") == "makeself" and proof_texts.script(old.front, new.front)
    ):
        where = NESTING.join(new.parts) or new.name
        proof.differences.append((new.parts, f"{where}: what lies in front of the archive differs"))
    before = len(proof.removed) + len(proof.differences) + len(proof.changed)
    _compare_members(old.inside, new.inside, proof)
    if len(proof.removed) + len(proof.differences) + len(proof.changed) == before:
        where = NESTING.join(new.parts) or new.name
        proof.differences.append((new.parts, f"{where} has other bytes though no member in it is gone"))


def _compare_members(old: list[Node], new: list[Node], proof: _Proof) -> None:
    places: dict[str, list[int]] = {}
    for number, one in enumerate(old):
        places.setdefault(one.name, []).append(number)
    at = 0
    for node in new:
        rest = [k for k in places.get(node.name, ()) if k >= at]
        found = next((k for k in rest if _same(old[k], node)), None)
        inner = found is None
        if found is None:
            found = next((k for k in rest if _both_containers(old[k], node)), None)
        if found is None:
            found = next((k for k in rest if _may_be_rewritten(old[k], node)), None)
            if found is not None:
                proof.changed.append((old[found], node))
                _note_link(old, old[found], node, proof)
                proof.removed += old[at:found]
                at = found + 1
                continue
        if found is None:
            at_all = [old[k] for k in places.get(node.name, ())]
            proof.differences.append((node.parts, _why_not(node, [old[k] for k in rest], at_all)))
            at = rest[0] + 1 if rest else at
            continue
        proof.removed += old[at:found]
        at = found + 1
        _note_link(old, old[found], node, proof)
        if inner:
            _compare_container(old[found], node, proof)
    proof.removed += old[at:]


def _same(old: Node, new: Node) -> bool:
    return old.content == new.content and not any(_facts_that_differ(old, new))


_WRITTEN = frozenset(
    "zip zip-stub tar gzip bzip2 xz lzma zstd cpio deb rpm ar makeself self-extracting".split()
)
"""Formats whose every byte outside the members is looked at or of no effect; in others nothing may differ."""


def _both_containers(old: Node, new: Node) -> bool:
    return old.container and new.container and old.facts.get("format") in _WRITTEN


def _may_be_rewritten(old: Node, new: Node) -> bool:
    return not old.container and not new.container and not any(_facts_that_differ(old, new))


def _look_at_changed(old: Path, new: Path, proof: _Proof, limits: WalkLimits | None) -> None:
    """Judge the files that differ by what is in them."""
    if not proof.changed:
        return
    before = _contents(old, {was.parts for was, _ in proof.changed}, limits)
    after = _contents(new, {now.parts for _, now in proof.changed}, limits)
    lists: list[tuple[Node, Node]] = []
    texts: dict[tuple[str, ...], bytes] = {}
    for was, now in proof.changed:
        if was.parts[-1] in _LISTS and len(was.parts) > 1 and was.parts[-2].startswith("control.tar"):
            lists.append((was, now))
            continue
        texts_ = before.get(was.parts), after.get(now.parts)  # None: larger than cleaning changes anything in
        found = None if None in texts_ else proof_texts.references(texts_[0] or b"", texts_[1] or b"")
        if found is None:
            proof.differences.append(
                (now.parts, f"{NESTING.join(now.parts)} was changed: its content differs")
            )
            continue
        proof.replaced += [(now, one) for one in found]
        texts[now.parts] = after[now.parts]
    for was, now in lists:
        package = now.parts[:-2]
        gone = {n.parts[-1] for n in proof.removed if _in_package(n.parts, package)}
        changed = {parts[-1]: text for parts, text in texts.items() if _in_package(parts, package)}
        lines = before.get(was.parts, b""), after.get(now.parts, b"")
        good = (
            proof_texts.sums(*lines, gone, changed)
            if now.parts[-1] == "md5sums"
            else proof_texts.names(*lines, gone)
        )
        if not good:
            where = NESTING.join(now.parts)
            proof.differences.append((now.parts, f"{where} does not agree with what was removed"))


def _look_at_packages(new: Path, proof: _Proof, limits: WalkLimits | None) -> None:
    """Judge the headers of rpm packages by what differs in them."""
    other = [(was, now, _other_content(was, now)) for was, now in proof.packages]
    texts = _contents(new, {n.parts for _, _, nodes in other for n in nodes}, limits) if other else {}
    for was, now, nodes in other:
        removed = {n.parts[-1] for n in proof.removed if n.parts[:-1] == was.parts}
        changed = {n.parts[-1]: (*n.content, texts.get(n.parts)) for n in nodes}
        reason = proof_rpm.disagreement(was.front, now.front, removed, changed)
        if reason:
            where = NESTING.join(now.parts) or now.name
            proof.differences.append((now.parts, f"{where}: {reason}"))


def _other_content(was: Node, now: Node) -> list[Node]:
    before = {n.parts[-1]: n.content for n in was.inside}
    return [n for n in now.inside if n.facts["kind"] == "file" and before.get(n.parts[-1]) != n.content]


_LISTS = frozenset({"md5sums", "conffiles"})
"""Files of a Debian package that name what it holds."""


def _in_package(parts: tuple[str, ...], package: tuple[str, ...]) -> bool:
    return parts[:-2] == package and len(parts) > 1 and parts[-2].startswith("data.tar")


def _contents(
    path: Path, wanted: set[tuple[str, ...]], limits: WalkLimits | None
) -> dict[tuple[str, ...], bytes]:
    """Return the contents of some members; one that is larger than a window is not there."""
    return {
        seen.parts[1:]: bytes(seen.content)
        for seen in walk(str(path), limits or WalkLimits())
        if isinstance(seen, Member)
        and seen.parts[1:] in wanted
        and seen.kind == "file"
        and not seen.derived
        and not seen.offset
        and len(seen.content) == seen.size
    }


def _why_not(new: Node, ahead: list[Node], anywhere: list[Node]) -> str:
    """Say what the matter is with a member that has no equal of its name ahead in the old bundle."""
    where = NESTING.join(new.parts)
    if not anywhere:
        return f"{where} was added"
    if not ahead:
        return f"{where} was moved or repeated"
    words = list(_facts_that_differ(ahead[0], new))
    if ahead[0].content != new.content:
        words.append("its content differs")
    return f"{where} was changed: {', '.join(words)}"


def _note_link(members: list[Node], was: Node, now: Node, proof: _Proof) -> None:
    link = was.facts["link"]
    if link != now.facts["link"]:
        proof.relinked.append((was, now, {shown(n.name) for n in members if n.facts["link"] == link}))


def _look_at_links(proof: _Proof) -> None:
    """Judge the names of one file by whether the one that was first among them is gone, and another of them is now."""
    gone = {(n.parts[:-1], n.parts[-1]) for n in proof.removed}
    for was, now, names in proof.relinked:
        first, then = shown(str(was.facts["link"])), str(now.facts["link"])
        if (was.parts[:-1], first) not in gone or (then and shown(then) not in names):
            proof.differences.append(
                (now.parts, f"{NESTING.join(now.parts)} is another hard link than it was")
            )


def _facts_that_differ(old: Node, new: Node) -> Iterator[str]:
    for name, value in new.facts.items():
        if name == "link" and old.facts["kind"] == new.facts["kind"] == "file":
            continue  # which name of a file in a cpio is its first: judged when it is known what is gone
        if old.facts.get(name) != value:
            yield f"its {name} differs ({_shown(name, old.facts.get(name))} to {_shown(name, value)})"


_MOST_SHOWN = 100


def _shown(name: str, value: object) -> str:
    if name == "mode" and isinstance(value, int):
        return f"{value:04o}"
    if isinstance(value, bytes) and value:
        text = value.decode("utf-8", "replace")
        return shown(text)[:_MOST_SHOWN] if text.isprintable() else f"{len(value)} bytes"
    if isinstance(value, tuple):
        return ":".join(str(v) for v in value if v not in ("", None)) or "none"
    return str(value) if value not in ("", b"", None) else "none"
