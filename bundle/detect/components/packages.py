"""Packages of distributions and languages: an rpm's header, Debian control files, package.json, wheels, locks."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bundle.walk.derive import INSTALLED
from bundle.walk.member import Content, Member

_RPM_LEAD, _RPM_MAGIC = b"\xed\xab\xee\xdb", b"\x8e\xad\xe8\x01"
_LEAD_SIZE, _INTRO_SIZE, _ROW_SIZE = 96, 16, 16
_RPM_TAGS = {
    1000: "name",
    1001: "version",
    1002: "release",
    1003: "epoch",
    1010: "distribution",
    1011: "vendor",
}
_INT32, _STRING, _I18N = 4, 6, 9
_MOST_ROWS, _MOST_JSON = 4096, 256 << 10
_MOST_LOCK, _MOST_DEPTH = 8 << 20, 64
_STANZA = re.compile(rb"\r?\n\s*\r?\n")
_FIELD = re.compile(rb"^(Package|Version|Status):[ \t]*(\S[^\r\n]*)", re.MULTILINE)
_TAG = re.compile(r"(?:el|fc|deb|amzn)\d+")
_EPOCH = re.compile(r"^\d+:")


@dataclass(frozen=True, slots=True)
class Package:
    """A package as its own metadata name it; `full` is the version with epoch and release."""

    type: str
    name: str
    version: str
    """Upstream's version."""
    full: str
    vendor: str = ""
    line: int = 1
    listed: bool = False
    """A lock or list of what else is installed says it; its code may lie elsewhere or not in the bundle."""

    @property
    def purl(self) -> str:
        """The package URL without a distribution: `pkg:rpm/httpd@2.4.6-99.el7`."""
        return f"pkg:{self.type}/{self.name}@{self.full}"

    @property
    def tags(self) -> tuple[str, ...]:
        """Distribution tags in the release: `el7`, `deb12`."""
        return tuple(dict.fromkeys(_TAG.findall(self.full)))


def packages(member: Member) -> Iterator[Package]:
    """Say the packages this member is, or lists."""
    content, name = member.content, member.name
    if member.derived:
        yield from _installed(content) if member.derived == INSTALLED else ()
    elif content[:4] == _RPM_LEAD:
        yield from _rpm(content)
    elif name in ("control", "status") or (name.endswith(".control") and not member.container):
        yield from _debian(content, installed=name == "status")
    elif name == "package.json" and len(content) <= _MOST_JSON:
        yield from _npm(content)
    elif name == "pom.properties" and len(content) <= _MOST_JSON:
        yield from _maven(content)
    elif name in ("installed.json", "composer.lock"):
        yield from _composer(content)
    elif name in ("package-lock.json", "npm-shrinkwrap.json", ".package-lock.json"):
        yield from _npm_lock(content)
    elif name == "PKG-INFO" or (name == "METADATA" and member.path.endswith(".dist-info/METADATA")):
        yield from _python(content)


def listed_packages(member: Member) -> Iterator[Package]:
    """Yield the package that an RPM is, or those that a database of RPMs lists."""
    if member.derived == INSTALLED or (not member.derived and member.content[:4] == _RPM_LEAD):
        yield from packages(member)


def _installed(content: Content) -> Iterator[Package]:
    """The walker's list of what an rpm database holds."""
    for line in bytes(content).decode("utf-8", "replace").splitlines():
        name, full, _arch, vendor = (*line.split("\t"), "", "", "")[:4]
        yield Package("rpm", name, _EPOCH.sub("", full).rsplit("-", 1)[0], full, vendor)


def _rpm(content: Content) -> Iterator[Package]:
    """The main header follows the lead and the signature, which is padded to eight bytes."""
    try:
        at = _LEAD_SIZE
        rows, store = _header(content, at)
        at += _INTRO_SIZE + rows * _ROW_SIZE + store
        values = _values(content, at + -at % 8)
    except (struct.error, ValueError):
        return
    if values.get("name") and values.get("version"):
        full = f"{values['version']}-{values['release']}" if values.get("release") else values["version"]
        if values.get("epoch"):
            full = f"{values['epoch']}:{full}"
        vendor = " ".join(v for v in (values.get("vendor"), values.get("distribution")) if v)
        yield Package("rpm", values["name"], values["version"], full, vendor)


def _header(content: Content, at: int) -> tuple[int, int]:
    if content[at : at + 4] != _RPM_MAGIC:
        raise ValueError(at)
    rows, store = struct.unpack_from(">II", content, at + 8)
    return rows, store


