"""Which certificates of a bind line answer for which names: `crt`, folders, and the lines of a crt-list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from hardening.records import dataclass
from hardening.tls.targets.haproxy import words as haproxy_words
from hardening.tls.targets.reading import certificates
from hardening.tls.targets.reading.flat_syntax import Line
from hardening.tls.targets.reading.tree import SourceText, Tree


def after(words: list[str], name: str) -> str | None:
    """Return the word behind one, or None."""
    return words[words.index(name) + 1] if name in words[:-1] else None


def every(words: list[str], name: str) -> list[str]:
    """Return the words behind each of one name."""
    return [word for before, word in pairwise(words) if before == name]


def files_of(tree: Tree, path: str) -> list[str]:
    """Return the files that `crt` means: the file, all of a folder, or one for each kind of key beside it."""
    if not tree.in_memory and tree.is_folder(path):
        ours = (".key", ".ocsp", ".issuer", ".sctl")
        return [f for f in tree.listing(path) if not f.endswith(ours)]
    if tree.exists(path):
        return [path]
    kinds = [f for kind in ("rsa", "ecdsa", "dsa") if tree.exists(f := f"{path}.{kind}")]
    return kinds or [path]


LISTED = re.compile(
    r"^[ \t]*(?P<certificate>[^\s#\[]+)[ \t]*(?:\[(?P<options>[^\]\n]*)\])?(?P<names>[^#\n]*)", re.MULTILINE
)


def list_of(bind: Line, tree: Tree) -> SourceText | None:
    """Return the text of the crt-list that a bind line names."""
    name = after(haproxy_words.split(bind.value), "crt-list")
    if not name:
        return None
    return tree.source(tree.place(name, bind.path.rpartition("/")[0]), referrer=(bind.path, bind.line))


def _with_listed(bind: Line, tree: Tree) -> Line:
    """Return a bind line with the certificates of its crt-list that have no options of their own."""
    source = list_of(bind, tree)
    plain = (
        [one["certificate"] for one in LISTED.finditer(source.text) if not one["options"]] if source else []
    )
    return replace(bind, value=" ".join((bind.value, *(f"crt {one}" for one in plain))))


def _listed(bind: Line, tree: Tree) -> Iterator[tuple[Line | None, tuple[str, ...]]]:
    """Yield the names of each certificate of a crt-list, with a bind line where it has options of its own."""
    words, source = haproxy_words.split(bind.value), list_of(bind, tree)
    for one in LISTED.finditer(source.text) if source else ():
        names = tuple(n for n in one["names"].split() if not n.startswith("!"))
        if not one["options"]:
            yield None, names
            continue
        line = source.text.count("\n", 0, one.start()) + 1 if source else 0
        # the list of groups is the connection's, so that of the bind line holds, whatever a certificate's line says
        options = without(one["options"].split(), frozenset({"curves", "ecdhe"}))
        rest = without(words[1:], frozenset({"crt", "crt-list", "ssl-min-ver", "ssl-max-ver"}))
        value = f"{words[0]} {' '.join(options)} crt {one['certificate']} {' '.join(rest)}"
        yield Line("bind", value, source.path if source else "", line), names


def without(words: list[str], names: frozenset[str]) -> list[str]:
    """Return words without some that take a value, and without those values."""
    skipped = {i + n for i, word in enumerate(words) if word in names for n in (0, 1)}
    return [word for i, word in enumerate(words) if i not in skipped]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One certificate: its files, what it is listed for, and a bind line where it has options of its own."""

    files: tuple[str, ...]
    words: tuple[str, ...]
    """How the line names them, for HAProxy's `crt`."""
    listed: tuple[str, ...] | None
    """The filters behind it; None: there are none, and its own names count."""
    line: Line | None


