"""What still speaks of members that cleaning removed: references in texts, and signatures that no longer hold."""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bundle.rewrite.edit import TextEdit, plain
from bundle.rewrite.rpms import signed as rpm_signed
from bundle.walk import walk
from bundle.walk.formats.rpms import SCRIPTS
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from hardening.findings import NESTING, Confidence, Finding, InFile, Rule, Severity

REFERENCE = Rule(
    id="clean/reference",
    title="The bundle still refers to a removed component",
    severity=Severity.LOW,
    rationale="A menu entry, an include, an Alias or a manifest line that leads nowhere breaks a page or an installation.",
    remedy="Remove the line from the sources of the bundle.",
)
INNER_SIGNATURE = Rule(
    id="clean/inner-signature",
    title="An inner signature or checksum no longer holds",
    severity=Severity.LOW,
    rationale="Cleaning changed the signed content. An installer that checks the signature or checksum refuses it.",
    remedy="Write the list of checksums again (`sha256sum`). Ask the maker of a signed inner archive to sign it again, or leave it out.",
)
SUMS = Rule(
    id="clean/sums",
    title="A list of files or checksums was updated",
    severity=Severity.INFO,
    rationale="A package or installer holds checksums of its members. They must match the members that are left after cleaning.",
    remedy="Nothing to do. `harden bundle verify-clean OLD NEW` checks that the lists match the removals.",
)

_LARGEST = 4 << 20
_LOOKED_AT = ("", SCRIPTS)
"""What is stored as it is, and the one text made of what is stored that an installation runs."""
_EVERYWHERE = frozenset(
    {"index.php", "index.html", "index.htm", "config.php", "main.js", "style.css", "readme.txt"}
)
"""File names so frequent that they are no reference without their folder."""
_INDEXES = frozenset({"index.php", "index.html", "index.htm", "index.jsp"})
"""What a web server answers with for a folder."""
_LEAST_FOLDER = 4
"""Letters of a folder's name that are enough to look for it alone."""
_IN_JAR = re.compile(r"(?:^|/)META-INF/[^/]+\.(?:SF|RSA|DSA|EC)$", re.IGNORECASE)
_IN_DEB = re.compile(r"^_gpg\w+$")
_SIGNED_SCRIPT = re.compile(rb'^SIGNATURE="?[^"\s]', re.MULTILINE)
_SUM_LINE = re.compile(
    rb"^\\?[0-9a-fA-F]{32,128} [ *]([^\r\n]+?)\r?$|^[A-Z][A-Z0-9/-]{1,11} ?\(([^\r\n]+)\) ?= ?[0-9a-fA-F]{32,128}\r?$"
    rb'|^"?([^\r\n"]+?)"?,sha\d{3}=[\w-]{43,86},\d*\r?$',
    re.MULTILINE,
)
"""A line of md5sum, sha256sum and their kin, also as `--tag`, BSD and openssl write it, and one of a wheel's RECORD."""
_DIGEST = re.compile(rb"(?<![\w+/])(?:[0-9a-fA-F]{32,128}|[\w+/]{22,86}={0,2})(?![\w+/=])")
"""A digest in hexadecimal or in Base64, wherever it stands."""
_DETACHED = (".asc", ".sig", ".sign", ".p7s", ".md5", ".sha1", ".sha256", ".sha512", ".dsse.json")


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return (REFERENCE, INNER_SIGNATURE, SUMS)


def leftovers(
    out: Path, edits: Sequence[TextEdit], *, old: Path | None = None, limits: WalkLimits | None = None
) -> Iterator[Finding]:
    """Yield what in the cleaned bundle `out` speaks of what was removed, and signatures over what was changed.

    `old` is what it was made of, where a signature may have been that had to be left out.
    """
    if not edits:
        return
    removed = [e for e in edits if e.content is None]
    names = {seen.name for seen in walk(str(out), limits or WalkLimits()) if isinstance(seen, Member)}
    pattern = _pattern(removed, names) if removed else None
    changed = {
        tuple(map(plain, e.origin[:n])) for e in edits for n in range(len(e.origin) + (e.content is not None))
    }
    packages: set[tuple[str, ...]] = set()
    digests = _digests(old, changed, limits or WalkLimits()) if old is not None else {}
    for seen in walk(str(out), limits or WalkLimits()):
        if not isinstance(seen, Member) or seen.kind != "file" or seen.derived not in _LOOKED_AT:
            continue
        if not seen.derived:
            if seen.format == "rpm":
                packages.add(tuple(map(plain, seen.parts[1:])))
            yield from _lists(seen, str(out), changed)
            if seen.parts[1:]:
                yield from _signature(seen, str(out), changed)
        if not seen.container and seen.size <= _LARGEST and b"\0" not in bytes(seen.content[:1024]):
            yield from _text(seen, str(out), changed, pattern, digests)
    if old is not None and (written := packages & changed):
        yield from _unsigned(old, str(out), written, limits or WalkLimits())


