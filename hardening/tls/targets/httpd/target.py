"""Apache httpd with mod_ssl: SSLProtocol, SSLCipherSuite, SSLHonorCipherOrder, SSLOpenSSLConfCmd."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import ClientCertificate, Inert, Located, Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.httpd import names as httpd_names
from hardening.tls.targets.httpd import protocols as httpd_protocols
from hardening.tls.targets.httpd.syntax import Directive, HttpdReader, VirtualHost
from hardening.tls.targets.reading import (
    certificates,
    client_certificates,
    protocol_ranges,
    served,
    ssl_conf_cmd,
)
from hardening.tls.targets.reading.tree import Tree

_LOST = "httpd sets a least and a greatest version, and a version above it is left out"
_TAKEN = "the command Protocol of the first host on the address takes it from every name"
_CONF_CMD = (1, 0, 2)
_UNCOMPRESSED = (1, 1, 0)
"""From this OpenSSL on, compression is off until a command switches it on: `SSLCompression on` does not (measured on 2.4.71)."""
_DH_AUTO = (3, 0, 0)
"""From this OpenSSL on, mod_ssl lets the library size its own parameters, which win over the DHParameters command."""
_UPGRADE = "use httpd {} or later, or a distribution's package that has it backported"


def _facts_has(feature: str, release: Release) -> bool:
    return directives("httpd").has(feature, release)


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    library = builds.build(build)
    commands = _facts_has("SSLOpenSSLConfCmd", release) and library.release >= _CONF_CMD
    always = httpd_protocols.always_on(release, build)
    return Capabilities(
        protocols=httpd_protocols.nameable(release),
        stuck=dict.fromkeys(always, _UPGRADE.format("2.2.23")),
        ciphersuites=_facts_has("cipher list for TLSv1.3", release),
        groups="list" if commands else "none",
        signatures=commands,
        elliptic=_facts_has("ECDHE", release),
        dh_bits=None
        if _dh_command(release, build) and "dhparam" in params
        else 2048
        if _facts_has("DH sized by key", release)
        else 1024,
        ways_out={
            "finite_field": "give a file of parameters: --param dhparam=FILE"
            if _dh_command(release, build)
            else "add larger parameters to the certificate's file, and take the DHE suites in by hand"
            if _facts_has("DH sized by key", release)
            else _UPGRADE.format("2.4.7"),
            "ciphersuites": _UPGRADE.format("2.4.36"),
            **dict.fromkeys(
                ("groups", "signatures"), "SSLOpenSSLConfCmd needs httpd 2.4.8 and OpenSSL 1.0.2 or later"
            ),
            "elliptic": _UPGRADE.format("2.2.26"),
        },
    )


def _dh_command(release: Release, build: str) -> bool:
    return _facts_has("SSLOpenSSLConfCmd", release) and _CONF_CMD <= builds.build(build).release < _DH_AUTO


def context(job: Job) -> dict[str, object]:
    """Return the template's variables; a directive that an update of a distribution brought is not written."""
    speaks = httpd_protocols.nameable(job.release)
    return {
        "protocols": ["-all", *(f"+{httpd_protocols.WORDS[n]}" for n in job.protocols if n in speaks)],
        "compression": _facts_has("SSLCompression", job.release),
        "tickets": not job.policy.session_tickets
        and directives("httpd").features["SSLSessionTickets"].in_upstream(job.release.upstream),
        "dh_file": "dhparam" in job.params and _dh_command(job.release, job.build),
    }


def _place(one: Directive) -> InFile:
    return InFile((one.path,), one.line)


class _Merged:
    """A virtual host's directives over the main server's, as mod_ssl merges them."""

    def __init__(self, host: VirtualHost, main: VirtualHost) -> None:
        self.host, self.main = host, main
        self.at = InFile((host.path,), host.line)

    def last(self, name: str) -> Directive | None:
        return self.host.last(name) or (self.main.last(name) if self.main is not self.host else None)

    def per_request(self) -> list[Directive]:
        return [*self.host.per_request, *(self.main.per_request if self.main is not self.host else ())]

    def both(self, name: str) -> list[Directive]:
        """Return the main server's directives and the host's after them, for what mod_ssl adds up."""
        mains = self.main.directives if self.main is not self.host else ()
        return [d for d in (*mains, *self.host.directives) if d.name == name]

    def own_or_main(self, name: str) -> list[Directive]:
        own = [d for d in self.host.directives if d.name == name]
        return own or [d for d in self.main.directives if d.name == name]


