"""`harden bundle audit --dask URL`: hand every bundle to a scheduler and put the answers together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from bundle.audit.events import AuditEvent, Found, Progress, Started
from bundle.audit.outcome import results
from bundle.cluster.task import Task, WorkerAnswer, version
from bundle.cluster.work import perform
from bundle.detect import all_rules, detectors
from bundle.walk.limits import WalkLimits
from bundle.walk.problem import RULES
from hardening.errors import InputError, UsageError, install_extra
from hardening.findings import Examined, Finding, InFile, Run, Subject, SubjectKind

EXTRA = f"on this machine and on the workers, {install_extra('cluster')}"
CONNECT = 8
"""Seconds for the scheduler to answer."""


@dataclass(frozen=True, slots=True)
class Object:
    """One bundle at an address."""

    url: str
    size: int


def audit_on(
    scheduler: str,
    urls: Iterable[str],
    *,
    limits: WalkLimits | None = None,
    rules: Sequence[Path] = (),
    osv: Path | None = None,
    cache: str | None = None,
    passwords: Sequence[bytes] = (),
    key: bytes = b"",
    jobs: int | None = None,
    on_event: Callable[[AuditEvent], None] | None = None,
) -> Run:
    """Examine bundles on the workers of a Dask scheduler and return what `bundle.audit` would return here.

    `urls` are addresses for fsspec (`s3://bucket/releases/*.zip`, patterns allowed) or paths that the workers see too;
    `osv` and `cache` are folders on the workers; `jobs` are processes for each bundle. A bundle whose worker dies is
    given to another one, and after three deaths it is a subject that was not examined.
    Errors: UsageError (no scheduler, no workers, other versions), InputError (an address with nothing behind it).
    """
    started = datetime.now(UTC)
    if (passwords or key) and not scheduler.startswith(("tls://", "wss://")) and not _loopback(scheduler):
        raise UsageError(
            f"passwords would travel in clear to {scheduler}",
            hint="give the scheduler TLS and its tls:// address, or leave --password-file and --baseline-key out",
        )
    distributed = _distributed()
    objects = [one for url in dict.fromkeys(urls) for one in located(url)]
    tell = on_event or (lambda _event: None)
    tell(Started(f"{len(objects)} bundles", sum(one.size for one in objects)))
    detectors(rules)  # a wrong rule file is said here, once
    sent = tuple((path.name, path.read_bytes()) for path in rules)
    with _connected(distributed, scheduler) as client:
        futures = {}
        for one in objects:
            task = Task(
                one.url, version(), limits or WalkLimits(), sent, str(osv) if osv else None, cache, tuple(passwords), key,
                jobs or 1,
            )  # fmt: skip
            future = client.submit(perform, task, pure=False)
            futures[future] = one
        try:
            answers = _gather(distributed, client.loop, futures, tell)
        except BaseException:
            client.cancel(list(futures), force=True)
            raise
    runs = [_as_run(one, answers[one.url], started) for one in objects]
    return Run.of(
        [subject for run in runs for subject in run.subjects],
        [replace(finding, ordinal=0) for run in runs for finding in run.findings],
        [result for run in runs for result in run.results],
        started=started,
    )


def located(url: str) -> list[Object]:
    """Return what an address or pattern stands for. Errors: InputError, UsageError."""
    if "://" not in url:
        try:
            return [Object(url, Path(url).stat().st_size)]
        except OSError as problem:
            raise InputError(
                f"{url}: {(problem.strerror or str(problem)).lower()}",
                hint="with --dask a path has to be visible here and on the workers; or give s3://bucket/key",
            ) from problem
    scheme = url.partition("://")[0]
    try:
        import fsspec

        files, _, _ = fsspec.get_fs_token_paths(url, mode="rb")
        found = [(files.unstrip_protocol(path), files.info(path)) for path in sorted(files.glob(url))]
    except ImportError as problem:
        raise UsageError(f"{scheme}:// needs {problem.name or problem}", hint=EXTRA) from problem
    except ValueError as problem:
        raise UsageError(f"{url}: {problem}", hint="give s3://bucket/key, or a path") from problem
    except Exception as problem:  # each store has its own errors
        reason = (str(problem) or type(problem).__name__).splitlines()[0]
        raise InputError(
            f"{url}: {reason}", hint="check the address, and the access this machine and the workers have"
        ) from problem
    objects = [
        Object(str(name), int(info.get("size") or 0))
        for name, info in found
        if info.get("type") != "directory"
    ]
    if not objects:
        raise InputError(
            f"{url}: nothing is there", hint="check the address; a prefix needs its *: s3://bucket/releases/*"
        )
    return objects


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as problem:
        raise UsageError("--dask needs the package distributed", hint=EXTRA) from problem
    return distributed


def _connected(distributed: Any, scheduler: str) -> Any:
    try:
        client = distributed.Client(scheduler, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as problem:
        raise UsageError(
            f"no scheduler answers at {scheduler}: {(str(problem) or type(problem).__name__).splitlines()[0]}",
            hint="start one with: dask scheduler; and give its address, tcp://HOST:8786",
        ) from problem
    if not client.scheduler_info(n_workers=1)["workers"]:
        client.close()
        raise UsageError(
            f"the scheduler at {scheduler} has no workers", hint=f"start some with: dask worker {scheduler}"
        )
    return client


def _gather(
    distributed: Any, loop: Any, futures: dict[Any, Object], tell: Callable[[AuditEvent], None]
) -> dict[str, WorkerAnswer]:
    answers: dict[str, WorkerAnswer] = {}
    total, behind, members, unpacked = sum(one.size for one in futures.values()), 0, 0, 0
    for future in distributed.as_completed(futures, loop=loop):
        one = futures[future]
        answer = _answer(distributed, future)
        answers[one.url] = answer
        behind += one.size
        for subject in answer.run.subjects if answer.run else ():
            members += int(subject.stats.get("members", 0))
            unpacked += int(subject.stats.get("bytes", 0))
        for finding in answer.run.findings if answer.run else ():
            tell(Found(finding))
        tell(Progress(one.url, behind, total, members, unpacked))
        future.release()
    return answers


def _answer(distributed: Any, future: Any) -> WorkerAnswer:
    problem = future.exception()
    if problem is None:
        answer: WorkerAnswer = future.result()
        if answer.reason == "version":
            raise UsageError(answer.problem, hint="install the same release on every worker")
        return answer
    if isinstance(problem, distributed.KilledWorker):
        return WorkerAnswer(None, "every worker that took it died", "crashed")
    if isinstance(problem, ImportError):
        raise UsageError(f"a worker cannot import {problem.name or problem}", hint=EXTRA)
    raise problem


def _as_run(one: Object, answer: WorkerAnswer, started: datetime) -> Run:
    if answer.run is not None:
        return answer.run
    rule = RULES[answer.reason]
    stats = {
        "members": 0,
        "bytes": one.size,
        "bytes_examined": 0,
        "bytes_not_examined": one.size,
        "seconds": 0.0,
    }
    subject = Subject(
        id=one.url, kind=SubjectKind.BUNDLE, examined=Examined.NONE, reason=answer.problem, stats=stats
    )
    finding = Finding(
        rule=rule, subject=one.url, location=InFile((one.url,)), message=f"{one.url}: {answer.problem}"
    )
    rules = (*all_rules(), *RULES.values())
    return Run.of([subject], [finding], results(rules, [finding], subject), started=started)


def _loopback(scheduler: str) -> bool:
    """Whether an address, with or without what it is spoken by, is on this machine for certain."""
    host = scheduler.rpartition("://")[2].rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name, which may lead anywhere
        return False
