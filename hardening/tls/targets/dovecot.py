"""Dovecot: ssl_min_protocol (ssl_protocols before 2.3), ssl_cipher_list, ssl_cipher_suites, ssl_curve_list."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardening import numerals
from hardening.findings import InFile
from hardening.records import dataclass
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
)
from hardening.tls.targets.reading.flat_syntax import Grammar, Line, Section
from hardening.tls.targets.reading.tree import Tree

_GRAMMAR = Grammar(
    backslash=" ",
    separator=r"\s*(?:=\s*|\s)",
    comment="#",
    section=r"(?P<section>[^={}#]*\{|\})",
    trailing_comments=True,
    include=lambda n, v: (v,) if n in {"!include", "!include_try"} else (),
)
_UPGRADE = "use Dovecot {} or later"
_DH_LENGTH = "ssl_dh_parameters_length"
"""The length from which Dovecot before 2.3 makes its own parameters, again when it changes."""
_OWN_DH = 1024
_PREFERENCE = ("ssl_server_prefer_ciphers", "ssl_prefer_server_ciphers")


def _has(feature: str, release: Release) -> bool:
    return directives("dovecot").has(feature, release)


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    ranged = _has("ssl_min_protocol", release)
    speaks = builds.build(build).protocols
    return Capabilities(
        protocols=frozenset(PROTOCOLS),
        stuck={"TLSv1.3": "none is known: Dovecot has a least version and no greatest, and before that no word for TLS 1.3"}
        if "TLSv1.3" in speaks
        else {},
        ciphersuites=_has("ssl_cipher_suites", release),
        groups="list" if _has("ssl_curve_list", release) else "none",
        preference="settable" if any(_has(n, release) for n in _PREFERENCE) else "client",
        finite_field=not ranged or "dhparam" in params,
        dh_bits=None if ranged else 2048 if _has(_DH_LENGTH, release) else _OWN_DH,
        elliptic=_has("ECDHE", release),
        ways_out={
            "ciphersuites": _UPGRADE.format("2.3.15"),
            "groups": _UPGRADE.format("2.3"),
            "preference": _UPGRADE.format("2.2.6"),
            "elliptic": _UPGRADE.format("2.2.5"),
            "finite_field": "give the file of ssl_dh (ssl_server_dh_file from 2.4 on): --param dhparam=FILE"
            if ranged
            else _UPGRADE.format("2.2.7"),
        },
    )  # fmt: skip


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    release = job.release
    newest = _has("ssl_server_cert_file", release)
    off = [f"!{protocol_ranges.older(n)}" for n in PROTOCOLS[1:5] if n not in job.protocols]
    return {
        "newest": newest,
        "dh_file": "dhparam" in job.params and _has("ssl_min_protocol", release),
        "dh_length": _has(_DH_LENGTH, release) and any(c.startswith("DHE-") for c in job.ciphers),
        "least": protocol_ranges.older(job.protocols[0]) if _has("ssl_min_protocol", release) else "",
        "off": " ".join(off),
        "prefers": ("server" if job.server_preference else "client")
        if newest
        else ("yes" if job.server_preference else "no"),
        "prefers_name": next((n for n in _PREFERENCE if _has(n, release)), ""),
    }


_FILTERS = frozenset({"local_name", "local", "remote", "protocol", "service"})
"""Blocks whose settings hold for some connections: each that says something about TLS is an offer of its own.

What stands in an `inet_listener` counts for nothing (measured on 2.4.1).
"""


_SERVER = "ssl_server"


class _View:
    """Settings outside every block, or of blocks over those, the one that wins first."""

    def __init__(self, *sections: Section) -> None:
        self.own, self.sections = sections[0], sections

    def last(self, *names: str) -> Line | None:
        return next((x for s in self.sections for n in names if (x := s.last(n))), None)

    def setting(self, *names: str) -> Located | None:
        found = self.last(*names)
        return Located(found.value, InFile((found.path,), found.line)) if found and found.value else None


@dataclass(frozen=True, slots=True)
class _Filter:
    """A block whose settings hold for some connections: its kind, and whether it stands inside another."""

    kind: str
    section: Section
    nested: bool

    @property
    def speaks(self) -> bool:
        """Whether it says anything about the server's TLS."""
        return any(
            x.name.startswith("ssl_") and not x.name.startswith("ssl_client_") for x in self.section.lines
        )


