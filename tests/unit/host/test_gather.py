"""A host's files brought to the control machine, by Pythons of all ages, and audited there as on the host."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode, ProbeError
from hardening.findings import Run
from hardening.host import gather
from hardening.host.checks import Paths, Root, audit, wanted
from hardening.host.session import Session
from hardening.reports import render
from hardening.tls.policy import load
from tests.support.host.little import interpreter
from tests.unit.host.test_engine_plan import CONFIG, facts

HTML = "home/MIX_CMIX/htmlroot"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    root = tmp_path / "far"
    for path, text, mode in (
        (f"{HTML}/maintenance/db.php", specimen.tool("correct-horse-9"), 0o644),
        (f"{HTML}/index.php", "<?php echo 1;\n", 0o644),
        ("etc/passwd", "apache:x:48:48::/:/bin/false\n", 0o644),
        ("etc/sudoers", "apache ALL=NOPASSWD: /opt/step.sh\n", 0o440),
        ("opt/step.sh", "#!/bin/sh\n", 0o777),
        ("etc/httpd/conf/httpd.conf", "ServerRoot /etc/httpd\nInclude conf.d/*.conf\nListen 443\n", 0o644),
        ("var/log/httpd/access_log", '10.0.0.1 - - [10/Nov/2026:10:00:00 +0000] "GET /maintenance/db.php HTTP/1.1" 200 9\n', 0o600),
    ):  # fmt: skip
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
    (root / "etc/httpd/conf.d").mkdir()
    (root / "srv").mkdir()
    (root / "srv/ssl.conf").write_text(
        "<VirtualHost *:443>\nSSLEngine on\nSSLProtocol all\nSSLCipherSuite ALL\n</VirtualHost>\n"
    )
    (root / "etc/httpd/conf.d/ssl.conf").symlink_to("/srv/ssl.conf")
    (root / HTML / "out").symlink_to("/etc/passwd")
    (root / HTML / "up").symlink_to("../../../../../../../../../etc/passwd")
    return root


def executed(python: str) -> Session:
    def execute(program: bytes) -> tuple[str, str]:
        done = subprocess.run([python, "-"], input=program, capture_output=True, check=False, timeout=120)
        return done.stdout.decode(), done.stderr.decode()

    return Session(execute=execute)


@pytest.mark.parametrize("age", ["2.7", "3.6", "newest"])
def test_what_comes_is_what_is_there(host: Path, tmp_path: Path, age: str) -> None:
    session = executed(interpreter(age))
    copy = gather.host(session, tmp_path / "here", wanted(), label="far", root=str(host))
    for path in (f"/{HTML}/maintenance/db.php", "/etc/sudoers", "/opt/step.sh"):
        mine, theirs = copy.place(path), host / path.lstrip("/")
        assert mine.read_bytes() == theirs.read_bytes()
        assert stat.S_IMODE(mine.stat().st_mode) == 0o600
        about = copy.about(path)
        assert about is not None
        assert (about.mode, about.uid) == (theirs.stat().st_mode, theirs.stat().st_uid)
    assert not copy.left


@pytest.mark.parametrize("age", ["2.7", "3.6", "newest"])
def test_a_name_in_another_script_comes_whatever_the_locale_is(tmp_path: Path, age: str) -> None:
    """Python 3.6, as CentOS 7 and 8 have it, ended where the account there has the locale C."""
    (tmp_path / "far/srv/B\u00fcro").mkdir(parents=True)
    (tmp_path / "far/srv/B\u00fcro/a.txt").write_text("x")

    def execute(program: bytes) -> tuple[str, str]:
        how = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
        done = subprocess.run(
            [interpreter(age), "-"], input=program, capture_output=True, env=how, check=False
        )
        return done.stdout.decode(), done.stderr.decode()

    made = gather.gather(
        gather.far(execute, "far"),
        tmp_path / "here",
        Paths(("/srv/B\u00fcro",)),
        where="far",
        root=str(tmp_path / "far"),
    )
    assert (made.top / "srv/B\u00fcro/a.txt").read_text() == "x"


def told(made: Run) -> list[tuple[object, ...]]:
    return sorted((f.rule.id, f.where, f.message, f.level) for f in made.findings)


def test_the_copy_is_audited_as_the_host_itself(host: Path, tmp_path: Path) -> None:
    copy = gather.host(executed(sys.executable), tmp_path / "here", wanted(), label="far", root=str(host))
    there, here = gather.audited(host, [load("aspect")]), audit(copy, [load("aspect")])
    assert told(here) == told(there)
    assert {f.rule.id for f in here.findings} >= {
        "component/adminer", "credential/login-call", "host/sudo-writable", "host/component-visited", "tls/suite",
        "host/world-readable-secret",
    }  # fmt: skip
    assert {f.subject for f in here.findings if f.rule.id == "host/sudo-writable"} == {"far"}
    assert {f.subject for f in here.findings if f.rule.id == "component/adminer"} == {"far:/home"}


def test_small_answers_add_up(host: Path, tmp_path: Path) -> None:
    asked = []
    session = executed(sys.executable)

    def counting(program: bytes) -> tuple[str, str]:
        asked.append(program)
        return session.execute(program)

    paths = Paths(("/home", "/etc"))
    made = gather.gather(
        gather.far(counting, "far"), tmp_path / "here", paths, where="far", root=str(host), most=500
    )
    assert len(asked) > 3
    ask = gather.far(session.execute, "far")
    whole = gather.gather(ask, tmp_path / "whole", paths, where="far", root=str(host))
    assert (made.seen, made.size, made.files) == (whole.seen, whole.size, whole.files)


def test_what_links_of_etc_lead_to_comes_too_and_nothing_from_elsewhere(host: Path, tmp_path: Path) -> None:
    """As Debian's /etc/mysql/my.cnf does, by way of /etc/alternatives; logs and modules are linked to as well."""
    (host / "etc/mysql").mkdir()
    (host / "etc/alternatives").mkdir()
    (host / "etc/mysql/real.cnf").write_text("[mysqld]\n")
    (host / "etc/mysql/my.cnf").symlink_to("/etc/alternatives/my.cnf")
    (host / "etc/alternatives/my.cnf").symlink_to("/etc/elsewhere.cnf")
    (host / "etc/elsewhere.cnf").symlink_to("mysql/real.cnf")
    (host / "etc/httpd/logs").symlink_to("../../var/log/other")
    (host / "var/log/other").mkdir()
    (host / "var/log/other/much").write_text("x")
    (host / "etc/httpd/gone").symlink_to("/etc/nowhere")
    copy = gather.host(executed(sys.executable), tmp_path / "here", wanted(), label="far", root=str(host))
    assert (copy.top / "etc/mysql/my.cnf").read_text() == "[mysqld]\n"
    assert "/var/log/other/much" not in copy.seen
    assert "/etc/nowhere" not in copy.seen


