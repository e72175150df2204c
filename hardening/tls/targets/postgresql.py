"""PostgreSQL: ssl_min_protocol_version, ssl_ciphers, ssl_prefer_server_ciphers, ssl_ecdh_curve or ssl_groups."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import Located, Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import (
    certificates,
    flat_edits,
    flat_syntax,
    protocol_ranges,
    served,
    unquoting,
)
from hardening.tls.targets.reading.flat_syntax import Grammar, Line, Section
from hardening.tls.targets.reading.tree import Tree

_GRAMMAR = Grammar(
    separator=r"\s*(?:=\s*|\s)", comment="#", section=None, trailing_comments=True, quotes="'", unquoted=unquoting.postgresql,
    include=lambda n, v: (v.strip("'"),) if n in {"include", "include_if_exists"} else (f"{v.strip(chr(39))}/*.conf",) if n == "include_dir" else (),
)  # fmt: skip
_UPGRADE = "use PostgreSQL {} or later"


def _has(feature: str, release: Release) -> bool:
    return directives("postgresql").has(feature, release)


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    ranged = _has("ssl_min_protocol_version", release)
    least = PROTOCOLS.index(directives("postgresql").default_of("minimum", release))
    speaks = builds.build(build).protocols
    always = () if ranged else tuple(n for n in PROTOCOLS[least:] if n in speaks)
    small = directives("postgresql").default_of("dh", release) == "1024" and "dhparam" not in params
    return Capabilities(
        protocols=frozenset(PROTOCOLS[2:]) if ranged else frozenset(),
        stuck=dict.fromkeys(always, _UPGRADE.format("12")),
        ciphersuites=_has("ssl_tls13_ciphers", release),
        groups="list" if _has("ssl_groups", release) else "one" if _has("ssl_ecdh_curve", release) else "none",
        preference="settable" if _has("ssl_prefer_server_ciphers", release) else "client",
        dh_bits=None if "dhparam" in params and _has("ssl_dh_params_file", release) else 1024 if small else 2048,
        elliptic=_has("ssl_ecdh_curve", release),
        ways_out={
            "ciphersuites": _UPGRADE.format("18"), "groups": _UPGRADE.format("18"),
            "preference": _UPGRADE.format("9.4"), "finite_field": "give the file of ssl_dh_params_file: --param dhparam=FILE"
            if _has("ssl_dh_params_file", release) else _UPGRADE.format("10"),
            "elliptic": _UPGRADE.format("9.4"),
        },
    )  # fmt: skip


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    release = job.release
    return {
        "ranged": _has("ssl_min_protocol_version", release),
        "least": protocol_ranges.older(job.protocols[0]),
        "greatest": protocol_ranges.older(job.protocols[-1]),
        "prefers": _has("ssl_prefer_server_ciphers", release),
        "curves": "ssl_groups" if _has("ssl_groups", release) else "ssl_ecdh_curve",
    }


_REMARKED = re.compile(r"(?:'(?P<quoted>[^']*)'|(?P<plain>\w[\w.:-]*))#.*")
"""A value with a remark right after it, which needs no blank before it."""


def _settings(tree: Tree, path: str) -> Section:
    """Return what a file and its includes set, without the remarks that follow a value at once."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    for number, line in enumerate(top.lines):
        if not line.name.endswith("_file") and (found := _REMARKED.fullmatch(line.value)):
            top.lines[number] = replace(line, value=found["quoted"] or found["plain"] or "")
    return top


def _true(value: str) -> bool:
    """Tell whether a switch is on, as PostgreSQL reads one: any beginning of a word that is no beginning of another."""
    word = value.lower()
    return word in {"1", "on"} or (bool(word) and ("true".startswith(word) or "yes".startswith(word)))


def _altered(tree: Tree, path: str, top: Section) -> None:
    """Add what ALTER SYSTEM wrote: it lies in the data folder and wins over every other file."""
    folder = top.last("data_directory")
    home = tree.place(folder.value, "/") if folder and folder.value else path.rpartition("/")[0]
    if tree.exists(automatic := f"{home}/postgresql.auto.conf"):
        top.lines += _settings(tree, automatic).lines


_CURVES = ("ssl_groups", "ssl_ecdh_curve")
"""One setting under its names of 18 and before, so the last line of either holds."""


