"""The cipher-list language of OpenSSL, exactly, per build, without that OpenSSL.

resolution = resolve("HIGH:!aNULL:@STRENGTH", build("1.0.2k-el7"))
resolution.error      None, or why that library refuses the whole string
resolution.ciphers    what the list holds, in the library's order
resolution.tls13      the TLS 1.3 suites, which no cipher list touches
resolution.steps      what each element did
openssl_traps.notes(resolution)    the classic traps it steps into

The parser's quirks are kept: what is an error, what is skipped, and where an element ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from hardening.errors import UsageError
from hardening.records import dataclass
from hardening.tls.libraries.builds import NAMES, build, builds
from hardening.tls.libraries.library import Build, Cipher
from hardening.tls.libraries.openssl_chain import (
    A_NULL,
    K_DHE,
    K_ECDHE,
    MD5,
    RC4,
    SHA1,
    SINCE_102,
    SINCE_110,
    Chain,
)
from hardening.tls.libraries.openssl_words import CipherWords
from hardening.tls.registry import PROTOCOLS

__all__ = ["NAMES", "Build", "Cipher", "CipherStep", "Resolution", "build", "builds", "resolve"]

INVALID = "invalid command"
NO_MATCH = "no cipher match"
SEPARATORS = ": ;,"
PROFILE = "PROFILE=SYSTEM"
DEFAULT_TLS13 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"


class CipherStep(NamedTuple):
    """What one element of the string did."""

    element: str
    """As written, with its sign; what a keyword stands for is not expanded."""
    action: str
    """`add`, `delete`, `kill`, `move`, `sort`, `level`, `unknown` or `error`."""
    changed: tuple[Cipher, ...]
    """The ciphers it added, removed or moved, in their new order."""
    selected: tuple[Cipher, ...]
    """Every cipher the words select in this build, whatever happened to it."""
    inside: str = ""
    """`DEFAULT` or the Suite B word whose meaning this step is part of; empty for what was written."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resolution:
    """What one string means to one build."""

    string: str
    build: Build
    error: str | None
    """Why the library refuses the string as a whole; then `ciphers` is empty."""
    ciphers: tuple[Cipher, ...]
    """In the order of SSL_get_ciphers, without TLS 1.3."""
    tls13: tuple[Cipher, ...]
    security_level: int | None
    """What `@SECLEVEL=` said, else the build's default; None before 1.1.0."""

    @property
    def suites(self) -> tuple[Cipher, ...]:
        """TLS 1.3 suites and the list, as SSL_get_ciphers returns them together."""
        return self.tls13 + self.ciphers

    @property
    def steps(self) -> tuple[CipherStep, ...]:
        """Return what each element did."""
        return _run(self.string, self.build, trace=True).steps

    def under(self, protocol: str) -> tuple[Cipher, ...]:
        """Return what can be negotiated under one protocol version at the security level."""
        return tuple(c for c in self.suites if usable(c, protocol, self.security_level))


def resolve(
    string: str,
    build: Build,
    *,
    protocols: Iterable[str] | None = None,
    ciphersuites: str | None = None,
) -> Resolution:
    """Resolve a cipher string as one build does; remembered per build.

    `protocols` keeps only what one of these versions can negotiate. `ciphersuites` is the separate
    TLS 1.3 setting; None means the library's default.
    Errors: UsageError for an unknown protocol. A string the library refuses is no error here: see
    `Resolution.error`.
    """
    wanted = None if protocols is None else _protocols(protocols)
    key = (string, wanted, ciphersuites)
    found = build.memory.get(key)
    if found is None:
        if len(build.memory) > _REMEMBERED:
            build.memory.clear()
        found = build.memory[key] = _resolve(string, build, wanted, ciphersuites)
    return found


_REMEMBERED = 20_000


