"""A certificate is made on the host, registered by the old one's signature, and put in use without a failed mail."""

from __future__ import annotations

import fcntl
import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from hardening.onhost.relay import certificate as renewing
from hardening.onhost.relay import problems
from tests.support.host.little import interpreter
from tests.support.mailer.fake_web import key_id
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay


@pytest.fixture(params=["2.7", "3.6", "this"])
def relay(request: pytest.FixtureRequest, site: Site) -> Iterator[Relay]:
    """A relay whose first certificate was made on the host and registered by a person."""
    made = Relay(site, sys.executable if request.param == "this" else interpreter(request.param))
    first(made)
    yield made
    made.kill()


@pytest.fixture
def new(site: Site) -> Iterator[Relay]:
    made = Relay(site, sys.executable)
    first(made)
    yield made
    made.kill()


def first(relay: Relay) -> None:
    keys = relay.site.folder / "keys"
    files = {"certificate_file": str(keys / "first.crt"), "key_file": str(keys / "first.key")}
    relay.settings.update(application=relay.site.app.registration, credentials=[files])
    done = relay.run("certificate")
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((keys / "first.key").stat().st_mode) == 0o600
    relay.site.app.secrets.clear()
    relay.site.app.certificates.append(x509.load_pem_x509_certificate(done.stdout.encode()))


def used(relay: Relay) -> list[dict[str, str]]:
    found = json.loads((relay.spool / "keys" / "credentials.json").read_text())
    assert found["made"] is None
    return list(found["use"])


def test_the_first_is_made_once(new: Relay) -> None:
    before = (new.site.folder / "keys" / "first.crt").read_bytes()
    again = new.run("certificate")
    assert again.stdout.encode().strip() == before.strip()


def test_it_renews_and_retires(relay: Relay) -> None:
    app, fake = relay.site.app, relay.site.fake
    fake.slow_keys = 2
    relay.start()
    relay.submit("A-0")
    for turn in range(1, 4):
        done = relay.run("renew")
        assert done.returncode == 0, done.stderr
        relay.submit(f"A-{turn}")
    assert relay.drained()
    # the first, which a person registered, stays; of our own the newest and the one before
    (newest, before) = used(relay)
    listed = [key_id(one) for one in app.certificates]
    assert listed[1:] == [before["key_id"], newest["key_id"]]
    for one in (newest, before):
        assert stat.S_IMODE(Path(one["key_file"]).stat().st_mode) == 0o600
    kept = {path.name for path in (relay.spool / "keys").iterdir()} - {"lock", "credentials.json"}
    assert kept == {
        Path(one[kind]).name for one in (newest, before) for kind in ("key_file", "certificate_file")
    }
    relay.kill()
    app.certificates[:] = app.certificates[-1:]  # only the newest opens the door now
    relay.start()
    relay.submit("A-9")
    assert relay.drained()
    assert {m.headers["X-Alarm-Id"] for m in fake.accepted} == {"A-0", "A-1", "A-2", "A-3", "A-9"}


def test_the_other_audience_is_tried(new: Relay) -> None:
    new.site.fake.proof_audience = "00000003-0000-0000-c000-000000000000"
    done = new.run("renew")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("place", "what", "code"),
    [
        ("addKey", (503, b""), 75), ("addKey", "drop", 75), ("addKey", (403, {"error": {"code": "X"}}), 69),
        ("addKey.accepted", "drop", 75),
    ],
)  # fmt: skip
def test_what_was_begun_is_ended_by_the_next_call(new: Relay, place: str, what: object, code: int) -> None:
    new.site.fake.fault(place, what, 0)
    done = new.run("renew")
    assert (done.returncode, done.stdout) == (code, "")
    new.site.fake.heal()
    assert new.run("renew").returncode == 0
    assert len(new.site.app.certificates) == 2
    assert len(used(new)) == 1


def test_one_that_does_not_spread_is_not_used(new: Relay) -> None:
    new.site.fake.slow_keys = 10**6
    new.settings["renew_wait"] = 0
    done = new.run("renew")
    assert (done.returncode, "not accepted yet" in done.stderr) == (75, True)
    assert json.loads((new.spool / "keys" / "credentials.json").read_text())["use"] == []
    new.site.fake.unseen.clear()
    assert new.run("renew").returncode == 0
    assert len(new.site.app.certificates) == 2


