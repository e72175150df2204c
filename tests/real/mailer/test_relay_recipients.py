"""One recipient whom the service refuses holds the mail back from nobody else, and is accounted for."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.real.mailer.test_relay_kills import crash_often
from tests.support.host.little import interpreter
from tests.support.mailer.fake_m365 import Mail
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay

A, B, C = PEOPLE = ["a@example.com", "b@example.com", "c@example.com"]
LATER = "451 4.3.0 not now"
GONE = "550 5.1.10 RESOLVER.ADR.RecipientNotFound"


@pytest.fixture
def new(site: Site) -> Iterator[Relay]:
    made = Relay(site, sys.executable, allow_recipients=["@example.com"])
    yield made
    made.kill(signal.SIGTERM)


def got(one: Relay) -> dict[str, list[str]]:
    """Return the alarms each recipient has, in order, digests taken apart."""
    found: dict[str, list[str]] = {}
    for mail in list(one.site.fake.accepted):
        for address in mail.recipients:
            found.setdefault(address, []).extend(alarms_of(mail))
    return found


def alarms_of(mail: Mail) -> list[str]:
    """Return the alarms of one mail, or of one digest."""
    text = mail.headers.get_payload(decode=True).decode()
    return re.findall(r"(?m)^alarm-id: (\S+)", text) or [str(mail.headers["X-Alarm-Id"])]


def until(found: Callable[[], Any], seconds: float = 20) -> Any:
    """Return what `found` returns as soon as it is something, or its last answer."""
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.05)
    return value


def dead(one: Relay) -> list[tuple[list[str], str]]:
    """Return recipients and alarm of what was given up; what is being written has a name with a dot in front."""
    found = (one.spool / "dead").iterdir()
    places = [path for path in found if not path.name.startswith(".") and not path.name.endswith(".why")]
    metas = [json.loads(path.read_bytes().partition(b"\n")[0]) for path in places]
    return sorted((meta["to"], meta["alarm"]) for meta in metas)


@pytest.mark.parametrize("age", ["2.7", "this"])
@pytest.mark.parametrize("answer", [LATER, "550 5.7.1 not to this one", "421 4.3.2 bye", "drop"])
def test_the_others_have_the_mail_and_one_waits_alone(site: Site, age: str, answer: str) -> None:
    one = Relay(
        site,
        sys.executable if age == "this" else interpreter(age),
        allow_recipients=["@example.com"],
        transports=["smtp"],
    )
    try:
        site.fake.refuses = {C: answer}
        one.start()
        for number in range(3):
            one.submit(f"A-{number}", to=[C, A, B])  # the one that is refused comes first
        alarms = ["A-0", "A-1", "A-2"]
        assert until(lambda: got(one).get(A) == got(one).get(B) == alarms), got(one)
        assert until(lambda: "for c@example.com wait since" in one.run("status").stdout)
        done = one.run("status")
        assert done.returncode == 1  # something waits; mail is not broken
        assert "3 for c@example.com wait since" in done.stdout
        assert C not in got(one)
        assert until(
            lambda: not list((one.spool / "batch").glob("[!.]*"))
        )  # a kill amid a try leaves it in doubt
        one.kill()
        one.start()  # also across a restart
        until(lambda: False, 0.5)
        assert (got(one)[A], one.waiting()) == (alarms, 3)
        site.fake.refuses = {}
        assert one.drained()
        assert got(one) == {A: alarms, B: alarms, C: alarms}
        assert not any(mail.headers["X-Possible-Duplicate"] for mail in site.fake.accepted)
    finally:
        one.kill(signal.SIGTERM)


def test_the_one_is_said_another_way_and_given_up_in_the_end(new: Relay) -> None:
    new.site.fake.refuses = {C: LATER}
    new.start(transports=["smtp"], alarm_after=1, give_up_after=4)
    new.submit("A-1", to=PEOPLE)
    alarms = new.site.folder / "alarms"
    assert until(lambda: alarms.exists() and "1 for c@example.com wait since" in alarms.read_text())
    assert new.waiting() == 1
    new.submit("A-2", to=[A])  # mail passes otherwise
    assert until(lambda: dead(new)) == [([C], "A-1")]
    assert "mails for c@example.com given up" in until(
        lambda: "given up" in alarms.read_text() and alarms.read_text()
    )
    assert "451 4.3.0 not now (A-1)" in alarms.read_text()
    assert "mail has been broken" not in alarms.read_text()
    assert new.drained()
    (why,) = (new.spool / "dead").glob("*.why")
    assert why.read_text() == "c@example.com: smtp rcpt: 451 4.3.0 not now\n"
    new.site.fake.refuses = {}
    kept = why.with_suffix("")
    kept.rename(new.spool / "new" / kept.name)  # how a person has it tried again
    assert new.drained()
    assert got(new) == {A: ["A-1", "A-2"], B: ["A-1"], C: ["A-1"]}


@pytest.mark.parametrize("answer", [LATER, "421 4.3.0 not now"])
def test_nobody_is_given_up_while_nothing_passes(new: Relay, answer: str) -> None:
    new.site.fake.refuses = dict.fromkeys(PEOPLE, answer)
    new.start(transports=["smtp"], alarm_after=1, give_up_after=1)
    new.submit("A-1", to=PEOPLE)
    assert until(lambda: new.run("status").returncode == 2)
    for _ in range(6):
        assert f"mail is broken: smtp rcpt: {answer}" in new.run("status").stdout
        time.sleep(0.3)
    assert "mail has been broken" in (new.site.folder / "alarms").read_text()
    assert (dead(new), new.waiting()) == ([], 1)
    new.site.fake.refuses = {}
    assert new.drained()
    assert got(new) == {A: ["A-1"], B: ["A-1"], C: ["A-1"]}


def test_who_does_not_exist_is_given_up_alone(new: Relay) -> None:
    new.site.fake.refuses = {C: GONE}
    new.start(transports=["smtp"])
    new.submit("A-1", to=PEOPLE)
    assert new.drained()
    assert until(lambda: dead(new)) == [([C], "A-1")]
    assert got(new) == {A: ["A-1"], B: ["A-1"]}
    alarms = new.site.folder / "alarms"
    assert "mails for c@example.com given up" in until(lambda: alarms.exists() and alarms.read_text())


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_one_with_whom_graph_refuses_the_whole_mail_is_found(new: Relay, place: int) -> None:
    people = ["d@example.com", "e@example.com", A, B]
    people.insert(place, C)
    new.site.fake.refuses = {C: GONE}
    new.start(transports=["graph"], retry_first=3, retry_most=3)
    new.submit("A-1", to=people)
    assert new.drained()
    assert until(lambda: dead(new)) == [([C], "A-1")]
    assert got(new) == {one: ["A-1"] for one in people if one != C}
    asked = sum(1 for line in new.site.fake.requests if line.endswith("sendMail"))
    new.submit("A-2", to=people)  # by then it is known
    assert new.drained()
    assert until(lambda: len(dead(new)) == 2)
    assert got(new)[A] == ["A-1", "A-2"]
    assert sum(1 for line in new.site.fake.requests if line.endswith("sendMail")) - asked == 2


def test_one_whom_graph_alone_refuses_holds_nobody_back_while_smtp_is_away(new: Relay) -> None:
    new.site.fake.refuses = {C: GONE}
    new.site.fake.fault("smtp.banner", "421 4.3.2 not now", 0)
    new.start()
    new.submit("A-1", to=[C, A, B])
    assert until(lambda: got(new) == {A: ["A-1"], B: ["A-1"]}), got(new)
    time.sleep(0.5)
    assert (dead(new), new.waiting()) == ([], 1)  # the other transport may still take it
    new.site.fake.heal()
    assert new.drained()
    assert dead(new) == [([C], "A-1")]


def test_the_next_transport_is_asked_about_who_was_refused(new: Relay) -> None:
    new.site.fake.refuses = {C: LATER}
    new.start(transports=["smtp", "graph"])
    new.submit("A-1", to=PEOPLE)
    assert new.drained()
    assert [(mail.transport, list(mail.recipients)) for mail in new.site.fake.accepted] == [
        ("smtp", [A, B]), ("graph", [C]),
    ]  # fmt: skip


def test_what_waits_for_one_comes_in_digests_and_counts_once(new: Relay) -> None:
    fake = new.site.fake
    fake.refuses = {C: LATER}
    fake.per_day = 2 * 30 + 2
    new.start(transports=["smtp"], digest_after=10, recipients_per_day=62, retry_first=0.5, retry_most=1)
    for number in range(30):
        new.submit(f"A-{number}", to=PEOPLE)
    alarms = [f"A-{number}" for number in range(30)]
    assert until(lambda: sorted(got(new).get(A, [])) == sorted(alarms)), got(new)
    mails = len(fake.accepted)
    fake.refuses = {}
    assert new.drained()
    assert sorted(got(new)[C]) == sorted(alarms)
    assert len(fake.accepted) - mails <= 2  # room for two recipients was left of the day
    assert fake.violations == []


def test_one_who_is_refused_does_not_fill_the_queue(new: Relay) -> None:
    new.site.fake.refuses = {C: LATER}
    new.start(transports=["smtp"], max_queue=10, digest_after=10**6)
    for number in range(20):
        new.submit(f"A-{number}", to=PEOPLE)
        assert until(lambda: len(got(new).get(A, [])) == number + 1)  # noqa: B023 - called at once
        time.sleep(0.25)
    assert until(lambda: dead(new))
    alarms = {alarm for _, alarm in dead(new)}
    waiting = [json.loads(p.read_bytes().partition(b"\n")[0]) for p in (new.spool / "new").glob("[01]-*")]
    assert alarms | {meta["alarm"] for meta in waiting} == {f"A-{number}" for number in range(20)}
    assert all(meta["to"] == [C] for meta in waiting)


def test_what_may_have_arrived_stays_marked_for_who_waits(new: Relay) -> None:
    new.site.fake.fault("smtp.accepted", "drop")
    new.start(transports=["smtp"])
    new.submit("A-1", to=PEOPLE)
    assert until(lambda: new.site.fake.accepted)
    new.site.fake.refuses = {C: LATER}
    assert until(lambda: len(new.site.fake.accepted) == 2)
    time.sleep(0.3)
    new.kill()
    new.start()
    new.site.fake.refuses = {}
    assert new.drained()
    first, second, third = new.site.fake.accepted
    assert [list(mail.recipients) for mail in (first, second, third)] == [PEOPLE, [A, B], [C]]
    assert len({str(mail.headers["Message-ID"]) for mail in (first, second, third)}) == 1
    assert [mail.headers["X-Possible-Duplicate"] for mail in (first, second, third)] == [None, "yes", "yes"]


DYING = """
# Runs a script that is killed at its Nth step on the disk, counted from the first record of a batch.
import os, runpy, signal, sys, threading
left, armed, listening = [int(sys.argv[1])], [], threading.Event()
class Out(object):
    def __init__(self, real):
        self.write, self.real = real.write, real
    def flush(self):
        self.real.flush()
        listening.set()
