"""System-wide crypto policies: `.pol` and `.pmod` settings, and what they come to for OpenSSL and for sshd.

A module changes lists: `-X` takes away, `+X` puts first, `X+` puts last, a bare list replaces; `key@scope`
reaches one program or protocol alone. Wildcards are those of a shell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from hardening import resources
from hardening.records import dataclass

OPENSSL = frozenset({"tls", "ssl", "openssl"})
OPENSSH = frozenset({"ssh", "openssh", "openssh-server"})
_LINE = re.compile(r"\s*(?P<key>[A-Za-z_]\w*)(?:@(?P<scope>!?(?:\{[^}]*\}|[\w*?\-]+)))?\s*=\s*(?P<value>.*)$")
_NUMBERS = frozenset(
    {"min_rsa_size", "min_dh_size", "etm", "ssh_certs", "arbitrary_dh_groups", "sha1_in_certs"}
)
_OLD_KEYS = {
    "tls_cipher": ("cipher", "tls"),
    "ssh_cipher": ("cipher", "ssh"),
    "ssh_group": ("group", "ssh"),
}
"""Names of EL8 before 8.5, each with what stands for it since; from memory."""


@dataclass(frozen=True, slots=True)
class PolicySetting:
    """One line: a key, the scopes it is for (none: all), and its words."""

    key: str
    scopes: frozenset[str]
    words: tuple[str, ...]
    path: str = ""
    line: int = 0
    but: bool = False
    """Whether it is for all scopes but those (`key@!scope`)."""

    def reaches(self, scope: frozenset[str]) -> bool:
        """Tell whether it counts for a program with these names; its scopes may be patterns of a shell."""
        if not self.scopes:
            return True
        return any(fnmatchcase(name, one) for one in self.scopes for name in scope) is not self.but


@dataclass(slots=True)
class Effective:
    """What the settings come to in one scope."""

    lists: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    settings_of: dict[str, PolicySetting] = field(default_factory=dict)
    """The last setting that changed each key."""

    def has(self, key: str, name: str) -> bool:
        """Tell whether a list holds a name."""
        return name in self.lists.get(key, ())

    def number(self, key: str, otherwise: int) -> int:
        """Return a number."""
        text = self.values.get(key, "")
        return int(text) if re.fullmatch("[0-9]{1,9}", text) else otherwise


def parse(text: str, path: str = "") -> tuple[list[PolicySetting], list[tuple[int, str]]]:
    """Return the settings of a file, and the lines that are none (number and text)."""
    found: list[PolicySetting] = []
    faults: list[tuple[int, str]] = []
    held, start = "", 0
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.partition("#")[0].rstrip()
        start = start or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        whole, begun, held, start = held + line, start, "", 0
        if not whole.strip():
            continue
        match = _LINE.match(whole)
        if match is None:
            faults.append((begun, whole.strip()))
            continue
        key, scope = match["key"], (match["scope"] or "").lower()
        but, scope = scope.startswith("!"), scope.strip("!{}")
        if key in _OLD_KEYS:
            key, scope = _OLD_KEYS[key]
        scopes = frozenset(s.strip() for s in scope.split(",") if s.strip())
        found.append(PolicySetting(key, scopes, tuple(match["value"].split()), path, begun, but))
    return found, faults


def effective(settings: Iterable[PolicySetting], scope: frozenset[str]) -> Effective:
    """Return what settings come to in one scope, later ones over earlier ones."""
    found = Effective()
    for one in settings:
        if not one.reaches(scope):
            continue
        found.settings_of[one.key] = one
        if one.key in _NUMBERS:
            found.values[one.key] = " ".join(one.words)
            continue
        listed = found.lists.setdefault(one.key, [])
        if not any(_operator(word) for word in one.words):
            listed[:] = dict.fromkeys(n for word in one.words for n in _spelled_out(one.key, word))
            continue
        for word in one.words:
            _change(listed, word, one.key)
    return found


def _operator(word: str) -> bool:
    return word[:1] in {"-", "+"} or word.endswith("+")


def _change(listed: list[str], word: str, key: str) -> None:
    if word.startswith("-"):
        listed[:] = [n for n in listed if not fnmatchcase(n, word[1:])]
        return
    names = _spelled_out(key, word.strip("+"))
    kept = [n for n in listed if n not in names]
    listed[:] = [*names, *kept] if word.startswith("+") else [*kept, *names]


def _spelled_out(key: str, word: str) -> list[str]:
    """Return the names that a shell pattern means, of all that a policy we know or a table here has."""
    if not set(word) & set("*?["):
        return [word]
    return [name for name in _names(key) if fnmatchcase(name, word)]


@cache
def _names(key: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    tables = {
        "cipher": SSH_CIPHERS,
        "mac": SSH_MACS,
        "group": GROUPS,
        "sign": SSH_SIGNATURES,
        "protocol": _VERSIONS,
    }
    for policy in _facts().values():
        for name, value in policy["settings"]:
            if name.partition("@")[0] == key:
                found |= dict.fromkeys(w.strip("+-") for w in value.split() if not set(w) & set("*?["))
    return tuple(found | dict.fromkeys(tables.get(key, ())))


@cache
def _facts() -> Mapping[str, Mapping[str, Any]]:
    text = (resources.tls_data() / "crypto_policies.json").read_text("utf-8")
    found: Mapping[str, Mapping[str, Any]] = json.loads(text)["policies"]
    return found


def shipped() -> tuple[str, ...]:
    """Return the names of the policies whose settings are known."""
    return tuple(_facts())


@cache
def base(name: str) -> tuple[PolicySetting, ...]:
    """Return the settings of a shipped policy. Errors: KeyError for one that is not known."""
    lines = "\n".join(f"{key} = {value}" for key, value in _facts()[name]["settings"])
    return tuple(PolicySetting(s.key, s.scopes, s.words, but=s.but) for s in parse(lines)[0])


def generated(name: str) -> Mapping[str, Mapping[str, str]]:
    """Return what the real generator made of a shipped policy, for comparing: `openssl` and `openssh`."""
    found = _facts()[name]
    return {part: found[part] for part in ("openssl", "openssh")}


_KX = {
    "ECDHE": "kEECDH",
    "RSA": "kRSA",
    "DHE": "kEDH",
    "PSK": "kPSK",
    "DHE-PSK": "kDHEPSK",
    "ECDHE-PSK": "kECDHEPSK",
    "RSA-PSK": "kRSAPSK",
}
_LACKING = (
    ("key_exchange", "RSA-PSK", "-kRSAPSK"),
    ("key_exchange", "RSA", "-kRSA"),
    ("key_exchange", "DHE-RSA", "-aRSA"),
    ("key_exchange", "DHE-DSS", "-aDSS"),
    ("cipher", "AES-256-GCM", "-AES256"),
    ("cipher", "AES-128-GCM", "-AES128"),
    ("cipher", "CHACHA20-POLY1305", "-CHACHA20"),
    ("cipher", "AES-256-CBC", "-SHA256"),
    ("cipher", "3DES-CBC", "-3DES"),
)
"""What is taken out of the cipher string for what a policy lacks, as the generator's tables of 2026-02 have it."""
_SUITES13 = (
    ("AES-256-GCM", "TLS_AES_256_GCM_SHA384"),
    ("CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256"),
    ("AES-128-GCM", "TLS_AES_128_GCM_SHA256"),
    ("AES-128-CCM", "TLS_AES_128_CCM_SHA256"),
)
GROUPS = {
    "MLKEM768-X25519": "X25519MLKEM768",
    "P256-MLKEM768": "SecP256r1MLKEM768",
    "P384-MLKEM1024": "SecP384r1MLKEM1024",
    "X25519": "X25519",
    "X448": "X448",
    "SECP256R1": "secp256r1",
    "SECP384R1": "secp384r1",
    "SECP521R1": "secp521r1",
    "FFDHE-2048": "ffdhe2048",
    "FFDHE-3072": "ffdhe3072",
    "FFDHE-4096": "ffdhe4096",
    "FFDHE-6144": "ffdhe6144",
    "FFDHE-8192": "ffdhe8192",
    "BRAINPOOL-P256R1": "brainpoolP256r1",
    "BRAINPOOL-P384R1": "brainpoolP384r1",
    "BRAINPOOL-P512R1": "brainpoolP512r1",
}
_VERSIONS = {"TLS1.0": "TLSv1.0", "TLS1.1": "TLSv1.1", "TLS1.2": "TLSv1.2", "TLS1.3": "TLSv1.3"}


