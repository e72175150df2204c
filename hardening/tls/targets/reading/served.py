"""From a server's settings to what it offers: the one place where cipher strings become suites.

A suite in the list is offered only when the server can use it: a certificate of the right kind, Diffie-Hellman
parameters, a protocol version that is on, a security level that allows it. What was assumed is said in the offer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from hardening.findings import InFile
from hardening.records import dataclass
from hardening.tls import openssl
from hardening.tls.libraries import builds
from hardening.tls.offer import ClientCertificate, Inert, Located, Offer, ProtocolOffer
from hardening.tls.openssl import Resolution
from hardening.tls.registry import Suite
from hardening.tls.targets.reading import certificates, group_lists, security_levels
from hardening.tls.targets.reading import signatures as signing

_SINCE_TLS12 = frozenset({"ed25519", "ed448", "rsa-pss"})
"""Kinds of key that no signature of TLS 1.1 and before is made with."""
_PLAIN_AUTH = {"RSA": "rsa", "ECDSA": "ec", "DSS": "dsa"}
_EL8 = "1.1.1k-el8"
"""The build that knows what PROFILE=SYSTEM stands for; on later ones of Red Hat it is taken for the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSettings:
    """What one virtual server's directives amount to, each with its place."""

    subject: str
    also: tuple[str, ...] = ()
    """Further subjects that this holds for: other names of the server, other ports."""
    at: InFile
    protocols: tuple[Located, ...]
    """Every version that is switched on; what the library lacks is left out later."""
    ciphers: Located
    """A cipher string in OpenSSL's language, resolved on the build."""
    ciphersuites: Located | None = None
    """OpenSSL's separate list for TLS 1.3; None: the library's own."""
    groups: Located | None = None
    """Group names with `:` between them; None: the library's own."""
    signatures: Located | None = None
    """A list of signature schemes in OpenSSL's words; None: the library's own."""
    server_preference: bool = False
    server_preference13: bool | None = None
    """The same under TLS 1.3 where something else decides it there; None: as above."""
    keys: frozenset[str] | None = None
    """Kinds of certificate key: `rsa`, `rsa-pss`, `ec`, `dsa`, `ed25519`, `ed448`, `ecdh-rsa`, `ecdh-ecdsa`, `ec:` with its curve; None: not known."""
    cards: certificates.Presented = certificates.NOTHING
    """What the certificate files hold that the server names."""
    finite_field: bool = True
    """Whether DHE suites can be used: there are parameters, or the server has its own."""
    elliptic: bool = True
    """Whether ECDHE suites can be used."""
    dh_bits: int | None = None
    dh_key: int | None = None
    """The size of the RSA key that OpenSSL makes parameters for, where it makes them."""
    compression: bool | None = None
    client: ClientCertificate | None = None
    """What is asked of clients; None: not known."""
    assumptions: tuple[str, ...] = ()
    possible: tuple[Located, ...] = ()
    """Cipher strings that hold for some requests alone."""
    inert: tuple[Inert, ...] = ()
    """Versions that are switched on and that something beside the library takes away again."""


OWN = "the certificate is the one that the server makes itself, since nothing names another"
OWN_KEY = frozenset({"rsa"})
"""The key of such a certificate."""
_ONCE = {"protocols": "the protocols", "ciphersuites": "the TLS 1.3 suites", "groups": "the groups"}
"""What OpenSSL may have settled before a server knows which name is asked for, by its field."""


def taken_from(
    settings: ServedSettings, first: ServedSettings, who: str, fields: Iterable[str]
) -> ServedSettings:
    """Return settings with those of `fields` that the first server on an address decides for every name."""
    found: dict[str, Any] = {}
    for field in fields:
        mine, theirs = getattr(settings, field), getattr(first, field)
        if _values(mine) != _values(theirs):
            found[field] = theirs
    if not found:
        return settings
    notes = tuple(f"{_ONCE[field]} of {who}" for field in found)
    return replace(settings, **found, assumptions=(*settings.assumptions, *notes))


