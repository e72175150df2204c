"""lighttpd with mod_openssl: ssl.cipher-list, ssl.use-sslv2/3, ssl.openssl.ssl-conf-cmd."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import ClientCertificate, Located, Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.lighttpd.syntax import Assignment, ConfigScope, LighttpdReader
from hardening.tls.targets.reading import certificates, client_certificates, served
from hardening.tls.targets.reading.ssl_conf_cmd import SIGNATURES, over
from hardening.tls.targets.reading.tree import Tree

_ORDER = ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_WORDS = {"TLSv1": "TLSv1.0", "TLSv1.0": "TLSv1.0", "TLSv1.1": "TLSv1.1", "TLSv1.2": "TLSv1.2", "TLSv1.3": "TLSv1.3",
          "SSLv3": "SSLv3", "SSLv2": "SSLv2"}  # fmt: skip
_SSL = {"SSLv2": "ssl.use-sslv2", "SSLv3": "ssl.use-sslv3"}
_NO_SSL = (1, 4, 68)
"""From this lighttpd on, SSL 2.0 and 3.0 are off for good."""
_CONF_PROTOCOL = (1, 0, 2)
_CONF_RANGE = (1, 1, 0)
_UPGRADE = "use lighttpd {} or later"
_ALSO = ", or put a proxy that can in front of it"


def _has(feature: str, release: Release) -> bool:
    return directives("lighttpd").has(feature, release)


def _commands(release: Release, build: str) -> bool:
    return _has("ssl.openssl.ssl-conf-cmd", release) and builds.build(build).release >= _CONF_PROTOCOL


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    library = builds.build(build)
    commands = _commands(release, build)
    ways: dict[str, str] = {}
    if not commands:
        if not _has("ssl.use-sslv2", release) and _has("ssl.engine", release) and release.upstream < _NO_SSL:
            ways["SSLv2"] = _UPGRADE.format("1.4.12") + _ALSO
        if not _has("ssl.use-sslv3", release) and release.upstream < _NO_SSL:
            ways["SSLv3"] = _UPGRADE.format("1.4.29") + _ALSO
        for name in ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"):
            ways[name] = _UPGRADE.format("1.4.48") + " with OpenSSL 1.0.2 or later" + _ALSO
    return Capabilities(
        protocols=frozenset(_ORDER)
        - {n for n, word in _SSL.items() if not commands and n not in ways and not _has(word, release)},
        stuck={n: way for n, way in ways.items() if n in library.protocols},
        ciphersuites=commands and library.release >= (1, 1, 1),
        groups="list" if commands else "one" if _has("ssl.ec-curve", release) else "none",
        signatures=commands,
        preference="settable"
        if commands or _has("ssl.honor-cipher-order", release)
        else "server"
        if directives("lighttpd").default_of("honor", release) != "disable"  # a list is written then
        else "client",
        elliptic=_has("ECDHE", release),
        finite_field=_dh(release) != "none",
        dh_bits=None if "dhparam" in params or _dh(release) == "none" else int(_dh(release)),
        ways_out={
            "ciphersuites": _UPGRADE.format("1.4.48") + " with OpenSSL 1.1.1 or later",
            **dict.fromkeys(
                ("groups", "signatures"), _UPGRADE.format("1.4.48") + " with OpenSSL 1.0.2 or later"
            ),
            "preference": _UPGRADE.format("1.4.30"),
            "elliptic": _UPGRADE.format("1.4.29"),
            "finite_field": _UPGRADE.format("1.4.56")
            + ", or give a file: --param dhparam=FILE (from 1.4.29 on)",
        },
    )


def _dh(release: Release) -> str:
    return directives("lighttpd").default_of("dh", release)


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    release, library = job.release, builds.build(job.build)
    commands: dict[str, str] = {}
    if _commands(release, job.build):
        if library.release >= _CONF_RANGE:
            commands["MinProtocol"] = _conf_word(job.protocols[0])
            commands["MaxProtocol"] = _conf_word(job.protocols[-1])
        else:
            commands["Protocol"] = ",".join(["-ALL", *(_conf_word(p) for p in job.protocols)])
        if job.ciphers:
            commands["CipherString"] = job.cipher_string
        if job.ciphersuites:
            commands["Ciphersuites"] = ":".join(job.ciphersuites)
        if "dhparam" in job.params and _has("DHParameters command", release):
            commands["DHParameters"] = job.params["dhparam"]
        if job.groups:
            commands["Groups" if library.release >= (1, 1, 1) else "Curves"] = ":".join(job.groups)
        if job.signatures:
            commands["SignatureAlgorithms"] = job.signature_string
        commands["Options"] = "ServerPreference" if job.server_preference else "-ServerPreference"
    return {
        "commands": commands,
        "switches": {
            n: "enable" if p in job.protocols else "disable"
            for n, p in (("ssl.use-sslv2", "SSLv2"), ("ssl.use-sslv3", "SSLv3"))
            if _has(n, release)
        },
        "honor": _has("ssl.honor-cipher-order", release),
        "curve": not commands and _has("ssl.ec-curve", release) and bool(job.groups),
        "module": _has("mod_openssl", release),
        "dh_file": _has("ssl.dh-file", release) and "dhparam" in job.params,
        "privkey": _has("ssl.privkey", release),
    }


def _conf_word(name: str) -> str:
    return "TLSv1" if name == "TLSv1.0" else name


class _Socket:
    """One listening socket: its own assignments over what it inherits."""

    def __init__(self, scope: ConfigScope, top: ConfigScope, release: Release) -> None:
        self.scope, self.top = scope, top
        self.inherits_all = scope is top or _has("minimum and maximum by lighttpd", release)
        self.inherits = frozenset() if not _has("null and export always off", release) else frozenset(
            {"ssl.cipher-list", "ssl.openssl.ssl-conf-cmd"}
        )  # fmt: skip

    def get(self, name: str) -> Assignment | None:
        own = self.scope.own(name)
        if own is None and (self.inherits_all or name in self.inherits):
            return self.top.own(name)
        return own


def _place(one: Assignment) -> InFile:
    return InFile((one.path,), one.line)


def _protocols(socket: _Socket, release: Release, build: str, at: InFile) -> tuple[Located, ...]:
    facts = directives("lighttpd")
    speaks = builds.build(build)
    places: dict[str, InFile] = dict.fromkeys(("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"), at)
    for option, name in (("ssl.use-sslv2", "SSLv2"), ("ssl.use-sslv3", "SSLv3")):
        one = socket.get(option) if _has(option, release) else None
        default = facts.default_of("sslv2" if name == "SSLv2" else "sslv3", release) == "enable"
        if one.on if one else default:
            places[name] = _place(one) if one else at
    minimum = facts.default_of("minimum", release)
    bounded = minimum in _ORDER and speaks.release >= _CONF_RANGE
    if bounded and not {"SSLv2", "SSLv3"} & set(places):
        places = {n: p for n, p in places.items() if _ORDER.index(n) >= _ORDER.index(minimum)}
    command = socket.get("ssl.openssl.ssl-conf-cmd")
    if command is not None and isinstance(command.value, dict) and _commands(release, build):
        places = _commanded(places, command, build, bounded=bounded)
    return tuple(Located(n, places[n]) for n in _ORDER if n in places)


def _commanded(
    places: dict[str, InFile], command: Assignment, build: str, *, bounded: bool
) -> dict[str, InFile]:
    """Return the versions that commands leave: `Protocol` switches them, within the least and the greatest wherever those stand."""
    at, values = _place(command), _lowered(command)
    if builds.build(build).release >= _CONF_RANGE and {"minprotocol", "maxprotocol"} & set(values):
        names = list(places)
        least = _WORDS.get(values.get("minprotocol", ""), min(names, key=_ORDER.index, default="TLSv1.0"))
        if values.get("minprotocol", "").lower() == "none":
            least = "TLSv1.0"
        greatest = _WORDS.get(values.get("maxprotocol", ""), "TLSv1.3")
        span = _ORDER[_ORDER.index(least) : _ORDER.index(greatest) + 1]
        places, bounded = {n: at for n in span if n != "SSLv3" or n in places}, True
    return _switched(places, values["protocol"], at, bounded=bounded) if "protocol" in values else places


def _switched(places: dict[str, InFile], words: str, at: InFile, *, bounded: bool) -> dict[str, InFile]:
    on = {} if words.upper().startswith(("-ALL", "ALL")) else dict(places)
    for word in re.split(r"[,\s]+", words):
        sign, name = (word[:1], word[1:]) if word[:1] in {"+", "-"} else ("", word)
        for one in _ORDER if name.upper() == "ALL" else (_WORDS.get(name, ""),):
            if sign == "-":
                on.pop(one, None)
            elif one in _ORDER and (one in places or one == "SSLv3" or not bounded):
                on[one] = at
    return on


def _lowered(command: Assignment) -> dict[str, str]:
    if not isinstance(command.value, dict):
        return {}
    return {k.lower(): v for k, v in command.value.items() if isinstance(v, str)}


def _settings(
    socket: _Socket, host: ConfigScope | None, subject: str, tree: Tree, reading: Reading
) -> served.ServedSettings:
    facts, release = directives("lighttpd"), reading.release
    at = InFile((socket.scope.path,), socket.scope.line)
    listed = socket.get("ssl.cipher-list")
    curve = socket.get("ssl.ec-curve") if _has("ssl.ec-curve", release) else None
    command = socket.get("ssl.openssl.ssl-conf-cmd")
    commands = _lowered(command) if command is not None and _commands(release, reading.build) else {}
    spot = _place(command) if command is not None else at
    ciphers = (
        Located(listed.text, _place(listed))
        if listed
        else Located(facts.default_of("ciphers", release) or "DEFAULT", at)
    )
    if "cipherstring" in commands:
        text = (commands["cipherstring"] or "HIGH") + ":!aNULL:!eNULL:!EXP"
        ciphers = over(Located(text, spot), ciphers)
    honor = socket.get("ssl.honor-cipher-order") if _has("ssl.honor-cipher-order", release) else None
    usual = facts.default_of("honor", release)
    prefers = (honor.on if honor else usual == "enable") and bool(
        listed or facts.default_of("ciphers", release)
    )
    prefers = prefers or (usual == "with ssl.cipher-list" and bool(listed and listed.text))
    if "serverpreference" in commands.get("options", "").lower():
        prefers = "-serverpreference" not in commands["options"].lower()
    groups = Located(curve.text, _place(curve)) if curve else _default_groups(release, reading.build, at)
    named = next(
        (commands[k] for k in reversed(commands) if k in {"groups", "curves", "ecdhparameters"}), None
    )
    if named:
        groups = Located(named, spot)
    dh = facts.default_of("dh", release)
    pem = (host and host.own("ssl.pemfile")) or socket.get("ssl.pemfile") or socket.top.own("ssl.pemfile")
    files = [tree.place(pem.text, "/")] if pem else []
    more = socket.get("ssl.ca-file")
    chain = [tree.place(more.text, "/")] if more and more.text and pem else []
    private = (host and host.own("ssl.privkey")) or socket.get("ssl.privkey") or socket.top.own("ssl.privkey")
    parameters = socket.get("ssl.dh-file") if _has("ssl.dh-file", release) else None
    dh_file = commands.get("dhparameters") or (parameters.text if parameters else "")
    bits = certificates.dh_bits(tree, tree.place(dh_file, "/")) if dh_file else None
    return served.ServedSettings(
        subject=subject,
        at=at,
        protocols=_protocols(socket, release, reading.build, at),
        ciphers=ciphers,
        ciphersuites=Located(commands["ciphersuites"], spot) if "ciphersuites" in commands else None,
        groups=groups,
        signatures=Located(commands[SIGNATURES], spot) if commands.get(SIGNATURES) else None,
        server_preference=prefers,
        keys=certificates.keys_of(tree, files),
        cards=certificates.presented(
            tree,
            files,
            chain=chain,
            parameters=tree.place(dh_file, "/") if dh_file else "",
            private=[tree.place(private.text, "/")] if private and private.text else [],
        ),
        finite_field=dh != "none",
        elliptic=_has("ECDHE", release),
        dh_bits=bits or (int(dh) if dh.isdigit() and not dh_file else None),
        dh_key=None if dh_file else certificates.rsa_bits(tree, files),
        compression="compression" in commands.get("options", "").lower()
        and "-compression" not in commands.get("options", "").lower(),
        client=_client(socket, at) if files else None,
        assumptions=reading.assumptions,
    )


def _client(socket: _Socket, at: InFile) -> ClientCertificate:
    setting, enforced = socket.get("ssl.verifyclient.activate"), socket.get("ssl.verifyclient.enforce")
    accepted = socket.get("ssl.verifyclient.ca-file") or socket.get("ssl.ca-file")
    wants = "required" if enforced is None or enforced.on else "optional"
    return client_certificates.client_authentication(
        Located("on" if setting.on else "off", _place(setting)) if setting else None,
        at,
        {"on": wants},
        authorities=accepted.text if accepted else "",
    )


def _default_groups(release: Release, build: str, at: InFile) -> Located | None:
    text = directives("lighttpd").default_of("groups", release)
    if text and builds.build(build).release >= _CONF_RANGE:
        return Located(text, at)
    automatic = _has("every curve", release) and builds.build(build).release >= _CONF_PROTOCOL
    return None if automatic else Located("prime256v1", at)


_NAMES = frozenset({"==", "=~", "=^", "=$"})
"""What a condition on the host names: one, those an expression matches, or those with one beginning or end."""


def _port(address: str) -> str:
    _, colon, port = address.rpartition(":")
    return port if colon and port.isdigit() else address


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per server name and port; a fragment without a socket is one offer."""
    top = LighttpdReader(tree, path).top
    for one in _everything(top):
        if one.name.startswith("ssl.") and (why := directives("lighttpd").lacks(one.name, reading.release)):
            tree.say("unknown-directive", one.path, one.line, why)
    sockets: list[tuple[ConfigScope, str]] = []
    if (engine := top.own("ssl.engine")) is not None and engine.on:
        assigned = top.own("server.port")
        sockets.append((top, assigned.text if assigned else "80"))
    sockets += [(s, _port(s.value)) for s in top.within("SERVER socket") if s.operator == "=="]
    found = False
    for scope, port in sockets:
        socket = _Socket(scope, top, reading.release)
        switch = socket.get("ssl.engine") if scope is not top else scope.own("ssl.engine")
        if switch is None or not switch.on:
            continue
        found = True
        groups = [(_settings(socket, None, "", tree, reading), served.named(path, ("_",), (port,)))]
        within = {id(s): s for s in (*scope.within("HTTP host"), *top.within("HTTP host"))}
        for host in within.values():
            if host.operator in _NAMES:
                own = host if host.own("ssl.pemfile") is not None else None
                settings = _settings(socket, own, "", tree, reading)
                groups.append((settings, served.named(path, (host.value,), (port,))))
        yield from served.offers(groups, reading.build)
    piece = None if found else _fragment(top)
    if piece is not None and top.own("server.port") is not None:
        tree.say("empty", path, None, "it sets up TLS, and no socket in it has ssl.engine enabled")
        piece = None
    read_scopes = {id(s) for s in (top, piece, *(s for s, _ in sockets)) if s is not None}
    _passed_over(tree, top, read_scopes, reading.release)
    if piece is not None:
        settings = _settings(_Socket(piece, top, reading.release), None, path, tree, reading)
        yield served.offer(settings, reading.build)