def _split(tree: Tree, sections: list[Section], path: str) -> tuple[Section, list[_Filter]]:
    top = Section("", path, 1)
    groups: dict[tuple[str, str], Section] = {}
    filters: dict[tuple[str, ...], Section] = {}
    opened = [top]
    for one in sections:
        word = one.name.strip()
        if word == "}":
            if len(opened) > 1:
                opened.pop()
        elif word:
            kind = word.rstrip("{ ").split()
            named = kind[1:] if kind[:1] == ["local_name"] else kind[-1:]
            block = Section(" ".join(named), one.path, one.line)
            if kind and kind[0] in _FILTERS:
                inside = tuple(outer.name for outer in opened[1:])
                block = filters.setdefault((*inside, kind[0], block.name), block)  # written twice it is one
            elif kind[:1] == ["group"] and len(kind) > 2:  # noqa: PLR2004 - `group @kind name`
                groups[kind[1], kind[2]] = block
            opened.append(block)
        if (
            opened[-1].name == _SERVER and len(opened) > 1
        ):  # `ssl_server { cert_file = ... }` is ssl_server_cert_file
            opened[-2].lines += [
                x if x.name.startswith("ssl") else replace(x, name=f"{_SERVER}_{x.name}") for x in one.lines
            ]
        opened[-1].lines += one.lines
    for block in opened[1:]:
        tree.say("unclosed", block.path, block.line, f"the block {block.name} {{ is never closed")
    found = [_Filter(key[-2], block, len(key) > 2) for key, block in filters.items()]  # noqa: PLR2004 - kind and name
    for block in (top, *filters.values()):
        taken = {x.name: groups.get((x.name, x.value)) for x in block.lines if x.name.startswith("@")}
        # what a block says itself comes over its groups, wherever they are named (measured on 2.4.1)
        block.lines[:0] = [x for group in taken.values() if group for x in group.lines]
    return top, [one for one in found if one.speaks]


_VERSION = "dovecot_config_version"


def _of_another(sections: list[Section], path: str, release: Release) -> str:
    """Return why a release does not start with a main file, or nothing: from 2.4 on its first line says for which it is."""
    has_version = any(line.name == _VERSION for one in sections for line in one.lines)
    if not path.endswith("/dovecot.conf") or has_version is _has("ssl_server_cert_file", release):
        return ""
    return f"Dovecot {release.version} does not start {'with' if has_version else 'without'} {_VERSION}"


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer for the server and one per block that speaks of TLS; a fragment is one offer."""
    sections = flat_syntax.read(tree, path, _GRAMMAR)
    why = _of_another(sections, path, reading.release)
    for one in _offers(tree, path, sections, reading):
        yield replace(one, refused=True, assumptions=(*one.assumptions, why)) if why else one


_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _offers(tree: Tree, path: str, sections: list[Section], reading: Reading) -> Iterator[Offer]:
    for one in sections:
        flat_syntax.unknown_directives(tree, one.lines, directives("dovecot"), reading.release)
    top, filters = _split(tree, sections, path)
    switch = top.last("ssl")
    if switch is not None and switch.value == "no":
        listen = top.last("listen")
        if listen is None or not set(re.split(r"[,\s]+", listen.value)) <= _LOOPBACK:
            tree.say("cleartext-imap", switch.path, switch.line, "ssl = no")
    if not any(x.name.startswith("ssl") for x in top.lines) or (switch is not None and switch.value == "no"):
        return
    if not switch:
        yield from served.offers([(_settings(_View(top), tree, reading), (path,))], reading.build)
    by_protocol: dict[str, list[str]] = {}
    for port, protocol in _ports(sections, top).items():
        by_protocol.setdefault(protocol, []).append(port)
    for protocol, ports in by_protocol.items():
        yield from _of_protocol(top, filters, protocol, ports, tree, reading, alone=bool(switch))
    every = [port for ports in by_protocol.values() for port in ports]
    for block in filters:  # a protocol whose listeners stand elsewhere
        if block.kind == "protocol" and not any(_meant(block.section.name, p) for p in by_protocol):
            settings = _settings(_View(block.section, top), tree, reading)
            yield from served.offers(
                [(settings, served.named(path, (block.section.name,), every))], reading.build
            )


def _of_protocol(
    top: Section,
    filters: list[_Filter],
    protocol: str,
    ports: list[str],
    tree: Tree,
    reading: Reading,
    *,
    alone: bool,
) -> Iterator[Offer]:
    """Yield what the listeners of a protocol offer: what its block says holds on them, over what stands outside every block."""
    path = top.path
    own = [f for f in filters if f.kind == "protocol" and not f.nested and f.section.name == protocol]
    under = (*(f.section for f in own), top)
    whole = _settings(_View(*under), tree, reading)
    if own or alone:
        name = protocol if own else "dovecot"
        yield from served.offers([(whole, served.named(path, (name,), ports))], reading.build)
    for number, one in enumerate(filters):
        if one in own or (one.kind == "protocol" and not _meant(one.section.name, protocol)):
            continue
        # of two blocks that both hold the later one wins (measured on 2.4.1)
        later = [f.section for f in own if filters.index(f) > number]
        settings = _settings(_View(*later, one.section, *under), tree, reading)
        if one.kind == "local_name":  # the name is known when version, groups and order are settled
            early = reading.release.upstream >= _NAME_FIRST
            first = whole if early else replace(whole, protocols=served.spoken(whole, reading.build))
            settings = served.taken_from(settings, first, "the whole server", ("protocols", "groups"))
            settings = replace(
                settings, server_preference=whole.server_preference, compression=whole.compression
            )
        hosts = [name.strip("\"'") for name in one.section.name.split()]
        yield from served.offers([(settings, served.named(path, hosts, ports))], reading.build)


_NAME_FIRST = (2, 4)
"""From here on the name's own security level decides on the versions that the whole server switches on (measured on 2.4.1)."""


