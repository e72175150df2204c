"""The language of sshd_config and ssh_config: keywords, `Match` and `Host` blocks, `Include` with globs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial

from hardening.findings import InFile
from hardening.records import dataclass
from hardening.tls.libraries import ssh_algorithms
from hardening.tls.release import Directives, Release
from hardening.tls.targets.reading.includes import Includes, Manner
from hardening.tls.targets.reading.tree import Tree

_LINE = re.compile(r"(?P<name>[A-Za-z][\w-]*)(?:\s*=\s*|\s+)(?P<value>\S.*)$")
_REMARK = re.compile(r"(?<!\s)\s+#.*$")
_INCLUDES = Manner(may_be_absent=frozenset({"include"}), deepest=17)
"""OpenSSH follows 16 includes within includes, and one that is not there is no error to it."""
ALIASES = {"pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms"}
KINDS = {
    "kexalgorithms": "kex",
    "hostkeyalgorithms": "host_keys",
    "ciphers": "ciphers",
    "macs": "macs",
    "pubkeyacceptedalgorithms": "user_keys",
}
"""Directives that hold lists, in lower case, and the kind of their names."""
NAMES = {
    "kex": "KexAlgorithms",
    "host_keys": "HostKeyAlgorithms",
    "ciphers": "Ciphers",
    "macs": "MACs",
    "user_keys": "PubkeyAcceptedAlgorithms",
}


@dataclass(frozen=True, slots=True)
class SshLine:
    """One setting, where it stands, and the block it is in (empty: outside any)."""

    name: str
    """In lower case, aliases resolved."""
    spelling: str
    value: str
    path: str
    line: int
    block: str

    @property
    def at(self) -> InFile:
        """The place, for findings."""
        return InFile((self.path,), self.line)


def read(tree: Tree, path: str, release: Release, facts: Directives) -> list[SshLine]:
    """Return every setting of a file and its includes, in the order they are read."""
    lines: list[SshLine] = []
    base = f"{tree.prefix}/etc/ssh" if tree.of_host else posixpath.dirname(path)
    no_include = facts.lacks("Include", release)
    includes = Includes(tree, _INCLUDES)

    def take(block: str, whole: str, path: str) -> None:
        for one in _lines(tree, block, whole, path):
            lines.append(one)
            if one.name != "include":
                continue
            if no_include:
                tree.say("unknown-directive", path, one.line, no_include)
                continue
            for pattern in re.sub("[\"']", " ", one.value).split():
                includes.follow(pattern, base, partial(take, one.block), (path, one.line), one.name)

    includes.read(path, partial(take, ""))
    return lines


def _lines(tree: Tree, block: str, whole: str, path: str) -> Iterator[SshLine]:
    for number, text in enumerate(whole.split("\n"), start=1):
        bare = text.strip()
        if not bare or bare.startswith("#"):
            continue
        found = _LINE.match(_REMARK.sub("", bare))
        if found is None:
            tree.say("syntax", path, number, f"{bare[:60]!r} is not understood")
            continue
        spelling, value = found["name"], found["value"].strip()
        name = ALIASES.get(spelling.lower(), spelling.lower())
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if name in {"match", "host"}:
            block = f"{spelling} {value}"  # an included file ends its own blocks: `block` is this call's
            continue
        yield SshLine(name, spelling, value, path, number, block)


def matches(name: str, patterns: str) -> bool:
    """Tell whether a comma-separated list of patterns means a name; `!` takes away."""
    found = False
    for pattern in patterns.split(","):
        if pattern.startswith("!") and fnmatchcase(name, pattern[1:]):
            return False
        found = found or fnmatchcase(name, pattern)
    return found


def unknown_directives(tree: Tree, lines: Sequence[SshLine], facts: Directives, release: Release) -> None:
    """Say which keywords OpenSSH does not know; it refuses them, but those that IgnoreUnknown names."""
    ignored = ",".join(x.value.lower() for x in lines if x.name == "ignoreunknown")
    for line in lines:
        if line.name in {*KINDS, "include", "protocol"} or matches(line.name, ignored):
            continue  # those are judged by what each release takes, where they are read
        if why := facts.stray(line.spelling, release):
            tree.say("unknown-directive", line.path, line.line, why)


_ASK = {"ciphers": "cipher", "macs": "mac", "host_keys": "key", "user_keys": "key"}
"""What `ssh -Q` calls a kind."""


def unknown(kind: str, text: str, release: Release, facts: Directives) -> str:
    """Return why a release refuses a list, or nothing."""
    sign = text[:1] if text[:1] in set("+-^") else ""
    if sign and not facts.has(f"list with {sign}", release):
        return f"openssh {release.version} has no lists that begin with {sign}"
    if sign == "-":
        return ""
    known = ssh_algorithms.known(kind)
    for word in text.removeprefix(sign).split(","):
        if not word or "*" in word or "?" in word or word.startswith("!"):
            continue
        if word not in known:
            return f"no openssh we know has {ssh_algorithms.LABELS[kind]} {word}"
        if not known[word].listed_by(release):
            what = f"{ssh_algorithms.LABELS[kind]} {word}"
            if note := known[word].note:  # whether a package has the patch is not known from here
                return f"upstream OpenSSH of {release.version} has no {what} ({note}): `ssh -Q {_ASK.get(kind, kind)}` on the host shows whether this one has"
            return f"openssh {release.version} has no {what}"
    return ""


def resolved(kind: str, text: str, default: Sequence[str], release: Release) -> tuple[str, ...]:
    """Return the names a list means: as it stands, or the default with `+`, `-` or `^` applied."""
    sign = text[:1] if text[:1] in set("+-^") else ""
    words = text.removeprefix(sign)
    if sign == "-":
        return tuple(n for n in default if not matches(n, words))
    names = tuple(dict.fromkeys(_spelled_out(kind, words, release)))
    if sign == "+":
        return (*default, *(n for n in names if n not in default))
    if sign == "^":
        return (*names, *(n for n in default if n not in names))
    return names


def _spelled_out(kind: str, words: str, release: Release) -> Iterable[str]:
    for word in words.split(","):
        if "*" in word or "?" in word:
            yield from (
                a.name
                for a in ssh_algorithms.known(kind).values()
                if a.listed_by(release) and matches(a.name, word)
            )
        elif word and not word.startswith("!"):
            yield word
