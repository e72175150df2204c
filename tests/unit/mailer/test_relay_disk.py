"""What a disk, a person or a program beside it does to the relay stops no mail, and is said."""

from __future__ import annotations

import errno
import json
import os
import signal
import smtplib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hardening.onhost.relay import alarms, files, notes, settings
from hardening.onhost.relay import delivery as delivering
from hardening.onhost.relay import spool as spooling
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay
from tests.support.waiting import until

STAMP = f"1-{17:020d}-000001-abcdef"


@pytest.fixture
def new(site: Site) -> Iterator[Relay]:
    made = Relay(site, sys.executable)
    yield made
    made.kill(signal.SIGTERM)


@pytest.fixture
def spool(tmp_path: Path) -> Any:
    return spooling.Spool(dict(settings.DEFAULTS, spool=str(tmp_path / "spool"), max_bytes=1000))


def test_a_status_that_cannot_be_written_stops_no_mail(new: Relay, tmp_path: Path) -> None:
    new.start(status_file=str(tmp_path / "gone" / "status.json"))
    until((new.site.folder / "alarms").exists, what="the alarm")
    new.submit("A-1")
    assert new.drained()
    assert "the status cannot be written" in (new.site.folder / "alarms").read_text()


def test_a_file_of_another_name_stops_no_mail(new: Relay) -> None:
    new.start()
    (new.spool / "new" / "lost+found").mkdir()
    (new.spool / "new" / "notes.txt").write_text("mine")
    until((new.spool / "dead" / "notes.txt").exists, what="the move")
    new.submit("A-1")
    assert new.drained()
    assert (new.spool / "dead" / "notes.txt").read_text() == "mine"


def note(**changed: object) -> str:
    return json.dumps(
        {"from": "a@b.c", "to": ["ops@example.com"], "subject": "s", "alarm": "A", "at": 1, **changed}
    )


@pytest.mark.parametrize(
    "said",
    ["", "123", "[]", "{}", "null", '{"from": 1}', '{"to": [], "at": 1}', "[" * 100_000, note(at=10**400), note(at=float("nan")),
     note(to=["ops@example.com>\r\nRCPT TO:<x@example.com"]), note(held={"ops@example.com": "soon"})],
    ids=str.__len__,
)  # fmt: skip
def test_a_mail_whose_file_is_damaged_stops_no_other(new: Relay, said: str) -> None:
    new.start()
    (new.spool / "new" / STAMP).write_text(said + "\nhi")
    new.submit("A-1")
    assert new.drained()
    assert (new.spool / "dead" / STAMP).exists()
    assert STAMP in (new.site.folder / "alarms").read_text()
    assert len(new.site.fake.accepted) == 1


def test_a_pipe_among_the_mails_is_not_waited_for(new: Relay) -> None:
    new.start()
    os.mkfifo(new.spool / "new" / STAMP)
    new.submit("A-1")
    assert new.drained()
    assert STAMP in (new.site.folder / "alarms").read_text()


@pytest.mark.parametrize("name", ["0123.json", "0123.done"])
@pytest.mark.parametrize(
    "said",
    ["", "{}", "[]", '{"id": "0123", "members": [], "to": []}', "[" * 100_000,
     '{"id": "0123", "members": ["m"], "to": ["a"], "tries": 0, "uncertain": false, "over": 1, "dead": {"a": 5}}'],
    ids=str.__len__,
)  # fmt: skip
def test_a_record_that_is_damaged_stops_no_mail(new: Relay, name: str, said: str) -> None:
    (new.spool / "batch").mkdir(parents=True)
    (new.spool / "batch" / name).write_text(said)
    new.start()
    new.submit("A-1")
    assert new.drained()
    assert (new.spool / "batch" / f"{name}.damaged").exists()
    assert name in (new.site.folder / "alarms").read_text()


def test_a_command_that_hangs_stops_no_mail(new: Relay) -> None:
    new.site.fake.fault("graph", (503, {}), 0)
    new.site.fake.fault("smtp.mail", "451 4.3.0 later", 0)
    new.start(alarm_command=[sys.executable, "-c", "import time; time.sleep(60)"], alarm_after=0, timeout=1)
    new.submit("A-1")
    time.sleep(1.5)
    new.site.fake.heal()
    assert new.drained(15)


