"""Table and what was seen into one answer for each advisory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hardening.advisories.seen import Seen
from hardening.findings import Location, SubjectKind
from hardening.products import AdvisoryEvidence, ProductAdvisory
from hardening.products.pack import EvidenceKind
from hardening.products.releases import ordered


class Status(StrEnum):
    """The four words of VEX, the worst first."""

    AFFECTED = "affected"
    UNDER_INVESTIGATION = "under_investigation"
    FIXED = "fixed"
    NOT_AFFECTED = "not_affected"


class Why(StrEnum):
    """Why something is not affected."""

    NO_COMPONENT = "component_not_present"
    NO_CODE = "vulnerable_code_not_present"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryAnswer:
    """One advisory for one subject."""

    advisory: ProductAdvisory
    status: Status
    because: str
    evidence: tuple[tuple[AdvisoryEvidence, Location], ...] = ()
    justification: Why | None = None


def answers(advisories: Sequence[ProductAdvisory], seen: Seen) -> tuple[AdvisoryAnswer, ...]:
    """Return the answer to each advisory, in their order."""
    return tuple(_answer(one, seen) for one in advisories)


def _answer(advisory: ProductAdvisory, seen: Seen) -> AdvisoryAnswer:
    evidence = seen.places(advisory.evidence)
    status, because, why = _judged(advisory, seen, evidence)
    return AdvisoryAnswer(
        advisory=advisory, status=status, because=because, evidence=evidence, justification=why
    )


def _judged(
    advisory: ProductAdvisory, seen: Seen, evidence: tuple[tuple[AdvisoryEvidence, Location], ...]
) -> tuple[Status, str, Why | None]:
    if any(one.kind is EvidenceKind.ACCOUNT for one, _ in evidence):
        return Status.AFFECTED, "a published default password is still in place", None
    if not seen.product:
        return Status.UNDER_INVESTIGATION, "the product was not found", None
    if advisory.part == "studio" and seen.kind is SubjectKind.HOST:
        because = "the advisory is about ASPECT-Studio on a Windows workstation, and this is a server"
        return Status.NOT_AFFECTED, because, Why.NO_COMPONENT
    release = ordered(seen.release)
    if release is None:
        found = (
            "a sign that the advisory names was found"
            if evidence
            else "no sign that the advisory names was found"
        )
        return Status.UNDER_INVESTIGATION, f"the release is not known; {found}", None
    return _by_release(advisory, seen, release)


def _by_release(
    advisory: ProductAdvisory, seen: Seen, release: tuple[int, ...]
) -> tuple[Status, str, Why | None]:
    fixed = ordered(advisory.fixed_in)
    if fixed is not None and release >= fixed:
        return Status.FIXED, f"release {seen.release}; fixed in {advisory.fixed_in}", None
    before_the_fix = fixed is not None and advisory.affected.sign != "="
    if not (release in advisory.affected or before_the_fix):
        because = f"release {seen.release} is not among those named ({advisory.affected}), and no source states a fix"
        return Status.UNDER_INVESTIGATION, because, None
    if _pages_are_gone(advisory, seen):
        return Status.NOT_AFFECTED, "the pages that the advisory names are not in the web root", Why.NO_CODE
    return Status.AFFECTED, f"release {seen.release} is affected ({advisory.affected})", None


def _pages_are_gone(advisory: ProductAdvisory, seen: Seen) -> bool:
    """Return whether all that an advisory names is pages, and each is absent from a web root that was read in full."""
    pages = [one for one in advisory.evidence if one.kind is EvidenceKind.PAGE]
    others = [one for one in advisory.evidence if one.kind not in (EvidenceKind.PAGE, EvidenceKind.FILE)]
    return (
        seen.whole_web_root
        and bool(pages)
        and not others
        and all(one.value.endswith(".php") for one in pages)
        and not any(one in seen.found for one in pages)
    )
