"""Brings the roots that an audit looks at from a host into a private folder, with owners and modes on the side."""

from __future__ import annotations

import base64
import errno
import json
import os
import posixpath
import stat
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardening.errors import ProbeError
from hardening.host import look, stream
from hardening.host.look import About, Root
from hardening.host.session import Session

COLLECT = Path(__file__).with_name("collect.py")
ANSWER = 8 << 20
"""Bytes of one answer, packed."""
LARGEST = 32 << 20
"""Bytes of one file that travel; a larger one is said to be left."""
TOTAL = 2 << 30
"""Bytes of one host, unpacked, that are kept at once on the control machine."""
_ROW = 200
"""Bytes that a file counts for beside its content: a host that lies has no end of empty ones."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LINKS = 8
"""Links that are followed from one to the next."""


@dataclass(slots=True)
class Gathered:
    """A host's files under `top`; only this account may read them."""

    top: Path
    seen: dict[str, About] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """Paths that did not travel, and why."""
    size: int = 0


def gather(
    execute: Callable[[bytes], tuple[str, str]],
    top: Path,
    roots: Sequence[str],
    *,
    where: str,
    root: str = "/",
    local: bool = False,
    most: int = ANSWER,
    total: int = TOTAL,
    into: Gathered | None = None,
) -> Gathered:
    """Ask until everything has come. `execute` runs a Python program on the host. `into`: what came before, to add to.

    Errors: ProbeError.
    """
    made = into or Gathered(top)
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    after: str | None = None
    told: set[str] = set()
    while True:
        request = {"roots": list(roots), "root": root, "after": after, "most": most, "largest": LARGEST}
        program = stream.program(request, name=str(COLLECT) if local else "aspect-collect", source=COLLECT)
        output, complaint = execute(program)
        said = stream.answer(output, complaint=complaint, where=where)
        known = len(told)
        try:
            for row in said["files"]:
                _keep(made, row)
                told.add(str(row["path"]))
            after = said["next"]
            if after is not None and len(told) == known:
                raise ValueError("it says that there is more, and says nothing new")  # noqa: TRY301 - one way out for every lie
        except (LookupError, TypeError, ValueError, zlib.error) as problem:
            raise ProbeError(
                f"what {where} answered is no list of files: {type(problem).__name__}",
                hint="nothing of this host was examined; look at the host, and at what its login scripts print",
            ) from problem
        if said.get("lost"):
            raise ProbeError(
                f"{where} changed while it was read: {said['lost']} is gone", hint="run the audit again"
            )
        if made.size + _ROW * len(made.seen) > total:
            made.left[after or "/"] = f"more than {total} bytes in all"
            return made
        if after is None:
            return made


def _keep(made: Gathered, row: dict[str, object]) -> None:
    """Write one row's file. The host is not trusted: no path and no link of its leads out of the folder."""
    path, mode = str(row["path"]), int(str(row["mode"]))
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    made.seen["/" + "/".join(parts)] = About(mode, int(str(row["uid"])), int(str(row["gid"])))
    try:
        _write(made, row, path, made.top.joinpath(*parts), mode)
    except OSError as problem:  # a name too long for here, or two answers about one path
        if problem.errno in _FULL:
            raise
        made.left[path] = f"cannot be kept: {problem.strerror}"


def _write(made: Gathered, row: dict[str, object], path: str, place: Path, mode: int) -> None:
    if any(
        one.is_symlink() for one in [place, *place.parents] if one != made.top and made.top in one.parents
    ):
        return
    if stat.S_ISDIR(mode):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if "left" in row:
            made.left[path] = str(row["left"])
        return
    if os.path.lexists(place):
        return  # it lies under two of the roots
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if "link" in row:
        place.symlink_to(_inside(made.top, place, str(row["link"])))
    elif "data" in row:
        content = _unpacked(base64.b64decode(str(row["data"])))
        if content is None:
            made.left[path] = f"larger than {LARGEST} bytes"
            return
        with open(place, "xb", opener=_private) as out:
            made.size += len(content)
            out.write(content)
    elif "left" in row:
        made.left[path] = str(row["left"])


def _unpacked(data: bytes) -> bytes | None:
    """Return a file's content; None where there is more of it than travels, whatever the host was asked for. Errors: ValueError."""
    stream = zlib.decompressobj()
    content = stream.decompress(data, LARGEST + 1)
    if len(content) > LARGEST:
        return None
    if not stream.eof:
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
    """Return what links of /etc lead to that did not travel: files of /etc alone, for elsewhere are logs and modules."""
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


def host(
    session: Session,
    top: Path,
    roots: Sequence[str],
    *,
    label: str,
    root: str = "/",
    local: bool = False,
    engine: Mapping[str, str] | None = None,
) -> Root:
    """Return a copy of a host with everything an audit reads; `engine`: what its inventory says of that. Errors: ProbeError."""
    how, engine = {"where": label, "root": root, "local": local}, engine or {}
    roots = [*roots, *filter(None, [engine.get("config")])]
    made = gather(session.execute, top, roots, **how)  # type: ignore[arg-type]  # each has its type
    for _ in range(_LINKS):
        if not (more := _linked(made)):
            break
        gather(session.execute, top, more, into=made, **how)  # type: ignore[arg-type]  # each has its type
    copy = Root(top, made.seen, label)
    more = [path for path in look.named(copy) if path not in made.seen]
    if more:
        gather(session.execute, top, more, into=made, **how)  # type: ignore[arg-type]  # each has its type
    listening = tuple(session.ask("facts").get("listeners", ())) if root == "/" else None
    return Root(top, made.seen, label, listening, made.left, engine)


def save(copy: Root, path: Path) -> None:
    """Keep what a copy's files cannot carry beside it."""
    rows = {
        "label": copy.label, "seen": {name: [one.mode, one.uid, one.gid] for name, one in copy.seen.items()},
        "listening": copy.listening, "left": dict(copy.left), "engine": dict(copy.engine),
    }  # fmt: skip
    with open(path, "x", opener=_private, encoding="utf-8") as out:
        json.dump(rows, out)


def load(top: Path, path: Path) -> Root:
    """Return a copy that was kept."""
    rows = json.loads(path.read_text("utf-8"))
    listening = None if rows["listening"] is None else tuple(rows["listening"])
    seen = {name: About(*one) for name, one in rows["seen"].items()}
    return Root(top, seen, rows["label"], listening, rows["left"], rows["engine"])
