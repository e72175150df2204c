"""Postfix smtpd: smtpd_tls_protocols, tls_high_cipherlist, tls_preempt_cipherlist; `-o` in master.cf wins."""

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
from hardening.tls.targets.postfix import master as postfix_master
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

_GRAMMAR = Grammar(comment="#", section=None, continued=" ", fold=str, quotes="")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|\((\w+)\)|(\w+))")
_CONDITIONAL = re.compile(
    r"\$[{(](?P<name>\w+)(?:\?\{(?P<yes>[^{}]*)\}:\{(?P<no>[^{}]*)\}|(?P<mark>[?:])(?:\{(?P<body>[^{}]*)\}|(?P<bare>[^{}()]*)))[})]"
)
"""`${name?text}`, `${name:text}` and `${name?{text}:{text}}`: by whether a parameter is empty."""
_DH_2048 = (3, 1)
"""From this Postfix on its own parameters have 2048 bits."""
_BELOW_MEDIUM = frozenset({"low", "export"})
_OWN_LEVEL = 0
"""The security level that Postfix sets with OpenSSL 1.1.0 and later (tls_server.c), so that old clients still get TLS."""
_UPGRADE = "use Postfix {} or later"
_LATE_WORDS = ("TLSv1.1", "TLSv1.2")
"""Versions that the library offers and old releases have no word for, so that they are always on."""


