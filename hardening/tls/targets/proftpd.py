"""ProFTPD with mod_tls: TLSProtocol, TLSCipherSuite, TLSServerCipherPreference, TLSECDHCurve."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hardening.findings import InFile
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
    backslash="",
    blanks_after=True,
    separator=r"\s+",
    comment="#",
    section=r"<(?P<section>[^>]*)>",
    include=lambda n, v: (v,) if n == "include" else (),
)
_OWN_CURVES = (1, 1, 0)
"""From this OpenSSL on, every curve is offered where no TLSECDHCurve is; before it, mod_tls hands out P-256 alone."""
_UPGRADE = "use ProFTPD {} or later"
_KEYS = ("tlsrsacertificatekeyfile", "tlseccertificatekeyfile", "tlsdsacertificatekeyfile")
_CERTIFICATES = ("tlsrsacertificatefile", "tlseccertificatefile", "tlsdsacertificatefile")


def _has(feature: str, release: Release) -> bool:
    return directives("proftpd").has(feature, release)


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    newer = _has("token TLSv1.1", release)
    names = {"SSLv3", "TLSv1.0"} | ({"TLSv1.1", "TLSv1.2"} if newer else set())
    names |= {"TLSv1.3"} if _has("token TLSv1.3", release) else set()
    speaks = builds.build(build).protocols
    return Capabilities(
        protocols=frozenset(names),
        stuck={} if newer else {n: _UPGRADE.format("1.3.5") for n in ("TLSv1.1", "TLSv1.2") if n in speaks},
        ciphersuites=_has("cipher list for TLSv1.3", release),
        groups="list" if _has("TLSECDHCurve", release) and builds.build(build).release >= (1, 1, 1)
        else "one" if _has("TLSECDHCurve", release) else "none",
        preference="settable" if _has("TLSServerCipherPreference", release) else "client",
        dh_bits=None if "dhparam" in params else 2048,
        ways_out={
            "finite_field": "give the file of TLSDHParamFile: --param dhparam=FILE",
            "ciphersuites": _UPGRADE.format("1.3.8"), "groups": _UPGRADE.format("1.3.6"),
            "preference": _UPGRADE.format("1.3.5"),
        },
    )  # fmt: skip


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    known = capabilities(job.release, job.build, job.params).protocols
    return {
        "protocols": [protocol_ranges.older(n) for n in job.protocols if n in known],
        "prefers": _has("TLSServerCipherPreference", job.release),
        "kind": "EC" if job.params.get("kind") == "ec" else "RSA",
    }


_EVERY = frozenset({"all", "sslv23"})
"""Words for every version (both measured on 1.3.8; taken for all releases, for fewer would hide what is offered)."""


def _protocols(text: str, usual: str, at: InFile) -> tuple[Located, ...]:
    """Return the versions that are on; a line that mod_tls does not take leaves the usual ones (in an included file it goes on, measured on 1.3.8)."""
    words = text.split()
    signed = any(word[0] in "+-" for word in words) and words[0].lower() != "all"
    if signed or not all(
        w.lstrip("+-").lower() in _EVERY or protocol_ranges.named(w.lstrip("+-")) for w in words
    ):
        words = usual.split()
    on: set[str] = set()
    for word in words:
        sign, name = (word[0], word[1:]) if word[0] in "+-" else ("+", word)
        meant = set(PROTOCOLS[1:]) if name.lower() in _EVERY else {protocol_ranges.named(name) or ""}
        on = on - meant if sign == "-" else on | meant
    return tuple(Located(n, at) for n in PROTOCOLS if n in on)


class _Host:
    def __init__(self, section: Section, below: tuple[Section, ...]) -> None:
        self.section, self.below = section, below

    def last(self, name: str) -> Line | None:
        return next((x for s in (self.section, *self.below) if (x := s.last(name))), None)

    def first(self, name: str) -> Line | None:
        """Return the line that holds: mod_tls takes the first it finds, and what `<Global>` says comes behind."""
        return next((x for s in (self.section, *self.below) for x in s.every(name)), None)


_CONDITIONS = frozenset(
    {"ifdefine", "ifclass", "ifuser", "ifgroup", "ifauthenticated", "ifmodule", "ifversion"}
)


def _closed(tree: Tree, sections: list[Section]) -> None:
    """Say which sections are never closed, or closed without having been opened."""
    opened: list[Section] = []
    for one in sections:
        word = one.name.split()[0].lower() if one.name else ""
        if not word.startswith("/"):
            opened += [one] if word else []
        elif opened and opened[-1].name.split()[0].lower() == word[1:]:
            opened.pop()
        else:
            tree.say("syntax", one.path, one.line, f"<{one.name}> closes nothing that is open")
    for one in opened:
        tree.say("unclosed", one.path, one.line, f"<{one.name}> is never closed")


def _depending(sections: list[Section]) -> Iterator[tuple[Section, Section]]:
    """Yield what stands in a condition that the files do not settle, after the condition."""
    opened: list[Section] = []
    for one in sections:
        word = one.name.split()[0].lower() if one.name else ""
        if word in _CONDITIONS and "mod_tls" not in one.name:
            opened.append(one)
        elif (
            word.startswith("/")
            and word[1:] in _CONDITIONS
            and opened
            and opened[-1].name.lower().startswith(word[1:])
        ):
            opened.pop()
        if opened:
            yield opened[-1], one


def _conditions(tree: Tree, sections: list[Section]) -> None:
    """Say which TLS settings depend on a condition: who logs in, or how the server was started."""
    for condition, one in _depending(sections):
        if names := dict.fromkeys(x.name for x in one.lines if x.name.startswith("tls")):
            tree.say("conditional", condition.path, condition.line,
                     f"{', '.join(names)} in <{condition.name}>: whether it holds is not settled by the files; read as in force")  # fmt: skip


def _hosts(sections: list[Section], path: str) -> tuple[Section, Section, list[Section]]:
    main, everywhere, hosts = Section("main", path, 1), Section("global", path, 1), []
    current = main
    for one in sections:
        word = one.name.split()[0].lower() if one.name else ""
        if word == "virtualhost":
            current = Section(one.name, one.path, one.line)
            hosts.append(current)
        elif word == "global":
            current = everywhere
        elif word in {"/virtualhost", "/global"}:
            current = main
        current.lines += one.lines
    return main, everywhere, hosts


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per server with `TLSEngine on`; a fragment is one offer."""
    sections = flat_syntax.read(tree, path, _GRAMMAR)
    _closed(tree, sections)
    _conditions(tree, sections)
    for one in sections:
        flat_syntax.unknown_directives(tree, one.lines, directives("proftpd"), reading.release)
    main, everywhere, hosts = _hosts(sections, path)
    found = False
    for section in (main, *hosts):
        host = _Host(section, (everywhere,))
        engine = host.first("tlsengine")
        if engine is None or engine.value.lower() not in {"on", "true", "yes", "1"}:
            continue
        found = True
        port = host.last("port")
        names = _names(section)
        yield _offer(host, served.named(path, names, (port.value if port else "21",)), tree, reading)
    if found or not any(x.name.startswith("tls") for x in main.lines):
        return
    engine = main.last("tlsengine")
    if engine is not None and engine.value.lower() in {"off", "false", "no", "0"}:
        tree.say("empty", path, None, "it sets up TLS, and TLSEngine is off")
    else:
        yield _offer(_Host(main, (everywhere,)), (path,), tree, reading)