sys.stdout = Out(sys.stdout)
def deadly(real):
    def step(*given):
        if armed or (real is rename and "/batch/" in given[1]):
            armed.append(1)
            listening.wait(20)  # the test reads where, whatever thread is quicker
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)
    return step
rename = os.rename
for name in ("rename", "unlink", "fsync", "write"):
    setattr(os, name, deadly(getattr(os, name)))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def judged(one: Relay, acknowledged: set[str], crashes: int, to: list[str]) -> tuple[int, int]:
    """Check what arrived against what was acknowledged; return the alarms lost (0) and the mails that were duplicates."""
    copies: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    doubled = 0
    for mail in list(one.site.fake.accepted):
        copy = (str(mail.headers["Message-ID"]), mail.headers["X-Possible-Duplicate"] is not None)
        keys = [(alarm, address) for alarm in alarms_of(mail) for address in mail.recipients]
        doubled += any(key in copies for key in keys)
        for key in keys:
            copies.setdefault(key, []).append(copy)
    lost = {(alarm, address) for alarm in acknowledged for address in to} - set(copies)
    unmarked = [key for key, several in copies.items() if sum(1 for _, marked in several if not marked) > 1]
    renamed = [key for key, several in copies.items() if len({name for name, _ in several}) > 1]
    assert lost == set()
    assert unmarked == []
    assert renamed == []
    assert doubled <= crashes
    return len(lost), doubled


