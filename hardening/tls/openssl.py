"""The cipher-list language of OpenSSL, exactly, per build, without that OpenSSL.

resolution = resolve("HIGH:!aNULL:@STRENGTH", build("1.0.2k-el7"))
resolution.error      None, or why that library refuses the whole string
resolution.ciphers    what the list holds, in the library's order
resolution.tls13      the TLS 1.3 suites, which no cipher list touches
resolution.steps      what each element did
resolution.notes      the classic traps it steps into

The library keeps one chain of ciphers, each active or not; every element of the string moves
ciphers in that chain. The order of the inactive ones counts too: it is the order in which a later
element adds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from hardening.errors import UsageError
from hardening.tls.builds import GENERATIONS, NAMES, Build, Cipher, build, builds
from hardening.tls.registry import PROTOCOLS

__all__ = ["NAMES", "Build", "Cipher", "Resolution", "Step", "build", "builds", "resolve"]

INVALID = "invalid command"
NO_MATCH = "no cipher match"
SEPARATORS = frozenset(": ;,")
DEFAULT_TLS13 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"


class Step(NamedTuple):
    """What one element of the string did."""

    element: str
    """As written, with its sign; what a keyword stands for is not expanded."""
    action: str
    """`add`, `delete`, `kill`, `move`, `sort`, `level`, `unknown` or `error`."""
    changed: tuple[Cipher, ...]
    """The ciphers it added, removed or moved, in their new order."""
    selected: tuple[Cipher, ...]
    """Every cipher the words select in this build, whatever happened to it."""


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
    def steps(self) -> tuple[Step, ...]:
        """Return what each element did."""
        return _run(self.string, self.build, trace=True).steps

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the classic traps the string steps into, worst first."""
        from hardening.tls import openssl_traps

        return openssl_traps.notes(self)

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
    return found  # type: ignore[no-any-return]  # the memory of a build holds several kinds


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
    return PROTOCOLS.index(cipher.version) <= PROTOCOLS.index(protocol)


_LEVEL_BITS = (0, 80, 112, 128, 192, 256)


def usable(cipher: Cipher, protocol: str, level: int | None) -> bool:
    """Return whether a cipher survives the security level under a protocol version.

    Source: SSL_CTX_set_security_level(3), and the effects measured per level.
    """
    if not negotiable(cipher, protocol):
        return False
    if not level:
        return True
    bits = _LEVEL_BITS[min(level, 5)]
    _, auth, enc, mac, _, _ = cipher.masks
    forward = cipher.tls13 or bool(cipher.masks[0] & (_K_DHE | _K_ECDHE))
    return not (
        cipher.strength_bits < bits
        or auth & _A_NULL
        or mac & _MD5
        or (bits > _SHA1_BITS and mac & _SHA1)
        or (level >= _NO_RC4 and enc & _RC4)
        or (level >= _FORWARD_ONLY and not forward)
    )


# Masks that the arrangement below and the security level need; 1.0.x, then 1.1.0 and later.
_A_NULL, _MD5, _SHA1, _RC4 = 4, 1, 2, 4  # the same numbers in every generation from 1.0.0
_SHA1_BITS, _NO_RC4, _FORWARD_ONLY = 160, 2, 3
_K_DHE, _K_ECDHE = 2, 4
_AEAD = 64
_OLD_AES = 0x40 | 0x80 | 0x1000 | 0x2000
_OLD_K_ECDHE, _OLD_A_ECDH, _OLD_K_RSA, _OLD_K_PSK, _OLD_K_KRB5 = 0x80, 0x10, 1, 0x100, 0x10


class _Outcome(NamedTuple):
    ciphers: tuple[Cipher, ...]
    error: str | None
    level: int | None
    steps: tuple[Step, ...]


class _Words(NamedTuple):
    """What the words between a sign and a separator select: a set of bits, one per cipher."""

    known: bool
    selected: int


