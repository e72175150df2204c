"""What OpenSSL's security levels rule out of what a server lists: versions, groups, sizes of Diffie-Hellman."""

from __future__ import annotations

from functools import lru_cache

from hardening.tls.libraries import builds
from hardening.tls.registry import Group, Scheme

_RELEASE_OWN_LEVELS = (3, 0, 0)
_STRENGTH = (0, 80, 112, 128, 192, 256)
"""The bits of security that each level asks for (ssl_cert.c, `minbits_table`)."""
_CURVES = ((224, 80), (250, 112), (384, 128), (512, 192))
"""What a curve below a size counts for (t1_lib.c, `nid_list`); any other counts for 256 bits."""
_FIELDS = ((1024, 0), (2048, 80), (3072, 112), (7680, 128), (15360, 192))
"""What a finite field below a size counts for (bn_lib.c, `BN_security_bits`)."""
_DIGESTS = {
    "md5": 64,
    "sha1": 80,
    "sha224": 112,
    "sha256": 128,
    "sha384": 192,
    "sha512": 256,
    "ed25519": 128,
    "ed448": 224,
}
"""What the hash of a signature counts for (t1_lib.c, `sigalg_security_bits`): half of its size."""
_BROKEN_DIGESTS = {"md5": 39, "sha1": 63}
"""What they count for from OpenSSL 3.0 on."""
_LARGEST_DH = 2048
"""Parameters that a server sizes itself grow with the level, so larger ones are never reported here."""


@lru_cache(maxsize=4096)
def protocols_of(build_name: str, level: int) -> frozenset[str]:
    """Return the versions a build can speak at a security level."""
    build = builds.build(build_name)
    found = set(build.protocols)
    if build.security_level is not None:
        if build.release >= _RELEASE_OWN_LEVELS and level > 0:
            found -= {"SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"}
        for floor, name in ((2, "SSLv3"), (3, "TLSv1.0"), (4, "TLSv1.1")):
            if level >= floor:
                found.discard(name)
    return frozenset(found)


def _required(build_name: str, level: int) -> int:
    if build_name.startswith(builds.JDK) or builds.build(build_name).security_level is None:
        return 0
    return _STRENGTH[min(max(level, 0), len(_STRENGTH) - 1)]


def _below(table: tuple[tuple[int, int], ...], bits: int) -> int:
    return next((strength for size, strength in table if bits < size), 256)


def field_strength(bits: int) -> int:
    """Return the bits of security of an RSA key or a finite field of a size."""
    return _below(_FIELDS, bits)


def highest(strength: int) -> int:
    """Return the highest security level that so many bits of security are enough for."""
    return max(level for level, bits in enumerate(_STRENGTH) if bits <= strength)


_SIZED = ((2048, 112), (3072, 128), (4096, 152), (8192, 192))
"""The primes OpenSSL has of its own, with the bits of security from which on each is taken (t1_lib.c, `ssl_get_auto_dh`)."""
_KEYS = ((2048, 112), (3072, 128), (4096, 152), (7680, 192))
"""What RSA keys from a size on count for there (rsa_lib.c, `ossl_ifc_ffc_compute_security_bits`)."""


def digest_strength(name: str, *, before_3: bool = False) -> int:
    """Return the bits of security of a signature over a hash: what OpenSSL counts from 3.0 on, or before it."""
    weights = _DIGESTS if before_3 else _DIGESTS | _BROKEN_DIGESTS
    return weights.get(name, 256)


def own_field(build_name: str, level: int, rsa_bits: int) -> int | None:
    """Return the size of the parameters that OpenSSL 3 makes itself for an RSA key at a security level; None: not known."""
    if build_name.startswith(builds.JDK) or builds.build(build_name).release < _RELEASE_OWN_LEVELS:
        return None
    key = max((strength for size, strength in _KEYS if rsa_bits >= size), default=0)
    wanted = max(key, _required(build_name, level))
    return max((size for size, strength in _SIZED if wanted >= strength), default=1024)


def allows_group(build_name: str, level: int, group: Group) -> bool:
    """Whether a group can be used at a security level; those with ML-KEM can at every level that is used."""
    if group.kind not in {"EC", "FFDHE"} or group.bits is None:
        return True
    return _below(_CURVES if group.kind == "EC" else _FIELDS, group.bits) >= _required(build_name, level)


def allows_scheme(build_name: str, level: int, scheme: Scheme) -> bool:
    """Whether handshakes can be signed by a scheme at a security level; what a build does by itself, it does at its own level."""
    build = builds.build(builds.plain(build_name))  # whatever level the host's openssl.cnf gives it
    own = build.security_level
    if own is None or (level <= own and scheme.name in (build.schemes or ())):
        return True
    digest = scheme.name.rpartition("_")[2]
    strength = digest_strength(digest, before_3=build.release < _RELEASE_OWN_LEVELS)
    return strength >= _required(build_name, level)


def allows_field(build_name: str, level: int, bits: int | None) -> bool:
    """Whether Diffie-Hellman parameters of a size can be used at a security level; an unknown size can."""
    if bits is None or bits >= _LARGEST_DH:
        return True
    return _below(_FIELDS, bits) >= min(_required(build_name, level), _below(_FIELDS, _LARGEST_DH))
