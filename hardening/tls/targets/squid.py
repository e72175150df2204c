"""Squid built with OpenSSL: the options of each `https_port` line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import takewhile

from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import Located, Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import (
    certificates,
    flat_edits,
    flat_syntax,
    group_lists,
    protocol_ranges,
    served,
)
from hardening.tls.targets.reading.flat_syntax import Grammar, Line
from hardening.tls.targets.reading.tree import Tree

_GRAMMAR = Grammar(
    backslash="",
    separator=r"\s+",
    comment="#",
    section=None,
    include=lambda n, v: tuple(v.split()) if n == "include" else (),
)


def _loses_parameters(release: Release, build: str) -> bool:
    """Whether an https_port has no DHE, whatever file is named (measured on 6.13 with OpenSSL 3.5, of four forms)."""
    return release.upstream >= (6, 0) and builds.build(build).release >= (3, 0, 0)


def capabilities(release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    lost = _loses_parameters(release, build)
    return Capabilities(
        protocols=frozenset(PROTOCOLS),
        ciphersuites=False,
        groups="none",
        finite_field="dhparam" in params and not lost,
        ways_out={
            "ciphersuites": "the OpenSSL configuration file of the host decides: Ciphersuites in its [system_default_sect]",
            "groups": "the OpenSSL configuration file of the host decides: Groups in its [system_default_sect]",
            "finite_field": "none: Squid 6 with OpenSSL 3 takes no parameters"
            if lost
            else "give the file of tls-dh: --param dhparam=FILE",
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    options = [
        f"NO_{protocol_ranges.older(n).replace('.', '_')}" for n in PROTOCOLS[1:] if n not in job.protocols
    ]
    options += ["CIPHER_SERVER_PREFERENCE"] if job.server_preference else []
    modern = directives("squid").has("tls-min-version", job.release)
    return {
        "options": ",".join(options),
        "prefix": "tls-" if modern else "",
        "least": f"1.{PROTOCOLS.index(job.protocols[0]) - 2}"
        if modern and job.protocols[0].startswith("TLS")
        else "",
    }


_VERSIONS = {"4": "TLSv1.0", "5": "TLSv1.1", "6": "TLSv1.2"}
"""What `version=` leaves alone on; `tls-min-version` beside it wins, wherever it stands (measured on 6.13)."""


def _words(line: Line) -> list[str]:
    """Return the words of a line up to one that begins a remark."""
    return list(takewhile(lambda word: not word.startswith("#"), line.value.split()))


def _options(text: str) -> set[str]:
    """Return the options that are on: they are taken in order, and `-` or `!` takes one back."""
    found: set[str] = set()
    for word in re.split(r"[,:]", text):
        name = word.lstrip("+-!")
        (found.discard if word[:1] in {"-", "!"} else found.add)(name)
    return found


def _exchange(words: list[str]) -> tuple[str, str]:
    """Return the curve and the file of parameters: `tls-dh=CURVE:FILE` or a file alone, with `dhparams=` where no curve is named.

    A curve goes by OpenSSL's short name alone: with `P-384` Squid keeps the library's own (measured on 6.13).
    """
    curve = file = ""
    for word in words:
        name, _, value = word.partition("=")
        if name in {"tls-dh", "dh"}:
            curve, colon, rest = value.partition(":")
            curve, file = (curve, rest) if colon else ("", value)
        elif name in {"dhparams", "tls-dhparams"} and not curve:
            file = value
    return curve, file


def _speaks_tls(line: Line) -> bool:
    return bool(_words(line)) and (
        line.name == "https_port" or (line.name == "http_port" and "ssl-bump" in _words(line))
    )


def _offer(line: Line, path: str, tree: Tree, reading: Reading) -> Offer:
    at = InFile((line.path,), line.line)
    address, *rest = _words(line)
    named = {k.removeprefix("tls-"): v for k, _, v in (word.partition("=") for word in rest)}
    options = _options(named.get("options", ""))
    off = {
        protocol_ranges.named(o.removeprefix("NO_").replace("_", ".")) for o in options if o.startswith("NO_")
    }
    only = None if "min-version" in named else _VERSIONS.get(named.get("version", ""))
    least = f"TLSv{named['min-version']}" if "min-version" in named else only or PROTOCOLS[0]
    curve, parameters = _exchange(rest)
    known = curve in group_lists.known(builds.build(reading.build))
    certificate = named.get("cert")
    files = [tree.place(certificate, "/")] if certificate else []
    return served.offer(
        served.ServedSettings(
            subject=f"{path}#squid:{address.rpartition(':')[2]}",
            at=at,
            protocols=tuple(
                s for s in protocol_ranges.between(least, only or PROTOCOLS[-1], at) if s.value not in off
            ),
            ciphers=Located(
                named.get("cipher") or directives("squid").default_of("ciphers", reading.release), at
            ),
            groups=Located(curve, at) if known else None,
            server_preference="CIPHER_SERVER_PREFERENCE" in options,
            keys=certificates.keys_of(tree, files),
            cards=certificates.presented(
                tree,
                [] if "ssl-bump" in rest else files,  # then it is the authority that signs what is served
                parameters=tree.place(parameters, "/") if parameters else "",
                private=[tree.place(named["key"], "/")] if named.get("key") else (),
            ),
            finite_field=bool(parameters)
            and not _undecoded(tree, parameters, reading.build)
            and ("ssl-bump" in rest or not _loses_parameters(reading.release, reading.build)),
            dh_bits=certificates.dh_bits(tree, tree.place(parameters, "/")) if parameters else None,
            compression=False,
            assumptions=reading.assumptions,
        ),
        reading.build,
    )


def _undecoded(tree: Tree, file: str, build: str) -> bool:
    """Whether OpenSSL 3 decodes no parameters of this form, so that squid warns and goes on without them."""
    return builds.build(build).release >= (3, 0, 0) and certificates.x942(tree, tree.place(file, "/"))


def _doubted(tree: Tree, condition: Line, line: Line) -> None:
    tree.say("conditional", condition.path, condition.line,
             f"{line.name} in line {line.line} depends on `if {condition.value}`; both branches are read as in force")  # fmt: skip


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per `https_port`, and per `http_port` that looks into TLS (ssl-bump)."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    flat_syntax.unknown_directives(tree, top.lines, directives("squid"), reading.release)
    conditions: list[Line] = []
    for line in top.lines:
        if line.name == "if":
            conditions.append(line)
        elif line.name == "endif" and conditions:
            conditions.pop()
        elif conditions and line.name in {"https_port", "http_port"}:
            _doubted(tree, conditions[-1], line)
        if _speaks_tls(line):
            words = [Line(w.partition("=")[0], "", line.path, line.line) for w in _words(line)[1:]]
            flat_syntax.unknown_directives(tree, words, directives("squid"), reading.release, "port")
            yield _offer(line, path, tree, reading)
    for line in conditions:
        tree.say("unclosed", line.path, line.line, "`if` has no `endif`")


_OWNED = frozenset({"options", "cipher", "min-version", "version"})


def _rewritten(line: Line, job: Job) -> str:
    """The same port with the policy's settings: what is not about them stays."""
    kept = [
        word
        for word in _words(line)
        if word.partition("=")[0].removeprefix("tls-") not in _OWNED or "=" not in word
    ]
    values = context(job)
    prefix = values["prefix"]
    if job.ciphers:
        kept.append(f"cipher={job.cipher_string}")
    kept.append(f"{prefix}options={values['options']}")
    if values["least"]:
        kept.append(f"tls-min-version={values['least']}")
    return f"{line.name} {' '.join(kept)}"


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield each port's line, rewritten."""
    (top, *_) = flat_syntax.read(tree, path, _GRAMMAR)
    for line in top.lines:
        if _speaks_tls(line):
            _, dh = _exchange(_words(line))
            edit = flat_edits.instead(tree, line, lambda job, line=line: _rewritten(line, job))  # type: ignore[misc]  # bound at once
            yield replace(edit, params={"dhparam": dh} if dh else {})


TARGET = Target(
    name="squid",
    title="Squid (OpenSSL build)",
    template="tls/squid.conf.j2",
    main=("squid/squid.conf", "squid.conf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^\s*(?:https?_port|http_access|acl|cache_dir|refresh_pattern|coredump_dir)\s", re.MULTILINE
    ),
    check=("squid", "-k", "parse", "-f", "{path}"),
    place="/etc/squid/conf.d/harden-tls.conf",
    params={
        "listen": "address:port of https_port (default 3129)",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "dhparam": "file of Diffie-Hellman parameters, for DHE suites",
    },
)
