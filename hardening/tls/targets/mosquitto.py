"""Mosquitto: tls_version, ciphers, ciphers_tls1.3 and dhparamfile of each listener."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import Located, Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import (
    certificates,
    client_certificates,
    flat_edits,
    flat_syntax,
    protocol_ranges,
    served,
)
from hardening.tls.targets.reading.flat_syntax import Grammar, Section
from hardening.tls.targets.reading.tree import Tree

_GRAMMAR = Grammar(
    separator=r"\s+",
    comment="#",
    section=r"(?P<section>listener\s.*)",
    fold=str,
    quotes="",
    include=lambda n, v: (f"{v}/*.conf",) if n == "include_dir" else (),
)
_OWNED = frozenset({"tls_version", "ciphers", "ciphers_tls1.3", "dhparamfile"})
_TLS = _OWNED | {"certfile", "keyfile"}
_OPENSSL3 = (3, 0, 0)
"""From this OpenSSL on, Mosquitto lets the library make parameters (net.c, SSL_CTX_set_dh_auto)."""


def capabilities(_release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build: a least version, and no greatest."""
    automatic = builds.build(build).release >= _OPENSSL3
    return Capabilities(
        protocols=frozenset({"TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        stuck={"TLSv1.3": "none is known: Mosquitto has a least version and no greatest"},
        groups="none",
        preference="server",
        finite_field="dhparam" in params or automatic,
        dh_bits=None if "dhparam" in params else 2048,
        ways_out={
            "groups": "the OpenSSL configuration file of the host decides: Groups in its [system_default_sect]",
            "preference": "the server's order always decides",
            "finite_field": "give the file of dhparamfile: --param dhparam=FILE",
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    return {"least": protocol_ranges.older(job.protocols[0]).lower()}


def _setting(section: Section, name: str) -> Located | None:
    found = section.last(name)
    return Located(found.value, InFile((found.path,), found.line)) if found and found.value else None


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield an offer per listener with a certificate; of a file without one, what its settings say."""
    sections = flat_syntax.read(tree, path, _GRAMMAR)
    for one in sections:
        flat_syntax.unknown_directives(tree, one.lines, directives("mosquitto"), reading.release)
        if (hint := one.last("psk_hint")) and not one.last("certfile"):
            tree.say(
                "conditional", hint.path, hint.line, "a listener with pre-shared keys alone is not judged"
            )
    listening = [one for one in sections if one.last("certfile")]
    if not listening:
        listening = [one for one in sections if any(x.name in _OWNED for x in one.lines)][:1]
    for one in listening:
        yield served.offer(_settings(tree, path, one, reading), reading.build)


def _settings(tree: Tree, path: str, one: Section, reading: Reading) -> served.ServedSettings:
    first = next(x for x in one.lines if x.name in _TLS)
    at = InFile((first.path,), one.line if one.name else first.line)
    certificate, key, dh = one.last("certfile"), one.last("keyfile"), one.last("dhparamfile")
    files = [tree.place(certificate.value, "/")] if certificate else []
    facts = directives("mosquitto")
    least = _setting(one, "tls_version")
    protocols = protocol_ranges.named(least.value) if least else None
    plain = one.last("port")
    port = one.name.split()[1] if one.name else plain.value if plain else "1883"
    automatic = builds.build(reading.build).release >= _OPENSSL3
    return served.ServedSettings(
        subject=f"{path}#mqtt:{port}" if certificate else path,
        at=at,
        protocols=protocol_ranges.between(
            protocols or facts.default_of("minimum", reading.release),
            PROTOCOLS[-1],
            least.at if least else at,
        ),
        ciphers=_setting(one, "ciphers") or Located(facts.default_of("ciphers", reading.release), at),
        ciphersuites=_setting(one, "ciphers_tls1.3"),
        groups=None,
        server_preference=True,
        keys=certificates.keys_of(tree, files),
        cards=certificates.presented(
            tree,
            files,
            parameters=tree.place(dh.value, "/") if dh else "",
            private=[tree.place(key.value, "/")] if key else (),
        ),
        finite_field=dh is not None or automatic,
        dh_key=None if dh else certificates.rsa_bits(tree, files),
        dh_bits=certificates.dh_bits(tree, tree.place(dh.value, "/")) if dh else 2048 if automatic else None,
        compression=False,
        client=client_certificates.client_authentication(
            _setting(one, "require_certificate"),
            at,
            client_certificates.SWITCH,
            authorities=accepted.value if (accepted := one.last("cafile")) else "",
        )
        if certificate
        else None,
        assumptions=reading.assumptions,
    )


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of each listener with a certificate: a setting may stand there once."""
    sections = [one for one in flat_syntax.read(tree, path, _GRAMMAR) if one.last("certfile")]
    for one in sections:
        dh = one.last("dhparamfile")
        old = [x for x in one.lines if x.name in _OWNED]
        kept = [x for x in one.lines if x.name == "certfile"]
        yield flat_edits.after(tree, kept, old, {"dhparam": dh.value} if dh else {})
    if not sections:
        yield flat_edits.at_end(tree, path, (), {})


TARGET = Target(
    name="mosquitto",
    title="Mosquitto",
    template="tls/mosquitto.conf.j2",
    main=("mosquitto/mosquitto.conf", "mosquitto.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^\s*(?:listener|allow_anonymous|per_listener_settings|persistence_location|tls_version|ciphers_tls1\.3|include_dir)\s",
        re.MULTILINE,
    ),
    check=(),
    place="/etc/mosquitto/conf.d/harden-tls.conf",
    params={
        "listen": "port",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters, for DHE suites",
    },
)
