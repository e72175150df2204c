"""HAProxy: ssl-default-bind-* in `global`, and what each `bind ... ssl` line says itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from hardening.findings import InFile
from hardening.numerals import whole
from hardening.tls.libraries import builds
from hardening.tls.offer import ClientCertificate, Located, Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.haproxy import bind_certificates, conditions
from hardening.tls.targets.haproxy import words as haproxy_words
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

_SECTIONS = (
    "global|defaults|frontend|listen|backend|peers|userlist|resolvers|mailers|cache|ring|program|http-errors"
    "|crt-store|log-forward|fcgi-app|traces"
)
_GRAMMAR = Grammar(
    separator=r"\s+",
    comment="#",
    section=rf"(?P<section>(?:{_SECTIONS})\b[^\n]*?)",
    trailing_comments=True,
    quotes="",
)
_OLD_OPTIONS = {"no-sslv3": "SSLv3", "no-tlsv10": "TLSv1.0", "no-tlsv11": "TLSv1.1", "no-tlsv12": "TLSv1.2",
                "no-tlsv13": "TLSv1.3"}  # fmt: skip


def _has(feature: str, release: Release) -> bool:
    return directives("haproxy").has(feature, release)


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    way = "use HAProxy {} or later"
    return Capabilities(
        protocols=frozenset(PROTOCOLS) - {"SSLv2"},
        stuck={"TLSv1.3": way.format("1.8")}
        if not _has("ssl-min-ver", release) and "TLSv1.3" in builds.build(build).protocols
        else {},
        ciphersuites=_has("ssl-default-bind-ciphersuites", release)
        and builds.build(build).release >= (1, 1, 1),
        groups="list" if _has("ssl-default-bind-curves", release) else "none",
        signatures=_has("ssl-default-bind-sigalgs", release),
        preference="settable" if _has("prefer-client-ciphers", release) else "server",
        dh_bits=None if _dh_file(release, params) else 2048,
        ways_out={
            "finite_field": "give a file of parameters: --param dhparam=FILE (from 1.6 on)",
            "ciphersuites": way.format("1.9"),
            "groups": way.format("2.2"),
            "signatures": way.format("2.8"),
            "preference": way.format("1.8"),
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    options = [o for o, n in _OLD_OPTIONS.items() if n not in job.protocols and n != "TLSv1.3"]
    if _has("ssl-min-ver", job.release):
        options = [f"ssl-min-ver {job.protocols[0]}", f"ssl-max-ver {job.protocols[-1]}"]
        options += [] if job.server_preference else ["prefer-client-ciphers"]
    file = _dh_file(job.release, job.params)
    finite = any(c.startswith("DHE-") for c in job.ciphers)
    return {
        "options": options if job.policy.session_tickets else [*options, "no-tls-tickets"],
        "dh_file": file,
        "dh_size": 2048 if finite and not file else 0,
    }


def _dh_file(release: Release, params: Mapping[str, str]) -> str:
    return params.get("dhparam", "") if _has("ssl-dh-param-file", release) else ""


def _dh_named(top: Section, tree: Tree, release: Release) -> str:
    """Return the file of DH parameters (a real path) where one is named."""
    file = top.last("ssl-dh-param-file")
    known = file is not None and _has("ssl-dh-param-file", release)
    return tree.place(file.value.strip("\"'"), "/") if file is not None and known else ""


def _dh_bits(top: Section, tree: Tree, release: Release, files: list[str]) -> int | None:
    """Return the size of the parameters; the key may make it smaller than the setting."""
    if own := [bits for f in files if (bits := certificates.dh_bits(tree, f))]:
        return min(own)
    size = top.last("tune.ssl.default-dh-param")
    if file := _dh_named(top, tree, release):
        return certificates.dh_bits(tree, file)
    if size and (bits := whole(size.value)) is not None:
        return min(bits, 2048)
    return 2048 if release.upstream >= (2, 0) else 1024


_NO_PARAMETERS = "no Diffie-Hellman parameters are in the certificate's file, which could not be read"


def _dh_off(top: Section, tree: Tree, release: Release, files: list[str]) -> bool:
    """Whether nothing gives parameters, which HAProxy once had itself; they may stand in a certificate's file."""
    line = top.last("ssl-dh-param-file") or top.last("tune.ssl.default-dh-param")
    has_own = not _has("no DHE unless configured", release)
    return not (has_own or line or any(certificates.dh_bits(tree, f) for f in files))


