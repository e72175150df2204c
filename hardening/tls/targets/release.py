"""What each release of a server knows: data/directives/*.toml, read once.

A release is written `2.4.6-el7`: an upstream version, and after the hyphen the distribution whose
package it is. A version without one is upstream's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from functools import cache, lru_cache

from hardening import resources
from hardening.errors import UsageError
from hardening.records import dataclass
from hardening.tables import Table

Number = tuple[int, ...]
_OLD_JDK = re.compile(r"(?:1\.)?(\d+)(?:u|\.0_)(\d+)")
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
    verified: str = "memory"
    note: str = ""

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
    _lower: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    _asked: dict[tuple[object, ...], bool] = field(default_factory=dict, repr=False, compare=False)

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
        plain = Release(version=version, openssl=like.openssl, distribution="upstream")
        return plain, f"upstream {self.name} {version}, without a distribution's backports"

    def has(self, feature: str, release: Release) -> bool:
        """Tell whether a release has a feature; one the table does not know is a programming error."""
        asked = (feature, release.version, release.backports, release.lacks)
        known = self._asked.get(asked)
        if known is None:
            known = self._asked[asked] = self._has(feature, release)
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
            return f"no {self.name} we know has {name}"
        return "" if self.has(key, release) else f"{self.name} {release.version} has no {key}"

    def default_of(self, setting: str, release: Release) -> str:
        """Return what an absent directive means for a release (empty when nothing is recorded)."""
        found = ""
        for one in self.defaults.get(f"{setting} {release.version}", self.defaults.get(setting, ())):
            if one.since <= release.upstream:
                found = one.value
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
        verified=row.text("verified"),
        note=row.text("note", ""),
    )
    row.done()
    return found


@cache
def directives(name: str) -> Directives:
    """Return what is known about one server's releases. Errors: DataError."""
    table = Table.load(resources.tls_data() / "directives" / f"{name}.toml")
    features = table.table("feature")
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
    )
    table.done()
    return found
