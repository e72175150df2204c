# -*- coding: utf-8 -*-
"""The verifier: one file, standard library, Python 2.6 to 3.14, that refuses a bundle nobody trusted has signed.

    verifier.py BUNDLE --key KEY.pub [--key KEY2.pub ...] [--threshold N] [--signature SIG]
                       [--clock FILE] [--product NAME] [--largest BYTES]

It reads the DSSE envelope BUNDLE.dsse.json (or SIG), checks its signatures with arithmetic of its own (Ed25519 as in
RFC 8032, ECDSA on P-256 with SHA-256, strict DER), then the statement in it: type, product, time of signing, expiry.
Then the bundle is hashed once, in pieces; nothing is unpacked and nothing else is run. Where the hash differs, the
members of a zip or tar are compared with the signed list, to name the first that is not as signed.

`--clock FILE` keeps the latest moment this host has seen, so that a clock that was lost brings nothing back.

Exit codes: 0 verified, 2 usage, 11 refused (one line on standard output says why).
"""

import base64
import binascii
import calendar
import hashlib
import json
import os
import re
import sys
import tarfile
import time
import zipfile

TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:aspect-hardening:upgrade-bundle:v1"
SKEW = 600
LARGEST_ENVELOPE = 256 << 20
SIGNATURES = 100  # that are looked at: each takes milliseconds, for each key
PARTS = 2000  # commas and brackets of an envelope: far fewer than would fill the memory
MORE = 64 << 20  # bytes above the signed ones with which a file is another one
CHUNK = 1 << 20
PY3 = sys.version_info[0] >= 3


class Refused(Exception):
    """The bundle is not to be installed; the words say why."""


class Usage(Exception):
    """The command line, or a file named on it, is wrong."""


# -- numbers -----------------------------------------------------------------------------------------


def number(data, little=False):
    """The number that bytes are."""
    if little:
        data = data[::-1]
    return int(binascii.hexlify(data) or b"0", 16)


def octets(value, size):
    """The bytes of a number, least first."""
    return binascii.unhexlify(("%0*x" % (2 * size, value)).encode("ascii"))[::-1]


