"""Cryptographic assets of a CycloneDX document: algorithms, certificates, keys, and protocols as configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cyclonedx.model import Property
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.crypto import (
    AlgorithmProperties,
    CertificateProperties,
    CryptoAssetType,
    CryptoPrimitive,
    CryptoProperties,
    ProtocolProperties,
    ProtocolPropertiesCipherSuite,
    ProtocolPropertiesType,
    RelatedCryptoMaterialProperties,
    RelatedCryptoMaterialType,
)

from bundle.configurations import Configuration
from bundle.sbom.contents import Asset
from hardening.tls import registry

_NONE = frozenset({"TLS1.3", "anon", "NULL", "none"})
"""What names no algorithm: TLS 1.3 settles key exchange and signature apart from the suite."""
_KINDS = {
    "kex": CryptoPrimitive.KEY_AGREE,
    "host_keys": CryptoPrimitive.SIGNATURE,
    "macs": CryptoPrimitive.MAC,
}
_SEALING = ("gcm", "ccm", "mgm", "poly1305", "aead")
_STREAMS = ("arcfour", "rc4", "salsa20")


@dataclass(slots=True)
class Inventory:
    """Assets as components; each algorithm once for each use of it, with every place that uses it so."""

    components: list[Component] = field(default_factory=list)
    _algorithms: dict[str, Component] = field(default_factory=dict)
    _places: dict[str, list[str]] = field(default_factory=dict)

    def algorithm(self, name: str, primitive: CryptoPrimitive, place: str, *, parameter: str = "") -> BomRef:
        """Return the reference of an algorithm that is used at a place."""
        ref = f"algorithm:{name}:{primitive.value}"  # RSA signs, and it wraps a key
        known = self._algorithms.get(ref)
        if known is None:
            known = Component(
                name=name, type=ComponentType.CRYPTOGRAPHIC_ASSET, bom_ref=ref,
                crypto_properties=CryptoProperties(
                    asset_type=CryptoAssetType.ALGORITHM,
                    algorithm_properties=AlgorithmProperties(
                        primitive=primitive, parameter_set_identifier=parameter or None
                    ),
                ),
            )  # fmt: skip
            self._algorithms[ref] = known
        if place not in (places := self._places.setdefault(ref, [])):
            places.append(place)
        return known.bom_ref

    def all(self) -> list[Component]:
        """Return every asset; algorithms last, with their places."""
        for ref, one in self._algorithms.items():
            one.evidence = evidence(self._places[ref])
        return [*self.components, *(self._algorithms[ref] for ref in sorted(self._algorithms))]


def inventory(assets: Iterable[Asset], configurations: Iterable[Configuration]) -> list[Component]:
    """Return the cryptographic assets of a bundle as components."""
    made = Inventory()
    for number, asset in enumerate(assets):
        made.components.append(_asset(asset, number, made))
    for number, one in enumerate(configurations):
        made.components += _protocols(one, number, made)
    return made.all()


_NAMELESS = BomRef()
"""Shared: the library orders occurrences by their references first, and takes two that are empty for different ones in no order."""


def evidence(places: Iterable[str]) -> ComponentEvidence:
    """Return the places of a component, in the same order each time."""
    rows = [Occurrence(bom_ref=_NAMELESS, location=place or ".") for place in places]
    return ComponentEvidence(occurrences=rows)


def _asset(asset: Asset, number: int, made: Inventory) -> Component:
    if asset.certificate is None:
        properties = CryptoProperties(
            asset_type=CryptoAssetType.RELATED_CRYPTO_MATERIAL,
            related_crypto_material_properties=RelatedCryptoMaterialProperties(
                type=RelatedCryptoMaterialType.PRIVATE_KEY
            ),
        )
    else:
        one = asset.certificate
        key, size = _public(one)
        signed = one.signature_algorithm_oid._name  # noqa: SLF001 - cryptography has no other door to the name
        properties = CryptoProperties(
            asset_type=CryptoAssetType.CERTIFICATE,
            certificate_properties=CertificateProperties(
                subject_name=one.subject.rfc4514_string(),
                issuer_name=one.issuer.rfc4514_string(),
                not_valid_before=_date(one, "not_valid_before_utc"),
                not_valid_after=_date(one, "not_valid_after_utc"),
                certificate_format="X.509",
                signature_algorithm_ref=made.algorithm(signed, CryptoPrimitive.SIGNATURE, asset.place),
                subject_public_key_ref=made.algorithm(
                    key, CryptoPrimitive.SIGNATURE, asset.place, parameter=size
                ),
            ),
        )
    return Component(
        name=asset.name, type=ComponentType.CRYPTOGRAPHIC_ASSET, bom_ref=f"crypto:{number}",
        crypto_properties=properties, evidence=evidence([asset.place]),
    )  # fmt: skip


def _date(card: x509.Certificate, name: str) -> datetime | None:
    """Return when a certificate begins or ceases to hold; None where no calendar has that time."""
    try:
        found: datetime = getattr(card, name)
    except ValueError:
        return None
    return found


def _public(card: x509.Certificate) -> tuple[str, str]:
    """Return name and size of a public key's algorithm."""
    try:
        key = card.public_key()
    except (ValueError, UnsupportedAlgorithm):  # a curve or a point that is none
        return "unknown", ""
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        name = "RSA" if isinstance(key, rsa.RSAPublicKey) else "DSA"
        return f"{name}-{key.key_size}", str(key.key_size)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC-{key.curve.name}", key.curve.name
    names = ((ed25519.Ed25519PublicKey, "Ed25519"), (ed448.Ed448PublicKey, "Ed448"))
    return next((name for kind, name in names if isinstance(key, kind)), "unknown"), ""


