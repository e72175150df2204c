"""Admit a bundle before the first change: signature, product, release, audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bundle.audit import audit
from bundle.clean.placeholders import Placeholder, listed, placeholders
from bundle.detect import detectors
from bundle.trust import statement
from bundle.trust.policy import TrustPolicy
from bundle.trust.verify import signature_of, verify
from hardening.errors import ExitCode
from hardening.findings import NESTING, Finding, InFile, Result, Run, Severity, Verdict, in_file
from hardening.upgrade import rules
from hardening.upgrade.logs.patterns import Meaning, Message, load, shipped
from hardening.upgrade.logs.prefixes import PREFIXES
from hardening.upgrade.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmittedUpgrade:
    """One verified bundle and the recipe to install it by: what the playbook is given."""

    bundle: str
    sha256: str
    size: int
    unpacked: int
    product: str
    release: str
    created: str
    recipe: dict[str, Any]
    signature: str = ""
    """Its envelope, for a host that verifies by its own keys."""
    stop: dict[str, Any] = field(default_factory=dict)
    """Messages that stop the installer on the host, even while nobody watches."""
    log_rules: str = ""
    """File of the operator's own messages, for the triage of the whole log on this machine."""

    def to_json(self) -> dict[str, Any]:
        """Return the form that travels as a playbook variable."""
        return {name: getattr(self, name) for name in self.__slots__}


def admit(
    path: Path,
    trusted: TrustPolicy,
    recipe: Recipe,
    *,
    signature: Path | None = None,
    fail_on: Severity | None = Severity.MEDIUM,
    log_rules: Path | None = None,
    key: bytes = b"",
    secrets: Path | None = None,
) -> tuple[Run, AdmittedUpgrade | None]:
    """Verify and audit a bundle; return what was seen, and the job unless it is refused.

    `secrets` is the list of placeholders that the hosts fill in; a bundle with another one is refused.
    `key` seals the credentials found, so that a baseline notices another one at the same place.
    Errors: InputError where the bundle does not exist, DataError where `log_rules` are wrong.
    """
    messages = load(log_rules) if log_rules else ()
    filled = listed(secrets) if secrets else frozenset()
    held: list[statement.Statement] = []
    run = verify(path, trusted, signature=signature, held=held.append)
    if run.extra_codes or not held:
        return run, None
    (stated,) = held  # not read again: the file may be another one by now
    wrong = _wrong_product(stated, recipe)
    product = Result(
        rule=rules.PRODUCT, subject=str(path), verdict=Verdict.FAIL if wrong else Verdict.PASS, reason=wrong
    )
    findings = (
        [Finding(rule=rules.PRODUCT, subject=str(path), location=in_file(path), message=wrong)]
        if wrong
        else []
    )
    codes = {ExitCode.REFUSED} if wrong else set()
    run = run.merged(Run.of((), findings, [product], started=run.started, extra_codes=codes))
    if wrong:
        return run, None
    if unfilled := [one for one in placeholders(path) if one.name not in filled]:
        return run.merged(_unfilled(path, unfilled, run.started)), None
    audited = audit([path], jobs=1, detectors=detectors(key=key))
    seen = audited.subjects[0]
    run = Run.of(
        [seen], (*run.findings, *audited.findings), (*run.results, *audited.results), started=run.started
    )
    if run.exit_code(fail_on) is not ExitCode.OK:
        return run, None
    return run, AdmittedUpgrade(
        bundle=str(path.resolve()),
        sha256=stated.sha256,
        size=stated.size,
        unpacked=int(seen.stats.get("bytes", 0)),
        product=stated.product,
        release=stated.release,
        created=stated.created.astimezone(UTC).isoformat(timespec="seconds"),
        recipe=recipe.body,
        signature=str((signature or signature_of(path)).resolve()),
        stop=stoppers((*messages, *shipped())),
        log_rules=str(log_rules.resolve()) if log_rules else "",
    )


def _unfilled(path: Path, found: Sequence[Placeholder], started: datetime) -> Run:
    """Return the refusal of a bundle whose placeholders nothing fills in: one line for each name."""
    findings = []
    for name in sorted({one.name for one in found}):
        first, *more = [one for one in found if one.name == name]
        also = f", and in {len(more)} more places" if more else ""
        findings.append(
            Finding(
                rule=rules.PLACEHOLDER,
                subject=str(path),
                location=InFile((str(path), *first.path.split(NESTING)), first.line),
                message=f"@secret:{name}@ is not filled in: {first.path}:{first.line}{also}",
                evidence=f"@secret:{name}@",
            )
        )
    names = ", ".join(f.evidence for f in findings)
    result = Result(rule=rules.PLACEHOLDER, subject=str(path), verdict=Verdict.FAIL, reason=names)
    return Run.of((), findings, [result], started=started, extra_codes={ExitCode.REFUSED})


def stoppers(messages: Sequence[Message]) -> dict[str, Any]:
    """Return the messages that stop an upgrade by their own wording, in the form the host's program takes."""
    fatal = [m for m in messages if m.meaning is Meaning.FATAL and m.context is None]
    return {
        "prefix": PREFIXES.pattern,
        "patterns": [{"id": m.rule.id.removeprefix("log/"), "regex": m.regex.pattern} for m in fatal],
    }


def older(job: AdmittedUpgrade, looked: dict[str, Any]) -> str:
    """Return why this release may not follow what a host has installed, or an empty text."""
    from bundle.trust.installed import Installed, InstalledRelease

    recorded = looked.get("record", {}).get("products", {})
    row = recorded.get(job.product)
    release = str(looked.get("installed") or (row or {}).get("release", ""))
    if not release and not recorded:
        return ""
    same = row is not None and row["release"] == release
    created = (
        datetime.fromisoformat(row["created"])
        if row is not None and same
        else datetime.min.replace(tzinfo=UTC)
    )
    products = {name: InstalledRelease("", created) for name in recorded} or {
        job.product: InstalledRelease(release, created)
    }
    if row is not None:
        products[job.product] = InstalledRelease(release, created)
    known = Installed(products=products)
    stated = statement.Statement(
        name=job.bundle,
        sha256=job.sha256,
        size=job.size,
        created=datetime.fromisoformat(job.created),
        expires=None,
        product=job.product,
        release=job.release,
        members=[],
    )
    return known.objection(stated)


def _wrong_product(stated: statement.Statement, recipe: Recipe) -> str:
    if not stated.product:
        return "the signature does not say which product the bundle is for"
    if stated.product != recipe.name:
        return f"the bundle is for {stated.product}, the recipe for {recipe.name}"
    if not stated.release:
        return "the signature does not say which release the bundle brings"
    return ""
