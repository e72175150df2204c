"""What each release of a server knows: data/directives/*.toml, read once.

A release is written `2.4.6-el7`: an upstream version, and after the hyphen the distribution whose
package it is. A version without one is upstream's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from difflib import get_close_matches
from functools import cache, lru_cache

from hardening import resources
from hardening.errors import UsageError
from hardening.records import dataclass
from hardening.toml_rows import Table

Number = tuple[int, ...]
_OLD_JDK = re.compile(r"(?:1\.)?(\d+)(?:u|\.0_)(\d+)")
_LONG, _SLIP = 8, 0.93
"""How long and how like a name about TLS another name has to be to count as a slip of the pen: one letter of eight."""
_DOUBTS = {
    "partly": " (the words of older releases are from memory)",
    "memory": " (its words are from memory)",
}
_VERSION = re.compile(r"\d+(?:\.\d+)*(?:-[A-Za-z0-9.]+)?")


@lru_cache(maxsize=1024)
def number(version: str) -> Number:
    """Return the upstream part of a version as numbers, for comparing."""
    return tuple(int(part) for part in version.split("-", 1)[0].split("."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of a server, as a distribution ships it."""

    version: str
    openssl: str
    """The OpenSSL build it is linked with, a name of `harden tls builds`."""
    distribution: str = ""
    backports: frozenset[str] = frozenset()
    """Features the distribution added to an older upstream."""
    lacks: frozenset[str] = frozenset()
    gnutls: bool = False
    """Whether it is linked with GnuTLS instead of OpenSSL."""
    verified: str = "memory"
    note: str = ""
    known: bool = True
    """Whether there are facts about it; else it is an upstream version of which only the number was given."""

    def ships(self, name: str = "") -> str:
        """Return how it comes to its OpenSSL, after whose name this is said."""
        if self.known:
            return f"which ships with {name} {self.version}" if name else f"which ships with {self.version}"
        return "taken for it, for an unknown release brings none that is known; --openssl names another"

    @property
    def upstream(self) -> Number:
        """The upstream version."""
        return number(self.version)


@dataclass(frozen=True, slots=True)
class Feature:
    """From and until which versions something exists; one entry per maintained series."""

    since: tuple[Number, ...]
    until: tuple[Number, ...] = ()
    """The last versions that have it."""
    verified: str = "yes"

    def in_upstream(self, version: Number) -> bool:
        """Tell whether an upstream version has it."""
        if self.until and version > max(self.until):
            return False
        series = [start for start in self.since if start[:2] == version[:2]]
        if series:
            return version >= min(series)
        return version > max(self.since)


