"""The bounds of triage: lines longer than what is read at once, excerpts, and what a user's own messages may say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bundle.redact.lines import redacted
from hardening.errors import DataError
from hardening.upgrade.logs.patterns import load
from hardening.upgrade.logs.prefilter import LogGate

OWN = "[[message]]\nid='x'\nclass='warn'\nprogram='p'\nregex='a'\nwhy='w'\naction='a'\n"


@pytest.mark.parametrize("engine", ["auto", "plain"])
def test_a_line_longer_than_what_is_read_at_once_is_looked_at_to_its_end(engine: str) -> None:
    content = b"x" * (65 << 20) + b"needle\nlast needle\n"
    (*_, long, last) = LogGate([re.compile("needle")], engine=engine).lines(content)
    assert content[slice(*long)].endswith(b"needle")
    assert content[slice(*last)] == b"last needle"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  error  \r\n", "error"),
        ("e" * 300, "e" * 300),
        (" " + "e" * 300 + " ", "e" * 300),
        ("e" * 301, "e" * 299 + "\u2026"),
        ("e" * 9000, "e" * 299 + "\u2026"),
    ],
)
def test_an_excerpt_is_at_most_three_hundred_characters_and_says_that_it_was_cut(
    line: str, shown: str
) -> None:
    assert redacted(line) == shown


def test_a_misspelt_word_about_the_lines_around_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    around = "if_absent='warn'\nif_contradicted='fatal'\n"
    path.write_text(f"{OWN}[message.context]\n{around}")
    assert load(path)[0].context is not None
    path.write_text(f"{OWN}[message.context]\n{around}nxet='b'\n")
    with pytest.raises(DataError, match=r"message\[0\]\.context\.nxet"):
        load(path)
