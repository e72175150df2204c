"""The algorithms of SSH: their names, which OpenSSH lists them, what is wrong with the weak ones; data/ssh/*."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from hardening import resources
from hardening.findings import Severity
from hardening.records import dataclass
from hardening.tls.release import Number, Release, number
from hardening.toml_rows import Table

KINDS = ("kex", "host_keys", "ciphers", "macs", "user_keys")
LABELS = {
    "kex": "key exchange",
    "host_keys": "host key algorithm",
    "ciphers": "cipher",
    "macs": "MAC",
    "user_keys": "user key algorithm",
}
SIGNALS = ("ext-info-", "kex-strict-", "kexguess2@")
"""Words in the list of key exchanges that are signals and no algorithms (RFC 8308, strict key exchange)."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One name, and the releases of OpenSSH whose lists take it."""

    name: str
    since: Number
    until: Number | None = None
    note: str = ""
    """Where else it may be had than in an upstream release."""

    def listed_by(self, release: Release) -> bool:
        """Tell whether a release takes the name in its lists."""
        if self.name in release.backports:
            return True
        short = release.upstream[:2]
        return self.since <= short and (self.until is None or short <= self.until)


@dataclass(frozen=True, slots=True)
class Weak:
    """What is wrong with some names of one kind."""

    kind: str
    names: tuple[str, ...]
    severity: Severity
    why: str


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a release lists when nothing is said, and how far that was checked."""

    names: tuple[str, ...]
    verified: str


@cache
def _tables() -> tuple[Mapping[str, Mapping[str, Algorithm]], tuple[Weak, ...]]:
    table = Table.load(resources.tls_data() / "ssh" / "algorithms.toml")
    table.text("source")
    table.text("verified")
    known = {
        kind: {one.name: one for one in map(_algorithm, table.rows(kind))}
        for kind in KINDS
        if kind != "user_keys"
    }
    known["user_keys"] = known["host_keys"]
    found = tuple(_weak(row) for row in table.rows("weak"))
    table.done()
    return known, found


def _algorithm(row: Table) -> Algorithm:
    until = row.text("until", None)
    since = number(row.text("since"))
    found = Algorithm(row.text("name"), since, number(until) if until else None, row.text("note", ""))
    row.done()
    return found


def _weak(row: Table) -> Weak:
    found = Weak(row.text("kind"), row.texts("names"), row.choice("severity", Severity), row.text("why"))
    row.done()
    return found


def known(kind: str) -> Mapping[str, Algorithm]:
    """Return every algorithm of one kind by name."""
    return _tables()[0][kind]


def is_like(name: str, pattern: str) -> bool:
    """Tell whether a name is meant by another; one that ends in `-` stands for all that begin so."""
    return name == pattern or (pattern.endswith("-") and name.startswith(pattern))


def weakness(kind: str, name: str) -> Weak | None:
    """Return what is wrong with an algorithm, or None."""
    return next((w for w in _tables()[1] if w.kind == kind and any(is_like(name, n) for n in w.names)), None)


def is_signal(name: str) -> bool:
    """Tell whether a word in the list of key exchanges is no algorithm."""
    return name.startswith(SIGNALS)


@cache
def _defaults() -> Mapping[str, Mapping[str, Mapping[str, Defaults]]]:
    text = (resources.tls_data() / "ssh" / "defaults.json").read_text("utf-8")
    return {
        side: {
            release: {k: Defaults(tuple(v["names"]), v["verified"]) for k, v in lists.items()}
            for release, lists in releases.items()
        }
        for side, releases in json.loads(text).items()
        if side in {"server", "client"}
    }


def defaults(side: str, release: Release) -> Mapping[str, Defaults]:
    """Return the lists of a release when nothing is said; an unlisted release has those of the last one before it.

    `side` is `server` or `client`. What a client lists is known for some releases alone; the server's then stand
    for them, and the mark says so.
    """
    every = _defaults()[side]
    if release.version in every:
        return every[release.version]
    if side == "client":
        mark = "memory (the server's lists, which the client's may exceed)"
        return {k: Defaults(v.names, mark) for k, v in defaults("server", release).items()}
    below = [v for v in every if number(v) <= release.upstream]
    return every[below[-1] if below else next(iter(every))]