_CLIENT = {
    "require": "required", "2": "required", "optional": "optional", "1": "optional",
    "optional_no_ca": client_certificates.UNCHECKED, "3": client_certificates.UNCHECKED,
}  # fmt: skip


def _client(merged: _Merged) -> ClientCertificate:
    setting, accepted = merged.last("sslverifyclient"), merged.last("sslcacertificatefile")
    return client_certificates.client_authentication(
        Located(setting.words[0], _place(setting)) if setting and setting.words else None,
        merged.at,
        _CLIENT,
        authorities=accepted.words[0] if accepted and accepted.words else "",
    )


def _settings(merged: _Merged, subject: str, reader: HttpdReader, reading: Reading) -> served.ServedSettings:
    facts, release = directives("httpd"), reading.release
    tree, root = reader.tree, reader.root
    protocol = merged.last("sslprotocol")
    words = protocol.words if protocol else tuple(facts.default_of("protocols", release).split())
    spot = _place(protocol) if protocol else merged.at
    protocols = httpd_protocols.protocols(words, release, reading.build, spot)
    lost = httpd_protocols.switched(words, release) - {s.value for s in protocols}
    settings = served.ServedSettings(
        subject=subject,
        at=merged.at,
        protocols=protocols,
        inert=tuple(Inert(Located(n, spot), _LOST) for n in httpd_protocols.ORDER if n in lost),
        ciphers=Located(facts.default_of("ciphers", release), merged.at),
        groups=None if _facts_has("every curve", release) else Located("prime256v1", merged.at),
        elliptic=_facts_has("ECDHE", release),
        compression=builds.build(reading.build).release < _UNCOMPRESSED
        and _on(merged.last("sslcompression"), facts.default_of("compression", release)),
        server_preference=_on(merged.last("sslhonorcipherorder"), "off"),
        client=_client(merged) if merged.own_or_main("sslcertificatefile") else None,
        assumptions=reading.assumptions,
    )
    for one in merged.both("sslciphersuite"):  # that of TLS 1.3 and the other hide each its like
        settings = _cipher_suite(settings, one, release)
    commands = merged.both("sslopensslconfcmd")
    for one in commands:
        settings = _command(settings, one, reader, reading)
    files = [tree.place(d.words[0], root) for d in merged.own_or_main("sslcertificatefile") if d.words]
    sizes = [s for f in files if (s := certificates.dh_bits(tree, f))]
    in_card = _facts_has("parameters in the certificate file", release)
    bits = sizes[0] if sizes and in_card else settings.dh_bits
    commanded = any(d.words[:1] and d.words[0].lower() == "dhparameters" for d in commands)
    if bits is None and not (commanded and _dh_command(release, reading.build)):
        if _facts_has("DH sized by key", release):
            settings, bits = replace(settings, dh_key=certificates.rsa_bits(tree, files)), 2048
        bits = bits or 1024
    more = merged.last("sslcertificatechainfile")
    chain = [tree.place(more.words[0], root)] if more and more.words and files else []
    ours = [d.words[1] for d in commands if len(d.words) > 1 and d.words[0].lower() == "dhparameters"]
    dh_file = tree.place(ours[-1], root) if ours and _dh_command(release, reading.build) else ""
    private = [tree.place(d.words[0], root) for d in merged.own_or_main("sslcertificatekeyfile") if d.words]
    cards = certificates.presented(tree, files, chain=chain, parameters=dh_file, private=private)
    return replace(settings, keys=certificates.keys_of(tree, files), cards=cards, dh_bits=bits)


def _on(one: Directive | None, default: str) -> bool:
    return (one.words[0] if one and one.words else default).lower() == "on"


def _cipher_suite(settings: served.ServedSettings, one: Directive, release: Release) -> served.ServedSettings:
    if not one.words:
        return settings
    protocol, value = one.words[:2] if len(one.words) > 1 else ("", one.words[0])
    if protocol.lower() == "tlsv1.3":
        return replace(settings, ciphersuites=Located(value, _place(one)))
    if _facts_has("null and export always off", release) and not value.startswith("PROFILE="):
        value += ":!aNULL:!eNULL:!EXP"
    return replace(settings, ciphers=Located(value, _place(one)))


