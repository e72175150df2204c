"""The mail relay listens for this host alone, delivers, and keeps its credentials to itself."""

from __future__ import annotations

import json
import shlex
from typing import Any

LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
"""127.0.0.1, ::1 and ::ffff:127.0.0.1 as /proc/net/tcp writes them on a little-endian machine."""
PORT = 2525
"""Where the relay listens unless `listen` of its settings says otherwise."""
AGE = 120
"""Seconds after which a status that is not renewed means that the relay is away."""


def test_the_relay_listens_for_this_host_alone(host: Any, mailer: dict[str, Any]) -> None:
    port = mailer.get("port", PORT)
    wanted = f"{port:04X}"
    table = host.run("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null").stdout
    rows = [line.split()[1:4:2] for line in table.splitlines() if line.split()[3:4] == ["0A"]]
    addresses = [where.partition(":")[0] for where, _ in rows if where.endswith(f":{wanted}")]
    assert addresses != [], f"nobody listens on port {port}"
    assert [one for one in addresses if one not in LOOPBACK] == []


def test_mail_is_delivered(host: Any, mailer: dict[str, Any]) -> None:
    path = mailer.get("status", f"{mailer['spool']}/status.json")
    said = host.run(f"date +%s; cat {shlex.quote(path)}")
    assert said.rc == 0, f"{path} cannot be read: the relay has never run, or this account may not look"
    now, _, text = said.stdout.partition("\n")
    found = json.loads(text)
    assert float(now) - found["at"] < AGE, "the relay is away"
    assert found["failing"] == "", "mail is broken"
    refused = [f"{row['why']} {row['about']}".strip() for row in found.get("refused", [])]
    assert refused == [], "mail is refused"


def test_credentials_and_mails_are_private(host: Any, mailer: dict[str, Any]) -> None:
    folder, spool = shlex.quote(mailer["folder"]), shlex.quote(mailer["spool"])
    open_ones = host.run(f"find {folder} -name '*credential*' -perm /077; find {spool} -prune -perm /077")
    assert (open_ones.rc, open_ones.stdout) == (0, "")
