"""The public Python API: what `import hardening` offers. Everything else in the package may change in any release.

run = hardening.audit_bundle("update.zip")
print(hardening.report(run, "markdown").decode())

docs/api.md explains each name with an example, and says what stays stable.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hardening.errors import ExitCode, HardeningError
from hardening.findings import Confidence, Examined, Finding, Result, Rule, Run, Severity, Subject, Verdict
from hardening.tls.judging.judgement import Judgement
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.rendering.rendered import Rendered

__all__ = [
    "Confidence",
    "Examined",
    "ExitCode",
    "Finding",
    "HardeningError",
    "Judgement",
    "Offer",
    "Policy",
    "Rendered",
    "Result",
    "Rule",
    "Run",
    "Severity",
    "Subject",
    "Verdict",
    "audit_bundle",
    "audit_tls",
    "judge",
    "offer",
    "policy",
    "render",
    "report",
    "scan",
    "verify",
]

AnyPath = str | os.PathLike[str]
"""A path, as text or as an object."""


def policy(name: str = "aspect") -> Policy:
    """Return a policy by its id, its short name, or the path of a TOML file. Errors: UsageError, DataError."""
    from hardening.tls.policy import load

    return load(name)


def audit_bundle(*paths: AnyPath, jobs: int | None = None) -> Run:
    """Return what `harden bundle audit` finds in archives or folders: one subject per path.

    Nothing is executed and nothing is unpacked to disk. `jobs` is the number of worker processes (default: one per
    core). Errors: UsageError (no path), InputError (a path is absent or may not be read).
    """
    from bundle.audit import audit
    from bundle.detect import detectors

    _some(paths, "hardening.audit_bundle('update.zip')")
    return audit(paths, detectors=detectors(), jobs=jobs)


def audit_tls(
    *paths: AnyPath,
    policies: Iterable[str] = ("aspect",),
    target: str | None = None,
    openssl: str | None = None,
) -> Run:
    """Return what `harden tls audit` finds in configuration files or folders such as /etc/httpd.

    `target` is TARGET or TARGET@VERSION; without it the server is found from the files. `openssl` is the build that the
    server runs with. Errors: UsageError (no path, an unknown name), InputError (a path is absent or may not be read).
    """
    from hardening.tls.auditing.audit import audit
    from hardening.tls.auditing.mains import AuditInput
    from hardening.tls.targets import find, parted

    _some(paths, "hardening.audit_tls('/etc/httpd')")
    started = datetime.now(UTC)
    name, version = parted(target or "")
    request = AuditInput(target=find(name) if name else None, version=version, build=openssl, now=started)
    found = audit([Path(one) for one in paths], _policies(policies), request)
    return Run.of(found.subjects, found.findings, found.results, started=started)


def scan(*endpoints: str, policies: Iterable[str] = ("aspect",), full: bool = False) -> Run:
    """Return what `harden tls scan` finds: one subject per endpoint (`host`, `host:port`, `[v6]:port`, `proto://host`).

    Only what the policies forbid is asked for, unless `full`. An endpoint that does not answer is a subject with
    `examined` none. Ask whoever runs the endpoints first. Errors: UsageError (no endpoint, or one that is malformed).
    """
    from hardening.tls.scan.run import ScanSettings
    from hardening.tls.scan.run import scan as scan_all

    _some(endpoints, "hardening.scan('localhost:443')")
    return scan_all(endpoints, _policies(policies), ScanSettings(full=full))


def offer(endpoint: str) -> Offer:
    """Return everything that an endpoint offers, for `judge`. Errors: UsageError (a malformed endpoint)."""
    from hardening.tls.scan.run import offers

    return offers([endpoint])[0]


def judge(
    offered: Offer,
    policies: Iterable[str] = ("aspect",),
    *,
    hostname: str | None = None,
    now: datetime | None = None,
) -> Judgement:
    """Return what policies say of an offer: findings, results, and one verdict per policy (`pass`, `fail`, `unknown`).

    `hostname` is the name that the certificate has to carry. `now` is when it has to be valid (default: this moment).
    """
    from hardening.tls.judging.judge import judge as judge_all

    return judge_all(offered, *_policies(policies), hostname=hostname, now=now)


def render(
    target: str,
    policy: str = "aspect",  # noqa: A002, RUF100 - the word of the command line
    *,
    openssl: str | None = None,
    params: Mapping[str, str] | None = None,
) -> Rendered:
    """Return the TLS settings of TARGET or TARGET@VERSION for a policy, read back and judged.

    `text` is the configuration. `findings` name what the release cannot express. Errors: UsageError (an unknown name,
    or nothing is left of the policy).
    """
    from hardening.tls.policy import load
    from hardening.tls.rendering.render import render as render_one
    from hardening.tls.targets import find, parted

    name, version = parted(target)
    return render_one(find(name), load(policy), version=version, build=openssl, params=params)


def verify(
    bundle: AnyPath, keys: Sequence[AnyPath], *, threshold: int = 1, signature: AnyPath | None = None
) -> Run:
    """Return whether a bundle is what was signed: `exit_code()` is 0, or 11 (REFUSED) and a finding says why.

    `keys` are files of trusted public keys. `threshold` is how many of them have to have signed. Errors: UsageError (no
    key), InputError (a file is absent).
    """
    from bundle.trust.keys import load_public
    from bundle.trust.policy import TrustPolicy as Trust
    from bundle.trust.verify import verify as verify_one

    _some(keys, "hardening.verify('update.zip', ['release.pub'])")
    trusted = Trust.of([load_public(Path(one)) for one in keys], threshold)
    return verify_one(Path(bundle), trusted, signature=None if signature is None else Path(signature))


def report(run: Run, format: str = "json", *, fail_on: Severity | None = Severity.MEDIUM) -> bytes:  # noqa: A002 - the word of the command line
    """Return a run in a report format: text, json, sarif, junit, html, markdown or github. Errors: UsageError."""
    from hardening.reports import render as write

    return write(format, run, fail_on=fail_on)


def _policies(names: Iterable[str]) -> list[Policy]:
    """Return policies by name, each once. Errors: UsageError for a text where a list of names belongs."""
    from hardening.errors import UsageError

    if isinstance(names, str):
        raise UsageError(f"policies={names!r} is one text, not a list", hint=f"policies=[{names!r}]")
    return [policy(one) for one in dict.fromkeys(names)]


def _some(values: Sequence[object], example: str) -> None:
    """Raise UsageError where nothing was given."""
    from hardening.errors import UsageError

    if not values:
        raise UsageError("nothing was given to look at", hint=f"for example {example}")
