"""Which configurations a path holds, and how each has to be read: one way where the release is known, else every way."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from hardening.errors import InputError
from hardening.records import dataclass
from hardening.tls.auditing import host_defaults
from hardening.tls.auditing.recognise import OURS, alone, distribution, recognised, unlike
from hardening.tls.libraries import builds
from hardening.tls.release import Release
from hardening.tls.targets import Target, targets
from hardening.tls.targets.base import Reading
from hardening.tls.targets.reading.tree import Tree

if TYPE_CHECKING:
    from OpenSSL.crypto import X509Store

OF_A_HOST = ("/etc", "/usr/local/etc", "/usr/local/*", "/opt/*")
"""Where in a host's `/` servers have their configurations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditInput:
    """What the caller said about the server (None: find out), and how it is to be judged."""

    target: Target | None = None
    version: str | None = None
    build: str | None = None
    now: datetime | None = None
    """When certificates have to be valid; None: this moment."""
    required: frozenset[str] = frozenset()
    """Rules (`tls/POLICY/RULE`) that have to be answered, or the verdict is `unknown`."""
    expiry_days: int = 30
    """How long before its end a certificate is worth a finding."""
    store: X509Store | None = None
    """Authorities that certificates have to lead to; None: not asked."""


@dataclass(frozen=True, slots=True)
class Main:
    """One configuration: the server it is for, and its main file (a real path)."""

    target: Target
    path: str
    guessed: bool = False
    """Whether nothing but its name or its text says which server it is for."""


def found(tree: Tree, path: Path, request: AuditInput) -> tuple[Main, ...]:
    """Return the configurations a path holds: a file, a server's folder, an `/etc`, or the `/` of a host or its copy.

    Errors: InputError for a path that is absent.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder", hint="check the path")
    whole = posixpath.normpath(path.absolute().as_posix())
    if not path.is_dir():
        target = request.target or recognised(tree, whole)
        return () if target is None else (Main(target, whole, request.target is None),)
    candidates = (request.target,) if request.target else targets()
    top = whole.rstrip("/")
    usual = tuple(_usual(tree, candidates, (whole,)))
    if not usual and tree.is_folder(f"{top}/etc"):
        usual = tuple(_usual(tree, candidates, tuple(f"{top}{one}" for one in OF_A_HOST)))
    if usual:
        return usual
    listed = (one for one in tree.listing(top or "/etc") if not _OTHER_TEXTS.search(one))
    files = ((one, request.target or recognised(tree, one)) for one in listed)
    guessed = request.target is None
    every = [
        Main(target, one, guessed)
        for one, target in files
        if target is not None and not (guessed and _is_another_script(tree, one, target))
    ]
    tree.begin(p for p in tree.problems if p.kind not in _OF_OTHERS)
    return outermost(tree, every)


_OF_OTHERS = frozenset({"archive", "binary", "missing-include", "syntax"})
"""What is wrong with files of a folder that need be no server's: pictures, links that lead nowhere. A configuration says it again."""
_OTHER_TEXTS = re.compile(
    r"(?:^|/)(?:\.git|node_modules)/|\.(?:bat|c|cc|cpp|cs|css|d\.ts|go|h|hpp|html?|js|json|java|kt|lock|m?ts|md|php|pl|po|ps1|py|rb"
    r"|rs|rst|scss|sql|svg|tsx?|vue)$",
    re.IGNORECASE,
)
"""Names of programs and documents, which speak of a server's settings and are no configuration; one that is named is read."""


def _is_another_script(tree: Tree, path: str, target: Target) -> bool:
    """Return whether a file is a script: of a server in Java its start is read, of all others it only writes a configuration."""
    source = tree.source(path)
    return source is not None and source.text.startswith("#!") and target.name != "java_security"


