"""`audit`: walk bundles, ask every detector about every member, and keep the books.

from bundle import audit

run = audit("upgrade.run", on_event=print)
run.exit_code(), run.findings, run.subjects[0].stats
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if (
    TYPE_CHECKING
):  # nothing of the walk is imported before somebody audits: every command imports this package
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bundle.audit.events import AuditEvent
    from bundle.detect import Detector
    from bundle.walk.limits import WalkLimits
    from hardening.findings import Run
    from hardening.tls.auditing.mains import AuditInput
    from hardening.tls.policies.ruleset import Policy


def audit(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    detectors: Sequence[Detector] | None = None,
    limits: WalkLimits | None = None,
    passwords: Sequence[bytes] = (),
    jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    on_event: Callable[[AuditEvent], None] | None = None,
    called: Mapping[str, str] | None = None,
    installed: bool = False,
    inline: bool = False,
    policies: Sequence[Policy] | None = None,
    request: AuditInput | None = None,
) -> Run:
    """Examine archives or folders, nested to any depth, and return everything that was seen.

    One subject per path, and one per archive that lies directly in a folder, with `stats`: `members`, `bytes` (all levels), `bytes_examined`, `bytes_not_examined` (the
    two add up to `bytes`), `seconds`. `jobs` processes share the work (default: one per core); the result does not
    depend on it. `cache` is a folder in which results are kept by content. `on_event` is called in this process.
    `installed` says that the paths are places of a host: a text alone, or an empty folder, is not a bundle that failed.
    `inline` leaves findings out whose line holds `harden:ignore[RULE]`: the input decides what counts of it.
    `policies` judge the configurations of servers inside (default: `aspect`; none: they are not judged). One that is named
    has to be answered: a server of which it is not, for its certificate is missing, is partly examined.
    `request` says how their certificates are judged: authorities, days before the end, rules that have to be answered.
    `called` says under which name the report knows a file that lies at another path (a copy of a remote one).
    Errors: InputError where a path is absent or may not be read.
    """
    from bundle.audit.run import run

    return run(
        paths, detectors=detectors, limits=limits, passwords=passwords, jobs=jobs, cache=cache, on_event=on_event,
        called=called, installed=installed, inline=inline, policies=policies, request=request,
    )  # fmt: skip