class _Chain:
    """The library's chain of ciphers; each is one bit of an integer, by its place in the table."""

    def __init__(self, order: list[int], active: int = 0) -> None:
        self.order = order
        self.active = active

    def add(self, chosen: int) -> int:
        chosen &= ~self.active
        if chosen:
            self._to_end(chosen)
            self.active |= chosen
        return chosen

    def move(self, chosen: int) -> int:
        chosen &= self.active
        if chosen:
            self._to_end(chosen)
        return chosen

    def delete(self, chosen: int, *, keep_place: bool = False) -> int:
        chosen &= self.active
        if chosen:
            if not keep_place:
                self._to_front(chosen)
            self.active &= ~chosen
        return chosen

    def kill(self, chosen: int) -> int:
        gone = chosen & self.active
        self.order = [bit for bit in self.order if not bit & chosen]
        self.active &= ~chosen
        return gone

    def bump(self, chosen: int) -> None:
        self._to_front(chosen & self.active)

    def sort(self, strength: dict[int, int]) -> None:
        active = self.active
        on = sorted((b for b in self.order if b & active), key=strength.__getitem__, reverse=True)
        self.order = [b for b in self.order if not b & active] + on

    def _to_end(self, chosen: int) -> None:
        self.order = [b for b in self.order if not b & chosen] + [b for b in self.order if b & chosen]

    def _to_front(self, chosen: int) -> None:
        self.order = [b for b in self.order if b & chosen] + [b for b in self.order if not b & chosen]


class _Engine:
    """One build made ready to resolve: its arranged chain and what each element selects."""

    def __init__(self, build: Build) -> None:
        self.build = build
        generation = GENERATIONS.index(build.generation)
        self.generation = generation
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
        letters += "." * (generation >= _SINCE_101) + "=" * (generation >= _SINCE_110)
        self.letters = frozenset(letters + "_" * (generation >= _SINCE_32))
        self.bits = {1 << i: c for i, c in enumerate(build.ciphers)}
        self.strength = {1 << i: c.strength_bits for i, c in enumerate(build.ciphers)}
        self.everything = (1 << len(build.ciphers)) - 1
        self.names: dict[str, int] = {}
        for bit, cipher in self.bits.items():
            self.names.setdefault(cipher.name, bit)
            if generation >= _SINCE_32:
                self.names.setdefault(cipher.iana, bit)
        self.words: dict[tuple[str, ...], _Words] = {}
        self.start = tuple(self._arranged().order)

    def chain(self) -> _Chain:
        return _Chain(list(self.start))

    def ciphers(self, bits: Iterable[int]) -> tuple[Cipher, ...]:
        return tuple(self.bits[b] for b in bits)

    def of(self, chosen: int) -> tuple[Cipher, ...]:
        return tuple(c for b, c in self.bits.items() if b & chosen)

    def select(self, words: tuple[str, ...]) -> _Words:
        found = self.words.get(words)
        if found is None:
            found = self.words[words] = self._select(words)
        return found

    def _select(self, words: tuple[str, ...]) -> _Words:
        return _select_098(self, words) if self.generation == 0 else _select(self, words)

    def _where(self, place: int, mask: int) -> int:
        return sum(b for b, c in self.bits.items() if c.masks[place] & mask)

    def _arranged(self) -> _Chain:
        """Return the chain as the library arranges it before it reads the string."""
        chain = _Chain(list(self.bits))
        if self.generation == 0:
            return chain
        if self.generation < _SINCE_110:
            chain.add(self._where(0, _OLD_K_ECDHE))
            chain.delete(self.everything)
            chain.add(self._where(2, _OLD_AES))
            chain.add(self.everything)
            chain.move(self._where(3, _MD5))
            chain.move(self._where(1, _A_NULL))
            chain.move(self._where(1, _OLD_A_ECDH))
            for kx in (_OLD_K_RSA, _OLD_K_PSK, _OLD_K_KRB5):
                chain.move(self._where(0, kx))
            chain.move(self._where(2, _RC4))
            chain.sort(self.strength)
        else:
            _arrange_110(self, chain)
        chain.delete(self.everything)
        return chain


_SINCE_101, _SINCE_110, _SINCE_111, _SINCE_32 = (
    GENERATIONS.index(g) for g in ("1.0.1", "1.1.0", "1.1.1", "3.2")
)
_AES_GCM, _CHACHA20, _AES_REST = 0x3000, 0x80000, 0x3F0C0 & ~0x3000
_NEW_K_RSA, _NEW_K_PSK = 1, 0x8


