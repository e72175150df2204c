"""Whether a bundle is what was signed: fails closed, and names the first thing that is not."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from bundle import onefile
from bundle.trust import attest, dsse, installed, keys, statement
from bundle.trust.digest import digest
from bundle.trust.inventory import first_difference, inventory, listed
from bundle.trust.policy import TrustPolicy
from hardening.errors import ArchiveError, ExitCode, HardeningError, RefusedError
from hardening.findings import (
    Examined,
    Finding,
    Result,
    Rule,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
    in_file,
)

SIGNATURE_SUFFIX = ".dsse.json"
CLOCK_SKEW = timedelta(minutes=10)
"""How far the signer's clock may be ahead of ours."""
_MORE = 64 << 20
"""Bytes above those of the signed bundle with which a file is another one, whose members are not compared."""

SIGNATURE = Rule(
    id="trust/signature",
    title="The bundle is not signed by a trusted key",
    severity=Severity.CRITICAL,
    rationale="Without a signature that verifies, anybody on the way may have made or changed the bundle.",
    remedy="Do not install it. Get the bundle and its signature again from the release engineer.",
    references=("https://github.com/secure-systems-lab/dsse",),
)
CONTENT = Rule(
    id="trust/content",
    title="The bundle differs from what was signed",
    severity=Severity.CRITICAL,
    rationale="Some byte changed after signing: a damaged copy, or a changed one.",
    remedy="Do not install it. Copy the bundle again and verify the copy.",
)
PRODUCT = Rule(
    id="trust/product",
    title="The bundle is for another product, or names none",
    severity=Severity.CRITICAL,
    rationale="One key may sign for many products, and the bundle of one breaks a host of another.",
    remedy="Do not install it. Get the bundle of the product that --product names.",
)
VALIDITY = Rule(
    id="trust/validity",
    title="The signature is not valid at this time",
    severity=Severity.CRITICAL,
    rationale="An expired release may lack fixes; a clock before the signature cannot tell whether it expired.",
    remedy="Set the clock, or get a release whose signature has not expired.",
)


ROLLBACK = Rule(
    id="trust/rollback",
    title="The bundle is older than what is installed, or of another product",
    severity=Severity.CRITICAL,
    rationale="An old release is signed too, and brings its weaknesses back.",
    remedy="Install a newer release of the installed product. To install this one on purpose: --force-older REASON, which is recorded.",
)

STATEMENT = Rule(
    id="trust/statement",
    title="A further signed statement is missing or does not hold",
    severity=Severity.CRITICAL,
    rationale="The policy of this host asks for more than the bundle's signature: what it holds, or that it was audited.",
    remedy="Get the statement beside the bundle from the release engineer, or have the bundle signed with it.",
)
REPORT = Rule(
    id="trust/report",
    title="The report is not what a trusted key has signed",
    severity=Severity.CRITICAL,
    rationale="A report without a signature that verifies proves nothing about what it reports.",
    remedy="Get the report and its signature again from whoever made it.",
)


_ACCOUNT = frozenset(("salt", "input", "inputMembers", "outputMembers", "removed", "replaced"))
"""What an account of a cleaning says; `bundle verify-clean` compares it."""
_WORK = ("sign ", "clean ")
"""How a hint begins that is for whoever makes the bundle."""


def rules() -> tuple[Rule, ...]:
    """Return every rule verification can say."""
    return (SIGNATURE, CONTENT, PRODUCT, VALIDITY, ROLLBACK, STATEMENT, REPORT)


def signature_of(path: Path) -> Path:
    """Return where the signature of a bundle lies unless told otherwise."""
    return path.with_name(path.name + SIGNATURE_SUFFIX)


