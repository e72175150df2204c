"""What is fuzzed of the walk: every parser on its own, and the walk itself.

They end, quickly, in bounded memory, with a word of their own or none; anything else is a finding of the fuzzer.
"""

from __future__ import annotations

import importlib.util
import marshal
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from bundle.walk import embedded
from bundle.walk.derive import bytecode, documents, rpmdb, wrapped
from bundle.walk.derive import sqlite as sqlite_reader
from bundle.walk.formats import cramfs, ext, lz, makeself, squashfs
from bundle.walk.formats.raw import Raw, ReaderContext
from bundle.walk.identify import HEAD, identify
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from bundle.walk.problem import Broken
from bundle.walk.source import Memory
from bundle.walk.walker import Walker
from tests.support.bundle.walk import hostile, olds
from tests.support.bundle.walk.canaries import canaries
from tests.unit.bundle.walk import test_derive
from tests.unit.bundle.walk.test_fuzz import OURS, drain

LAZY = (cramfs, ext, squashfs)
"""Read by the walk when the first of their images comes: imported here, or their branches would not guide the fuzzer."""
LIMITS = WalkLimits(total=256 << 20, member=64 << 20, seconds=20, spill=64 << 20, window=16 << 20, depth=4)


def container(kind: str) -> Callable[[bytes], object]:
    """One reader, asked directly: as the walker would, had it been told that this is its format."""
    return lambda data: drain(data, kind)


def whole(data: bytes) -> None:
    """The walk itself on a file in memory: what it is, what is in it, what can be derived."""
    walker = Walker(LIMITS, remember=True)
    try:
        walker.start()
        source = Memory(data)
        top = Member(parts=("x",), kind="file", size=len(data), format=identify(data[:HEAD], source))
        for event in walker.descend(source, top, 0):
            if isinstance(event, Member):
                len(event.content)
    finally:
        walker.close()


def layers(data: bytes) -> None:
    """Scripts with payloads in them; every text has a place in the file."""
    with suppress(Broken):
        for _, text, line in wrapped.unwrapped(data, 3):
            assert text
            assert 1 <= line <= data.count(b"\n") + 1


def within(data: bytes) -> None:
    """Archives inside what is none: as a program would carry them, and as text would."""
    for form, front in (("elf", b"\x7fELF"), ("text", b"word "), ("pdf", b"%PDF-"), ("sqlite", b"")):
        with suppress(Broken):
            for raw in embedded.archives(form, Memory(front + data), ReaderContext("x", LIMITS)):
                if isinstance(raw, Raw) and not isinstance(raw.data, bytes):
                    for _ in islice(raw.data, 64):
                        pass


def blocks(data: bytes) -> None:
    """One block of LZO and of LZ4: never more than is asked for, but for one run of literals."""
    for undo in (lz.unlzo, lz.unlz4):
        with suppress(Broken):
            assert len(undo(data, 8192)) <= 8192 + len(data)


TARGETS: dict[str, Callable[[bytes], object]] = {
    **{kind: container(kind) for kind in OURS},
    "walk": whole,
    "identify": lambda data: identify(data[:HEAD], Memory(data)),
    "sqlite": lambda data: sqlite_reader.dump(Memory(data)),
    "class": bytecode.class_constants,
    "pyc": bytecode.pyc_strings,
    "office": documents.office,
    "strings": documents.strings,
    "wrapped": layers,
    "rpmdb": lambda data: (rpmdb.installed("bdb", Memory(data)), rpmdb.installed("sqlite", Memory(data))),
    "embedded": within,
    "lz": blocks,
    "makeself": lambda data: list(makeself.differences(data)),
}


def seeds() -> Iterator[tuple[str, bytes]]:
    """One honest file of every format: where a corpus starts that has nothing yet."""
    with TemporaryDirectory() as folder:
        for one in canaries(Path(folder)):
            if len(one.data) < 1 << 13:
                yield f"canary-{one.name}".replace(" ", "-"), one.data
    for name, data in hostile.honest().items():
        if len(data) < 1 << 14:
            yield f"honest-{name}", data
    yield "x.xls", olds.compound(olds.book([["User", "Password"], ["root", 4711.0], ["\u010d", "word"]]))
    for name, wrap in test_derive.WRAPPINGS.items():
        yield f"wrapped-{name}", b"<?php " + wrap(wrap(test_derive.PLAIN))
    yield "x.class", test_derive.java_class({"password": "word", "url": "jdbc:mysql://h/d"}, ["a literal"])
    code = compile("password = 'word'\ndef f(x=('a', 1.5, None)): return f'{x}'\n", "x.py", "exec")
    yield "x.pyc", importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)
    with closing(sqlite3.connect(":memory:")) as database, database:
        database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, secret BLOB, x REAL)")
        database.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?)",
            [(n, "u" * n, b"\0" * (40 * n), n / 3) for n in range(60)],
        )
        database.commit()
        yield "x.sqlite", database.serialize()
    page = zlib.compress(b"BT /F1 12 Tf (password) Tj [(a) -20 (b\\051)] TJ <616263> Tj ET")
    yield (
        "x.pdf",
        b"%PDF-1.4\n4 0 obj<</Length 9/Filter/FlateDecode>>stream\n" + page + b"\nendstream endobj\n",
    )
    yield (
        "x.xml",
        b'<w:document xmlns:w="x"><w:p><w:r><w:t>password &amp; word</w:t></w:r></w:p></w:document>',
    )
