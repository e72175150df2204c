"""Private keys in text: found, described, and overwritten with `x`."""

import base64
import re

PEM = re.compile(
    b"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?)-----(.{40,20000}?)-----END \\1-----", re.DOTALL
)
SSHCOM = re.compile(b"---- BEGIN (SSH2 ENCRYPTED PRIVATE KEY) ----(.{40,20000}?)---- END \\1 ----", re.DOTALL)
OPENVPN = re.compile(b"-----BEGIN (OpenVPN Static key V1)-----(.{40,20000}?)-----END \\1-----", re.DOTALL)
PUTTY = re.compile(
    b"PuTTY-User-Key-File-[23]: [^\n]+\nEncryption: (\\S+).{0,20000}?(Private-Lines: .{40,20000}?)Private-MAC",
    re.DOTALL,
)
WRAPPED = re.compile(b"LS0tLS1CRUdJTi[A-Za-z0-9+/]{140,40000}={0,2}")
"""PEM in Base64 once more: what `-----BEGIN ` begins with there."""
BARE = re.compile(
    b"MI[IG][A-Za-z0-9+/]{1,3}(?:IBADANBgkqhkiG9w0BAQEFAASC|IBAAK[BC])[A-Za-z0-9+/]{100,8000}={0,2}"
)
"""An RSA key in Base64 without the lines of PEM."""
LETTER = re.compile(b"[A-Za-z0-9+/=]")


def decoded(text):
    """Return what Base64 says, as far as it is whole."""
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except (TypeError, ValueError):
        return b""


def is_sealed(kind, body):
    """Return whether a PEM block is encrypted."""
    if b"ENCRYPTED" in kind or b"ENCRYPTED" in body[:200]:
        return True
    raw = decoded(b"".join(re.findall(b"[A-Za-z0-9+/]+", body))[:80])
    return raw.startswith(b"openssh-key-v1\0") and not raw[15:].startswith(b"\0\0\0\4none")


def is_key(body):
    """Return whether a block holds more than a picture of a key."""
    found = b"".join(re.findall(b"[A-Za-z0-9+/]{16,}", body))
    return len(found) >= 48 and len(set(found)) > 16


def without_keys(data, judged):
    """Return a content with an `x` for each letter of a private key; note each key in `judged`."""

    def pem(match):
        kind, body = match.group(1), match.group(2)
        if is_key(body):
            name = kind.decode("ascii").replace("PRIVATE KEY", "").replace("BLOCK", "").strip()
            words = "%s key in PEM form" % (name or "PKCS #8")
            note(match, "encrypted" if is_sealed(kind, body) else "private", words)
        return match.group(0).replace(body, LETTER.sub(b"x", body))

    def putty(match):
        note(match, "private" if match.group(1) == b"none" else "encrypted", "PuTTY key")
        return match.group(0).replace(match.group(2), LETTER.sub(b"x", match.group(2)))

    def coded(match):
        text = decoded(match.group(0))
        if b"PRIVATE KEY-----" in text or match.re is BARE:
            note(match, "encrypted" if b"ENCRYPTED" in text[:200] else "private", "key in Base64")
            return b"x" * len(match.group(0))
        return match.group(0)

    def note(match, rule, words):
        judged.append([rule, data[: match.start()].count(b"\n") + 1, words])

    for word, pattern, replaced in (
        (b"PRIVATE KEY", PEM, pem), (b"PRIVATE KEY", SSHCOM, pem), (b"OpenVPN Static", OPENVPN, pem),
        (b"PuTTY-User-Key", PUTTY, putty), (b"LS0tLS1CRUdJTi", WRAPPED, coded), (b"IBADANBgkqhkiG9w0BAQEFAASC", BARE, coded),
        (b"IBAAK", BARE, coded),
    ):  # fmt: skip
        if word in data:
            data = pattern.sub(replaced, data)
    return data
