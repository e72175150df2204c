"""What an offer means for the years to come: post-quantum key agreement, lifetimes, and the last day of each certificate's key.

It reads the JSON form of an offer, so that reports can show it of runs that were stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from hardening import resources
from hardening.numerals import whole
from hardening.records import dataclass
from hardening.reports.key_agreement import WORDS
from hardening.tls import registry
from hardening.tls.offer import Offer
from hardening.toml_rows import Table

_CLASSICAL = ("rsa", "ec", "ecdsa", "dsa", "ed25519", "ed448")
_STRENGTH = ((15360, 256), (7680, 192), (3072, 128), (2048, 112))
"""Bits of an RSA key, and the security strength of such keys (NIST SP 800-57 part 1, table 2)."""


@dataclass(frozen=True, slots=True)
class End:
    """The last day on which an authority accepts classical keys."""

    authority: str
    source: str
    verified: str
    use: tuple[str, ...]
    last: date
    word: str
    below: int | None = None
    """The security strength under which this counts; None: for all."""


@cache
def ends() -> tuple[End, ...]:
    """Return the rows of data/quantum.toml."""
    table = Table.load(resources.tls_data() / "quantum.toml", named=False)
    table.text("read")
    rows = []
    for row in table.rows("end"):
        rows.append(
            End(
                authority=row.text("authority"),
                source=row.text("source"),
                verified=row.text("verified"),
                use=row.texts("use"),
                last=row.day("last"),
                word=row.text("word"),
                below=row.number("below", None),
            )
        )
        row.done()
    table.done()
    return tuple(rows)


def key_agreement(offer: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return `hybrid`, `classical`, `cannot` or `unknown`, and the post-quantum groups, or key exchanges of SSH, that are offered.

    `cannot`: the TLS library has no such group, or TLS 1.3 is off. `unknown`: a scan did not ask for every group.
    """
    protocols, ssh = offer.get("protocols", {}), offer.get("ssh")
    if not (protocols or ssh) or offer.get("key_agreement") == "unknown":  # the releases that may run differ
        return "unknown", ()
    if ssh:
        return _of_ssh(ssh.get("kex") or ())
    names = dict.fromkeys(name for one in protocols.values() for name in one.get("groups", ()))
    quantum = tuple(name for name in names if _is_quantum(name))
    if quantum:
        return "hybrid", quantum
    open_ = any(one.partition(" ")[0] == "TLSv1.3" for one in offer.get("inconclusive", ()))
    if offer.get("hybrid") is False or ("TLSv1.3" not in protocols and not open_):
        return "cannot", ()
    if offer.get("coverage") != "full" or offer.get("inconclusive") or not names:
        return "unknown", ()
    return "classical", ()