def _command(  # noqa: PLR0911 - one return per command
    settings: served.ServedSettings, one: Directive, reader: HttpdReader, reading: Reading
) -> served.ServedSettings:
    """SSL_CONF commands come after everything else and win."""
    release, build, tree = reading.release, reading.build, reader.tree
    if len(one.words) < 2:  # noqa: PLR2004 - a command and its value
        return settings
    command, value, at = one.words[0].lower(), one.words[1], _place(one)
    if command == "cipherstring":
        own = _cipher_suite(settings, replace(one, words=(value,)), release).ciphers
        return replace(settings, ciphers=ssl_conf_cmd.over(own, settings.ciphers))
    if command in {"curves", "groups", "ecdhparameters"} and value.lower() != "auto":
        return replace(settings, groups=Located(value, at))
    if command == "dhparameters" and _dh_command(release, build):
        return replace(settings, dh_bits=certificates.dh_bits(tree, tree.place(value, reader.root)))
    names = list(httpd_protocols.ORDER)
    if command in {"minprotocol", "maxprotocol"} and (
        limited := httpd_protocols.OF_COMMANDS.get(value.lower())
    ):
        limit = names.index(limited)
        kept = names[limit:] if command == "minprotocol" else names[: limit + 1]
        on = {s.value for s in settings.protocols}
        lower = min((names.index(n) for n in on), default=0)
        upper = max((names.index(n) for n in on), default=len(names) - 1)
        span = names[limit : upper + 1] if command == "minprotocol" else names[lower : limit + 1]
        return replace(settings, protocols=tuple(Located(n, at) for n in span if n in kept))
    if command == "protocol":
        on = protocol_ranges.commanded(value, before := {s.value for s in settings.protocols})
        if (
            builds.build(build).release >= httpd_protocols.NO_HOLES
        ):  # SSLProtocol is a range there, which the command cannot widen
            on &= before
        return replace(settings, protocols=tuple(Located(n, at) for n in httpd_protocols.ORDER if n in on))
    return ssl_conf_cmd.common(settings, command, Located(value, at))