def spoken(settings: ServedSettings, build_name: str) -> tuple[Located, ...]:
    """Return the versions that a server's own security level lets through, whatever that of another name is."""
    text13 = settings.ciphersuites.value if settings.ciphersuites else None
    text = _spelt_out(settings.ciphers.value)
    level = resolution(text, text13, build_name).security_level
    speaks = security_levels.protocols_of(build_name, level or 0)
    return tuple(s for s in settings.protocols if s.value in speaks)


def _values(setting: Located | tuple[Located, ...] | None) -> tuple[str, ...]:
    return (
        ()
        if setting is None
        else tuple(s.value for s in (setting if isinstance(setting, tuple) else (setting,)))
    )


def all_the_same(who: str) -> str:
    """Return what is said of a file without a word about TLS where `who` offers TLS nevertheless, and nobody says who runs."""
    return f"nothing in it is about TLS, and {who} offers TLS all the same: name the release, --target NAME@VERSION"


def at_level(string: str, level: int, build_name: str) -> str:
    """Return a cipher string as it is when the program sets a security level itself, which a list's own word overrules."""
    if builds.build(build_name).security_level is None or "@SECLEVEL" in _spelt_out(string):
        return string
    return f"{string}:@SECLEVEL={level}"


def _spelt_out(string: str) -> str:
    """Return a cipher string with the crypto policy DEFAULT in the place of PROFILE=SYSTEM; what follows it stays."""
    if not string.startswith(openssl.PROFILE):
        return string
    return f"{builds.build(_EL8).system_policy}{string.removeprefix(openssl.PROFILE)}"


def named(path: str, names: Iterable[str], ports: Iterable[str]) -> tuple[str, ...]:
    """Return a subject for each name and port of a server, each once."""
    every = list(names)
    return tuple(dict.fromkeys(f"{path}#{name}:{port}" for port in ports for name in every))


def offers(groups: Iterable[tuple[ServedSettings, tuple[str, ...]]], build_name: str) -> Iterator[Offer]:
    """Yield an offer per settings, for all the subjects that share them; equal settings are one."""
    shared: dict[ServedSettings, list[str]] = {}
    for settings, subjects in groups:
        shared.setdefault(settings, []).extend(subjects)
    for settings, names in shared.items():
        first, *more = dict.fromkeys(names)
        yield offer(replace(settings, subject=first, also=tuple(more)), build_name)


def resolution(string: str, ciphersuites: str | None, build_name: str) -> Resolution:
    """Return what a cipher string and a TLS 1.3 list select on a build; the build remembers."""
    if build_name.startswith(builds.JDK):
        from hardening.tls.libraries import jsse_resolution

        return jsse_resolution.resolve(string, ciphersuites, build_name)
    return openssl.resolve(string, builds.build(build_name), ciphersuites=ciphersuites)


def _can(suite: Suite, keys: frozenset[str] | None, finite_field: bool, elliptic: bool) -> bool:  # noqa: PLR0911 - one return per reason a suite cannot be used
    """Whether a web server with these keys and parameters can use the suite."""
    if suite.kx == "DHE" and not finite_field:
        return False
    if suite.kx == "ECDHE" and not elliptic:
        return False
    if suite.auth == "anon":
        return suite.kx in {"DHE", "ECDHE"}
    if suite.kx not in {"RSA", "DHE", "ECDHE", "ECDH", "NULL"}:
        return False  # PSK, SRP, Kerberos, GOST and fixed DH need set-up these settings cannot do
    if suite.kx == "ECDH":  # a fixed key, in a certificate signed as the suite says
        return keys is None or f"ecdh-{suite.auth.lower()}" in keys
    wanted = _PLAIN_AUTH.get(suite.auth)
    if wanted is None:
        return False
    if keys is None:
        return wanted != "dsa"
    if wanted == "rsa" and suite.kx != "RSA" and "rsa-pss" in keys:  # such a key signs and does nothing else
        return True
    return wanted in keys or (wanted == "ec" and bool(keys & {"ed25519", "ed448"}))


