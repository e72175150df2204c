"""One host, one bundle: whatever happens, the host ends on the new release, proved, or as it was."""

from __future__ import annotations

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hardening.host.plans import plan as planning
from tests.support.host.little import digest, interpreter
from tests.support.upgrade.quick import Quick
from tests.support.upgrade.standin import (
    FAULTS,
    NEW,
    OLD,
    Signer,
    Site,
    begin,
    conductor,
    installer,
    job,
    left,
    runners,
    whole_run,
)

WHY = {
    "fails-early": "the installer exited 3",
    "fails-half": "the installer exited 4",
    "fails-database": "the installer exited 1",
    "fails-late": "the installer exited 5",
    "killed": "killed by signal 9",
    "hangs": "said nothing for 1 seconds",
    "fatal-log": "log/mysql-log-table-lock-dump",
    "restore-log": "log/mysql-log-table-lock-restore",
    "daemon": "the installer exited 6",
    "daemon-su": "the installer exited 6",
    "service-dies": "web does not run",
    "service-never": "start web",
    "wrong-release": "the host says release 9.9, not 2.0",
    "wrong-page": "probe failed",
    "wipes": "the installer exited 7",
    "drops-database": "the installer exited 8",
}


@pytest.mark.parametrize("age", ["2.7", "newest"])
def test_new_then_proved_then_back_byte_for_byte(site: Site, signer: Signer, age: str) -> None:
    site.python = interpreter(age)
    before = site.declared()
    found = whole_run(site, signer.bundle())
    assert (found["state"], found["from"], found["now"], found["problems"]) == ("committed", OLD, NEW, [])
    assert site.whole(before) == "new"
    assert [row["name"] for row in found["pending"]] == ["engine"]
    assert site.loaded("engine") == OLD

    again = conductor(site, signer.bundle())
    assert (again.look()["verdict"], again.install()["changed"]) == ("current", False)

    back = again.back(found["id"], "asked for")
    assert (back["state"], back["failed"]) == ("rolled-back", False), back
    assert back["leftovers"] == {"added": ["/etc/standin.release"], "changed": [], "removed": []}
    assert site.whole(before) == "old"


def test_the_pending_restart_is_seen(site: Site, signer: Signer) -> None:
    found = whole_run(site, signer.bundle())
    assert [row["resolved"] for row in site.ask("status")["pending"]] == [False]
    time.sleep(1.1)  # the journal's times are whole seconds
    site.service("engine", "restart")
    assert [row["resolved"] for row in site.ask("status")["pending"]] == [True]
    assert site.loaded("engine") == NEW
    assert site.ask("verify")["state"] == "as-planned"
    site.service("web", "stop")
    assert site.ask("verify")["problems"] == ["web does not run"]
    assert found["state"] == "committed"


def test_a_service_that_was_stopped_before_is_not_started(site: Site, signer: Signer) -> None:
    """Its recipe has it restarted; somebody had stopped it, and a recipe that calls it optional allows that."""
    bundle = signer.bundle()
    made = job(bundle, site, {'restart = "manual"': "optional = true"})
    site.service("engine", "stop")
    found = whole_run(site, bundle, job=made)
    assert (found["state"], site.loaded("web"), site.loaded("engine")) == ("committed", NEW, "")
    assert site.ask("verify")["state"] == "as-planned"


LIKE_OTHERS = ("fails-early", "fails-database", "fails-late", "restore-log", "service-never", "wrong-release")
"""Each goes the way that another fault of the list goes too, so that they are left to tests/matrix."""


@pytest.mark.parametrize("fault", sorted(WHY.keys() - {*LIKE_OTHERS}))
def test_a_bad_release_is_led_back(site: Site, signer: Signer, fault: str) -> None:
    site.silence = 1 if fault == "hangs" else 30
    site.settle = 1 if fault == "service-dies" else 0
    before = site.declared()
    found = whole_run(site, signer.bundle(fault))
    assert found["state"] == "rolled-back", found
    assert WHY[fault] in found["problems"][0]
    assert site.whole(before) == "old"
    assert left(site) == []
    assert found["leftovers"]["removed"] == found["leftovers"]["changed"] == []


