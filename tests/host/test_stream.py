"""The agent's answer is told from whatever else a host prints."""

from __future__ import annotations

from hardening.host.stream import MARK, answer


def test_the_last_answer_counts_whatever_was_printed_before_it() -> None:
    """A login's greeting, or a file that is shown, may hold the mark."""
    said = f'Welcome {MARK}{{"state": "from a greeting"}}\n{MARK}{{"state": "committed"}}\nlogout\n'
    assert answer(said) == {"state": "committed"}
