"""What was given is checked against what the stream says of itself, and the spill file keeps to its size."""

from __future__ import annotations

import gzip
import zlib

import pytest

from bundle.walk.problem import Broken
from bundle.walk.spill import Spill
from bundle.walk.stream import gunzip, unzlib

TEXT = b"configuration\n" * 50


PACKED = gzip.compress(TEXT, mtime=0)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (PACKED[:-4] + b"\0\0\0\1", "another length"),
        (PACKED[:-8] + b"\0\0\0\1" + PACKED[-4:], "another CRC-32"),
    ],
    ids=["length", "CRC-32"],
)
def test_a_gzip_stream_is_what_its_end_says(damaged: bytes, said: str) -> None:
    stream = gunzip(iter([damaged]))
    assert next(stream) == TEXT  # what was in front of it is given
    with pytest.raises(Broken, match=said) as told:
        next(stream)
    assert told.value.reason == "checksum"


def test_a_zlib_stream_is_what_its_end_says() -> None:
    with pytest.raises(Broken, match="another Adler-32"):
        list(unzlib(iter([zlib.compress(TEXT)[:-1] + b"\xff"])))


def test_the_spill_file_grows_to_its_limit_and_no_further() -> None:
    spill = Spill(10)
    try:
        spill.begin()
        spill.write(b"x" * 4)
        spill.write(b"x" * 6)
        assert spill.finish().size == 10
        spill = Spill(10)
        spill.begin()
        with pytest.raises(Broken, match="above 10 bytes"):
            spill.write(b"x" * 11)
        assert spill.peak == 0
    finally:
        spill.close()
