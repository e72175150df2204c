"""Names in a policy file into things of the registry; an unknown one is refused with the nearest."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from hardening.tls import registry
from hardening.tls.registry import Group, Scheme, Suite
from hardening.toml_rows import Table


def _hint(word: str, known: Iterable[str]) -> str:
    folded = {name.lower(): name for name in known}
    close = [folded[one] for one in get_close_matches(word.lower(), folded, n=1)]
    return f"did you mean {close[0]!r}?" if close else "harden tls explain knows every name"


def words(table: Table, key: str, known: Iterable[str], default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return a list of words that all have to be among the known ones. Errors: DataError."""
    allowed = set(known)
    found = table.texts(key, default)
    for word in found:
        if word not in allowed:
            raise table.wrong(key, f"{word!r} is not known here", _hint(word, sorted(allowed)))
    return found


def protocols(table: Table, key: str) -> tuple[str, ...]:
    """Return protocol versions as the registry writes them. Errors: DataError."""
    return words(table, key, registry.PROTOCOLS)


def suites(table: Table, key: str, default: tuple[Suite, ...] = ()) -> tuple[Suite, ...]:
    """Return suites by any of their names. Errors: DataError."""
    if key not in table:
        table.texts(key, ())
        return default
    found = []
    for name in table.texts(key):
        suite = registry.find_suite(name)
        if suite is None:
            raise table.wrong(key, f"unknown cipher suite {name!r}", _hint(name, _suite_names()))
        found.append(suite)
    return tuple(dict.fromkeys(found))


def groups(table: Table, key: str, default: tuple[Group, ...] = ()) -> tuple[Group, ...]:
    """Return groups by any of their names. Errors: DataError."""
    if key not in table:
        table.texts(key, ())
        return default
    found = []
    for name in table.texts(key):
        group = registry.find_group(name)
        if group is None:
            raise table.wrong(
                key, f"unknown group {name!r}", _hint(name, (g.name for g in registry.groups()))
            )
        found.append(group)
    return tuple(dict.fromkeys(found))


def schemes(table: Table, key: str, default: tuple[Scheme, ...] = ()) -> tuple[Scheme, ...]:
    """Return signature schemes by any of their names. Errors: DataError."""
    if key not in table:
        table.texts(key, ())
        return default
    found = []
    for name in table.texts(key):
        scheme = registry.find_scheme(name)
        if scheme is None:
            raise table.wrong(
                key, f"unknown signature scheme {name!r}", _hint(name, (s.name for s in registry.schemes()))
            )
        found.append(scheme)
    return tuple(dict.fromkeys(found))


def _suite_names() -> list[str]:
    return [name for suite in registry.suites() for name in (suite.iana, *suite.openssl)]