def _position(top: Section, name: str) -> int:
    return max((number for number, line in enumerate(top.lines) if line.name == name), default=-1)


def _setting(top: Section, name: str) -> Located | None:
    found = top.last(name)
    return Located(found.value, InFile((found.path,), found.line)) if found and found.value else None


def _files(tree: Tree, path: str, top: Section, certificate: Line | None) -> list[str]:
    """Return the certificate file (a real path): a relative name is below the data folder, which is the file's own without `data_directory`."""
    line = top.last("data_directory")
    base = tree.place(line.value if line and line.value else ".", posixpath.dirname(path))
    if certificate is not None:
        return [tree.place(certificate.value, base)] if certificate.value else []
    usual = tree.place("server.crt", base)
    return [usual] if top.last("ssl") is not None and tree.exists(usual) else []


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server with `ssl = on`, or of a fragment."""
    top = _settings(tree, path)
    _altered(tree, path, top)
    flat_syntax.unknown_directives(tree, top.lines, directives("postgresql"), reading.release)
    first = next((x for x in top.lines if x.name.startswith("ssl")), None)
    switch = top.last("ssl")
    if first is None or (switch is not None and not _true(switch.value)):
        return
    facts, release, at = directives("postgresql"), reading.release, InFile((first.path,), first.line)
    least, greatest = _setting(top, "ssl_min_protocol_version"), _setting(top, "ssl_max_protocol_version")
    prefer, port, certificate = (
        top.last("ssl_prefer_server_ciphers"),
        top.last("port"),
        top.last("ssl_cert_file"),
    )
    curve = _setting(top, max(_CURVES, key=lambda name: _position(top, name)))
    files = _files(tree, path, top, certificate)
    dh, file = facts.default_of("dh", release), top.last("ssl_dh_params_file")
    yield served.offer(
        served.ServedSettings(
            subject=f"{path}#postgresql:{port.value if port else '5432'}" if switch else path,
            at=at,
            protocols=protocol_ranges.between(
                least.value if least else facts.default_of("minimum", release),
                greatest.value if greatest else PROTOCOLS[-1],
                (least or greatest or Located("", at)).at,
            ),
            ciphers=_setting(top, "ssl_ciphers") or Located(facts.default_of("ciphers", release), at),
            ciphersuites=_setting(top, "ssl_tls13_ciphers"),
            groups=curve or Located("prime256v1", at),
            server_preference=not prefer or _true(prefer.value),
            keys=certificates.keys_of(tree, files),
            cards=certificates.presented(
                tree,
                files,
                parameters=tree.place(file.value, "/") if file and file.value else "",
                private=_files(tree, path, top, key) if (key := top.last("ssl_key_file")) else (),
            ),
            elliptic=_has("ssl_ecdh_curve", release),
            dh_bits=certificates.dh_bits(tree, tree.place(file.value, "/"))
            if file and file.value
            else int(dh),
            compression=False,
            assumptions=reading.assumptions,
        ),
        reading.build,
    )


_OWNED = frozenset(
    {"ssl_min_protocol_version", "ssl_max_protocol_version", "ssl_ciphers", "ssl_tls13_ciphers",
     "ssl_prefer_server_ciphers", "ssl_ecdh_curve", "ssl_groups", "ssl_dh_params_file"}
)  # fmt: skip


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of the file: the last value wins, and the old lines go."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    _altered(tree, path, top)
    dh = top.last("ssl_dh_params_file")
    old = [x for x in top.lines if x.name in _OWNED]
    yield flat_edits.at_end(tree, path, old, {"dhparam": dh.value} if dh and dh.value else {})


TARGET = Target(
    name="postgresql",
    title="PostgreSQL",
    template="tls/postgresql.conf.j2",
    main=("postgresql/postgresql.conf", "postgresql/*/*/postgresql.conf", "postgresql.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(r"^\s*(?:ssl_(?:ciphers|ecdh_curve|min_protocol_version|cert_file|key_file)|shared_buffers|max_connections|wal_level)\s*=", re.MULTILINE),
    check=(),
    place="/var/lib/pgsql/data/conf.d/harden-tls.conf",
    params={
        "listen": "port; TLS is then switched on",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters (from 10 on)",
    },
)  # fmt: skip