def _names(section: Section) -> tuple[str, ...]:
    """Return the addresses of a `<VirtualHost>`, then every ServerAlias."""
    first = section.name.split()
    names = first[1:] if first[:1] and first[0].lower() == "virtualhost" else first[-1:]
    aliases = (
        word for line in section.every("serveralias") for word in re.split(r"[\s,]+", line.value) if word
    )
    return tuple(dict.fromkeys((*names, *aliases)))


def _client(host: _Host, at: InFile) -> ClientCertificate:
    setting, accepted = host.first("tlsverifyclient"), host.first("tlscacertificatefile")
    return client_certificates.client_authentication(
        Located(setting.value, InFile((setting.path,), setting.line)) if setting else None,
        at,
        {**client_certificates.SWITCH, "optional": "optional"},
        authorities=accepted.value if accepted else "",
    )


_VERSION_AND_LIST = 2


def _offer(host: _Host, subjects: tuple[str, ...], tree: Tree, reading: Reading) -> Offer:
    facts, release = directives("proftpd"), reading.release
    first = next((x for x in host.section.lines if x.name.startswith("tls")), None)
    at = InFile((first.path,), first.line) if first else InFile((host.section.path,), host.section.line)
    protocol, curve, prefers = (
        host.first("tlsprotocol"),
        host.first("tlsecdhcurve"),
        host.first("tlsservercipherpreference"),
    )
    ciphers, newer = Located(facts.default_of("ciphers", release), at), None
    lines = [x for section in (host.section, *host.below) for x in section.every("tlsciphersuite")]
    if not _has("the last cipher list wins", release):
        lines.reverse()
    for one in lines:
        words = one.value.split()
        spot = InFile((one.path,), one.line)
        if words and words[0].lower() == "tlsv1.3" and len(words) > 1:
            newer = Located(words[1], spot)
        elif words:  # a list may stand in quotes with blanks between its words, and no other version has one
            versioned = len(words) == _VERSION_AND_LIST and protocol_ranges.named(words[0]) is not None
            ciphers = Located(words[-1] if versioned else one.value, spot)
    files = [tree.place(x.value, "/") for n in _CERTIFICATES if (x := host.first(n))]
    if (store := host.first("tlspkcs12file")) and not files:
        files = [tree.place(store.value, "/")]
    more = host.first("tlscertificatechainfile")
    chain = [tree.place(more.value, "/")] if more and files else []
    dh = host.first("tlsdhparamfile")
    groups = (
        Located(curve.value, InFile((curve.path,), curve.line)) if curve and curve.value != "auto" else None
    )
    if groups is None and builds.build(reading.build).release < _OWN_CURVES:
        groups = Located("prime256v1", at)
    spot = InFile((protocol.path,), protocol.line) if protocol else at
    usual = facts.default_of("protocols", release)
    return served.offer(
        served.ServedSettings(
            subject=subjects[0],
            also=subjects[1:],
            at=at,
            protocols=_protocols(protocol.value if protocol else usual, usual, spot),
            ciphers=ciphers,
            ciphersuites=newer,
            groups=groups,
            server_preference=_has("TLSServerCipherPreference", release)
            and (prefers is None or prefers.value.lower() in {"on", "yes", "true", "1"}),
            keys=certificates.keys_of(tree, files),
            cards=certificates.presented(
                tree,
                files,
                chain=chain,
                parameters=tree.place(dh.value, "/") if dh else "",
                private=[tree.place(x.value, "/") for n in _KEYS if (x := host.first(n))],
            ),
            dh_bits=certificates.dh_bits(tree, tree.place(dh.value, "/")) if dh else 2048,
            dh_key=None if dh else certificates.rsa_bits(tree, files),
            compression=False,
            client=_client(host, at) if files else None,
            assumptions=reading.assumptions,
        ),
        reading.build,
    )