def security_level(found: Effective) -> int:
    """Return OpenSSL's security level for the least size of RSA keys."""
    bits = found.number("min_rsa_size", 2048)
    return next((level for level, least in ((3, 3072), (2, 2048), (1, 1023)) if bits >= least), 0)


def cipher_string(found: Effective) -> str:
    """Return OpenSSL's cipher string for a policy, as the generator writes it."""
    words = [f"@SECLEVEL={security_level(found)}"]
    words += [_KX[name] for name in found.lists.get("key_exchange", ()) if name in _KX]
    words += [word for key, name, word in _LACKING if not found.has(key, name)]
    words += ["!DES", "!RC4", "!RC2", "!IDEA", "-SEED", "!eNULL", "!aNULL"]
    if not any(n.endswith("-CBC") for n in found.lists.get("cipher", ())):
        words.append("-CBC")
    if not found.has("mac", "HMAC-SHA1"):
        words.append("-SHA1")
    return ":".join([*words, "!MD5", "-SHA384", "-CAMELLIA", "-ARIA", "-AESCCM8"])


def ciphersuites(found: Effective) -> str:
    """Return OpenSSL's list for TLS 1.3."""
    return ":".join(suite for name, suite in _SUITES13 if found.has("cipher", name))


def groups(found: Effective) -> str:
    """Return OpenSSL's groups in the policy's order, hybrids with them."""
    return ":".join(GROUPS[n] for n in found.lists.get("group", ()) if n in GROUPS)


def protocols(found: Effective) -> tuple[str, ...]:
    """Return the versions of TLS, weakest first; from the least to the greatest, for OpenSSL knows no gaps."""
    named = [v for n, v in _VERSIONS.items() if found.has("protocol", n)]
    every = tuple(_VERSIONS.values())
    return every[every.index(named[0]) : every.index(named[-1]) + 1] if named else ()