def _digests(
    old: Path, changed: set[tuple[str, ...]], limits: WalkLimits
) -> dict[bytes, tuple[tuple[str, ...], str]]:
    """Return the digests that the files had which were changed, in hexadecimal and Base64, each with its file and algorithm."""
    found = {}
    for seen in walk(str(old), limits):
        path = tuple(map(plain, seen.parts[1:])) if isinstance(seen, Member) else ()
        if not isinstance(seen, Member) or not path or path not in changed or seen.derived or seen.offset:
            continue
        made = {"sha256": bytes.fromhex(seen.sha256)}
        if len(seen.content) == seen.size:
            data = bytes(seen.content)
            made |= {
                name: hashlib.new(name, data, usedforsecurity=False).digest()
                for name in ("md5", "sha1", "sha512")
            }
        for name, value in made.items():
            found[value.hex().encode()] = found[base64.b64encode(value)] = (path, name)
    return found


def _text(
    member: Member,
    subject: str,
    changed: set[tuple[str, ...]],
    pattern: re.Pattern[bytes] | None,
    digests: Mapping[bytes, tuple[tuple[str, ...], str]],
) -> Iterator[Finding]:
    """Yield what one text says of what was changed and removed; a bundle that is one file speaks of nothing else."""
    if member.parts[1:] and not member.derived:
        listed = list(_sums(member, subject, changed))
        yield from listed or _stale_digests(member, subject, digests)
    if pattern is not None and (member.parts[1:] or member.derived):
        yield from _references(member, subject, pattern)


def _unsigned(
    old: Path, subject: str, written: set[tuple[str, ...]], limits: WalkLimits
) -> Iterator[Finding]:
    """Yield the packages whose maker's signature was left out, since it was over another header."""
    for seen in walk(str(old), limits):
        if not isinstance(seen, Member) or seen.format != "rpm" or seen.derived or seen.offset:
            continue
        if tuple(map(plain, seen.parts[1:])) in written and rpm_signed(bytes(seen.content)):
            name = NESTING.join(seen.parts[1:]) or seen.name
            yield Finding(
                rule=INNER_SIGNATURE, subject=subject, location=InFile((subject, *seen.parts[1:])), evidence=name,
                message=f"{name}: its maker's signature was left out, since it is over what was changed (rpmsign --addsign signs it again)",
            )  # fmt: skip


def _pattern(removed: Iterable[TextEdit], names: set[str]) -> re.Pattern[bytes]:
    """Return what a reference looks like: the path from its second-to-last part on, or a telling last part alone."""
    words: set[str] = set()
    for edit in removed:
        path = plain(edit.origin[-1])
        last = posixpath.basename(path)
        folder = posixpath.basename(posixpath.dirname(path))
        if folder:
            words.add(f"{folder}/{last}")
        if folder and not edit.folder and last.lower() in _INDEXES:  # the folder is asked for by its own name
            words.add(f"{folder}/")
            if around := posixpath.basename(posixpath.dirname(posixpath.dirname(path))):
                words.add(f"{around}/{folder}")
        telling = len(last) >= _LEAST_FOLDER if edit.folder else "." in last and last not in names
        if telling and last.lower() not in _EVERYWHERE:
            words.add(last)
    if not words:
        return re.compile(rb"(?!)")  # other members have the name, too
    choice = "|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w)))
    return re.compile(rf"(?<![\w.-])(?:{choice})(?![\w-])".encode(), re.IGNORECASE)


def _references(member: Member, subject: str, pattern: re.Pattern[bytes]) -> Iterator[Finding]:
    """Yield one finding for a file, at its first reference; a manifest may hold thousands."""
    content = bytes(member.content)
    first, lines, counted, line = None, set(), 0, 1
    for found in pattern.finditer(content):
        line += content.count(b"\n", counted, found.start())
        counted = found.start()
        lines.add(line)
        first = first or (found[0].decode("utf-8", "replace"), line)
    if first is None:
        return
    name, at = first
    more = f", and so do {len(lines) - 1} more lines" if lines - {at} else ""
    yield Finding(
        rule=REFERENCE, subject=subject, location=member.at(at), confidence=Confidence.MEDIUM, evidence=name,
        message=f"{'a script of ' if member.derived else ''}{member.name} line {at} names {name}, which was removed{more}",
    )  # fmt: skip


