"""From the certificates a server names to the plans that replace those that are weak or run out.

Key and request are made on the host by its own openssl and stay in the agent's directory until the swap, which is
one transaction: key, certificate, the server's own check and its reload. A private key never leaves the host.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from OpenSSL.crypto import X509Store

from hardening.errors import UsageError
from hardening.host.checks.certificates import named_in
from hardening.host.plans.plan import Command, File, Plan, Service, Validator
from hardening.host.plans.tls import Server, action, texts
from hardening.numerals import whole
from hardening.tls.certificate import read
from hardening.tls.judging.certificate_facts import running_out, weaknesses
from hardening.tls.judging.trust import untrusted
from hardening.tls.offer import Certificate

MODES, KEYS = ("report", "self-signed", "csr"), ("rsa", "p256")
DAYS = 396
"""One less than the 397 that browsers bear, for openssl reads the clock twice."""
_LONGEST = 365
"""The most days before its end that a certificate may be due: a new one must not be due at once."""
_KEY = re.compile(
    r"^[ \t]*(?:SSLCertificateKeyFile|ssl_certificate_key|ssl\.privkey)[ \t]*=?[ \t]*[\"']?(/[^\s\"';]+)",
    re.MULTILINE | re.IGNORECASE,
)
_CHAIN = re.compile(r"^[ \t]*(?:SSLCertificateChainFile|ssl\.ca-file)\b", re.MULTILINE | re.IGNORECASE)
_HOST = re.compile(
    r"(?=.{1,253}$)(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """A request about a certificate that is due."""

    mode: str = "report"
    key: str = "rsa"
    names: tuple[str, ...] = ()
    expiry_days: int = 30
    """How long before its end a certificate is due."""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> CertificateRequest:
        """Read it as a playbook writes it. Errors: UsageError naming the value."""
        mode, key = str(raw.get("mode") or "report"), str(raw.get("key") or "rsa")
        for value, known, what in ((mode, MODES, "tls_certificate"), (key, KEYS, "tls_certificate_key")):
            if value not in known:
                raise UsageError(f"{what}: unknown value {value!r}", hint="known: " + ", ".join(known))
        names = tuple(str(one) for one in raw.get("names") or ())
        for name in names:
            if _alternative(name) is None:
                raise UsageError(
                    f"tls_certificate_names: {name!r} is neither a host name nor an address",
                    hint="write it as in www.example.org or 192.0.2.1",
                )
        days = whole(str(raw.get("expiry_days", 30)))
        if days is None or not 0 <= days <= _LONGEST:
            raise UsageError(
                f"tls_certificate_expiry_days: {raw['expiry_days']!r} is not a number of days",
                hint=f"a whole number from 0 to {_LONGEST}; 30 without it",
            )
        return cls(mode=mode, key=key, names=names, expiry_days=days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One certificate file that the server's configuration names."""

    path: str
    config: str
    line: int
    card: Certificate
    problems: tuple[str, ...]
    """Why it is due; nothing: it is not."""
    untrusted: str = ""
    """Why it leads to no authority of the store; nothing: it does, or nobody asked."""
    keys: tuple[str, ...] = ()
    """The files whose private key belongs to it."""
    obstacle: str = ""
    """Why it is not replaced although it is due."""
    combined: bool = False
    """Whether the key lies in the same file."""
    sha256: str | None = None

    @property
    def slug(self) -> str:
        """Return the name of its waiting files."""
        return hashlib.sha256(self.path.encode()).hexdigest()[:12]

    @property
    def waiting(self) -> str:
        """Return the folder on the host where key and request wait."""
        return f"@state/certificates/{self.slug}"


