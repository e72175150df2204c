"""Ed25519 as in RFC 8032, section 5.1.7."""

import hashlib

from hardening.onhost.verifier.integers import number, octets

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
    """Return whether the 64 bytes are the signature of the message by the key of 32 bytes."""
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


def is_weak(key):
    """Return whether a key is not a point of the curve, or one of small order."""
    point = _point(key)
    return point is None or not _times(8, point)[0] % P