def _protocols(options: list[str], bind: list[str], release: Release, at: InFile) -> tuple[Located, ...]:
    least = directives("haproxy").default_of("minimum", release)
    greatest = PROTOCOLS[-1]
    off: set[str] = set()
    ranged = any(f"ssl-{end}-ver" in (*options, *bind) for end in ("min", "max"))
    for words in (options, bind):
        for word, value in pairwise((*words, "")):
            if word == "ssl-min-ver":
                least = value
            elif word == "ssl-max-ver":
                greatest = value
            elif word.startswith("force-") and (only := protocol_ranges.named(word.removeprefix("force-"))):
                least = greatest = only
            elif (
                word in _OLD_OPTIONS and not ranged
            ):  # beside a least or greatest version: ignored, with a warning
                off.add(_OLD_OPTIONS[word])
    low, high = protocol_ranges.named(least), protocol_ranges.named(greatest)
    if low and high and PROTOCOLS.index(low) > PROTOCOLS.index(high):
        least = greatest  # a greatest version below the release's own least is the only one
    return tuple(
        s for s in protocol_ranges.between(least, greatest, at) if s.value not in off and s.value != "SSLv2"
    )


def _of_entry(words: list[str], bind: tuple[Located, ...], at: InFile) -> tuple[Located, ...]:
    """A line of a crt-list sets the one end or the other of the range that the bind line comes to."""
    ends = [bind_certificates.after(words, f"ssl-{end}-ver") for end in ("min", "max")]
    if not bind or not any(ends):
        return bind
    return protocol_ranges.between(ends[0] or bind[0].value, ends[1] or bind[-1].value, at)


def _setting(line: Line | None, bind: Line, words: list[str], name: str) -> Located | None:
    own = bind_certificates.after(words, name)
    if own is not None:
        return Located(own.strip("\"'"), InFile((bind.path,), bind.line))
    return Located(line.value.strip("\"'"), InFile((line.path,), line.line)) if line else None


def _offer(
    bind: Line,
    parent: Line,
    section: Section,
    top: Section,
    path: str,
    tree: Tree,
    reading: Reading,
    names: tuple[str, ...] = (),
) -> Offer:
    words = haproxy_words.split(bind.value)
    release = reading.release
    at = InFile((bind.path,), bind.line)
    option_line = top.last("ssl-default-bind-options")
    options = [w for x in top.every("ssl-default-bind-options") for w in haproxy_words.split(x.value)]
    listed = (bind.path, bind.line) != (parent.path, parent.line)
    own = any(w.startswith(("ssl-m", "no-tlsv", "no-sslv", "force-")) for w in words)
    place = InFile((option_line.path,), option_line.line) if option_line and not own else at
    protocols = _protocols(options, haproxy_words.split(parent.value), release, place)
    certificate = [
        f
        for c in bind_certificates.every(words, "crt")
        for f in bind_certificates.files_of(tree, tree.place(c, _base(tree, top)))
    ]
    ecdhe = bind_certificates.after(words, "ecdhe")
    curves = _setting(top.last("ssl-default-bind-curves"), bind, words, "curves")
    level_line = top.last("ssl-security-level")
    level = whole(level_line.value) if level_line else None
    ciphers = _setting(top.last("ssl-default-bind-ciphers"), bind, words, "ciphers")
    ciphers = ciphers or Located(directives("haproxy").default_of("ciphers", release), at)
    keys, dh_off = certificates.keys_of(tree, certificate), _dh_off(top, tree, release, certificate)
    subject, *also = served.named(path, names or (_own(section),), haproxy_words.ports(words[0]))
    return served.offer(
        served.ServedSettings(
            subject=subject,
            also=tuple(also),
            at=at,
            protocols=_of_entry(words, protocols, place) if listed else protocols,
            ciphers=replace(ciphers, value=served.at_level(ciphers.value, level, reading.build))
            if level is not None
            else ciphers,
            ciphersuites=_setting(top.last("ssl-default-bind-ciphersuites"), bind, words, "ciphersuites"),
            groups=curves or (Located(ecdhe, at) if ecdhe else None),
            signatures=_setting(top.last("ssl-default-bind-sigalgs"), bind, words, "sigalgs"),
            server_preference="prefer-client-ciphers" not in (*options, *words),
            keys=keys,
            cards=certificates.presented(tree, certificate, parameters=_dh_named(top, tree, release)),
            finite_field=not dh_off,
            dh_bits=_dh_bits(top, tree, release, certificate),
            compression=False,
            client=_client(words, at) if certificate else None,
            assumptions=(*reading.assumptions, *((_NO_PARAMETERS,) if dh_off and keys is None else ())),
        ),
        reading.build,
    )


