"""While mail is broken the relay says so in other ways, each to a real receiver on loopback."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hardening.onhost.relay import snmp
from tests.support.mailer.relayed import Relay
from tests.unit.mailer.test_relay_alarms import datagrams, relay, until

__all__ = ["datagrams", "relay"]


def test_an_snmp_trap_is_read_by_snmptrapd(relay: Relay, datagrams: Any, tmp_path: Path) -> None:
    program = shutil.which("snmptrapd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("snmptrapd is not installed")
        pytest.skip("snmptrapd is not installed")
    one, (_, port) = datagrams(socket.AF_INET, ("127.0.0.1", 0))
    one.close()
    rules, log = tmp_path / "snmptrapd.conf", tmp_path / "traps"
    rules.write_text("authCommunity log site-7\n")
    argv: list[str | Path] = [
        program,
        "-f",
        "-C",
        "-c",
        rules,
        "-On",
        "-m",
        "",
        "-Lf",
        log,
        "-p",
        tmp_path / "pid",
        f"udp:127.0.0.1:{port}",
    ]
    daemon = subprocess.Popen(argv, env={"PATH": os.environ["PATH"], "SNMP_PERSISTENT_DIR": str(tmp_path)})
    try:
        until(lambda: log.exists() and "NET-SNMP" in log.read_text())
        relay.start(snmp_trap=f"127.0.0.1:{port}", snmp_community="site-7").submit("A-1")
        text = until(lambda: re.search(r"(?s)8072.*broken.*", log.read_text()))[0]
    finally:
        daemon.terminate()
        daemon.wait(10)
    assert "aspect-mail-relay: mail has been broken" in log.read_text()
    assert "AADSTS7000222" in text
    assert ".1.3.6.1.6.3.1.1.4.1.0 = OID: .1.3.6.1.4.1.8072.9999.9999" in log.read_text()


def test_a_trap_of_every_length_is_well_formed(tmp_path: Path) -> None:
    """OpenSSL reads the same encoding."""
    for size in (0, 1, 90, 127, 128, 129, 255, 256, 1000, 5000):
        (tmp_path / "trap").write_bytes(
            snmp.snmp_trap({"snmp_oid": "1.3.6.1.4.1.70000.2", "snmp_community": "c"}, "x" * size)
        )
        argv = ["openssl", "asn1parse", "-inform", "DER", "-in", str(tmp_path / "trap")]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        assert ":1.3.6.1.4.1.70000.2" in done.stdout
