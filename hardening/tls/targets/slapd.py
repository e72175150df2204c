"""OpenLDAP slapd: TLSCipherSuite, TLSProtocolMin, TLSECName and TLSDHParamFile of slapd.conf, and the same as olcTLS... of cn=config.

Measured on 2.6.10 of Debian 13, which is linked with OpenSSL: the server's order decides, the names of TLS 1.3 suites in
TLSCipherSuite are the list of TLS 1.3, and DHE needs a file of parameters. Measured on the same source linked with GnuTLS
3.8.9: TLSCipherSuite is a priority string (NORMAL without one), TLSProtocolMin and TLSECName are accepted and do nothing,
and DHE needs a file of parameters or a finite-field group that the client offers, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardening.findings import Finding, InFile
from hardening.tls.offer import ClientCertificate, Located, Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import (
    certificates,
    client_certificates,
    flat_edits,
    flat_syntax,
    priority_strings,
    protocol_ranges,
    served,
)
from hardening.tls.targets.reading.flat_syntax import Grammar, Line, Section
from hardening.tls.targets.reading.tree import Tree

_CONF = Grammar(
    separator=r":\s+|\s+",
    comment="#",
    section=None,
    quotes='"',
    include=lambda name, value: (value,) if name == "include" else (),
    continued=" ",
)
_LDIF = replace(_CONF, quotes="", continued="")
_WORDS = {"3.0": "SSLv3", "3.1": "TLSv1.0", "3.2": "TLSv1.1", "3.3": "TLSv1.2", "3.4": "TLSv1.3"}
_OWNED = ("tlsciphersuite", "tlsprotocolmin", "tlsecname", "tlsdhparamfile")
_CLIENT = {
    "allow": client_certificates.UNCHECKED,
    "try": "optional",
    "demand": "required",
    "hard": "required",
    "true": "required",
}


def _has(feature: str, release: Release) -> bool:
    return directives("slapd").has(feature, release)


def capabilities(release: Release, _build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with OpenSSL: a least version, and no greatest."""
    newer = "use OpenLDAP {} or later"
    return Capabilities(
        protocols=frozenset(_WORDS.values()),
        stuck={"TLSv1.3": "none is known: slapd has a least version and no greatest"},
        ciphersuites=_has("TLS 1.3 suites", release),
        groups="list" if _has("several curves", release) else "none",
        preference="server",
        finite_field="dhparam" in params,
        elliptic=_has("TLSECName", release),
        ways_out={
            "ciphersuites": newer.format("2.5"),
            "groups": newer.format("2.6"),
            "preference": "the server's order always decides",
            "finite_field": "give the file of TLSDHParamFile: --param dhparam=FILE",
            "elliptic": newer.format("2.5"),
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    words = {name: word for word, name in _WORDS.items()}
    names = ":".join((*job.ciphersuites, *([job.cipher_string] if job.ciphers else ())))
    served_with = job.params if job.params.get("listen") else {}
    settings = {
        "TLSCertificateFile": served_with.get("certificate", ""),
        "TLSCertificateKeyFile": served_with.get("key", ""),
        "TLSProtocolMin": "" if job.priority else words[job.protocols[0]],
        "TLSCipherSuite": job.priority or names,
        "TLSECName": ":".join(job.groups),
        "TLSDHParamFile": job.params.get("dhparam", ""),
    }
    return {"settings": {name: value for name, value in settings.items() if value}}


def _last(top: Section, name: str) -> Line | None:
    """Return a directive, under its name in slapd.conf or in cn=config."""
    return top.last(name) or top.last(f"olc{name}")


def _setting(line: Line | None) -> Located | None:
    return Located(line.value, InFile((line.path,), line.line)) if line and line.value else None


def _top(tree: Tree, path: str) -> Section:
    return flat_syntax.read(tree, path, _LDIF if path.endswith(".ldif") else _CONF)[0]


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server with a certificate, or of a fragment."""
    top = _top(tree, path)
    flat_syntax.unknown_directives(tree, top.lines, directives("slapd"), reading.release)
    first = next((x for x in top.lines if x.name.removeprefix("olc").startswith("tls")), None)
    if first is None:
        return
    at = InFile((first.path,), first.line)
    certificate, key, dh = (
        _last(top, n) for n in ("tlscertificatefile", "tlscertificatekeyfile", "tlsdhparamfile")
    )
    files = [tree.place(certificate.value, "/")] if certificate else []
    dh_file = tree.place(dh.value, "/") if dh else ""
    cards = certificates.presented(
        tree, files, parameters=dh_file, private=[tree.place(key.value, "/")] if key else ()
    )
    subject, *also = served.named(path, ("ldap",), ("636", "389")) if certificate else (path,)
    listed = _setting(_last(top, "tlsciphersuite"))
    made = _gnutls if _with_gnutls(listed, reading) else _openssl
    yield replace(
        made(tree, top, reading, subject, at, certificates.keys_of(tree, files), dh_file),
        also=tuple(also),
        client=_client(top, at) if certificate else None,
        certificates=cards.certificates,
        unread_files=cards.unread,
    )


def _with_gnutls(listed: Located | None, reading: Reading) -> bool:
    """Tell whether GnuTLS runs: a priority string says so, too, for OpenSSL would not start with it."""
    return reading.release.gnutls or (listed is not None and priority_strings.is_one(listed.value))


def fits(tree: Tree, path: str, release: Release) -> bool:
    """Tell whether a release reads the language of the list: without a list each does."""
    listed = _last(_top(tree, path), "tlsciphersuite")
    return listed is None or release.gnutls is priority_strings.is_one(listed.value)


def remedy(one: Finding, way: Reading) -> str:
    """Return how cn=config is changed: by a file for ldapmodify, and not by an edit."""
    if not (isinstance(one.location, InFile) and one.location.path.endswith(".ldif")):
        return ""
    policy = one.policies[0] if one.policies else "POLICY"
    return (
        f"Run `harden tls render slapd@{way.release.version} --policy {policy} --param ldif=yes -o tls.ldif`, "
        "then `ldapmodify -Q -Y EXTERNAL -H ldapi:/// -f tls.ldif`."
    )


def _openssl(
    tree: Tree,
    top: Section,
    reading: Reading,
    subject: str,
    at: InFile,
    keys: frozenset[str] | None,
    dh_file: str,
) -> Offer:
    release = reading.release
    ciphers, newer = _parted(_setting(_last(top, "tlsciphersuite")), release)
    least = _setting(_last(top, "tlsprotocolmin"))
    return served.offer(
        served.ServedSettings(
            subject=subject,
            at=at,
            protocols=protocol_ranges.between(
                _WORDS.get(least.value, PROTOCOLS[1]) if least else PROTOCOLS[1],
                PROTOCOLS[-1],
                least.at if least else at,
            ),
            ciphers=ciphers or Located(directives("slapd").default_of("ciphers", release), at),
            ciphersuites=newer,
            groups=_setting(_last(top, "tlsecname")),
            server_preference=True,
            keys=keys,
            finite_field=bool(dh_file),
            elliptic=_has("TLSECName", release),
            dh_bits=certificates.dh_bits(tree, dh_file) if dh_file else None,
            compression=False,
            assumptions=reading.assumptions,
        ),
        reading.build,
    )


def _gnutls(
    tree: Tree,
    top: Section,
    reading: Reading,
    subject: str,
    at: InFile,
    keys: frozenset[str] | None,
    dh_file: str,
) -> Offer:
    for name in ("tlsprotocolmin", "tlsecname"):
        if line := _last(top, name):
            tree.say("unknown-directive", line.path, line.line, f"slapd with GnuTLS ignores {line.name}")
    setting = _setting(_last(top, "tlsciphersuite"))
    setting = setting or Located(directives("slapd").default_of("priority", reading.release), at)
    bits = certificates.dh_bits(tree, dh_file) if dh_file else priority_strings.smallest_field(setting.value)
    return priority_strings.offer(
        setting,
        program="slapd",
        subject=subject,
        at=at,
        keys=keys,
        finite_field=bool(dh_file) or bits is not None,
        dh_bits=bits,
        assumptions=reading.assumptions,
    )


def _parted(listed: Located | None, release: Release) -> tuple[Located | None, Located | None]:
    """Return the list for TLS 1.2 and before, and that for TLS 1.3, which slapd takes out of it by name."""
    if listed is None or not _has("TLS 1.3 suites", release):
        return listed, None
    words = listed.value.split(":")
    newer = [w for w in words if w.startswith("TLS_")]
    older = [w for w in words if w not in newer]
    return (
        Located(":".join(older), listed.at) if older else None,
        Located(":".join(newer), listed.at) if newer else None,
    )


def _client(top: Section, at: InFile) -> ClientCertificate:
    accepted = _last(top, "tlscacertificatefile")
    return client_certificates.client_authentication(
        _setting(_last(top, "tlsverifyclient")), at, _CLIENT, authorities=accepted.value if accepted else ""
    )


def edits(tree: Tree, path: str, reading: Reading) -> Iterator[Edit]:
    """Yield the top of slapd.conf, before every database; cn=config is set by ldapmodify and not by an edit."""
    if path.endswith(".ldif") or not fits(tree, path, reading.release):
        return
    top = _top(tree, path)
    dh = top.last("tlsdhparamfile")
    old = [x for x in top.lines if x.name in _OWNED]
    remove = tuple(dict.fromkeys((x.path, *flat_edits.span(tree, x.path, x.line)) for x in old))
    yield Edit(path=path, at=0, remove=remove, params={"dhparam": dh.value} if dh else {})


TARGET = Target(
    name="slapd",
    title="OpenLDAP slapd",
    template="tls/slapd.conf.j2",
    main=(
        "openldap/slapd.conf",
        "ldap/slapd.conf",
        "slapd.conf",
        "openldap/slapd.d/cn=config.ldif",
        "ldap/slapd.d/cn=config.ldif",
        "slapd.d/cn=config.ldif",
        "cn=config.ldif",
    ),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fits=fits,
    remedy=remedy,
    fingerprint=re.compile(
        r"^(?:olc(?:TLS\w+|ArgsFile|PidFile|LogLevel)|TLSCipherSuite|TLSCertificateFile|TLSCertificateKeyFile|TLSVerifyClient|"
        r"moduleload|rootdn|rootpw|suffix|database)\b",
        re.MULTILINE | re.IGNORECASE,
    ),
    check=("slaptest", "-u", "-f", "{path}"),
    place="/etc/openldap/slapd.conf",
    params={
        "listen": "port; the certificate is then set (slapd takes its ports with -h)",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters, for DHE suites",
        "ldif": "any word: write an LDIF file for cn=config (ldapmodify, slapmodify) instead of slapd.conf",
    },
)
