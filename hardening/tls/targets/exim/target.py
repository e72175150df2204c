"""Exim: tls_require_ciphers (OpenSSL's cipher list or GnuTLS's priority string), openssl_options, tls_eccurve."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardening.findings import InFile
from hardening.numerals import whole
from hardening.tls.libraries import builds
from hardening.tls.offer import ClientCertificate, Located, Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.exim.syntax import EximMain
from hardening.tls.targets.reading import (
    certificates,
    client_certificates,
    flat_edits,
    flat_syntax,
    priority_strings,
    served,
)
from hardening.tls.targets.reading.flat_syntax import Line
from hardening.tls.targets.reading.tree import Tree

_FLAGS = {
    "no_sslv2": "SSLv2",
    "no_sslv3": "SSLv3",
    "no_tlsv1": "TLSv1.0",
    "no_tlsv1_1": "TLSv1.1",
    "no_tlsv1_2": "TLSv1.2",
    "no_tlsv1_3": "TLSv1.3",
}
_ALWAYS_OFF = frozenset({"no_sslv2", "no_sslv3"})
"""What is off unless openssl_options takes it back (`-no_sslv3`); from memory of its source."""
_UPGRADE = "use Exim {} or later"
_WITH_CURVES = (1, 1, 0)
_OURS = frozenset({"tls_require_ciphers", "openssl_options", "tls_eccurve", "gnutls_require_protocols"})


def _has(feature: str, release: Release) -> bool:
    return directives("exim").has(feature, release)


def capabilities(release: Release, build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with an OpenSSL build."""
    switches = _has("openssl_options", release)
    speaks = builds.build(build).protocols
    old = builds.build(build).release < _WITH_CURVES
    return Capabilities(
        protocols=frozenset(PROTOCOLS if switches else ("TLSv1.0",)),
        stuck={} if switches else {n: _UPGRADE.format("4.73") for n in speaks if n != "TLSv1.0"},
        ciphersuites=False,
        groups="one" if old and _has("tls_eccurve", release) else "none",
        preference="settable" if switches else "client",
        elliptic=_has("tls_eccurve", release),
        dh_bits=_dh_bits(release),
        ways_out={
            "finite_field": "set tls_dhparam and tls_dh_max_bits to larger parameters, and take the DHE suites in by hand",
            "ciphersuites": "an OpenSSL configuration file with Ciphersuites: `harden tls render openssl_cnf`",
            "groups": "an OpenSSL configuration file with Groups: `harden tls render openssl_cnf`",
            "preference": _UPGRADE.format("4.73"),
            "elliptic": _UPGRADE.format("4.87"),
        },
    )


def _dh_bits(release: Release) -> int:
    """The size of Exim's own parameters."""
    return 2048 if _has("tls_eccurve", release) else 1024


_NAMED_BITS = {
    "ike1": 768, "ike2": 1024, "ike5": 1536, "ike14": 2048, "ike15": 3072, "ike16": 4096, "ike17": 6144,
    "ike18": 8192, "ike22": 1024, "ike23": 2048, "ike24": 2048, "historic": 2048,
}  # fmt: skip
"""The primes that tls_dhparam can name, with their sizes (RFC 2409, 3526 and 5114)."""


def _dh_file(main: EximMain) -> str:
    """Return the file of DH parameters (a real path) where one is named."""
    line = main.last("tls_dhparam")
    return main.tree.place(line.value, "/") if line is not None and line.value.startswith("/") else ""


def _parameters(main: EximMain, release: Release) -> tuple[bool, int | None]:
    """Return whether DHE works with OpenSSL, and the size of its parameters: larger ones than tls_dh_max_bits are not used."""
    line, most = _settled(main, "tls_dhparam"), main.last("tls_dh_max_bits")
    if line is None or not line.value:
        return True, _dh_bits(release)
    if line.value == "none":
        return False, None
    if line.value.startswith("/"):
        bits = certificates.dh_bits(main.tree, main.tree.place(line.value, "/"))
    else:
        bits = _NAMED_BITS.get(line.value, _dh_bits(release))
    text = whole(most.value) if most else None
    limit = _MOST_BITS if text is None else text
    return bits is None or bits <= limit, bits


def _gnutls_bits(main: EximMain) -> int | None:
    """Return the size of the parameters with GnuTLS, or None where there is no DHE (measured on 4.98.2).

    Its own are used, of the level that the size of those that are named comes to.
    """
    line = _settled(main, "tls_dhparam")
    if line is None:
        return _GNUTLS_BITS[0]
    file = main.tree.place(line.value, "/") if line.value.startswith("/") else ""
    if line.value in {"", "none"} or (file and certificates.x942(main.tree, file)):
        return None
    bits = certificates.dh_bits(main.tree, file) if file else _NAMED_BITS.get(line.value)
    return max((n for n in _GNUTLS_BITS if n <= (bits or 0)), default=_GNUTLS_BITS[0])


