"""MySQL: tls_version, ssl_cipher, and tls_ciphersuites for TLS 1.3."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardening.tls.libraries import builds
from hardening.tls.offer import Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Job, Reading, Target
from hardening.tls.targets.mariadb import edits, elliptic, server_section, setting, settings
from hardening.tls.targets.reading import protocol_ranges, served
from hardening.tls.targets.reading.flat_syntax import Section
from hardening.tls.targets.reading.tree import Tree

_SECTIONS = ("mysqld", "server")
_UPGRADE = "use MySQL {} or later"


def _has(feature: str, release: Release) -> bool:
    return directives("mysql").has(feature, release)


def capabilities(release: Release, build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    default = [
        protocol_ranges.named(w) or ""
        for w in directives("mysql").default_of("protocols", release).split(",")
    ]
    versions = _has("tls_version", release)
    speaks = builds.build(build).protocols
    return Capabilities(
        protocols=frozenset(n for n in default if n) if versions else frozenset(),
        stuck={} if versions else {n: _UPGRADE.format("5.7.10") for n in default if n in speaks},
        ciphersuites=_has("tls_ciphersuites", release),
        groups="none",
        preference="client",
        dh_bits=int(directives("mysql").default_of("dh", release)),
        elliptic=elliptic("mysql", release, build),
        ways_out={
            "elliptic": _UPGRADE.format("5.6"),
            "finite_field": "its parameters are built in; put a TLS proxy in front of it for larger ones",
            "ciphersuites": _UPGRADE.format("8.0.16"),
            "groups": "none is known; put a TLS proxy in front of it",
            "preference": "none is known; put a TLS proxy in front of it",
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    return {
        "versions": [protocol_ranges.older(n) for n in job.protocols if n in PROTOCOLS]
        if _has("tls_version", job.release)
        else [],
    }


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server with a certificate, or of a fragment."""
    whole = server_section(tree, path, reading.release, _SECTIONS)
    found = settings(tree, path, whole, "mysql", "MySQL from 5.7 on", reading)
    if found is None:
        return
    suites13 = setting(whole, "tls_ciphersuites") if _has("tls_ciphersuites", reading.release) else None
    yield served.offer(replace(found, ciphersuites=suites13), reading.build)
    if (own := _administration(whole, reading.release)) is None:
        return
    theirs = settings(tree, path, own, "mysql", "MySQL from 5.7 on", reading)
    if theirs is not None:
        suites13, port = setting(own, "tls_ciphersuites"), whole.last("admin_port")
        subject = f"{path}#mysql-admin:{port.value if port else '33062'}"
        yield served.offer(replace(theirs, subject=subject, ciphersuites=suites13), reading.build)


def _administration(whole: Section, release: Release) -> Section | None:
    """Return the settings of the administrative address, which has its own as soon as one of them is set."""
    if not _has("admin TLS", release) or whole.last("admin_address") is None:
        return None
    own = Section("", whole.path, whole.line)
    own.lines = [
        replace(x, name=x.name.removeprefix("admin_"))
        for x in whole.lines
        if x.name.startswith(("admin_tls", "admin_ssl"))
    ]
    return own if own.lines else None


TARGET = Target(
    name="mysql",
    title="MySQL",
    template="tls/mysql.cnf.j2",
    main=("mysql/mysql.conf.d/mysqld.cnf",),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(r"^\s*(?:tls[_-]ciphersuites|ssl[_-]mode|mysqlx[_\w]*)\s*(?:=|$)", re.MULTILINE),
    check=("mysqld", "--validate-config", "--defaults-file={path}"),
    place="/etc/my.cnf.d/zz-harden-tls.cnf",
    params={
        "listen": "port",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
    },
)