def verify(
    path: Path,
    trusted: Sequence[keys.PublicKey] | TrustPolicy,
    *,
    signature: Path | None = None,
    threshold: int = 1,
    now: datetime | None = None,
    product: str = "",
    state_file: Path | None = None,
    force_reason: str = "",
    record: bool = False,
    require: Sequence[str] = (),
    whole: Callable[[], tuple[str, int]] | None = None,
    held: Callable[[statement.Statement], None] = lambda _signed: None,
) -> Run:
    """Check one bundle and return a run that exits 0, or 11 with what was wrong first.

    `held` gets the statement once everything holds: who reads the signature again may read another one.

    `whole` returns the SHA-256 (hex) and size of the bundle, where somebody is reading it already.
    `require` names further statements beside the bundle that have to hold (see `attest.KINDS`).

    `product` is the name that the signature has to have. `state_file` says what is installed: a bundle of another
    product, or of none, and an older release are refused unless there is a `force_reason`, and the time
    is at least the latest it has seen. `record` notes this release as installed once everything else is right.
    Errors: InputError when the bundle itself does not exist or may not be read.
    """
    started, begun = datetime.now(UTC), monotonic()
    now = now or started
    policy = trusted if isinstance(trusted, TrustPolicy) else TrustPolicy.of(trusted, threshold)
    signed: statement.Statement | None = None
    rule, reason, hint, forced = SIGNATURE, "", "", ""
    further: list[str] = []
    found_size = 0
    signers: tuple[str, ...] = ()
    onefile.required(path)
    try:
        rule = ROLLBACK
        state = installed.load(state_file) if state_file else installed.Installed()
        rule, now = SIGNATURE, state.moment(now)
        envelope = _envelope(signature or signature_of(path), named=signature is not None)
        signers = _signers(envelope, policy, now)
        rule, signed = PRODUCT, statement.of(envelope)
        _check_product(signed, product)
        rule = VALIDITY
        _check_time(signed, now)
        rule = ROLLBACK
        older = state.objection(signed)
        if older and not force_reason:
            raise RefusedError(older, hint="install a newer release")  # noqa: TRY301 - one way out for every refusal
        forced = f"forced although {older}: {force_reason}" if older else ""
        rule = CONTENT
        found_size = _check_content(path, whole or partial(digest, path), signed, policy, now)
        rule = STATEMENT
        further = [_further(path, kind, policy, signed.sha256, now) for kind in require]
        if record and state_file:
            rule = ROLLBACK
            installed.note(state_file, signed, now, reason=force_reason)
        held(signed)
    except RefusedError as problem:
        reason, hint = str(problem), problem.hint
    seconds = round(monotonic() - begun, 3)
    stats = {"seconds": seconds, "signers": list(signers), **_stats(signed, found_size, further, policy)}
    seen = Subject(id=str(path), kind=SubjectKind.BUNDLE, examined=Examined.FULL, stats=stats)
    asked = {PRODUCT: bool(product), ROLLBACK: state_file is not None, STATEMENT: bool(require)}
    results = _results(seen.id, rule if reason else None, reason, signed, asked, forced)
    if not reason:
        return Run.of([seen], [], results, started=started)
    asks = rule is STATEMENT and hint.startswith(_WORK)
    remedy = f"Do not install it; ask the release engineer to {hint}." if asks else ""
    found = Finding(rule=rule, subject=seen.id, location=in_file(path), message=reason, remedy=remedy)
    return Run.of([seen], [found], results, started=started, extra_codes={ExitCode.REFUSED})


def _stats(
    signed: statement.Statement | None, size: int, further: Sequence[str], policy: TrustPolicy
) -> dict[str, Any]:
    """Return what is known of a bundle, and the last days of its signature and of the trusted keys."""
    ends = {
        f"signing key {keys.keyid(one.key)[:16]}": str(one.not_after)
        for one in policy.trusted
        if one.not_after
    }
    stats: dict[str, Any] = {"bytes": size} if size else {}
    if further:
        stats["statements"] = further
    if signed:
        stats |= {"members": len(signed.members), "product": signed.product, "release": signed.release}
        if signed.expires:
            ends["signature"] = str(signed.expires.date())
    return {**stats, "ends": ends} if ends else stats


def verify_report(path: Path, policy: TrustPolicy, *, now: datetime | None = None) -> Run:
    """Check a signed report and return a run that exits 0, or 11 saying why. Errors: InputError (no such report)."""
    started = datetime.now(UTC)
    now = now or started
    sha256, size = digest(path)
    reason = ""
    try:
        report = attest.opened(attest.beside(path, "report"), "report", policy, sha256, now=now)
        created = datetime.fromisoformat(report["created"])
        if now + CLOCK_SKEW < created:
            raise RefusedError("the clock is before the signature", hint="set the clock of this machine")  # noqa: TRY301 - one way out for every refusal
    except RefusedError as problem:
        reason = str(problem)
    except (KeyError, TypeError, ValueError):
        reason = "the signed statement is malformed"
    subject = str(path)
    verdict = Verdict.FAIL if reason else Verdict.PASS
    return Run.of(
        [Subject(id=subject, kind=SubjectKind.FILE, examined=Examined.FULL, stats={"bytes": size})],
        [Finding(rule=REPORT, subject=subject, location=in_file(path), message=reason)] if reason else [],
        [Result(rule=REPORT, subject=subject, verdict=verdict, reason=reason)],
        started=started,
        extra_codes={ExitCode.REFUSED} if reason else set(),
    )


