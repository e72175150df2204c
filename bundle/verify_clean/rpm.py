"""What a proof accepts in front of an rpm's payload: lists of files that fit what was removed and replaced, and sums.

Like `prove` this shares no code with the cleaner: it reads both headers and says what differs. The sums of the payload
as a whole are rpm's to check, which refuses a package whose sums do not fit.
"""

from __future__ import annotations

import hashlib
import posixpath
import stat
import struct
from collections.abc import Mapping

Tags = dict[int, tuple[int, int, bytes]]
"""Type, count and value by tag."""

Changed = Mapping[str, tuple[int, str, bytes | None]]
"""Size, SHA-256 and, where it is at hand, the content of each file with another one than before, by path."""

_LEAD = 96
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
_STRING = 6
_REGIONS = {62, 63}
_MAY_BE_ABSENT = {267, 268, 278, 1002, 1003, 1005, 1006}
_SUMS_OF_ALL = {1000, 270, 1007, 271, 269, 273, 1004}
_PAYLOAD_SUMS = {5092, 5097}
_OF_FILES = (
    {1028, 5008, 1029, 1030, 1031, 1032, 1033, 1034, 1035, 1036, 1037, 1039, 1040, 1045}
    | {1095, 1096, 1097, 1140, 1141, 1143, 1144, 1147, 5010}
)  # fmt: skip
_OF_NAMES = {1027, 1116, 1117, 1118}
_DIGESTS = 1035
_SIZE_OF_ALL = {1009, 5009}
_HASHES = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}


class UnreadableError(ValueError):
    """A header that cannot be read."""


