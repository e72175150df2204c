"""nginx: ssl_protocols, ssl_ciphers, ssl_conf_command, ssl_ecdh_curve, ssl_prefer_server_ciphers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from hardening.errors import UsageError
from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import ClientCertificate, Located, Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.nginx.syntax import Block, NginxDirective, NginxReader
from hardening.tls.targets.reading import (
    certificates,
    client_certificates,
    protocol_ranges,
    served,
    ssl_conf_cmd,
)
from hardening.tls.targets.reading.tree import Tree

_TOKENS = {"SSLv2": "SSLv2", "SSLv3": "SSLv3", "TLSv1": "TLSv1.0", "TLSv1.1": "TLSv1.1", "TLSv1.2": "TLSv1.2",
           "TLSv1.3": "TLSv1.3"}  # fmt: skip
_WORDS = {name: token for token, name in _TOKENS.items()}
_FOLDED = {token.lower(): name for token, name in _TOKENS.items()}
"""nginx takes these words in any case."""
_ORDER = tuple(_TOKENS.values())
_SSL_CONF = (1, 0, 2)
_RANGE = (1, 1, 0)
"""From this OpenSSL on, holes in a list of protocols are closed: SSL_OP_NO_* becomes a range."""
_GROUPS_KEPT = (1, 1, 0)
"""From this OpenSSL on every curve is a list of the connection's, which another name's context does not change."""
_UPGRADE = "use nginx {} or later"
_NAMED_SINCE = {"TLSv1.3": "1.13.0"}


def _has(feature: str, release: Release) -> bool:
    return directives("nginx").has(feature, release)


def _nameable(release: Release) -> frozenset[str]:
    names = set(_ORDER)
    if not _has("token TLSv1.1", release):
        names -= {"TLSv1.1", "TLSv1.2"}
    if not _has("token TLSv1.3", release):
        names.discard("TLSv1.3")
    return frozenset(names)


def _always_on(release: Release, build: str) -> tuple[str, ...]:
    speaks, words = builds.build(build).protocols, _nameable(release)
    return tuple(n for n in ("TLSv1.1", "TLSv1.2", "TLSv1.3") if n in speaks and n not in words)


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    library = builds.build(build)
    old_dh = directives("nginx").default_of("dh", release) not in {"none", ""}
    return Capabilities(
        protocols=_nameable(release),
        stuck={n: _UPGRADE.format(_NAMED_SINCE.get(n, "1.1.13 (or 1.0.12)")) for n in _always_on(release, build)},
        elliptic=_has("ssl_ecdh_curve", release),
        ciphersuites=_has("ssl_conf_command", release) and library.release >= _SSL_CONF,
        groups="none" if not _has("ssl_ecdh_curve", release)
        else "list" if _has("list of curves", release) and library.release >= _SSL_CONF
        else "one",
        signatures=_has("ssl_conf_command", release) and library.release >= _SSL_CONF,
        finite_field="dhparam" in params or old_dh,
        dh_bits=1024 if old_dh and "dhparam" not in params else None,
        ways_out={
            "ciphersuites": _UPGRADE.format("1.19.4"),
            "signatures": _UPGRADE.format("1.19.4") + " with OpenSSL 1.0.2 or later",
            "groups": _UPGRADE.format("1.11.0") + " with OpenSSL 1.0.2 or later",
            "elliptic": _UPGRADE.format("1.0.6"),
            "finite_field": "give the file of ssl_dhparam: --param dhparam=/etc/nginx/dhparam.pem",
        },
    )  # fmt: skip


def context(job: Job) -> dict[str, object]:
    """Return the template's variables. Errors: UsageError (a release that knows no word for any of the versions)."""
    known = _nameable(job.release)
    words = [_WORDS[n] for n in job.protocols if n in known]
    if not words:  # `ssl_protocols ;` stops nginx
        raise UsageError(
            f"nginx {job.release.version} cannot be limited to {', '.join(job.protocols)}: ssl_protocols has no word for it",
            hint=_UPGRADE.format(_NAMED_SINCE["TLSv1.3"]),
        )
    return {
        "protocols": words,
        "curves": bool(job.groups) and _has("ssl_ecdh_curve", job.release),
        "tickets": not job.policy.session_tickets and _has("ssl_session_tickets", job.release),
        "listen_ssl": _has("listen ssl", job.release),
    }