def test_no_report_names_the_copy_and_two_copies_give_the_same_findings(host: Path, tmp_path: Path) -> None:
    """The copy's folder has another name in each run, and a fingerprint is made of what was seen."""
    (host / "etc/nginx").mkdir()
    (host / "etc/nginx/nginx.conf").write_text(
        "events {}\nhttp { include absent.conf; server { listen 443 ssl; } }\n"
    )
    seen = []
    for name in ("one", "two"):
        copy = gather.host(executed(sys.executable), tmp_path / name, wanted(), label="far", root=str(host))
        run = audit(copy, [load("aspect")])
        assert str(tmp_path / name) not in render("json", run, fail_on=None).decode()
        seen.append({one.fingerprint for one in run.findings})
    assert any(one.rule.id == "walk/config-missing-include" for one in run.findings)
    assert seen[0] == seen[1]


def test_links_stay_inside(host: Path, tmp_path: Path) -> None:
    ask = gather.far(executed(sys.executable).execute, "far")
    gather.gather(ask, tmp_path / "here", Paths(("/home", "/etc")), where="far", root=str(host))
    for name in ("out", "up"):
        assert (tmp_path / "here" / HTML / name).read_text() == "apache:x:48:48::/:/bin/false\n"


def lying(
    tmp_path: Path, listed: object, *read: object, limits: gather.GatherLimits | None = None
) -> gather.Gathered:
    """Gather from a host that gives these answers whatever it is asked; the last one for ever."""
    answers = [listed, *read]

    def ask(_request: dict[str, Any]) -> Any:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return gather.gather(ask, tmp_path / "deep/here", Paths(("/",)), where="far", limits=limits)


def _listed(*rows: object, **more: object) -> dict[str, object]:
    said = {"files": rows, "left": {}, "ruled": {}, **more}
    return {"packed": base64.b64encode(zlib.compress(json.dumps(said).encode())).decode()}


def _file(path: object, size: int = 1, mode: object = stat.S_IFREG | 0o644, link: str = "") -> list[object]:
    return [path, mode, 0, 0, size, "t", link]