@pytest.mark.parametrize("age", ["newest"])
def test_a_kill_at_every_step_of_the_split_loses_nothing(site: Site, age: str) -> None:
    """One mail for three, of whom one is refused for now and one does not exist: killed at the first, second, ... step."""
    one = Relay(
        site, interpreter(age), allow_recipients=["@example.com"], transports=["smtp"], retry_first=0.01
    )
    site.fake.per_minute = site.fake.per_day = 10**9
    (site.folder / "dying.py").write_text(DYING)
    program = str(one.archive)
    step = crashes = 0
    alarms = set()
    try:
        while True:
            step += 1
            site.fake.refuses = {B: LATER, C: GONE}
            one.command = [one.python, program]
            one.start(transports=["graph"], proxy="http://127.0.0.1:9", alarm_file="")  # nothing goes out
            one.submit(f"A-{step}", to=PEOPLE)
            alarms.add(f"A-{step}")
            one.kill()
            one.command = [one.python, str(site.folder / "dying.py"), str(step), program]
            one.start(transports=["smtp"], proxy=f"http://127.0.0.1:{site.fake.proxy}")
            assert one.process is not None
            process = one.process
            until(lambda: process.poll() is not None or _split(one, A), 15)  # noqa: B023 - called at once
            died = process.poll() is not None
            crashes += died
            one.kill()
            site.fake.refuses = {C: GONE}
            one.command = [one.python, program]
            one.start()
            assert one.drained(), (step, one.run("status").stdout)
            one.kill()
            if not died:
                break
    finally:
        one.kill()
    assert crashes == step - 1 >= 15
    _, doubled = judged(one, alarms, crashes, [A, B])
    given_up = dead(one)
    assert {alarm for to, alarm in given_up if to == [C]} == alarms
    assert all(to == [C] for to, _ in given_up)
    sys.stderr.write(
        f"\n{age}: killed at each of {crashes} steps on the disk: 0 lost, {doubled} duplicates\n"
    )