def test_without_the_registrations_id_it_says_so(new: Relay) -> None:
    new.settings["application"] = ""
    done = new.run("renew")
    assert (done.returncode, "application" in done.stderr) == (69, True)


def test_with_a_secret_alone_it_says_who_registers_the_first(site: Site) -> None:
    relay = Relay(site, sys.executable, application=site.app.registration)
    done = relay.run("renew")
    assert (done.returncode, "registered by a person" in done.stderr) == (69, True)
    assert relay.run("certificate").returncode == 78


def test_it_renews_by_itself(new: Relay) -> None:
    new.start(renew_days=400, certificate_days=365)
    end = time.monotonic() + 30
    while time.monotonic() < end and not (new.spool / "keys" / "credentials.json").exists():
        time.sleep(0.1)
    while (
        time.monotonic() < end and json.loads((new.spool / "keys" / "credentials.json").read_text())["made"]
    ):
        time.sleep(0.1)
    (one,) = used(new)
    subject = subprocess.run(
        ["openssl", "x509", "-in", one["certificate_file"], "-noout", "-subject"],
        capture_output=True,
        check=True,
    ).stdout
    assert b"aspect-mail-relay" in subject
    new.submit("A-1")
    assert new.drained()


def test_a_renewal_that_fails_is_said(new: Relay) -> None:
    new.site.fake.fault("addKey", (403, {"error": {"code": "Authorization_RequestDenied"}}), 0)
    new.start(renew_days=400)
    said, end = new.site.folder / "alarms", time.monotonic() + 30
    while time.monotonic() < end and not said.exists():
        time.sleep(0.1)
    assert "not renewed: addKey: 403 Authorization_RequestDenied" in said.read_text()


def test_a_renewal_that_failed_keeps_no_lock_as_long_as_somebody_holds_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def renewed(_config: object, folder: str) -> None:
        with Path(folder, "lock").open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raise problems.ServiceRefused(problems.CONFIG, "no")

    monkeypatch.setattr(renewing, "renew_locked", renewed)
    with pytest.raises(problems.ServiceRefused) as held:
        renewing.renew({"application": "a", "spool": str(tmp_path)})
    with (tmp_path / "keys" / "lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert str(held.value) == "no"


@pytest.mark.parametrize(
    ("answer", "left"), [((204, {}), []), ((404, {}), []), ((403, {}), ["k1"]), (None, ["k1"])]
)
def test_an_old_certificate_that_cannot_be_unregistered_fails_no_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: object, left: list[str]
) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    rows = [
        {
            "certificate_file": str(folder / f"{n}.crt"),
            "key_file": str(folder / f"{n}.key"),
            "key_id": f"k{n}",
        }
        for n in range(3)
    ]
    for row in rows:
        for kind in ("certificate_file", "key_file"):
            Path(row[kind]).touch()
    state = {"use": [rows[0], rows[1]], "made": rows[2]}
    (folder / "credentials.json").write_text(json.dumps(state))

    class Tokens:
        """Gives every credential a token."""

        def __init__(self, _config: object) -> None: ...

        def ask(self, _scope: str, _credential: object) -> str:
            return "t"

    def asked(*words: Any) -> object:
        assert words[3:] == ("removeKey", {"keyId": "k1"})
        if answer is None:
            raise problems.ServiceRefused(problems.TEMPORARY, "no answer")
        return answer

    monkeypatch.setattr(renewing, "RelayTokens", Tokens)
    monkeypatch.setattr(renewing, "ask_graph", asked)
    config = {"spool": str(tmp_path), "graph_resource": "g", "renew_wait": 0, "credentials": []}
    assert renewing.renew_locked(config, str(folder)) == (rows[2], left)
    assert json.loads((folder / "credentials.json").read_text()) == {"use": [rows[2], rows[0]], "made": None}
    assert not list(folder.glob("1.*"))
    assert len(list(folder.glob("[02].*"))) == 4
