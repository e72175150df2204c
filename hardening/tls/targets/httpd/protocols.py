"""What httpd speaks: the words of `SSLProtocol`, what they leave on, and what a command takes from every name."""

from __future__ import annotations

from collections.abc import Iterable

from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import Located
from hardening.tls.release import Release, directives
from hardening.tls.targets.reading import protocol_ranges

TOKENS = {"sslv2": "SSLv2", "sslv3": "SSLv3", "tlsv1": "TLSv1.0", "tlsv1.1": "TLSv1.1", "tlsv1.2": "TLSv1.2",
           "tlsv1.3": "TLSv1.3"}  # fmt: skip
OF_COMMANDS = TOKENS | {"tlsv1.0": "TLSv1.0"}
WORDS = {name: {"TLSv1.0": "TLSv1"}.get(name, name) for name in TOKENS.values()}
NEW_TOKENS = ("TLSv1.1", "TLSv1.2", "TLSv1.3")
ORDER = tuple(TOKENS.values())
NO_HOLES = (1, 1, 0)
"""From this OpenSSL on, httpd sets a least and a greatest version, so holes between them vanish."""


def _has(feature: str, release: Release) -> bool:
    return directives("httpd").has(feature, release)


def nameable(release: Release) -> frozenset[str]:
    """Return the versions that a release has words for."""
    names = {"SSLv3", "TLSv1.0"} | {n for n in NEW_TOKENS if _has(f"token {n}", release)}
    if not _has("all without SSLv2", release):
        names.add("SSLv2")
    return frozenset(names)


def always_on(release: Release, build: str) -> tuple[str, ...]:
    """TLS 1.1 and later before httpd had words for them: on whenever the library has them."""
    speaks = builds.build(build).protocols
    words = nameable(release)
    return tuple(n for n in ("TLSv1.1", "TLSv1.2") if n in speaks and n not in words)


def refused(word: str, release: Release) -> str:
    """Return why a release does not start with a word of SSLProtocol, or nothing; what it passes over is no reason."""
    plain = word.lstrip("+-").lower()
    if "${" in plain:  # the environment may say it
        return ""
    if plain not in {*TOKENS, "all"}:
        return f"no httpd we know has {word} in SSLProtocol"
    name = TOKENS.get(plain)
    known = name not in NEW_TOKENS or name in nameable(release)
    return "" if known else f"httpd {release.version} has no {plain} in SSLProtocol"


def switched(text: tuple[str, ...], release: Release) -> set[str]:
    """Return the versions that the words of an SSLProtocol line leave on (ssl_cmd_protocol_parse)."""
    every = set(nameable(release))
    on: set[str] = set()
    for word in text:
        sign, name = (word[0], word[1:]) if word[0] in "+-" else ("", word)
        meant = every if name.lower() == "all" else {TOKENS.get(name.lower(), "")} & set(ORDER)
        on = on - meant if sign == "-" else on | meant if sign == "+" else set(meant)
    return on


def protocols(text: tuple[str, ...], release: Release, build: str, at: InFile) -> tuple[Located, ...]:
    """Return what an SSLProtocol line leaves on, weakest first."""
    on = switched(text, release) | set(always_on(release, build))
    library = builds.build(build)
    if library.release >= NO_HOLES and on:
        greatest = max(ORDER.index(n) for n in on)
        least = greatest
        while least > 0 and ORDER[least - 1] in on:
            least -= 1
        on = set(ORDER[least : greatest + 1])
    return tuple(Located(n, at) for n in ORDER if n in on)


def taken_from_every_name(commands: Iterable[tuple[str, ...]]) -> set[str]:
    """Return the versions that commands `Protocol` switch off: as options of OpenSSL they add up (measured on 2.4.71)."""
    on = set(ORDER)
    for words in commands:
        if words[0].lower() == "protocol":
            on = protocol_ranges.commanded(words[1], on)
    return set(ORDER) - on
