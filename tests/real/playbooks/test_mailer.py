"""The role `mailer` by the real ansible-playbook: a relay under a temporary root that delivers to the double."""

from __future__ import annotations

import base64
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.host.little import interpreter
from tests.support.mailer.fake_m365 import Fake
from tests.support.mailer.fixtures import Site
from tests.support.playbooks.site import Played, play
from tests.support.ports import free_port
from tests.support.waiting import until


class Host:
    """A temporary root that the role takes for a host with a SysV init."""

    def __init__(self, root: Path, site: Site) -> None:
        self.root, self.site = root, site
        root.mkdir()
        (root / "init").mkdir()
        self.folder, self.spool, self.pid = root / "etc", root / "spool", root / "pid"
        self.port = free_port()

    def play(self, *flags: str, **more: Any) -> Played:
        values = {
            "mailer_hosts": "localhost",
            "mailer_harden": str(Path(sys.executable).with_name("harden")),
            "mailer_config": str(self.site.config),
            "mailer_folder": str(self.folder),
            "mailer_user": "root",
            "mailer_spool": str(self.spool),
            "mailer_init": "sysv",
            "mailer_init_script": str(self.root / "init" / "aspect-mail-relay"),
            **more,
        }
        return play("mailer.yml", values, *flags, cwd=self.root)

    def password(self) -> str:
        """Let the proxy ask for a password, and write it into the settings; return it."""
        word = "pw~Long.Word9"
        self.site.fake.proxy_auth = f"me:{word}"
        text = self.site.config.read_text()
        self.site.config.write_text(text.replace("http://127", f"http://me:{word}@127"))
        return word

    def stop(self) -> None:
        if self.pid.exists() and self.pid.read_text().strip():
            number = int(self.pid.read_text())
            try:
                os.kill(number, signal.SIGTERM)
            except ProcessLookupError:
                return
            until(lambda: not Path(f"/proc/{number}").exists(), 10, what="the end of the relay")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "double").mkdir()
    with Fake(tmp_path / "double").running() as fake:
        yield Site(fake, tmp_path / "site")


@pytest.fixture
def host(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    if os.getuid() != 0:
        pytest.skip("the role runs as root")
    made = Host(tmp_path / "host", site)
    monkeypatch.setenv("ASPECT_RELAY_PID", str(made.pid))
    monkeypatch.setenv(
        "TMPDIR", str(tmp_path)
    )  # another run beside this one leaves its own in /tmp while it lasts
    site.write(
        relay={
            "spool": str(made.spool),
            "listen": f"127.0.0.1:{made.port}",
            "syslog": False,
            "alarm_file": str(made.root / "alarms"),
        }
    )
    yield made
    made.stop()


def leaks(played: Played, secret: str) -> list[str]:
    forms = (secret, base64.b64encode(secret.encode()).decode(), quote(secret, safe=""))
    return [form for form in forms if form in played.output]


def test_the_relay_is_installed_and_proved(host: Host) -> None:
    word = host.password()
    host.folder.mkdir(parents=True)
    (host.folder / "relay.py").write_text("the relay of an earlier version")
    done = host.play("-vvv", "--diff", mailer_send_test=True)
    assert done.code == 0, done.output
    assert leaks(done, host.site.secret) == []
    assert leaks(done, word) == []
    assert [mail.headers["Subject"] for mail in host.site.fake.accepted] == ["Test of the alarm mailer"]
    assert stat.S_IMODE((host.folder / "credential.secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((host.folder / "relay.json").stat().st_mode) == 0o640
    assert not list(Path(os.environ["TMPDIR"]).glob("mailer.*/relay.json"))
    assert stat.S_IMODE((host.root / "alarms").stat().st_mode) == 0o640  # its user may make none in /var/log
    assert stat.S_IMODE((host.folder / "relay.pyz").stat().st_mode) == 0o644
    assert not (host.folder / "relay.py").exists()
    first = host.pid.read_text()
    again = host.play("--diff")
    assert (again.code, again.stats["changed"]) == (0, 0), again.output
    assert host.pid.read_text() == first


def test_check_mode_needs_no_unit_that_is_not_there_yet(host: Host) -> None:
    """On a host without the relay `--check` failed at the restart: there is no such service."""
    predicted = host.play(
        "--check", mailer_init="systemd", mailer_unit=str(host.root / "init" / "relay.service")
    )
    assert predicted.code == 0, predicted.output


def test_settings_that_do_not_work_fail_the_play_and_reach_no_host(host: Host) -> None:
    """What the service refuses took the place of the secret that worked, and stayed until the next run."""
    assert host.play().code == 0
    runs, works = host.pid.read_text(), (host.folder / "credential.secret").read_text()
    host.site.write_secret("wrong~" + "y" * 30)
    done = host.play(mailer_send_test=True)
    assert done.code != 0
    assert done.stats["changed"] == 0, done.output
    assert (host.pid.read_text(), (host.folder / "credential.secret").read_text()) == (runs, works)
    assert "wrong-secret" in done.output
    assert (
        "RETRYING" not in done.output
    )  # the relay was asked twenty times how it is, and its cause was a number
    assert leaks(done, "wrong~" + "y" * 30) == []


@pytest.mark.parametrize("age", ["2.7", "3.6"])
def test_a_python_too_old_for_ansibles_modules_stops_before_the_first_task(host: Host, age: str) -> None:
    """It was a syntax error out of Ansible's own payload, after the settings had been proved and rendered."""
    from ansible.module_utils import basic  # type: ignore[import-untyped]  # it ships no types

    least = ".".join(map(str, getattr(basic, "_PY_MIN", (2, 7))))
    if least == "2.7":
        pytest.skip("this ansible-core manages it")
    old = interpreter(age)
    done = host.play(ansible_python_interpreter=old)
    assert done.code == 2, done.output
    assert (
        f"host localhost has Python {age}; the mailer role's modules need Python {least} or newer under ansible-core"
        in done.output
    )
    assert "set ansible_python_interpreter to a newer one, use ansible-core 2.16" in done.output
    assert "or install by hand: docs/mailer.md#on-a-host-with-an-old-python" in done.output
    assert (
        "\n### On a host with an old Python\n" in (Path(__file__).parents[3] / "docs/mailer.md").read_text()
    )
    assert "module_stderr" not in done.output
    assert "Prove the settings" not in done.output
    assert not host.folder.exists()
    assert host.play("--check", ansible_python_interpreter=old).code == 2
    assert host.play("--check").code == 0


def test_a_python_that_is_not_there_stops_it_too(host: Host) -> None:
    done = host.play(ansible_python_interpreter="/opt/none/bin/python")
    assert done.code == 2, done.output
    assert "host localhost has no Python that answers; the mailer role's modules need Python" in done.output
