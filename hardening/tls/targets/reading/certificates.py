"""What a server's certificate and parameter files say, where they can be read: kinds of key, sizes of DH."""

from __future__ import annotations

import base64
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from hardening.findings import InFile
from hardening.records import dataclass
from hardening.tls import primes
from hardening.tls.offer import Certificate, Parameters, Unread
from hardening.tls.targets.reading import key_stores, security_levels
from hardening.tls.targets.reading.chroot import opened
from hardening.tls.targets.reading.tree import Tree

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What the files that a server names hold, and which of them could not be read."""

    certificates: tuple[Certificate, ...] = ()
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()
    """What was assumed of them."""
    parameters: tuple[Parameters, ...] = ()
    """Diffie-Hellman parameters, of their own file and of the certificates' files."""


NOTHING = Presented()


def presented(
    tree: Tree,
    paths: Iterable[str],
    *,
    mixed: bool = False,
    chain: Iterable[str] = (),
    parameters: str = "",
    private: Iterable[str] = (),
    passwords: Iterable[str] | None = None,
) -> Presented:
    """Return the certificates in a server's files (real paths), those of each file in its order.

    `mixed` as in `keys_of`. `chain` are files with further certificates that are sent along, `parameters` is the file of DH
    parameters, `private` are the files of private keys, `passwords` are those of a server that reads key stores. A text without files beside it: nothing is said of them.
    """
    if tree.in_memory and tree.binary is None:
        return NOTHING
    paths = tuple(dict.fromkeys(paths))
    found: dict[str, Certificate] = {}
    unread: list[Unread] = []
    keys: list[str] = []
    for path, own in (
        *((p, True) for p in paths),
        *((p, False) for p in dict.fromkeys(chain)),
    ):
        if mixed and _private(tree, path):
            keys.append(path)
            continue
        content = _content(tree, path)
        cards, why = _cards(*content, mixed, _words(tree, passwords)) if content else ((), "")
        if content is None:
            unread.append(_absent(tree, path))
        elif why:
            unread.append(_unread(tree, path, why, _READABLE))
        for card in cards:
            place = InFile((path,))
            found.setdefault(card.sha256, replace(card, at=place, own=own and card.own))
    owned = tuple(one for one in found.values() if one.own)
    strangers = _strangers(tree, owned, tuple(dict.fromkeys((*private, *keys, *paths))))
    found.update(
        {
            one.sha256: replace(one, other_key=strangers[one.sha256])
            for one in owned
            if one.sha256 in strangers
        }
    )
    if keys and not found and not unread:
        unread.append(_unread(tree, keys[0], "no certificate is in it, only a key", _READABLE))
    if parameters and dh_bits(tree, parameters) is None:
        absent = _content(tree, parameters) is None
        one = _absent(tree, parameters) if absent else _unread(tree, parameters, _NO_PARAMETERS, _READABLE)
        unread.append(replace(one, what="DH parameters"))
    elsewhere = (
        () if tree.of_host or tree.in_memory else dict.fromkeys(c.at.path for c in found.values() if c.at)
    )
    folder = "/" + "/".join(tree.opened_path[:-1])
    notes = tuple(
        f"{path} of this machine is the one that is meant, for the configuration is in no copy of a host"
        for path in elsewhere
        if tree.opened_path and not path.startswith(f"{folder.rstrip('/')}/")
    )
    return Presented(
        certificates=tuple(found.values()),
        unread=tuple(unread),
        notes=notes,
        parameters=tuple(_parameters(tree, dict.fromkeys((*((parameters,) if parameters else ()), *paths)))),
    )


