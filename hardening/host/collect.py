"""Lists and reads a host's files for the detectors of the control machine: Python 2.6 to 3.14, standard library only.

Streamed like the agent, as one program on standard input; nothing is written on the host. Two verbs:

    list   what lies under the given paths: owner, mode, size and kind of each, what a rule leaves out, what cannot be read
    read   the content of named files

Private keys and password hashes never leave the host: they are judged here, and the content that travels has `x` or `-` in
their place. Runs on Python 2.6: no annotations, no f-strings.

Its sections, in order: paths; what a file is; keys; key stores; password hashes; the verbs.
"""

import base64
import ctypes
import errno
import fnmatch
import glob
import hashlib
import hmac
import json
import os
import re
import stat
import struct
import sys
import time
import zlib

MARK = "@@ASPECT@@"
LINKS = 40
MOST_FILES = 300000
"""Files of one host that are listed."""
MOST_TOPS = 200
"""Folders outside the given ones to which links lead, and that are listed, too."""
LOCAL = frozenset(
    "rootfs ext2 ext3 ext4 xfs btrfs zfs jfs reiserfs f2fs bcachefs nilfs2 tmpfs ramfs overlay aufs vfat exfat ntfs ntfs3 "
    "fuseblk squashfs erofs iso9660 udf ubifs jffs2 yaffs2 cramfs".split()
)
"""Types of file systems that lie on the host itself."""
SYSTEM = re.compile(
    r"/(?:usr(?!/local(?:/|$))|lib\w*|bin|sbin|proc|sys|dev|run|boot|tmp|var/(?:lib|log|cache|run|tmp|lock|adm))(?:/|$)"
)
"""Where links are not followed to: the distribution's own programs, what runs, logs."""


# -- paths -------------------------------------------------------------------------------------------


def native(text):
    """Return a path as this Python's file functions want it, whatever the locale is."""
    if sys.version_info[0] == 2:
        return text.encode("utf-8")
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))  # novermin: Python 3 alone comes here


def shown(path):
    """Return a path as text that JSON can carry."""
    if isinstance(path, bytes):
        return path.decode("utf-8", "replace")
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def why():
    """Return the reason of the error that was just caught."""
    problem = sys.exc_info()[1]
    return "cannot be read: %s" % (problem.strerror or problem)


MOUNTS = {}
"""The type of the file system at each path where one is mounted."""


def real(root, path):
    """Return the host's own path without links: they lead inside the root. A loop is followed as far as Linux does.

    A place where something is mounted is not a link, and asking one whose server is gone would wait for ever.
    """
    todo, here, links = [part for part in reversed(path.split("/")) if part], [], 0
    while todo:
        part = todo.pop()
        if part in (".", ".."):
            if part == ".." and here:
                here.pop()
            continue
        here.append(part)
        at = root + "/" + "/".join(here)
        if links < LINKS and "/" + "/".join(here) not in MOUNTS and os.path.islink(at):
            links += 1
            target = os.readlink(at)
            here = [] if target.startswith("/") else here[:-1]
            todo.extend(one for one in reversed(target.split("/")) if one)
    return "/" + "/".join(here)


def inside(path, tops):
    """Whether a path is one of these, or lies below one of them."""
    return any(path == top or path.startswith(top.rstrip("/") + "/") for top in tops)


def matching(root, pattern):
    """Return the paths that a pattern means, links followed inside the root."""
    head, parts = "", [part for part in pattern.split("/") if part]
    while parts and not [c for c in "*?[" if c in parts[0]]:
        head += "/" + parts.pop(0)
    head = real(root, head or "/")
    if not parts:
        return [head]
    try:
        names = sorted(os.listdir(root + head))
    except OSError:
        return []
    found = []
    for name in names:
        if fnmatch.fnmatchcase(name, parts[0]) and (not name.startswith(".") or parts[0].startswith(".")):
            rest = head.rstrip("/") + "/" + "/".join([name] + parts[1:])  # noqa: RUF005 - Python 2.6 has no other way
            found.extend(matching(root, rest) if len(parts) > 1 else [real(root, rest)])
    return found


def closed(pattern):
    """Return the folder in which nobody knows what there is, for this account may not look into it, or nothing."""
    here = "/"
    for part in pattern.split("/"):
        wild = [c for c in "*?[" if c in part]
        if os.path.isdir(here) and not os.access(here, os.R_OK | os.X_OK if wild else os.X_OK):
            return [here]
        if wild:
            break
        here = os.path.join(here, part)
    return []


