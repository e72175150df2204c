"""Private keys and key stores that ship in a bundle: the same on every installation, so no secret at all.

What is encrypted is opened offline with a short list of passwords that are tried first, bounded in time.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from bundle.detect import keyforms, roles
from bundle.detect.credentials.texts.textview import code
from bundle.walk.literals import Gate
from bundle.walk.member import Member
from hardening.findings import Finding, Fix, Role, Rule, Severity

_WHY = (
    "Whoever has one copy of the bundle can pose as every host that uses the key, and read what it protects."
)
_REMEDY = "Revoke the certificate or remove the public key wherever it is trusted, make a new key on each host, and ship none."
_CWE = ("https://cwe.mitre.org/data/definitions/321.html",)

PRIVATE = Rule(id="key/private", title="A private key ships in the bundle", severity=Severity.CRITICAL,
               rationale=_WHY, remedy=_REMEDY, references=_CWE)  # fmt: skip
ENCRYPTED = Rule(id="key/encrypted", title="An encrypted private key ships in the bundle", severity=Severity.MEDIUM,
                 rationale="Its passphrase has to ship too, or be the same everywhere; it can be tried offline for ever.",
                 remedy=_REMEDY, references=_CWE)  # fmt: skip
WEAK = Rule(id="key/weak-passphrase", title="A key store opens with a default password", severity=Severity.CRITICAL,
            rationale=_WHY, remedy=_REMEDY, references=_CWE)  # fmt: skip
STORE = Rule(id="key/store", title="A key store with a private key ships in the bundle", severity=Severity.MEDIUM,
             rationale="Its password has to ship too, or be the same everywhere.", remedy=_REMEDY, references=_CWE)  # fmt: skip

DEFAULTS = (
    "", "changeit", "changeme", "password", "secret", "123456", "admin", "tomcat", "keystore", "test", "default", "server",
    "jboss", "root", "java", "ssl", "12345678", "storepass", "keypass", "passphrase", "letmein", "notsecret", "importkey", "wso2carbon",
)  # fmt: skip
"""What is tried on stores and encrypted keys."""

_KIND = rb"(?:RSA |EC |DSA |OPENSSH |ENCRYPTED |ANY |PGP |SSH2 ENCRYPTED )?PRIVATE KEY(?: BLOCK)?"
_BODY = rb"(?:[\s\"',;.()@<>A-Za-z0-9/=+:]|-(?!----)|\\[nrt]){40,20000}?"
_PEM = re.compile(rb"-----BEGIN (?P<kind>%b)-----(?P<body>%b)-----END (?P=kind)-----" % (_KIND, _BODY))
_OPENVPN = re.compile(
    rb"-----BEGIN OpenVPN Static key V1-----\s+(?P<body>(?:[0-9a-f]{32}\s+){16})-----END OpenVPN Static key V1-----"
)
_PUTTY = re.compile(rb"^PuTTY-User-Key-File-[23]: \S+\r?\nEncryption: (?P<cipher>\S+)", re.MULTILINE)
_CUT = re.compile(rb"\n[^\n]{0,40}\.\.\.[^\n]{0,40}\n")
"""A line that stands for those that were left out of a key: `(more lines) ...`."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}")
_WRAPPED = re.compile(rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]{140,40000}={0,2}")
"""PEM in Base64 once more, as Kubernetes' secrets and Traefik's store have it: what `-----BEGIN ` begins with there."""
_WRAPPED_HEAD = re.compile(rb"-----BEGIN (?P<kind>[A-Z0-9 ]{0,16}PRIVATE KEY)-----\s")
_BARE = re.compile(
    rb"MI[IG][A-Za-z0-9+/]{1,3}(?:IBADANBgkqhkiG9w0BAQEFAASC|IBAAK[BC][A-Za-z0-9]{2}[A-Q])[A-Za-z0-9+/]{100,8000}={0,2}"
)
"""RSA keys in DER and Base64 without the lines of PEM: version 0, then rsaEncryption (RFC 5958), or the modulus (RFC 8017)."""
_HEADER = 4
"""Bytes of a DER sequence before its content, where that is longer than 255."""
_LEAST = 48
"""Base64 characters below which a PEM block is an example with its middle left out."""
_OF_ONE_PROGRAM = (b"\x05\x02", b"==", b"\x07\x02", b"\x1e\xf1", b"(1", b"(2", b"Cr", b"Ke", b"La")
"""What files begin with that are keys in the form of one program; GnuPG's have a line that tells when they were made, or which."""
_LARGEST_STORE = 4 << 20
_JKS = b"\xfe\xed\xfe\xed"
_JCEKS = b"\xce\xce\xce\xce"
_MOST_ENTRIES = 1000
_TRUSTED = 2
"""The tag of a certificate that is trusted."""
_SCRIPTS = ("makeself", "self-extracting")
"""Containers that are read as well: as far as the script goes that lies in front of the archive."""
_COMPILED = ("class", "pyc")
"""Formats that have no lines."""
_NUMBERS = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4, 20: 3}
"""Public numbers of a key of OpenPGP by its algorithm (RFC 9580, 9.1): of RSA, ElGamal and DSA."""
_SECRET_KEY = 5
"""The tag of a packet that holds a secret key."""
_SHORTEST_RING = 64
_OF_A_ROLE = {
    Role.DOCUMENTATION: ("explained", "not-live"),
    Role.TEST: ("test", "chosen"),
    Role.CI: ("test", "chosen"),
    Role.EXAMPLE: ("sample",),
    Role.SAMPLE: ("sample",),
    Role.DEV_CONTAINER: ("elsewhere",),
    Role.VENDORED: ("elsewhere",),
}
"""Features of a key for the role of its file."""
_CODED = (b"LS0tLS1CRUdJTi", b"IBADANBgkqhkiG9w0BAQEFAASC", b"IBAAKB", b"IBAAKC")
"""What keys in Base64 begin with."""


