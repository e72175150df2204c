"""What Ansible prints is read whatever bytes it has: hosts' own words are in it."""

from __future__ import annotations

import configparser
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardening import resources
from hardening.errors import ExitCode
from hardening.findings import Examined, Verdict
from hardening.host import fleet, playbook
from hardening.upgrade import upgrade_report


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


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Task failed: Failed to connect to the host via ssh: ssh: connect to host h port 22: No route to host",
            "the host cannot be reached: ssh: connect to host h port 22: No route to host",
        ),
        (
            "Failed to connect to the host via ssh: Warning: Permanently added 'h' to the list.\r\nroot@h: Permission denied (publickey).",
            "the host cannot be reached: root@h: Permission denied (publickey).",
        ),
        (
            'Data could not be sent to remote host "h". Make sure this host can be reached over ssh: ssh: connect to host h: timed out',
            "the host cannot be reached: ssh: connect to host h: timed out",
        ),
        (
            'Data could not be sent to remote host "h". Make sure this host can be reached over ssh: ',
            "the host cannot be reached: the connection was lost",
        ),
        (
            "Task failed: Failed to create temporary directory. In some cases, ... ( umask 77 && mkdir -p x-1795924076.69 ), exited with result 1",
            "Ansible cannot work on the host: it cannot make a folder in the account's home (a full or read-only disk, a restricted shell)",
        ),
        ("", "the host cannot be reached"),
    ],
)
def test_why_a_host_is_not_reached_is_said_in_one_line(said: str, told: str) -> None:
    row = {"task": "t", "outcome": "unreachable", "result": {"msg": said} if said else {}}
    assert playbook.HostReceipt(host="h", tasks=[row]).lost == told


def test_why_a_loop_could_not_reach_the_host_is_told() -> None:
    refused = 'Task failed: Data could not be sent to remote host "x". Make sure this host can be reached over ssh: ssh: connect to host x port 1: Connection refused'
    result = {"msg": "All items completed", "results": [{"msg": refused}, {}]}
    one = playbook.HostReceipt(host="h", tasks=[{"outcome": "unreachable", "result": result}])
    assert one.lost == "the host cannot be reached: ssh: connect to host x port 1: Connection refused"


ENDS = """#!/bin/sh
echo '{"meant": ["a", "b"]}' >>"$HARDEN_RECEIPT"
echo '{"host": "a", "outcome": "ok", "result": {"state": "committed", "changed": true, "tx": "1"}}' >>"$HARDEN_RECEIPT"
echo '{"host": "b", "outcome": "ok", "result": {"state": "unchanged"}}' >>"$HARDEN_RECEIPT"
"""
STATS = """for host in a b; do echo '{"host": "'$host'", "stats": {"ok": 1}}' >>"$HARDEN_RECEIPT"; done
"""


def _played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> playbook.Receipt:
    program = tmp_path / "ansible-playbook"
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setattr(playbook, "ready", lambda *_: str(program))
    return playbook.run("harden.yml", inventory="a,b")


def test_what_ansible_was_killed_over_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a kernel without memory: the tasks until then went well, and nobody knows how many were to come."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    killed = _played(tmp_path, monkeypatch, ENDS + "kill -KILL $$\n")
    came = fleet.outcomes_of(killed)
    assert [(one.host, one.state, one.made) for one in came] == [
        ("a", "unknown", ("1",)),
        ("b", "unknown", ()),
    ]
    assert came[0].why == ("Ansible ended before it was done with this host",)
    assert ExitCode.HOSTS_FAILED in fleet.judged(came, now).extra_codes
    verified = playbook.judged(killed, now)
    assert {one.verdict for one in verified.results} == {Verdict.INCONCLUSIVE}
    assert {one.examined for one in verified.subjects} == {Examined.NONE}
    ended = _played(tmp_path, monkeypatch, ENDS + STATS)
    assert [one.state for one in fleet.outcomes_of(ended)] == ["committed", "current"]
    assert {one.verdict for one in playbook.judged(ended, now).results} == {Verdict.PASS}


@pytest.mark.parametrize(
    ("said", "state"),
    [("committed", "committed"), ("settled", "unknown"), ("fit", "unknown"), ("current", "unknown")],
)
def test_an_upgrade_that_is_finished_stays_so_whatever_became_of_ansible(said: str, state: str) -> None:
    task = {"outcome": "ok", "result": {"upgrade": {"state": said}}}
    one = playbook.HostReceipt(host="a", tasks=[task], cut=True)
    assert upgrade_report.host_report(one).state == state


def test_a_connection_that_died_is_noticed() -> None:
    """A run over a network that was cut waited without a word: ssh asks nobody by itself whether he is still there."""
    config = configparser.ConfigParser()
    config.read(resources.playbooks() / "ansible.cfg")
    words = dict(re.findall(r"(ServerAlive\w+)=(\d+)", config["ssh_connection"]["ssh_args"]))
    assert int(words["ServerAliveInterval"]) * int(words["ServerAliveCountMax"]) <= 60