def _passed_over(tree: Tree, top: ConfigScope, read_scopes: set[int], release: Release) -> None:
    """Say what is not read, or what nobody reads."""
    for scope, one in _unread(top, read_scopes):
        if scope.subject == "HTTP host" and release.upstream >= _SOCKETS_ALONE:
            why = f"{one.name} holds for whole sockets alone and is passed over where {scope.condition} does"
            tree.say("misplaced", one.path, one.line, why)
            continue
        tree.say("conditional", one.path, one.line, f"{one.name} holds only where {scope.condition} does; "
                 "lighttpd takes it for whole sockets alone, so whether it holds depends on the release")  # fmt: skip


def _everything(scope: ConfigScope) -> Iterator[Assignment]:
    yield from scope.assigned
    for one in scope.scopes:
        yield from _everything(one)


def _unread(scope: ConfigScope, seen: set[int]) -> Iterator[tuple[ConfigScope, Assignment]]:
    """Yield the settings in conditions that no socket stands for."""
    for one in scope.scopes:
        if id(one) not in seen:
            yield from ((one, a) for a in one.assigned if a.name in _OWNED or a.name == "ssl.engine")
        yield from _unread(one, seen)


def _fragment(scope: ConfigScope) -> ConfigScope | None:
    if any(a.name.startswith("ssl.") and a.name != "ssl.engine" for a in scope.assigned):
        return scope
    return next((f for s in scope.scopes if (f := _fragment(s)) is not None), None)


