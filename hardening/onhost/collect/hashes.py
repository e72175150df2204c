"""Password hashes: found, tried with the passwords that are tried first, and overwritten with `-`."""

import ctypes
import hashlib
import re
import time

CRYPT = re.compile(
    b"(\\$(?:apr1|1|2[abxy]?|5|6|7|y|gy|md5|sha1|P|H)\\$)([./A-Za-z0-9$,=+-]{20,130})(?![./A-Za-z0-9])"
)
MYSQL = re.compile(b"(\\*)([0-9A-F]{40})(?![0-9A-Fa-f])")
LDAP = re.compile(
    b"(\\{(?:SSHA\\d*|SHA\\d*|SMD5|MD5|CRYPT|PBKDF2[\\w-]*)\\})([A-Za-z0-9+/$.=]{16,})", re.IGNORECASE
)
SCRAM = re.compile(b"(SCRAM-SHA-(?:1|256)\\$\\d{4,7}:)([A-Za-z0-9+/=]{8,}\\$[A-Za-z0-9+/=:]{40,})")
USER = re.compile(b"([\\w.@-]{1,40}):$")
SHADOW = re.compile(
    r"^(?:g?shadow|passwd|group|master\.passwd|opasswd|smbpasswd|\.?ht(?:passwd|digest)s?|.*\.htpasswd)[-~]?$"
)
"""Files that list accounts with their hashes."""
SCHEMES = {
    b"$1$": "MD5", b"$apr1$": "MD5 (apr1)", b"$5$": "SHA-256", b"$6$": "SHA-512", b"$y$": "yescrypt", b"$gy$": "gost-yescrypt",
    b"$7$": "scrypt", b"$P$": "phpass", b"$H$": "phpass", b"$2$": "bcrypt", b"$2a$": "bcrypt", b"$2b$": "bcrypt", b"$2x$": "bcrypt",
    b"$2y$": "bcrypt", b"$md5$": "MD5 (Sun)", b"$sha1$": "SHA-1",
}  # fmt: skip


class Tried(object):
    """Holds password hashes against the passwords that are tried first, for a bounded time."""

    def __init__(self, words, seconds=8):
        self.words, self.over, self.function = words, time.time() + seconds, None
        for name in ("libcrypt.so.1", "libcrypt.so.2"):
            try:
                self.function = ctypes.CDLL(name).crypt
                self.function.restype = ctypes.c_char_p
                self.function.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
                break
            except (OSError, AttributeError):
                continue

    def opened(self, hashed, user):
        """Return "usual" where one of the passwords has this hash, "no" where none has, "untried" where nobody knows."""
        if self.function is None or hashed.startswith((b"$apr1$", b"$P$", b"$H$")):
            return "untried"
        for word in self.words + [user]:  # noqa: RUF005 - Python 2.6 has no other way
            if time.time() > self.over:
                return "untried"
            made = self.function(word.encode("utf-8"), hashed)
            if not made or made[:1] == b"*":
                return "untried"
            if made == hashed:
                return "usual"
        return "no"


def mysql_hash(word):
    """Return what MySQL keeps of a password, without the star."""
    once = hashlib.sha1(word.encode("utf-8")).digest()  # noqa: S324 - the server's own
    return hashlib.sha1(once).hexdigest().upper()  # noqa: S324 - the server's own


def without_hashes(data, judged, tried):
    """Return a content with `-` for each letter of a password hash; note each hash in `judged`."""

    def crypt(match):
        if len(set(match.group(2))) < 12:
            return match.group(0)  # a picture of one
        user = USER.search(data[max(0, match.start() - 42) : match.start()])
        user = user.group(1).decode("ascii", "replace") if user else ""
        judged.append(
            ["hash", line(match), SCHEMES[match.group(1)], user, tried.opened(match.group(0), user)]
        )
        return hidden(match)

    def mysql(match):
        if len(set(match.group(2))) < 6:
            return match.group(0)
        usual = match.group(2).decode("ascii") in [mysql_hash(word) for word in tried.words]
        judged.append(["hash", line(match), "MySQL", "", "usual" if usual else "no"])
        return hidden(match)

    def other(match):
        judged.append(["hash", line(match), "LDAP" if match.re is LDAP else "SCRAM", "", "untried"])
        return hidden(match)

    def hidden(match):
        return match.group(1) + b"-" * len(match.group(2))

    def line(match):
        return data[: match.start()].count(b"\n") + 1

    for word, pattern, replaced in (
        (b"$", CRYPT, crypt),
        (b"*", MYSQL, mysql),
        (b"{", LDAP, other),
        (b"SCRAM-", SCRAM, other),
    ):
        if word in data:
            data = pattern.sub(replaced, data)
    return data


def accounts(data, judged, tried, fields):
    """Return a list of accounts without their hashes; note each hash in `judged`."""
    lines = data.split(b"\n")
    for index, text in enumerate(lines):
        row = text.split(b":")
        if len(row) < 2 or text.startswith(b"#"):
            continue
        user = row[0].decode("utf-8", "replace")
        for at in fields:
            if at >= len(row):
                continue
            value = row[at].strip()
            locked, bare = value[:1] in (b"!", b"*") and value[:2] != b"*0", value.lstrip(b"!")
            if len(bare) >= 13 and bare not in (b"x" * 32, b"X" * 32):
                scheme = (
                    [SCHEMES[name] for name in SCHEMES if bare.startswith(name)]
                    + ["DES" if len(bare) == 13 else "unknown"]
                )[0]
                if not locked:
                    judged.append(["hash", index + 1, scheme, user, tried.opened(bare, user)])
                row[at] = b"-" * len(value)
        lines[index] = b":".join(row)
    return b"\n".join(lines)