def mounted(root):
    """Return the type of the file system that is mounted at each path of the host, the last one mounted there."""
    found = MOUNTS
    for path in list(found):
        del found[path]
    try:
        handle = open("/proc/mounts", "rb")
        try:
            lines = handle.read().splitlines()
        finally:
            handle.close()
    except (OSError, IOError):
        return found
    for line in lines:
        words = line.split(b" ")
        place = re.sub(b"\\\\([0-7]{3})", lambda match: struct.pack("B", int(match.group(1), 8)), words[1])
        place = place if str is bytes else os.fsdecode(place)  # novermin: Python 3 alone comes here
        if place.startswith(root + "/") and place != root + "/":
            found[place[len(root) :]] = words[2].decode("ascii", "replace")
    return found


# -- what a file is ----------------------------------------------------------------------------------


def opened(place):
    """Open a plain file: never what a link leads to, nor a pipe that nobody fills."""
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a plain file", place)
    return os.fdopen(descriptor, "rb")


def begins(place):
    """Return the first bytes of a file."""
    handle = opened(place)
    try:
        return handle.read(512)
    finally:
        handle.close()


def begins_safely(place):
    """Return the first bytes of a file, or nothing where it is not one that can be read."""
    try:
        return begins(place)
    except (OSError, IOError):
        return b""


def kind_of(head):
    """Return `e` for a program or library, `b` for other binary content, `t` for text."""
    if head[:4] == b"\x7fELF":
        return "e"
    return "b" if b"\0" in head else "t"


def has_source(place):
    """Whether the source of a compiled Python file lies beside it."""
    folder, name = os.path.split(place)
    if os.path.basename(folder) == "__pycache__":
        return os.path.isfile(os.path.join(os.path.dirname(folder), name.split(".")[0] + ".py"))
    return os.path.isfile(place[:-1])


class Rules(object):
    """What is left out by rule: rows of data from the control machine."""

    def __init__(self, rows, whole):
        self.whole, self.magic, self.paths, self.runtimes = whole, [], [], []
        for row in rows:
            for text in row.get("magic", ()):
                self.magic.append((base64.b16decode(text.upper().encode("ascii")), row["id"]))
            if row.get("marker"):
                self.runtimes.append((row["id"], row["marker"], row.get("text", ""), re.compile(row["path"])))
            elif row.get("path"):
                self.paths.append((row["id"], re.compile(row["path"]), row.get("source", False)))

    def runtime(self, folder, names):
        """Return the rule and pattern of the runtime that lies in a folder, or nothing."""
        for name, marker, text, pattern in self.runtimes:
            if marker.split("/")[0] in names:
                for place in glob.glob(os.path.join(re.sub(r"([*?[])", r"[\1]", folder), native(marker))):
                    if not text or text.encode("ascii") in begins_safely(place):
                        return name, pattern
        return None

    def by_path(self, path, place, runtimes):
        """Return the rule that leaves a file out for where it lies, or nothing."""
        for top, (name, pattern) in runtimes:
            if pattern.search(shown(path[len(top) :].lstrip("/"))):
                return name
        if not inside(path, self.whole):
            for name, pattern, source in self.paths:
                if pattern.search(shown(path)) and (not source or has_source(place)):
                    return name
        return None

    def by_content(self, path, head):
        """Return the rule that leaves a file out for what it begins with, or nothing."""
        if not inside(path, self.whole):
            for magic, name in self.magic:
                if head.startswith(magic):
                    return name
        return None


# -- keys --------------------------------------------------------------------------------------------

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
    """Whether a PEM block is encrypted."""
    if b"ENCRYPTED" in kind or b"ENCRYPTED" in body[:200]:
        return True
    raw = decoded(b"".join(re.findall(b"[A-Za-z0-9+/]+", body))[:80])
    return raw.startswith(b"openssh-key-v1\0") and not raw[15:].startswith(b"\0\0\0\4none")


def is_key(body):
    """Whether a block holds more than a picture of a key."""
    found = b"".join(re.findall(b"[A-Za-z0-9+/]{16,}", body))
    return len(found) >= 48 and len(set(found)) > 16


def without_keys(data, said):
    """Return a content with an `x` for each letter of a private key; note each key in `said`."""

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
        said.append([rule, data[: match.start()].count(b"\n") + 1, words])

    for word, pattern, replaced in (
        (b"PRIVATE KEY", PEM, pem), (b"PRIVATE KEY", SSHCOM, pem), (b"OpenVPN Static", OPENVPN, pem),
        (b"PuTTY-User-Key", PUTTY, putty), (b"LS0tLS1CRUdJTi", WRAPPED, coded), (b"IBADANBgkqhkiG9w0BAQEFAASC", BARE, coded),
        (b"IBAAK", BARE, coded),
    ):  # fmt: skip
        if word in data:
            data = pattern.sub(replaced, data)
    return data