STOPS = "ERROR 1556 (HY000) at line 12: nothing after it is restored"


@pytest.mark.parametrize("line", [f"printf '%s' '{STOPS}'", f"printf 'at 1%%\\rat 2%%\\r%s\\n' '{STOPS}'"])
def test_a_last_line_that_is_open_and_one_that_a_progress_bar_shares_stop_it(
    site: Site, signer: Signer, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setitem(FAULTS, "odd-line", {"@LATE@": line})
    before = site.declared()
    odd = Signer(site.root.parent / "odd", signer.private)
    bundle = odd.bundle(
        "odd-line", more={"install.sh": installer(NEW, "odd-line").replace('echo "installed 2.0"', ":")}
    )
    found = whole_run(site, bundle, log=None)
    assert found["state"] == "rolled-back", found
    assert (
        "of the installer's log stops the upgrade (log/mysql-log-table-lock-restore)" in found["problems"][0]
    )
    assert site.whole(before) == "old"


def test_the_operators_own_messages_judge_the_log(site: Site, signer: Signer, tmp_path: Path) -> None:
    """What is harmless here is said to be so, and what the lines around it make fatal leads the host back."""
    row = "[[message]]\nid = 'flux'\nclass = '{}'\nprogram = 'installer'\nregex = 'flux capacitor'\nwhy = 'w'\naction = 'a'\n"
    rules, bundle, before = tmp_path / "own.toml", signer.bundle("unknown-log"), site.declared()
    made = replace(job(bundle, site), log_rules=str(rules))
    rules.write_text(
        row.format("fatal")
        + "[message.context]\nnext = '^installed'\nif_absent = 'warn'\nif_contradicted = 'warn'\n"
    )
    found = whole_run(site, bundle, job=made)
    assert found["state"] == "rolled-back", found
    assert "log/flux" in found["problems"][0]
    assert site.whole(before) == "old"
    rules.write_text(row.format("benign"))
    found = whole_run(site, bundle, job=made)
    assert found["state"] == "committed", found
    assert [one["rule"] for one in found["log"]] == ["log/flux"]


@pytest.mark.parametrize("fault", ["benign-log", "unknown-log"])
def test_what_does_not_stop_is_told(site: Site, signer: Signer, fault: str) -> None:
    before = site.declared()
    control = conductor(site, signer.bundle(fault))
    found = control.install()
    rules = [row["rule"] for row in found["log"]]
    assert rules == [{"benign-log": "log/mysql-log-table-lock-check", "unknown-log": "log/unknown"}[fault]]
    assert control.finish(found["id"])["state"] == "committed"
    assert site.whole(before) == "new"


def test_looking_changes_nothing(site: Site, signer: Signer) -> None:
    before = digest(site.root, times=True)
    assert conductor(site, signer.bundle()).look()["verdict"] == "fit"
    assert site.ask("status")["upgrades"] == []
    assert digest(site.root, times=True) == before


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("disk", "are needed"),
        ("service", "web does not run"),
        ("path", "none of the declared paths exists"),
        ("tool", "is not on this host"),
        ("clock", "clock"),
    ],
)
def test_an_unfit_host_is_refused_and_left_alone(site: Site, signer: Signer, what: str, said: str) -> None:
    changes = {
        "disk": {"headroom = 1": "headroom = 1000000000"},
        "path": {'"/opt/standin", "/etc/standin"': '"/opt/other"'},
        "tool": {'dump = ["{root}/usr/bin/standin-db"': 'dump = ["no-such-dump"'},
    }.get(what, {})
    if what == "service":
        site.service("web", "stop")
    control = conductor(site, Path(), job=job(signer.bundle(), site, changes))
    if what == "clock":
        control.ask = lambda verb, **more: {**site.ask(verb, **more), "time": 1.0}
    before = digest(site.root, times=True)
    found = control.install()
    assert (found["state"], found["failed"]) == ("unfit", True)
    assert said in "; ".join(found["problems"])
    assert digest(site.root, times=True) == before


