"""stunnel: sslVersionMin/Max or options, ciphers, ciphersuites, curves; services inherit what stands before them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hardening.findings import InFile
from hardening.numerals import whole
from hardening.tls.libraries import builds
from hardening.tls.offer import ClientCertificate, Located, Offer
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
    ssl_conf_cmd,
)
from hardening.tls.targets.reading.flat_syntax import Grammar, Line, Section
from hardening.tls.targets.reading.tree import Tree

_GRAMMAR = Grammar(comment="[#;]", include=lambda n, v: (f"{v}/*",) if n == "include" else (), quotes="")
_UPGRADE = "use stunnel {} or later"


def _has(feature: str, release: Release) -> bool:
    return directives("stunnel").has(feature, release)


def capabilities(release: Release, build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    newer = _has("sslVersionMin", release)
    old = _has("options NO_TLSv1.1", release)
    speaks = builds.build(build).protocols
    stuck = () if newer else ("TLSv1.3",) if old else ("TLSv1.1", "TLSv1.2", "TLSv1.3")
    return Capabilities(
        protocols=frozenset(PROTOCOLS),
        stuck={n: _UPGRADE.format("5.50" if n == "TLSv1.3" else "4.54") for n in stuck if n in speaks},
        ciphersuites=_has("ciphersuites", release) and builds.build(build).release >= (1, 1, 1),
        groups="list" if _has("curves", release) and builds.build(build).release >= (1, 1, 1)
        else "one" if _has("curve", release) else "none",
        dh_bits=2048,
        ways_out={
            "ciphersuites": _UPGRADE.format("5.51"), "groups": _UPGRADE.format("5.51"),
            "finite_field": "put larger parameters into the certificate's file, and take the DHE suites in by hand",
        },
    )  # fmt: skip


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    ranged = _has("sslVersionMin", job.release)
    off = [] if ranged else [n for n in PROTOCOLS[:5] if n not in job.protocols]
    if not _has("options NO_TLSv1.1", job.release):
        off = [n for n in off if n not in {"TLSv1.1", "TLSv1.2"}]
    options = [f"NO_{protocol_ranges.older(n)}" for n in off]
    options += ["CIPHER_SERVER_PREFERENCE"] if job.server_preference else []
    return {
        "least": protocol_ranges.older(job.protocols[0]) if ranged else "",
        "greatest": protocol_ranges.older(job.protocols[-1]) if ranged else "",
        "options": options,
        "curves": "curves" if _has("curves", job.release) else "curve",
    }


class _Service:
    """A service's lines over those before the first section."""

    def __init__(self, section: Section, top: Section) -> None:
        self.section, self.top = section, top

    def last(self, name: str) -> Line | None:
        return self.section.last(name) or self.top.last(name)

    def lines(self) -> list[Line]:
        return [*self.top.lines, *(self.section.lines if self.section is not self.top else ())]

    def every(self, name: str) -> list[Line]:
        return [x for x in self.lines() if x.name == name]

    def setting(self, name: str) -> Located | None:
        found = self.last(name)
        return Located(found.value, InFile((found.path,), found.line)) if found else None


_ENDS = {"sslversion": (True, True), "sslversionmin": (True, False), "sslversionmax": (False, True)}
"""Whether a setting sets the least and the greatest version."""


def _protocols(service: _Service, release: Release, at: InFile) -> tuple[Located, ...]:
    """Return the versions: each line sets its ends over those before, and an option with `-` is taken back wherever it is."""
    low, high, place = directives("stunnel").default_of("minimum", release), PROTOCOLS[-1], at
    for line in service.lines():
        if line.name in _ENDS:
            (sets_low, sets_high), every = _ENDS[line.name], line.value.lower() == "all"
            if sets_low:
                low, place = "SSLv3" if every else line.value, InFile((line.path,), line.line)
            if sets_high:
                high, place = PROTOCOLS[-1] if every else line.value, InFile((line.path,), line.line)
    words = {x.value for x in service.every("options")}
    off = {
        protocol_ranges.named(w.removeprefix("NO_"))
        for w in words
        if w.startswith("NO_") and f"-{w}" not in words
    }
    return tuple(s for s in protocol_ranges.between(low, high, place) if s.value not in off)