# -- Ed25519, RFC 8032 section 5.1.7 -------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _x(y, sign):
    """The x of a point with this y, or None where there is none."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def _point(data):
    value = number(data, little=True)
    y, sign = value & ((1 << 255) - 1), value >> 255
    x = _x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def _add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(k, p):
    q = (0, 1, 1, 0)
    while k:
        if k & 1:
            q = _add(q, p)
        p = _add(p, p)
        k >>= 1
    return q


_Y = 4 * pow(5, P - 2, P) % P
BASE = (_x(_Y, 0), _Y, 1, _x(_Y, 0) * _Y % P)


def ed25519(key, signature, message):
    """Whether the 64 bytes are the signature of the message by the key of 32 bytes."""
    if len(key) != 32 or len(signature) != 64:
        return False
    a, s = _point(key), number(signature[32:], little=True)
    if a is None or s >= L:
        return False
    h = number(hashlib.sha512(signature[:32] + key + message).digest(), little=True) % L
    minus = (P - a[0], a[1], a[2], P - a[3])
    x, y, z, _ = _add(_times(s, BASE), _times(h, minus))
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return octets(y | (x & 1) << 255, 32) == signature[:32]


# -- ECDSA on P-256, FIPS 186-5 section 6.4.2 ----------------------------------------------------------

Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def _double(p):
    if p is None or not p[1]:
        return None
    x, y, z = p
    zz = z * z % Q
    m = 3 * (x - zz) * (x + zz) % Q
    s = 4 * x * y * y % Q
    nx = (m * m - 2 * s) % Q
    return (nx, (m * (s - nx) - 8 * pow(y, 4, Q)) % Q, 2 * y * z % Q)


def _sum(p, q):
    """The sum of two points in Jacobian coordinates; None is the point at infinity."""
    if p is None or q is None:
        return q if p is None else p
    z1, z2 = p[2] * p[2] % Q, q[2] * q[2] % Q
    u1, u2 = p[0] * z2 % Q, q[0] * z1 % Q
    s1, s2 = p[1] * z2 * q[2] % Q, q[1] * z1 * p[2] % Q
    h, r = (u2 - u1) % Q, (s2 - s1) % Q
    if not h:
        return None if r else _double(p)
    hh = h * h % Q
    hhh, v = h * hh % Q, u1 * hh % Q
    x = (r * r - hhh - 2 * v) % Q
    return (x, (r * (v - x) - s1 * hhh) % Q, h * p[2] * q[2] % Q)


def _multiple(k, p):
    q = None
    while k:
        if k & 1:
            q = _sum(q, p)
        p = _double(p)
        k >>= 1
    return q


def _der_integers(data):
    """The two positive numbers of an ECDSA signature in strict DER, or None."""

    def one(data, at):
        if data[at : at + 1] != b"\x02":
            return None, at
        size = number(data[at + 1 : at + 2])
        body = data[at + 2 : at + 2 + size]
        if not 0 < size < 0x80 or len(body) != size or number(body[:1]) & 0x80:
            return None, at
        if size > 1 and body[:1] == b"\x00" and not number(body[1:2]) & 0x80:
            return None, at
        return number(body), at + 2 + size

    if data[:1] != b"\x30" or len(data) < 8 or number(data[1:2]) != len(data) - 2 or len(data) > 0x81:
        return None
    r, at = one(data, 2)
    if r is None:
        return None
    s, at = one(data, at)
    return None if s is None or at != len(data) else (r, s)


def p256(key, signature, message):
    """Whether the bytes are an ECDSA signature of the message by the key of 64 bytes (x and y)."""
    x, y = number(key[:32]), number(key[32:])
    pair = _der_integers(signature)
    if len(key) != 64 or x >= Q or y >= Q or (y * y - x * x * x + 3 * x - B) % Q or pair is None:
        return False
    r, s = pair
    if not (0 < r < N and 0 < s < N):
        return False
    e, w = number(hashlib.sha256(message).digest()), pow(s, N - 2, N)
    found = _sum(_multiple(e * w % N, (G[0], G[1], 1)), _multiple(r * w % N, (x, y, 1)))
    if found is None:
        return False
    inverse = pow(found[2], Q - 2, Q)
    return found[0] * inverse * inverse % Q % N == r


# -- keys ----------------------------------------------------------------------------------------------

_ED = binascii.unhexlify(b"302a300506032b6570032100")
_EC = binascii.unhexlify(b"3059301306072a8648ce3d020106082a8648ce3d03010703420004")


class Key(object):
    """A public key: how it verifies, and its name (SHA-256 of its DER)."""

    def __init__(self, der):
        self.id = hashlib.sha256(der).hexdigest()
        if der[:12] == _ED and len(der) == 44:
            self._check, self._key = ed25519, der[12:]
            point = _point(self._key)
            if point is None or not _times(8, point)[0] % P:
                raise Usage("a weak Ed25519 key (small order): anybody can sign for it")
        elif der[:27] == _EC and len(der) == 91:
            self._check, self._key = p256, der[27:]
        else:
            raise Usage("not an Ed25519 or ECDSA P-256 public key")

    def verifies(self, signature, message):
        return self._check(self._key, signature, message)


def load_key(path):
    text = _read(path, 1 << 16)
    found = re.search(b"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\\s]+)-----END PUBLIC KEY-----", text)
    if found is None:
        raise Usage("%s: not a public key in PEM form" % path)
    try:
        return Key(base64.b64decode(b"".join(found.group(1).split())))
    except Usage as problem:
        raise Usage("%s: %s" % (path, problem))
    except (TypeError, binascii.Error):
        raise Usage("%s: not an Ed25519 or ECDSA P-256 public key" % path)


def _read(path, most):
    try:
        source = open(path, "rb")
    except EnvironmentError as problem:
        raise Usage("%s: %s" % (path, problem.strerror))
    try:
        return source.read(most + 1)
    finally:
        source.close()


# -- the envelope --------------------------------------------------------------------------------------


def _once(pairs):
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _json(data):
    text = data.decode("utf-8")
    if sys.version_info >= (2, 7):
        return json.loads(text, object_pairs_hook=_once)
    for name in ("payloadType", "payload", "signatures"):  # Python 2.6 cannot say that a name stands twice
        if text.count('"%s"' % name) > 1:
            raise ValueError("a name stands twice")
    return json.loads(text)


def _few(data):
    """What JSON of a few parts says; more would fill the memory."""
    if sum(data.count(one) for one in (b",", b"{", b"[")) > PARTS:
        raise ValueError("too many parts")
    return _json(data)


def _base64(text):
    text = text.replace("-", "+").replace("_", "/")
    data = base64.b64decode(text.encode("ascii"))
    if base64.b64encode(data).decode("ascii") != text:
        raise ValueError("not Base64")
    return data


def opened(data, keys, threshold):
    """The payload of an envelope that enough of the keys have signed. Errors: Refused."""
    try:
        raw = _few(data)
        if set(raw) != set(["payloadType", "payload", "signatures"]) or len(raw["signatures"]) > SIGNATURES:
            raise ValueError("unknown names, or too many signatures")
        for one in raw["signatures"]:
            if not set(["sig"]) <= set(one) <= set(["keyid", "sig"]):
                raise ValueError("unknown names")
        kind, payload = raw["payloadType"], _base64(raw["payload"])
        signatures = [(one.get("keyid", ""), _base64(one["sig"])) for one in raw["signatures"]]
        head = ("DSSEv1 %d %s %d " % (len(kind.encode("utf-8")), kind, len(payload))).encode("utf-8")
    except Exception:
        raise Refused("the signature file is not a DSSE envelope")
    if kind != TYPE:
        raise Refused("the envelope is of another type")
    good = set()
    for key in keys:
        for name, signature in signatures:
            if name in ("", key.id) and key.verifies(signature, head + payload):
                good.add(key.id)
    if len(good) < threshold:
        raise Refused("%d of %d needed signatures are by a trusted key" % (len(good), threshold))
    return payload, sorted(good)


def stamp(text):
    """Seconds of a time such as 2026-11-24T12:00:00+00:00; only UTC is written."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+00:00|Z)\Z", text)
    if found is None:
        raise ValueError(text)
    return calendar.timegm(time.strptime(found.group(1), "%Y-%m-%dT%H:%M:%S"))


