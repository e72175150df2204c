"""Configuration files as a server finds them: absolute and relative paths, globs, each file read once.

A tree may be a copy (`/backup/etc/httpd`): paths that a configuration calls `/etc/...` are then looked
for under the copy, never on the machine the audit runs on.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from pathlib import Path

from hardening.records import dataclass
from hardening.tls.targets.reading.chroot import WILD, matching, opened, real

LARGEST = 64 * 1024 * 1024
"""Bytes of one configuration file that are read; a larger one is reported as not examined."""
DEEPEST = 64
"""Includes within includes that are followed before the tree counts as a loop."""
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_ARCHIVES = (
    b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"\xed\xab\xee\xdb",
    b"!<arch>\n", b"hsqs", b"sqsh", b"0707", b"\xc7\x71", b"Rar!",
)  # fmt: skip
"""How archives and packages begin: gzip, zip, bzip2, xz, zstd, 7z, RPM, ar, squashfs, cpio, RAR; tar has its mark at 257."""
_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class TreeProblem:
    """Something in a tree that could not be read: what kind, where, and why."""

    kind: str
    """A key of `problems.PROBLEMS`, such as `unreadable`, `binary`, `include-loop`, `unclosed` or `conditional`."""
    path: str
    line: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of one file; lines count from 1."""

    path: str
    text: str
    written: str | None = None
    """The text as it lies in the file, where that is another: lines that end with a carriage return, a byte order mark."""


def is_archive(head: bytes) -> bool:
    """Return whether content begins as archives and packages do."""
    return head.startswith(_ARCHIVES) or head[257:262] == b"ustar"


