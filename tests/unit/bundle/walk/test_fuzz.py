"""Our own parsers on noise and on damaged archives: they end, quickly, with a word of their own or none."""

from __future__ import annotations

import random
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.walk import identify as identifying
from bundle.walk import scan
from bundle.walk.formats import zipdir, zips
from bundle.walk.formats.raw import Note, Raw, ReaderContext
from bundle.walk.identify import CONTAINERS, HEAD, identify
from bundle.walk.limits import WalkLimits
from bundle.walk.problem import PARSING, RULES, Broken
from bundle.walk.registry import open_container
from bundle.walk.source import Memory
from tests.support.bundle.walk import cram, hostile

LIMITS = WalkLimits(window=16 << 20)
HONEST = hostile.honest()
OURS = (
    "zip",
    "tar",
    "cpio",
    "ar",
    "rpm",
    "gzip",
    "zlib",
    "bzip2",
    "xz",
    "zstd",
    "squashfs",
    "self-extracting",
    "lzma",
    "disk",
    "ext",
    "cramfs",
)
MAGIC = {
    "zip": b"PK\3\4", "tar": b"a" * 100, "cpio": b"070701", "ar": b"!<arch>\n", "rpm": b"\xed\xab\xee\xdb", "gzip": b"\x1f\x8b\x08", "zlib": b"\x78\x9c",
    "bzip2": b"BZh9", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd", "squashfs": b"hsqs", "self-extracting": b"#!/bin/sh\n", "lzma": b"\x5d\0\0",
    "disk": hostile.disk(b"x")[:512], "ext": bytes(1080) + b"\x53\xef",
    "cramfs": cram.image()[:64],
}  # fmt: skip


def drain(data: bytes, kind: str) -> int:
    """Read everything a container says; return how many bytes of content came out."""
    total = 0
    words: list[str] = []
    try:
        for said in open_container(Memory(data), kind, ReaderContext("x", LIMITS)).members:
            if isinstance(said, Note):
                assert said.reason in RULES
                continue
            assert isinstance(said, Raw)
            if isinstance(said.data, bytes):
                total += len(said.data)
                continue
            try:
                for block in said.data:
                    total += len(block)
                    if total > 64 << 20:
                        return total
            except Broken as problem:
                words.append(problem.reason)
    except Broken as problem:
        words.append(problem.reason)
    except PARSING:
        words.append("corrupt")  # the walker turns these into a word, too
    assert set(words) <= RULES.keys()
    return total


@pytest.mark.parametrize("kind", OURS)
@given(data=st.binary(max_size=2000))
@settings(max_examples=60)
def test_noise_ends(kind: str, data: bytes) -> None:
    drain(MAGIC[kind] + data, kind)
    drain(data, kind)


@pytest.mark.parametrize("name", HONEST)
def test_damage_ends(name: str) -> None:
    dice = random.Random(name)
    for _ in range(25):
        broken = bytearray(HONEST[name])
        for _ in range(dice.randrange(1, 6)):
            at = (
                dice.randrange(min(len(broken), 4096)) if dice.random() < 0.7 else dice.randrange(len(broken))
            )
            broken[at] = dice.choice((0, 255, 0x7F, 0x80, dice.randrange(256)))
        data = bytes(broken)
        kind = identify(data[:HEAD], Memory(data))
        if kind in CONTAINERS:
            drain(data, kind)


def told(data: bytes) -> list[Note | tuple[Raw, bytes, str]]:
    """Return what a zip says, with the content of each member and why it ends."""
    found: list[Note | tuple[Raw, bytes, str]] = []
    for one in open_container(Memory(data), "zip", ReaderContext("x", LIMITS)).members:
        if isinstance(one, Note):
            found.append(one)
            continue
        content, why = b"", ""
        try:
            for block in (one.data,) if isinstance(one.data, bytes) else one.data:
                content += block
        except Broken as problem:
            why = str(problem)
        one.data = b""
        found.append((one, content, why))
    return found


def test_a_local_header_that_is_not_the_directory_s_is_read_as_a_whole() -> None:
    honest = hostile.zipped({"a/b.txt": b"content " * 50, "c": b""})
    for place in range(zipdir.HEADER.size + len("a/b.txt")):
        for bit in range(8):
            broken = bytearray(honest)
            broken[place] ^= 1 << bit
            quick = told(bytes(broken))
            with mock.patch.object(zips, "agreed", return_value=None):
                assert quick == told(bytes(broken))


@given(st.binary(max_size=6000))
@settings(max_examples=300)
def test_identify_always_has_a_word(data: bytes) -> None:
    word = identify(data[:HEAD], Memory(data))
    assert word
    with mock.patch.object(scan, "held", lambda patterns, _data: range(len(patterns))):
        assert identify(data[:HEAD], Memory(data)) == word


@given(
    st.binary(min_size=1, max_size=8),
    st.sampled_from(["", "abc\n" * 1300, "<?php echo 1;", "<!DOCTYPE html>", "\0"]),
)
def test_what_begins_like_nothing_known_is_told_by_what_follows(start: bytes, rest: str) -> None:
    data = start + rest.encode()
    word = identify(data[:HEAD], Memory(data))
    with (
        mock.patch.object(identifying, "_FIRST", range(256)),
        mock.patch.object(identifying, "_FURTHER", range(256)),
    ):
        assert identify(data[:HEAD], Memory(data)) == word


@given(st.binary(max_size=300), st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_two_bytes_a_letter_are_told_by_what_they_decode_to(data: bytes, coding: str) -> None:
    said = identifying.wide(data)
    assert not said or data[: len(data) // 2 * 2].decode(said, "replace").rstrip("\ufffd")
    text = "host = 10.0.0.5\r\nname = Geb\u00e4ude \U0001f600\r\n" + data.hex()
    raw = text.encode(coding)
    assert (
        identifying.wide(raw) == coding == identifying.wide(raw[: raw.index("\U0001f600".encode(coding)) + 2])
    )
    assert identify(raw, Memory(raw)) == "utf-16"
    assert not identifying.wide(bytes(64))
    assert not identifying.wide(bytes(range(1, 33)) * 2)
