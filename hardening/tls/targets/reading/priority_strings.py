"""From a GnuTLS priority string to what a server offers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hardening.findings import InFile
from hardening.tls import registry
from hardening.tls.libraries import gnutls
from hardening.tls.offer import Located, Offer, ProtocolOffer

_AUTH = {"ECDHE-RSA": "rsa", "DHE-RSA": "rsa", "RSA": "rsa", "ECDHE-ECDSA": "ec", "": ""}
"""The kinds of certificate that a server's key exchanges need; the others (PSK, anonymous) need set-up."""
_LANGUAGE = re.compile(
    r"(?:NONE|NORMAL|PERFORMANCE|LEGACY|PFS|SECURE\d+|SUITEB\d+|@\w+)(?::|$)|.*[+-](?:VERS|KX|MAC|CIPHER|GROUP)-",
    re.IGNORECASE,
)


def is_one(text: str) -> bool:
    """Tell whether a text is written in the language of GnuTLS, and not in that of OpenSSL."""
    return _LANGUAGE.match(text) is not None


def smallest_field(text: str) -> int | None:
    """Return the size of the smallest finite field among the groups of a priority string, or None without one."""
    fields = [g.bits for g in _groups(gnutls.resolve(text)) if g.kind == "FFDHE" and g.bits]
    return min(fields, default=None)


def _groups(found: gnutls.PriorityString) -> list[registry.Group]:
    names = (name.removeprefix("GROUP-").lower() for name in found.lists.get("groups", ()))
    return [group for name in names if (group := registry.find_group(name)) is not None]


def offer(
    setting: Located,
    *,
    program: str,
    subject: str,
    at: InFile,
    keys: frozenset[str] | None,
    finite_field: bool,
    dh_bits: int | None,
    assumptions: Iterable[str],
) -> Offer:
    """Return what a server with this priority string offers; `dh_bits` is None where the size is not known."""
    found = gnutls.resolve(setting.value)
    side = "server" if "SERVER_PRECEDENCE" in found.options else "client"
    groups = _groups(found)
    protocols = []
    for name in found.protocols:
        usable = [
            s for s in found.under(name) if _fits(s, keys) and (finite_field or not s.kx.startswith("DHE"))
        ]
        if not usable:
            continue
        curves = [g for g in groups if g.kind == "EC" or name == "TLSv1.3"]
        elliptic = name == "TLSv1.3" or any(s.kx.startswith("ECDHE") for s in usable)
        protocols.append(
            ProtocolOffer(
                name=name,
                at=setting.at,
                suites=tuple(Located(s.iana, setting.at) for s in usable),
                preference=side,
                groups=tuple(Located(g.name, setting.at) for g in curves) if elliptic else (),
            )
        )
    notes = tuple(n for n in assumptions if not n.startswith("OpenSSL"))
    notes += (f"GnuTLS {gnutls.RELEASE.split('-')[0]}, for this {program} is linked with it",)
    if keys is None:
        notes += ("certificates of every kind, for none could be read",)
    return Offer(
        subject=subject,
        at=at,
        protocols=tuple(protocols),
        refused=bool(found.error),
        inconclusive=(f"the priority string {setting.value!r}, which GnuTLS refuses ({found.error})",)
        if found.error
        else (),
        assumptions=notes,
        dh_bits=dh_bits if any(s.value.startswith("TLS_DHE") for p in protocols for s in p.suites) else None,
        compression=False,
    )


def _fits(suite: gnutls.GnutlsSuite, keys: frozenset[str] | None) -> bool:
    wanted = _AUTH.get(suite.kx)
    if wanted is None:
        return False
    return not wanted or keys is None or wanted in keys