def _arrange_110(engine: _Engine, chain: _Chain) -> None:
    where = engine._where  # noqa: SLF001 - the two are one algorithm, split by generation
    chain.add(where(0, _K_ECDHE) & where(1, 8))
    chain.add(where(0, _K_ECDHE))
    chain.delete(where(0, _K_ECDHE))
    chain.add(where(2, _AES_GCM))
    chain.add(where(2, _CHACHA20))
    chain.add(where(2, _AES_REST))
    chain.add(engine.everything)
    chain.move(where(3, _MD5))
    chain.move(where(1, _A_NULL))
    chain.move(where(0, _NEW_K_RSA))
    chain.move(where(0, _NEW_K_PSK))
    chain.move(where(2, _RC4))
    chain.sort(engine.strength)
    ephemeral = where(0, _K_DHE | _K_ECDHE)
    aead = where(3, _AEAD)
    chain.bump(sum(b for b, c in engine.bits.items() if c.version == "TLSv1.2"))
    chain.bump(aead)
    chain.bump(ephemeral)
    chain.bump(ephemeral & aead)


def _engine(build: Build) -> _Engine:
    found = build.memory.get(_Engine)
    if found is None:
        found = build.memory[_Engine] = _Engine(build)
    return found  # type: ignore[no-any-return]  # the memory of a build holds several kinds


_EXP, _STRONG_OLD, _STRONG_110, _NOT_DEFAULT_110, _NOT_DEFAULT_OLD = 0x3, 0x1FC, 0x1F, 0x20, 0x200


def _select(engine: _Engine, words: tuple[str, ...]) -> _Words:
    """Return what `A+B+C` selects from 1.0.0 on: each kind of mask narrows, a name fixes the cipher."""
    parts = (
        (_EXP, _STRONG_OLD, _NOT_DEFAULT_OLD)
        if engine.generation < _SINCE_110
        else (_STRONG_110, _NOT_DEFAULT_110)
    )
    masks = [0] * (5 + len(parts))
    only = 0
    for word in words:
        keyword = engine.build.keywords.get(word)
        only = 0
        if keyword is None or _disabled(engine, keyword):
            bit = engine.names.get(word)
            if bit is None:
                return _Words(known=False, selected=0)
            only, keyword = bit, engine.bits[bit].masks
        strength = keyword[5]
        split = [*keyword[:5], *(strength & part for part in parts)]
        if only:
            split[4] = 0  # the protocol of a named cipher is not part of the pattern
        for place, mask in enumerate(split):
            if mask:
                masks[place] = masks[place] & mask if masks[place] else mask
                if not masks[place]:
                    return _Words(known=False, selected=0)
    selected = 0
    for bit, cipher in engine.bits.items():
        own = cipher.masks
        split = [*own[:5], *(own[5] & part for part in parts)]
        if all(not mask or mask & mine for mask, mine in zip(masks, split, strict=True)):
            selected |= bit
    return _Words(known=True, selected=selected & only if only else selected)


def _disabled(engine: _Engine, keyword: tuple[int, ...]) -> bool:
    """Return whether this build dropped a keyword because it has nothing of its kind compiled in."""
    for place in range(4):
        mask = keyword[place]
        if mask and not any(mask & c.masks[place] for c in engine.build.ciphers):
            return True
    return False


def _select_098(engine: _Engine, words: tuple[str, ...]) -> _Words:
    algorithms = mask = strength = strength_mask = 0
    for word in words:
        keyword = engine.build.keywords.get(word)
        if keyword is None:
            bit = engine.names.get(word)
            if bit is None:
                return _Words(known=False, selected=0)
            own = engine.bits[bit].masks
            keyword = (own[0], 0x1FFFFFFF, own[1], 0x1FF)
        a, m, s, sm = keyword
        algorithms = (algorithms & ~m) | (a & ~mask) | (algorithms & a)
        mask |= m
        strength = (strength & ~sm) | (s & ~strength_mask) | (strength & s)
        strength_mask |= sm
    selected = 0
    for bit, cipher in engine.bits.items():
        ma, ms = mask & cipher.masks[0], strength_mask & cipher.masks[1]
        if (ma or ms) and ma & algorithms == ma and ms & strength == ms:
            selected |= bit
    return _Words(known=True, selected=selected)


