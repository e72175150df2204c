"""Who would be locked out is said by render, audit and scan, in text and JSON, without failing anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls import policy as policies
from hardening.tls.rendering.render import render
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import servers
from tests.unit.tls.test_locked_out import _found


@pytest.mark.parametrize("flags", [("--full",), ()])
def test_scanning_warns_when_everything_was_asked(
    flags: tuple[str, ...], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    servers.needed("nginx")
    pair, port = servers.pair("rsa", tmp_path / "certificates"), free_port()
    made = render(
        find("nginx"), policies.load("mozilla-modern"), params=servers.SERVERS["nginx"].params(port, pair)
    )
    main = servers.write("nginx", made.text, tmp_path / "server", port, pair)
    with servers.running("nginx", main, port):
        run(["tls", "scan", f"127.0.0.1:{port}", *flags, "--format", "json", "--policy", "mozilla-modern"])
    found = _found(capfdbinary)
    assert len(found) == len(flags), "what only part was asked about says nothing about clients"
    assert all("Internet Explorer 8" in f["message"] for f in found)