@dataclass(frozen=True, slots=True)
class _Question:
    """What decides which suites are offered, so that a fleet that says the same is answered once."""

    string: str
    ciphersuites: str | None
    build: str
    keys: frozenset[str] | None
    finite_field: bool
    elliptic: bool


@dataclass(frozen=True, slots=True)
class _Usable:
    """What can be negotiated under one protocol version."""

    names: tuple[str, ...] = ()
    finite_field: bool = False
    elliptic: bool = False
    signers: frozenset[str] = frozenset()
    """The authentications of the suites that carry a signature."""


@lru_cache(maxsize=4096)
def _suites(question: _Question, protocol: str) -> _Usable:
    found = resolution(question.string, question.ciphersuites, question.build)
    if found.error and not found.tls13:
        return _Usable()
    under = found.under(protocol)
    if protocol not in {"SSLv2", "TLSv1.3"}:
        keys, finite_field, elliptic = question.keys, question.finite_field, question.elliptic
        if keys is not None and protocol != "TLSv1.2":  # ssl_lib.c, `ssl_set_masks`
            keys -= _SINCE_TLS12
        under = tuple(c for c in under if c.suite is None or _can(c.suite, keys, finite_field, elliptic))
    kinds = {c.suite.kx for c in under if c.suite is not None}
    signers = signing.signers(c.suite for c in under if c.suite is not None)
    return _Usable(tuple(c.iana for c in under), "DHE" in kinds, "ECDHE" in kinds, signers)


def offer(settings: ServedSettings, build_name: str) -> Offer:
    """Return what a server with these settings offers when linked with an OpenSSL build."""
    text13 = settings.ciphersuites.value if settings.ciphersuites else None
    settings = _with_host_list(settings, build_name)
    text = _spelt_out(settings.ciphers.value)
    notes = (*settings.assumptions, *settings.cards.notes)
    if text != settings.ciphers.value:
        notes += (f"{openssl.PROFILE} means the crypto policy DEFAULT",)
    found = resolution(text, text13, build_name)
    level = found.security_level or 0
    place13 = settings.ciphersuites.at if settings.ciphersuites else settings.ciphers.at
    listed = settings.groups.value if settings.groups else None
    names13, names12, known = group_lists.meant(listed, build_name, level)
    if settings.dh_key and (own := security_levels.own_field(build_name, level, settings.dh_key)):
        settings = replace(settings, dh_bits=own)
    question = _Question(
        string=text,
        ciphersuites=text13,
        build=build_name,
        keys=settings.keys,
        finite_field=settings.finite_field
        and security_levels.allows_field(build_name, level, settings.dh_bits),
        elliptic=settings.elliptic and not (listed and known and not names12),
    )
    at = settings.groups.at if settings.groups else settings.at
    groups = {n: Located(n, at) for n in (*names13, *names12)}
    newer, older = tuple(groups[n] for n in names13), tuple(groups[n] for n in names12)
    speaks = security_levels.protocols_of(build_name, level)
    protocols = []
    inert = list(settings.inert)
    finite_field = False
    located: dict[
        str, Located
    ] = {}  # one object per suite and place: equal ones are found fast by who judges
    for setting in settings.protocols:
        if setting.value not in speaks:
            inert.append(Inert(setting, _mute(build_name, setting.value, found.security_level)))
            continue
        if setting.value == "TLSv1.3" and listed and known and not names13:
            inert.append(Inert(setting, f"no group of {listed} works under it on {builds.shown(build_name)}"))
            continue
        usable = _suites(question, setting.value)
        if not usable.names:
            inert.append(
                Inert(setting, f"no suite that is listed works under it on {builds.shown(build_name)}")
            )
            continue
        finite_field = finite_field or usable.finite_field
        place = place13 if setting.value == "TLSv1.3" else settings.ciphers.at
        schemes = signing.left(
            settings.signatures, build_name, level, settings.keys, setting.value, usable.signers
        )
        if schemes == () and setting.value == "TLSv1.3":
            inert.append(
                Inert(
                    setting,
                    "no signature algorithm of the list that is set works under it with the server's keys",
                )
            )
            continue
        protocols.append(
            ProtocolOffer(
                name=setting.value,
                at=setting.at,
                suites=tuple(
                    [located.get(n) or located.setdefault(n, Located(n, place)) for n in usable.names]
                ),
                preference="server" if _prefers(settings, setting.value) else "client",
                groups=group_lists.under(setting.value, newer, older, elliptic=usable.elliptic),
                possible=_possible(settings, question, setting.value, usable.names)
                if settings.possible
                else (),
                signature_algorithms=schemes or (),
            )
        )
    refusals = tuple(_refusals(settings, found, build_name))
    return Offer(
        subject=settings.subject,
        also=settings.also,
        at=settings.at,
        protocols=tuple(protocols),
        assumptions=notes if settings.keys is not None else (*notes, _any_certificate(settings.cards)),
        inconclusive=refusals,
        refused=bool(refusals),
        dh_bits=settings.dh_bits if finite_field else None,
        client=settings.client,
        compression=_compresses(settings, found, protocols),
        inert=tuple(inert),
        certificates=settings.cards.certificates,
        unread_files=settings.cards.unread,
        parameters=settings.cards.parameters if finite_field else (),
        hybrid=group_lists.hybrid(build_name),
    )


