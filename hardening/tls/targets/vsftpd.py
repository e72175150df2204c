"""vsftpd: ssl_sslv2, ssl_sslv3, ssl_tlsv1 and its successors, ssl_ciphers; `name=value` without blanks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import ClientCertificate, Located, Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import certificates, client_certificates, flat_edits, flat_syntax, served
from hardening.tls.targets.reading.flat_syntax import Grammar, Section
from hardening.tls.targets.reading.tree import Tree

_GRAMMAR = Grammar(separator="=", comment="#", section=None, fold=str, quotes="")
_SWITCHES = {
    "ssl_sslv2": "SSLv2",
    "ssl_sslv3": "SSLv3",
    "ssl_tlsv1": "TLSv1.0",
    "ssl_tlsv1_1": "TLSv1.1",
    "ssl_tlsv1_2": "TLSv1.2",
    "ssl_tlsv11": "TLSv1.1",
    "ssl_tlsv12": "TLSv1.2",
    "ssl_tlsv13": "TLSv1.3",
}
_TRUE = {"yes", "true", "1"}
_UPGRADE = "use vsftpd {} or later"
_BUILT_IN_DH = 1024
"""What the distributions' patch hands out without a file: as much as OpenSSL asks for."""
_NONE = "none is known; put a TLS proxy in front of it, or use another FTP server"


def _has(feature: str, release: Release) -> bool:
    return directives("vsftpd").has(feature, release)


def _switches(release: Release) -> dict[str, str]:
    """The switches a release knows, each with its version of the protocol."""
    return {word: name for word, name in _SWITCHES.items() if _has(word, release)}


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    known = set(_switches(release).values())
    speaks = builds.build(build).protocols
    return Capabilities(
        protocols=frozenset(known),
        stuck={
            name: _UPGRADE.format("3.0.5")
            for name in ("TLSv1.1", "TLSv1.2", "TLSv1.3")
            if name in speaks and name not in known
        },
        ciphersuites=False,
        groups="none",
        preference="client",
        finite_field=_has("dh_param_file", release) and "dhparam" in params,
        elliptic=_has("ECDHE", release),
        ways_out={
            "ciphersuites": "an OpenSSL configuration file with Ciphersuites: `harden tls render openssl_cnf`",
            "groups": _NONE,
            "preference": _NONE,
            "finite_field": "give the file of dh_param_file: --param dhparam=FILE"
            if _has("dh_param_file", release)
            else _NONE,
            "elliptic": _UPGRADE.format("3.0.5"),
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    return {
        "switches": [
            (word, "YES" if name in job.protocols else "NO") for word, name in _switches(job.release).items()
        ]
    }


def _protocols(top: Section, at: InFile, release: Release) -> tuple[Located, ...]:
    """The versions that are on; one without a switch is on in every vsftpd that speaks TLS at all."""
    switches = _switches(release)
    default = directives("vsftpd").default_of("protocols", release).split()
    on: dict[str, InFile] = {n: at for n in PROTOCOLS[2:] if n not in switches.values()}
    for word, name in switches.items():
        line = top.last(word)
        if (line.value.lower() in _TRUE) if line else word in default:
            on[name] = InFile((line.path,), line.line) if line else at
    return tuple(Located(n, on[n]) for n in PROTOCOLS if n in on)


def _ciphers(top: Section, at: InFile, release: Release) -> Located:
    """Return the list: an empty one leaves the library's own, not that of vsftpd."""
    found = top.last("ssl_ciphers")
    if found is None:
        return Located(directives("vsftpd").default_of("ciphers", release), at)
    return Located(found.value or "DEFAULT", InFile((found.path,), found.line))


def _client(top: Section, at: InFile) -> ClientCertificate:
    """It asks for a certificate unless ssl_request_cert says no, and looks at one with validate_cert alone."""
    required, asks, checks = (top.last(n) for n in ("require_cert", "ssl_request_cert", "validate_cert"))
    setting, wants = (
        (required, "required") if required and required.value.lower() in _TRUE else (asks, "optional")
    )
    if asks is not None and asks.value.lower() not in _TRUE:
        setting, wants = asks, "none"
    found = client_certificates.client_authentication(
        Located(setting.value, InFile((setting.path,), setting.line)) if setting else None,
        at,
        {},
        otherwise=wants,
    )
    return replace(found, checked=wants == "none" or (checks is not None and checks.value.lower() in _TRUE))


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server with `ssl_enable=YES`, or of a fragment that does not say."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    release, facts = reading.release, directives("vsftpd")
    flat_syntax.unknown_directives(tree, top.lines, facts, release)
    first = next((x for x in top.lines if x.name.startswith("ssl_")), None)
    enabled = top.last("ssl_enable")
    if (enabled is not None and enabled.value.lower() not in _TRUE) or (
        first is None and any(x.name == "local_enable" and x.value.lower() in _TRUE for x in top.lines)
    ):
        address = top.last("listen_address")
        if address is None or address.value not in {"127.0.0.1", "::1"}:
            why = f"ssl_enable={enabled.value}" if enabled else "ssl_enable is not set"
            tree.say("cleartext-ftp", path, enabled.line if enabled else None, why)
        return
    if first is None:
        return
    start = enabled or first
    at = InFile((start.path,), start.line)
    port = top.last("listen_port")
    files = [
        tree.place(x.value, "/")
        for x in (top.last("rsa_cert_file"), top.last("dsa_cert_file"))
        if x is not None and x.value
    ]
    dh = top.last("dh_param_file")
    yield served.offer(
        served.ServedSettings(
            subject=f"{path}#ftp:{port.value if port else '21'}" if enabled else path,
            at=at,
            protocols=_protocols(top, at, release),
            ciphers=_ciphers(top, at, release),
            groups=None if _has("every curve", release) else Located("prime256v1", at),
            keys=certificates.keys_of(tree, files),
            cards=certificates.presented(
                tree,
                files,
                parameters=tree.place(dh.value, "/") if dh else "",
                private=[
                    tree.place(x.value, "/")
                    for x in (top.last("rsa_private_key_file"), top.last("dsa_private_key_file"))
                    if x is not None and x.value
                ],
            ),
            finite_field=_has("dh_param_file", release),
            elliptic=_has("ECDHE", release),
            dh_bits=certificates.dh_bits(tree, tree.place(dh.value, "/")) if dh else _BUILT_IN_DH,
            client=_client(top, at),
            compression=None if release.upstream < (3, 0, 4) else False,
            assumptions=reading.assumptions,
        ),
        reading.build,
    )


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of the file: the last value wins, and the old lines go."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    old = [x for x in top.lines if x.name in _SWITCHES or x.name in {"ssl_ciphers", "dh_param_file"}]
    dh = top.last("dh_param_file")
    yield flat_edits.at_end(tree, path, old, {"dhparam": dh.value} if dh else {})


TARGET = Target(
    name="vsftpd",
    title="vsftpd",
    template="tls/vsftpd.conf.j2",
    main=("vsftpd/vsftpd.conf", "vsftpd.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^(?:ssl_\w+|anonymous_enable|local_enable|listen_ipv6|chroot_local_user|rsa_cert_file|pasv_\w+)=",
        re.MULTILINE,
    ),
    check=(),
    place="/etc/vsftpd/vsftpd.conf",
    params={
        "listen": "port; TLS is then switched on with the certificate",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters, for DHE suites (CentOS 7 and 8)",
    },
)
