"""What the host's openssl.cnf settles for servers that leave it to the library.

OpenSSL carries out the commands of `system_default` for every context; what a server sets itself then counts
over it, each in its own way. Which commands are left standing in which server was measured with the real ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardening.tls.libraries import builds
from hardening.tls.targets import openssl_cnf
from hardening.tls.targets.base import Reading, Target
from hardening.tls.targets.reading import group_lists
from hardening.tls.targets.reading.tree import Tree

_PLACES = ("/etc/pki/tls/openssl.cnf", "/etc/ssl/openssl.cnf")
_SINCE = (1, 1, 1)
_LEVEL = re.compile(r"@SECLEVEL=([0-5])")
_OWN_LIST, _OWN_RANGE, _OWN_GREATEST = "list", "range", "greatest"
_HOLDS: Mapping[str, frozenset[str]] = {
    "nginx": frozenset(),
    "httpd": frozenset(),
    "haproxy": frozenset({_OWN_LIST}),
    "lighttpd": frozenset(),
    "proftpd": frozenset({_OWN_RANGE}),
    "mariadb": frozenset({_OWN_LIST, _OWN_RANGE}),
    "redis": frozenset({_OWN_LIST, _OWN_RANGE}),
    "postgresql": frozenset({_OWN_GREATEST}),
    "squid": frozenset({_OWN_LIST, _OWN_RANGE}),
    "vsftpd": frozenset({_OWN_RANGE}),
    "postfix": frozenset(),
    "dovecot": frozenset(),
}
"""The servers in which level, groups and TLS 1.3 suites hold where they set none, and what else of it does."""


def with_defaults(tree: Tree, target: Target, way: Reading) -> Reading:
    """Return the way to read a configuration with what the host's openssl.cnf makes of the library."""
    holds = _HOLDS.get(target.name)
    if holds is None or way.build.startswith(builds.JDK) or not tree.of_host or tree.in_memory:
        return way
    if builds.build(way.build).release < _SINCE or way.release.gnutls:
        return way
    place = next((p for p in _PLACES if tree.exists(tree.prefix + p)), None)
    if place is None:
        return way
    beside = Tree.on_disk_below(tree.prefix)
    commands = openssl_cnf.commands_of(beside, tree.prefix + place)
    for one in beside.taken("unreadable"):
        tree.say(one.kind, one.path, one.line, one.reason)
    found = dict(_settled(commands, holds, way.build))
    if not found:
        return way
    note = f"{tree.prefix}{place} settles what the server leaves to OpenSSL: {', '.join(sorted(_SHOWN[k] for k in found))}"
    return replace(way, build=builds.configured(way.build, found), assumptions=(*way.assumptions, note))


_SHOWN = {
    "level": "the security level",
    "suites13": "the TLS 1.3 suites",
    "groups": "the groups",
    "list": "the cipher list",
    "protocols": "the versions",
}


def _settled(commands: Mapping[str, str], holds: frozenset[str], build: str) -> Iterator[tuple[str, str]]:
    if levels := _LEVEL.findall(commands.get("cipherstring", "")):
        yield "level", levels[-1]
    if "ciphersuites" in commands:
        yield "suites13", commands["ciphersuites"]
    groups = commands.get("groups") or commands.get("curves")
    if groups and (names := group_lists.names(groups, build)):
        yield "groups", ":".join(names)
    if _OWN_LIST in holds and "cipherstring" in commands:
        yield "list", commands["cipherstring"]
    least = commands.get("minprotocol") if _OWN_RANGE in holds else None
    greatest = commands.get("maxprotocol") if holds & {_OWN_RANGE, _OWN_GREATEST} else None
    if least or greatest:
        yield "protocols", ":".join(openssl_cnf.range_of(least, greatest))
