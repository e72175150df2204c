"""The host audit as a part of an upgrade: what is found before the first change, what is left or new after it.

The upgrade is not proved while there is, at or above the threshold and not waived: a component that must not be there, a
secret that every account can read, or anything that was not found before. What else was there before (sudo's rules,
certificates, TLS of other servers) is reported and does not keep the host from its new release; so is all TLS in files where
the endpoints are scanned, for a scan knows what a file only lets expect.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardening import waivers
from hardening.errors import HardeningError, NothingExaminedError
from hardening.findings import Examined, Finding, Run, Severity, Subject
from hardening.host import checks as looks
from hardening.host import gather
from hardening.host.checks.rules import ENGINE_NOT_SEEN, PORT_DIFFERS, WORLD_READABLE
from hardening.host.session import Session
from hardening.tls.policy import load as load_policy
from hardening.upgrade import audited

LIMITS = gather.GatherLimits(largest=32 << 20, total=2 << 30)
"""What of a host an upgrade looks at: less places than `harden host audit`, and larger files in them."""
KEPT = 5000
"""Findings whose places are kept on the host for the comparison; with more, what is new is not judged."""
NAMED = 5
"""Findings that the reason of a way back names."""

Row = dict[str, Any]


def _is_left(one: Subject) -> bool:
    """Return whether part of a host's files was not read; a list that was read and not settled is a finding of its own."""
    unsettled = (one.offer or {}).get("inconclusive", ())
    return one.examined is Examined.PARTIAL and one.reason not in unsettled


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAudit:
    """Settings of the audit of one host, and the findings that fail it."""

    look: Callable[[], Run]
    """Brings the host's files and audits the copy. Errors: HardeningError."""
    threshold: Severity | None = Severity.MEDIUM
    """The least severity that keeps an upgrade from being proved; None: none does."""
    accepted: Sequence[waivers.Waiver] = ()
    scanned: bool = False
    """Whether the host's endpoints are scanned too: what a server really offers counts more than what its files let expect."""

    def before(self) -> Row:
        """Return what `begin` keeps on the host: the places of all findings, or why they are not known."""
        try:
            places = [[one.rule.id, one.where] for one in self.look().findings]
        except NothingExaminedError:
            return {"places": [], "whole": True}
        except HardeningError as problem:
            return {"places": [], "whole": False, "why": f"the host audit failed: {problem}"}
        why = {"why": f"{len(places)} findings are too many to compare"} if len(places) > KEPT else {}
        return {"places": places[:KEPT], "whole": not why, **why}

    def planned(self) -> Row:
        """Return what is found now, and what of it has to be gone after an upgrade."""
        try:
            rows = self._rows(self.look())
        except HardeningError as problem:
            return audited.unknown(str(problem))
        return audited.summary(rows, planned=True)

    def after(self, before: Row | None) -> tuple[Row, list[str]]:
        """Return what is found now beside what was before, and what of it keeps the upgrade from being proved."""
        known = before if before is not None and before["whole"] else None
        try:
            run = self.look()
            rows = self._rows(run, known)
        except NothingExaminedError as nothing:
            return audited.unknown(str(nothing)), []
        except HardeningError as problem:
            why = f"the host audit failed: {problem}"
            return audited.unknown(why), [] if self.threshold is None else [why]
        now = {(row["rule"]["id"], audited.path(row)) for row in rows}
        places = sorted({(rule, path) for rule, path in known["places"]} if known else ())
        audit = audited.summary(rows, gone=[list(one) for one in places if one not in now])
        audit["partial"] = "; ".join(one.reason for one in run.subjects if _is_left(one))
        if known:
            audit["before"] = len(known["places"])
        else:
            audit["unknown"] = (before or {}).get("why") or "the host was not audited before the upgrade"
        wrong = [
            f"host audit: {row['rule']['id']} at {audited.where(row)}"
            for row in audit["rows"]
            if row["fails"]
        ]
        more = [f"host audit: {audit['failing'] - NAMED} more"] if audit["failing"] > NAMED else []
        return audit, wrong[:NAMED] + more

    def _rows(self, run: Run, known: Row | None = None) -> list[Row]:
        """Return the findings, each with whether it was there before, is accepted, and fails."""
        today = datetime.now(UTC).date()
        valid = [one for one in self.accepted if one.expires >= today]
        left, rows = Counter(map(tuple, known["places"])) if known else Counter(), []
        for one in run.findings:
            place = (one.rule.id, one.where)
            new = known is not None and left[place] < 1
            left[place] -= 1
            waiver = next((waiver for waiver in valid if waiver.matches(one)), None)
            counts = self._counts(one, new=new)
            grave = self.threshold is not None and one.level >= self.threshold
            fails = counts and grave and waiver is None
            rows.append(audited.row(one, waiver, new=new, counts=counts, fails=fails))
        return rows

    def _counts(self, one: Finding, *, new: bool) -> bool:
        """Return whether a finding may keep an upgrade from being proved, if it is grave enough and not accepted."""
        if one.rule.id in (
            PORT_DIFFERS.id,
            ENGINE_NOT_SEEN.id,
        ):  # a restart that is left to a person is pending, not wrong
            return False
        if one.rule.id.startswith("tls/") and self.scanned:
            return False
        return new or one.rule.id.startswith("component/") or one.rule.id == WORLD_READABLE.id


def of_host(
    session: Session,
    *,
    root: str,
    paths: Sequence[str],
    policy: str,
    fail_on: str,
    waiver_file: str = "",
    scanned: bool = False,
    engine: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> HostAudit:
    """Return the audit of one host over its connection; `paths` are looked at beside the product's own.

    The host's files are for a moment below `folder`, which whoever called removes even when this process is killed.

    Errors: InputError, DataError (a waiver file that is absent or wrong).
    """

    def look() -> Run:
        with tempfile.TemporaryDirectory(prefix="harden-audit-", dir=folder) as place:
            copy = gather.host(
                session,
                Path(place) / "tree",
                looks.wanted(more=paths, everywhere=False),
                label=session.where,
                root=root,
                engine=engine,
                limits=LIMITS,
            )
            return looks.audit(copy, [load_policy(policy)], more=paths, everywhere=False)

    threshold = None if fail_on == "never" else Severity[fail_on.upper()]
    accepted = waivers.load(Path(waiver_file)) if waiver_file else ()
    return HostAudit(look=look, threshold=threshold, accepted=accepted, scanned=scanned)