def _results(
    subject: str,
    failed: Rule | None,
    reason: str,
    signed: statement.Statement | None,
    asked: Mapping[Rule, bool],
    forced: str,
) -> list[Result]:
    """Return a result for each check: they stop at the first failure, and what comes after it is skipped.

    Nothing was looked at where it cannot be read what is installed: that is the first thing asked for.
    """
    results = []
    state = Verdict.SKIPPED if failed is ROLLBACK and signed is None else Verdict.PASS
    for rule in (SIGNATURE, PRODUCT, VALIDITY, ROLLBACK, CONTENT, STATEMENT):
        if not asked.get(rule, True):
            continue
        if rule is ROLLBACK and forced:
            results.append(Result(rule=rule, subject=subject, verdict=Verdict.WAIVED, reason=forced))
        elif rule is failed:
            results.append(Result(rule=rule, subject=subject, verdict=Verdict.FAIL, reason=reason))
        else:
            results.append(Result(rule=rule, subject=subject, verdict=state))
        if rule is failed:
            state = Verdict.SKIPPED
    return results


def _signers(envelope: dsse.Envelope, policy: TrustPolicy, now: datetime) -> tuple[str, ...]:
    try:
        return envelope.verify(policy.usable(now), threshold=policy.threshold)
    except RefusedError as problem:
        objections = policy.objections(now)
        if not objections or objections in str(problem):
            raise
        raise RefusedError(f"{problem}; {objections}", hint=problem.hint) from problem


def _envelope(path: Path, *, named: bool) -> dsse.Envelope:
    try:
        return dsse.load(path, named=named)
    except OSError as problem:
        if problem.errno == errno.EFBIG:
            raise RefusedError(
                f"{path} is larger than any signature", hint="it is not the signature of this bundle"
            ) from problem
        raise RefusedError(
            f"no signature: {path}: {problem.strerror}",
            hint="a bundle is only trusted with its .dsse.json beside it",
        ) from problem


def _check_product(signed: statement.Statement, product: str) -> None:
    if product and signed.product != product:
        what = f"for the product {signed.product!r}, not" if signed.product else "for no product, and not for"
        raise RefusedError(f"it is signed {what} {product!r}", hint=f"get the bundle of {product}")


def _check_time(signed: statement.Statement, now: datetime) -> None:
    if now + CLOCK_SKEW < signed.created:
        raise RefusedError(
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, before the signature of {signed.created:%Y-%m-%d %H:%M}",
            hint="set the clock of this machine",
        )
    if signed.expires and now > signed.expires:
        raise RefusedError(f"the signature expired on {signed.expires:%Y-%m-%d}", hint="get a newer release")


def _further(path: Path, kind: str, policy: TrustPolicy, sha256: str, now: datetime) -> str:
    """Return what a further statement says, once it holds. Errors: RefusedError."""
    from bundle.trust import summary

    predicate = attest.opened(attest.beside(path, kind), kind, policy, sha256, now=now)
    if kind == "audit":
        return summary.check_audit(predicate)
    if kind == "provenance":
        return summary.check_provenance(predicate)
    if kind == "inventory":
        where = first_difference(_members(predicate), inventory(path))
        if where:
            raise RefusedError(where, hint="sign the bundle again")
        return f"every member at every nesting is as listed: {len(predicate['members'])}"
    if not isinstance(predicate, dict) or not predicate.keys() >= _ACCOUNT:
        raise RefusedError("the signed account is malformed", hint="sign the bundle again")
    return f"{kind}: signed"


def _members(predicate: Any) -> list[dict[str, Any]]:
    try:
        return listed(predicate["members"])
    except (KeyError, TypeError) as problem:
        raise RefusedError("the signed inventory is malformed", hint="sign the bundle again") from problem


def _listed(path: Path, signed: statement.Statement, policy: TrustPolicy, now: datetime) -> str:
    """Return the first member that is not as signed, by the nested inventory where that is there and holds."""
    from bundle.trust.toplevel import members

    if signed.nested:
        return first_difference(signed.members, inventory(path))
    try:
        predicate = attest.opened(
            attest.beside(path, "inventory"), "inventory", policy, signed.sha256, now=now
        )
        return first_difference(_members(predicate), inventory(path))
    except RefusedError:
        return first_difference(signed.members, members(path))


def _check_content(
    path: Path,
    whole: Callable[[], tuple[str, int]],
    signed: statement.Statement,
    policy: TrustPolicy,
    now: datetime,
) -> int:
    """Return the size of a bundle that is as signed. One of another size is not, and is not read to its end. Errors: RefusedError."""
    size = path.stat().st_size
    if size == signed.size:
        sha256, size = whole()
        if (sha256, size) == (signed.sha256, signed.size):
            return size
    if size > signed.size + _MORE:
        raise RefusedError(f"it has {size} bytes, and {signed.size} are signed", hint="copy the bundle again")
    try:
        where = _listed(path, signed, policy, now)
    except HardeningError as problem:
        if not isinstance(problem, ArchiveError):
            raise
        where = f"it can no longer be read: {problem}"
    if not where:
        where = "every member is unchanged; bytes outside the members were changed"
        if size != signed.size:
            where += f" ({size - signed.size:+d} bytes)"
    raise RefusedError(where, hint="copy the bundle again and verify the copy")
