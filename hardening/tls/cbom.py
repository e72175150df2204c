"""A cryptographic bill of materials (CBOM): protocols, algorithms, certificates and keys as CycloneDX 1.6 components.

One inventory takes whatever was looked at: configurations in a bundle, in a folder or on a host, and endpoints.
It reads the JSON form of an offer, so that a stored report makes the same document.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
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
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.tool import Tool
from cyclonedx.output.json import JsonV1Dot6

from hardening import __version__
from hardening.findings import Examined, Run, Subject
from hardening.reports import RenderOptions
from hardening.reports.json import instant
from hardening.reports.key_agreement import Vantage, hosts, vantage
from hardening.reports.plain import visible
from hardening.tls import registry
from hardening.tls.judging import readiness

_NAMESPACE = uuid.UUID("8a0f7c1e-6c43-5d0e-8f0a-5d7c1b9a2f10")
"""Serial numbers are made of the document under this name: what was seen twice gives the same document."""
_OURS = "aspect-hardening"
_NONE = frozenset({"TLS1.3", "anon", "NULL", "none"})
"""What names no algorithm: TLS 1.3 settles key exchange and signature apart from the suite."""
_KINDS = {
    "host_keys": CryptoPrimitive.SIGNATURE,
    "macs": CryptoPrimitive.MAC,
}
_GROUPS = {"PQ": CryptoPrimitive.KEM, "PQ-hybrid": CryptoPrimitive.COMBINER}
_QUANTUM_LEVELS = {"512": 1, "768": 3, "1024": 5}
"""NIST's category of ML-KEM by its parameter set (FIPS 203, table 2)."""
_SEALING = ("gcm", "ccm", "mgm", "poly1305", "aead")
_STREAMS = ("arcfour", "rc4", "salsa20")
_FEW = 20
_ASSUMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoriedServer:
    """One server, as it was configured or as it answered."""

    name: str
    place: str
    """The file, the place in a bundle, or the endpoint."""
    offer: Mapping[str, Any]
    candidates: tuple[str, ...] = ()
    """The releases it may be of, where nobody says which: then nothing it offers is a fact."""
    command: str = ""
    """What settles that."""


