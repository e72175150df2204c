"""Every step x every fault, and faults at calls drawn with a seed: old or new as a whole, without human hands.

Long: `make upgrade-test`. A fault strikes once, in the process on the host that carries the upgrade out.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hardening.errors import ProbeError
from hardening.host import onhost_request
from tests.support.host.onhost import hooked
from tests.support.upgrade.standin import Signer, Site, conductor, left

FIRST = "import errno, os, signal"
LOADED = """
from hardening.onhost.upgrader import record as host
EVENT, NTH, CALL, KIND, ROOT, OURS = {event!r}, {nth}, {call}, {kind!r}, {root!r}, os.getpid()
COUNT = {{"event": 0, "call": 0}}
def hit():
    try:
        os.close(OPEN(ROOT + ".fired", os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:
        return
    if KIND in ("both", "boot") and os.getpid() != OURS:
        os.kill(os.getppid(), signal.SIGKILL)
    if KIND in ("worker", "both", "boot"):
        os.kill(os.getpid(), signal.SIGKILL)
    if KIND == "database":
        os.close(OPEN(ROOT + "/run/db-refuses", os.O_CREAT, 0o600))
    elif KIND == "service":
        os.system(ROOT + "/etc/init/standin web stop")
    elif hasattr(errno, KIND):
        raise OSError(getattr(errno, KIND), "no more")
OPEN, RECORD = os.open, host.Upgrade.record
def record(self, event, **detail):
    RECORD(self, event, **detail)
    if event == EVENT:
        COUNT["event"] += 1
        if COUNT["event"] == NTH:
            hit()
host.Upgrade.record = record
def wrapped(real):
    def call(*args, **kwargs):
        if os.getpid() != OURS:
            COUNT["call"] += 1
            if COUNT["call"] == CALL:
                hit()
        return real(*args, **kwargs)
    return call
if CALL:
    for one in "write rename fsync mkdir unlink rmdir chmod fchmod lchown utime open".split():
        setattr(os, one, wrapped(getattr(os, one)))
"""


class GoneError(Exception):
    """The control machine, or the way to it, is gone."""


def trial(
    site: Site, bundle: Path, kind: str, *, event: tuple[str, int] = ("", 1), call: int = 0
) -> tuple[str, str]:
    """Run one upgrade with one fault, let the host help itself, and return (release, state of the upgrade)."""
    before, real = site.declared(), site.ask

    def ask(verb: str, **more: Any) -> dict[str, Any]:
        if verb == "begin":
            return faulty(site, {"verb": verb, **more}, kind, event, call)
        answer = real(verb, **more)
        if kind in ("controller", "lost") and event[0] in [row["event"] for row in answer.get("events", [])]:
            raise GoneError
        assert "not well formed" not in str(answer.get("msg")), answer
        return answer

    control = conductor(site, bundle, deadman=2)
    control.ask = ask
    try:
        found = control.install()
        if found["state"] in ("installed", "settling", "settled"):
            control.finish(found["id"])
    except (GoneError, ProbeError):
        pass
    aftermath(site, bundle, kind)
    rows = site.upgrades()
    if not rows:
        return site.whole(before), "none"
    site.until("committed", "rolled-back")
    assert left(site) == []
    state = site.upgrades()[-1]["state"]
    assert "Traceback" not in str(site.upgrades()), site.upgrades()
    if site.loaded() == "":  # a service that was killed after the last look is the operator's business
        assert kind in ("service", "boot")
        site.service("web", "start")
    release = site.whole(before)
    assert release == {"committed": "new", "rolled-back": "old"}[state]
    return release, state


def aftermath(site: Site, bundle: Path, kind: str) -> None:
    """Do what the world does after the fault: the host boots, the database comes back, somebody asks."""
    if kind == "database":
        threading.Timer(0.5, lambda: (site.root / "run/db-refuses").unlink(missing_ok=True)).start()
        time.sleep(0.6)
    installed = Path(f"{site.root}{site.state}/agent.pyz")
    if kind == "boot" and installed.exists():
        site.stop()
        boot = [sys.executable, str(installed), "recover", "--root", str(site.root), "--state", site.state]
        assert subprocess.run([*boot, "--boot"], capture_output=True, check=False).returncode == 0
        for name in ("web", "engine"):
            site.service(name, "start")
        assert subprocess.run(boot, capture_output=True, check=False).returncode == 0
    rows = site.upgrades()
    if rows and kind in ("both", "lost", "worker") and rows[-1]["state"] not in ("committed", "rolled-back"):
        again = conductor(site, bundle, deadman=2)  # the operator runs the same command again
        found = again.install()
        if found["state"] in ("installed", "settling", "settled"):
            again.finish(found["id"])


def faulty(
    site: Site, request: dict[str, Any], kind: str, event: tuple[str, int], call: int
) -> dict[str, Any]:
    """Ask `begin` of a program that strikes at an event or at a call."""
    asked = {**request, "root": str(site.root), "state": site.state}
    loaded = LOADED.format(event=event[0], nth=event[1], call=call, kind=kind, root=str(site.root))
    text = hooked(asked, onhost_request.UPGRADER, first=FIRST, loaded=loaded)
    done = subprocess.run([site.python, "-"], input=text, capture_output=True, check=False, timeout=120)
    return onhost_request.answer(
        done.stdout.decode(), complaint=done.stderr.decode(), where="the faulty host"
    )


def test_the_harness_can_fail(site: Site, signer: Signer) -> None:
    """A torn host is noticed, and so is a fault that never strikes."""
    before = site.declared()
    trial(site, signer.bundle("fails-half"), "ENOSPC", event=("installing", 1))
    assert Path(f"{site.root}.fired").exists()
    site.put("etc/standin/standin.conf", "torn\n")
    with pytest.raises(AssertionError):
        site.whole(before)


@pytest.mark.parametrize("kind", ["worker", "ENOSPC", "boot"])
@pytest.mark.parametrize("event", [("installing", 1), ("settling", 1)])
def test_a_sample(site: Site, signer: Signer, kind: str, event: tuple[str, int]) -> None:
    assert trial(site, signer.bundle(), kind, event=event) == ("old", "rolled-back")
