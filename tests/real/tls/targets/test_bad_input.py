"""Whatever is wrong with a configuration, it is said with its place, and the rest is audited still: for every target."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hardening.cli import run
from tests.unit.tls.targets.test_bad_input import _write


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("httpd", "<VirtualHost *:443>\n" * 20_000),
        ("nginx", "server {\n" * 20_000),
        ("nginx", "set $a " + "${" * 100_000),
        ("lighttpd", '\\"' * 100_000),
        ("mysql", "\n" * 200_000),
        ("openssh", "Ciphers " + "\t" * 200_000 + "x"),
        ("postgresql", "ssl_ciphers = a" + "\t" * 200_000 + "x"),
        ("dovecot", "\\\n" * 200_000),
        ("httpd", "Listen 443\nInclude " + "a/" * 200_000),
    ],
)
def test_a_hostile_file_takes_its_length_and_no_more(tmp_path: Path, name: str, text: str) -> None:
    began = time.process_time()
    assert run(
        [
            "tls",
            "audit",
            str(_write(tmp_path, name, text)),
            "--target",
            name,
            "--report",
            f"json={tmp_path}/out",
            "-q",
        ]
    ) in {0, 3, 4, 10}
    assert time.process_time() - began < 20