def _place(one: NginxDirective) -> InFile:
    return InFile((one.path,), one.line)


def _on(one: NginxDirective | None) -> bool:
    return bool(one and one.words and one.words[0].lower() == "on")


def _protocols(
    lines: Iterable[NginxDirective], release: Release, build: str, at: InFile
) -> tuple[Located, ...]:
    """Return what all lines of one block switch on together (none takes anything back), or the release's default."""
    words, on = _nameable(release), dict.fromkeys(_always_on(release, build), at)
    placed = [(word, _place(one)) for one in lines for word in one.words]
    for word, where in placed or (
        (w, at) for w in directives("nginx").default_of("protocols", release).split()
    ):
        name = _FOLDED.get(word.lower())
        if name in words:
            on[name] = where
    return tuple(Located(n, on[n]) for n in _ORDER if n in on)


def _settings(server: Block, subject: str, reader: NginxReader, reading: Reading) -> served.ServedSettings:
    facts, release, tree = directives("nginx"), reading.release, reader.tree
    at = InFile((server.path,), server.line)
    ciphers = server.last("ssl_ciphers")
    curve, prefer = server.last("ssl_ecdh_curve"), server.last("ssl_prefer_server_ciphers")
    parameters = server.last("ssl_dhparam")
    curves = curve.words[0] if curve and curve.words else facts.default_of("groups", release)
    old_dh = facts.default_of("dh", release)
    dh_file = tree.place(parameters.words[0], reader.folder) if parameters and parameters.words else ""
    bits = certificates.dh_bits(tree, dh_file) if dh_file else None
    files = [tree.place(d.words[0], reader.folder) for d in server.every("ssl_certificate") if d.words]
    settings = served.ServedSettings(
        subject=subject,
        at=at,
        protocols=_protocols(server.every("ssl_protocols"), release, reading.build, at),
        ciphers=Located(ciphers.words[0], _place(ciphers)) if ciphers and ciphers.words
        else Located(facts.default_of("ciphers", release), at),
        groups=None if curves == "auto" else Located(curves or "prime256v1", _place(curve) if curve else at),
        server_preference=_on(prefer),
        keys=certificates.keys_of(tree, files),
        cards=certificates.presented(
            tree,
            files,
            parameters=dh_file,
            private=[tree.place(d.words[0], reader.folder) for d in server.every("ssl_certificate_key") if d.words],
        ),
        finite_field=parameters is not None or old_dh not in {"none", ""},
        elliptic=_has("ssl_ecdh_curve", release),
        dh_bits=bits or (int(old_dh) if old_dh.isdigit() and parameters is None else None),
        compression=False,
        client=_client(server) if files else None,
        assumptions=reading.assumptions,
    )  # fmt: skip
    signs = server.last("ssl_sigalgs")
    if signs and signs.words and _has("ssl_sigalgs", release):
        settings = replace(settings, signatures=Located(signs.words[0], _place(signs)))
    for one in server.every("ssl_conf_command"):
        settings = _command(settings, one)
    return _commanded_protocols(settings, server.every("ssl_conf_command"))


_CLIENT = {"on": "required", "optional": "optional", "optional_no_ca": client_certificates.UNCHECKED}


def _client(server: Block) -> ClientCertificate:
    setting, accepted = server.last("ssl_verify_client"), server.last("ssl_client_certificate")
    return client_certificates.client_authentication(
        Located(setting.words[0], _place(setting)) if setting and setting.words else None,
        InFile((server.path,), server.line),
        _CLIENT,
        authorities=accepted.words[0] if accepted and accepted.words else "",
    )


def _commanded_protocols(
    settings: served.ServedSettings, commands: Iterable[NginxDirective]
) -> served.ServedSettings:
    """`Protocol` switches what ssl_protocols has switched; the last least and greatest version bound both."""
    on = {s.value: s for s in settings.protocols}
    limits = {"minprotocol": _ORDER[0], "maxprotocol": _ORDER[-1]}
    for one in commands:
        command, value = (*(w for w in one.words[:2]), "", "")[:2]
        if command.lower() == "protocol":
            on = {n: on.get(n) or Located(n, _place(one)) for n in protocol_ranges.commanded(value, on)}
        elif command.lower() in limits and (value in _TOKENS or value == "None"):
            limit = _ORDER[0] if command.lower() == "minprotocol" else _ORDER[-1]
            limits[command.lower()] = _TOKENS.get(value, limit)
    least, greatest = (_ORDER.index(limits[name]) for name in ("minprotocol", "maxprotocol"))
    return replace(settings, protocols=tuple(on[n] for n in _ORDER[least : greatest + 1] if n in on))