def wishes(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has to be asked of the host once its configuration was read."""
    return {
        "certificates": sorted(_named(facts)),
        "run": [
            ["openssl", "version"],
            ["uname", "-n"],
            ["openssl", "ecparam", "-name", "prime256v1"],
            *(public_half(path) for path in _candidates(facts)),
        ],
    }


def public_half(path: str) -> list[str]:
    """Return the command that prints the public half of a private key."""
    return ["openssl", "pkey", "-in", path, "-pubout"]


def has_openssl(more: Mapping[str, Any]) -> bool:
    """Return whether the host has the program that makes keys and says to which certificate one belongs."""
    return bool(re.match(r"(?:Open|Libre)SSL", more["said"][0]))


def seen(
    facts: Mapping[str, Any],
    more: Mapping[str, Any],
    now: datetime,
    store: X509Store | None = None,
    days: int = 30,
) -> tuple[Named, ...]:
    """Return each certificate named, judged, with the key that belongs to it; without openssl none is known to."""
    places, found = _named(facts), []
    halves = dict(zip(_candidates(facts), (public_in(output) for output in more["said"][3:]), strict=True))
    for row in more["certificates"]:
        try:
            cards = x509.load_pem_x509_certificates(row["pem"].encode("ascii", "replace"))
            mine: bytes | None = spki(cards[0].public_key())
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            continue  # the server's own check says so
        card = read(cards[0].public_bytes(Encoding.DER))
        if card is None:
            continue
        keys = tuple(
            path for path, half in halves.items() if half == mine and (row["key"] or path != row["path"])
        )
        weak, runs = weaknesses(card), running_out(card, now, days)
        problems = (*((f"has {' and '.join(weak)}",) if weak else ()), *((runs,) if runs else ()))
        config, line = places[row["path"]]
        chain = [one.public_bytes(Encoding.DER) for one in cards]
        found.append(
            Named(
                path=row["path"], config=config, line=line, card=card, problems=problems, keys=keys,
                untrusted=untrusted(chain, store, now) if store else "",
                obstacle=_obstacle(row, keys) if has_openssl(more) else "the host has no openssl", combined=row["key"], sha256=row.get("sha256"),
            )
        )  # fmt: skip
    return tuple(_alone(found))


def _obstacle(row: Mapping[str, Any], keys: Sequence[str]) -> str:
    if row["link"]:
        return "it is a symbolic link, so something else looks after it"
    if not keys:
        return "no private key that the configuration names belongs to it"
    return f"its key lies in {' and '.join(keys)}" if len(keys) > 1 else ""


def _alone(found: Sequence[Named]) -> Iterable[Named]:
    """Put an obstacle where two certificates share one key file: one swap would break the other."""
    for one in found:
        others = [o.path for o in found if o is not one and set(o.keys) & set(one.keys)]
        yield replace(one, obstacle=one.obstacle or f"{others[0]} has the same key") if others else one


def due(found: Iterable[Named]) -> tuple[Named, ...]:
    """Return those that are to be replaced and can be."""
    return tuple(one for one in found if one.problems and not one.obstacle)


def names(one: Named, wish: CertificateRequest, more: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the new certificate: those of the old, the host's own, and the site's."""
    common = re.search(r"(?:^|,)CN=([^,\\]+)", one.card.subject)
    old = one.card.names or ((common[1],) if common else ())
    every = dict.fromkeys((*old, str(more["said"][1]).strip(), *wish.names))
    return tuple(name for name in every if _alternative(name) is not None)


def prepare(found: Sequence[Named], wish: CertificateRequest, more: Mapping[str, Any], *, state: str) -> Plan:
    """Return the plan that makes key and request (and the self-signed certificate) in the agent's directory."""
    curve = wish.key == "p256" and "BEGIN EC PARAMETERS" in more["said"][2]
    files, commands = [], []
    for one in found:
        called = names(one, wish, more)
        if not called:
            raise UsageError(
                f"{one.path}: no name for the new certificate", hint="name one in tls_certificate_names"
            )
        request = _request(called, rsa=not curve)
        mark = hashlib.sha256(f"{request}{curve}{wish.mode}".encode()).hexdigest()
        folder = one.waiting.replace("@state", state)
        files.append(
            File(path=f"{one.waiting}/request.cnf", content=request.encode(), mode="0600", mkdir=True)
        )
        own = wish.mode == "self-signed"
        fresh = (
            f' && openssl x509 -noout -checkend {wish.expiry_days * 24 * 3600} -in "$1/own.pem"'
            if own
            else ""
        )
        commands.append(
            Command(
                name=f"key and request for {one.path}",
                do=("/bin/sh", "-c", _make(curve=curve, own=own), "make", folder, mark),
                check=(
                    "/bin/sh", "-c", 'test -s "$1/key.pem" && test "$(cat "$1/made")" = "$2"' + fresh, "made", folder, mark,
                ),
                undo=("/bin/rm", "-rf", folder),
            )
        )  # fmt: skip
    note = (
        ("the host's openssl has no P-256; the key is RSA 2048",) if wish.key == "p256" and not curve else ()
    )
    return Plan(
        label=f"keys and requests for {len(files)} certificates",
        files=tuple(files),
        commands=tuple(commands),
        notes=note,
    )


def swap(server: Server, facts: Mapping[str, Any], fresh: Mapping[Named, str]) -> Plan:
    """Return the plan that puts new keys and certificates in place of the old and tells the server."""
    layout, files = server.layout(str(facts.get("release", ""))), []
    for one, pem in fresh.items():
        key, content = f"{one.waiting}/key.pem", pem.encode("ascii")
        if one.combined:
            files.append(File(path=one.path, source=key, content=content, mode="0600"))
            continue
        files.append(File(path=one.keys[0], source=key, mode="0600"))
        files.append(File(path=one.path, content=content, expect_sha256=one.sha256))
    return Plan(
        label="certificates of " + server.target,
        files=tuple(files),
        remove=tuple(one.waiting for one in fresh),
        validators=(Validator(name=" ".join(layout.check[:2]), argv=layout.check),),
        services=(
            Service(
                name=layout.service, action=action(server, facts), argv=server.reload,
                paths=tuple(one.path for one in files),
            ),
        ),
    )  # fmt: skip


def chain_notes(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Say which configuration names a file of intermediates, for that is left as it is."""
    return tuple(
        f"{path} names a file of intermediates, which stays as it is; see that it fits the new certificate"
        for path, text in texts(facts).items()
        if _CHAIN.search(text)
    )


def public_in(output: str) -> bytes | None:
    """Return the public key in a program's output."""
    found = _PUBLIC.search(output)
    try:
        return spki(load_pem_public_key(found[0].encode("ascii"))) if found else None
    except (ValueError, UnsupportedAlgorithm):
        return None


def spki(key: PublicKeyTypes) -> bytes:
    """Return a public key in the form in which two of them can be compared."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _named(facts: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for config, text in texts(facts).items():
        for path, line in named_in(text):
            found.setdefault(path, (config, line))
    return found


def _candidates(facts: Mapping[str, Any]) -> list[str]:
    """Return where a key may be: where the configuration says, and in the certificate files themselves."""
    named = (match[1] for text in texts(facts).values() for match in _KEY.finditer(text))
    return sorted({*named, *_named(facts)})


def _alternative(name: str) -> str | None:
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}" if _HOST.fullmatch(name) else None


def _request(called: Sequence[str], *, rsa: bool) -> str:
    common = next((name for name in called if len(name) <= 64), "server")  # noqa: PLR2004 - RFC 5280, ub-common-name
    extensions = (
        f"subjectAltName = {','.join(filter(None, map(_alternative, called)))}\n"
        f"keyUsage = critical, digitalSignature{', keyEncipherment' if rsa else ''}\nextendedKeyUsage = serverAuth\n"
    )
    return (
        "[req]\nprompt = no\nstring_mask = utf8only\ndistinguished_name = name\nreq_extensions = wanted\n"
        f"x509_extensions = own\n[name]\nCN = {common}\n[wanted]\n{extensions}"
        f"[own]\nbasicConstraints = critical, CA:FALSE\n{extensions}"
    )


def _make(*, curve: bool, own: bool) -> str:
    """Return the script: what it makes has its name only when it is whole, and `made` comes last."""
    key = "ecparam -name prime256v1 -genkey -noout -out key.new" if curve else "genrsa -out key.new 2048"
    lines = [
        'set -e; umask 077; cd "$1"; rm -f made key.new; : > key.new',
        f"openssl {key}",
        "openssl req -new -sha256 -batch -config request.cnf -key key.new -out csr.pem",
        *([f"openssl req -new -x509 -sha256 -batch -days {DAYS} -config request.cnf -key key.new -out own.pem"] if own else []),
        'mv key.new key.pem; printf %s "$2" > made; sync',
    ]  # fmt: skip
    return "\n".join(lines)
