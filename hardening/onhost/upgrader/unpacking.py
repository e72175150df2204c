"""Unpacks a bundle below one folder and nowhere else."""

import os
import shutil
import stat
import tarfile
import zipfile

from hardening.onhost.shared.errors import Failed
from hardening.onhost.shared.files import make_dirs
from hardening.onhost.shared.texts import native, shown


def unpack(path, target):
    """Unpack a tar (plain, gzip, bzip2) or zip archive below `target` and nowhere else. Errors: Failed."""
    if tarfile.is_tarfile(path):
        _untar(path, target)
    elif zipfile.is_zipfile(path):
        archive = zipfile.ZipFile(path)
        for item in archive.infolist():
            place = place_inside(target, item.filename)
            mode = item.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise Failed("the bundle holds a link: %s" % item.filename)
            if item.filename.endswith("/"):
                make_dirs(place, 0o755)
                continue
            make_dirs(os.path.dirname(place), 0o755)
            write_member(archive.open(item), place, mode & 0o777 or 0o644)
        archive.close()
    else:
        raise Failed("the bundle is neither a tar nor a zip archive that this host's Python can unpack")


def _untar(path, target):
    archive, links = tarfile.open(path), {}
    try:
        items = archive.getmembers()
        for item in items:  # all of it is judged before any of it is written
            place_inside(target, item.name)
            if not (item.isdir() or item.isreg() or item.issym()):
                raise Failed("the bundle holds %s, which is neither file, folder nor link" % item.name)
            if item.issym():
                if links.setdefault(_normal(item.name), shown(item.linkname)) != shown(item.linkname):
                    raise Failed("the bundle holds two links with the name %s" % item.name)
        check_links(links, [(_normal(item.name), item.isdir()) for item in items if not item.issym()])
        for item in items:
            place = place_inside(target, item.name)
            if item.isdir():
                make_dirs(place, 0o755)
            elif item.isreg():
                make_dirs(os.path.dirname(place), 0o755)
                write_member(archive.extractfile(item), place, item.mode & 0o777)
    finally:
        archive.close()
    for name in sorted(links):  # last, so that nothing is written through one
        place = place_inside(target, name)
        make_dirs(os.path.dirname(place), 0o755)
        os.symlink(native(links[name]), place)


def _normal(name):
    return os.path.normpath(shown(name))


def place_inside(target, name):
    """Return where a member goes. Errors: Failed when that is outside."""
    clean = _normal(name)
    if clean == ".." or clean.startswith(("/", "../")):
        raise Failed("the bundle would write outside its folder: %s" % clean[:200])
    return os.path.join(target, native(clean))


MOST_HOPS = 40


def check_links(links, others):
    """Follow each link as the file system would (bundle/walk/links.py holds the same rule). Errors: Failed.

    `links` are targets by name; `others` are (name, whether it is a folder) of all other members.
    """
    folders = set()
    for name, folder in others + [(name, False) for name in links]:
        parent = name if folder else os.path.dirname(name)
        while parent and parent not in folders:
            folders.add(parent)
            parent = os.path.dirname(parent)
    for name, _ in others:
        way = name
        while way:
            if way in links:
                raise Failed("the bundle would write through its link %s: %s" % (way[:200], name[:200]))
            way = os.path.dirname(way)
    for name in links:
        if os.path.dirname(name) and _through(links, os.path.dirname(name)):
            raise Failed("the bundle would write through a link: %s" % name[:200])
        why = _unsafe(links, folders, name)
        if why:
            raise Failed("the link %s to %s is refused: %s" % (name[:200], links[name][:200], why))


def _through(links, way):
    while way:
        if way in links:
            return True
        way = os.path.dirname(way)
    return False


def _unsafe(links, folders, name):
    """Return why nobody can vouch for where a link leads; empty where it stays inside. `/` is the bundle's own root."""
    todo, here, hops, rooted = name.split("/")[::-1], [], 0, False
    while todo:
        word = todo.pop()
        if word in ("", "."):
            continue
        if word == "..":
            if not here and not rooted:
                return "it leads outside the folder of the bundle"
            if here and not rooted and "/".join(here) not in folders:
                return "%s is not a folder of the bundle" % "/".join(here)
            del here[-1:]
            continue
        here.append(word)
        leads_to = links.get("/".join(here))
        if leads_to is None:
            continue
        hops += 1
        if hops > MOST_HOPS:
            return "more than %d links follow each other" % MOST_HOPS
        here.pop()
        if leads_to.startswith("/"):
            here, rooted = [], True
        todo.extend(leads_to.split("/")[::-1])
    return ""


def write_member(source, place, mode):
    """Write one member."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    give = os.fdopen(descriptor, "wb")
    try:
        shutil.copyfileobj(source, give, 1 << 20)
    finally:
        give.close()
        source.close()
    os.chmod(place, mode)
