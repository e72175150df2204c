"""The control engine listens where it is configured to, is reached there, and no longer listens where it was."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest


def listening(host: Any, port: int) -> bool:
    """Whether anybody listens on a TCP port, read from /proc alone, so that no tool has to be there."""
    wanted = f"{port:04X}"
    table = host.run("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null").stdout
    rows = [line.split() for line in table.splitlines()]
    return any(
        row[1].endswith(f":{wanted}") and row[3] == "0A" for row in rows if len(row) > 3 and ":" in row[1]
    )


def test_the_configuration_names_the_port(host: Any, engine: dict[str, Any]) -> None:
    numbers = re.findall(r"\d+", host.file(engine["config"]).content_string)
    assert str(engine["port"]) in numbers  # 17300 does not name 7300


def test_the_engine_listens_on_the_host(host: Any, engine: dict[str, Any]) -> None:
    if not listening(host, engine["port"]) and listening(host, engine.get("previous", 0)):
        pytest.fail(
            f"pending: configured={engine['port']} running={engine['previous']}: restart the engine by hand"
        )
    assert listening(host, engine["port"])
    if "previous" in engine:
        assert not listening(host, engine["previous"])


def test_the_engine_is_reached_from_here(engine: dict[str, Any]) -> None:
    if "address" not in engine:
        pytest.skip("[engine] names no address: it is only known whether the engine listens on the host")
    try:
        socket.create_connection((engine["address"], engine["port"]), 5).close()
    except OSError as problem:
        pytest.fail(
            f"{engine['address']}:{engine['port']} is not reached from this machine ({problem}): "
            "check the host's firewall and those on the way"
        )
