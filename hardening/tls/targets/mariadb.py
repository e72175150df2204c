"""MariaDB: tls_version and ssl_cipher, which holds the TLS 1.3 suites too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import itemgetter

from hardening.findings import InFile
from hardening.tls.libraries import builds
from hardening.tls.offer import Located, Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import certificates, flat_edits, flat_syntax, protocol_ranges, served
from hardening.tls.targets.reading.flat_syntax import Grammar, Line, Section
from hardening.tls.targets.reading.tree import DEEPEST, Tree

_SECTIONS = ("mysqld", "server", "mariadb", "mariadbd", "client-server", "galera")
_GRAMMAR = Grammar(
    fold=lambda name: name.lower().replace("-", "_"),
    trailing_comments=True,
    comment=r"(?:[#;]|!include)",
    section=r"(?:\[(?P<section>[^\]]*)\])",
)
_INCLUDE = re.compile(r"^[ \t]*!include(?P<folder>dir)?[ \t]+(?P<path>\S+)", re.MULTILINE)
_LOOSE = re.compile(r"^loose_+")
"""What lets a server pass over an option it does not know; one that it knows holds."""
_LISTS = ("ssl_cipher", "tls_version", "tls_ciphersuites")
_NAMES = (*_LISTS, "ssl_ca", "ssl_capath", "ssl_cert", "ssl_crl", "ssl_crlpath", "ssl_key")
"""Options whose names may be cut short where no other begins so."""
_ONE_LIST = (3, 0, 0)
"""From this OpenSSL on, a list for TLS 1.3 passes over names it does not know, so one list serves both."""
_OWN_CURVES = (1, 1, 0)
"""From this OpenSSL on, ECDHE needs no word of the server; MariaDB says none."""


def _has(feature: str, release: Release) -> bool:
    return directives("mariadb").has(feature, release)


def elliptic(name: str, release: Release, build: str) -> bool:
    """Tell whether MariaDB or MySQL has ECDHE with a build."""
    return builds.build(build).release >= _OWN_CURVES or directives(name).has("ECDHE", release)


def capabilities(release: Release, build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    versions = _has("tls_version", release)
    speaks = builds.build(build).protocols
    default = [
        protocol_ranges.named(w) or ""
        for w in directives("mariadb").default_of("protocols", release).split(",")
    ]
    way = "use MariaDB 10.4.6 or later"
    one_list = builds.build(build).release >= _ONE_LIST
    return Capabilities(
        protocols=frozenset(PROTOCOLS[2:]) if versions else frozenset(),
        stuck={} if versions else {n: way for n in default if n in speaks},
        ciphersuites=one_list,
        groups="none",
        preference="client",
        dh_bits=2048,
        elliptic=elliptic("mariadb", release, build),
        ways_out={
            "finite_field": "its parameters are built in; put a TLS proxy in front of it for larger ones",
            "ciphersuites": "an OpenSSL from 3.0 on",
            "elliptic": "an OpenSSL from 1.1.0 on",
            "groups": "the OpenSSL configuration file of the host decides: Groups in its [system_default_sect]",
            "preference": "none is known",
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    return {
        "versions": list(job.protocols) if _has("tls_version", job.release) else [],
        "every": [*job.ciphersuites, *job.ciphers],
    }


def setting(section: Section, name: str) -> Located | None:
    """Return the last value of a setting with its place, or None."""
    found = section.last(name)
    return Located(found.value, InFile((found.path,), found.line)) if found and found.value else None


def server_section(
    tree: Tree, path: str, release: Release | None, names: tuple[str, ...] = _SECTIONS
) -> Section:
    """Return the settings of the server, from every section it reads and every file that is included.

    Sections with a version after the name are read by that one alone; without a release all of them are.
    """
    whole = Section("", path, 1)
    whole.lines += _lines(tree, path, (), _sections(release, names))
    return whole


_MAJOR = 11
"""From this MariaDB on, `[mariadb-11]` is read too, as `--help --verbose` of 11.8 says; `[mysqld-11]` is not."""


def _sections(release: Release | None, names: tuple[str, ...]) -> re.Pattern[str]:
    plain = "|".join(names)
    if release is None:
        return re.compile(rf"(?:{plain})(?:-\d[\d.]*)?")
    major, minor = release.upstream[:2]
    alone = rf"|mariadbd?-{major}" if "mariadb" in names and major >= _MAJOR else ""
    return re.compile(rf"{plain}|(?:mysqld|mariadbd?)-{major}\.{minor}{alone}")


def _whole(line: Line) -> Line:
    """Return a setting under its whole name, without the remark that may follow a list at once."""
    name = _LOOSE.sub("", line.name)
    meant = [one for one in _NAMES if one.startswith(name)]
    name = meant[0] if len(meant) == 1 and name not in {"ssl", "tls"} else name
    value = line.value.partition("#")[0].rstrip() if name in _LISTS else line.value
    return replace(line, name=name, value=value)


def _lines(tree: Tree, path: str, opened: tuple[str, ...], sections: re.Pattern[str]) -> list[Line]:
    """Return the server's settings of a file, with those of what it includes where it is included: the last one wins."""
    if path in opened or len(opened) >= DEEPEST:
        return []
    found: list[tuple[int, list[Line]]] = []
    for section in flat_syntax.read(tree, path, _GRAMMAR):
        if section.name and sections.fullmatch(section.name):
            found += [(x.line, [_whole(x)]) for x in section.lines]
    source = tree.source(path)
    text = source.text if source else ""
    for one in _INCLUDE.finditer(text):
        place = tree.place(one["path"], path.rpartition("/")[0])
        files = tree.glob(f"{place.rstrip('/')}/*.cnf") if one["folder"] else [place]
        number = text.count("\n", 0, one.start("path")) + 1
        found.append((number, [x for f in files for x in _lines(tree, f, (*opened, path), sections)]))
    return [x for _, lines in sorted(found, key=itemgetter(0)) for x in lines]


