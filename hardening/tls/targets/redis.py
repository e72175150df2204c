"""Redis and Valkey: tls-protocols, tls-ciphers, tls-ciphersuites, tls-prefer-server-ciphers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import Located, Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import (
    certificates,
    client_certificates,
    flat_edits,
    flat_syntax,
    protocol_ranges,
    served,
    unquoting,
)
from hardening.tls.targets.reading.flat_syntax import Grammar, Section
from hardening.tls.targets.reading.tree import Tree

_GRAMMAR = Grammar(
    separator=r"\s+",
    comment="#",
    section=None,
    include=lambda n, v: (v,) if n == "include" else (),
    unquoted=unquoting.redis,
)


_AUTO_DH = (3, 0, 0)
"""From this OpenSSL on, Redis (6.2.7 and later) lets the library take parameters of its own (tls.c)."""


def capabilities(_release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    return Capabilities(
        protocols=frozenset({"TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        groups="none",
        finite_field="dhparam" in params or _auto_dh(build),
        dh_bits=None if "dhparam" in params or not _auto_dh(build) else 2048,
        ways_out={
            "groups": "the OpenSSL configuration file of the host decides: Groups in its [system_default_sect]",
            "finite_field": "give the file of tls-dh-params-file: --param dhparam=FILE",
        },
    )


def _auto_dh(build: str) -> bool:
    return builds.build(build).release >= _AUTO_DH


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    return {"protocols": [protocol_ranges.older(n) for n in job.protocols]}


def _setting(top: Section, name: str) -> Located | None:
    found = top.last(name)
    return Located(found.value, InFile((found.path,), found.line)) if found and found.value else None


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server with a TLS port, or of a fragment."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    flat_syntax.unknown_directives(tree, top.lines, directives("redis"), reading.release)
    first = next((x for x in top.lines if x.name.startswith("tls-")), None)
    port = top.last("tls-port")
    if first is None or (port is not None and port.value == "0"):
        return
    facts, at = directives("redis"), InFile((first.path,), first.line)
    protocols = _setting(top, "tls-protocols")
    prefer, files = top.last("tls-prefer-server-ciphers"), top.every("tls-cert-file")
    parameters = top.last("tls-dh-params-file")
    words = (protocols.value if protocols else facts.default_of("protocols", reading.release)).split()
    cards = [tree.place(x.value, "/") for x in files[-1:]]
    yield served.offer(
        served.ServedSettings(
            subject=f"{path}#redis:{port.value}" if port else path,
            at=at,
            protocols=protocol_ranges.listed(words, protocols.at if protocols else at),
            ciphers=_setting(top, "tls-ciphers") or Located(facts.default_of("ciphers", reading.release), at),
            ciphersuites=_setting(top, "tls-ciphersuites"),
            server_preference=bool(prefer and prefer.value.lower() == "yes"),
            keys=certificates.keys_of(tree, cards),
            cards=certificates.presented(
                tree,
                cards,
                parameters=tree.place(parameters.value, "/") if parameters else "",
                private=[tree.place(x.value, "/") for x in top.every("tls-key-file")[-1:]],
            ),
            dh_key=None if parameters else certificates.rsa_bits(tree, cards),
            finite_field=parameters is not None or _auto_dh(reading.build),
            dh_bits=certificates.dh_bits(tree, tree.place(parameters.value, "/"))
            if parameters
            else 2048
            if _auto_dh(reading.build)
            else None,
            compression=False,
            client=client_certificates.client_authentication(
                _setting(top, "tls-auth-clients"),
                at,
                {"no": "none", "optional": "optional"},
                otherwise="required",
            )
            if port
            else None,
            assumptions=reading.assumptions,
        ),
        reading.build,
    )


_OWNED = frozenset(
    {"tls-protocols", "tls-ciphers", "tls-ciphersuites", "tls-prefer-server-ciphers", "tls-dh-params-file"}
)


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of the file: the last value wins, and the old lines go."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    dh = top.last("tls-dh-params-file")
    old = [x for x in top.lines if x.name in _OWNED]
    yield flat_edits.at_end(tree, path, old, {"dhparam": dh.value} if dh else {})


TARGET = Target(
    name="redis",
    title="Redis",
    template="tls/redis.conf.j2",
    main=("redis/redis.conf", "redis.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(r"^\s*(?:tls-[a-z0-9\-]+|appendonly|maxmemory|protected-mode)\s", re.MULTILINE),
    check=(),
    place="/etc/redis/harden-tls.conf",
    params={
        "listen": "port; a TLS port is then opened",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters, for DHE suites",
    },
)
