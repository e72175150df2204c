"""Configurations of 50 MB, for every target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.tls.targets import test_bad_input as small


@pytest.mark.parametrize("name", sorted(small.LANGUAGES))
def test_a_large_file_is_read_whole(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    small.test_a_large_file_is_read_whole(50, name, tmp_path, capfdbinary)