def _of_ssh(exchanges: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    quantum = tuple(name for name in exchanges if is_quantum_exchange(name))
    return "hybrid" if quantum else "classical" if exchanges else "unknown", quantum


def is_quantum_exchange(name: str) -> bool:
    """Return whether a key exchange of SSH is post-quantum: with ML-KEM or Streamlined NTRU Prime."""
    return name.startswith(("mlkem", "sntrup"))


def _is_quantum(name: str) -> bool:
    group = registry.find_group(name)
    return group is not None and group.kind in ("PQ", "PQ-hybrid")


def of_key(key: str) -> tuple[End, ...]:
    """Return the last days of a certificate's key, such as `rsa:2048`; none for a key that is post-quantum or not known."""
    kind, _, size = key.partition(":")
    if kind.lower() not in _CLASSICAL:
        return ()
    strength = _strength(kind.lower(), size)
    return tuple(
        one for one in ends() if "signature" in one.use and (one.below is None or 0 < strength < one.below)
    )


def of_agreement(word: str) -> tuple[End, ...]:
    """Return the last days of classical key agreement, whatever its group; none for a server that is hybrid or not known."""
    if word not in ("classical", "cannot"):
        return ()
    found = (one for one in ends() if "key-agreement" in one.use and one.below is None)
    return tuple(sorted(found, key=lambda one: one.last))


def _strength(kind: str, size: str) -> int:
    if kind in ("ed25519", "ed448"):
        return {"ed25519": 128, "ed448": 224}[kind]
    if kind in ("rsa", "dsa"):
        bits = whole(size) or 0
        return next((strength for least, strength in _STRENGTH if bits >= least), 80 if bits else 0)
    group = registry.find_group(size)
    return (group.bits or 0) // 2 if group else 0


def inventory(offer: Offer) -> dict[str, Any]:
    """Return the JSON form of an offer with the section that reports show of it, as lines."""
    shown = offer.to_json()
    if offer.protocols or offer.ssh is not None:
        shown["key_agreement"] = key_agreement(shown)[0]
        shown["readiness"] = list(lines(shown))
        keys = dict.fromkeys(one["key"] for one in shown["certificates"] if one.get("authority"))
        rows = {"key agreement": of_agreement(shown["key_agreement"]), **{key: of_key(key) for key in keys}}
        shown["key_ends"] = [
            {
                "key": key,
                "last": row.last.isoformat(),
                "word": row.word,
                "authority": row.authority,
                "source": row.source,
            }
            for key, found in rows.items()
            for row in found
        ]
    return shown


def of_releases(shown: dict[str, Any], offers: Mapping[str, Offer]) -> dict[str, Any]:
    """Return the JSON form of an offer as nobody knows which release runs: where they differ, each is said and none believed.

    `offers` has what each release would offer, by its name.
    """
    words: dict[str, list[str]] = {}
    for name, one in offers.items():
        words.setdefault(key_agreement(one.to_json())[0], []).append(name)
    if len(words) < 2 or "readiness" not in shown:  # noqa: PLR2004 - two words differ
        return shown
    listed = "; ".join(f"{WORDS[word]} with {', '.join(names)}" for word, names in sorted(words.items()))
    text = f"key agreement: not known, for it depends on the release: {listed}"
    return {**shown, "key_agreement": "unknown", "readiness": [text, *shown["readiness"][1:]]}


def lines(offer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of a report about one offer: key agreement, then each certificate of a server's own."""
    word, groups = key_agreement(offer)
    if word == "unknown" and offer.get("ssh"):
        yield "key agreement: not known, for the list of key exchanges is not"
        return
    why = "the TLS library has no group with ML-KEM"
    if offer.get("hybrid") is not False:
        why = "TLS 1.3 is not offered, and no earlier version has a group with ML-KEM"
    ends_ = [f"{row.word} after {row.last.year} ({row.authority})" for row in of_agreement(word)]
    yield "; ".join((f"key agreement: {_AGREEMENT[word].format(groups=', '.join(groups), why=why)}", *ends_))
    for one in offer.get("certificates", ()):
        if one.get("authority"):
            yield f"certificate {one['subject']}: {', '.join(_of_card(one))}"


_AGREEMENT = {
    "hybrid": "hybrid, post-quantum ({groups})",
    "classical": "classical alone: whoever records the traffic now can decrypt it with a quantum computer",
    "cannot": "classical alone, because {why}: whoever records the traffic now can decrypt it with a quantum computer",
    "unknown": "not known whether it is post-quantum: `harden tls scan HOST --full` asks for every group",
}


def _of_card(one: Mapping[str, Any]) -> Iterator[str]:
    begin, end = (datetime.fromisoformat(one[name]) for name in ("not_before", "not_after"))
    days = -((begin - end).days)
    yield f"{one['key'] or 'key not known'}"
    limit = "" if one["authority"] == "public" else " (the limits of the CA/Browser Forum do not apply)"
    yield f"{one['authority']}, valid for {days} days until {end:%Y-%m-%d}{limit}"
    for row in of_key(one["key"]):
        yield f"{row.word} after {row.last.year} ({row.authority})"