def _whole(value):
    if isinstance(value, (bool, float)) or hasattr(value, "isdigit"):
        raise ValueError("no whole number")
    return int(value)


def _rows(value):
    if not isinstance(value, list) or not all(hasattr(one["path"], "isdigit") for one in value):
        raise ValueError("no members")
    return value


def statement(payload, product):
    """What was signed, with its times as seconds. Errors: Refused."""
    try:
        raw = _json(payload)
        said = raw["predicate"]
        if not all(hasattr(said[name], "isdigit") for name in ("product", "release")):
            raise ValueError("no text")
        kind = (raw["_type"], raw["predicateType"])
        (subject,) = raw["subject"]
        made = {
            "sha256": subject["digest"]["sha256"],
            "size": _whole(said["size"]),
            "created": stamp(said["created"]),
            "expires": None if said["expires"] is None else stamp(said["expires"]),
            "product": said["product"],
            "release": said["release"],
            "members": _rows(said["members"]),
            "nested": bool(said.get("nested", True)),
        }
    except Exception:
        raise Refused("the signed statement is malformed")
    if kind != (STATEMENT, PREDICATE):
        raise Refused("unknown statement %r" % str(kind[1]))
    if product and made["product"] != product:
        raise Refused("it is for the product %r, not %r" % (str(made["product"]), product))
    return made


# -- time ----------------------------------------------------------------------------------------------


def moment(clock, now):
    """The time it is at least, by what the file has kept."""
    if not clock or not os.path.exists(clock):
        return now
    try:
        return max(now, int(_read(clock, 64).decode("ascii").strip()))
    except (Usage, ValueError):
        raise Refused("%s: the latest moment this host has seen cannot be read" % clock)


def keep(clock, now):
    if not clock:
        return
    part = "%s.%d" % (clock, os.getpid())
    out = open(part, "w")
    try:
        out.write("%d\n" % now)
        out.flush()
        os.fsync(out.fileno())
    finally:
        out.close()
    os.rename(part, clock)


def check_time(said, now):
    if now + SKEW < said["created"]:
        raise Refused("the clock of this host is before the signature; set it")
    if said["expires"] is not None and now > said["expires"]:
        raise Refused("the signature expired on %s" % time.strftime("%Y-%m-%d", time.gmtime(said["expires"])))


# -- content -------------------------------------------------------------------------------------------


def digest(source, most=None):
    """The digest and size of what can be read; no further than a piece behind `most` bytes."""
    value, size = hashlib.sha256(), 0
    while True:
        chunk = source.read(CHUNK)
        if not chunk or (most is not None and size > most):
            return value.hexdigest(), size
        value.update(chunk)
        size += len(chunk)


def members(path, most):
    """Name and digest of each top-level member of a zip or tar, none of which is read far behind `most` bytes."""
    if zipfile.is_zipfile(path):
        archive = zipfile.ZipFile(path)
        for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
            folder = info.filename.endswith("/")
            yield info.filename, "" if folder else digest(archive.open(info.filename), most)[0]
    else:
        archive = tarfile.open(path, "r:*")
        for info in archive:
            yield info.name, digest(archive.extractfile(info), most)[0] if info.isreg() else ""