@cache
def _gate() -> Gate:
    return Gate(KeyDetector.words)


def _texts(member: Member, subject: str) -> Iterator[Finding]:
    """Yield the keys that stand in text."""
    content = member.content
    hits = _gate().hits(content) if member.words is None else member.words
    if not hits:
        return
    content = code(member)
    if len(content) < len(member.content):
        member = replace(member, content=content)
    for words, read in _READERS:
        if any(word in hits for word in words):
            yield from read(member, subject)


def _in_openvpn(member: Member, subject: str) -> Iterator[Finding]:
    for found in _OPENVPN.finditer(member.content):
        if len(set(found["body"].split())) > 8:  # noqa: PLR2004 - of sixteen lines
            yield _finding(member, subject, PRIVATE, "OpenVPN static key", at=found.start())


def _in_putty(member: Member, subject: str) -> Iterator[Finding]:
    for found in _PUTTY.finditer(member.content):
        rule = PRIVATE if found["cipher"] == b"none" else ENCRYPTED
        yield _finding(member, subject, rule, "PuTTY key", at=found.start())


def _in_sshcom(member: Member, subject: str) -> Iterator[Finding]:
    for found in keyforms.SSHCOM.finditer(member.content):
        rule = ENCRYPTED if keyforms.is_sealed(found["body"]) else PRIVATE
        yield _finding(member, subject, rule, "key in the form of ssh.com", at=found.start())


def _in_dnssec(member: Member, subject: str) -> Iterator[Finding]:
    for found in keyforms.DNSSEC.finditer(member.content):
        yield _finding(member, subject, PRIVATE, "DNSSEC key", at=found.start())


def _in_pem(member: Member, subject: str) -> Iterator[Finding]:
    for found in _PEM.finditer(member.content):
        body = b"".join(_BASE64.findall(found["body"]))
        if _CUT.search(found["body"]):
            continue
        if len(body) >= _LEAST and len(set(body)) > 16:  # noqa: PLR2004 - a run of one letter is a picture of a key
            yield _finding(member, subject, *_pem(found), at=found.start())


def _in_base64(member: Member, subject: str) -> Iterator[Finding]:
    """Yield the keys that stand in Base64 outside the lines of PEM."""
    content = member.content
    for found in _WRAPPED.finditer(content):
        text = _decoded(found[0])
        head = _WRAPPED_HEAD.match(text)
        if head is None:
            continue
        whole = _PEM.match(text)
        sealed = b"ENCRYPTED" in text[:200]
        kind = head["kind"].decode().removesuffix("PRIVATE KEY").strip()
        rule, what = (
            _pem(whole)
            if whole
            else (ENCRYPTED if sealed else PRIVATE, f"{kind or 'PKCS #8'} key in PEM form")
        )
        yield _finding(member, subject, rule, f"{what}, in Base64", at=found.start())
    for found in _BARE.finditer(content):
        before = bytes(content[max(0, found.start() - 8) : found.start()])
        data = _decoded(found[0])
        length = int.from_bytes(data[2:_HEADER], "big")
        if b"-----" not in before and data[:2] == b"\x30\x82" and length + _HEADER == len(data):
            yield _finding(member, subject, PRIVATE, "RSA key in DER form, in Base64", at=found.start())