@dataclass(slots=True)
class Inventory:
    """Assets as components: a certificate once, an algorithm once for each use of it, both with every place."""

    servers: list[Component] = field(default_factory=list)
    _made: dict[str, Component] = field(default_factory=dict)
    _places: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, one: InventoriedServer) -> list[Component]:
        """Add what a server offers, and return its protocols, certificates and parameters."""
        cards = [
            self.certificate(card, card.get("file") or one.place)
            for card in one.offer.get("certificates", ())
        ]
        refs = [card.bom_ref for card in cards]
        made = list(self._protocols(one, len(self.servers), refs))
        self.servers += made
        return [*made, *cards, *map(self.parameters, one.offer.get("dh_parameters", ()))]

    def parameters(self, row: Mapping[str, Any]) -> Component:
        """Add a file of Diffie-Hellman parameters, in the JSON form of an offer."""
        named = {"problem": "prime-problem", "known_prime": "known-prime"}
        kind = RelatedCryptoMaterialProperties(type=RelatedCryptoMaterialType.OTHER, size=row["bits"])
        return self._once(
            f"dh:{row['file']}", row["file"], f"Diffie-Hellman parameters of {row['bits']} bits",
            CryptoProperties(
                asset_type=CryptoAssetType.RELATED_CRYPTO_MATERIAL, related_crypto_material_properties=kind
            ),
            [_property(name, row[key]) for key, name in named.items() if key in row],
        )  # fmt: skip

    def certificate(self, card: Mapping[str, Any], place: str) -> Component:
        """Add a certificate, in the JSON form of an offer, that is at a place."""
        name, size = _key(card["key"])
        ends = [
            f"{row.word} after {row.last.year} ({row.authority})" for row in readiness.of_key(card["key"])
        ]
        signed = self.algorithm(card["signature"], CryptoPrimitive.SIGNATURE, place)
        public = self.algorithm(name, CryptoPrimitive.SIGNATURE, place, parameter=size)
        return self._once(
            f"certificate:{card['sha256']}", place, card["subject"] or "without a subject",
            CryptoProperties(
                asset_type=CryptoAssetType.CERTIFICATE,
                certificate_properties=CertificateProperties(
                    subject_name=visible(card["subject"]),
                    issuer_name=visible(card["issuer"]),
                    not_valid_before=datetime.fromisoformat(card["not_before"]),
                    not_valid_after=datetime.fromisoformat(card["not_after"]),
                    certificate_format="X.509",
                    signature_algorithm_ref=signed,
                    subject_public_key_ref=public,
                ),
            ),
            [_property("key-ends", end) for end in ends],
        )  # fmt: skip

    def private_key(self, name: str, place: str) -> Component:
        """Add a private key, of which nothing but kind and place is known."""
        kind = RelatedCryptoMaterialProperties(type=RelatedCryptoMaterialType.PRIVATE_KEY)
        return self._once(
            f"key:{place}:{name}", place, name,
            CryptoProperties(
                asset_type=CryptoAssetType.RELATED_CRYPTO_MATERIAL, related_crypto_material_properties=kind
            ),
        )  # fmt: skip

    def algorithm(
        self,
        name: str,
        primitive: CryptoPrimitive,
        place: str,
        *,
        parameter: str = "",
        level: int | None = None,
    ) -> BomRef:
        """Return the reference of an algorithm that is used at a place."""
        ref = f"algorithm:{name}:{primitive.value}"  # RSA signs, and it wraps a key
        if known := self._made.get(ref):
            self._places[ref][place] = None
            return known.bom_ref
        of_it = AlgorithmProperties(
            primitive=primitive,
            parameter_set_identifier=visible(parameter) or None,
            nist_quantum_security_level=level,
        )
        properties = CryptoProperties(asset_type=CryptoAssetType.ALGORITHM, algorithm_properties=of_it)
        return self._once(ref, place, name, properties).bom_ref

    def all(self) -> list[Component]:
        """Return every asset."""
        for ref, one in self._made.items():
            one.evidence = evidence(self._places[ref])
        return [*self.servers, *(self._made[ref] for ref in sorted(self._made))]

    def _once(
        self,
        ref: str,
        place: str,
        name: str,
        properties: CryptoProperties,
        more: Iterable[Property] = (),
    ) -> Component:
        if ref not in self._made:
            self._made[ref] = Component(
                name=visible(name), type=ComponentType.CRYPTOGRAPHIC_ASSET, bom_ref=visible(ref),
                crypto_properties=properties, properties=more,
            )  # fmt: skip
        self._places.setdefault(ref, {})[place] = None
        return self._made[ref]

    def _protocols(self, one: InventoriedServer, number: int, cards: Iterable[BomRef]) -> Iterator[Component]:
        if one.candidates:
            kind = ProtocolPropertiesType.SSH if one.offer.get("ssh") else ProtocolPropertiesType.TLS
            yield _protocol(one, f"protocol:{number}:{kind.name}", kind.name, ProtocolProperties(type=kind))
            return
        for name, listed in one.offer.get("protocols", {}).items():
            suites = [
                ProtocolPropertiesCipherSuite(
                    name=suite, algorithms=self._of_suite(suite, one.place), identifiers=_codes(suite)
                )
                for suite in listed["suites"]
            ]
            groups = [self._group(group, one.place) for group in listed.get("groups", ())]
            version = name.removeprefix("TLSv") if name.startswith("TLSv") else name
            yield _protocol(one, f"protocol:{number}:{name}", name, ProtocolProperties(
                type=ProtocolPropertiesType.TLS, version=version, cipher_suites=suites, crypto_refs=[*groups, *cards],
            ))  # fmt: skip
        if ssh := one.offer.get("ssh") or {}:
            refs = [self._exchange(name, one.place) for name in ssh.get("kex") or ()]
            refs += [
                self.algorithm(name, _KINDS.get(kind_) or _cipher(name), one.place)
                for kind_ in ("host_keys", "ciphers", "macs")
                for name in ssh.get(kind_) or ()
                if name not in _NONE
            ]
            properties = ProtocolProperties(type=ProtocolPropertiesType.SSH, version="2.0", crypto_refs=refs)
            yield _protocol(one, f"protocol:{number}:SSH", "SSH", properties)

    def _of_suite(self, name: str, place: str) -> list[BomRef]:
        known = _suites().get(name)
        if known is None:
            return []
        exchange = CryptoPrimitive.PKE if known.kx == "RSA" else CryptoPrimitive.KEY_AGREE
        words = [(known.kx, exchange), (known.auth, CryptoPrimitive.SIGNATURE)]
        refs = [self.algorithm(word, kind, place) for word, kind in words if word and word not in _NONE]
        if known.bits:
            size = str(known.bits)
            mode = f"-{known.mode}" if known.mode and known.mode != "stream" else ""
            cipher = f"{known.enc}-{size}{mode}"
            refs.append(self.algorithm(cipher, _cipher(cipher), place, parameter=size))
        return refs

    def _group(self, name: str, place: str) -> BomRef:
        known = registry.find_group(name)
        kind = known.kind if known else ""
        level = 0 if kind in ("EC", "FFDHE") else _level(name)
        primitive = _GROUPS.get(kind, CryptoPrimitive.KEY_AGREE)
        return self.algorithm(name, primitive, place, parameter=name, level=level)

    def _exchange(self, name: str, place: str) -> BomRef:
        """Return the reference of a key exchange of SSH."""
        if readiness.is_quantum_exchange(name):
            return self.algorithm(name, CryptoPrimitive.COMBINER, place, level=_level(name))
        return self.algorithm(name, CryptoPrimitive.KEY_AGREE, place, level=0)


def _level(name: str) -> int | None:
    """Return NIST's category of the ML-KEM in a name; None for another algorithm."""
    return next((level for size, level in _QUANTUM_LEVELS.items() if f"mlkem{size}" in name.lower()), None)


_NAMELESS = BomRef()
"""Shared: the library orders occurrences by their references first, and takes two that are empty for different ones in no order."""