def _usual(tree: Tree, candidates: Sequence[Target], folders: Sequence[str]) -> Iterator[Main]:
    """Yield the main files at their servers' usual places below folders, each file once whatever links lead to it."""
    seen: set[str] = set()
    for target, folder in product(candidates, folders):
        above, _, own = folder.rpartition("/")
        patterns = (f"{above if m.startswith(f'{own}/') else folder}/{m}" for m in target.main)
        there = ([p for p in tree.glob(pattern) if tree.exists(p)] for pattern in patterns)
        for place in next(filter(None, there), []):
            if (file := tree.file(place)) not in seen:
                seen.add(file)
                yield Main(target, place)


def outermost(tree: Tree, every: Sequence[Main]) -> tuple[Main, ...]:
    """Return the files that no other one of the same server includes: what those hold is told with the one that does."""
    problems = tuple(tree.problems)
    parts: dict[str, list[str]] = {}
    others: set[str] = set()
    for main in every:
        tree.read_paths.clear()
        before = len(tree.problems)
        release, _ = main.target.facts.release(None)
        with suppress(RecursionError):  # the audit says so
            list(main.target.read(tree, main.path, reading(release, None, ())))
        parts[main.path] = [one for one in tree.read_paths if one != main.path]
        if main.guessed and unlike(tree, main.target, main.path, tree.problems[before:]):
            others.add(main.path)
    tree.begin(problems)
    included: set[tuple[str, str]] = set()
    every = [main for main in every if main.path not in others]
    for main in sorted(every, key=lambda one: -len(parts[one.path])):
        if (main.target.name, main.path) not in included:  # of two that include each other the first stays
            included.update((main.target.name, one) for one in parts[main.path])
    return tuple(one for one in every if (one.target.name, one.path) not in included)


def readings(tree: Tree, main: Main, request: AuditInput) -> tuple[Reading, ...]:
    """Return how a configuration has to be read: one way where the release is known, else every way."""
    facts = main.target.facts
    version, build, notes = request.version, request.build, [*alone(tree, main.target, main.path)]
    if version is None:
        source = tree.source(main.path)
        ours = OURS.search(source.text[:4096]) if source else None
        if ours and any(r.version == ours["version"] for r in facts.releases):
            version = ours["version"]
            named = ours["build"] or facts.release(version)[0].openssl  # none beside GnuTLS
            build = build or builds.if_known(named, facts.release(version)[0].openssl)
            library = f" and {builds.shown(build)}" if build else f" (its {named!r} is not known here)"
            library = library if ours["build"] else ""
            notes.append(f"{main.target.name} {version}{library}, for the file's header says so")
    if main.target.detect_release is not None and (version is None or build is None):
        hints = main.target.detect_release(tree, main.path)
        version, build = version or hints.version, build or hints.build
        notes += hints.notes
    if version is None and (suffix := distribution(tree)):
        fitting = [r for r in facts.releases if r.version.endswith(f"-{suffix}")]
        if fitting:
            version = fitting[-1].version
            notes.append(f"{main.target.name} {version}, for the host is {fitting[-1].distribution}")
    if version is not None:
        release, assumed = facts.release(version)
        libraries = main.target.libraries
        if assumed:
            notes.append(assumed)
        several = libraries(tree, main.path, release) if libraries and build is None else ()
        found = tuple(reading(release, one, notes) for one in several or (build,))
        return tuple(host_defaults.with_defaults(tree, main.target, way) for way in found)
    possible = [r for r in facts.releases if main.target.fits(tree, main.path, r)] or facts.releases
    sole = len(possible) == 1
    every = (replace(reading(r, build, notes), sole=sole) for r in possible)
    return tuple(host_defaults.with_defaults(tree, main.target, way) for way in every)


def reading(release: Release, build: str | None, notes: Iterable[str]) -> Reading:
    """Return how a release reads a file with a library: the one it ships with where none is named."""
    name = builds.chosen(build, release.openssl)
    assumptions = tuple(notes)
    if build is None:
        assumptions += (f"{builds.shown(name)}, {release.ships()}",)
    return Reading(release=release, build=name, assumptions=assumptions)