def _command(settings: served.ServedSettings, one: NginxDirective) -> served.ServedSettings:
    if len(one.words) < 2:  # noqa: PLR2004 - a command and its value
        return settings
    command, value, at = one.words[0].lower(), one.words[1], _place(one)
    if command == "cipherstring":
        return replace(settings, ciphers=ssl_conf_cmd.over(Located(value, at), settings.ciphers))
    if command in {"curves", "groups", "ecdhparameters"}:
        return replace(settings, groups=Located(value, at))
    return ssl_conf_cmd.common(settings, command, Located(value, at))


def _listens(server: Block) -> Iterator[tuple[str, bool, bool]]:
    """Yield each address with whether it speaks TLS, at once or (mail) when asked, and whether this server is its default."""
    starttls = server.last("starttls")
    old = _on(server.last("ssl")) or bool(
        starttls and starttls.words and starttls.words[0].lower() in {"on", "only"}
    )
    for one in server.directives:
        if one.name == "listen" and one.words:
            flags = one.words[1:]
            yield (
                _address(one.words[0]),
                old or "ssl" in flags or "quic" in flags,
                bool({"default_server", "default"} & set(flags)),
            )


def _names(server: Block) -> list[str]:
    """Return the names a server answers to, as they are written; `.example` stands for itself and what is below it."""
    found: list[str] = []
    for one in server.directives:
        if one.name == "server_name":
            for name in one.words:
                found += [name[1:], f"*{name}"] if name.startswith(".") and len(name) > 1 else [name or "_"]
    return list(dict.fromkeys(found)) or ["_"]


_ANY = frozenset({"", "0.0.0.0"})  # noqa: S104 - read, not bound to


def _address(text: str) -> str:
    """Return an address as nginx counts it: `443`, `*:443` and `0.0.0.0:443` are one socket."""
    if text.startswith("unix:"):
        return text
    host, colon, port = text.rpartition(":")
    if text.isdigit():
        host, port = "*", text
    elif not colon or not port.isdigit():  # an address alone means port 80
        host, port = text, "80"
    return f"{'*' if host in _ANY else host.lower()}:{port}"


def _port(address: str) -> str:
    if address.startswith("unix:"):
        return address
    _, colon, port = address.rpartition(":")
    return port if colon and port.isdigit() else address if address.isdigit() else "80"