_SIGNS = {"-": "delete", "+": "move", "!": "kill", "@": "@"}
_SUITE_B = (
    ("SUITEB128ONLY", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("SUITEB128C2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("SUITEB128", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("SUITEB192", "ECDHE-ECDSA-AES256-GCM-SHA384"),
)


class _Reader:
    """Reads one string element by element onto a chain, as the library's parser does."""

    def __init__(self, engine: _Engine, *, trace: bool) -> None:
        self.engine = engine
        self.chain = engine.chain()
        self.trace = trace
        self.ok = True
        self.level = engine.build.security_level
        self.steps: list[Step] = []

    def read(self, text: str) -> None:
        at, end, letters = 0, len(text), self.engine.letters
        while at < end:
            begin = at
            action = _SIGNS.get(text[at], "add")
            if text[at] in SEPARATORS:
                at += 1
                continue
            if text[at] in _SIGNS:
                at += 1
            words: list[str] = []
            bad = False
            while True:
                start = at
                while at < end and text[at] in letters:
                    at += 1
                if at == start:
                    bad = True
                    at += 1
                    break
                words.append(text[start:at])
                if action == "@" or at >= end or text[at] != "+":
                    break
                at += 1
                if not self.engine.select(tuple(words)).known:
                    break
            if bad:
                self.ok = False
                at = min(at, end)
                if self.trace:
                    self.steps.append(Step(text[begin:at], "error", (), ()))
            if action == "@":
                if not bad:
                    self._command(words[0])
                known = False
            else:
                known = not bad and self._apply(action, tuple(words), text[begin:at])
            if not known:
                while at < end and text[at] not in SEPARATORS:
                    at += 1

    def _command(self, word: str) -> None:
        if word == "STRENGTH":
            self.chain.sort(self.engine.strength)
            if self.trace:
                self.steps.append(Step("@STRENGTH", "sort", self._active(), ()))
            return
        since = self.engine.generation >= _SINCE_110
        if since and len(word) == len("SECLEVEL=n") and word.startswith("SECLEVEL=") and word[-1] in "012345":
            self.level = int(word[-1])
            if self.trace:
                self.steps.append(Step("@" + word, "level", (), ()))
            return
        self.ok = False
        if self.trace:
            self.steps.append(Step("@" + word, "error", (), ()))

    def _active(self) -> tuple[Cipher, ...]:
        active = self.chain.active
        return self.engine.ciphers(b for b in self.chain.order if b & active)

    def _apply(self, action: str, words: tuple[str, ...], element: str) -> bool:
        known, selected = self.engine.select(words)
        if not known:
            if self.trace:
                self.steps.append(Step(element, "unknown", (), ()))
            return False
        chain = self.chain
        if action == "add":
            changed = chain.add(selected)
        elif action == "move":
            changed = chain.move(selected)
        elif action == "delete":
            changed = chain.delete(selected, keep_place=self.engine.generation == 0)
        else:
            gone = self.engine.ciphers(b for b in chain.order if b & selected & chain.active)
            changed = chain.kill(selected)
        if self.trace:
            new = gone if action == "kill" else self.engine.ciphers(b for b in chain.order if b & changed)
            self.steps.append(Step(element, action, new, self.engine.of(selected)))
        return True


def _run(string: str, build: Build, *, trace: bool) -> _Outcome:
    engine = _engine(build)
    text = string
    if GENERATIONS.index(build.generation) >= GENERATIONS.index("1.0.2"):
        text = next((to for word, to in _SUITE_B if text.startswith(word)), text)
    reader = _Reader(engine, trace=trace)
    if text.startswith("DEFAULT"):
        reader.read(build.default_string)
        text = text[len("DEFAULT") :]
    if reader.ok:
        reader.read(text)
    active = reader.chain.active
    ciphers = engine.ciphers(b for b in reader.chain.order if b & active) if reader.ok else ()
    error = INVALID if not reader.ok else None if ciphers else NO_MATCH
    return _Outcome(ciphers, error, reader.level, tuple(reader.steps))


def _tls13(build: Build, ciphersuites: str | None) -> tuple[tuple[Cipher, ...], str | None]:
    """Return the TLS 1.3 suites in force, and why the setting is refused if it is."""
    if "TLSv1.3" not in build.protocols:
        return (), None
    known = {c.name: c for c in build.tls13}
    names = [n for n in (DEFAULT_TLS13 if ciphersuites is None else ciphersuites).split(":") if n]
    unknown = [n for n in names if n not in known]
    if unknown and build.generation == "1.1.1":
        return (), f"{NO_MATCH} ({unknown[0]})"
    return tuple(known[n] for n in names if n in known), None
