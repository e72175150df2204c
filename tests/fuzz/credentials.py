"""What is fuzzed of the credential detector: texts of every style, classes, keys, rule files and hashes.

Every input ends, quickly; every finding lies inside its text and holds nothing of the value.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bundle.detect import keys
from bundle.detect.credentials import Credentials
from bundle.detect.credentials.java import classes
from bundle.detect.credentials.judging import cracking, decode
from bundle.detect.credentials.rules.gitleaks import load_gitleaks
from bundle.detect.credentials.statements import calls, spliced
from bundle.detect.credentials.texts.textview import View
from bundle.walk.member import Member
from hardening.errors import HardeningError
from hardening.findings import InFile
from tests.support.bundle.detect.credentials.plant.kinds import places
from tests.support.bundle.detect.credentials.plant.whole import written

_DETECTOR = Credentials()
_KEYS = keys.detector()


def member(name: str, data: bytes) -> Member:
    return Member(parts=("b.zip", name), kind="file", size=len(data), content=data)


def text(name: str) -> Callable[[bytes], object]:
    """The whole detector on a text that has this name."""

    def target(data: bytes) -> None:
        one = member(name, data)
        lines = (data.count(b"\n") or data.count(b"\r")) + 1  # old Macs ended lines with a return alone
        for finding in _DETECTOR.check(one, "b.zip"):
            assert isinstance(finding.location, InFile)
            assert finding.location.line is None or 1 <= finding.location.line <= lines
        for literal in _DETECTOR.literals(one, b"key"):
            assert 0 <= literal.start < literal.end <= 2 * len(data)

    return target


def rules(data: bytes) -> None:
    """A rule file in gitleaks' format: read, or refused with a word."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(data)
        file.flush()
        try:
            load_gitleaks(Path(file.name))
        except HardeningError:
            return


def values(data: bytes) -> None:
    """What is decoded, and what is held against hashes."""
    said = data.decode("utf-8", "replace")
    decode.plain(said, asked=True)
    decode.pair(said)
    decode.unescaped(said)
    calls.arguments(said)
    cracking.opened(said[:200])


def put_together(data: bytes) -> None:
    """What literals make where they are put together: each part of it stands in the text."""
    for line in spliced.made(View(data), range(1, len(data)), adjacent=True):
        for begin, end, at in line.parts:
            assert line.data[begin:end] == data[at : at + end - begin]


def java_class(data: bytes) -> None:
    """Every call of a class, those that the detector asks for, and what it says of them."""
    list(classes.calls(data))
    list(classes.calls(data, _DETECTOR.compiled.wanted))
    list(_DETECTOR.check(replace(member("a.class", data), format="class"), "b.zip"))


def binary(data: bytes) -> None:
    """The literals of a program of machine code: no finding of theirs has a line."""
    if not data.startswith(
        (b"MZ", _ELF)
    ):  # a program begins as one; a swap file of Vim, which has lines, does not
        data = _ELF + data
    one = replace(member("bin/engine", data), format="pe" if data[:2] == b"MZ" else "elf")
    for finding in _DETECTOR.check(one, "b.zip"):
        assert isinstance(finding.location, InFile)
        assert finding.location.line is None


_ELF = b"\x7fELF"
TARGETS: dict[str, Callable[[bytes], object]] = {
    "php": text("www/a.php"),
    "java": text("src/A.java"),
    "shell": text("bin/a.sh"),
    "config": text("etc/a.conf"),
    "xml": text("conf/a.xml"),
    "sql": text("db/a.sql"),
    "accounts": text("etc/rsyncd.secrets"),
    "prose": text("docs/README.md"),
    "data": text("conf/a.yml"),
    "python": text("lib/a.py"),
    "map": text("www/a.js.map"),
    "class": java_class,
    "binary": binary,
    "keys": lambda data: list(_KEYS.check(member("etc/a.key", data), "b.zip")),
    "rules": rules,
    "values": values,
    "spliced": put_together,
}


def seeds() -> Iterator[tuple[str, bytes]]:
    """Every planted file once, small enough for a corpus."""
    pick = random.Random(1)
    for number, place in enumerate((*places("third"), *places("fourth"))):
        said = written(place, pick)[0]
        yield f"planted-{number}", said.encode()[: 4 << 10]
        if not number % 16:
            yield f"literals-{number}", b"MZ" + said.encode()[: 4 << 10].replace(b"\n", b"\0")
        if not number % 8:
            yield f"mapped-{number}", json.dumps({"sourcesContent": [said[: 4 << 10]]}).encode()
    yield "rules", b"[[rules]]\nid = 'a'\nregex = '''abc-([0-9]{8})'''\nkeywords = ['abc']\n"
