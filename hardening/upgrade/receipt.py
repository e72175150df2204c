"""The signed receipt of an upgrade: which bundle, which hosts, what became of each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bundle.trust import dsse, keys
from bundle.trust.policy import TrustPolicy
from bundle.trust.verify import REPORT
from hardening import __version__, inputs
from hardening.errors import ExitCode, RefusedError
from hardening.findings import Finding, Result, Run, Subject, SubjectKind, Verdict, in_file
from hardening.upgrade.admission import AdmittedUpgrade

PREDICATE = "urn:aspect-hardening:upgrade-receipt:v1"


def sealed(run: Run, job: AdmittedUpgrade, key: keys.PrivateKey, *, by: str) -> bytes:
    """Return the signed receipt: which bundle, which hosts, what became of each."""
    value = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": job.bundle.rpartition("/")[2], "digest": {"sha256": job.sha256}}],
        "predicateType": PREDICATE,
        "predicate": {
            "product": job.product,
            "release": job.release,
            "by": by,
            "started": _stamp(run.started),
            "finished": _stamp(run.finished),
            "tool": f"aspect-hardening {__version__}",
            "hosts": [
                {
                    "host": one.id,
                    **{
                        key: one.stats[key]
                        for key in ("state", "from", "to", "upgrade")
                        if one.stats.get(key)
                    },
                    "reasons": [r.reason for r in run.results if r.subject == one.id and r.reason],
                }
                for one in run.subjects
            ],
        },
    }
    payload = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return dsse.seal(payload, key).to_bytes()


def is_receipt(path: Path) -> bool:
    """Return whether a file claims to be the receipt of an upgrade. No signature is checked."""
    try:
        return bool(json.loads(dsse.load(path, named=False).payload)["predicateType"] == PREDICATE)
    except (OSError, RefusedError, ValueError, KeyError, TypeError, RecursionError):
        return False


def verified(path: Path, trusted: TrustPolicy) -> Run:
    """Check a signed receipt; return a run that exits 0 and names every host's state, or 11 saying why."""
    started, reason, message, verdict = datetime.now(UTC), "", "", Verdict.PASS
    try:
        data = inputs.read(path, dsse.LARGEST, named=False)
        value = opened(data, trusted.usable(started), threshold=trusted.threshold)
        message = "; ".join(f"{row['host']}: {row['state']}" for row in value["hosts"])
    except (OSError, RefusedError) as problem:
        reason, verdict = str(problem), Verdict.FAIL
    except (KeyError, TypeError):
        reason, verdict = "the signed receipt is malformed", Verdict.FAIL
    subject = str(path)
    return Run.of(
        [Subject(id=subject, kind=SubjectKind.FILE)],
        [Finding(rule=REPORT, subject=subject, location=in_file(path), message=reason)] if reason else [],
        [Result(rule=REPORT, subject=subject, verdict=verdict, reason=reason or message)],
        started=started,
        extra_codes={ExitCode.REFUSED} if reason else set(),
    )


COLUMNS = ("day", "host", "state", "from", "to", "product", "release", "by", "signature")
"""What `rows` tells of each host."""


def rows(path: Path, trusted: list[keys.PublicKey]) -> list[tuple[str, ...]]:
    """Return a row for each host of a receipt, in the order of `COLUMNS`.

    Without trusted keys the last column says that nobody checked the signature.
    Errors: RefusedError (no receipt, malformed, or not signed by these keys).
    """
    envelope = dsse.load(path, named=False)
    if trusted:
        envelope.verify(trusted, threshold=1)
    value = _content(envelope)
    signature = "verified" if trusted else "not checked"
    try:
        shared = tuple(str(value[key]) for key in ("product", "release", "by"))
        return [
            (value["finished"][:10], str(host["host"]), str(host["state"]), str(host.get("from", "")),
             str(host.get("to", "")), *shared, signature)
            for host in value["hosts"]
        ]  # fmt: skip
    except (KeyError, TypeError, AttributeError) as problem:
        raise RefusedError("the receipt is malformed", hint="give the file that --receipt wrote") from problem


def opened(data: bytes, trusted: list[keys.PublicKey], *, threshold: int = 1) -> dict[str, Any]:
    """Return what a signed receipt says. Errors: RefusedError."""
    envelope = dsse.parse(data)
    envelope.verify(trusted, threshold=threshold)
    return _content(envelope)


def _content(envelope: dsse.Envelope) -> dict[str, Any]:
    try:
        value = dsse.content(envelope)
        if value["predicateType"] != PREDICATE:
            raise ValueError(value["predicateType"])  # noqa: TRY301 - one way out for every other document
        return {"sha256": value["subject"][0]["digest"]["sha256"], **value["predicate"]}
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as problem:
        raise RefusedError(
            "the signed document is not an upgrade receipt", hint="give the file that --receipt wrote"
        ) from problem


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
