"""Brings what an audit looks at from a host into a private folder, with owners and modes on the side.

Also for this machine and for a mounted image: what is looked at, what is left out, and what is judged where it lies is the same.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import posixpath
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from bundle.detect.credentials.judging.cracking import SHORT
from hardening.engine import product as products
from hardening.errors import HardeningError, ProbeError
from hardening.findings import Run
from hardening.host import checks, onhost_request, private
from hardening.host.checks import FileMeta, Root
from hardening.host.checks.paths import INSTALLED
from hardening.host.checks.root import JudgedSecret
from hardening.host.plans import engine as engine_plan
from hardening.host.session import Session
from hardening.host.session import here as here_session
from hardening.onhost.collect.main import answer_to
from hardening.onhost.shared.listeners import listeners
from hardening.tls.policies.ruleset import Policy
from hardening.toml_rows import Table

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""Sends a request to the collector of a host and returns its answer."""
ANSWER = 8 << 20
"""Bytes of the files that one answer brings."""
_ROW = 200
"""Bytes that a file counts for beside its content: a host that lies has no end of empty ones."""
_MOST_LISTED = 64 << 20
"""Bytes of a list of files, unpacked."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ENGINE = engine_plan.wishes(engine_plan.DesiredPort())
"""What the agent is asked about the control engine and the firewall."""
_LINKS = 8
"""Links that are followed from one to the next."""


@dataclass(frozen=True, slots=True)
class GatherLimits:
    """Limits on the files that are copied from a host."""

    largest: int = 8 << 20
    """Bytes of one file."""
    total: int = 256 << 20
    """Bytes of one host."""


@dataclass(slots=True)
class Gathered:
    """A host's files under `top`; only this account may read them."""

    top: Path
    limits: GatherLimits = field(default_factory=GatherLimits)
    seen: dict[str, FileMeta] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """Paths that did not travel, and why."""
    ruled: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    """For each rule that leaves files out: their number and bytes, and the first one."""
    judged: list[JudgedSecret] = field(default_factory=list)
    size: int = 0
    files: int = 0


@cache
def rules() -> tuple[dict[str, Any], ...]:
    """Return the rows that say what is left out by rule. Errors: DataError."""
    table = Table.load(files("hardening.host.checks") / "left_out.toml")
    rows = []
    for row in table.rows("row"):
        made: dict[str, Any] = {"id": row.text("id"), "why": row.text("why")}
        made |= {key: row.text(key) for key in ("path", "marker", "text") if key in row}
        made |= {"magic": list(row.texts("magic"))} if "magic" in row else {}
        made |= {"source": row.flag("source")} if "source" in row else {}
        row.done()
        rows.append(made)
    table.done()
    return tuple(rows)


def reasons() -> dict[str, str]:
    """Return what each rule leaves out, in words."""
    return {"sockets": "sockets", **{row["id"]: row["why"] for row in rules()}}


def far(execute: Callable[[bytes], tuple[str, str]], where: str, *, local: bool = False) -> Ask:
    """Return what asks the collector by a program on a host; `execute` runs it there. Errors of it: ProbeError."""

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        program = onhost_request.program(request, "hardening.onhost.collect.main", local=local)
        output, complaint = execute(program)
        return onhost_request.answer(output, complaint=complaint, where=where)

    return ask


def gather(
    ask: Ask,
    top: Path,
    paths: checks.Paths,
    *,
    where: str,
    root: str = "/",
    most: int = ANSWER,
    limits: GatherLimits | None = None,
    into: Gathered | None = None,
) -> Gathered:
    """List what lies under the paths, then read as much as the limits allow, what matters most first.

    `into`: what came before, to add to. Errors: ProbeError.
    """
    made = into or Gathered(top, limits or GatherLimits())
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        waiting = _listed(made, ask(_request(paths, root)))
        for batch in _batches(_chosen(made, waiting, paths), most):
            request = {
                "verb": "read",
                "root": root,
                "paths": batch,
                "largest": made.limits.largest,
                "words": list(SHORT),
            }
            _kept(made, ask(request), batch)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, zlib.error) as problem:
        raise ProbeError(
            f"the answer of {where} is not a list of files: {type(problem).__name__}",
            hint="this host was not examined; look at the host, and at what its login scripts print",
        ) from problem
    return made


def _request(paths: checks.Paths, root: str) -> dict[str, Any]:
    return {
        "verb": "list", "root": root, "paths": [*paths.first, *paths.then, *paths.last], "given": list(paths.given),
        "whole": list(paths.first), "rules": list(rules()), "follow": paths.follow,
    }  # fmt: skip