def _ciphers(service: _Service, at: InFile, reading: Reading) -> Located:
    found = service.setting("ciphers") or Located(
        directives("stunnel").default_of("ciphers", reading.release), at
    )
    level = service.last("securitylevel")
    number = whole(level.value) if level else None
    if number is None:
        return found
    return replace(found, value=served.at_level(found.value, number, reading.build))


_VERIFY = {
    "0": client_certificates.UNCHECKED,
    "1": "optional",
    "2": "required",
    "3": "required",
    "4": "required",
}


def _client(service: _Service, at: InFile) -> ClientCertificate:
    accepted = service.last("cafile")
    file = accepted.value if accepted else ""
    for name in ("requirecert", "verifypeer", "verifychain"):
        setting = service.setting(name)
        if setting is not None and setting.value == "yes":
            return client_certificates.client_authentication(
                setting, at, client_certificates.SWITCH, authorities=file
            )
    return client_certificates.client_authentication(service.setting("verify"), at, _VERIFY, authorities=file)


def _offer(
    service: _Service,
    subjects: tuple[str, ...],
    tree: Tree,
    reading: Reading,
    first: _Service | None = None,
) -> Offer:
    """Version, order, TLS 1.3 suite and groups are settled before the name is known, so those of the first service hold."""
    section, release = service.section, reading.release
    at = InFile((section.path,), section.line)
    # a service with a certificate of its own leaves that before the services alone (measured on 5.74)
    held = section.every("cert") or service.every("cert")
    files = [tree.place(x.value, "/") for x in held]
    options = {x.value for x in (first or service).every("options")}
    early = _commanded(
        served.ServedSettings(
            subject=subjects[0],
            at=at,
            protocols=_protocols(first or service, release, at),
            ciphers=_ciphers(first or service, at, reading),
            ciphersuites=(first or service).setting("ciphersuites"),
            server_preference="CIPHER_SERVER_PREFERENCE"
            in options - {x.lstrip("-") for x in options if x[:1] == "-"},
        ),
        first or service,
    )
    versions = served.spoken(early, reading.build) if first else early.protocols
    own = served.ServedSettings(
        subject=subjects[0],
        also=subjects[1:],
        at=at,
        protocols=early.protocols,
        ciphers=_ciphers(service, at, reading),
        groups=_groups(first or service, at, reading),
        keys=certificates.keys_of(tree, files),
        cards=certificates.presented(
            tree,
            files,
            private=[tree.place(x.value, "/") for x in section.every("key") or service.every("key")],
        ),
        dh_bits=next((bits for f in files if (bits := certificates.dh_bits(tree, f))), 2048),
        compression=bool(service.last("compression")),
        client=_client(service, at) if files else None,
        assumptions=reading.assumptions,
    )
    settings = replace(
        _commanded(own, service),
        protocols=versions,
        ciphersuites=early.ciphersuites,
        server_preference=early.server_preference,
        compression=own.compression,  # whatever a command says (measured on 5.74)
    )
    return served.offer(settings, reading.build)


_CURVES = frozenset({"curves", "curve"})
"""Two words for one setting, of which the last holds (measured on 5.74)."""


def _groups(service: _Service, at: InFile, reading: Reading) -> Located | None:
    """Return the list of groups; stunnel has one of its own where it can name several."""
    setting = next((service.setting(x.name) for x in reversed(service.lines()) if x.name in _CURVES), None)
    several = _has("curves", reading.release) and builds.build(reading.build).release >= (1, 1, 1)
    return setting or (
        Located(directives("stunnel").default_of("groups", reading.release), at) if several else None
    )


