"""The role `mailer` by the real ansible-playbook: a relay under a temporary root that delivers to the double."""

from __future__ import annotations

import stat
import time
from pathlib import Path

from tests.real.playbooks.test_mailer import Host, host, leaks, site

__all__ = ["host", "site"]


def test_check_mode_is_truthful_and_a_new_secret_restarts_the_relay(host: Host) -> None:
    predicted = host.play("--check", "--diff")
    assert predicted.code == 0, predicted.output
    assert not host.folder.exists()
    assert host.play().code == 0
    first = host.pid.read_text()
    value = "second~" + "x" * 30
    host.site.app.secrets[value] = time.time() + 9e6
    host.site.write_secret(value)
    changed = host.play("-vvv", "--diff", mailer_send_test=True)
    assert changed.code == 0, changed.output
    assert leaks(changed, value) == []
    assert host.pid.read_text() != first
    assert len(host.site.fake.accepted) == 1


def test_an_init_system_that_is_none_is_refused(host: Host) -> None:
    refused = host.play("--check", mailer_init="upstart")
    assert refused.code == 2
    assert "mailer_init is systemd, sysv or auto, not upstart" in refused.output


def test_sealed_settings_are_opened_and_a_host_certificate_is_made(host: Host, tmp_path: Path) -> None:
    from hardening.cli import run

    key = tmp_path / "key"
    files = [str(host.site.config), str(host.site.folder / "mailer.secret")]
    assert run(["mailer", "seal", *files, "--key-file", str(key), "--new-key"]) == 0
    done = host.play(mailer_key_file=str(key), mailer_host_certificate=True, mailer_send_test=True)
    assert done.code == 0, done.output
    assert stat.S_IMODE((host.spool / "keys" / "host.key").stat().st_mode) == 0o600
    assert (host.folder / "credential.secret").read_text() == host.site.secret
    assert len(host.site.fake.accepted) == 1  # by the secret, while nobody has registered the certificate


def test_native_settings_hide_the_secret_and_restart_the_product(host: Host) -> None:
    place, told = host.root / "product.properties", host.root / "told"
    restart = ["sh", "-c", f"echo x >> {told}"]
    more = {"mailer_mode": "native", "mailer_native_path": str(place), "mailer_native_restart_argv": restart}
    done = host.play("-vvv", "--diff", **more)
    assert done.code == 0, done.output
    assert leaks(done, host.site.secret) == []
    assert f"client.secret={host.site.secret}" in place.read_text()
    assert place.read_text().startswith("# ADAPTER")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    again = host.play(**more)
    assert (again.code, again.stats["changed"]) == (0, 0), again.output
    assert told.read_text() == "x\n"