_OWNED = frozenset(
    {"tlsprotocol", "tlsciphersuite", "tlsservercipherpreference", "tlsecdhcurve", "tlsdhparamfile"}
)


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the place after the last TLS line of each server, and of what holds for all, outside of conditions."""
    sections = flat_syntax.read(tree, path, _GRAMMAR)
    doubtful = {x for _, one in _depending(sections) for x in one.lines}
    main, everywhere, hosts = _hosts(sections, path)
    for section in (main, everywhere, *hosts):
        lines = [x for x in section.lines if x.name.startswith("tls")]
        dh = section.last("tlsdhparamfile")
        if lines:
            old = [x for x in lines if x.name in _OWNED]
            certain = [x for x in lines if x not in doubtful]
            yield flat_edits.after(tree, certain or lines, old, {"dhparam": dh.value} if dh else {})


TARGET = Target(
    name="proftpd",
    title="ProFTPD with mod_tls",
    template="tls/proftpd.conf.j2",
    main=("proftpd/proftpd.conf", "proftpd.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^\s*(?:TLS[A-Z]\w+|ServerType|DefaultRoot|PassivePorts|MaxInstances)\s", re.MULTILINE
    ),
    check=("proftpd", "-t", "-c", "{path}"),
    place="/etc/proftpd/conf.d/harden-tls.conf",
    params={
        "listen": "any word; TLS is then switched on with the certificate",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters, for sizes above 2048",
        "kind": "`rsa` or `ec`: the kind of that key (default rsa)",
    },
)