def test_half_a_file_gives_its_room_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        files.write_durably(str(tmp_path), "mail", b"x" * 1000)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden files too


def test_a_disk_that_is_nearly_full_keeps_room_to_deliver(
    spool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SimpleNamespace(f_blocks=100_000, f_bavail=2, f_frsize=1000)
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    with pytest.raises(OSError, match="full"):
        spool.accept("alarms@example.com", ["ops@example.com"], b"x")
    disk.f_bavail = 3
    assert spool.accept("alarms@example.com", ["ops@example.com"], b"x")


def test_a_disk_that_is_away_is_said_to_the_client(new: Relay) -> None:
    new.start()
    (new.spool / "new").rename(new.spool / "away")
    with pytest.raises(smtplib.SMTPException, match="452"):
        new.submit("A-1")
    (new.spool / "away").rename(new.spool / "new")
    new.submit("A-2")
    assert new.drained()


def test_a_clock_that_is_set_back_holds_up_no_mail(spool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    delivery = delivering.Delivery(spool.config, spool, said.append)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    assert spool.depth() == 0
    delivery.step([])
    delivery.rest = dict.fromkeys(delivery.rest, (now + 86400 + 100, 100.0))
    delivery.held.rows["ops@example.com"] = (now + 86_400 + 100, 100.0, now + 86_400, "451")
    for _ in range(30):
        delivery.limits.take(1)
    monkeypatch.setattr(time, "time", lambda: now)
    spool.accept("alarms@example.com", ["ops@example.com"], b"x")
    assert spool.depth() == 1
    assert 0 < delivery.step([]) <= 62  # the minute's limit alone
    assert not delivery.held.waits(["ops@example.com"])


def test_it_is_said_again_after_a_clock_was_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speak = alarms.Speaker(dict(settings.DEFAULTS, alarm_file=str(tmp_path / "alarms"), syslog=False))
    for now in (1e9 + 86_400, 1e9 + 86_500, 1e9):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        speak("mail is broken")
    assert (tmp_path / "alarms").read_text().count("broken") == 2


def test_all_of_the_dead_may_be_moved_back(new: Relay) -> None:
    new.start()
    new.site.fake.refuses["ops@example.com"] = "550 5.1.1 no such recipient"
    new.submit("A-1")
    assert new.drained()
    new.site.fake.refuses.clear()
    for one in list((new.spool / "dead").iterdir()):
        one.rename(new.spool / "new" / one.name)
    assert new.drained()
    until(lambda: not any((new.spool / "dead").iterdir()), what="an empty folder of the dead")
    assert [mail.headers["X-Alarm-Id"] for mail in new.site.fake.accepted] == ["A-1"]


SOUND = {"id": "b1", "members": ["m1"], "to": ["a@quay"], "uncertain": False, "tries": 0}


@pytest.mark.parametrize(
    "more",
    [{}, {"told": ["b@quay"]}, {"dead": {"a@quay": ["why", 1.5]}}, {"held": {"a@quay": 3}}, {"over": 7}],
)
def test_a_record_of_the_relays_own_is_sound(more: dict[str, Any]) -> None:
    assert notes.is_record({**SOUND, **more}, "b1")


@pytest.mark.parametrize(
    "more",
    [
        {"id": "b2"}, {"id": None}, {"members": []}, {"members": "m1"}, {"members": [1]}, {"members": None}, {"to": "a@quay"},
        {"to": [None]}, {"told": "b@quay"}, {"told": [2]}, {"tries": "0"}, {"tries": None}, {"uncertain": 1}, {"dead": []},
        {"held": ["a"]}, {"dead": {"a": "why"}}, {"dead": {"a": ["why"]}}, {"dead": {"a": ["why", "1"]}}, {"over": "7"},
    ],
)  # fmt: skip
def test_a_record_with_a_part_that_is_none_of_the_relays_is_not(more: dict[str, Any]) -> None:
    assert not notes.is_record({**SOUND, **more}, "b1")
    assert not notes.is_record([SOUND], "b1")
