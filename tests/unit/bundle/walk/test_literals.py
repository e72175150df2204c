"""The literal gate: both engines find the same, at the same place."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.walk import literals
from bundle.walk.literals import Gate

WORDS = st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=12, unique=True)


@given(WORDS, st.data())
def test_both_engines_agree_with_the_naive_answer(words: list[bytes], data: st.DataObject) -> None:
    pieces = st.one_of(st.sampled_from(words), st.binary(max_size=4))
    content = b"".join(data.draw(st.lists(pieces, max_size=20)))
    expected = {word: content.index(word) for word in words if word in content}
    assert Gate(words, engine="plain").hits(content) == expected
    assert Gate(words, engine="hyperscan").hits(content) == expected


def test_engine_by_default_is_the_quick_one() -> None:
    assert Gate([b"a"]).engine == "hyperscan"
    assert Gate([b"a"], engine="plain").engine == "plain"
    assert Gate([]).hits(b"anything") == {}


def test_maps_and_empty_contents(tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"." * 100_000 + b"needle")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for engine in ("plain", "hyperscan"):
            assert Gate([b"needle", b"absent"], engine=engine).hits(content) == {b"needle": 100_000}
    assert Gate([b"needle"]).hits(b"") == {}


def test_contents_beyond_one_stretch_are_read_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(literals, "_STRETCH", 64)
    content = b"." * 60 + b"needle" + b"." * 100 + b"needle!"
    assert Gate([b"needle", b"needle!"], engine="hyperscan").hits(content) == {b"needle": 60, b"needle!": 166}
