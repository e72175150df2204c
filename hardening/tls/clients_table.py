"""The clients of data/clients.toml, resolved on their OpenSSL builds into data/clients.json: `make clients`.

Reading the table costs a millisecond; resolving twenty builds would cost every command a second. A test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardening.tls import openssl, registry
from hardening.toml_rows import Table

DATA = Path(__file__).parent / "data"

_ANY_DH = 1 << 16
_LEVEL_DH = {None: 0, 0: 0, 1: 1024, 2: 2048, 3: 3072}


def _client(row: Table) -> dict[str, Any]:
    if "build" in row:
        build = openssl.build(row.text("build"))
        resolved = openssl.resolve(row.text("string"), build)
        level = resolved.security_level
        protocols = row.texts("protocols", openssl.spoken(build, level))
        protocols = tuple(p for p in protocols if p != "SSLv2")
        suites = tuple(
            c.iana
            for c in resolved.suites
            if _without_set_up(c) and any(openssl.usable(c, p, level) for p in protocols)
        )
        groups, least = build.groups or (), _LEVEL_DH.get(level, 3072)
    else:
        protocols = row.texts("protocols")
        suites = tuple(registry.suite(name).iana for name in row.texts("suites"))
        groups, least = row.texts("groups"), 0
    found = {
        "id": row.text("id"),
        "title": row.text("title"),
        "family": row.text("family"),
        "protocols": protocols,
        "suites": suites,
        "groups": groups,
        "dh_min": row.number("dh_min", least),
        "dh_max": row.number("dh_max", _ANY_DH),
        "sni": row.flag("sni", default=True),
        "source": row.text("source"),
        "verified": row.text("verified"),
    }
    for name in protocols:
        if name not in registry.PROTOCOLS:
            raise row.wrong("protocols", f"{name!r} is not a protocol")
    for name in groups:
        if registry.find_group(name) is None:
            raise row.wrong("groups", f"{name!r} is not a group")
    row.done()
    return found


def _without_set_up(cipher: openssl.Cipher) -> bool:
    """Whether a client offers it without having been given a shared key, a password or a ticket."""
    suite = cipher.suite
    return suite is not None and not any(
        word in suite.kx + suite.auth for word in ("PSK", "SRP", "KRB5", "GOST")
    )


def table() -> str:
    """Return what clients.json has to hold. Errors: DataError naming file and key."""
    raw = Table.load(DATA / "clients.toml")
    found = [_client(row) for row in raw.rows("client")]
    ways = raw.table("way_out")
    out: Mapping[str, str] = {family: ways.text(family) for family in ways.keys()}  # noqa: SIM118 - a Table, whose keys() marks them as read
    raw.done()
    for one in found:
        if one["family"] not in out:
            raise raw.wrong("way_out", f"has no way out for {one['family']!r}, the family of {one['id']}")
    names = list(dict.fromkeys(name for one in found for name in one["suites"]))
    numbers = {name: number for number, name in enumerate(names)}
    rows = [one | {"suites": [numbers[name] for name in one["suites"]]} for one in found]
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    return (
        '{"note": "written by `make clients` from clients.toml; do not edit",\n'
        f' "suites": {json.dumps(names)},\n "ways_out": {json.dumps(out)},\n "clients": [\n  {lines}]}}\n'
    )


if __name__ == "__main__":
    (DATA / "clients.json").write_text(table(), "utf-8")