def _client(words: list[str], at: InFile) -> ClientCertificate:
    setting = bind_certificates.after(words, "verify")
    found = client_certificates.client_authentication(
        Located(setting, at) if setting else None,
        at,
        {"required": "required", "optional": "optional"},
        authorities=bind_certificates.after(words, "ca-file") or "",
    )
    return replace(found, checked=bind_certificates.after(words, "crt-ignore-err") != "all")


def _base(tree: Tree, top: Section) -> str:
    """Return the folder of certificates that are named without one."""
    line = top.last("crt-base")
    return tree.place("".join(haproxy_words.split(line.value)), "/") if line else "/"


def _own(section: Section) -> str:
    """Return what a section is called; what stands in front of the first one has no name."""
    return section.name.split()[-1] if section.name else ""


def _strays(tree: Tree, bind: Line, release: Release) -> None:
    """Say which words of a bind line HAProxy does not know; `+1` in the table marks one that takes a value."""
    facts = directives("haproxy")
    valued = {one.removesuffix(" +1") for one in facts.words["bind"].known if one.endswith(" +1")}
    found, words = [], haproxy_words.split(bind.value)[1:]
    while words:
        word = words.pop(0)
        if word in valued:
            words = words[1:]
        else:
            found.append(Line(word, "", bind.path, bind.line))
    flat_syntax.unknown_directives(tree, found, facts, release, "bind")