def _lists(member: Member, subject: str, changed: set[tuple[str, ...]]) -> Iterator[Finding]:
    """Yield which lists of sums were updated."""
    inner = tuple(map(plain, member.parts[1:]))
    if member.format == "makeself" and (inner in changed or (not inner and changed)):
        name = NESTING.join(inner) or member.name
        yield Finding(rule=SUMS, subject=subject, location=member.at(),
                      message=f"{name}: checksums and sizes in the script of makeself were updated")  # fmt: skip
        if _SIGNED_SCRIPT.search(bytes(member.content)):
            yield Finding(rule=INNER_SIGNATURE, subject=subject, location=member.at(), evidence=name,
                          message=f"{name}: its own signature is over an archive that was changed by the cleaning")  # fmt: skip
    elif member.format == "rpm" and inner in changed:
        name = NESTING.join(inner) or member.name
        yield Finding(rule=SUMS, subject=subject, location=member.at(),
                      message=f"{name}: the header's lists of files, sizes and digests were updated")  # fmt: skip
    elif (
        inner and inner[-1] in ("md5sums", "conffiles") and inner[:-1] and inner[-2].startswith("control.tar")
    ) and any(c[:-1] == inner[:-2] and c[-1].startswith("data.tar") for c in changed if c):
        yield Finding(rule=SUMS, subject=subject, location=member.at(),
                      message=f"{NESTING.join(inner)} says what data.tar holds now")  # fmt: skip


def _sums(member: Member, subject: str, changed: set[tuple[str, ...]]) -> Iterator[Finding]:
    """Yield one finding for a list of checksums, at its first line about a file with other bytes now, and count the rest."""
    around = tuple(map(plain, member.parts[1:-1]))
    here = posixpath.dirname(plain(member.parts[-1]))
    stale: list[tuple[str, str, int]] = []
    for found in _SUM_LINE.finditer(bytes(member.content)):
        name = (found[1] or found[2] or found[3]).decode("utf-8", "replace")
        covered = next(
            (path for path in (plain(posixpath.join(here, name)), plain(name)) if (*around, path) in changed),
            None,
        )
        if covered is not None:
            stale.append((name, covered, found.start()))
    if not stale:
        return
    name, covered, start = stale[0]
    line = member.content[:start].count(b"\n") + 1
    others = len(stale) - 1
    more = f"; so {'have' if others > 1 else 'has'} {others} more line{'s' * (others > 1)}" if others else ""
    yield Finding(
        rule=INNER_SIGNATURE, subject=subject, location=member.at(line), evidence=name,
        message=f"{member.name} line {line} has a checksum of {covered}, which was changed by the cleaning{more}",
    )  # fmt: skip


def _stale_digests(
    member: Member, subject: str, digests: Mapping[bytes, tuple[tuple[str, ...], str]]
) -> Iterator[Finding]:
    """Yield a finding for each file whose old digest a text that is no list of checksums holds: a script, JSON, a lock file."""
    named: set[tuple[str, ...]] = set()
    if not digests or member.name.endswith(_DETACHED):  # which `_signature` names
        return
    for found in _DIGEST.finditer(bytes(member.content)):
        path, name = digests.get(found[0]) or digests.get(found[0].lower()) or ((), "")
        if path and path not in named:
            named.add(path)
            line = member.content[: found.start()].count(b"\n") + 1
            yield Finding(
                rule=INNER_SIGNATURE, subject=subject, location=member.at(line), evidence=NESTING.join(path),
                message=f"{member.name} line {line} has the old {name} of {NESTING.join(path)}, which was changed by the cleaning",
            )  # fmt: skip


def _signature(member: Member, subject: str, changed: set[tuple[str, ...]]) -> Iterator[Finding]:
    around = tuple(map(plain, member.parts[1:-1]))
    name = plain(member.parts[-1])
    beside = next((name.removesuffix(end) for end in _DETACHED if name.endswith(end)), "")
    inside = around in changed and (_IN_JAR.search(name) or _IN_DEB.search(name))
    if inside:
        covered = NESTING.join(around) or "the bundle itself"
    elif beside and (*around, beside) in changed:
        covered = NESTING.join((*around, beside))
    else:
        return
    yield Finding(
        rule=INNER_SIGNATURE, subject=subject, location=member.at(), evidence=covered,
        message=f"{name} is over {covered}, which was changed by the cleaning",
    )  # fmt: skip