def _read(path: object, data: bytes = b"x", **more: object) -> dict[str, object]:
    return {"path": path, "data": base64.b64encode(zlib.compress(data)).decode(), "judged": [], **more}


@pytest.mark.parametrize("path", ["/../../evil", "/a/../../../evil", "evil", "/link/evil"])
def test_a_host_that_lies_writes_nowhere_else(tmp_path: Path, path: str) -> None:
    link = _file("/link", mode=stat.S_IFLNK | 0o777, link=str(tmp_path))
    lying(tmp_path, _listed(link, _file(path)), {"files": [_read(path)]})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["deep"]
    assert not (tmp_path / "deep" / "evil").exists()


@pytest.mark.parametrize(
    "answers",
    [
        ({"error": "no"},),
        ({"packed": "*"},),
        (_listed("row"),),
        (_listed(_file("/a\0b")),),
        (_listed(_file("/a", mode="rwx")),),
        (_listed(_file("/a")), {"files": [{"path": "/a", "data": "eJw="}]}),
        (_listed(_file("/a")), {"files": [{"path": "/a", "data": "*"}]}),
        (_listed(_file("/a")), {"files": [_read("/b")]}),
        (_listed(_file("/a")), {"files": [_read("/a"), _read("/a")]}),
        (_listed(_file("/a")), {"files": [_read("/a", judged=[["private"]])]}),
    ],
)
def test_a_host_that_answers_nonsense_costs_itself_alone(tmp_path: Path, answers: tuple[object, ...]) -> None:
    """No answer ends the audit of the others, or never ends."""
    with pytest.raises(ProbeError):
        lying(tmp_path, *answers)


def test_a_host_that_sends_a_bomb_fills_no_memory(tmp_path: Path) -> None:
    made = lying(
        tmp_path,
        _listed(_file("/bomb"), _file("/small")),
        {"files": [_read("/bomb", b"0" * 10_000_000), _read("/small")]},
        limits=gather.GatherLimits(largest=1000),
    )
    assert made.left == {"/bomb": "larger than 1000 bytes"}
    assert not (made.top / "bomb").exists()
    assert made.size == 1


def test_what_cannot_be_kept_is_said_and_what_comes_twice_is_kept_once(tmp_path: Path) -> None:
    long = "/" + "n" * 300
    rows = [_file("/a"), _file("/a"), _file("/a/b"), _file(long)]
    made = lying(tmp_path, _listed(*rows), {"files": [_read("/a"), _read("/a/b"), _read(long)]})
    assert (made.top / "a").read_text() == "x"
    assert set(made.left) == {"/a/b", long}


def test_what_a_host_does_not_answer_for_is_said(tmp_path: Path) -> None:
    made = lying(tmp_path, _listed(_file("/a"), _file("/b")), {"files": [_read("/a")]})
    assert made.left == {"/b": "the host sent no answer for it"}


def test_files_without_content_count_as_well(tmp_path: Path) -> None:
    rows = [_file(f"/{number:03}", size=0) for number in range(20)]
    limits = gather.GatherLimits(total=2000)
    made = lying(tmp_path, _listed(*rows), {"files": []}, limits=limits)
    assert set(made.left.values()) == {"more than 2000 bytes in all"}


def test_too_large_and_unreadable_are_said(host: Path, tmp_path: Path) -> None:
    limits = gather.GatherLimits(largest=200)
    copy = gather.host(
        executed(sys.executable),
        tmp_path / "here",
        wanted(),
        label="far",
        root=str(host),
        local=True,
        limits=limits,
    )
    assert copy.left == {f"/{HTML}/maintenance/db.php": "larger than 200 bytes"}
    run = audit(copy, [load("aspect")])
    assert next(one for one in run.subjects if one.id == "far").examined == "partial"


def test_a_folder_that_cannot_be_listed_is_said(host: Path, tmp_path: Path) -> None:
    here = executed(sys.executable)
    refusing = b"""
import os
def refused(path, listed=os.listdir):
    if path.endswith("/conf.d"):
        raise OSError(13, "Permission denied")  # root may list everything
    return listed(path)
os.listdir = refused
"""
    session = Session(execute=lambda program: here.execute(refusing + program))
    copy = gather.host(session, tmp_path / "here", wanted(), label="far", root=str(host), local=True)
    assert copy.left == {"/etc/httpd/conf.d": "cannot be listed: Permission denied"}
    run = audit(copy, [load("aspect")])
    assert next(one for one in run.subjects if one.id == "far").examined == "partial"