def test_an_older_release_is_refused_unless_forced_with_a_reason(site: Site, signer: Signer) -> None:
    bundle = signer.bundle(release="0.9")
    before = digest(site.root, times=True)
    found = whole_run(site, bundle)
    assert (found["state"], found["problems"]) == ("older", ["standin 0.9 is older than the installed 1.0"])
    assert digest(site.root, times=True) == before
    text = {f"release {NEW}": "release 0.9"}
    forced = whole_run(site, bundle, job=job(bundle, site, text), force_older="the vendor asks for it")
    assert forced["state"] == "committed"
    record = site.ask("status")["record"]
    assert [row["reason"] for row in record["forced"]] == ["the vendor asks for it"]


def test_a_second_run_is_kept_out_and_the_same_one_goes_on(site: Site, signer: Signer) -> None:
    before = site.declared()
    first = conductor(site, signer.bundle())
    found = first.install()
    other = conductor(site, signer.bundle("unknown-log"))
    assert other.install()["state"] == "unfinished"
    assert "is under way here" in str(
        site.ask("begin", **other.request({"older": ""}), uploaded=str(signer.bundle()))
    )
    same = conductor(site, signer.bundle())
    assert same.install()["id"] == found["id"]
    assert same.finish(found["id"])["state"] == "committed"
    assert site.whole(before) == "new"


def test_nobody_comes_back(site: Site, signer: Signer) -> None:
    """The control machine dies after the installer: the host leads itself back when its time is over."""
    before = site.declared()
    control = conductor(site, signer.bundle(), deadman=1)
    assert control.install()["state"] == "installed"
    row = site.until("rolled-back")
    assert row["why"] == "the control machine did not come back within 1 seconds"
    assert site.whole(before) == "old"


def test_hosts_of_one_machine_do_not_end_each_others_installers(
    site: Site, signer: Signer, tmp_path: Path, quick: Quick
) -> None:
    """Two hosts that are folders, one bundle, begun within one second: their upgrades have one name."""
    other = Site(tmp_path / "other", quick=quick).lay_out()
    try:
        before, bundle = site.declared(), signer.bundle("waits")
        name = begun_at_once(bundle, site, other)
        for one in (site, other):
            one.until("installing")
        site.ask("order", id=name, do="rollback", why="asked for")
        site.until("rolled-back")
        assert site.whole(before) == "old"
        other.put("run/go-on", "")
        assert other.until("installed", "rolled-back")["state"] == "installed"
        assert conductor(other, bundle).finish(name)["state"] == "committed"
    finally:
        other.stop()


def begun_at_once(bundle: Path, *sites: Site) -> str:
    """Begin on all sites in one second, so that all upgrades have one name; return it."""
    requests = [conductor(one, bundle).request(conductor(one, bundle).look()) for one in sites]
    for _ in range(8):
        time.sleep(1.05 - time.time() % 1)
        with ThreadPoolExecutor() as pool:
            asked = [
                pool.submit(replace(one, quick=None).ask, "begin", **request, uploaded=str(bundle))
                for one, request in zip(sites, requests, strict=True)
            ]
        names = {str(one.result()["id"]) for one in asked}
        if len(names) == 1:
            return names.pop()
        for one in sites:
            one.ask("order", id=one.upgrades()[-1]["id"], do="rollback", why="another second")
            one.until("rolled-back")
    raise AssertionError(names)


@pytest.mark.parametrize("who", ["worker", "both"])
def test_the_runner_is_killed(site: Site, signer: Signer, who: str) -> None:
    before = site.declared()
    control = conductor(site, signer.bundle())
    upgrade = control.install()["id"]
    pids = runners(site)
    assert len(pids) == 2
    for pid in pids[1:] if who == "worker" else pids:
        os.kill(pid, signal.SIGKILL)
    if who == "both":  # nobody is left on the host: the next question leads it back
        assert control.finish(upgrade)["state"] == "rolled-back"
    assert site.until("rolled-back")["why"] == "the upgrade's process died"
    assert site.whole(before) == "old"