def _meant(name: str, protocol: str) -> bool:
    """Whether a block's name means a protocol: by its name, or by `!` and that of another; one that is not known it may mean."""
    return not protocol or (name[1:] != protocol if name.startswith("!") else name == protocol)


_PORTS = {
    "imap": {"imaps": "993", "imap": "143"},
    "pop3": {"pop3s": "995", "pop3": "110"},
    "submission": {"submission": "587"},
    "sieve": {"sieve": "4190"},
}
"""The listeners each protocol has unless something else is said; the port that speaks TLS at once first."""
_PROTOCOLS = {listener: protocol for protocol, listeners in _PORTS.items() for listener in listeners}


def _ports(sections: list[Section], top: Section) -> dict[str, str]:
    """Return the ports of what `protocols` and the listeners name, each with its protocol where it is known.

    Without `protocols` they are those of IMAP with TLS and others named.
    """
    line = top.last("protocols")
    words = re.split(r"[\s,]+", line.value) if line else []
    found = {name: port for word in words for name, port in _PORTS.get(word, {}).items()} or {"imaps": "993"}
    for one in sections:
        kind = one.name.strip().rstrip("{ ").split()
        port = one.last("port")
        if kind[:1] == ["inet_listener"] and len(kind) > 1 and port is not None:
            if port.value == "0":
                found.pop(kind[1], None)
            elif kind[1] in found or not line:
                found[kind[1]] = port.value
    return {port: _PROTOCOLS.get(name, "") for name, port in found.items()} or {"993": "imap"}


def _file(line: Line, tree: Tree) -> str:
    """Return the file a line means: a relative path starts from the file that has it."""
    return tree.place(line.value.lstrip("< "), posixpath.dirname(line.path))