# -- key stores --------------------------------------------------------------------------------------

PKCS8 = re.compile(b"\x30(?:\x82..|\x81.|.)\x02\x01[\x00\x01](?:\x30.{5,30}?\x04|\x02|\x04\x20)", re.DOTALL)
SEALED = re.compile(
    b"\x30(?:\x82..|\x81.)\x30.{1,2}\x06." + re.escape(b"\x2a\x86\x48\x86\xf7\x0d\x01") + b"[\x05\x0c]",
    re.DOTALL,
)
KEY_BAGS = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01"
"""The object identifier of a bag with a key in PKCS #12: 01 plain, 02 encrypted."""
DIGESTS = {"2b0e03021a": "sha1", "608648016503040201": "sha256", "608648016503040202": "sha384",
           "608648016503040203": "sha512"}  # fmt: skip


def number(data, at, size=4):
    """Return a big-endian number."""
    return int(base64.b16encode(data[at : at + size]) or b"0", 16)


def java_key(data):
    """Whether a JKS or JCEKS store holds a key, not only certificates that are trusted."""
    at, named = 12, number(data, 4) > 1
    for _ in range(min(number(data, 8), 1000)):
        tag = number(data, at)
        if tag != 2:
            return tag in (1, 3)
        at += 4
        at += 2 + number(data, at, 2) + 8
        at += 2 + number(data, at, 2) if named else 0
        at += 4 + number(data, at)
    return False


def java_opens(data, word):
    """Whether the store's own digest is made with this password."""
    return hashlib.sha1(word.encode("utf-16-be") + b"Mighty Aphrodite" + data[:-20]).digest() == data[-20:]  # noqa: S324 - the format's own


def parts(data):
    """Return the contents of the values that follow each other in DER: (tag, content)."""
    found, at = [], 0
    while at + 2 <= len(data) and len(found) < 64:
        tag, size, start = number(data, at, 1), number(data, at + 1, 1), at + 2
        if size & 0x80:
            count = size & 0x7F
            size, start = number(data, start, count), start + count
        found.append((tag, data[start : start + size]))
        at = start + size
    return found


def whole_der(data):
    """Whether a file is one value in DER and nothing else."""
    size, count = number(data, 1, 1), 0
    if size & 0x80:
        count = size & 0x7F
        size = number(data, 2, count)
    return 2 + count + size == len(data)


def openpgp(data):
    """Return whether the secret key that a ring of OpenPGP begins with is sealed; None for other files (RFC 9580)."""
    first = number(data, 0, 1)
    if first not in (0x94, 0x95, 0x96, 0xC5) or len(data) < 64:
        return None
    at = {0x94: 2, 0x95: 3, 0x96: 5}.get(first) or (2 if number(data, 1, 1) < 192 else 3)
    count = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4, 20: 3}.get(number(data, at + 5, 1))
    if number(data, at, 1) != 4 or count is None:
        return None
    at += 6
    for _ in range(count):
        bits = number(data, at, 2)
        at += 2 + (bits + 7) // 8
        if not bits or at >= len(data):
            return None
    return number(data, at, 1) != 0