def _listed(made: Gathered, answer: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """Keep owners, modes, links and what is left out; return the files that can be read: path, size, kind."""
    listing = json.loads(_unpacked(base64.b64decode(answer["packed"]), _MOST_LISTED) or "")
    waiting = []
    for name, mode, uid, gid, size, kind, link in listing["files"]:
        path = _clean(str(name))
        if path in made.seen:
            continue
        made.seen[path] = FileMeta(int(mode), int(uid), int(gid))
        if stat.S_ISREG(mode):
            if path not in listing["left"]:
                waiting.append((path, int(size), str(kind)))
        else:
            _put(made, path, int(mode), str(link))
    for path, why in listing["left"].items():
        made.left[_clean(str(path))] = str(why)[:200]
    for name, (count, size, first) in listing["ruled"].items():
        before = made.ruled.get(str(name), (0, 0, str(first)))
        made.ruled[str(name)] = (before[0] + int(count), before[1] + int(size), before[2])
    return waiting


def _clean(path: str) -> str:
    """Return a path that leads nowhere else: the host is not trusted."""
    if "\0" in path:
        raise ValueError("a path with a NUL")
    return "/" + "/".join(part for part in path.split("/") if part not in ("", ".", ".."))


def _chosen(
    made: Gathered, waiting: Iterable[tuple[str, int, str]], paths: checks.Paths
) -> Iterator[tuple[str, int]]:
    """Yield path and size of the files that travel: the product's, settings, text before programs, hidden folders, logs."""
    then = [*checks.CONFIGURED, *paths.then]

    def order(one: tuple[str, int, str]) -> tuple[int, str, bool, int, str]:
        path, _, kind = one
        if checks.below(path, paths.first):
            return 0, "", False, 0, path
        if checks.fits(path, paths.last):
            return 3, "", False, 0, path
        rank = next((at for at, folder in enumerate(then) if checks.below(path, (folder,))), len(then))
        return (
            1 + (rank >= len(checks.CONFIGURED)),
            {"t": "0", "b": "1"}.get(kind, "2"),
            "/." in path,
            rank,
            path,
        )

    spent = made.size + _ROW * len(made.seen)
    for path, size, _kind in sorted(waiting, key=order):
        if size > made.limits.largest:
            made.left[path] = f"larger than {_short(made.limits.largest)}"
        elif spent + size > made.limits.total:
            made.left[path] = f"more than {_short(made.limits.total)} in all"
        else:
            spent += size
            yield path, size


def _short(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"


def _batches(chosen: Iterable[tuple[str, int]], most: int) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for path, one in chosen:
        if batch and size + one + _ROW * len(batch) > most:
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += one
    if batch:
        yield batch


def _kept(made: Gathered, answer: Mapping[str, Any], batch: Sequence[str]) -> None:
    """Keep the files of one answer, and name those that it does not have."""
    missing = set(batch)
    for row in answer["files"]:
        path = _clean(str(row["path"]))
        if path not in missing:
            raise ValueError("a file that was not requested")
        missing.remove(path)
        made.judged += [JudgedSecret(path, *one) for one in row.get("judged", ())]
        if "left" in row:
            made.left[path] = str(row["left"])[:200]
        elif "data" in row:
            content = _unpacked(base64.b64decode(str(row["data"])), made.limits.largest)
            if content is None:
                made.left[path] = f"larger than {_short(made.limits.largest)}"
            else:
                _put(made, path, stat.S_IFREG, content)
        made.files += 1
    for path in missing:
        made.left[path] = "the host sent no answer for it"


def _put(made: Gathered, path: str, mode: int, content: str | bytes) -> None:
    """Make one folder, link or file. No path and no link of the host leads out of the folder."""
    place = made.top.joinpath(*path.strip("/").split("/")) if path != "/" else made.top
    around = [place, *place.parents]
    try:
        if any(one.is_symlink() for one in around if one != made.top and made.top in one.parents):
            return
        if stat.S_ISDIR(mode):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            return
        if os.path.lexists(place):
            return  # it lies under two of the paths
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if isinstance(content, bytes):
            with open(place, "xb", opener=_private) as out:
                made.size += len(content)
                out.write(content)
        elif stat.S_ISLNK(mode) and content:
            place.symlink_to(_inside(made.top, place, content))
    except OSError as problem:  # a name too long for here, or two answers about one path
        if problem.errno in _FULL:
            raise
        made.left[path] = f"cannot be kept: {problem.strerror}"


def _unpacked(data: bytes, most: int) -> bytes | None:
    """Return what was packed; None where there is more of it than was asked for. Errors: ValueError, zlib.error."""
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(data, most + 1)
    if len(content) > most:
        return None
    if not unpacker.eof:
        raise ValueError("cut short")
    return content


def _inside(top: Path, place: Path, link: str) -> str:
    """Return a relative target that stays in the folder: what follows links here must not reach this machine's files."""
    target = (
        link if link.startswith("/") else posixpath.join("/", place.parent.relative_to(top).as_posix(), link)
    )
    return os.path.relpath(top / posixpath.normpath(target).lstrip("/"), place.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _linked(made: Gathered) -> list[str]:
    """Return what links of /etc lead to in /etc and did not travel."""
    found = []
    for path, about in made.seen.items():
        place = made.top / path.lstrip("/")
        if (
            stat.S_ISLNK(about.mode)
            and path.startswith("/etc/")
            and place.is_symlink()
            and not place.exists()
        ):
            inside = os.path.normpath(place.parent / place.readlink())
            target = "/" + os.path.relpath(inside, made.top)
            if target.startswith("/etc/") and target not in made.seen:
                found.append(target)
    return sorted(set(found))


def _brought(
    ask: Ask, top: Path, paths: checks.Paths, *, where: str, root: str, limits: GatherLimits | None
) -> Gathered:
    """Gather the paths, what links of /etc lead to, and what the host's own files name. Errors: ProbeError."""
    made = gather(ask, top, paths, where=where, root=root, limits=limits)
    for _ in range(_LINKS):
        if not (more := _linked(made)):
            break
        gather(ask, top, checks.Paths(first=tuple(more)), where=where, root=root, into=made)
    more = [path for path in checks.named(Root(top, made.seen, where)) if path not in made.seen]
    if more:
        gather(ask, top, checks.Paths(first=tuple(more)), where=where, root=root, into=made)
    return made


def host(
    session: Session,
    top: Path,
    paths: checks.Paths,
    *,
    label: str,
    root: str = "/",
    local: bool = False,
    limits: GatherLimits | None = None,
    engine: Mapping[str, str] | None = None,
) -> Root:
    """Return a copy of a host with everything an audit reads; `engine`: what its inventory says of that. Errors: ProbeError."""
    engine = engine or {}
    paths = paths.plus(filter(None, [engine.get("config")]))
    if paths.follow:
        paths = replace(paths, then=(*paths.then, *INSTALLED))
    made = _brought(
        far(session.execute, label, local=local), top, paths, where=label, root=root, limits=limits
    )
    facts = session.ask("facts", **_ENGINE) if root == "/" else {}
    listening = tuple(facts.get("listeners", ())) if root == "/" else None
    return Root(
        top,
        made.seen,
        label,
        listening,
        made.left,
        engine,
        ruled=made.ruled,
        reasons=reasons(),
        judged=tuple(made.judged),
        files=made.files,
        open_engine=reach_of_engine(facts, engine),
    )


def reach_of_engine(facts: Mapping[str, Any], named: Mapping[str, str]) -> str:
    """Return that every host reaches the engine's port; empty if not, or if the host does not say."""
    if not facts:
        return ""
    wish = engine_plan.DesiredPort(
        config=named.get("config"), key=named.get("key"), process=named.get("process")
    )
    try:
        return engine_plan.seen(wish, facts).open_to_all
    except (
        HardeningError
    ):  # no file of that name, or an account that sees no process: reported by the check itself
        return ""


def here(root: Path, top: Path, paths: checks.Paths, *, limits: GatherLimits | None = None) -> Root:
    """Return this machine, or an image below `root`, with a copy under `top` of what its detectors look at. Errors: ProbeError."""
    made = _brought(answer_to, top, paths, where=str(root), root=str(root), limits=limits)
    product = products.load("aspect")
    heard = root == Path("/") and any(one["port"] == product.port for one in listeners())
    return Root(
        root,
        left=made.left,
        copy=top,
        ruled=made.ruled,
        reasons=reasons(),
        judged=tuple(made.judged),
        files=made.files,
        open_engine=reach_of_engine(here_session().ask("facts", **_ENGINE), {}) if heard else "",
    )


def audited(
    root: Path,
    policies: Sequence[Policy],
    *,
    more: Iterable[str] = (),
    key: bytes = b"",
    required: frozenset[str] = frozenset(),
    expiry_days: int = 30,
    trust: str | None = None,
) -> Run:
    """Audit this machine, or an image below `root`. Errors: NothingExaminedError, ProbeError."""
    more = tuple(more)
    with private.folder("harden-audit-") as folder:
        host = here(root, folder / "tree", checks.wanted(more=more))
        return checks.audit(
            host, policies, more=more, key=key, required=required, expiry_days=expiry_days, trust=trust
        )


def save(copy: Root, path: Path) -> None:
    """Keep what a copy's files cannot carry beside it."""
    rows = {
        "label": copy.label, "seen": {name: [one.mode, one.uid, one.gid] for name, one in copy.seen.items()},
        "listening": copy.listening, "left": dict(copy.left), "engine": dict(copy.engine), "ruled": dict(copy.ruled),
        "judged": [one.row for one in copy.judged], "files": copy.files, "open_engine": copy.open_engine,
    }  # fmt: skip
    with open(path, "x", opener=_private, encoding="utf-8") as out:
        json.dump(rows, out)


def load(top: Path, path: Path) -> Root:
    """Return a copy that was kept."""
    rows = json.loads(path.read_text("utf-8"))
    listening = None if rows["listening"] is None else tuple(rows["listening"])
    seen = {name: FileMeta(*one) for name, one in rows["seen"].items()}
    return Root(
        top, seen, rows["label"], listening, rows["left"], rows["engine"],
        ruled={name: tuple(one) for name, one in rows["ruled"].items()},
        reasons=reasons(), judged=tuple(JudgedSecret(*one) for one in rows["judged"]), files=rows["files"],
        open_engine=rows["open_engine"],
    )  # fmt: skip