_SWITCH = re.compile(r"(?:(?P<turned>skip|disable|enable)_)?ssl")
_ON = frozenset({"", "1", "on", "true"})
_SWITCHES_ON = frozenset(f"ssl_{end}" for end in ("ca", "capath", "cert", "cipher", "crl", "crlpath", "key"))
"""What switches TLS on, below a `skip-ssl` too (measured on MariaDB 11.8.9)."""
_PREFIX = re.compile(r"(?:loose_|skip_|disable_|enable_|maximum_)+")


def strays(tree: Tree, whole: Section, name: str, release: Release) -> None:
    """Say which options about TLS the server does not know; `loose_` before one makes the server pass over it."""
    lines = [Line(_PREFIX.sub("", x.name), x.value, x.path, x.line) for x in whole.lines]
    flat_syntax.unknown_directives(tree, lines, directives(name), release)


def _offers_tls(whole: Section) -> bool:
    """Tell what the last line about it leaves: `skip-ssl=0` is on, as `enable-ssl` and a certificate are."""
    on = True
    for line in whole.lines:
        value = line.value.lower()
        if line.name in _SWITCHES_ON:
            on = True
        elif (found := _SWITCH.fullmatch(line.name)) is not None:
            on = (value == "0") is (found["turned"] != "enable") if found["turned"] else value in _ON
    return on


def settings(
    tree: Tree, path: str, whole: Section, name: str, who: str, reading: Reading
) -> served.ServedSettings | None:
    """Return what MySQL and MariaDB read alike, which is all but TLS 1.3's suites; None for a server that offers nothing.

    A release that makes itself a certificate needs no word about TLS; `who` says since when.
    """
    facts, release = directives(name), reading.release
    strays(tree, whole, name, release)
    if not _offers_tls(whole):
        return None
    first = next((x for x in whole.lines if x.name.startswith(("ssl", "tls"))), None)
    own = first is None and bool(whole.lines) and facts.has("automatic certificate", release)
    if own and not reading.sole:
        tree.say("empty", path, None, served.all_the_same(who))
    if own and reading.sole:
        first = whole.lines[0]
    if first is None:
        return None
    # beside settings of TLS, too, where no certificate is named; a file of these alone is a fragment
    served_whole = any(not x.name.startswith(("ssl", "tls")) for x in whole.lines)
    makes = facts.has("automatic certificate", release) and reading.sole and served_whole
    own = own or (makes and not whole.last("ssl_cert"))
    at = InFile((first.path,), first.line)
    version = setting(whole, "tls_version") if facts.has("tls_version", release) else None
    words = (version.value if version else facts.default_of("protocols", release)).split(",")
    certificate, port = whole.last("ssl_cert"), whole.last("port")
    folder = whole.last("datadir")
    base = tree.place(folder.value if folder and folder.value else "/var/lib/mysql", "/")
    files = [tree.place(certificate.value, base)] if certificate and certificate.value else []
    return served.ServedSettings(
        subject=f"{path}#{name}:{port.value if port else '3306'}" if certificate or own else path,
        at=at,
        protocols=protocol_ranges.listed(words, version.at if version else at),
        ciphers=setting(whole, "ssl_cipher") or Located(facts.default_of("ciphers", release), at),
        keys=served.OWN_KEY if own else certificates.keys_of(tree, files),
        cards=certificates.NOTHING
        if own
        else certificates.presented(
            tree,
            files,
            private=[tree.place(key.value, base)] if (key := whole.last("ssl_key")) and key.value else (),
        ),
        dh_bits=int(facts.default_of("dh", release)),
        elliptic=elliptic(name, release, reading.build),
        compression=False,
        assumptions=(*reading.assumptions, *([served.OWN] if own else [])),
    )


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server with a certificate, or of a fragment."""
    whole = server_section(tree, path, reading.release)
    found = settings(tree, path, whole, "mariadb", "MariaDB from 11.4 on", reading)
    if found is not None:
        suites13 = _tls13(setting(whole, "ssl_cipher"), reading.build)
        yield served.offer(replace(found, ciphersuites=suites13), reading.build)


def _tls13(cipher: Located | None, build: str) -> Located | None:
    library = builds.build(build)
    if cipher is None or library.release < _ONE_LIST:
        return None
    known = {c.name for c in library.tls13}
    names = [n for n in cipher.value.split(":") if n in known]
    return (
        Located(":".join(names), cipher.at) if names else None
    )  # a list without any is refused, and the library's own stays


OWNED = frozenset({"tls_version", "ssl_cipher", "tls_ciphersuites"})


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of the file: the last value wins, and the old lines go."""
    old = [x for x in server_section(tree, path, None).lines if x.name in OWNED]
    yield flat_edits.at_end(tree, path, old, {})


TARGET = Target(
    name="mariadb",
    title="MariaDB",
    template="tls/mariadb.cnf.j2",
    main=("mysql/my.cnf", "my.cnf", "mysql/mariadb.cnf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^\s*(?:\[(?:mysqld|server|mariadbd?)\]|tls[_-]version|ssl[_-]c(?:ipher|ert|a))\s*(?:=|$)",
        re.MULTILINE,
    ),
    check=(),
    place="/etc/my.cnf.d/zz-harden-tls.cnf",
    params={
        "listen": "port",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
    },
)