def _settings(view: _View, tree: Tree, reading: Reading) -> served.ServedSettings:
    facts, release = directives("dovecot"), reading.release
    first = next((x for x in view.own.lines if x.name.startswith("ssl")), None)
    at = InFile((first.path,), first.line) if first else InFile((view.own.path,), view.own.line)
    minimum = facts.default_of("minimum", release)
    if _has("ssl_min_protocol", release):
        least = view.setting("ssl_min_protocol")
        protocols = protocol_ranges.between(
            least.value if least else minimum, PROTOCOLS[-1], least.at if least else at
        )
    else:
        listed = view.last("ssl_protocols")  # an empty one takes nothing away
        words = listed.value.split() if listed else []
        off = {protocol_ranges.named(w[1:]) for w in words if w.startswith("!")}
        plain = {protocol_ranges.named(w) for w in words if not w.startswith("!")}
        spot = InFile((listed.path,), listed.line) if listed else at
        whole = protocol_ranges.between("SSLv3" if listed else minimum, PROTOCOLS[-1], spot)
        protocols = tuple(s for s in whole if s.value not in off and (not plain or s.value in plain))
    prefers = view.last("ssl_server_prefer_ciphers", "ssl_prefer_server_ciphers")
    certificate_lines = [
        view.last("ssl_server_cert_file", "ssl_cert"),
        view.last("ssl_server_alt_cert_file", "ssl_alt_cert"),
    ]
    key_lines = [
        view.last("ssl_server_key_file", "ssl_key"),
        view.last("ssl_server_alt_key_file", "ssl_alt_key"),
    ]
    files = [_file(x, tree) for x in certificate_lines if x and x.value]
    dh, length = view.last("ssl_server_dh_file", "ssl_dh"), view.last(_DH_LENGTH)
    own = None if _has("ssl_min_protocol", release) else _OWN_DH
    if own and length and _has(_DH_LENGTH, release):
        own = numerals.whole(length.value) or own
    options = view.last("ssl_options")
    emptied = view.last("ssl_cipher_list")  # an empty list is OpenSSL's own, not Dovecot's
    return served.ServedSettings(
        subject="",
        at=at,
        protocols=protocols,
        ciphers=view.setting("ssl_cipher_list")
        or (Located("DEFAULT", InFile((emptied.path,), emptied.line)) if emptied else None)
        or Located(facts.default_of("ciphers", release), at),
        ciphersuites=view.setting("ssl_cipher_suites") if _has("ssl_cipher_suites", release) else None,
        groups=view.setting("ssl_curve_list") if _has("ssl_curve_list", release) else None,
        server_preference=bool(prefers and prefers.value in {"server", "yes"}),
        keys=certificates.keys_of(tree, files),
        cards=certificates.presented(
            tree,
            files,
            parameters=_file(dh, tree) if dh and dh.value else "",
            private=[_file(x, tree) for x in key_lines if x and x.value],
        ),
        finite_field=not _has("ssl_min_protocol", release) or dh is not None,
        dh_bits=certificates.dh_bits(tree, _file(dh, tree)) if dh else own,
        elliptic=_has("ECDHE", release),
        compression="compression" in (options.value.split() if options else ()),
        client=_client(view, at) if files else None,
        assumptions=reading.assumptions,
    )


def _client(view: _View, at: InFile) -> ClientCertificate:
    """A client is asked for a certificate; a login without one is refused later, where that is required."""
    strict = view.setting("auth_ssl_require_client_cert")
    setting = view.setting("ssl_server_request_client_cert") or view.setting("ssl_verify_client_cert")
    if strict is not None and strict.value == "yes":
        return client_certificates.client_authentication(strict, at, client_certificates.SWITCH)
    return client_certificates.client_authentication(
        setting, at, {"yes": "optional", "any-cert": client_certificates.UNCHECKED}
    )


_OWNED = frozenset(
    {"ssl_min_protocol", "ssl_protocols", "ssl_cipher_list", "ssl_cipher_suites", "ssl_curve_list",
     "ssl_prefer_server_ciphers", "ssl_server_prefer_ciphers", "ssl_dh", "ssl_server_dh_file",
     _DH_LENGTH}
)  # fmt: skip


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of the file: the last value wins, and the old lines go, from every block."""
    lines = [x for s in flat_syntax.read(tree, path, _GRAMMAR) for x in s.lines]
    dh = next((x for x in reversed(lines) if x.name in {"ssl_dh", "ssl_server_dh_file"}), None)
    params = {"dhparam": dh.value.lstrip("< ")} if dh else {}
    for line in lines:
        if line.name == "ssl_options" and "compression" in (words := line.value.split()):
            rest = " ".join(word for word in words if word != "compression")
            yield flat_edits.instead(tree, line, lambda _job, rest=rest: f"ssl_options = {rest}".rstrip())  # type: ignore[misc]  # bound at once
    yield flat_edits.at_end(tree, path, [x for x in lines if x.name in _OWNED], params)


TARGET = Target(
    name="dovecot",
    title="Dovecot",
    template="tls/dovecot.conf.j2",
    main=("dovecot/dovecot.conf", "dovecot.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(r"^\s*(?:ssl_(?:min_protocol|cipher_list|curve_list|cert|key|server_\w+)|mail_location|auth_mechanisms|dovecot_\w+)\s*=|^\s*(?:passdb|userdb|namespace|service|(?:inet|unix)_listener)\b[^={\n]*\{", re.MULTILINE),
    check=("doveconf", "-c", "{path}"),
    place="/etc/dovecot/conf.d/99-harden-tls.conf",
    params={
        "listen": "any word; TLS is then switched on with the certificate",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters, for DHE suites",
    },
)  # fmt: skip