def _parameters(tree: Tree, paths: Iterable[str]) -> Iterator[Parameters]:
    for path in paths:
        content = _content(tree, path)
        numbers = _dh_numbers(content[0]) if content else None
        if numbers is not None:
            prime, order = numbers
            known = primes.find(prime.to_bytes((prime.bit_length() + 7) // 8, "big"))
            yield Parameters(
                at=InFile((path,)),
                bits=prime.bit_length(),
                problem=primes.problem(prime, order),
                shared=known.name if known else "",
            )


def _strangers(tree: Tree, owned: tuple[Certificate, ...], private: tuple[str, ...]) -> dict[str, str]:
    """Return the private key's file of each certificate that none of the keys belongs to, by fingerprint.

    A key that cannot be read, or that a passphrase protects, might be the one that belongs.
    """
    halves: dict[str, bytes] = {}
    for path in private:
        content = _content(tree, path)
        half = _public_half(*content) if content else b""
        if half is None:
            return {}
        if half:
            halves[path] = half
        elif not any(one.at and one.at.path == path for one in owned):
            return {}
    if not halves:
        return {}
    from hardening.tls import certificate

    of_keys = set(halves.values())
    return {
        one.sha256: next(iter(halves))
        for one in owned
        if (mine := certificate.public_half(one.der)) and mine not in of_keys
    }


@lru_cache(maxsize=1024)
def _public_half(text: bytes, why: str) -> bytes | None:
    """Return the public key of the private one in a file; nothing where none is in it, None where it cannot be read."""
    if why:
        return None
    if b"PRIVATE KEY-----" not in text:
        return b""
    from hardening.tls import certificate

    return certificate.half_of_private(text)


_READABLE = "Make it a file in PEM form that this account may read"
_NO_PARAMETERS = "no parameters in PEM form can be read in it"
_TOKENS = ("data:", "engine:", "pkcs11:", "store:", "handle:")
"""What begins the name of a certificate that is in no file."""


def _on_host(tree: Tree, path: str) -> str:
    return path.removeprefix(tree.prefix) if tree.prefix else path


def _unread(tree: Tree, path: str, why: str, way: str) -> Unread:
    return Unread(at=InFile((path,)), path=_on_host(tree, path), why=why, way=way)


def _absent(tree: Tree, path: str) -> Unread:
    """Return why a file cannot be looked at."""
    name = path.rpartition("/")[2]
    if "$" in path:
        return _unread(tree, path, "its name depends on the connection", "Name the files to look at")
    if "/@" in path or (any(word in path for word in _TOKENS) and ":" in name):
        return _unread(tree, path, "it is in no file", "Look at it where it is kept")
    if tree.in_memory or _outside(tree, path):
        why = (
            "the bundle has no certificate or key of that name"
            if tree.in_memory
            else "its name is relative to a folder that is not known"
        )
        way = "Look at the certificate that the site installs" if tree.in_memory else "Name it in full"
        return _unread(tree, path, why, way)
    try:
        os.stat(tree.file(path))  # noqa: PTH116 - as in `_stamp`
    except PermissionError:
        return _unread(tree, path, "permission denied", "Run the audit as a user who may read it")
    except (OSError, ValueError):
        pass
    if tree.prefix:
        return _unread(tree, path, f"not found below {tree.prefix}", f"Copy it to {path} as well")
    return _unread(
        tree,
        path,
        "not found on this machine",
        "Run the audit on the host that has it, or on a copy of the host's files",
    )


def _words(tree: Tree, passwords: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the passwords to try; None in a bundle, where a stranger chose how long a store takes to be opened."""
    return None if tree.in_memory or passwords is None else tuple(passwords)


def keys_of(
    tree: Tree, paths: Iterable[str], *, mixed: bool = False, passwords: Iterable[str] | None = None
) -> frozenset[str] | None:
    """Return the kinds of key in certificate files (real paths), or None when any cannot be read; `passwords` may open key stores.

    With `mixed`, files may hold private keys alone, and are passed over then. A key on a curve counts once more by who signed it, for a fixed ECDH suite asks for that: `ecdh-rsa` or `ecdh-ecdsa`,
    and once by its curve (`ec:secp256r1`), which TLS 1.3 has a signature scheme for.
    """
    kinds: set[str] = set()
    for path in paths:
        found = _card(tree, path).kinds or _of_store(tree, path, _words(tree, passwords))
        if mixed and not found and _private(tree, path):
            continue
        if not found:
            return None
        kinds |= found
    return frozenset(kinds) or None


def _of_store(tree: Tree, path: str, passwords: tuple[str, ...] | None) -> frozenset[str]:
    """Return the kinds of key of a key store's own certificates; none where the file is no such store."""
    content = _content(tree, path)
    if content is None or content[1] or not content[0].startswith((b"\x30", *key_stores.JAVA)):
        return frozenset()
    return _kinds_of_store(content[0], passwords)


@lru_cache(maxsize=1024)
def _kinds_of_store(content: bytes, passwords: tuple[str, ...] | None) -> frozenset[str]:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    found: set[str] = set()
    for der, own in zip(
        _ders(content, passwords)[0], _cards(content, "", mixed=False, passwords=passwords)[0], strict=False
    ):
        try:
            card = x509.load_der_x509_certificate(der)
            found |= _kinds(card, card.public_key()) if own.own else frozenset()
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            return frozenset()
    return frozenset(found)


def dh_bits(tree: Tree, path: str) -> int | None:
    """Return the size in bits of the DH parameters in a file (a real path), or None."""
    content = _content(tree, path)
    found = _dh_numbers(content[0]) if content else None
    return found[0].bit_length() if found else None


def rsa_bits(tree: Tree, paths: Iterable[str]) -> int | None:
    """Return the size of the smallest RSA key in certificate files (real paths), or None where there is none to be read."""
    return min((bits for p in paths if (bits := _card(tree, p).rsa_bits) is not None), default=None)


def names(tree: Tree, path: str) -> tuple[str, ...] | None:
    """Return the names that a certificate (a real path) answers for, its subject's first, or None where none is read."""
    return _card(tree, path).names


def x942(tree: Tree, path: str) -> bool:
    """Tell whether a file of DH parameters (a real path) is of the form that `openssl dhparam -dsaparam` writes from 3.0 on.

    What asks OpenSSL 3 for a decoder of "DH" (its command DHParameters, squid) takes none of these.
    """
    content = _content(tree, path)
    found = _PARAMETERS.search(content[0]) if content else None
    return found is not None and found[0].startswith(b"-----BEGIN X9.42")


def level(tree: Tree, path: str) -> int | None:
    """Return the highest security level at which OpenSSL serves the certificate in a file (a real path), or None where none is read."""
    return _card(tree, path).level


def _private(tree: Tree, path: str) -> bool:
    text, _ = _content(tree, path) or (b"", "")
    return b"PRIVATE KEY-----" in text and b"-----BEGIN CERTIFICATE" not in text


def _outside(tree: Tree, path: str) -> bool:
    """Whether a name leads out of a copy of a host: it is relative, and no folder is known that it counts from."""
    return bool(tree.prefix) and not path.startswith(f"{tree.prefix}/")


def _content(tree: Tree, path: str) -> tuple[bytes, str] | None:
    """Return what is in a file (a real path), at most a byte more than `_LARGEST`, or why it cannot be read; None where it is not there."""
    if tree.in_memory:
        found = (tree.binary or {}).get(path)
        return None if found is None else (found, "")
    if _outside(tree, path):
        return None
    file = tree.file(path)
    try:
        about = os.stat(file)  # noqa: PTH116 - hot path
    except (OSError, ValueError):  # it is not there, or can be no name
        return None
    return _on_disk(file, (about.st_mtime_ns, about.st_size))


@lru_cache(maxsize=1024)
def _on_disk(file: str, _stamp: tuple[int, int]) -> tuple[bytes, str]:
    try:
        with opened(file) as source:
            return source.read(_LARGEST + 1), ""
    except OSError as problem:
        return b"", (problem.strerror or str(problem)).lower()


KINDS = frozenset({"rsa", "rsa-pss", "ec", "dsa", "ed25519", "ed448"})
"""The kinds of key, without the marks beside them of who signed one and on which curve it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """What one file's first certificate says; all of it empty where none can be read."""

    kinds: frozenset[str] = frozenset()
    rsa_bits: int | None = None
    level: int | None = None
    names: tuple[str, ...] | None = None


_NONE = _Card()


def _card(tree: Tree, path: str) -> _Card:
    content = _content(tree, path)
    return _read(content[0]) if content else _NONE


_PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
_LARGEST = 1 << 20


@lru_cache(maxsize=1024)
def _cards(
    content: bytes, why: str, mixed: bool, passwords: tuple[str, ...] | None
) -> tuple[tuple[Certificate, ...], str]:
    """Return the certificates of a file, each chain's first one marked, and why it was not read or not in full."""
    from hardening.tls import certificate

    if why:
        return (), why
    if len(content) > _LARGEST:
        return (), f"larger than {_LARGEST >> 20} MiB"
    ders, why = _ders(content, passwords)
    if why:
        return (), why
    cards = [certificate.read(der) for der in ders]
    certificates: list[Certificate] = []
    for place, (der, card) in enumerate(zip(ders, cards, strict=True)):
        if card is None:
            continue
        # each chain of a file that may hold several begins with a certificate that is not an authority's
        first = place == 0 or ((mixed or b"-----BEGIN" not in content) and not card.ca)
        unlinked = not first and not certificate.certifies(der, ders[place - 1])
        certificates.append(replace(card, own=first, unlinked=unlinked))
    lost = sum(card is None for card in cards)
    return tuple(certificates), f"{lost} of its {len(cards)} certificates cannot be read" if lost else ""


def _ders(content: bytes, passwords: tuple[str, ...] | None) -> tuple[list[bytes], str]:
    """Return the certificates of a file in DER form, or why there are none; without `passwords` no store is opened."""
    blocks = [_decoded(one) for one in _PEM.findall(content)]
    if blocks:
        return [one or b"" for one in blocks], ""
    if content[:4] in key_stores.JAVA:
        return key_stores.of_java(content)
    if content[:1] != b"\x30":
        return [], "no certificate in PEM form is in it" if content.strip() else "it is empty"
    from hardening.tls import certificate

    if certificate.read(content) is not None:
        return [content], ""
    if passwords is None:
        return [], "a key store (PKCS#12), which only its password opens, or no certificate"
    return key_stores.of_pkcs12(content, passwords)


def _decoded(text: bytes) -> bytes | None:
    """Return the certificate in a PEM block, without the trust that OpenSSL writes behind it."""
    try:
        der = base64.b64decode(b"".join(text.split()), validate=True)
        content = _element(der, _SEQUENCE)
    except (ValueError, IndexError):
        return None
    return der[: der.index(content) + len(content)] if content else None


@lru_cache(maxsize=1024)
def _read(content: bytes) -> _Card:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # old certificates break rules that newer libraries warn about, part by part
        return _parsed(content)


def _parsed(content: bytes) -> _Card:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        card = x509.load_pem_x509_certificate(content)
    except (ValueError, x509.InvalidVersion):
        return _NONE
    named = _named(card)
    try:
        key, digest = card.public_key(), card.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return _Card(names=named)
    bits = [256]
    if isinstance(key, rsa.RSAPublicKey):
        bits.append(security_levels.field_strength(key.key_size))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        bits.append(key.curve.key_size // 2)
    if digest is not None and card.issuer != card.subject:  # nobody asks how one of its own signed itself
        bits.append(security_levels.digest_strength(digest.name))
    return _Card(
        kinds=_kinds(card, key),
        rsa_bits=key.key_size if isinstance(key, rsa.RSAPublicKey) else None,
        level=security_levels.highest(min(bits)),
        names=named,
    )


def _named(card: x509.Certificate) -> tuple[str, ...] | None:
    from cryptography import x509

    try:
        found = [str(one.value) for one in card.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        other = card.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found += other.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        pass
    except (ValueError, x509.InvalidVersion):
        return None
    return tuple(dict.fromkeys(name.lower() for name in found if name and not re.search(r"\s", name)))


def _kinds(card: x509.Certificate, key: object) -> frozenset[str]:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
    from cryptography.x509.oid import PublicKeyAlgorithmOID

    kinds = (
        (rsa.RSAPublicKey, "rsa"),
        (dsa.DSAPublicKey, "dsa"),
        (ed25519.Ed25519PublicKey, "ed25519"),
        (ed448.Ed448PublicKey, "ed448"),
    )
    word = next((word for kind, word in kinds if isinstance(key, kind)), None)
    if card.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
        word = "rsa-pss"
    signed = card.signature_algorithm_oid._name.lower()  # noqa: SLF001 - the one place its word is
    fixed = {"ecdh-rsa"} if "rsa" in signed else {"ecdh-ecdsa"} if "ecdsa" in signed else set[str]()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return frozenset({"ec", f"ec:{key.curve.name}"} | fixed)
    return frozenset({word}) if word else frozenset()


@lru_cache(maxsize=1024)
def _dh_numbers(text: bytes) -> tuple[int, int | None] | None:
    """Return the prime of the parameters in a file and the order of their group, where the file names one."""
    found = _PARAMETERS.search(text)
    if found is None:
        return None
    try:
        whole = _element(base64.b64decode(b"".join(found[1].split()), validate=True), _SEQUENCE)
        numbers = list(_integers(whole))
    except (ValueError, IndexError):
        return None
    if not numbers or not numbers[0]:
        return None
    named = b"X9.42" in found[0] and len(numbers) >= _WITH_ORDER
    return numbers[0], numbers[2] if named else None


_WITH_ORDER = 3
"""Numbers of parameters that name their order: prime, generator, order (RFC 3279 2.3.3)."""


def _integers(der: bytes) -> Iterator[int]:
    """Yield the integers with which the content of a sequence begins. Errors: ValueError, IndexError."""
    while der and der[0] == _INTEGER:
        content = _element(der, _INTEGER)
        yield int.from_bytes(content, "big")
        header = 2 + max(der[1] - _LONG, 0)
        der = der[header + len(content) :]


_PARAMETERS = re.compile(
    rb"-----BEGIN (?:X9\.42 )?DH PARAMETERS-----([A-Za-z0-9+/=\s]+)-----END (?:X9\.42 )?DH PARAMETERS-----"
)
_SEQUENCE, _INTEGER, _LONG = 0x30, 0x02, 0x80


def _element(der: bytes, tag: int) -> bytes:
    """Return the content of the first DER element.

    Errors: ValueError, IndexError for anything else. (PKCS #3 is two integers; the library's own door to it is closing.)
    """
    if der[0] != tag:
        raise ValueError(tag)
    size, start = der[1], 2
    if size >= _LONG:
        start += size - _LONG
        size = int.from_bytes(der[2:start], "big")
    if start + size > len(der):
        raise ValueError(size)
    return der[start : start + size]
