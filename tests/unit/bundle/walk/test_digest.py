"""The digest of a content, and what the walk looks for on the way."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bundle.detect.components import detector as components
from bundle.detect.keys import KeyDetector
from bundle.walk.digest import Digest
from bundle.walk.member import Member
from bundle.walk.walker import Walker


def test_a_digest_is_that_of_the_content_whenever_it_is_asked_for() -> None:
    sha256 = hashlib.sha256(b"abc").hexdigest()
    assert Digest(b"abc").sha256 == Digest(b"", sha256).sha256 == sha256
    assert len({Digest(b"abc"), Digest(b"", sha256), Digest(b"abd")}) == 2
    assert Member(parts=("a",), kind="directory").sha256 == ""


def members(folder: Path, words: tuple[bytes, ...]) -> list[Member]:
    walker = Walker(words=words)
    try:
        return [said for said in walker.walk(str(folder)) if isinstance(said, Member) and said.kind == "file"]
    finally:
        walker.close()


def test_words_are_looked_for_only_where_somebody_asks(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one two PRIVATE KEY two")
    (tmp_path / "b.bin").write_bytes(b"\0\1two")
    assert [m.words for m in members(tmp_path, ())] == [None, None]
    first, second = members(tmp_path, (b"two", b"PRIVATE KEY"))
    assert first.words == {b"two": 4, b"PRIVATE KEY": 8}
    assert second.words == {b"two": 2}


def test_detectors_find_the_same_with_words_and_without(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(b"-----BEGIN RSA PRIVATE KEY-----\n" + b"MIIEpAIBAAKCAQEAx0Q3" * 9)
    (tmp_path / "adminer.php").write_bytes(
        b"<?php\nfunction adminer() { $VERSION = '4.8.1'; } // adminer.org\n"
    )
    for detector in (KeyDetector(), components()):
        asked = members(tmp_path, tuple(detector.words))
        plain = members(tmp_path, ())
        said = [[f.rule.id for m in some for f in detector.check(m, "")] for some in (asked, plain)]
        assert said[0] == said[1]


def test_a_text_that_is_made_has_no_words_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.php").write_bytes(
        b"<?php eval(base64_decode('ZWNobyAiUFJJVkFURSBLRVkiOyBlY2hvICJ0d28gd29yZHMgYW5kIG1vcmUgdGV4dCI7'));"
    )
    derived = [m for m in members(tmp_path, (b"PRIVATE KEY",)) if m.derived]
    assert derived
    assert all(m.words is None and b"PRIVATE KEY" in m.content for m in derived)