def _entries(tree: Tree, bind: Line, words: list[str], base: str) -> Iterator[_Entry]:
    for word in every(words, "crt"):
        place = tree.place(word, base)
        found = files_of(tree, place)
        if not tree.in_memory and tree.is_folder(place):
            yield from (_Entry((one,), (one,), None, None) for one in found)
        else:
            yield _Entry(tuple(found), (word,), None, None)
    source = list_of(bind, tree)
    rows = LISTED.finditer(source.text) if source else ()
    for row, (line, names) in zip(rows, _listed(bind, tree), strict=True):
        word = row["certificate"]
        files = tuple(files_of(tree, tree.place(word, base)))
        yield _Entry(files, (word,), names if row["names"].split() else None, line)


def answers(tree: Tree, bind: Line, own: str, base: str) -> list[tuple[Line, tuple[str, ...]]]:
    """Return a bind line for each set of certificates, with the names it answers for; `own` stands for those that ask for none, and names without a folder lie in `base`.

    A certificate without a filter answers for the names in it, and the first of all for the rest (measured on 3.0.11).
    """
    words = haproxy_words.split(bind.value)
    entries = list(_entries(tree, bind, words, base))
    known = [e.listed if e.listed is not None else _names(tree, e.files) for e in entries]
    if len(entries) < 2 or not all(names is not None for names in known[1:]):  # noqa: PLR2004 - one answers for all
        return _as_listed(tree, bind, own)
    first, strict = entries[0], "strict-sni" in words
    alike: dict[tuple[_Entry, ...], list[str]] = {}
    if not strict:
        alike[first,] = [own]
    by_name: dict[str, list[_Entry]] = {}
    for entry, names in zip(entries, known, strict=True):
        for name in names or ():
            by_name.setdefault(name, []).append(entry)
    for name, exact in by_name.items():
        chosen = _by_kind(tree, exact, by_name.get(f"*.{name.partition('.')[2]}", []))
        if chosen != [first] or strict or any(e.listed is not None for e in exact):
            alike.setdefault(tuple(e for e in chosen if e.line is None), []).append(name)
            for entry in (e for e in chosen if e.line is not None):
                alike.setdefault((entry,), []).append(name)
    rest = without(words, frozenset({"crt", "crt-list"}))
    return [
        (
            many[0].line
            or replace(bind, value=" ".join((*rest, *(f"crt {w}" for e in many for w in e.words)))),
            tuple(dict.fromkeys(names)),
        )
        for many, names in alike.items()
        if many
    ]


def _by_kind(tree: Tree, exact: list[_Entry], wild: list[_Entry]) -> list[_Entry]:
    """Return what answers for a name: of each kind of key the first certificate for it, else the first for its wildcard."""
    found: list[_Entry] = []
    covered: set[str] = set()
    for entry in (*exact, *wild):
        kinds = (certificates.keys_of(tree, entry.files) or frozenset()) & certificates.KINDS or {""}
        if kinds - covered:
            found.append(entry)
            covered |= kinds
    return found


def _names(tree: Tree, files: Iterable[str]) -> tuple[str, ...] | None:
    found: dict[str, None] = {}
    for file in files:
        names = certificates.names(tree, file)
        if names is None:
            return None
        found |= dict.fromkeys(names)
    return tuple(found)


def _as_listed(tree: Tree, bind: Line, own: str) -> list[tuple[Line, tuple[str, ...]]]:
    """Return the same where nobody can say which names a certificate has."""
    words, listed = haproxy_words.split(bind.value), list(_listed(bind, tree))
    plain = [n for line, names in listed if line is None for n in names]
    strict = bool(listed) and "strict-sni" in words
    alone = listed[0][0] if listed and "crt" not in words else None
    found: list[tuple[Line, tuple[str, ...]]] = []
    # without a certificate of the bind line's the first of the list answers those who ask for no name
    if names := tuple(plain) if strict or alone else (own, *plain):
        found.append((_with_listed(bind, tree), names))
    for line, named in listed:
        if line is not None:
            unnamed = (own,) if line is alone and not strict else ()
            found.append((line, (*unnamed, *named)))
    return found
