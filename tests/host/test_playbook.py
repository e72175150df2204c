"""What Ansible prints is read whatever bytes it has: hosts' own words are in it."""

from __future__ import annotations

import os
import sys

import pytest

from hardening.host import playbook


@pytest.mark.parametrize("language", ["C", "en_US.ISO-8859-1", "C.UTF-8"])
def test_bytes_that_are_no_text_lose_no_receipt(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setenv("LC_ALL", language)
    says = "import os; os.write(1, b'k\\xc3\\xa4se \\xff\\n')"
    code, said = playbook._ended([sys.executable, "-c", says], os.environ, show=False)
    assert (code, said) == (0, "k\u00e4se \ufffd\n")


def test_a_last_line_that_was_not_written_to_its_end_loses_no_receipt() -> None:
    whole = ['{"host": "a", "task": "x"}', '{"host": "b", "task": "y"}']
    assert [row["host"] for row in playbook._rows([*whole, '{"host": "c", "ta'])] == ["a", "b"]
    with pytest.raises(ValueError, match="Unterminated"):
        list(playbook._rows(['{"host": "c', *whole]))