def _fill(tree: Tree, sections: list[Section]) -> None:
    """Put what the files say of variables into the lines about TLS; one that they do not say is doubtful."""
    known = haproxy_words.environment(sections)
    for section in sections:
        for number, line in enumerate(section.lines):
            if "$" not in line.value or not (line.name == "bind" or line.name.startswith("ssl-default-bind")):
                continue
            words = haproxy_words.split(line.value, known)
            section.lines[number] = replace(line, value=" ".join(words))
            if any(re.search(r"\$\{?\w", word) for word in words[line.name == "bind" :]):
                why = f"{line.name} has a variable that only the start of HAProxy says: {line.value[:80]}"
                tree.say("conditional", line.path, line.line, why)


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per `bind ... ssl` line; a fragment without one is one offer."""
    sections = flat_syntax.read(tree, path, _GRAMMAR)
    conditions.settle(tree, sections, reading.release, reading.build)
    _fill(tree, sections)
    top = Section("global", path, 1)
    for one in sections:
        if one.name.split()[:1] == ["global"] or not one.name:
            top.lines += one.lines
        flat_syntax.unknown_directives(tree, one.lines, directives("haproxy"), reading.release)
    found = False
    for section in sections:
        for bind in section.every("bind"):
            if "ssl" in haproxy_words.split(bind.value):
                found = True
                _strays(tree, bind, reading.release)
                for line, names in bind_certificates.answers(tree, bind, _own(section), _base(tree, top)):
                    yield _offer(line, bind, section, top, path, tree, reading, names)
    if found or not any(x.name.startswith("ssl-default-bind") for x in top.lines):
        return
    if any(section.every("bind") for section in sections):
        tree.say("empty", path, None, "it sets up TLS, and no bind line in it has ssl")
    else:
        first = next(x for x in top.lines if x.name.startswith("ssl-default-bind"))
        bind = Line("bind", ":443 ssl", first.path, first.line)
        yield _offer(bind, bind, Section("fragment", path, first.line), top, path, tree, reading)


_OWNED = frozenset({"ssl-default-bind-ciphers", "ssl-default-bind-ciphersuites", "ssl-default-bind-curves",
                    "ssl-default-bind-sigalgs", "ssl-default-bind-options"})  # fmt: skip
_VALUED = frozenset({"ciphers", "ciphersuites", "curves", "ecdhe", "sigalgs", "ssl-min-ver", "ssl-max-ver"})
_FLAGS = frozenset({*_OLD_OPTIONS, "prefer-client-ciphers"})


def _plain(words: list[str]) -> list[str]:
    """The words of a bind line or of a crt-list without what they say about TLS, so that the defaults hold."""
    rest, kept = list(words), []
    while rest:
        word = rest.pop(0)
        if word in _VALUED and rest:
            rest.pop(0)
        elif word not in _FLAGS and not word.startswith("force-"):
            kept.append(word)
    return kept


def _listed_edits(bind: Line, tree: Tree) -> Iterator[Edit]:
    """Yield the lines of a crt-list that have options of their own, written without those about TLS."""
    source = bind_certificates.list_of(bind, tree)
    for one in bind_certificates.LISTED.finditer(source.text) if source else ():
        words = (one["options"] or "").split()
        kept = _plain(words)
        if source is None or kept == words:
            continue
        rest = [one["certificate"], f"[{' '.join(kept)}]" if kept else "", one["names"].strip()]
        number = source.text.count("\n", 0, one.start("certificate")) + 1
        text = " ".join(part for part in rest if part)
        yield flat_edits.instead(tree, Line("", "", source.path, number), lambda _job, text=text: text)  # type: ignore[misc]  # bound at once


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the head of the file, for defaults have to stand before what they hold for, and each line of its own mind."""
    sections = flat_syntax.read(tree, path, _GRAMMAR)
    old = [x for s in sections for x in s.lines if x.name in _OWNED or x.name == "ssl-dh-param-file"]
    dh = next((x.value for s in sections for x in s.lines if x.name == "ssl-dh-param-file"), "")
    yield replace(flat_edits.at_end(tree, path, old, {"dhparam": dh} if dh else {}), path=path, at=0)
    lists: dict[tuple[str, int], Edit] = {}
    for section in sections:
        for bind in section.every("bind"):
            words = bind.value.split()
            if "ssl" not in words:
                continue
            if (kept := _plain(words)) != words:
                text = f"bind {' '.join(kept)}"
                yield flat_edits.instead(tree, bind, lambda _job, text=text: text)  # type: ignore[misc]  # bound at once
            lists |= {(one.path, one.at): one for one in _listed_edits(bind, tree)}
    yield from lists.values()


TARGET = Target(
    name="haproxy",
    title="HAProxy",
    template="tls/haproxy.cfg.j2",
    main=("haproxy/haproxy.cfg", "haproxy.cfg"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        rf"^(?:{_SECTIONS})\b(?:\s+[\w.\-]+)?\s*$|^\s*(?:bind\s(?!\s*=)|ssl-default-bind)", re.MULTILINE
    ),
    check=("haproxy", "-c", "-f", "{path}"),
    place="/etc/haproxy/conf.d/harden-tls.cfg",
    params={
        "listen": "address:port such as :443; a frontend is then written",
        "certificate": "file with certificate, chain and key",
        "dhparam": "file of Diffie-Hellman parameters, for sizes above 2048",
    },
)