def _has(feature: str, release: Release) -> bool:
    return directives("postfix").has(feature, release)


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    listed = _has("tls_eecdh_auto_curves", release) and builds.build(build).release >= (1, 0, 2)
    always = _always_on(release)
    return Capabilities(
        protocols=frozenset(PROTOCOLS) - set(always),
        stuck={n: _UPGRADE.format("2.9.2") for n in always if n in builds.build(build).protocols},
        ciphersuites=False,
        groups="list" if listed else "none",
        preference="settable" if _has("tls_preempt_cipherlist", release) else "client",
        dh_bits=None if "dhparam" in params else 2048 if release.upstream >= _DH_2048 else 1024,
        ways_out={
            "finite_field": "give the file of smtpd_tls_dh1024_param_file: --param dhparam=FILE",
            "ciphersuites": "an OpenSSL configuration file with Ciphersuites, named by tls_config_file (Postfix 3.9)",
            "groups": _UPGRADE.format("3.2") + " with OpenSSL 1.0.2 or later",
            "preference": _UPGRADE.format("2.8"),
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    known = _tokens(job.build, job.release)
    words = [f"!{protocol_ranges.older(n)}" for n in PROTOCOLS if n not in job.protocols and n in known]
    if _has("ranges", job.release):
        words = [
            f">={protocol_ranges.older(job.protocols[0])}",
            f"<={protocol_ranges.older(job.protocols[-1])}",
        ]
    return {
        "protocols": ", ".join(words),
        "preempt": _has("tls_preempt_cipherlist", job.release),
        "curves": _has("tls_eecdh_auto_curves", job.release),
        "chain": _has("smtpd_tls_chain_files", job.release),
        "ffdhe": _has("tls_ffdhe_auto_groups", job.release),
        "elliptic_groups": [g for g in job.groups if not g.startswith("ffdhe")],
        "ffdhe_groups": [g for g in job.groups if g.startswith("ffdhe")],
    }


def _always_on(release: Release) -> tuple[str, ...]:
    return () if _has("words for TLS 1.1 and 1.2", release) else _LATE_WORDS


def _tokens(build: str, release: Release) -> tuple[str, ...]:
    """Return the versions that Postfix has words for; any other word stops TLS."""
    known = builds.build(build).release
    return (
        PROTOCOLS[:3]
        + (PROTOCOLS[3:5] if known >= (1, 0, 1) and _has("words for TLS 1.1 and 1.2", release) else ())
        + (PROTOCOLS[5:] if known >= (1, 1, 1) else ())
    )


_WORDS = re.compile(r"[^,\s]+")
"""The words of a list: blanks and commas part them."""


class _Service:
    """One smtpd: the options of its line over main.cf, `$names` filled in."""

    def __init__(self, main: Section, own: Mapping[str, Line], path: str, release: Release) -> None:
        self.main, self.own, self.path, self.release = main, own, path, release

    def line(self, name: str) -> Line | None:
        return self.own.get(name) or self.main.last(name)

    def text(self, name: str, default: str = "", depth: int = 0) -> str:
        found = self.line(name)
        text = found.value if found else default
        if "$" in text and depth < 5:  # noqa: PLR2004 - deeper than any sane configuration
            text = _CONDITIONAL.sub(lambda m: self._chosen(m, depth), text)
            text = _VARIABLE.sub(lambda m: self._named(m[1] or m[2] or m[3], depth + 1), text)
        return text

    def _named(self, name: str, depth: int) -> str:
        """What `$name` means; a list of suites that nobody sets is that of the release."""
        grade = name.removeprefix("tls_").removesuffix("_cipherlist")
        own = (
            directives("postfix").default_of(grade, self.release) if name == f"tls_{grade}_cipherlist" else ""
        )
        return self.text(name, own, depth)

    def _chosen(self, found: re.Match[str], depth: int) -> str:
        filled = bool(self.text(found["name"], "", depth + 1))
        if found["mark"] is None:
            return (found["yes"] if filled else found["no"]).strip()
        body = found["body"] if found["body"] is not None else found["bare"]
        return body.strip() if filled is (found["mark"] == "?") else ""

    def doubts(self) -> Iterator[Line]:
        """Yield the TLS settings with an expression that is not followed here."""
        for line in (*self.own.values(), *self.main.lines):
            if (
                "tls" in line.name
                and re.search(r"[${]", self.text(line.name))
                and self.line(line.name) is line
            ):
                yield line

    def place(self, name: str, otherwise: InFile) -> InFile:
        found = self.line(name)
        return InFile((found.path,), found.line) if found else otherwise


def _protocols(text: str, at: InFile, always: tuple[str, ...]) -> tuple[Located, ...]:
    words = [w for w in re.split(r"[,:\s]+", text) if w]
    plain = [w for w in words if w[0] not in "!<>"]
    on = {protocol_ranges.named(w) for w in plain} if plain else set(PROTOCOLS)
    for word in words:
        if word.startswith("!"):
            on.discard(protocol_ranges.named(word[1:]))
    limits = {">=": PROTOCOLS[0], "<=": PROTOCOLS[-1]}
    for word in words:
        if word[:2] in limits:  # the last of each holds, and a number of no version is no limit
            limits[word[:2]] = _limit(word[2:]) or (PROTOCOLS[0] if word[0] == ">" else PROTOCOLS[-1])
    return tuple(
        s for s in protocol_ranges.between(limits[">="], limits["<="], at) if s.value in on.union(always)
    )


_NUMBER = re.compile(r"(?:0[xX])?0*30([0-4])")


def _limit(text: str) -> str | None:
    """Return the version that a limit names: by a word, or by its number on the wire in hexadecimal digits."""
    found = _NUMBER.fullmatch(text)
    return PROTOCOLS[PROTOCOLS.index("SSLv3") + int(found[1])] if found else protocol_ranges.named(text)


_NO_FILE = frozenset({"", "auto", "none"})
_SIZED_BY_LIBRARY = ((3, 7), (3, 0, 0))
"""From this Postfix on, with this OpenSSL, the library sizes them (measured on 3.10.13)."""
_ANONYMOUS = 1024
"""Their size under an anonymous suite with less than 256 bits, at the security level that Postfix has (`ssl_get_auto_dh`)."""


def _sized(service: _Service, reading: Reading) -> bool:
    """Whether the library sizes the parameters."""
    postfix, library = _SIZED_BY_LIBRARY
    sized = reading.release.upstream >= postfix and builds.build(reading.build).release >= library
    return sized and service.text("smtpd_tls_dh1024_param_file") in _NO_FILE


def _anonymous(offer: Offer, service: _Service, reading: Reading) -> Offer:
    """Return an offer with the size of the parameters that its anonymous suites have."""
    if not _sized(service, reading):
        return offer
    suites = {s.value for p in offer.protocols for s in p.suites}
    small = any(s.startswith("TLS_DH_anon_") and "_256_" not in s for s in suites)
    return replace(offer, dh_bits=_ANONYMOUS) if small else offer


def _dh_file(service: _Service, tree: Tree) -> str:
    """Return the file of DH parameters (a real path) where one is named."""
    file = service.text("smtpd_tls_dh1024_param_file")
    return "" if file in _NO_FILE else tree.place(file, "/")


def _dh_bits(service: _Service, tree: Tree, release: Release) -> int | None:
    if file := _dh_file(service, tree):  # whatever its name says, it may hold any size
        return certificates.dh_bits(tree, file)
    return 2048 if release.upstream >= _DH_2048 else 1024


_CERTIFICATES = ("smtpd_tls_cert_file", "smtpd_tls_eccert_file", "smtpd_tls_dcert_file")
_PRIVATE = ("smtpd_tls_key_file", "smtpd_tls_eckey_file", "smtpd_tls_dkey_file")


def _private(service: _Service, tree: Tree) -> list[str]:
    """Return the files of private keys; a key file that names a certificate file holds both."""
    words = [service.text(name) for name in _PRIVATE]
    return [tree.place(one, "/") for one in words if one.startswith("/")]


_TEXT_MAPS = frozenset({"hash", "texthash", "btree", "lmdb", "cdb", "dbm", "sdbm"})
"""Kinds of table whose text lies beside them under the same name."""


def _sni(service: _Service, tree: Tree) -> Iterator[tuple[str, list[str]]]:
    """Yield the names with certificates of their own, each with its files (real paths)."""
    for table in re.split(r"[,\s]+", service.text("tls_server_sni_maps")):
        kind, colon, name = table.partition(":")
        path = tree.place(name, service.path.rpartition("/")[0])
        source = tree.source(path) if colon and kind in _TEXT_MAPS and tree.exists(path) else None
        for line in source.text.splitlines() if source else ():
            words = re.split(r"[,\s]+", line.strip())
            if len(words) > 1 and not words[0].startswith("#"):
                host = f"*{words[0]}" if words[0].startswith(".") else words[0]
                yield host, [tree.place(f, "/") for f in words[1:] if f]


def _offers(service: _Service, name: str, tree: Tree, reading: Reading) -> Iterator[Offer]:
    """Yield the offer of a service, and those of names with certificates of another kind."""
    subject = f"{service.path}#{name}" if name else service.path
    settings = _settings(service, tree, reading)
    groups: list[tuple[served.ServedSettings, tuple[str, ...]]] = [(settings, (subject,))]
    if name and _has("tls_server_sni_maps", reading.release):
        port = name.rpartition(":")[2]
        for host, files in _sni(service, tree):
            keys = certificates.keys_of(tree, files, mixed=True)
            cards = certificates.presented(tree, files, mixed=True)
            groups.append(
                (replace(settings, keys=keys, cards=cards), served.named(service.path, (host,), (port,)))
            )
    yield from (_anonymous(offer, service, reading) for offer in served.offers(groups, reading.build))


def _wrapped(service: _Service) -> bool:
    """Whether a service speaks TLS at once: then TLS is mandatory, at level `none` and without one too (measured on 3.10.13)."""
    return service.text("smtpd_tls_wrappermode") == "yes"


def _speaks(service: _Service) -> bool:
    """Whether a service offers TLS; where a level is set, the older switches count for nothing."""
    level = service.text("smtpd_tls_security_level")
    switches = {service.text("smtpd_use_tls"), service.text("smtpd_enforce_tls")}
    return level not in {"", "none"} or (not level and "yes" in switches) or _wrapped(service)


def _settings(service: _Service, tree: Tree, reading: Reading) -> served.ServedSettings:
    for line in service.doubts():
        tree.say(
            "conditional",
            line.path,
            line.line,
            f"{line.name} has an expression that is not evaluated here: {line.value[:80]}",
        )
    facts, release = directives("postfix"), reading.release
    level = service.text("smtpd_tls_security_level")  # where it is set, smtpd_enforce_tls counts for nothing
    mandatory = level == "encrypt" or (not level and service.text("smtpd_enforce_tls") == "yes")
    mandatory = mandatory or _wrapped(service)
    kind = "mandatory_" if mandatory else ""
    at = service.place("smtpd_tls_security_level", InFile((service.path,), 1))
    protocols = f"smtpd_tls_{kind}protocols"
    grade = service.text(
        f"smtpd_tls_{kind}ciphers", "medium" if mandatory else facts.default_of("grade", release)
    ).lower()
    if grade in _BELOW_MEDIUM and not _has("grades below medium", release):
        grade = "medium"
    listed = f"tls_{grade}_cipherlist"
    ciphers = service.text(listed, facts.default_of(grade, release) or "DEFAULT")
    spot = service.place(listed, service.place(f"smtpd_tls_{kind}ciphers", at))
    excluded = re.split(
        r"[,:\s]+",
        " ".join(
            (
                service.text("smtpd_tls_exclude_ciphers"),
                service.text("smtpd_tls_mandatory_exclude_ciphers") if mandatory else "",
            )
        ),
    )
    ciphers += "".join(f":!{word}" for word in excluded if word)
    ciphers = served.at_level(ciphers, _OWN_LEVEL, reading.build)
    curves = "tls_eecdh_auto_curves"
    groups = service.text(curves, facts.default_of("curves", release))
    if groups and _has("tls_ffdhe_auto_groups", release):
        groups += " " + service.text("tls_ffdhe_auto_groups", facts.default_of("ffdhe", release))
    files = service.text("smtpd_tls_chain_files") if _has("smtpd_tls_chain_files", release) else ""
    files = files or " ".join(service.text(name) for name in _CERTIFICATES)
    certificate = [tree.place(f, "/") for f in re.split(r"[,\s]+", files) if f not in {"", "none"}]
    return (
        served.ServedSettings(
            subject="",
            at=at,
            protocols=_protocols(
                service.text(protocols, facts.default_of("mandatory" if mandatory else "protocols", release)),
                service.place(protocols, at),
                _always_on(release),
            ),
            ciphers=Located(ciphers, spot),
            groups=Located(":".join(_WORDS.findall(groups)), service.place(curves, at)) if groups else None,
            server_preference=service.text("tls_preempt_cipherlist") == "yes",
            keys=certificates.keys_of(tree, certificate, mixed=True),
            cards=certificates.presented(
                tree,
                certificate,
                mixed=True,
                parameters=_dh_file(service, tree),
                private=_private(service, tree),
            ),
            dh_bits=_dh_bits(service, tree, release),
            dh_key=certificates.rsa_bits(tree, certificate) if _sized(service, reading) else None,
            compression=False,
            client=_client(service, at, mandatory=mandatory) if certificate else None,
            assumptions=reading.assumptions,
        )
    )  # fmt: skip


def _client(service: _Service, at: InFile, *, mandatory: bool) -> ClientCertificate:
    """`smtpd_tls_req_ccert` holds where TLS is required; elsewhere it asks, as `smtpd_tls_ask_ccert` does, and any will do."""
    required, asks = "smtpd_tls_req_ccert", "smtpd_tls_ask_ccert"
    name = required if service.text(required) == "yes" else asks
    strict = mandatory and name == required
    return client_certificates.client_authentication(
        Located(service.text(name), service.place(name, at)),
        at,
        {"yes": "required" if strict else client_certificates.UNCHECKED},
        authorities=service.text("smtpd_tls_CAfile"),
    )


def _strays(tree: Tree, lines: list[Line], release: Release, master: str = "") -> None:
    """Yield the names about TLS that Postfix does not know; one that `$name` uses, here or in master.cf, is the operator's own."""
    values = [*(x.value for x in lines), master]
    own = {word for value in values for found in _VARIABLE.findall(value) for word in found}
    own |= {found["name"] for value in values for found in _CONDITIONAL.finditer(value)}
    flat_syntax.unknown_directives(
        tree, (x for x in lines if x.name not in own), directives("postfix"), release
    )


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per smtpd service with TLS; main.cf alone is one offer."""
    (main, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    master = f"{path.rpartition('/')[0]}/master.cf"
    source = tree.source(master) if path.endswith("main.cf") and tree.exists(master) else None
    _strays(tree, main.lines, reading.release, source.text if source else "")
    services: list[tuple[str, _Service]] | None = None
    if source:
        services = []
        for one in postfix_master.services(source.text):
            own = {o.name: Line(o.name, o.value, master, o.line) for o in one.options}
            _strays(tree, list(own.values()), reading.release)
            services.append((one.name, _Service(main, own, path, reading.release)))
    whole = any(x.name in _OF_A_HOST for x in main.lines)
    alone = _Service(main, {}, path, reading.release)
    if not services and (whole or any("tls" in x.name for x in main.lines)):
        if _speaks(alone) or not whole:
            yield from _offers(alone, "", tree, reading)
        elif services is None:
            _in_clear(tree, path, [("", alone)])
    for name, service in services or ():
        if _speaks(service):
            yield from _offers(service, f"smtpd:{name.rpartition(':')[2]}", tree, reading)
    if whole:
        _in_clear(tree, path, [(name, one) for name, one in services or () if not _speaks(one)])


_LOOPBACK = frozenset({"", "localhost", "loopback-only", "127.0.0.1", "::1", "[::1]"})


def _in_clear(tree: Tree, path: str, services: list[tuple[str, _Service]]) -> None:
    """Record the services that clients of the network reach without TLS."""
    for name, service in services:
        host = name.rpartition(":")[0] or service.text("inet_interfaces", "all")
        if set(re.split(r"[,\s]+", host)) <= _LOOPBACK:
            continue
        level = service.line("smtpd_tls_security_level")
        why = f"smtpd_tls_security_level = {level.value}" if level else "smtpd_tls_security_level is not set"
        why = f"smtpd on port {name.rpartition(':')[2]}: {why}" if name else why
        tree.say("cleartext-smtp", level.path if level else path, level.line if level else None, why)


_OF_A_HOST = frozenset({"inet_interfaces", "mydestination", "myhostname", "mynetworks", "queue_directory"})
"""What tells a whole main.cf from some lines of one."""


_OWNED = frozenset(
    {"smtpd_tls_protocols", "smtpd_tls_mandatory_protocols", "smtpd_tls_ciphers", "smtpd_tls_mandatory_ciphers",
     "tls_high_cipherlist", "tls_preempt_cipherlist", "tls_eecdh_auto_curves", "tls_ffdhe_auto_groups",
     "smtpd_tls_exclude_ciphers", "smtpd_tls_mandatory_exclude_ciphers", "smtpd_tls_dh1024_param_file"}
)  # fmt: skip


def _whole(tree: Tree, line: Line) -> tuple[str, int, int]:
    """A parameter with the lines that continue it."""
    first, last = flat_edits.span(tree, line.path, line.line)
    source = tree.source(line.path)
    text = source.text if source else ""
    while (more := _CONTINUATION.match(text, last)) is not None:
        last = more.end()
    return line.path, first, last


_CONTINUATION = re.compile(r"\n[ \t]+[^\n]+")


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of main.cf: the last value wins; the old ones go, from the services of master.cf too."""
    (main, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    dh = main.last("smtpd_tls_dh1024_param_file")
    gone = [_whole(tree, x) for x in main.lines if x.name in _OWNED]
    master = f"{path.rpartition('/')[0]}/master.cf"
    if path.endswith("main.cf") and tree.exists(master) and (source := tree.source(master)):
        for service in postfix_master.services(source.text):
            gone += [(master, o.first, o.last) for o in service.options if o.name in _OWNED]
    params = {"dhparam": dh.value} if dh and dh.value != "auto" else {}
    yield replace(flat_edits.at_end(tree, path, [], params), remove=tuple(gone))


TARGET = Target(
    name="postfix",
    title="Postfix smtpd",
    template="tls/postfix.cf.j2",
    main=("postfix/main.cf", "main.cf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^(?:smtpd?_\w+|tls_(?!ca_cert|cert|key|cipher_suite|require_cert)\w+|my(?:hostname|destination|networks|origin)|compatibility_level)\s*=",
        re.MULTILINE,
    ),
    check=("postfix", "check"),
    place="/etc/postfix/main.cf",
    params={
        "listen": "any word; TLS is then switched on with the certificate",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters",
    },
)