def _with_host_list(settings: ServedSettings, build_name: str) -> ServedSettings:
    """A program that sets no list (the library's, said by nobody) has the one of the host's openssl.cnf."""
    host_list = builds.build(build_name).default_list
    own = settings.ciphers.value == "DEFAULT" and settings.ciphers.at == settings.at
    return replace(settings, ciphers=Located(host_list, settings.at)) if host_list and own else settings


def _prefers(settings: ServedSettings, protocol: str) -> bool:
    if protocol == "TLSv1.3" and settings.server_preference13 is not None:
        return settings.server_preference13
    return settings.server_preference


_NO_COMPRESSION = 2
"""The security level from which on OpenSSL compresses nothing."""


def _compresses(
    settings: ServedSettings, found: Resolution, protocols: Iterable[ProtocolOffer]
) -> bool | None:
    if settings.compression is None:
        return None
    if not settings.compression or (found.security_level or 0) >= _NO_COMPRESSION:
        return False
    return any(p.name not in {"SSLv2", "TLSv1.3"} for p in protocols)


def _mute(build_name: str, name: str, level: int | None) -> str:
    shown = builds.shown(build_name)
    if name not in builds.build(build_name).protocols:
        return f"{shown} has none of it"
    return f"{shown} does not do it at security level {level}"


def _possible(
    settings: ServedSettings, question: _Question, protocol: str, offered: tuple[str, ...]
) -> tuple[Located, ...]:
    """Return what the lists of single requests add; the suites of TLS 1.3 are in none of them."""
    if protocol == "TLSv1.3":
        return ()
    return tuple(
        Located(name, one.at)
        for one in settings.possible
        for name in _suites(replace(question, string=one.value), protocol).names
        if name not in offered
    )


def _any_certificate(cards: certificates.Presented) -> str:
    count = "not every file" if cards.certificates else "none"
    return f"certificates of every kind, for {count} could be read"


def _matters(settings: ServedSettings, found: Resolution) -> bool:
    """Whether a refused list is a list anybody would ask for: with TLS 1.3 alone it is not."""
    return found.error is not None and any(s.value != "TLSv1.3" for s in settings.protocols)


def _refusals(settings: ServedSettings, found: Resolution, build_name: str) -> Iterator[str]:
    if _matters(settings, found):
        yield _refused(settings.ciphers.value, found)
    for one in settings.possible:
        if (other := resolution(one.value, None, build_name)).error:
            yield _refused(one.value, other)


def _refused(string: str, found: Resolution) -> str:
    return f"the cipher list {string!r}, which {builds.shown(found.build.name)} refuses ({found.error})"
