"""What the walk does not open, nobody finds: a component in every place of the corpus is named there."""

from __future__ import annotations

import time
from pathlib import Path

from bundle.walk import Problem, walk


def test_texts_made_of_beginnings_are_read_once(tmp_path: Path) -> None:
    """Each line begins like an archive in uuencode or Base64; to read on from each would take minutes."""
    path = tmp_path / "x"
    for start, line, count, said in (
        (b"uudecode\n", b"#aaaa'M'XL(" + b"A" * 50 + b"\n", 150_000, 1),  # more than are tried
        (b"base64\n", b"H4sIAAAAAAAA" + b"A" * 52 + b";\n", 40_000, 0),
    ):
        path.write_bytes(start + line * count)
        began = time.process_time()
        events = list(walk(str(path)))
        assert len(events) == 1 + said
        assert [one.reason for one in events if isinstance(one, Problem)] == ["limit-members"] * said
        assert time.process_time() - began < 30
    path.write_bytes(b"Rar!\x1a\x07")
    assert any(isinstance(event, Problem) for event in walk(str(path)))