def pkcs12_opens(data, words):
    """Return the first of these passwords with which a PKCS #12 store's own check holds (RFC 7292, appendix B), or None."""
    try:
        outer = parts(parts(data)[0][1])
        content = parts(parts(outer[1][1])[1][1])[0][1]
        mac, salt, rounds = parts(outer[2][1])
        algorithm, wanted = parts(mac[1])
        name = DIGESTS[base64.b16encode(parts(algorithm[1])[0][1]).decode("ascii").lower()]
        rounds = number(rounds[1], 0, len(rounds[1]))
    except (IndexError, ValueError, KeyError):
        return None
    if rounds > 20000:
        return None
    block = 128 if name in ("sha384", "sha512") else 64
    for word in words:
        text = (word + "\0").encode("utf-16-be")
        filled = []
        for one in (salt[1], text):
            size = -(-len(one) // block) * block
            filled.append((one * (size // len(one) + 1))[:size] if one else b"")
        made = b"\x03" * block + filled[0] + filled[1]
        for _ in range(rounds):
            made = hashlib.new(name, made).digest()
        if hmac.new(made, content, getattr(hashlib, name)).digest() == wanted[1]:
            return word
    return None


def store(data, words):
    """Return what a file is that is a key or a store of keys as a whole: (rule or nothing, words); None for other files."""
    head = data[:4]
    if head in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
        if not java_key(data):
            return "", "Java key store without a key"
        weak = [word for word in words if java_opens(data, word)]
        return "weak" if weak else "store", "Java key store"
    if (
        head[:1] == b"\x30"
        and b"\x02\x01\x03\x30" in data[:16]
        and b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" in data[:64]
    ):
        if KEY_BAGS + b"\x01" not in data and KEY_BAGS + b"\x02" not in data:
            return "", "PKCS #12 store without a key"
        return "store" if pkcs12_opens(data, words) is None else "weak", "PKCS #12 store"
    if SEALED.match(data):
        return "encrypted", "encrypted key in DER form"
    if PKCS8.match(data) and [len(parts(data)), number(data, 0, 1)] == [1, 0x30] and whole_der(data):
        return "private", "key in DER form"
    if head[:2] == b"\x05\x02" and len(data) > 16 and 0 < number(data, 2) < len(data):
        return "private", "Kerberos key table"
    if re.match(b"\\((?:\\d+:)?(private-key|protected-private-key)", data) or data[:5] == b"Key: ":
        return ("encrypted" if b"protected-private-key" in data else "private"), "key of GnuPG's agent"
    if data[:32].startswith(b"== ed25519v1-secret"):
        return "private", "key of an onion service"
    sealed = openpgp(data)
    if sealed is not None:
        return ("encrypted" if sealed else "private"), "OpenPGP key"
    return None


# -- password hashes ---------------------------------------------------------------------------------

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


def without_hashes(data, said, tried):
    """Return a content with `-` for each letter of a password hash; note each hash in `said`."""

    def crypt(match):
        if len(set(match.group(2))) < 12:
            return match.group(0)  # a picture of one
        user = USER.search(data[max(0, match.start() - 42) : match.start()])
        user = user.group(1).decode("ascii", "replace") if user else ""
        said.append(["hash", line(match), SCHEMES[match.group(1)], user, tried.opened(match.group(0), user)])
        return hidden(match)

    def mysql(match):
        if len(set(match.group(2))) < 6:
            return match.group(0)
        usual = match.group(2).decode("ascii") in [mysql_hash(word) for word in tried.words]
        said.append(["hash", line(match), "MySQL", "", "usual" if usual else "no"])
        return hidden(match)

    def other(match):
        said.append(["hash", line(match), "LDAP" if match.re is LDAP else "SCRAM", "", "untried"])
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


def accounts(data, said, tried, fields):
    """Return a list of accounts without their hashes; note each hash in `said`."""
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
                    said.append(["hash", index + 1, scheme, user, tried.opened(bare, user)])
                row[at] = b"-" * len(value)
        lines[index] = b":".join(row)
    return b"\n".join(lines)


def cleared(name, data, tried, words):
    """Return (content that may travel, or None; what was judged)."""
    said = []
    whole = store(data, words)
    if whole is not None:
        return None, [[whole[0], None, whole[1]]] if whole[0] else []
    if SHADOW.match(name):
        data = accounts(
            data, said, tried, (2, 3) if name.startswith("smb") else (1,) if "digest" not in name else (2,)
        )
    data = without_keys(data, said)
    return without_hashes(data, said, tried), said


# -- the verbs ---------------------------------------------------------------------------------------


class Listing(object):
    """What lies under the given paths."""

    def __init__(self, request):
        self.root = native(request.get("root") or "/").rstrip("/")
        self.mounts = mounted(self.root)
        self.given = [real(self.root, native(one)) for one in request.get("given", ())]
        whole = [real(self.root, native(one)) for one in request.get("whole", ())]
        self.rules = Rules(request.get("rules", ()), whole)
        self.rows, self.left, self.ruled, self.tops, self.full = [], {}, {}, [], False

    def answer(self, patterns, follow):
        """Return the rows of every path that these patterns mean, and of what links there lead to."""
        for pattern in patterns:
            found = matching(self.root, native(pattern))
            found = [path for path in found if path in self.mounts or os.path.lexists(self.root + path)]
            self.tops.extend(path for path in found if path not in self.tops)
            if not found:
                for folder in closed(self.root + native(pattern)):
                    self.leave(folder[len(self.root) :], "cannot be listed: Permission denied")
        done = []
        for path in self.tops:  # it grows by what links lead to
            if not inside(path, done):
                done.append(path)
                for folder in above(path):
                    self.row(folder)
                self.walk(path, follow)
        packed = zlib.compress(
            json.dumps({"files": self.rows, "left": self.left, "ruled": self.ruled}).encode("ascii"), 1
        )
        return {"packed": base64.b64encode(packed).decode("ascii")}

    def row(self, path, kind="", seen=None):
        """Keep what is known of one path."""
        try:
            seen = seen or os.lstat(self.root + path)
            link = shown(os.readlink(self.root + path)) if stat.S_ISLNK(seen.st_mode) else ""
        except OSError:
            return
        self.rows.append([shown(path), seen.st_mode, seen.st_uid, seen.st_gid, seen.st_size, kind, link])

    def leave(self, path, reason):
        """Name what was not looked at."""
        self.left[shown(path)] = reason

    def by_rule(self, name, path, size):
        """Count what a rule leaves out."""
        count, total, first = self.ruled.get(name, (0, 0, shown(path)))
        self.ruled[name] = (count + 1, total + size, first)

    def walk(self, top, follow):
        """List a path and everything under it, without recursion: folders can be nested as deep as a name is long."""
        todo = [(top, ())]
        while todo:
            path, runtimes = todo.pop()
            if len(self.rows) >= MOST_FILES:
                self.leave(path, "more than %d files" % MOST_FILES)
                return
            mount = self.mounts.get(path)
            if (
                mount is not None
                and mount not in LOCAL
                and not any(inside(one, [path]) for one in self.given)
            ):
                self.leave(path, "another file system (%s)" % mount)
                continue
            try:
                seen = os.lstat(self.root + path)
            except OSError:
                if sys.exc_info()[1].errno != errno.ENOENT:
                    self.leave(path, why())
                continue
            if stat.S_ISDIR(seen.st_mode):
                self.row(path, seen=seen)
                try:
                    names = sorted(os.listdir(self.root + path))
                except OSError:
                    self.leave(path, why().replace("read", "listed"))
                    continue
                runtime = self.rules.runtime(self.root + path, names)
                if runtime is not None:
                    runtimes = ((path, runtime),) + runtimes  # noqa: RUF005 - Python 2.6 has no other way
                todo.extend((path.rstrip("/") + "/" + name, runtimes) for name in reversed(names))
            elif stat.S_ISLNK(seen.st_mode):
                self.row(path, seen=seen)
                if follow:
                    self.lead(path)
            elif stat.S_ISREG(seen.st_mode):
                self.file(path, seen, runtimes)
            elif stat.S_ISSOCK(seen.st_mode):
                self.by_rule("sockets", path, 0)
            else:
                self.leave(path, "is neither a file nor a folder")

    def file(self, path, seen, runtimes):
        """List a plain file, or count the rule that leaves it out."""
        place = self.root + path
        name = self.rules.by_path(path, place, runtimes)
        head = b""
        if name is None and seen.st_size:
            try:
                head = begins(place)
            except (OSError, IOError):
                self.row(path, seen=seen)
                self.leave(path, why())
                return
            name = self.rules.by_content(path, head)
        if name is not None:
            self.by_rule(name, path, seen.st_size)
        else:
            self.row(path, kind_of(head), seen)

    def lead(self, path):
        """Add what a link leads to outside of every given path, unless it is the distribution's own."""
        target = real(self.root, path)
        if not inside(target, self.tops) and not SYSTEM.match(target) and target != "/":
            if os.path.exists(self.root + target):
                if len(self.tops) < MOST_TOPS:
                    self.tops.append(target)
                else:
                    self.leave(target, "too many links lead to other folders")


def above(path):
    """Return the folders above a path, outermost first."""
    names = path.strip("/").split("/")[:-1]
    return ["/"] + ["/" + "/".join(names[: count + 1]) for count in range(len(names))]


def read(request):
    """Return the content of each named file, or why it does not travel."""
    root, largest = native(request.get("root") or "/").rstrip("/"), request["largest"]
    words = request.get("words", [])
    tried, rows = Tried(words), []
    for path in request["paths"]:
        row = {"path": path}
        rows.append(row)
        try:
            handle = opened(root + native(path))
            try:
                data = handle.read(largest + 1)
            finally:
                handle.close()
        except (OSError, IOError):
            row["left"] = why()
            continue
        if len(data) > largest:
            row["left"] = "larger than %d bytes" % largest
            continue
        data, row["judged"] = cleared(os.path.basename(native(path)), data, tried, words)
        if data is not None:
            row["data"] = base64.b64encode(zlib.compress(data, 1)).decode("ascii")
    return {"files": rows}


def answer_to(request):
    """Return the answer to a request."""
    if request["verb"] == "read":
        return read(request)
    return Listing(request).answer(request["paths"], request.get("follow", False))


def main():
    """Answer the request that was streamed along."""
    request = json.loads(zlib.decompress(base64.b64decode(globals()["REQUEST"])).decode("ascii"))
    sys.stdout.write("\n%s%s\n" % (MARK, json.dumps(answer_to(request))))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