_READERS: tuple[tuple[tuple[bytes, ...], Callable[[Member, str], Iterator[Finding]]], ...] = (
    ((b"PRIVATE KEY",), _in_pem),
    ((b"SSH2 ENCRYPTED PRIVATE KEY",), _in_sshcom),
    (_CODED, _in_base64),
    ((b"OpenVPN Static key",), _in_openvpn),
    ((b"PuTTY-User-Key-File-",), _in_putty),
    ((b"Private-key-format: v1.",), _in_dnssec),
)
"""What reads the keys of a text, and the words of which the text has to hold one."""


class KeyDetector:
    """The detector of keys; stateless between members."""

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule this detector can say."""
        return (PRIVATE, ENCRYPTED, WEAK, STORE)

    words = tuple(word for words, _ in _READERS for word in words)
    """What the walk looks for on the way."""

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say the private keys that a member is or holds."""
        if not member.content or member.kind != "file":
            return
        if member.container and not member.derived and member.format not in _SCRIPTS:
            return
        if member.derived != "constants":  # the compiled file itself holds them too
            yield from _texts(member, subject)
        if not member.derived and not member.offset:
            yield from _binary(member, subject)


def detector() -> KeyDetector:
    """Return the detector of this module."""
    return KeyDetector()


def _decoded(text: bytes) -> bytes:
    """Return what Base64 says, as far as it is whole."""
    import base64

    return base64.b64decode(text[: len(text) // 4 * 4])


def _pem(found: re.Match[bytes]) -> tuple[Rule, str]:
    kind = found["kind"].decode()
    whose = kind.removesuffix(" BLOCK").removesuffix("PRIVATE KEY").strip()
    name = f"{whose or 'PKCS #8'} key in PEM form"
    sealed = (
        b"ENCRYPTED" in found["kind"]
        or b"Proc-Type: 4,ENCRYPTED" in found["body"]
        or _sealed_openssh(found["body"])
    )
    if not sealed:
        return PRIVATE, name
    opened = _opens_pem(found[0])
    if opened:
        return WEAK, f"{name}, which opens with a passphrase that is tried first"
    return ENCRYPTED, f"encrypted {name}"


def _sealed_openssh(body: bytes) -> bool:
    import base64
    import binascii

    packed = b"".join(body.split())[:80]
    try:
        raw = base64.b64decode(packed[: len(packed) // 4 * 4])
    except (binascii.Error, ValueError):
        return False
    return raw.startswith(b"openssh-key-v1\0") and not raw[15:].startswith(b"\0\0\0\4none")


def _opens_pem(block: bytes) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    for word in DEFAULTS[1:]:
        try:
            serialization.load_pem_private_key(block, word.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        return True
    return False


def _binary(member: Member, subject: str) -> Iterator[Finding]:
    content = member.content
    if len(content) > _LARGEST_STORE:
        return
    head = bytes(content[:4])
    if head in (_JKS, _JCEKS):
        data = bytes(content)
        if not _holds_a_key(data):
            return
        word = next((w for w in DEFAULTS if _jks_opens(data, w)), None)
        yield _finding(
            member,
            subject,
            STORE if word is None else WEAK,
            f"Java key store ({'JKS' if head == _JKS else 'JCEKS'})",
        )
    elif head[:1] in (b"\x94", b"\x95", b"\x96", b"\xc5"):
        sealed = _openpgp(bytes(content[:4096]))
        if sealed is not None:
            yield _finding(member, subject, ENCRYPTED if sealed else PRIVATE, "OpenPGP key")
    elif head[:2] in (b"\x30\x82", b"\x30\x81") or (
        len(content) >= 2 and head[:1] == b"\x30" and len(content) == head[1] + 2  # noqa: PLR2004 - tag and length
    ):
        yield from _der(member, subject, bytes(content))
    elif head[:2] in _OF_ONE_PROGRAM:
        yield from _of_one_program(member, subject, bytes(content))


def _of_one_program(member: Member, subject: str, data: bytes) -> Iterator[Finding]:
    """Yield the key that a file is in the form of one program."""
    principal = keyforms.keytab(data)
    if principal is not None:
        yield _finding(member, subject, PRIVATE, f"Kerberos key table of {principal}")
    elif keyforms.is_tor(data):
        yield _finding(member, subject, PRIVATE, "key of an onion service")
    for sealed, what in (
        (keyforms.windows(data), "key of Windows"),
        (keyforms.gnupg(data), "key of GnuPG's agent"),
    ):
        if sealed is not None:
            yield _finding(member, subject, ENCRYPTED if sealed else PRIVATE, what)


def _openpgp(data: bytes) -> bool | None:
    """Return whether the secret key that a ring of OpenPGP begins with is sealed; None where it begins with none (RFC 9580)."""
    new = bool(data[0] & 0x40)
    if len(data) < _SHORTEST_RING or (not new and data[0] >> 2 & 15 != _SECRET_KEY):
        return None
    at = 1 + (1, 2, 4)[data[0] & 3]
    if new:
        at = 2 if data[1] < 192 else 3 if data[1] < 224 else 6  # noqa: PLR2004 - how lengths are written
    version, numbers, at = data[at], _NUMBERS.get(data[at + 5]), at + 6
    if version != 4 or numbers is None:  # noqa: PLR2004 - what is in use
        return None
    for _ in range(numbers):
        bits = int.from_bytes(data[at : at + 2], "big")
        if data[at + 2].bit_length() != (bits - 1) % 8 + 1:
            return None
        at += 2 + (bits + 7) // 8
        if at + 2 >= len(data):
            return None
    return data[at] != 0


def _holds_a_key(data: bytes) -> bool:
    """Whether an entry of a Java key store is a key (1, or 3 for a secret one), not a trusted certificate (2)."""

    def number(at: int, size: int = 4) -> int:
        return int.from_bytes(data[at : at + size], "big")

    at, named = 12, number(4) > 1  # from version 2 on, a certificate's kind stands before it
    for _ in range(min(number(8), _MOST_ENTRIES)):
        tag = number(at)
        if tag != _TRUSTED:
            return tag in (1, 3)
        at += 4
        at += 2 + number(at, 2) + 8  # its alias, and when it came
        at += 2 + number(at, 2) if named else 0
        at += 4 + number(at)
    return False


def _jks_opens(data: bytes, word: str) -> bool:
    """Whether the store's own digest is made with this password (the format's integrity check)."""
    value = hashlib.sha1(word.encode("utf-16-be") + b"Mighty Aphrodite" + data[:-20], usedforsecurity=False)
    return value.digest() == data[-20:]


def _der(member: Member, subject: str, data: bytes) -> Iterator[Finding]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    # version 3, then PKCS #7 data: the outer form of PKCS #12; a signature has such data too, and no version before it
    if b"\x02\x01\x03\x30" in data[:16] and b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" in data[:64]:
        for word in DEFAULTS:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # a strange certificate in it is no news for a terminal
                    key, _, _ = pkcs12.load_key_and_certificates(data, word.encode() or None)
            except (ValueError, UnsupportedAlgorithm, TypeError):
                continue
            if key is not None:
                yield _finding(member, subject, WEAK, "PKCS #12 store")
            return
        yield _finding(member, subject, STORE, "PKCS #12 store")
        return
    try:
        serialization.load_der_private_key(data, None)
    except TypeError:
        yield _finding(member, subject, ENCRYPTED, "encrypted key in DER form")
    except (ValueError, UnsupportedAlgorithm):
        return
    else:
        yield _finding(member, subject, PRIVATE, "key in DER form")


def _finding(member: Member, subject: str, rule: Rule, what: str, *, at: int | None = None) -> Finding:
    from bundle.detect.credentials.decide import decide
    from bundle.detect.credentials.texts import place
    from bundle.detect.credentials.texts.spans import Spans

    line = None if at is None or member.format in _COMPILED else bytes(member.content[:at]).count(b"\n") + 1
    kind, path = place.style(member), place.inside(member, subject)
    role = roles.of(path, member.content)
    in_a_program = at is not None and kind == place.CODE
    if place.is_documentation(path, kind, member.content) or (
        in_a_program and Spans.of(member, member.content, kind).documents(at or 0)
    ):
        role = Role.DOCUMENTATION
    features = {f"role:{role.value}", "proved", *_OF_A_ROLE.get(role, ())}
    if rule is ENCRYPTED:
        features.discard("chosen")  # nobody opens it with what is there
    decision = decide(frozenset(features), rule.severity, role=role)
    return Finding(
        rule=rule,
        subject=subject,
        location=member.at(line),
        message=f"{rule.title}: {what}",
        severity=decision.severity,
        confidence=decision.confidence,
        role=role,
        because=decision.because,
        evidence=what,
        fix=Fix(action="leave the key out, and make one on each host"),
    )
