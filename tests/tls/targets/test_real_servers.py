"""The distribution's own servers accept what is rendered, and offer exactly what was read and rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls import policy as policies
from hardening.tls.render import render
from hardening.tls.targets import find, targets
from tests.tls import compared, servers

WEB = [n for n in servers.SERVERS if n in {"httpd", "nginx", "lighttpd"}]


@pytest.mark.parametrize("name", sorted(servers.SERVERS))
@pytest.mark.parametrize("policy", ["aspect", "mozilla-intermediate", "mozilla-modern"])
def test_the_server_itself_accepts_it(name: str, policy: str, tmp_path: Path) -> None:
    server = servers.needed(name)
    if server.check is None:
        pytest.skip(f"{name} has no syntax check of its own; starting it is the check")
    pair = servers.pair("rsa", tmp_path / "certificates")
    made = render(find(name), policies.load(policy), params=server.params(servers.free_port(), pair))
    done = servers.check(name, servers.write(name, made.text, tmp_path / "server", 1, pair))
    assert done.returncode == 0, done.stderr + made.text


@pytest.mark.parametrize("kind", servers.KEYS)
@pytest.mark.parametrize("policy", ["aspect", "mozilla-modern"])
@pytest.mark.parametrize("name", sorted(servers.SERVERS))
def test_rendered_audited_and_scanned_agree(name: str, policy: str, kind: str, tmp_path: Path) -> None:
    servers.needed(name)
    views = compared.compare(name, policies.load(policy), kind, tmp_path / "server")
    assert views.scanned, "the server answered nothing"
    assert views.equal, views.difference()


def test_every_target_with_a_server_in_debian_is_started_here() -> None:
    assert set(servers.SERVERS) <= {t.name for t in targets()}
