"""ECDSA on P-256 with SHA-256 and strict DER: FIPS 186-5, section 6.4.2."""

import hashlib

from hardening.onhost.verifier.integers import number

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
    """Return whether the bytes are an ECDSA signature of the message by the key of 64 bytes (x and y)."""
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