def ended(pids: list[int], seconds: float = 30) -> bool:
    """Whether processes are gone within a time."""
    deadline = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize(
    ("state", "taken"),
    [
        pytest.param("installing", "", id="everything while the installer runs"),
        pytest.param("installed", "", id="everything while the control machine configures"),
        pytest.param("installing", "upgrade/*", id="its folder"),
        pytest.param("installing", "upgrade/*/journal", id="its journal"),
        pytest.param("installing", "upgrade/*/cold", id="its copies"),
    ],
)
def test_what_leads_back_was_taken_away(site: Site, signer: Signer, state: str, taken: str) -> None:
    """Nothing can be rolled back: the processes end, the installer too, and whatever comes next says so and changes nothing."""
    name = begin(site, signer.bundle("waits" if state == "installing" else "good"))
    site.until(state)
    pids, folder = runners(site), Path(f"{site.root}{site.state}")
    for path in folder.glob(taken) if taken else [folder]:
        subprocess.run(["rm", "-rf", path], check=False)
    if taken.endswith("cold"):
        site.put("run/go-on", "")  # it notices when it wants to go back
        site.ask("order", id=name, do="rollback", why="asked for")
    assert pids
    assert ended(pids)

    (row,) = [one for one in site.upgrades() if one["state"] == "lost"]
    assert (row["id"], row["release"], row["by"]) == (name, NEW, "tests")
    assert "the state of the host is unknown" in row["why"]
    before = digest(site.root, times=True)
    control = conductor(site, signer.bundle())
    assert control.look()["verdict"] == "lost"
    said = control.install()
    assert said["state"] == "lost"
    assert f"upgrade {name} to {NEW} is lost" in said["problems"][0]
    assert f"upgrade {name} to {NEW} is lost" in site.ask("verify")["problems"][0]
    refused = site.ask("begin", **control.request(control.look()), uploaded=str(signer.bundle()))
    assert (refused["failed"], "is lost" in refused["msg"]) == (True, True)
    assert "is lost" in site.ask("watch", id=name, wait=0)["msg"]
    assert "is lost" in site.ask("recover")["msg"]
    assert digest(site.root, times=True) == before

    (folder / "upgrade-lost").unlink()  # somebody has seen to the host
    site.service("web", "start")
    site.put("opt/standin/htmlroot/runtime.ver", f"{OLD}\n")
    assert conductor(site, signer.bundle()).look()["verdict"] == "fit"


def test_the_host_goes_down_and_boots(site: Site, signer: Signer) -> None:
    """Everything is killed in the middle of the installer; at boot first the files are put back, then the rest."""
    before = site.declared()
    upgrade = begin(site, signer.bundle("hangs"))
    site.until("installing")
    for pid in runners(site):
        os.kill(pid, signal.SIGKILL)
    site.stop()
    state = f"{site.root}{site.state}"
    boot = [sys.executable, f"{state}/agent.pyz", "recover", "--root", str(site.root), "--state", site.state]
    assert subprocess.run([*boot, "--boot"], check=False, capture_output=True).returncode == 0
    assert site.release() == OLD
    assert site.upgrades()[-1]["state"] == "rollingback"
    assert subprocess.run(boot, check=False, capture_output=True).returncode == 0
    site.until("rolled-back")
    assert site.upgrades()[-1]["why"].startswith("the host went down during")
    assert site.whole(before) == "old"
    assert upgrade == site.upgrades()[-1]["id"]


