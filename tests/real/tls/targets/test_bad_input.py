"""Whatever is wrong with a configuration, it is said with its place, and the rest is audited still: for every target."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hardening.cli import run
from tests.unit.tls.targets.test_bad_input import _write


@pytest.mark.parametrize(
    ("name", "head", "one", "many", "tail"),
    [
        ("httpd", "", "<VirtualHost *:443>\n", 20_000, ""),
        ("nginx", "", "server {\n", 20_000, ""),
        ("nginx", "set $a ", "${", 100_000, ""),
        ("lighttpd", "", '\\"', 100_000, ""),
        ("mysql", "", "\n", 200_000, ""),
        ("openssh", "Ciphers ", "\t", 200_000, "x"),
        ("postgresql", "ssl_ciphers = a", "\t", 200_000, "x"),
        ("dovecot", "", "\\\n", 200_000, ""),
        ("httpd", "Listen 443\nInclude ", "a/", 200_000, ""),
    ],
)
def test_a_hostile_file_takes_its_length_and_no_more(
    tmp_path: Path, name: str, head: str, one: str, many: int, tail: str
) -> None:
    """Eight times the text takes about eight times the time (a square would take 64), however slow the machine is."""
    part = head + one * (many // 8) + tail
    _seconds(tmp_path, name, part)  # whatever is loaded at first use
    short = _seconds(tmp_path, name, part)
    assert _seconds(tmp_path, name, head + one * many + tail) < 24 * short


def _seconds(folder: Path, name: str, text: str) -> float:
    """CPU seconds of an audit of this text."""
    command = ["tls", "audit", str(_write(folder, name, text)), "--target", name]
    began = time.process_time()
    assert run([*command, "--report", f"json={folder}/out", "-q"]) in {0, 3, 4, 10}
    return time.process_time() - began