def test_the_engine_is_the_one_that_the_inventory_names(tmp_path: Path) -> None:
    """It was looked for as `java`, in the file that the product's data names, whatever the inventory says."""
    place = tmp_path / "host/opt/engine/engine.conf"
    place.parent.mkdir(parents=True)
    place.write_text("listen = 7300\n")
    (tmp_path / "host/etc/httpd").mkdir(parents=True)
    engine = {"config": "/opt/engine/engine.conf", "key": "listen", "process": "aspect-engine"}
    brought = gather.host(
        executed(sys.executable),
        tmp_path / "here",
        wanted(),
        label="far",
        root=str(tmp_path / "host"),
        engine=engine,
    )
    for pid, process, said in (
        (1, "aspect-engine", "configured=7300 running=7300"),
        (None, "", "configured=7300; only root sees whose port it is"),  # it was "restart pending"
        (
            5,
            "engine-stand-in",
            (
                "configured=7300 running=none; the engine is not seen running; "
                "port 7300 is listened on by engine-stand-in (pid 5)"
            ),
        ),
    ):
        heard = ({"port": 7300, "address": "0.0.0.0", "pid": pid, "process": process},)
        about = tmp_path / f"{pid}.json"
        gather.save(replace(brought, listening=heard), about)
        run = audit(gather.load(tmp_path / "here", about), [load("aspect")])
        assert [one.reason for one in run.results if one.rule.id == "host/engine-port"] == [said]
        assert not [one for one in run.findings if one.rule.id == "host/engine-port"]
        unseen = [one.message for one in run.findings if one.rule.id == "host/engine-not-seen"]
        assert unseen == ([said] if process == "engine-stand-in" else [])


@pytest.mark.parametrize("firewall", ["none", "iptables", "firewalld"])
def test_a_port_that_every_host_reaches_is_a_finding_of_the_audit(tmp_path: Path, firewall: str) -> None:
    """The agent's facts are real ones of such a host; the audit reads them from the copy that was kept."""
    (tmp_path / "here/etc/httpd").mkdir(parents=True)
    now = facts(configured=7226, running=7226, firewall=firewall, selinux="disabled")
    reach = gather.reach_of_engine(now, {"config": CONFIG})
    gather.save(Root(tmp_path / "here", label="far", open_engine=reach), tmp_path / "about")
    run = audit(gather.load(tmp_path / "here", tmp_path / "about"), [load("aspect")])
    (finding,) = (one for one in run.findings if one.rule.id == "engine/open-to-all")
    assert "port 7226 over IPv4" in finding.message
    assert "control_engine_sources" in finding.rule.remedy
    now["listeners"][0]["address"] = "127.0.0.1"
    assert gather.reach_of_engine(now, {"config": CONFIG}) == ""
    assert gather.reach_of_engine(now, {"config": "/nowhere"}) == ""


def test_silence_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="gave no answer on far"):
        gather.gather(
            gather.far(lambda _program: ("", "sh: python: not found"), "far"),
            tmp_path / "here",
            Paths(("/",)),
            where="far",
        )


def test_an_inventory_by_command(
    host: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    inventory = tmp_path / "hosts"
    inventory.write_text(
        f"[all]\none ansible_connection=local ansible_python_interpreter={sys.executable} opt=/opt\n"
        "gone ansible_host=127.0.0.1 ansible_port=1 ansible_ssh_common_args='-o ConnectTimeout=2 -o BatchMode=yes'\n"
    )
    (host / "opt/engine.conf").write_text("listen = 7400\n")
    with inventory.open("a") as more:
        more.write("[all:vars]\ncontrol_engine_config={{ opt }}/engine.conf\ncontrol_engine_key=listen\n")
    command = ["host", "audit", "-i", str(inventory), "-e", f"collect_root={host}", "--format", "json"]
    assert run([*command, "--limit", "one"]) == ExitCode.FINDINGS
    read = json.loads(capfdbinary.readouterr().out)
    assert {one["rule"] for one in read["findings"]} >= {"component/adminer", "host/sudo-writable"}
    assert "one" in {one["id"] for one in read["subjects"]}
    (port,) = [one["reason"] for one in read["results"] if one["rule"] == "host/engine-port"]
    assert port == "configured=7400; what listens is not in a copy"
    assert run([*command, "--fail-on", "never"]) == ExitCode.HOSTS_FAILED
    read = json.loads(capfdbinary.readouterr().out)
    assert {one["id"]: one["examined"] for one in read["subjects"]}["gone"] == "none"
    assert run(["host", "audit", "--root", str(host), "-i", str(inventory)]) == ExitCode.USAGE
    assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob("harden-audit-*"))