def _complain(tree: Tree, hosts: tuple[VirtualHost, ...], release: Release) -> None:
    """Say which TLS directives the release does not know, or does not take where they stand."""
    for host in hosts:
        for one in (*host.directives, *host.per_request):
            if one.name.startswith("ssl") and (why := directives("httpd").lacks(one.spelling, release)):
                tree.say("unknown-directive", one.path, one.line, why)
            for word in one.words if one.name == "sslprotocol" else ():
                if why := httpd_protocols.refused(word, release):
                    tree.say("unknown-directive", one.path, one.line, why)
        for one in host.per_request:
            if (
                one.name.startswith("ssl")
                and not one.name.startswith("sslproxy")
                and one.name not in _PER_DIRECTORY
            ):
                tree.say("misplaced", one.path, one.line, f"{one.spelling} is not allowed in <{one.inside}>")


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per server name and port; a fragment without a host is one offer."""
    reader = HttpdReader(tree, reading.release.upstream, lambda name: _knows(name, reading.release))
    reader.read(path)
    main = reader.main
    if main is None:
        return
    _complain(tree, (main, *reader.hosts), reading.release)
    by_protocol = {d.words[0].rpartition(":")[2] for d in reader.listens if d.words[-1:] == ("https",)}
    first_at: dict[str, tuple[served.ServedSettings, set[str]]] = {}
    taken: set[str] = set()
    for host in (*reader.hosts, main):
        merged = _Merged(host, main)
        engine = merged.last("sslengine")
        ports = httpd_names.ports(host, reader.listens)
        if not (_on(engine, "off") or (engine is None and host is not main and by_protocol & set(ports))):
            continue
        free = [port for port in ports if host is not main or port not in taken]
        if not free:
            continue
        taken.update(free)
        settings, names = (
            _per_request(_settings(merged, "", reader, reading), merged, reading),
            httpd_names.names(host, main),
        )
        yield from served.offers(
            (
                (
                    _as_first(settings, merged, first_at, port, reading),
                    served.named(path, names, (port,)),
                )
                for port in free
            ),
            reading.build,
        )
    alone = (*main.directives, *main.per_request)
    if taken or not any(d.name.startswith("ssl") and d.name not in _ANYWHERE for d in alone):
        return
    if reader.listens and path.endswith(TARGET.main):
        tree.say("empty", path, None, "it sets up TLS, and no server in it has SSLEngine on")
    else:
        merged = _Merged(main, main)
        settings = _per_request(_settings(merged, path, reader, reading), merged, reading)
        yield served.offer(settings, reading.build)


def _as_first(
    settings: served.ServedSettings,
    merged: _Merged,
    first_at: dict[str, tuple[served.ServedSettings, set[str]]],
    port: str,
    reading: Reading,
) -> served.ServedSettings:
    """Where a name cannot have protocols of its own, those of the first host on the port hold."""
    commands = [d.words for d in merged.both(_COMMAND) if len(d.words) > 1]
    mine = settings, httpd_protocols.taken_from_every_name(commands)
    first, off = [first_at.setdefault(one, mine) for one in httpd_names.sockets(merged.host, port)][-1]
    if first is settings:
        return settings
    ordered = settings.server_preference or first.server_preference  # options of OpenSSL add up
    per_name = _facts_has("protocol per name", reading.release) and merged.last("sslprotocol") is not None
    who = f"the first host on the address: {first.at.path} line {first.at.line}"
    kept = builds.build(reading.build).release >= _CONF_CMD  # groups are the connection's, not the name's
    fields = (*(() if per_name else ("protocols",)), *(("groups",) if kept else ()))
    found = served.taken_from(replace(settings, server_preference=ordered), first, who, fields)
    lost = tuple(Inert(s, _TAKEN) for s in found.protocols if s.value in off)
    return replace(
        found,
        protocols=tuple(s for s in found.protocols if s.value not in off),
        inert=(*found.inert, *lost),
    )


def _per_request(settings: served.ServedSettings, merged: _Merged, reading: Reading) -> served.ServedSettings:
    """Add the cipher lists of single requests, which come into force by a renegotiation."""
    for one in merged.per_request():
        if one.name == "sslciphersuite" and one.words and one.words[0].lower() != "tlsv1.3":
            possible = _cipher_suite(settings, one, reading.release).ciphers
            note = (
                f"{one.spelling} at {one.path} line {one.line} holds for some requests, after a renegotiation"
            )
            settings = replace(
                settings,
                possible=(*settings.possible, possible),
                assumptions=(*settings.assumptions, note),
            )
    return settings


_ANYWHERE = frozenset({"ssloptions", "sslrequire", "sslrequiressl", "sslusername"})
"""Directives that say nothing of what is offered."""
_PER_DIRECTORY = _ANYWHERE | {
    "sslciphersuite",
    "sslverifyclient",
    "sslverifydepth",
    "sslrenegbuffersize",
}
"""The mod_ssl directives that a `<Location>`, an `<If>` and their like take; all others stop the server."""
_OWNED = frozenset(
    {"sslprotocol", "sslciphersuite", "sslhonorcipherorder", "sslcompression", "sslsessiontickets"}
)
_COMMAND = "sslopensslconfcmd"
_OWNED_FILES = frozenset({"ecdhparameters", "dhparameters"})


def _owned(one: Directive) -> bool:
    if one.name != _COMMAND:
        return one.name in _OWNED
    return ssl_conf_cmd.owned(one.words) or (one.words[0] if one.words else "").lower() in _OWNED_FILES


def edits(tree: Tree, path: str, reading: Reading) -> Iterator[Edit]:
    """Yield where each server's settings would go: at the end of its host, or of a file without hosts."""
    reader = HttpdReader(tree, reading.release.upstream, lambda name: _knows(name, reading.release))
    reader.read(path)
    main = reader.main
    if main is None:
        return
    on = [h for h in reader.hosts if _on(_Merged(h, main).last("sslengine"), "off")]
    for host in on or [main]:
        old = [*host.directives, *host.per_request]
        if host is not main:  # its commands are carried out before the host's own
            old += [d for d in main.directives if d.name == _COMMAND]
        spans = tuple((d.path, *d.span) for d in old if _owned(d))
        if host is main:
            where = spans[0][0] if spans else path
            source = tree.source(where)
            yield Edit(path=where, at=len(source.text) if source else 0, remove=spans)
        elif host.close is not None:
            yield Edit(path=host.path, at=host.close, remove=spans)


def _knows(name: str, release: Release) -> bool | None:
    features = directives("httpd").features
    feature = next((f for f in features if f.lower() == name.lower()), None)
    return None if feature is None else _facts_has(feature, release)


TARGET = Target(
    name="httpd",
    title="Apache httpd with mod_ssl",
    template="tls/httpd.conf.j2",
    main=("httpd/conf/httpd.conf", "conf/httpd.conf", "apache2/apache2.conf", "apache2.conf", "httpd.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    fingerprint=re.compile(
        r"^\s*(?:SSL[A-Z]\w+|ServerRoot|<VirtualHost|LoadModule)\s", re.MULTILINE | re.IGNORECASE
    ),
    edits=edits,
    check=("apache2", "-t", "-f", "{path}"),
    place="/etc/httpd/conf.d/zz-harden-tls.conf",
    params={
        "listen": "port or address:port; a whole virtual host is then written",
        "server_name": "name of that virtual host",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters, for sizes above 2048 (from 2.4.8 on, with OpenSSL 1.0.2 to 1.1.1)",
    },
)
