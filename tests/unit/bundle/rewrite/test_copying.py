"""What is copied is what lies there, and a file that ends before is an error and no shorter copy."""

from __future__ import annotations

import io

import pytest

from bundle.rewrite.copying import copy, pieces
from hardening.errors import ArchiveError

LARGE = bytes(range(256)) * (5 << 12)
"""Five pieces of one MiB."""


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 1), (3, 3 + (1 << 20)), (7, len(LARGE)), (5, 4)])
def test_a_stretch_is_copied_as_it_lies(start: int, end: int) -> None:
    made = io.BytesIO()
    copy(io.BytesIO(LARGE), made, start, end)
    assert made.getvalue() == LARGE[start:end]


def test_no_piece_is_large() -> None:
    assert max(map(len, pieces(io.BytesIO(LARGE), 1, len(LARGE)))) == 1 << 20


def test_a_file_that_ends_before_is_said() -> None:
    with pytest.raises(ArchiveError, match="ends inside a member") as told:
        copy(io.BytesIO(b"short"), io.BytesIO(), 2, 6)
    assert "obtain it again" in told.value.hint