SSH_CIPHERS = {
    "AES-256-GCM": "aes256-gcm@openssh.com",
    "AES-128-GCM": "aes128-gcm@openssh.com",
    "CHACHA20-POLY1305": "chacha20-poly1305@openssh.com",
    "AES-256-CTR": "aes256-ctr",
    "AES-192-CTR": "aes192-ctr",
    "AES-128-CTR": "aes128-ctr",
    "AES-256-CBC": "aes256-cbc",
    "AES-192-CBC": "aes192-cbc",
    "AES-128-CBC": "aes128-cbc",
    "3DES-CBC": "3des-cbc",
}
SSH_MACS = {
    "HMAC-MD5": "hmac-md5",
    "UMAC-64": "umac-64",
    "UMAC-128": "umac-128",
    "HMAC-SHA1": "hmac-sha1",
    "HMAC-SHA2-256": "hmac-sha2-256",
    "HMAC-SHA2-512": "hmac-sha2-512",
}
SSH_SIGNATURES = {
    "ECDSA-SHA2-256": "ecdsa-sha2-nistp256",
    "ECDSA-SHA2-384": "ecdsa-sha2-nistp384",
    "ECDSA-SHA2-512": "ecdsa-sha2-nistp521",
    "EDDSA-ED25519": "ssh-ed25519",
    "ECDSA-SHA2-256-FIDO": "sk-ecdsa-sha2-nistp256@openssh.com",
    "EDDSA-ED25519-FIDO": "sk-ssh-ed25519@openssh.com",
    "RSA-SHA2-256": "rsa-sha2-256",
    "RSA-SHA2-512": "rsa-sha2-512",
    "RSA-SHA1": "ssh-rsa",
    "DSA-SHA1": "",
}
SSH_KEX = (
    ("KEM-ECDH", "MLKEM768-X25519", "", "mlkem768x25519-sha256"),
    ("KEM-ECDH", "P256-MLKEM768", "", "mlkem768nistp256-sha256"),
    ("KEM-ECDH", "P384-MLKEM1024", "", "mlkem1024nistp384-sha384"),
    ("ECDHE", "X25519", "", "curve25519-sha256"),
    ("ECDHE", "X25519", "", "curve25519-sha256@libssh.org"),
    ("ECDHE", "SECP256R1", "", "ecdh-sha2-nistp256"),
    ("ECDHE", "SECP384R1", "", "ecdh-sha2-nistp384"),
    ("ECDHE", "SECP521R1", "", "ecdh-sha2-nistp521"),
    ("DHE", "", "SHA2-256", "diffie-hellman-group-exchange-sha256"),
    ("DHE", "FFDHE-2048", "SHA2-256", "diffie-hellman-group14-sha256"),
    ("DHE", "FFDHE-4096", "SHA2-512", "diffie-hellman-group16-sha512"),
    ("DHE", "FFDHE-8192", "SHA2-512", "diffie-hellman-group18-sha512"),
    ("DHE", "", "SHA1", "diffie-hellman-group-exchange-sha1"),
    ("DHE", "FFDHE-2048", "SHA1", "diffie-hellman-group14-sha1"),
)
"""Key exchange, group (empty: arbitrary ones), hash, and the name they come to, in the generator's order."""


def ssh_lists(found: Effective) -> dict[str, tuple[str, ...]]:
    """Return the lists of sshd by kind, as the generator writes them."""
    macs = [SSH_MACS[n] for n in found.lists.get("mac", ()) if n in SSH_MACS]
    etm = found.values.get("etm", "ANY")
    names = [] if etm == "DISABLE_ETM" else [f"{m}-etm@openssh.com" for m in macs]
    if etm != "DISABLE_NON_ETM":
        names += [f"{m}@openssh.com" if m.startswith("umac") else m for m in macs]
    return {
        "kex": tuple(name for kx, group, digest, name in SSH_KEX if _exchanges(found, kx, group, digest)),
        "host_keys": tuple(_signatures(found)),
        "ciphers": tuple(SSH_CIPHERS[n] for n in found.lists.get("cipher", ()) if n in SSH_CIPHERS),
        "macs": tuple(names),
    }


def _exchanges(found: Effective, kx: str, group: str, digest: str) -> bool:
    if not found.has("key_exchange", kx) or (digest and not found.has("hash", digest)):
        return False
    if group == "MLKEM768-X25519" and not found.has("group", "X25519"):
        return False  # sshd's hybrid needs both halves
    return found.has("group", group) if group else found.number("arbitrary_dh_groups", 1) == 1


def _signatures(found: Effective) -> Sequence[str]:
    names: list[str] = []
    for one in found.lists.get("sign", ()):
        plain = SSH_SIGNATURES.get(one, "")
        if not plain:
            continue
        names.append(plain)
        if found.number("ssh_certs", 1) == 1:
            stem = plain.removesuffix("@openssh.com")
            names.append(f"{stem}-cert-v01@openssh.com")
    return names
