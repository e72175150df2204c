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


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Task failed: Failed to connect to the host via ssh: ssh: connect to host h port 22: No route to host",
            "the host could not be reached: ssh: connect to host h port 22: No route to host",
        ),
        (
            "Failed to connect to the host via ssh: Warning: Permanently added 'h' to the list.\r\nroot@h: Permission denied (publickey).",
            "the host could not be reached: root@h: Permission denied (publickey).",
        ),
        (
            'Data could not be sent to remote host "h". Make sure this host can be reached over ssh: ssh: connect to host h: timed out',
            "the host could not be reached: ssh: connect to host h: timed out",
        ),
        (
            "Task failed: Failed to create temporary directory. In some cases, ... ( umask 77 && mkdir -p x-1795924076.69 ), exited with result 1",
            "the host could not be worked on: no folder can be made in the account's home (a full or read-only disk, a restricted shell)",
        ),
        ("", "the host could not be reached"),
    ],
)
def test_why_a_host_is_not_reached_is_said_in_one_line(said: str, told: str) -> None:
    row = {"task": "t", "outcome": "unreachable", "result": {"msg": said} if said else {}}
    assert playbook.HostReceipt(host="h", tasks=[row]).lost == told


def test_why_a_loop_could_not_reach_the_host_is_told() -> None:
    refused = 'Task failed: Data could not be sent to remote host "x". Make sure this host can be reached over ssh: ssh: connect to host x port 1: Connection refused'
    result = {"msg": "All items completed", "results": [{"msg": refused}, {}]}
    one = playbook.HostReceipt(host="h", tasks=[{"outcome": "unreachable", "result": result}])
    assert one.lost == "the host could not be reached: ssh: connect to host x port 1: Connection refused"