@pytest.mark.parametrize(
    ("flag", "said"), [("db-cut", "its last line"), ("db-locked", "log/mysql-log-table-lock-dump")]
)
def test_an_incomplete_dump_stops_before_the_first_change(
    site: Site, signer: Signer, flag: str, said: str
) -> None:
    before = site.declared()
    site.put(f"run/{flag}", "")
    found = whole_run(site, signer.bundle())
    assert found["state"] == "rolled-back"
    assert found["problems"][0].startswith("the database dump is incomplete")
    assert said in found["problems"][0]
    assert [step["stage"] for step in found["steps"]] == ["begun", "rollingback"]
    assert site.whole(before) == "old"


def test_a_database_that_refuses_is_waited_for(site: Site, signer: Signer) -> None:
    """The way back stops at a database that is down, says so, keeps trying, and ends when it is up again."""
    before = site.declared()
    bundle = signer.bundle("fails-late")
    control = conductor(site, bundle)
    real = site.root / "usr/bin/standin-db"
    text = real.read_text()
    real.write_text(text.replace("sql) sqlite3 $D ;;", "sql) sqlite3 $D; touch $R/run/db-refuses ;;"))
    found = control.install()
    assert found["state"] == "broken", found
    assert "the database restore stopped: log/mysql-cant-connect" in "; ".join(found["problems"])
    assert site.ask("verify")["failed"]
    (site.root / "run/db-refuses").unlink()
    site.until("rolled-back")
    real.write_text(text)
    assert site.whole(before) == "old"


def test_data_written_since_is_not_thrown_away_unasked(site: Site, signer: Signer) -> None:
    before = site.declared()
    found = whole_run(site, signer.bundle())
    subprocess.run(
        [site.root / "usr/bin/standin-db", "sql"],
        input="INSERT INTO audit VALUES ('now');",
        text=True,
        check=True,
    )
    control = conductor(site, signer.bundle())
    refused = control.back(found["id"], "asked for")
    assert refused["failed"]
    assert "the database was written to since the upgrade" in refused["problems"][0]
    assert "audit VALUES('now')" in site.dump()
    assert control.back(found["id"], "asked for", force=True)["state"] == "rolled-back"
    assert site.whole(before) == "old"