def _values(content: Content, at: int) -> dict[str, str]:
    rows, _ = _header(content, at)
    start = at + _INTRO_SIZE + rows * _ROW_SIZE
    found: dict[str, str] = {}
    for index in range(min(rows, _MOST_ROWS)):
        tag, kind, offset, _ = struct.unpack_from(">IIII", content, at + _INTRO_SIZE + index * _ROW_SIZE)
        key = _RPM_TAGS.get(tag)
        if key is None:
            continue
        if kind in (_STRING, _I18N):
            end = content.find(b"\0", start + offset, start + offset + 1024)
            found[key] = bytes(content[start + offset : max(end, start + offset)]).decode("utf-8", "replace")
        elif kind == _INT32:
            found[key] = str(struct.unpack_from(">I", content, start + offset)[0])
    return found


def _debian(content: Content, *, installed: bool) -> Iterator[Package]:
    ends = [0, *(m.end() for m in _STANZA.finditer(content)), len(content)]
    line = 1
    for start, end in pairwise(ends):
        stanza = bytes(content[start:end])
        fields = {key: value.decode("utf-8", "replace").strip() for key, value in _FIELD.findall(stanza)}
        name, full = fields.get(b"Package"), fields.get(b"Version")
        if name and full and not (installed and " installed" not in fields.get(b"Status", "")):
            yield Package("deb", name, upstream(full), full, line=line)
        line += stanza.count(b"\n")


def upstream(full: str) -> str:
    """Return upstream's part of a Debian version: without epoch, revision and repacking suffix."""
    version = _EPOCH.sub("", full)
    version = version.rsplit("-", 1)[0] if "-" in version else version
    return re.split(r"[+~]|-really", version)[0]


_POM_LINE = re.compile(rb"^(version|groupId|artifactId)\s*=\s*(\S+)", re.MULTILINE)


def _maven(content: Content) -> Iterator[Package]:
    properties = {key: value.decode("utf-8", "replace") for key, value in _POM_LINE.findall(content)}
    if len(properties) == len((b"version", b"groupId", b"artifactId")):
        name, version = f"{properties[b'groupId']}/{properties[b'artifactId']}", properties[b"version"]
        yield Package("maven", name, version, version)


def _composer(content: Content) -> Iterator[Package]:
    """`installed.json` of either shape, or `composer.lock`."""
    try:
        document = json.loads(bytes(content))
    except (ValueError, RecursionError):
        return
    rows = document.get("packages") if isinstance(document, dict) else document
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("name"), str) and isinstance(row.get("version"), str):
            version = row["version"].removeprefix("v")
            yield Package("composer", row["name"], version, version, listed=True)


def _npm(content: Content) -> Iterator[Package]:
    try:
        document = json.loads(bytes(content))
    except (ValueError, RecursionError):
        return
    if (
        isinstance(document, dict)
        and isinstance(document.get("name"), str)
        and isinstance(document.get("version"), str)
    ):
        yield Package("npm", document["name"], document["version"], document["version"])


def _npm_lock(content: Content) -> Iterator[Package]:
    """Every package once: `packages` by their folders (npm 7 and later), or `dependencies` in each other."""
    if len(content) > _MOST_LOCK:
        return
    try:
        document = json.loads(bytes(content))
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict):
        return
    rows = document.get("packages")
    pairs = (
        ((_named(key, row), row) for key, row in rows.items() if key)
        if isinstance(rows, dict)
        else _dependencies(document.get("dependencies"))
    )
    found = {
        (name, row["version"]): None
        for name, row in pairs
        if isinstance(row, dict) and isinstance(row.get("version"), str) and row["version"][:1].isdigit()
    }
    for name, version in found:
        yield Package("npm", name, version, version, listed=True)


def _named(folder: str, row: Any) -> str:
    alias = row.get("name") if isinstance(row, dict) else None
    return alias if isinstance(alias, str) else folder.rpartition("node_modules/")[2]


def _dependencies(rows: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if not isinstance(rows, dict) or depth > _MOST_DEPTH:
        return
    for name, row in rows.items():
        yield name, row
        if isinstance(row, dict):
            yield from _dependencies(row.get("dependencies"), depth + 1)


_PYTHON_FIELD = re.compile(rb"^(Name|Version):[ \t]*([\w.+!-]+)[ \t]*\r?$", re.MULTILINE)
_PYTHON_HEAD = b"Metadata-Version:"


def _python(content: Content) -> Iterator[Package]:
    """A wheel's METADATA or an egg's PKG-INFO: headers as in a mail, then a description of any words."""
    if content[: len(_PYTHON_HEAD)] != _PYTHON_HEAD:
        return
    head = re.split(rb"\r?\n\r?\n", bytes(content[:_MOST_JSON]), maxsplit=1)[0]
    fields: dict[bytes, str] = {}
    for key, value in _PYTHON_FIELD.findall(head):
        fields.setdefault(key, value.decode("ascii", "replace"))
    name, version = fields.get(b"Name"), fields.get(b"Version")
    if name and version:
        name = re.sub(r"[-_.]+", "-", name).lower()
        yield Package("pypi", name, version, version)