def _plain(name):
    while name.startswith(("./", "/")):
        name = name[2:] if name.startswith("./") else name[1:]
    return name.rstrip("/")


def difference(path, said):
    """In words, the first member that is not as signed."""
    at = 0
    try:
        signed = [m for m in said["members"] if "!/" not in m["path"]]
        known = set(m["path"] for m in signed)
        for name, found in members(path, max([0] + [_whole(m["size"]) for m in signed])):
            name = _plain(name)
            if at >= len(signed) or name not in known:
                return "%s was added" % name
            if signed[at]["path"] != name:
                return "%s was removed or moved" % signed[at]["path"]
            if signed[at]["sha256"] != found:
                return "%s was changed" % name
            at += 1
    except Exception:
        return "it can no longer be read as what was signed"
    if at < len(signed):
        return "%s was removed" % signed[at]["path"]
    return "every member is as signed; bytes outside the members were changed"


def check_content(path, said, largest):
    try:
        source = open(path, "rb")
    except EnvironmentError as problem:
        raise Usage("%s: %s" % (path, problem.strerror))
    try:
        size = os.fstat(source.fileno()).st_size
        if largest and size > largest:
            raise Refused("it has %d bytes, more than %d" % (size, largest))
        found = None
        if size == said["size"]:
            found, size = digest(source)
    finally:
        source.close()
    if size > said["size"] + MORE:
        raise Refused("it has %d bytes, and %d are signed" % (size, said["size"]))
    if found != said["sha256"] or size != said["size"]:
        raise Refused(difference(path, said))


def verify(path, keys, threshold=1, signature=None, clock=None, product="", largest=0, now=None):
    """Return what was signed. Errors: Refused, Usage."""
    if not keys or threshold < 1:
        raise Refused("no key is trusted, so nothing can be verified")
    now = moment(clock, int(time.time()) if now is None else now)
    if not os.path.isfile(path):
        raise Usage("%s: no such file" % path)
    signature = signature or path + ".dsse.json"
    try:
        if not os.path.isfile(signature):  # a pipe would be waited for
            raise Usage("%s: no such file" % signature)
        data = _read(signature, LARGEST_ENVELOPE)
    except Usage as problem:
        raise Refused("no signature: %s" % problem)
    if len(data) > LARGEST_ENVELOPE:
        raise Refused("the signature file is larger than any signature")
    payload, signers = opened(data, keys, threshold)
    said = statement(payload, product)
    check_time(said, now)
    check_content(path, said, largest)
    keep(clock, max(now, said["created"]))
    said["signers"] = signers
    return said


def main(arguments):
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(__doc__)
        return 0
    try:
        paths, options = _arguments(arguments)
        if len(paths) != 1 or not options["--key"]:
            raise Usage(
                "verifier.py BUNDLE --key KEY.pub [--key KEY2.pub ...] [--threshold N] [--signature SIG] "
                "[--clock FILE] [--product NAME] [--largest BYTES]"
            )
        if "" in options["--product"]:
            raise Usage("--product needs a name")
        said = verify(
            paths[0],
            [load_key(one) for one in options["--key"]],
            threshold=_number(options, "--threshold", 1),
            signature=_last(options, "--signature"),
            clock=_last(options, "--clock"),
            product=_last(options, "--product") or "",
            largest=_number(options, "--largest", 0),
        )
    except Usage as problem:
        sys.stderr.write("verifier: %s\n" % problem)
        return 2
    except Refused as problem:
        sys.stdout.write("REFUSED: %s\n" % problem)
        return 11
    except EnvironmentError as problem:
        sys.stdout.write("REFUSED: %s\n" % problem)
        return 11
    words = " ".join(word for word in (said["product"], said["release"]) if word)
    sys.stdout.write("verified: %s%ssha256 %s\n" % (words, words and ", ", said["sha256"]))
    return 0


_WORDS = ("--key", "--threshold", "--signature", "--clock", "--product", "--largest")


def _arguments(arguments):
    paths, options, rest = [], dict((word, []) for word in _WORDS), list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            paths.append(word)
        elif word not in options or not rest:
            raise Usage("unknown option, or one without its value: %s" % word)
        else:
            options[word].append(rest.pop(0))
    return paths, options


def _last(options, word):
    return options[word][-1] if options[word] else None


def _number(options, word, default):
    text = _last(options, word)
    if text is None:
        return default
    if not text.isdigit() or not int(text):
        raise Usage("%s: %r is no number above zero" % (word, text))
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