def runner_lock(site: Site) -> int:
    """Hold what a runner holds while it lives."""
    descriptor = os.open(site.root / "var/lib/aspect-hardening/runner.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_an_upgrade_that_still_tidies_up_is_led_back_once_it_is_done(site: Site, signer: Signer) -> None:
    before = site.declared()
    found = whole_run(site, signer.bundle())
    held = runner_lock(site)
    threading.Timer(0.7, os.close, [held]).start()
    assert conductor(site, signer.bundle()).back(found["id"], "asked for")["state"] == "rolled-back"
    assert site.whole(before) == "old"


def test_an_order_that_the_commit_overtook_is_carried_out_by_whoever_waits(
    site: Site, signer: Signer
) -> None:
    """The runner commits between the order and its reading it; nobody else would ever read it."""
    before = site.declared()
    found = whole_run(site, signer.bundle())
    site.until("committed")
    held = runner_lock(site)  # it has not ended yet
    order = site.root / "var/lib/aspect-hardening/upgrade" / found["id"] / "order"
    order.write_text(json.dumps({"do": "rollback", "why": "too late"}))
    os.close(held)
    control = conductor(site, signer.bundle())
    assert control.watch(found["id"], (), past="committed")["state"] == "rolled-back"
    assert site.whole(before) == "old"


def test_asking_what_a_rollback_would_do_does_not_do_it(site: Site, signer: Signer) -> None:
    upgrade = conductor(site, signer.bundle()).install()["id"]
    would = site.ask("order", id=upgrade, do="rollback", check=True)
    assert would["state"] == "would-change"
    assert site.ask("watch", id=upgrade, wait=0)["state"] == "installed"
    assert conductor(site, signer.bundle()).back(upgrade, "asked for")["state"] == "rolled-back"


def test_what_was_configured_meanwhile_goes_back_too(site: Site, signer: Signer) -> None:
    """A transaction of the agent inside the declared paths and outside of them, then the proof fails."""
    before = site.declared()
    control = conductor(site, signer.bundle(), patience=0.6)
    upgrade = control.install()["id"]
    outside, inside = site.root / "etc/motd", site.root / "etc/standin/standin.conf"
    site.put("etc/motd", "welcome\n")
    flag = site.root / "tmp/flag"
    plan = planning.Plan(
        files=(
            planning.File(path="/etc/motd", content=b"changed\n"),
            planning.File(path="/etc/standin/standin.conf", content=inside.read_bytes() + b"tls=on\n"),
        ),
        commands=(planning.Command(name="flag", do=("touch", str(flag)), undo=("rm", "-f", str(flag))),),
    )
    assert site.agent("apply", plan=plan.to_json())["state"] == "committed"
    found = control.finish(upgrade, prove=lambda: ["10.0.0.1:443: TLSv1.0 is offered"])
    assert found["state"] == "rolled-back"
    assert "not proved: 10.0.0.1:443: TLSv1.0" in found["problems"][0]
    assert (outside.read_text(), flag.exists()) == ("welcome\n", False)
    assert site.whole(before) == "old"


def test_what_the_host_finished_of_the_upgrades_own_goes_back_with_it(site: Site, signer: Signer) -> None:
    """A transaction of the upgrade, and one that the host made later since the restart was seen: the upgrade goes first."""
    before = site.declared()
    control = conductor(site, signer.bundle())
    upgrade = control.install()["id"]
    inside = site.root / "etc/standin/standin.conf"
    site.put("etc/motd", "restart pending\n")
    port = planning.File(
        path="/etc/standin/standin.conf", content=inside.read_bytes() + b"engine.port=7300\n"
    )
    made = site.agent("apply", plan=planning.Plan(files=(port,)).to_json())
    assert control.finish(upgrade)["state"] == "committed"
    closed = planning.Plan(files=(planning.File(path="/etc/motd", content=b"\n"),)).to_json()
    assert site.agent("apply", plan={**closed, "follows": made["tx"]})["state"] == "committed"
    assert site.upgrades()[-1]["later"] is False
    assert control.back(upgrade, "asked for")["state"] == "rolled-back"
    assert site.whole(before) == "old"
    assert (site.root / "etc/motd").read_text() == "restart pending\n"


@pytest.mark.parametrize("name", ["../out", "/abs", "a/../../out"])
def test_a_bundle_that_writes_outside_is_stopped(site: Site, signer: Signer, name: str) -> None:
    path = signer.bundle("fails-early")
    hostile = path.with_name("hostile.tar.gz")
    with tarfile.open(hostile, "w:gz") as out:
        item = tarfile.TarInfo(name)
        item.size = 2
        out.addfile(item, io.BytesIO(b"x\n"))
    before = site.declared()
    made = job(path, site)
    from bundle.trust.digest import digest as of_file

    sha256, size = of_file(hostile)
    found = whole_run(site, hostile, job=replace(made, bundle=str(hostile), sha256=sha256, size=size))
    assert found["state"] == "rolled-back"
    assert "outside its folder" in found["problems"][0]
    assert site.whole(before) == "old"


def test_a_bundle_changed_on_the_way_is_refused(site: Site, signer: Signer, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(signer.bundle().read_bytes() + b"x")
    before = site.declared()
    found = conductor(site, signer.bundle(), upload=lambda _path: str(damaged)).install()
    assert (found["state"], found["problems"]) == ("unfit", ["the bundle arrived damaged"])
    assert site.whole(before) == "old"
    assert site.upgrades() == []


def test_a_secret_that_a_command_prints_is_not_told(site: Site, signer: Signer) -> None:
    service = site.root / "etc/init/standin"
    service.write_text(
        service.read_text().replace("failed to start", "failed to start --password=hunter2hunter2")
    )
    found = whole_run(site, signer.bundle("service-never"))
    assert found["state"] == "rolled-back"
    assert "start web" in found["problems"][0]
    assert "hunter2" not in str(found)
