"""coturn (turnserver): no-tlsv1, no-tlsv1_1, no-tlsv1_2, cipher-list, ec-curve-name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hardening.findings import InFile
from hardening.tls.offer import Located, Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import certificates, client_certificates, flat_edits, flat_syntax, served
from hardening.tls.targets.reading.flat_syntax import Grammar, Line, Section
from hardening.tls.targets.reading.tree import Tree

_GRAMMAR = Grammar(separator=r"[ \t=]+", comment="#", section=None, fold=str, quotes='"')
_OFF = {"no-tlsv1": "TLSv1.0", "no-tlsv1_1": "TLSv1.1", "no-tlsv1_2": "TLSv1.2"}
"""TLS 1.3 is not among what it offers: 4.6.1 answers every such hello with handshake_failure (measured)."""
_SIZES = {"dh566": 566, "dh1066": 1066, "dh2066": 2066}
_NONE = "none is known; put a TLS proxy in front of it"


def capabilities(_release: Release, _build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    return Capabilities(
        protocols=frozenset(_OFF.values()),
        groups="none",
        preference="server",
        dh_bits=2066,
        ways_out={"groups": _NONE, "preference": _NONE, "finite_field": _NONE},
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    return {"off": [word for word, name in _OFF.items() if name not in job.protocols]}


def _setting(top: Section, name: str) -> Located | None:
    found = top.last(name)
    return Located(found.value, InFile((found.path,), found.line)) if found and found.value else None


def _on(line: Line | None) -> bool:
    """Tell whether a switch is on: its name alone says so, and a value may say no."""
    return line is not None and line.value[:1] not in set("0nNfF") and line.value.lower() != "off"


_OWN_BITS = 2066
"""The size of coturn's own parameters where nothing is said."""


def _dh_file(tree: Tree, top: Section) -> str:
    file = top.last("dh-file")
    return tree.place(file.value, "/") if file is not None and file.value else ""


def _dh_bits(tree: Tree, top: Section) -> int | None:
    """Return the size of the parameters: a file's, else those of the last switch that is on."""
    if file := _dh_file(tree, top):
        return certificates.dh_bits(tree, file)
    sizes = [_SIZES[x.name] for x in top.lines if x.name in _SIZES and _on(x)]
    return sizes[-1] if sizes else _OWN_BITS


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server with a certificate, or of a fragment."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    flat_syntax.unknown_directives(tree, top.lines, directives("coturn"), reading.release)
    wanted = {"cert", "pkey", "cipher-list", "tls-listening-port", *_OFF}
    first = next((x for x in top.lines if x.name in wanted), None)
    if first is None or _on(top.last("no-tls")):
        return
    at = InFile((first.path,), first.line)
    port, certificate = top.last("tls-listening-port"), top.last("cert")
    off = {name for word, name in _OFF.items() if _on(top.last(word))}
    more = top.last("alt-tls-listening-port")
    ports = (port.value if port else "5349", *((more.value,) if more and more.value not in {"", "0"} else ()))
    if not _on(top.last("no-tcp")):  # a client may begin with a TLS hello there too (measured on 4.6.1)
        plain = top.last("listening-port")
        ports += (plain.value if plain else "3478",)
    subject, *also = served.named(path, ("turn",), ports) if certificate else (path,)
    files = [tree.place(certificate.value, "/")] if certificate else []
    yield served.offer(
        served.ServedSettings(
            subject=subject,
            also=tuple(also),
            at=at,
            protocols=tuple(Located(n, at) for n in _OFF.values() if n not in off),
            ciphers=_setting(top, "cipher-list")
            or Located(directives("coturn").default_of("ciphers", reading.release), at),
            groups=_setting(top, "ec-curve-name"),
            keys=certificates.keys_of(tree, files),
            cards=certificates.presented(
                tree,
                files,
                parameters=_dh_file(tree, top),
                private=[tree.place(key.value, "/")] if (key := top.last("pkey")) and key.value else (),
            ),
            server_preference=True,
            dh_bits=_dh_bits(tree, top),
            compression=False,
            client=client_certificates.client_authentication(
                Located("on", accepted.at) if (accepted := _setting(top, "CA-file")) else None,
                at,
                client_certificates.SWITCH,
                authorities=accepted.value if accepted else "",
            )
            if certificate
            else None,
            assumptions=reading.assumptions,
        ),
        reading.build,
    )


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of the file: the last value wins, and the old lines go."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    owned = {"cipher-list", "ec-curve-name", "dh566", "dh1066", *_OFF}
    if top.last("dh-file") is not None and (_dh_bits(tree, top) or _OWN_BITS) < _OWN_BITS:
        owned.add("dh-file")  # coturn's own parameters are larger
    yield flat_edits.at_end(tree, path, [x for x in top.lines if x.name in owned], {})


TARGET = Target(
    name="coturn",
    title="coturn",
    template="tls/coturn.conf.j2",
    main=("coturn/turnserver.conf", "turnserver.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^\s*(?:tls-listening-port|lt-cred-mech|no-tlsv1\w*|cipher-list|listening-ip|realm|no-cli)\s*(?:=|$)",
        re.MULTILINE,
    ),
    check=(),
    place="/etc/coturn/turnserver.conf",
    params={
        "listen": "port",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
    },
)
