"""Components by what one file says: one pass of the gate, then the few rules whose literals were met."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from bundle.detect.components.elf import linked_libraries
from bundle.detect.components.model import Component, ContentScope, ContentSign
from bundle.detect.components.phpcode import is_command_shell, is_phpinfo_page
from bundle.walk.literals import Gate
from bundle.walk.member import Content, Member

PREDICATES: Mapping[str, Callable[[Content], bool]] = {
    "phpinfo-page": is_phpinfo_page,
    "command-shell": is_command_shell,
    "not-linked-openssl": lambda content: not linked_libraries(content) & {"libssl", "libcrypto"},
}
"""What literals cannot say, by the word a component file uses for it."""

_PHP_OPEN = (b"<?php", b"<?PHP", b"<?=", b"<? ", b"<?\n", b"<?\r", b"<?\t")
_PICTURES = (b"GIF8", b"\x89PNG", b"\xff\xd8\xff")
_SNIFF = 2048
_VERSION_FILE = 64
"""Bytes of a file that holds a version and nothing else, which its path alone tells."""
_DISTINCT = 4
"""Different versions of one component that are told about one file."""


@dataclass(frozen=True, slots=True)
class SeenContent:
    """A component met in a file: by which sign, how many literals, which versions, from which offset."""

    component: Component
    sign: ContentSign
    literals: int
    versions: tuple[str, ...]
    at: int
    distribution: bool = False


class ContentChecks:
    """All content signs of some components behind one gate."""

    def __init__(self, components: Iterable[Component], *, engine: str = "auto") -> None:
        self._signs = [(c, s) for c in components for s in c.contents]
        self._small = [n for n, (_, s) in enumerate(self._signs) if not (s.needs or s.least)]
        self._by_literal: dict[bytes, list[int]] = {}
        for index, (_, sign) in enumerate(self._signs):
            for literal in (*sign.needs, *sign.any):
                self._by_literal.setdefault(literal, []).append(index)
        extra = {w for _, s in self._signs for w in (*s.none, *s.distribution)}
        self.gate = Gate(
            [*self._by_literal, *sorted(extra - set(self._by_literal)), *_PHP_OPEN], engine=engine
        )

    def seen(self, member: Member) -> Iterator[SeenContent]:
        """Say every component whose signs are in the member's content."""
        hits = self.gate.hits(member.content) if member.words is None else member.words
        candidates = {index for literal in hits for index in self._by_literal.get(literal, ())}
        if len(member.content) <= _VERSION_FILE:
            candidates.update(self._small)
        if not candidates:
            return
        scopes = _scopes(member, hits)
        best: dict[str, SeenContent] = {}
        for index in sorted(candidates):
            component, sign = self._signs[index]
            if sign.scope not in scopes:
                continue
            found = _match(component, sign, member, hits)
            before = best.get(component.rule.id)
            if found and (
                before is None
                or (bool(found.versions), found.sign.whole) > (bool(before.versions), before.sign.whole)
            ):
                best[component.rule.id] = found
        yield from best.values()


_LATER: Mapping[str, set[ContentScope]] = {
    "elf": {ContentScope.ELF, ContentScope.BINARY},
    "php": {ContentScope.PHP, ContentScope.TEXT},
}
"""Later windows of a large file do not start as the file does."""


def _scopes(member: Member, hits: Mapping[bytes, int]) -> frozenset[ContentScope]:
    """Tell what a content is by its first bytes, whatever the file is called."""
    head = bytes(member.content[:_SNIFF])
    # eval() runs PHP without an opening tag
    php = any(tag in hits for tag in _PHP_OPEN) or member.payload
    if member.offset and member.format in _LATER:
        found = _LATER[member.format]
    elif member.derived == "constants":
        found = {ContentScope.CONSTANTS}
    elif head.startswith(b"\x7fELF"):
        found = _LATER["elf"]
    elif (
        b"\0" in head
        and not (php and (member.payload or b"<?php" in head))
        and not head.startswith((b"\xff\xfe", b"\xfe\xff"))
    ):
        found = (
            {ContentScope.BINARY, ContentScope.PHP}
            if php and head.startswith(_PICTURES)
            else {ContentScope.BINARY}
        )
    else:
        found = _LATER["php"] if php else {ContentScope.TEXT}
    return frozenset(found | {ContentScope.ANY})


def _match(
    component: Component, sign: ContentSign, member: Member, hits: Mapping[bytes, int]
) -> SeenContent | None:
    if not all(literal in hits for literal in sign.needs) or any(literal in hits for literal in sign.none):
        return None
    some = [literal for literal in sign.any if literal in hits]
    if len(some) < sign.least:
        return None
    if sign.path is not None and not sign.path.search(member.parts[-1]):
        return None
    versions, at = _versions(sign, member.content)
    if sign.must_version and not versions:
        return None
    whole = bool(member.derived) or member.size <= len(member.content)
    if sign.predicate and not (whole and PREDICATES[sign.predicate](_as_page(member))):
        return None
    literals = [*sign.needs, *some]
    return SeenContent(
        component,
        sign,
        len(literals),
        versions,
        min((hits[literal] for literal in literals), default=0) if at is None else at,
        any(word in hits for word in sign.distribution) or (bool(sign.distribution) and not whole),
    )


def _as_page(member: Member) -> Content:
    """Return the content as PHP would read it: what eval() gets has no opening tag."""
    content = member.content
    bare = member.payload and not bytes(content[:_SNIFF]).lstrip().startswith(b"<")
    return b"<?php " + bytes(content).removeprefix(b"?>") if bare else content


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


def _versions(sign: ContentSign, content: Content) -> tuple[tuple[str, ...], int | None]:
    """Return the versions the first pattern that matches reads, and the offset of the first."""
    for text in sign.versions:
        pattern = _compiled(text)
        found: dict[str, int] = {}
        for match in pattern.finditer(content):
            groups = (match["v"],) if "v" in pattern.groupindex else match.groups()
            version = ".".join(g.decode("latin-1") for g in groups if g)
            found.setdefault(version, match.start(1))
            if len(found) == _DISTINCT:
                break
        if found:
            return tuple(found), min(found.values())
    return (), None


def line_of(content: Content, at: int) -> int:
    """Return the line (from 1) that the offset is in."""
    return 1 + bytes(content[:at]).count(b"\n")