def evidence(places: Iterable[str]) -> ComponentEvidence:
    """Return the places of a component, in the same order each time."""
    rows = [Occurrence(bom_ref=_NAMELESS, location=visible(place) or ".") for place in places]
    return ComponentEvidence(occurrences=rows)


def write(run: Run, _options: RenderOptions) -> bytes:
    """Return the CBOM of everything that a run looked at, as JSON."""
    made = Inventory()
    bom = Bom(metadata=BomMetaData(timestamp=run.finished.replace(microsecond=0)))
    bom.metadata.tools.tools.add(Tool(name=run.tool, version=run.version or __version__))
    known = {one.id for one in run.subjects}
    host_of = hosts(run)
    for subject in run.subjects:
        if subject.offer and subject.same_as not in known:
            server = _component(subject, host_of.get(subject.id, ""))
            bom.components.add(server)
            parts = [Dependency(one.bom_ref) for one in made.add(_server(subject))]
            bom.dependencies.add(Dependency(server.bom_ref, parts))
    for finding in run.findings:
        if finding.rule.id.startswith("key/"):
            made.private_key(finding.evidence or finding.rule.title, finding.where)
    bom.components.update(made.all())
    gaps = [f"{one.id}: {one.reason}" for one in run.subjects if one.examined is not Examined.FULL]
    if gaps:
        more = [f"{len(gaps) - _FEW} more"] * (len(gaps) > _FEW)
        bom.metadata.properties.add(_property("incomplete", "; ".join([*gaps[:_FEW], *more])))
    names = "\n".join(sorted(str(one.bom_ref) for one in bom.components))
    bom.serial_number = uuid.uuid5(_NAMESPACE, f"{instant(run.started)}\n{names}")
    return JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"


def _server(subject: Subject) -> InventoriedServer:
    """Return a subject of a run as the inventory takes it."""
    place = subject.id if vantage(subject) is Vantage.WIRE else subject.id.partition("#")[0]
    unknown = tuple(subject.stats.get("verdicts", ())) if "releases" in subject.stats else ()
    command = "harden tls audit FILE --target TARGET@VERSION" if unknown else ""
    return InventoriedServer(
        name=subject.id, place=place, offer=subject.offer or {}, candidates=unknown, command=command
    )


def _component(subject: Subject, host: str) -> Component:
    """Return the server itself, on which its protocols and certificates hang."""
    offer = subject.offer or {}
    facts = {
        "host": host,
        "seen-by": vantage(subject).value,
        "key-agreement": offer.get("key_agreement", ""),
        "not-examined": subject.reason if subject.examined is not Examined.FULL else "",
        "coverage": "only what the policies forbid was asked for; `harden tls scan --full` lists everything"
        if offer.get("coverage") == "forbidden-only"
        else "",
    }
    return Component(
        name=visible(subject.id), type=ComponentType.APPLICATION, bom_ref=visible(f"server:{subject.id}"),
        properties=[_property(name, value) for name, value in facts.items() if value],
    )  # fmt: skip


def _property(name: str, value: str) -> Property:
    return Property(name=f"{_OURS}:{name}", value=visible(value))


def _key(key: str) -> tuple[str, str]:
    """Return name and size of a public key such as `rsa:2048`."""
    kind, _, size = key.partition(":")
    if size:
        return f"{kind.upper()}-{size}", size
    return {"ed25519": "Ed25519", "ed448": "Ed448"}.get(kind, kind or "unknown"), ""


def _protocol(one: InventoriedServer, ref: str, name: str, properties: ProtocolProperties) -> Component:
    return Component(
        name=visible(f"{name} of {one.name}"),
        type=ComponentType.CRYPTOGRAPHIC_ASSET,
        bom_ref=ref,
        crypto_properties=CryptoProperties(
            asset_type=CryptoAssetType.PROTOCOL, protocol_properties=properties
        ),
        evidence=evidence([one.place]),
        properties=_properties(one),
    )


def _properties(one: InventoriedServer) -> list[Property]:
    """Return what was assumed; or, where nobody says which release runs, that nothing is known of what is offered."""
    if not one.candidates:
        return [_property("assumed", word) for word in one.offer.get("assumptions", ())[:_ASSUMED]]
    return [
        _property("release", "not known, so versions and suites are not listed"),
        *(_property("candidates", word) for word in one.candidates),
        _property("next", one.command),
    ]


@cache
def _suites() -> Mapping[str, registry.Suite]:
    return {s.iana: s for s in registry.suites()}


def _cipher(name: str) -> CryptoPrimitive:
    if any(word in name.lower() for word in _SEALING):
        return CryptoPrimitive.AE
    stream = any(word in name.lower() for word in _STREAMS)
    return CryptoPrimitive.STREAM_CIPHER if stream else CryptoPrimitive.BLOCK_CIPHER


def _codes(name: str) -> list[str]:
    """Return the code point as one word: the library keeps identifiers in its own order."""
    known = _suites().get(name)
    return [f"0x{known.code >> 8:02X},0x{known.code & 0xFF:02X}"] if known else []
