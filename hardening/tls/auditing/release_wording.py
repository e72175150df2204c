"""How the releases and libraries are told that a finding holds for, where nobody says which of them runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hardening.tls.libraries import builds
from hardening.tls.targets.base import Reading


def named(way: Reading) -> str:
    """Return release and library."""
    return f"{way.release.version} ({builds.shown(way.build)})"


def release(way: Reading) -> str:
    """Return the release alone."""
    return way.release.version


def library(way: Reading) -> str:
    """Return the library alone."""
    return builds.shown(way.build)


def which(having: Sequence[str], without: Sequence[str]) -> str:
    """Say which releases something is true of by the shorter list: those that have it, or the others."""
    among = len(having) + len(without)
    if len(having) <= len(without):
        return f"so with {len(having)} of {among} ({listed(having)})"
    return f"so with all of {among} but {listed(without)}"


def listed(names: Iterable[str]) -> str:
    """Return names in a row, each once."""
    return ", ".join(dict.fromkeys(names))


def verdicts(by_release: Mapping[str, Mapping[str, str]], policies: Iterable[str]) -> str:
    """Return the verdict of each policy with the releases that have it: `aspect: pass with 1, 2; fail with 3`."""
    found = []
    for policy in policies:
        words: dict[str, list[str]] = {}
        for release, of_release in by_release.items():
            words.setdefault(of_release[policy], []).append(release)
        listed = "; ".join(f"{word} with {', '.join(names)}" for word, names in words.items())
        found.append(f"{policy}: {listed}")
    return ". ".join(found)
