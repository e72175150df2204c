"""The bundle's bytes against the signed ones."""

import hashlib
import os
import tarfile
import zipfile

from hardening.onhost.verifier.problems import BundleRefused, Usage
from hardening.onhost.verifier.statement import whole_number

MORE = 64 << 20  # bytes above the signed ones with which a file is another one
CHUNK = 1 << 20


def digest(source, most=None):
    """The digest and size of what can be read; no further than a piece behind `most` bytes."""
    value, size = hashlib.sha256(), 0
    while True:
        chunk = source.read(CHUNK)
        if not chunk or (most is not None and size > most):
            return value.hexdigest(), size
        value.update(chunk)
        size += len(chunk)


def members(path, most):
    """Name and digest of each top-level member of a zip or tar, none of which is read far behind `most` bytes."""
    if zipfile.is_zipfile(path):
        archive = zipfile.ZipFile(path)
        for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
            folder = info.filename.endswith("/")
            yield info.filename, "" if folder else digest(archive.open(info.filename), most)[0]
    else:
        archive = tarfile.open(path, "r:*")
        for info in archive:
            yield info.name, digest(archive.extractfile(info), most)[0] if info.isreg() else ""


def _plain(name):
    while name.startswith(("./", "/")):
        name = name[2:] if name.startswith("./") else name[1:]
    return name.rstrip("/")


def difference(path, claims):
    """In words, the first member that is not as signed."""
    at = 0
    try:
        signed = [m for m in claims["members"] if "!/" not in m["path"]]
        known = set(m["path"] for m in signed)
        for name, found in members(path, max([0] + [whole_number(m["size"]) for m in signed])):
            name = _plain(name)
            if at >= len(signed) or name not in known:
                return "%s was added" % name
            if signed[at]["path"] != name:
                return "%s was removed or moved" % signed[at]["path"]
            if signed[at]["sha256"] != found:
                return "%s was changed" % name
            at += 1
    except Exception:
        return "it can no longer be read as the signed format"
    if at < len(signed):
        return "%s was removed" % signed[at]["path"]
    return "every member is unchanged; bytes outside the members were changed"


def check_content(path, claims, largest):
    """Refuse a bundle with other bytes than the signed ones. Errors: Refused, Usage."""
    try:
        source = open(path, "rb")
    except EnvironmentError as problem:
        raise Usage("%s: %s" % (path, problem.strerror))
    try:
        size = os.fstat(source.fileno()).st_size
        if largest and size > largest:
            raise BundleRefused("it has %d bytes, more than %d" % (size, largest))
        found = None
        if size == claims["size"]:
            found, size = digest(source)
    finally:
        source.close()
    if size > claims["size"] + MORE:
        raise BundleRefused("it has %d bytes, and %d are signed" % (size, claims["size"]))
    if found != claims["sha256"] or size != claims["size"]:
        raise BundleRefused(difference(path, claims))