def _protocols(one: Configuration, number: int, made: Inventory) -> list[Component]:
    if one.candidates:
        kind = ProtocolPropertiesType.SSH if one.offer.get("ssh") else ProtocolPropertiesType.TLS
        return [_protocol(one, f"protocol:{number}:{kind.name}", kind.name, ProtocolProperties(type=kind))]
    found = []
    for name, said in one.offer.get("protocols", {}).items():
        suites = [
            ProtocolPropertiesCipherSuite(
                name=suite, algorithms=_of_suite(suite, one.place, made), identifiers=_codes(suite)
            )
            for suite in said["suites"]
        ]
        kind = ProtocolPropertiesType.TLS
        version = name.removeprefix("TLSv") if name.startswith("TLSv") else name
        found.append(_protocol(one, f"protocol:{number}:{name}", name, ProtocolProperties(
            type=kind, version=version, cipher_suites=suites)))  # fmt: skip
    ssh = one.offer.get("ssh") or {}
    if ssh:
        refs = [
            made.algorithm(name, _KINDS.get(kind_) or _cipher(name), one.place)
            for kind_ in ("kex", "host_keys", "ciphers", "macs")
            for name in ssh.get(kind_) or ()
            if name not in _NONE
        ]
        properties = ProtocolProperties(type=ProtocolPropertiesType.SSH, version="2.0", crypto_refs=refs)
        found.append(_protocol(one, f"protocol:{number}:SSH", "SSH", properties))
    return found


def _protocol(one: Configuration, ref: str, name: str, properties: ProtocolProperties) -> Component:
    return Component(
        name=f"{name} of {one.target} {one.server}".strip(),
        type=ComponentType.CRYPTOGRAPHIC_ASSET,
        bom_ref=ref,
        crypto_properties=CryptoProperties(
            asset_type=CryptoAssetType.PROTOCOL, protocol_properties=properties
        ),
        evidence=evidence([one.place]),
        properties=_properties(one),
    )


def _properties(one: Configuration) -> list[Property]:
    """Return what was assumed; or, where the bundle does not say which release runs, that nothing is known of what is offered."""
    if not one.candidates:
        return [Property(name="aspect-hardening:assumed", value=word) for word in one.assumptions[:5]]
    return [
        Property(name="aspect-hardening:release", value="not known, so versions and suites are not listed"),
        *(Property(name="aspect-hardening:candidates", value=word) for word in one.candidates),
        Property(
            name="aspect-hardening:next",
            value=f"harden tls audit FILE --target {one.target}@VERSION, on the unpacked file",
        ),
    ]


@cache
def _suites() -> Mapping[str, registry.Suite]:
    return {s.iana: s for s in registry.suites()}


def _of_suite(name: str, place: str, made: Inventory) -> list[BomRef]:
    known = _suites().get(name)
    if known is None:
        return []
    exchange = CryptoPrimitive.PKE if known.kx == "RSA" else CryptoPrimitive.KEY_AGREE
    words = [(known.kx, exchange), (known.auth, CryptoPrimitive.SIGNATURE)]
    refs = [made.algorithm(word, kind, place) for word, kind in words if word and word not in _NONE]
    if known.bits:
        size = str(known.bits)
        mode = f"-{known.mode}" if known.mode and known.mode != "stream" else ""
        cipher = f"{known.enc}-{size}{mode}"
        refs.append(made.algorithm(cipher, _cipher(cipher), place, parameter=size))
    return refs


def _cipher(name: str) -> CryptoPrimitive:
    if any(word in name.lower() for word in _SEALING):
        return CryptoPrimitive.AE
    stream = any(word in name.lower() for word in _STREAMS)
    return CryptoPrimitive.STREAM_CIPHER if stream else CryptoPrimitive.BLOCK_CIPHER


def _codes(name: str) -> list[str]:
    """Return the code point as one word: the library keeps identifiers in its own order."""
    known = _suites().get(name)
    return [f"0x{known.code >> 8:02X},0x{known.code & 0xFF:02X}"] if known else []
