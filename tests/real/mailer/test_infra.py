"""The shipped suite for the mail relay, run as an operator would against a relay that runs, that is away, and that is open."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

from hardening import resources
from hardening.onhost.relay.settings import DEFAULTS
from tests.infra.test_mailer import PORT
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay


def examine(relay: Relay) -> set[str]:
    """Return the names of the checks that failed."""
    folder = relay.site.folder / "installed"
    folder.mkdir(exist_ok=True)
    settings = folder / "infra.toml"
    settings.write_text(
        f'[mailer]\nfolder = "{folder}"\nspool = "{relay.spool}"\nport = {relay.port}\n', encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "--hosts=local://",
         "--rootdir", str(folder), "-c", "/dev/null", str(resources.infra() / "test_mailer.py")],
        env={**os.environ, "HARDEN_SETTINGS": str(settings), "COVERAGE_PROCESS_START": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "3 passed" in done.stdout or "failed" in done.stdout, done.stdout + done.stderr
    return set(re.findall(r"FAILED \S*::(\w+)", done.stdout))


def test_the_suite_looks_where_a_relay_listens_by_itself() -> None:
    """Another port fails the proof of every upgrade whose settings leave the port out, as the guide's do."""
    assert f"127.0.0.1:{PORT}" == DEFAULTS["listen"]


def test_a_relay_that_runs_and_one_that_does_not(site: Site) -> None:
    relay = Relay(site, sys.executable).start()
    try:
        relay.spool.chmod(0o700)
        deadline = time.monotonic() + 20
        while not (relay.spool / "status.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert examine(relay) == set()
        key = site.folder / "installed" / "smtp-credential.json"
        key.write_text("")
        key.chmod(0o644)
        assert examine(relay) == {"test_credentials_and_mails_are_private"}
        key.unlink()
    finally:
        relay.kill()
    (relay.spool / "status.json").unlink()
    failed = {name.partition("[")[0] for name in examine(relay)}
    assert failed == {"test_the_relay_listens_for_this_host_alone", "test_mail_is_delivered"}