def _split(one: Relay, address: str) -> bool:
    """Tell whether what is queued is for others than `address` alone, and no batch is under way."""
    metas = [path.read_bytes().partition(b"\n")[0] for path in (one.spool / "new").glob("[01]-*")]
    under_way = any(not path.name.startswith(".") for path in (one.spool / "batch").iterdir())
    return not under_way and all(address not in json.loads(meta)["to"] for meta in metas)


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize(
    ("age", "kills", "digest"),
    [("2.7", 6, False), ("3.6", 6, True), ("newest", 6, False), ("newest", 12, True)],
)
def test_kills_at_any_moment_lose_nothing_while_some_are_refused(
    site: Site, age: str, kills: int, digest: bool
) -> None:
    """Each of three recipients is refused now and then, by turns."""
    one = Relay(site, interpreter(age), allow_recipients=["@example.com"])
    if digest:
        one.settings.update(digest_after=2, digest_size=5)
    site.fake.per_minute = site.fake.per_day = 10**9
    seed = int(os.environ.get("SEED", "1"))
    moments = random.Random(seed)

    def turn() -> None:
        site.fake.refuses = {
            address: moments.choice((LATER, LATER, "drop")) for address in PEOPLE if moments.random() < 0.4
        }
        one.start(transports=moments.choice((["smtp"], ["smtp", "graph"], ["graph", "smtp"])))

    try:
        acknowledged, crashes, faults = crash_often(one, kills, seed, to=PEOPLE, begin=turn)
        site.fake.heal()
        site.fake.refuses = {}
        one.start()
        assert one.drained(300), f"{one.waiting()} still wait; {one.run('status').stdout}"
    finally:
        one.kill()
    assert acknowledged
    _, doubled = judged(one, acknowledged, crashes + faults, PEOPLE)
    assert dead(one) == []
    sys.stderr.write(
        f"\n{age}, seed {seed}: {len(acknowledged)} acknowledged for three recipients each, {kills} kills, {crashes} crashes of the relay, "
        f"{faults} faults: 0 lost, {doubled} duplicates, each marked\n"
    )