def _commanded(settings: served.ServedSettings, service: _Service) -> served.ServedSettings:
    """Return settings as OpenSSL's commands leave them (`config = NAME:VALUE`), which come after all but the groups."""
    found = []
    for line in service.every("config"):
        name, _, value = line.value.partition(":")
        found.append((name.strip(), Located(value.strip(), InFile((line.path,), line.line))))
    return ssl_conf_cmd.with_commands(settings, found)


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per service that is a server; a fragment without services is one offer."""
    top, *services = flat_syntax.read(tree, path, _GRAMMAR)
    for section in (top, *services):
        flat_syntax.unknown_directives(tree, section.lines, directives("stunnel"), reading.release)
    firsts: dict[str, tuple[_Service, list[str]]] = {}
    for section in services:
        service = _Service(section, top)
        client, accepts = service.last("client"), section.every("accept")
        if client is not None and client.value.lower() == "yes":
            continue
        if accepts:
            ports = [x.value.rpartition(":")[2] for x in accepts]
            firsts[section.name] = service, ports
            yield _offer(service, served.named(path, (section.name,), ports), tree, reading)
    for section in services:
        named: dict[str, list[str]] = {}
        for line in section.every("sni") if not section.last("accept") else ():
            name, colon, pattern = line.value.partition(":")
            if colon and name in firsts:
                named.setdefault(name, []).append(pattern)
        for name, patterns in named.items():
            first, ports = firsts[name]
            subjects = served.named(path, patterns, ports)
            yield _offer(_Service(section, top), subjects, tree, reading, first)
    if not services and any(x.name.startswith(("sslversion", "cipher", "curve")) for x in top.lines):
        yield _offer(_Service(top, top), (path,), tree, reading)


_OWNED = frozenset(
    {
        "sslversion",
        "sslversionmin",
        "sslversionmax",
        "ciphers",
        "ciphersuites",
        "curve",
        "curves",
        "compression",
    }
)


def _is_owned(line: Line) -> bool:
    word, command = line.value.lstrip("-"), [part.strip() for part in line.value.split(":", 1)]
    return (
        line.name in _OWNED
        or (line.name == "options" and word.startswith(("NO_SSL", "NO_TLS", "CIPHER_SERVER_PREFERENCE")))
        or (line.name == "config" and ssl_conf_cmd.owned(command))
    )


def _over_one_version(job: Job) -> str:
    """A service's settings below a `sslVersion` that stands before the services, and is left to the clients there."""
    values: dict[str, Any] = context(job)
    lines = [("sslVersion", "all"), *(("options", word) for word in values["options"])]
    lines += [("sslVersionMin", values["least"]), ("sslVersionMax", values["greatest"])]
    lines += [("ciphers", job.cipher_string), ("ciphersuites", ":".join(job.ciphersuites))]
    lines += [(values["curves"], ":".join(job.groups))]
    return "".join(f"{name} = {value}\n" for name, value in lines if value)


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of each service that is a server, or a name of one; what stands before the services is left to the clients."""
    top, *services = flat_syntax.read(tree, path, _GRAMMAR)
    clients = [s for s in services if (c := _Service(s, top).last("client")) and c.value.lower() == "yes"]
    above = top.every("compression")
    if not clients:  # carried out after a service's own settings, so those would not count
        above += [x for x in top.every("config") if _is_owned(x)]
    for section in services:
        serves = section.last("accept") or section.last("sni")
        if serves and section not in clients:
            old = [x for x in section.lines if _is_owned(x)] + above
            edit = flat_edits.after(tree, section.lines, old, {})
            yield replace(edit, write=_over_one_version) if top.last("sslversion") else edit
    if not services:
        yield flat_edits.at_end(tree, path, [x for x in top.lines if _is_owned(x)], {})


TARGET = Target(
    name="stunnel",
    title="stunnel",
    template="tls/stunnel.conf.j2",
    main=("stunnel/stunnel.conf", "stunnel.conf", "stunnel/*.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^\s*(?:sslVersion(?:Min|Max)?|accept|connect|ciphersuites|client)\s*=", re.MULTILINE | re.IGNORECASE
    ),
    check=("stunnel4", "{path}"),
    place="/etc/stunnel/conf.d/00-harden-tls.conf",
    params={
        "listen": "address:port; a service is then written",
        "connect": "where that service connects to (default 127.0.0.1:80)",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
    },
)