_OWNED = frozenset({"ssl.cipher-list", "ssl.use-sslv2", "ssl.use-sslv3", "ssl.honor-cipher-order", "ssl.ec-curve",
                    "ssl.dh-file", "ssl.openssl.ssl-conf-cmd"})  # fmt: skip


_OWN_DECODER = (3, 0, 0)
_SOCKETS_ALONE = (1, 4, 79)
"""From this release on, measured: TLS settings of a host are ignored, except its certificate."""


def edits(tree: Tree, path: str, reading: Reading) -> Iterator[Edit]:
    """Yield where each socket's settings would go: at the end of its block, or of a file without sockets."""
    top = LighttpdReader(tree, path).top
    blocks = [
        s
        for s in top.within("SERVER socket")
        if (e := _Socket(s, top, reading.release).get("ssl.engine")) and e.on
    ]
    engine = top.own("ssl.engine")
    piece = top if engine is not None and engine.on else None if blocks else _fragment(top)
    # a socket without a certificate of its own takes what stands outside, and refuses settings of its own beside it
    heirs = [s for s in blocks if s.own("ssl.pemfile") is None] if top.own("ssl.pemfile") is not None else []
    piece = top if heirs else piece
    mended = (*(s for s in blocks if s not in heirs), *([piece] if piece else []))
    kept = {id(s) for s in (top, *top.within("SERVER socket"), *mended)}
    unread = tuple((a.path, *a.span) for _, a in _unread(top, kept) if a.name in _OWNED)
    for number, scope in enumerate(mended):
        inside = (scope, *(heirs if scope is top else ()))
        spans = tuple((a.path, *a.span) for one in inside for a in one.assigned if a.name in _OWNED)
        spans += () if number else unread  # whether a host's own hold depends on the release
        command = scope.own("ssl.openssl.ssl-conf-cmd")
        dh = (_lowered(command) if command else {}).get("dhparameters", "")
        old = scope.own("ssl.dh-file")
        dh = dh or (old.text if old else "")
        if (
            dh
            and builds.build(reading.build).release >= _OWN_DECODER
            and certificates.x942(tree, tree.place(dh, "/"))
        ):
            dh = ""  # the command DHParameters would refuse it, and lighttpd not start
        source = tree.source(scope.path)
        at = scope.close if scope.close is not None else len(source.text) if source else 0
        yield Edit(path=scope.path, at=at, remove=spans, params={"dhparam": dh} if dh else {})


TARGET = Target(
    name="lighttpd",
    title="lighttpd with mod_openssl",
    template="tls/lighttpd.conf.j2",
    main=("lighttpd/lighttpd.conf", "lighttpd.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    fingerprint=re.compile(r"^\s*(?:(?:ssl|server)\.[\w.\-]+\s*\+?=|\$(?:HTTP|SERVER)\[)", re.MULTILINE),
    edits=edits,
    check=("lighttpd", "-tt", "-f", "{path}"),
    place="/etc/lighttpd/conf.d/harden-tls.conf",
    params={
        "listen": "address:port such as :443; a whole socket block is then written",
        "certificate": "certificate file (PEM), with its chain; before 1.4.53 with the key in it",
        "key": "private key file, from 1.4.53 on",
        "dhparam": "file of Diffie-Hellman parameters",
    },
)
