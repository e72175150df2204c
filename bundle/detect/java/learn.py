"""Learn a library from its jar: the checksums of its classes, the shapes of its code, and what it is called."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from bundle.detect.java.opcodes import method_prints
from bundle.detect.java.prints import Library, class_prints
from bundle.detect.java.zipread import DirectoryEntry, directory, read
from bundle.walk.member import ContainerEntry
from hardening.errors import InputError, NothingExaminedError

_POM = re.compile(r"META-INF/maven/([^/]+)/([^/]+)/pom\.properties")
_POM_VERSION = re.compile(rb"^version\s*=\s*([^\s#]+)", re.MULTILINE)
_MANIFEST = "META-INF/MANIFEST.MF"
_TITLE = re.compile(rb"^(?:Implementation-Title|Bundle-SymbolicName): *([^\s;]+)", re.MULTILINE)
_VERSION = re.compile(rb"^(?:Implementation-Version|Bundle-Version): *([^\s]+)", re.MULTILINE)
_FILE = re.compile(r"(?P<name>.+?)-(?P<version>\d[\w.\-]*)$")


def learn(path: Path, *, name: str = "", version: str = "") -> Library:
    """Return the library in a jar; what the jar does not say of itself is taken from its file name.

    Errors: InputError (absent, unreadable), NothingExaminedError (no zip, or no class in it).
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            rows = list(directory(content))
            said_name, said_version, purl = _identity(content, rows, path)
            code = frozenset(
                one
                for row in rows
                if row.name.endswith(".class") and not row.name.startswith("META-INF/")
                for one in method_prints(read(content, row))
            )
    except OSError as problem:
        raise InputError(
            f"{path}: {problem.strerror or problem}", hint="give a jar you can read"
        ) from problem
    except ValueError as problem:  # an empty file cannot be mapped
        raise NothingExaminedError(f"{path}: is empty", hint="give a jar with classes in it") from problem
    entries = [ContainerEntry(row.name, row.size, row.crc32) for row in rows]
    classes = dict(class_prints(entries))
    if not classes:
        raise NothingExaminedError(f"{path}: no class in it", hint="give a jar with classes in it")
    name, version = name or said_name, version or said_version
    return Library(
        name=name,
        version=version,
        purl=purl if (name, version) == (said_name, said_version) else f"pkg:generic/{name}@{version}",
        classes=frozenset(classes),
        opcodes=code,
        packages=frozenset(name.rpartition("/")[0] for name in classes.values()),
    )


def _identity(content: mmap.mmap, rows: list[DirectoryEntry], path: Path) -> tuple[str, str, str]:
    """Return name, version and package URL, from pom.properties, the manifest, or the file name."""
    poms = [(match, row) for row in rows if (match := _POM.fullmatch(row.name))]
    if len(poms) == 1:
        match, row = poms[0]
        found = _POM_VERSION.search(read(content, row))
        if found is not None:
            group, artifact = match.groups()
            version = found.group(1).decode("utf-8", "replace")
            return artifact, version, f"pkg:maven/{group}/{artifact}@{version}"
    file = _FILE.fullmatch(path.stem)
    name, version = (file["name"], file["version"]) if file else (path.stem, "")
    manifest = next((read(content, row) for row in rows if row.name == _MANIFEST), b"")
    if not version and (found := _VERSION.search(manifest)):
        version = found.group(1).decode("utf-8", "replace")
    if file is None and (found := _TITLE.search(manifest)):
        name = found.group(1).decode("utf-8", "replace")
    version = version or "unknown"
    return name, version, f"pkg:generic/{name}@{version}"
