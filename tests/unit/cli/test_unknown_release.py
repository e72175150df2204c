"""A release that is not known is named, with the one whose facts are used, whatever the verb."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls.targets import TARGETS, find

NGINX = "events {}\nhttp { server { listen 443 ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM; } }\n"


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_says_that_a_release_is_unknown(name: str) -> None:
    facts = find(name).facts
    for version in ("0.0.1", "99999999.9"):
        release, why = facts.release(version)
        assert not release.known
        assert why.startswith(f"{facts.name} {version} is an unknown release, ")
    assert facts.releases[-1].version in why
    assert facts.release(facts.releases[-1].version)[1] == ""


def test_render_and_audit_warn_and_quiet_is_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(NGINX)
    audit = ["tls", "audit", str(path), "--target", "nginx@9.9"]
    for arguments in (["tls", "render", "nginx@9.9"], audit):
        assert run(arguments) == 0
        assert (
            "warning: nginx 9.9 is an unknown release, newer than 1.26.3-debian13" in capfd.readouterr().err
        )
        assert run([*arguments, "-q"]) == 0
        assert capfd.readouterr().err == ""
    assert run(["tls", "render", "nginx@1.26.3-debian13"]) == 0
    assert "unknown release" not in capfd.readouterr().err