def front(content: bytes) -> bytes:
    """Return lead, signature and header of a package; empty where they do not fit into what is at hand."""
    try:
        signature = _end(content, _LEAD)
        return content[: _end(content, -(-signature // 8) * 8)]
    except (UnreadableError, struct.error):
        return b""


def disagreement(old: bytes, new: bytes, removed: set[str], changed: Changed) -> str:
    """Return what in `new`, a package's front, does not follow from `old` and the files gone and changed; or nothing.

    Paths are without a leading `/`.
    """
    try:
        (lead, signature, header, _), (lead_now, signature_now, header_now, stored) = _split(old), _split(new)
        if lead != lead_now:
            return "its lead differs"
        return _signatures(signature, signature_now, stored) or _headers(header, header_now, removed, changed)
    except (UnreadableError, ValueError, LookupError, struct.error):
        return "its header cannot be read"


def _end(data: bytes, at: int) -> int:
    if data[at : at + 4] != b"\x8e\xad\xe8\x01":
        raise UnreadableError
    count, size = struct.unpack_from(">2I", data, at + 8)
    end = at + 16 + 16 * count + size
    if end > len(data):
        raise UnreadableError
    return int(end)


def _split(data: bytes) -> tuple[bytes, Tags, Tags, bytes]:
    behind = _end(data, _LEAD)
    at = -(-behind // 8) * 8
    return data[:_LEAD], _tags(data[_LEAD:behind]), _tags(data[at:]), data[at:]


def _tags(section: bytes) -> Tags:
    count, _ = struct.unpack_from(">2I", section, 8)
    store = section[16 + 16 * count :]
    made: Tags = {}
    for tag, kind, offset, many in struct.iter_unpack(">4I", section[16 : 16 + 16 * count]):
        if tag in _REGIONS:
            continue
        end = offset
        if kind in _WIDTHS:
            end += _WIDTHS[kind] * many
        else:
            for _ in range(1 if kind == _STRING else many):
                end = store.index(b"\0", end) + 1
        if tag in made or end > len(store):
            raise UnreadableError
        made[tag] = kind, many, store[offset:end]
    return made


def _signatures(old: Tags, new: Tags, header: bytes) -> str:
    for tag in old.keys() | new.keys():
        if tag in new and tag not in old:
            return f"its signature has the further tag {tag}"
        if tag not in new and tag not in _MAY_BE_ABSENT:
            return f"its signature lacks the tag {tag}"
        if tag in new and tag not in _SUMS_OF_ALL | {274, 276} and old[tag] != new[tag]:
            return f"its signature has another tag {tag}"
    for tag, made in ((269, hashlib.sha1(header, usedforsecurity=False)), (273, hashlib.sha256(header))):
        if tag in new and new[tag][2] != made.hexdigest().encode() + b"\0":
            return "the digest of its header does not fit the header"
    return ""


def _headers(old: Tags, new: Tags, removed: set[str], changed: Changed) -> str:
    names, names_now = _names(old), _names(new)
    gone = removed | (_ghosts(old, names, removed) - set(names_now))
    keep = [n for n, name in enumerate(names) if name not in gone]
    if [names[n] for n in keep] != names_now:
        return "its list of files is not what is in it"
    lists = _OF_FILES | _OF_NAMES
    for tag in old.keys() | new.keys():
        if tag in _PAYLOAD_SUMS and (tag in old) == (tag in new):
            continue
        if tag in lists:
            if tag not in _OF_NAMES and not _same_rows(old, new, tag, keep, changed, names_now):
                return f"its list {tag} does not fit the files"
        elif tag in _SIZE_OF_ALL:
            if _sum(old, tag) - _sizes(old) != _sum(new, tag) - _sizes(new):
                return "the size it says to take does not fit the files"
        elif old.get(tag) != new.get(tag):
            return f"its header has another tag {tag}"
    return ""


def _values(tags: Tags, tag: int) -> list[int | bytes]:
    if tag not in tags:
        return []
    kind, many, data = tags[tag]
    if kind in (8, 9):
        return list(data.split(b"\0")[:-1])
    return list(struct.unpack(f">{many}{ {1: 'B', 2: 'B', 3: 'H', 4: 'I', 5: 'Q'}[kind] }", data))


def _names(tags: Tags) -> list[str]:
    whole = _values(tags, 1027)
    if not whole:
        folders = _values(tags, 1118)
        whole = [
            folders[int(of)] + base  # type: ignore[operator]  # both are bytes: the tags' own type
            for of, base in zip(_values(tags, 1116), _values(tags, 1117), strict=True)
        ]
    return [posixpath.normpath("/" + bytes(n).decode("utf-8", "backslashreplace")).lstrip("/") for n in whole]


def _ghosts(tags: Tags, names: list[str], removed: set[str]) -> set[str]:
    """Return the files that are in no payload and lie where something was removed."""
    flags = _values(tags, 1037)
    around = tuple(f"{posixpath.dirname(path)}/" for path in removed) + tuple(f"{path}/" for path in removed)
    return {
        name for name, flag in zip(names, flags, strict=False) if int(flag) & 64 and name.startswith(around)
    }


def _same_rows(old: Tags, new: Tags, tag: int, keep: list[int], changed: Changed, names: list[str]) -> bool:
    was, now = _values(old, tag), _values(new, tag)
    if not was or not keep:
        return not now and (not was or not keep)
    expected = [was[n] for n in keep]
    same = _one_file(old, keep)
    for place, name in enumerate(names):
        if name in changed and tag in (1028, 5008, _DIGESTS):
            for other in same[place]:
                expected[other] = _of(changed[name], tag, old)
    return expected == now and old[tag][0] == new[tag][0]


def _one_file(old: Tags, keep: list[int]) -> list[list[int]]:
    """Return for each file that is left the places of all its names: hard links share a device and an inode."""
    devices, inodes = _values(old, 1095), _values(old, 1096)
    if len(devices) != len(inodes) or not devices:
        return [[place] for place in range(len(keep))]
    nodes = [(devices[n], inodes[n]) for n in keep]
    places: dict[tuple[int | bytes, int | bytes], list[int]] = {}
    for place, node in enumerate(nodes):
        places.setdefault(node, []).append(place)
    return [places[node] for node in nodes]


def _of(now: tuple[int, str, bytes | None], tag: int, old: Tags) -> int | bytes:
    size, sha256, content = now
    if tag != _DIGESTS:
        return size
    kind = _HASHES[int((_values(old, 5011) or [1])[0])]
    if kind == "sha256":
        return sha256.encode()
    return b"" if content is None else hashlib.new(kind, content, usedforsecurity=False).hexdigest().encode()


def _sum(tags: Tags, tag: int) -> int:
    return int((_values(tags, tag) or [0])[0])


def _sizes(tags: Tags) -> int:
    """Return the bytes of the regular files, each once whatever names it has."""
    sizes, modes = _values(tags, 5008) or _values(tags, 1028), _values(tags, 1030)
    nodes = list(zip(_values(tags, 1095), _values(tags, 1096), strict=False))
    each = {
        nodes[n] if len(nodes) == len(modes) else (n, n): int(size)
        for n, (size, mode) in enumerate(zip(sizes, modes, strict=True))
        if stat.S_ISREG(int(mode))
    }
    return sum(each.values())