def _complain(tree: Tree, top: Block, release: Release) -> None:
    """Say which TLS directives the release does not know, or does not take where they stand."""
    for one in _everything(top):
        if one.name.startswith("ssl") and (why := directives("nginx").lacks(one.name, release)):
            tree.say("unknown-directive", one.path, one.line, why)
        for word in one.words if one.name == "ssl_protocols" else ():
            if why := _refused(word, release):
                tree.say("unknown-directive", one.path, one.line, why)
    for block, one in _within_requests(top):
        tree.say("misplaced", one.path, one.line, f"{one.name} is not allowed in {block.name}")


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per server name and port; a fragment without a server is one offer."""
    reader = NginxReader(tree, path)
    _complain(tree, reader.top, reading.release)
    servers = [(kind, server, list(_listens(server))) for kind, server in reader.servers()]
    default: dict[str, Block] = {}
    for _, server, listens in servers:
        for address, _, first in listens:
            if first or address not in default:
                default[address] = server
    speaks = {address for _, _, listens in servers for address, tls, _ in listens if tls}
    found = False
    for _, server, listens in servers:
        heard = [address for address, _, _ in listens if address in speaks and not _rejects(server)]
        if not heard:
            continue
        found = True
        settings, names = _settings(server, "", reader, reading), _names(server)
        yield from served.offers(
            (
                (
                    _as_default(settings, default[address], server, reader, reading),
                    served.named(path, names, (_port(address),)),
                )
                for address in heard
            ),
            reading.build,
        )
    if not found and not servers and (fragment := _fragment(reader.top)) is not None:
        yield served.offer(_settings(fragment, path, reader, reading), reading.build)


def _refused(word: str, release: Release) -> str:
    """Return why a release does not start with a word of ssl_protocols, or nothing."""
    name = _FOLDED.get(word.lower())
    if name is None:
        return f"no nginx we know has {word} in ssl_protocols"
    return "" if name in _nameable(release) else f"nginx {release.version} has no {word} in ssl_protocols"


def _within_requests(block: Block, *, inside: bool = False) -> Iterator[tuple[Block, NginxDirective]]:
    """Yield TLS directives in blocks that single requests choose: nginx refuses to start with them."""
    for one in block.blocks:
        if one.name in {"location", "if", "limit_except"} or inside:
            yield from ((one, d) for d in one.directives if d.name.startswith("ssl_"))
            yield from _within_requests(one, inside=True)
        else:
            yield from _within_requests(one)


def _everything(block: Block) -> Iterator[NginxDirective]:
    yield from block.directives
    for one in block.blocks:
        yield from _everything(one)


def _rejects(server: Block) -> bool:
    return _on(server.last("ssl_reject_handshake"))


def _as_default(
    settings: served.ServedSettings, first: Block, server: Block, reader: NginxReader, reading: Reading
) -> served.ServedSettings:
    """What is settled before the name is looked at is the default server's: version, TLS 1.3 suite, and list of groups."""
    if first is server:
        return settings
    theirs, library = _settings(first, settings.subject, reader, reading), builds.build(reading.build).release
    if library >= _GROUPS_KEPT or (library >= _SSL_CONF and _has("list of curves", reading.release)):
        settings = served.taken_from(
            settings,
            theirs,
            f"the default server of the address: {first.path} line {first.line}",
            ("groups",),
        )
    if _has("protocol per name", reading.release):
        return settings
    settings = replace(settings, server_preference13=theirs.server_preference)
    theirs = replace(theirs, protocols=served.spoken(theirs, reading.build))
    return served.taken_from(
        settings,
        theirs,
        f"the default server of the address: {first.path} line {first.line}",
        ("protocols", "ciphersuites"),
    )


def _fragment(block: Block) -> Block | None:
    if any(d.name.startswith("ssl_") for d in block.directives):
        return block
    return next((f for b in block.blocks if (f := _fragment(b)) is not None), None)


_OWNED = frozenset({"ssl_protocols", "ssl_ciphers", "ssl_prefer_server_ciphers", "ssl_ecdh_curve", "ssl_dhparam",
                    "ssl_session_tickets", "ssl_sigalgs"})  # fmt: skip


def _owned(one: NginxDirective) -> bool:
    return one.name in _OWNED or (one.name == "ssl_conf_command" and ssl_conf_cmd.owned(one.words))


def _small(reader: NginxReader, file: str) -> bool:
    return (certificates.dh_bits(reader.tree, reader.tree.place(file, reader.folder)) or _SMALL) < _SMALL


_SMALL = 2048


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield where each server's settings would go: at the end of its block, or of a file without servers."""
    reader = NginxReader(tree, path)
    on = [s for _, s in reader.servers() if any(tls for _, tls, _ in _listens(s))]
    piece = _fragment(reader.top)
    for block in on or ([piece] if piece else []):
        spans = tuple((d.path, *d.span) for d in block.directives if _owned(d))
        dh = block.last("ssl_dhparam")
        params = {"dhparam": dh.words[0]} if dh and dh.words else {}
        if dh and dh.words and dh not in block.directives and _small(reader, dh.words[0]):
            spans += ((dh.path, *dh.span),)  # it would still hold, and stop nginx at OpenSSL's own level
        source = tree.source(block.path)
        at = block.close if block.close is not None else len(source.text) if source else 0
        yield Edit(path=block.path, at=at, remove=spans, params=params)


TARGET = Target(
    name="nginx",
    title="nginx",
    template="tls/nginx.conf.j2",
    main=("nginx/nginx.conf", "conf/nginx.conf", "nginx.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    fingerprint=re.compile(r"^\s*(?:ssl_\w+\s[^;={\n]+;|(?:server|http|events|stream)\s*\{)", re.MULTILINE),
    edits=edits,
    check=("nginx", "-t", "-c", "{path}"),
    place="/etc/nginx/conf.d/harden-tls.conf",
    params={
        "listen": "port or address:port; a whole server block is then written",
        "server_name": "name of that server",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters, for DHE suites",
    },
)