_GNUTLS_BITS = (2048, 3072, 8192)
_MOST_BITS = 2236
"""tls_dh_max_bits where nothing is said."""


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    flags = [f"+{word}" for word, name in _FLAGS.items() if name not in job.protocols and _known(word, job)]
    flags += [f"-{word}" for word in sorted(_ALWAYS_OFF) if _FLAGS[word] in job.protocols]
    if job.server_preference:
        flags.append("+cipher_server_preference")
    return {
        "priority": job.priority,
        "ciphers": job.cipher_string,
        "options": " ".join(flags) if _has("openssl_options", job.release) and not job.priority else "",
        "curve": job.groups[0] if job.groups else "",
    }


def _known(word: str, job: Job) -> bool:
    """A word the library has no flag for is refused by Exim."""
    release = builds.build(job.build).release
    needs = {"no_tlsv1_1": (1, 0, 1), "no_tlsv1_2": (1, 0, 1), "no_tlsv1_3": (1, 1, 1)}
    return release >= needs.get(word, (0, 9, 8))


def _at(line: Line | None, otherwise: InFile) -> InFile:
    return InFile((line.path,), line.line) if line else otherwise


def _protocols(options: Line | None, at: InFile, release: Release) -> tuple[Located, ...]:
    off = set(_ALWAYS_OFF) if _has("openssl_options", release) else set()
    if options is not None:
        for word in options.value.split():
            name = word.lstrip("+-").lower()
            if name in _FLAGS:
                (off.discard if word.startswith("-") else off.add)(name)
    gone = {_FLAGS[word] for word in off}
    return tuple(Located(n, _at(options, at)) for n in PROTOCOLS if n not in gone)