@dataclass(frozen=True, slots=True)
class Default:
    """What an absent directive means from one version on."""

    since: Number
    value: str
    verified: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Every name of one kind that some release of a server knows, so that any other is a mistake."""

    about: re.Pattern[str]
    """What a name of this kind holds; others are not judged."""
    known: frozenset[str]
    exact: bool
    """Whether `SSL_ciphers` is another name than `ssl-ciphers`."""
    source: str
    verified: str

    def folded(self, name: str) -> str:
        """Return a name as it is compared."""
        return name if self.exact else name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """Everything data/directives/NAME.toml says about one server."""

    name: str
    source: str
    default: str
    """The release assumed when nothing is said."""
    releases: tuple[Release, ...]
    """Oldest first."""
    features: Mapping[str, Feature]
    defaults: Mapping[str, tuple[Default, ...]]
    words: Mapping[str, Words]
    """By kind: `directive`, or what else the server has names for."""
    _strays: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)
    _lower: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _answers: dict[tuple[object, ...], bool] = field(default_factory=dict, repr=False, compare=False)

    def release(self, version: str | None) -> tuple[Release, str]:
        """Return a release by version, and what had to be assumed for it (empty when nothing).

        Errors: UsageError for what is no version.
        """
        if version is None:
            found = next(r for r in self.releases if r.version == self.default)
            return found, f"{self.name} {found.version} ({found.distribution}), for no version was given"
        if old := _OLD_JDK.fullmatch(version):  # 8u292 and 1.8.0_292 are 8.0.292
            version = f"{old[1]}.0.{old[2]}"
        for one in self.releases:
            if one.version == version:
                return one, ""
        if not _VERSION.fullmatch(version):
            raise UsageError(
                f"{version!r} is not a version of {self.name}",
                hint="known releases: " + ", ".join(r.version for r in self.releases),
            )
        if "-" in version:
            raise UsageError(
                f"unknown {self.name} release {version!r}",
                hint="known releases: "
                + ", ".join(r.version for r in self.releases)
                + "; an upstream version is written without a hyphen",
            )
        below = [r for r in self.releases if r.upstream <= number(version)]
        like = below[-1] if below else self.releases[0]
        plain = Release(version=version, openssl=like.openssl, distribution="upstream", known=False)
        return plain, self._unknown(version, like)

    def _unknown(self, version: str, like: Release) -> str:
        """Return that a release is not known, and whose facts are taken instead."""
        newest, oldest = self.releases[-1], self.releases[0]
        if number(version) > newest.upstream:
            place = f"newer than {newest.version}, the newest known one: the facts of that release are used"
        elif number(version) < oldest.upstream:
            place = f"older than {oldest.version}, the oldest known one: what upstream had by then is used"
        else:
            place = f"the one before it is {like.version}: what upstream had by then is used"
        return (
            f"{self.name} {version} is an unknown release, {place}, without a distribution's backports; "
            f"`harden tls targets` lists the known ones"
        )

    def has(self, feature: str, release: Release) -> bool:
        """Tell whether a release has a feature; one the table does not know is a programming error."""
        key = (feature, release.version, release.backports, release.lacks)
        known = self._answers.get(key)
        if known is None:
            known = self._answers[key] = self._has(feature, release)
        return known

    def _has(self, feature: str, release: Release) -> bool:
        if feature in release.backports:
            return True
        if feature in release.lacks:
            return False
        return self.features[feature].in_upstream(release.upstream)

    def lacks(self, name: str, release: Release) -> str:
        """Return why a release has no directive of this name, or nothing; case does not matter."""
        if not self._lower:
            self._lower.update({key.lower(): key for key in self.features})
        key = self._lower.get(name.lower())
        if key is None:
            return f"no {self.name} we know has {name}{nearest(name, self.features)}"
        return "" if self.has(key, release) else f"{self.name} {release.version} has no {key}"

    def stray(self, name: str, release: Release, kind: str = "directive") -> str:
        """Return why a name about TLS is none that a release knows; nothing where it is one, or about other things."""
        key = (f"{kind} {name}", release.version)
        why = self._strays.get(key)
        if why is None:
            why = self._strays[key] = self._stray(name, release, self.words[kind])
        return why

    def _stray(self, name: str, release: Release, words: Words) -> str:
        known = {words.folded(one): one for one in words.known}
        plain = words.folded(name)
        if plain in known:
            return self.lacks(known[plain], release) if known[plain] in self.features else ""
        slip = len(plain) >= _LONG and get_close_matches(plain, known, n=1, cutoff=_SLIP)
        if not words.about.search(name) and not slip:
            return ""
        doubt = _DOUBTS.get(words.verified, "")
        return f"no {self.name} we know has {name}{nearest(name, known.values())}{doubt}"

    def default_of(self, setting: str, release: Release) -> str:
        """Return what an absent directive means for a release (empty when nothing is recorded)."""
        found = ""
        for one in self.defaults.get(f"{setting} {release.version}", self.defaults.get(setting, ())):
            if one.since <= release.upstream:
                found = one.value
        return found


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for the known name that is most like this one, or nothing."""
    by_case = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), by_case, n=1, cutoff=0.75)
    return f"; did you mean {by_case[close[0]]}?" if close else ""


def _words(table: Table, name: str) -> Words:
    row = table.table(name)
    found = Words(
        about=re.compile(row.text("about"), re.IGNORECASE),
        known=frozenset(row.texts("known")),
        exact=row.flag("exact", default=False),
        source=row.text("source"),
        verified=row.text("verified"),
    )
    row.done()
    return found


def _feature(table: Table, name: str) -> Feature:
    row = table.table(name)
    found = Feature(
        since=tuple(number(v) for v in row.texts("since")),
        until=tuple(number(v) for v in row.texts("until", ())),
        verified=row.text("verified", "yes"),
    )
    row.done()
    return found


def _release(row: Table) -> Release:
    found = Release(
        version=row.text("version"),
        openssl=row.text("openssl"),
        distribution=row.text("distribution"),
        backports=frozenset(row.texts("backports", ())),
        lacks=frozenset(row.texts("lacks", ())),
        gnutls=row.flag("gnutls", default=False),
        verified=row.text("verified"),
        note=row.text("note", ""),
    )
    row.done()
    return found


@cache
def directives(name: str) -> Directives:
    """Return what is known about one server's releases. Errors: DataError."""
    table = Table.load(resources.tls_data() / "directives" / f"{name}.toml")
    features = table.table("feature", optional=True)
    words = table.table("words", optional=True)
    defaults: dict[str, tuple[Default, ...]] = {}
    for row in table.rows("default"):
        key = row.text("setting")
        if "release" in row:
            key = f"{key} {row.text('release')}"
        one = Default(number(row.text("since", "0")), row.text("value"), row.text("verified", "yes"))
        row.done()
        defaults[key] = (*defaults.get(key, ()), one)
    found = Directives(
        name=name,
        source=table.text("source"),
        default=table.text("assumed"),
        releases=tuple(_release(row) for row in table.rows("release")),
        features={key: _feature(features, key) for key in features.keys()},  # noqa: SIM118 - Table.keys marks them as asked for
        defaults=defaults,
        words={kind: _words(words, kind) for kind in words.keys()},  # noqa: SIM118 - as above
    )
    table.done()
    return found