class Tree:
    """The files of one configuration, on disk or in memory, and what could not be read of them."""

    def __init__(
        self,
        files: Mapping[str, str] | None = None,
        *,
        prefix: str = "",
        binary: Mapping[str, bytes] | None = None,
    ) -> None:
        self._memory = files
        self.binary = binary
        """Certificates and parameters of a tree in memory, by path; None: nothing is known of such files."""
        self.prefix = prefix
        """What stands before `/etc/...` when the tree is a copy of a host's."""
        self.opened_path: list[str] = []
        """The parts of the path that was asked for: those are names, whatever brackets they have."""
        self.of_host = False
        """Whether the tree lies in a host's `/etc`, so that the release files there speak for it."""
        self.problems: list[TreeProblem] = []
        self._reported: set[TreeProblem] = set()
        self.read_paths: dict[str, None] = {}
        """The files that were read since `begin`, in order."""
        self._sources: dict[str, SourceText | None] = {}
        self._files: dict[str, str] = {}
        self.overlay: dict[str, str] = {}
        """Texts that stand for files as they would be after a change, by real path."""

    @property
    def in_memory(self) -> bool:
        """Whether no file is read from disk."""
        return self._memory is not None

    @classmethod
    def of_text(cls, text: str, path: str = "rendered") -> Tree:
        """Return a tree of one file that is not on disk."""
        return cls({path: text})

    @classmethod
    def on_disk(cls, path: Path, top: Path | None = None) -> Tree:
        """Return the tree a path lies in; `top` is the host's `/`, else a copy of it is recognised by its `etc`."""
        whole = posixpath.normpath(path.absolute().as_posix())
        before, etc, _ = f"{whole}/".rpartition("/etc/")
        if not etc and os.path.isdir(f"{whole}/etc"):  # noqa: PTH112 - the path as it is spelled
            before, etc = whole.rstrip("/"), "/"
        if top is not None:
            before, etc = posixpath.normpath(top.absolute().as_posix()).rstrip("/"), "/"
        tree = cls(prefix=before if etc else "")
        tree.of_host = bool(etc)
        tree.opened_path = whole.split("/")[1:]
        return tree

    @classmethod
    def on_disk_below(cls, prefix: str) -> Tree:
        """Return the tree of a host's copy (empty: this machine), whatever of it is asked for first."""
        tree = cls(prefix=prefix)
        tree.of_host = True
        return tree

    def say(self, kind: str, path: str, line: int | None, reason: str) -> None:
        """Record that something could not be read."""
        problem = TreeProblem(kind, path, line, reason)
        if problem not in self._reported:  # a set: a hostile file has a problem in every line
            self._reported.add(problem)
            self.problems.append(problem)

    def taken(self, kind: str) -> list[TreeProblem]:
        """Return what was said of a kind and forget it: it may be said again."""
        found = [p for p in self.problems if p.kind == kind]
        self.problems = [p for p in self.problems if p.kind != kind]
        self._reported.difference_update(found)
        return found

    def begin(self, problems: Iterable[TreeProblem]) -> None:
        """Forget all that was said but these problems, so that the next configuration is told by itself: what it could not read either it says again."""
        paths = {problem.path for problem in self.problems}
        self._sources = {p: s for p, s in self._sources.items() if s is not None and p not in paths}
        self.problems = list(problems)
        self._reported = set(self.problems)
        self.read_paths.clear()

    def place(self, path: str, base: str) -> str:
        """Return the real path of one the configuration names, relative to the real folder `base`.

        Above the `/` of a copy there is nothing, as on the host itself.
        """
        whole = posixpath.join(base, path)
        above = f"{self.prefix}/"
        if not self.prefix or not (path.startswith("/") or whole.startswith(above)):
            return posixpath.normpath(whole)
        return posixpath.normpath(
            self.prefix + posixpath.normpath("/" + whole.removeprefix(above).lstrip("/"))
        )

    def _here(self, path: str) -> str:
        """Return where a real path's file lies: in a copy of a host, its links lead inside the copy."""
        if not self.prefix or not path.startswith(f"{self.prefix}/"):
            return path
        return self.prefix + real(self.prefix, path[len(self.prefix) :])

    def file(self, path: str) -> str:
        """Return the file itself that a real path leads to, whatever links are on the way."""
        if self._memory is not None:
            return path
        if path not in self._files:  # thousands of servers name one certificate
            self._files[path] = os.path.realpath(self._here(path))
        return self._files[path]

    def exists(self, path: str) -> bool:
        """Tell whether a file is there (a real path)."""
        if path in self.overlay:
            return True
        return path in self._memory if self._memory is not None else self._is(stat.S_ISREG, path)

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there (a real path)."""
        if self._memory is not None:
            return any(name.startswith(f"{path}/") for name in self._memory)
        return self._is(stat.S_ISDIR, path)

    def _is(self, kind: Callable[[int], bool], path: str) -> bool:
        try:
            return kind(os.stat(self._here(path)).st_mode)  # noqa: PTH116 - hot path: a Path per include costs more than the question
        except PermissionError:
            self._closed(posixpath.dirname(path))
        except (OSError, ValueError):  # it is not there, or can be no name
            pass
        return False

    def _closed(self, folder: str, referrer: tuple[str, int] | None = None) -> None:
        """Record that nobody knows what lies in a folder (a real path): it, or one above it, is closed to this account."""
        while not os.path.lexists(self._here(folder)):
            folder = posixpath.dirname(folder)
        at, line = referrer or (folder, None)
        self.say("unreadable", at, line, f"{folder}: {os.strerror(errno.EACCES)}")

    def listing(self, folder: str) -> tuple[str, ...]:
        """Return every file under a folder, at any depth, sorted."""
        if self._memory is not None:
            return tuple(sorted(name for name in self._memory if name.startswith(f"{folder}/")))
        here = self._here(folder)

        def failed(problem: OSError) -> None:
            if problem.errno == errno.EACCES:
                self._closed(f"{folder}{os.fsdecode(problem.filename)[len(here) :]}")

        walked = os.walk(here, onerror=failed)
        return tuple(
            sorted(f"{folder}{top[len(here) :]}/{name}" for top, _, names in walked for name in names)
        )

    def glob(self, pattern: str, referrer: tuple[str, int] | None = None) -> tuple[str, ...]:
        """Return the real paths a real pattern means, sorted; a pattern without wildcards means itself."""
        parts = pattern.lstrip("/").split("/")
        known = len(posixpath.commonprefix([parts, self.opened_path]))
        if not WILD.search("/".join(parts[known:])):
            return (pattern,)
        literal = [WILD.sub(r"[\g<0>]", one) for one in parts[:known]]
        start = "/" if pattern.startswith("/") else ""
        fits, depth = re.compile(translate(start + "/".join((*literal, *parts[known:])))), pattern.count("/")
        if self._memory is not None:
            return tuple(sorted(n for n in self._memory if fits.match(n) and n.count("/") == depth))
        top = self.prefix if pattern.startswith(f"{self.prefix}/") else ""
        inside = matching(
            top,
            pattern[len(top) :],
            lambda folder: self._closed(top + folder, referrer),
            known - top.count("/"),
        )
        found = {top + one for one in inside}
        # a change may bring a file that is not on disk yet
        found.update(n for n in self.overlay if fits.match(n) and n.count("/") == depth)
        return tuple(sorted(found))

    def source(self, path: str, *, referrer: tuple[str, int] | None = None) -> SourceText | None:
        """Return a file's text (a real path), or None with the problem recorded."""
        if path not in self._sources:
            self._sources[path] = self._load(path, referrer)
        found = self._sources[path]
        if found is not None:
            self.read_paths[path] = None
        return found

    def _load(self, path: str, referrer: tuple[str, int] | None) -> SourceText | None:  # noqa: PLR0911 - one return per way a file cannot be read
        at, line = referrer or (path, None)
        if path in self.overlay:
            return _of_text(path, self.overlay[path])
        if self._memory is not None:
            if path not in self._memory:
                self.say("missing-include", at, line, f"{path} is not there")
                return None
            return SourceText(path, self._memory[path])
        try:
            with opened(self._here(path)) as file:
                raw = file.read(LARGEST + 1)
        except FileNotFoundError:
            self.say("missing-include", at, line, f"{path} is not there")
            return None
        except OSError as problem:
            self.say("unreadable", at, line, f"{path}: {problem.strerror or problem}")
            return None
        if len(raw) > LARGEST:
            self.say("too-large", path, None, f"larger than {LARGEST // 1024 // 1024} MiB")
            return None
        if _BINARY.search(raw, 0, 65536):
            if is_archive(raw):
                self.say("archive", path, None, "an archive, which is not opened here")
            else:
                self.say("binary", path, None, "not a text file")
            return None
        text = raw.decode("utf-8", "surrogateescape")
        if text.startswith(_MARK) and not path.endswith(".xml"):
            self.say(
                "syntax",
                path,
                1,
                "begins with a byte order mark, which most servers take for a part of the first word",
            )
        return _of_text(path, text)


def _of_text(path: str, text: str) -> SourceText:
    plain = text.removeprefix(_MARK).replace("\r\n", "\n")
    return SourceText(path, text) if plain == text else SourceText(path, plain, text)


def joined(values: Iterable[str]) -> str:
    """Return values as a reader would list them: `a, b and c`."""
    every = list(values)
    return " and ".join(filter(None, [", ".join(every[:-1]), *every[-1:]]))