def _settled(main: EximMain, name: str) -> Line | None:
    """Return an option, or None where what it says depends on the connection."""
    line = main.last(name)
    if line is not None and "$" in line.value:
        main.tree.say("conditional", line.path, line.line, f"{name} is expanded for each connection")
        return None
    return line


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server with a certificate, or of a fragment."""
    gnu = reading.release.gnutls
    library = "_HAVE_GNUTLS" if gnu else "_HAVE_OPENSSL"
    main = EximMain(tree, path, {"_HAVE_TLS": "y", library: "y"})
    flat_syntax.unknown_directives(tree, main.lines, directives("exim"), reading.release)
    first = next((x for x in main.lines if x.name in _OURS or x.name.startswith("tls_")), None)
    certificate, hosts = main.last("tls_certificate"), main.last("tls_advertise_hosts")
    if hosts is not None and not hosts.value:
        return
    own = first is None and bool(main.lines) and _has("TLS for everybody", reading.release)
    if own and not reading.sole:
        tree.say("empty", path, None, served.all_the_same("Exim from 4.87 on"))
    if first is None and not (own and reading.sole):
        return
    at = _at(first or main.lines[0], InFile((path,), 1))
    subject, *also = served.named(path, ("smtp",), _ports(main)) if certificate or own else (path,)
    named = certificate.value if certificate and "$" not in certificate.value else ""
    files = [tree.place(f, "/") for f in re.split(r"\s*:\s*", named) if f]
    keys = certificates.keys_of(tree, files)
    expanded = [tree.place(certificate.value, "/")] if certificate and not named and certificate.value else []
    cards = certificates.presented(tree, files or expanded, parameters=_dh_file(main))
    way = replace(reading, assumptions=(*reading.assumptions, served.OWN)) if own else reading
    keys = served.OWN_KEY if own else keys
    yield replace(
        (_gnutls if gnu else _openssl)(main, subject, at, keys, way),
        also=tuple(also),
        client=_client(main, at) if certificate or own else None,
        certificates=cards.certificates,
        unread_files=cards.unread,
    )


def _client(main: EximMain, at: InFile) -> ClientCertificate:
    """`*` means every client; a list of hosts requires a certificate of some alone."""
    for name, wants in (("tls_verify_hosts", "required"), ("tls_try_verify_hosts", "optional")):
        line = main.last(name)
        if line is not None and line.value:
            setting = Located(line.value, _at(line, at))
            return client_certificates.client_authentication(setting, at, {"*": wants}, otherwise="optional")
    return client_certificates.client_authentication(None, at, {})


_SMTP = {"smtp": "25", "ssmtp": "465", "smtps": "465", "submission": "587", "submissions": "465"}


def _ports(main: EximMain) -> list[str]:
    """Return the ports of daemon_smtp_ports, or those of local_interfaces that name one (`address.port`, `[v6]:port`)."""
    line = main.last("daemon_smtp_ports")
    interfaces = main.last("local_interfaces")
    own = []
    for one in _items(interfaces.value) if interfaces else []:
        found = re.fullmatch(r"(?:\[[^\]]*\][.:]|\d+(?:\.\d+){3}\.)(\d+)", one)
        own += [found[1]] if found else []
    return own or [_SMTP.get(one, one) for one in _items(line.value if line else "25")] or ["25"]


def _items(text: str) -> list[str]:
    """Return an Exim list, whose separator is a colon unless `<` names another, and a doubled one is itself."""
    mark = ":"
    if (found := re.match(r"\s*<(\W)", text)) is not None:
        mark, text = found[1], text[found.end() :]
    return [
        one for part in text.replace(mark * 2, "\0").split(mark) if (one := part.strip().replace("\0", mark))
    ]


def _openssl(
    main: EximMain, subject: str, at: InFile, keys: frozenset[str] | None, reading: Reading
) -> Offer:
    release = reading.release
    options, listed = _settled(main, "openssl_options"), _settled(main, "tls_require_ciphers")
    if options is not None and (why := directives("exim").lacks("openssl_options", release)):
        main.tree.say("unknown-directive", options.path, options.line, why)
        options = None
    curve = _settled(main, "tls_eccurve")
    named = curve.value if curve and curve.value not in {"", "auto"} else None
    words = options.value.split() if options else []
    finite_field, bits = _parameters(main, release)
    return served.offer(
        served.ServedSettings(
            subject=subject,
            at=at,
            protocols=_protocols(options, at, release),
            ciphers=Located(
                listed.value if listed else directives("exim").default_of("ciphers", release),
                _at(listed, at),
            ),
            groups=Located(named, _at(curve, at)) if named else None,
            server_preference="+cipher_server_preference" in words,
            keys=keys,
            finite_field=finite_field,
            elliptic=_has("tls_eccurve", release),
            dh_bits=bits,
            compression=None if release.upstream < (4, 73) else False,
            assumptions=reading.assumptions,
        ),
        reading.build,
    )


def _gnutls(main: EximMain, subject: str, at: InFile, keys: frozenset[str] | None, reading: Reading) -> Offer:
    listed = _settled(main, "tls_require_ciphers")
    for name in ("openssl_options", "tls_eccurve", "gnutls_require_protocols"):
        if (line := main.last(name)) is not None:
            main.tree.say("unknown-directive", line.path, line.line, f"exim with GnuTLS has no {name}")
    text = listed.value if listed else ""
    bits = _gnutls_bits(main)
    return priority_strings.offer(
        Located(text or directives("exim").default_of("priority", reading.release), _at(listed, at)),
        program="exim",
        subject=subject,
        at=at,
        keys=keys,
        finite_field=bits is not None,
        dh_bits=bits,
        assumptions=reading.assumptions,
    )


def edits(tree: Tree, path: str, reading: Reading) -> Iterator[Edit]:
    """Yield the top of the main file; the old lines go, wherever they are."""
    gnu = reading.release.gnutls
    library = "_HAVE_GNUTLS" if gnu else "_HAVE_OPENSSL"
    main = EximMain(tree, path, {"_HAVE_TLS": "y", library: "y"})
    old = tuple(x for x in main.lines if x.name in _OURS)
    remove = tuple(dict.fromkeys((x.path, *flat_edits.span(tree, x.path, x.line)) for x in old))
    yield Edit(path=path, at=0, remove=remove)


TARGET = Target(
    name="exim",
    title="Exim",
    template="tls/exim.conf.j2",
    main=(
        "exim/exim.conf",
        "exim.conf",
        "exim4/exim4.conf",
        "exim4.conf",
        "exim4/exim4.conf.template",
        "exim4.conf.template",
    ),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^\s*(?:tls_advertise_hosts|tls_require_ciphers|tls_on_connect_ports|openssl_options|acl_smtp_\w+|"
        r"primary_hostname|begin\s+(?:acl|routers|transports)|daemon_smtp_ports)\b",
        re.MULTILINE,
    ),
    check=("exim", "-C", "{path}", "-bV"),
    place="/etc/exim/exim.conf",
    params={
        "listen": "port; TLS is then switched on with the certificate",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
    },
)
