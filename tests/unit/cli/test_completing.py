"""What a shell is told to complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HARDEN = Path(sys.executable).with_name("harden")


def completed(words: str) -> list[str]:
    """Return what a shell would offer for the last word."""
    said = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_HARDEN_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [HARDEN], env={**os.environ, **said}, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("harden tls sc", ["plain,scan"]),
        ("harden upgrade st", ["plain,status"]),
        ("harden tls render ngi", ["plain,nginx"]),
        ("harden tls audit --target lig", ["plain,lighttpd"]),
        ("harden tls scan --policy pci", ["plain,pci-dss-4.0.1"]),
        ("harden tls audit --policy ./site", ["file,./site"]),
        ("harden tls policies cis-n", ["plain,cis-nginx"]),
        ("harden tls explain RC4 --openssl 1.0.1", ["plain,1.0.1e-el6"]),
        ("harden tls render tomcat --openssl jdk-8u29", ["plain,jdk-8u292"]),
        ("harden rules component/adm", ["plain,component/adminer"]),
        ("harden rules wai", ["plain,waiver"]),
    ],
)
def test_names_are_offered(words: str, offered: list[str]) -> None:
    assert completed(words) == offered