def _protocols(protocols: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(protocols)
    for name in wanted:
        if name not in PROTOCOLS:
            raise UsageError(f"unknown protocol {name!r}", hint=f"known: {', '.join(PROTOCOLS)}")
    return wanted


def _resolve(
    string: str, build: Build, protocols: frozenset[str] | None, ciphersuites: str | None
) -> Resolution:
    outcome = _run(string, build, trace=False)
    ciphers = outcome.ciphers
    tls13, refused = _tls13(build, ciphersuites)
    if protocols is not None:
        ciphers = tuple(c for c in ciphers if any(negotiable(c, p) for p in protocols))
        tls13 = tls13 if "TLSv1.3" in protocols else ()
    return Resolution(
        string=string,
        build=build,
        error=outcome.error or refused,
        ciphers=ciphers,
        tls13=tls13,
        security_level=outcome.level,
    )


def negotiable(cipher: Cipher, protocol: str) -> bool:
    """Return whether a protocol version can negotiate a cipher at all."""
    if cipher.sslv2 or protocol == "SSLv2":
        return cipher.sslv2 and protocol == "SSLv2"
    if cipher.tls13 or protocol == "TLSv1.3":
        return cipher.tls13 and protocol == "TLSv1.3"
    at = PROTOCOLS.index
    return at(cipher.version) <= at(protocol) <= at(cipher.last)


def spoken(build: Build, level: int | None = None) -> tuple[str, ...]:
    """Return the protocol versions a build speaks at a security level (None: its default one).

    Measured at each level: from 3.0 on TLS 1.1 and older need level 0 (3.0 itself still offers them
    in its ClientHello, and fails); before that level 2 ends SSL 3.0, level 3 TLS 1.0 and level 4 TLS 1.1.
    """
    at = build.security_level if level is None else level
    if not at:
        return build.protocols
    floor = 4 if build.release >= _OLD_NEED_LEVEL_0 else min(max(at, 1), 4)
    return tuple(p for p in build.protocols if PROTOCOLS.index(p) >= floor)


_OLD_NEED_LEVEL_0 = (3, 0, 0)
_LEVEL_BITS = (0, 80, 112, 128, 192, 256)
_SHA1_BITS, _NO_RC4, _FORWARD_ONLY = 160, 2, 3


@lru_cache(maxsize=16384)
def usable(cipher: Cipher, protocol: str, level: int | None) -> bool:
    """Return whether a cipher survives the security level under a protocol version.

    Source: SSL_CTX_set_security_level(3), and the effects measured per level.
    """
    if not negotiable(cipher, protocol):
        return False
    if not level:
        return True
    bits = _LEVEL_BITS[min(level, 5)]
    kx, auth, enc, mac, *_ = cipher.masks
    forward = cipher.tls13 or kx & (K_DHE | K_ECDHE)
    return not (
        cipher.strength_bits < bits
        or auth & A_NULL
        or mac & MD5
        or (bits > _SHA1_BITS and mac & SHA1)
        or (level >= _NO_RC4 and enc & RC4)
        or (level >= _FORWARD_ONLY and not forward)
    )


class _Outcome(NamedTuple):
    ciphers: tuple[Cipher, ...]
    error: str | None
    level: int | None
    steps: tuple[CipherStep, ...]


_SIGNS = {"-": "delete", "+": "move", "!": "kill", "@": "command"}
_SUITE_B = (
    ("SUITEB128ONLY", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("SUITEB128C2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("SUITEB128", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("SUITEB192", "ECDHE-ECDSA-AES256-GCM-SHA384"),
)


class _Reader:
    """Reads one string element by element onto a chain, as the library's parser does."""

    def __init__(self, words: CipherWords, *, trace: bool) -> None:
        self.words = words
        self.table = words.table
        self.chain = Chain(words.table.start)
        self.trace = trace
        self.ok = True
        self.level = words.table.build.security_level
        self.steps: list[CipherStep] = []
        self.inside = ""

    def read(self, text: str) -> None:
        at, end = 0, len(text)
        while at < end:
            if text[at] in SEPARATORS:
                at += 1
                continue
            action = _SIGNS.get(text[at], "add")
            found, after = self._words(text, at + (action != "add"), single=action == "command")
            if found is None:
                self.ok = False
                self._step(text[at:after], "error")
                after = _next_separator(text, after)
            elif action == "command":
                self._command(found[0])
                after = _next_separator(text, after)
            elif self.words.select(found).known:
                self._apply(action, found, text[at:after])
            else:  # the rest of the element is thrown away
                after = _next_separator(text, after)
                self._step(text[at:after], "unknown")
            at = after

    def _words(self, text: str, at: int, *, single: bool) -> tuple[tuple[str, ...] | None, int]:
        """Return the words of an element and where it ends; None where a word should be and is not."""
        letters, end = self.words.letters, len(text)
        found: tuple[str, ...] = ()
        while True:
            start = at
            while at < end and text[at] in letters:
                at += 1
            if at == start:
                return None, min(at + 1, end)
            found = (*found, text[start:at])
            if single or at >= end or text[at] != "+":
                return found, at
            at += 1
            if self.words.complete(found):
                return found, at

    def _command(self, word: str) -> None:
        if word == "STRENGTH":
            self.chain.sort(self.table.strength)
            self._step("@STRENGTH", "sort", self.chain.active)
        elif self.words.generation >= SINCE_110 and word[:-1] == "SECLEVEL=" and word[-1] in "012345":
            self.level = int(word[-1])
            self._step("@" + word, "level")
        else:
            self.ok = False
            self._step("@" + word, "error")

    def _apply(self, action: str, words: tuple[str, ...], element: str) -> None:
        selected = chosen = self.words.select(words).bits
        chain = self.chain
        if len(chain.order) == 1 and self.words.generation < SINCE_102:
            chosen = 0  # before 1.0.2 the loop over the chain ends before a cipher that is alone
        before = chain.listed() if self.trace and action in ("kill", "delete") else []
        if action == "add":
            changed = chain.add(chosen)
        elif action == "move":
            changed = chain.move(chosen)
        elif action == "kill":
            changed = chain.kill(chosen)
        else:
            changed = chain.delete(chosen, keep_place=self.words.generation == 0)
        self._step(element, action, changed, selected, before)

    def _step(
        self, element: str, action: str, changed: int = 0, chosen: int = 0, before: Iterable[int] = ()
    ) -> None:
        if self.trace:
            order = before or self.chain.order
            moved = self.table.named(bit for bit in order if bit & changed)
            self.steps.append(CipherStep(element, action, moved, self.table.spread(chosen), self.inside))


def _next_separator(text: str, at: int) -> int:
    while at < len(text) and text[at] not in SEPARATORS:
        at += 1
    return at


def _vocabulary(build: Build) -> CipherWords:
    found = build.memory.get(CipherWords)
    if found is None:
        found = build.memory[CipherWords] = CipherWords(build)
    return found


def _run(string: str, build: Build, *, trace: bool) -> _Outcome:
    words = _vocabulary(build)
    text = string
    reader = _Reader(words, trace=trace)
    if words.generation >= SINCE_102:
        reader.inside, text = next((found for found in _SUITE_B if text.startswith(found[0])), ("", text))
    if build.system_policy is not None and text.startswith(PROFILE):
        reader.inside = PROFILE
        text = build.system_policy + text[len(PROFILE) :]
    if text.startswith("DEFAULT"):
        reader.inside = "DEFAULT"
        reader.read(build.default_string)
        reader.inside, text = "", text[len("DEFAULT") :]
    if reader.ok:
        reader.read(text)
    ciphers = words.table.named(reader.chain.listed()) if reader.ok else ()
    error = INVALID if not reader.ok else None if ciphers else NO_MATCH
    return _Outcome(ciphers, error, reader.level, tuple(reader.steps))


def _tls13(build: Build, ciphersuites: str | None) -> tuple[tuple[Cipher, ...], str | None]:
    """Return the TLS 1.3 suites in force, and why the setting is refused if it is.

    Names are IANA's and exact. A suite of older protocols is accepted and means nothing; an unknown
    name makes 1.1.1 refuse the setting, later ones only when nothing else is in it.
    """
    if "TLSv1.3" not in build.protocols or ciphersuites == "":
        return (), None
    known = {c.name: c for c in build.tls13}
    older = {c.iana for c in build.ciphers}
    words = [
        word.strip(" \t") for word in (ciphersuites or build.default_suites13 or DEFAULT_TLS13).split(":")
    ]
    understood = [word for word in words if word in known or word in older]
    if not understood or (build.generation == "1.1.1" and len(understood) < len(words)):
        return (), f"Ciphersuites: {NO_MATCH}"
    return tuple(known[word] for word in understood if word in known), None
