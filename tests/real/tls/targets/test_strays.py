"""A name about TLS that a server does not know is a finding with its line; one that only looks so is none."""

from __future__ import annotations

import re
import subprocess

import pytest

from hardening.tls.targets import find
from tests.support.tls import servers

NAMES = {
    "postfix": (["postconf", "-d"], r"^(\w+) ="),
    "dovecot": (["doveconf", "-d"], r"^\s*(\w+) ="),
    "mariadb": (["mariadbd", "--no-defaults", "--verbose", "--help"], r"^  --([\w-]+)"),
    "coturn": (["turnserver", "--help"], r"^\s*(?:-\w, )?--([\w-]+)"),
    "openssh": (["sshd", "-T", "-f", "/dev/null"], r"^(\w+) "),
}
"""What makes a server tell every setting it has."""


@pytest.mark.parametrize("name", NAMES)
def test_no_setting_of_the_real_server_is_unknown(name: str) -> None:
    command, pattern = NAMES[name]
    servers.needed(name)
    program = servers.program(command[0])
    assert program is not None
    told = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False, timeout=60)
    names = set(re.findall(pattern, told.stdout + told.stderr, re.MULTILINE))
    facts = find(name).facts
    assert len(names) > 50
    assert {why for n in names if (why := facts.stray(n, facts.release(None)[0]))} == set()
