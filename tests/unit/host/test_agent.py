"""One transaction on a little host, on every Python that the agent promises."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardening.host import session
from hardening.host.plans import plan as planning
from tests.support.host.little import Little, digest
from tests.support.host.onhost import Program


def test_apply_then_nothing_then_back(aged: Little) -> None:
    plain, before, told = digest(aged.etc), digest(aged.etc, times=True), aged.told()
    plan = aged.plan(a="a = new\n", c="c = new\n")

    predicted = aged.ask("check", plan)
    assert predicted["state"] == "would-change"
    assert digest(aged.etc, times=True) == before
    assert not aged.state.exists()

    done = aged.ask("apply", plan)
    assert (done["state"], done["changed"]) == ("committed", True), done
    assert aged.loaded() == "a = new\nb = old\nc = new\n"
    assert aged.told() == told + 1
    for key in ("files", "commands"):
        assert predicted[key] == done[key]
    *files, ran = predicted["diff"]
    assert (files, ran["path"]) == (done["diff"], "commands that would run")
    assert ran["text"].endswith("/bin/reload\n")
    assert "-a = old\n+a = new" in done["diff"][0]["text"]

    again = aged.ask("apply", plan)
    assert (again["state"], again["changed"], aged.told()) == ("unchanged", False, told + 1)

    back = aged.ask("rollback")
    assert (back["state"], back["changed"]) == ("committed", True), back
    assert digest(aged.etc, times=aged.exact) == (before if aged.exact else plain)
    assert aged.loaded() == "a = old\nb = old\n"
    assert aged.ask("rollback")["state"] == "nothing"
    assert [row["state"] for row in aged.ask("status")["transactions"]] == ["undone", "committed"]


def test_a_diff_shows_changed_lines_alone(little: Little) -> None:
    """What stands around them may be a password: the engine's port and its database's stand in one file."""
    text = "db.password = Gr4velpit77\nengine.port = {}\ndb.user = feed\n"
    (little.etc / "a.conf").write_text(text.format(7226))
    predicted = little.ask("check", little.plan(a=text.format(7300)))
    row, ran = predicted["diff"]
    assert ran["path"] == "commands that would run"
    assert "-engine.port = 7226\n+engine.port = 7300\n" in row["text"]
    assert "Gr4velpit77" not in json.dumps(predicted)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone shows a program files that are not placed yet")
def test_staged_files_are_judged_before_anything_changes(aged: Little) -> None:
    before = digest(aged.root / "etc", times=True)
    for verb in ("check", "apply"):
        refused = aged.ask(verb, aged.plan(a="broken\n", d="d\n"))
        assert (refused["failed"], refused["changed"] and verb == "apply") == (True, False)
        assert refused["state"] == "refused"
        assert "judge rejects the staged files" in refused["msg"]
        assert digest(aged.root / "etc", times=True) == before
    assert aged.ask("status")["transactions"] == []


def test_a_service_that_fails_is_undone_and_told_again(aged: Little) -> None:
    before, told = digest(aged.etc, times=True), aged.told()
    aged.script(
        "reload",
        f"cat {aged.etc}/*.conf > {aged.root}/run/loaded; echo x >> {aged.reloads}; ! grep -q new {aged.etc}/a.conf",
    )
    undone = aged.ask("apply", aged.plan(a="a = new\n", c="c = new\n"))
    assert (undone["state"], undone["failed"], undone["changed"]) == ("rolled-back", True, False)
    assert "little reload exited 1" in undone["msg"]
    assert digest(aged.etc, times=True) == before
    assert aged.loaded() == "a = old\nb = old\n"
    assert aged.told() == told + 2


def test_a_probe_that_fails_undoes_files_and_commands(aged: Little) -> None:
    flag = aged.root / "flag"
    plan = replace(
        aged.plan(a="a = new\n"),
        commands=(
            planning.Command(
                name="flag",
                do=("/bin/touch", str(flag)),
                undo=("/bin/rm", str(flag)),
                check=("/usr/bin/test", "-e", str(flag)),
            ),
        ),
        probes=({"kind": "tcp", "host": "127.0.0.1", "port": 1, "wait": 0.2},),
    )
    plain, before = digest(aged.etc), digest(aged.etc, times=True)
    undone = aged.ask("apply", plan)
    assert undone["state"] == "rolled-back"
    assert "probe failed: tcp 127.0.0.1 1" in undone["msg"]
    assert aged.ask("status")["transactions"][-1]["why"] == [undone["msg"]]
    assert (digest(aged.etc, times=True), flag.exists()) == (before, False)

    good = replace(plan, probes=({"kind": "path", "path": str(flag), "wait": 1},))
    assert aged.ask("apply", good)["state"] == "committed"
    assert aged.ask("apply", good)["changed"] is False
    assert aged.ask("verify", good)["state"] == "as-planned"
    assert aged.ask("rollback")["state"] == "committed"
    assert (digest(aged.etc, times=aged.exact), flag.exists()) == (before if aged.exact else plain, False)
    impatient = replace(good, probes=({**good.probes[0], "wait": 0.1},))
    assert aged.ask("verify", impatient)["state"] == "drifted"


def test_owners_modes_and_new_directories(aged: Little) -> None:
    deep = aged.etc / "x" / "y" / "deep.conf"
    one = planning.File(path=str(deep), content=b"deep\n", mode="0600", mkdir=True)
    refused = aged.ask("apply", planning.Plan(files=(replace(one, mkdir=False),)))
    assert "does not exist" in refused["msg"]
    done = aged.ask("apply", planning.Plan(files=(one,)))
    assert done["state"] == "committed"
    assert deep.stat().st_mode & 0o7777 == 0o600
    widened = aged.ask("apply", planning.Plan(files=(replace(one, mode="0640"),)))
    assert "# mode 0600 -> 0640" in widened["diff"][0]["text"]
    assert aged.ask("rollback")["changed"] is True
    assert deep.stat().st_mode & 0o7777 == 0o600
    assert aged.ask("rollback")["changed"] is True
    assert not (aged.etc / "x").exists()


def test_removed_trees_come_back(aged: Little) -> None:
    tree = aged.root / "htmlroot" / "adminer"
    (tree / "lang").mkdir(parents=True)
    (tree / "index.php").write_bytes(b"<?php // \0\xff")
    (tree / "lang" / "en.php").write_text("<?php")
    (tree / "current").symlink_to("index.php")
    (tree / "lang").chmod(0o750)
    (tree.parent / "link.php").symlink_to("adminer/index.php")
    before = digest(tree.parent, times=aged.exact)
    plan = planning.Plan(remove=(str(tree), str(tree.parent / "link.php"), str(aged.root / "never-there")))
    predicted = aged.ask("check", plan)
    done = aged.ask("apply", plan)
    assert done["state"] == "committed", done
    assert predicted["files"] == done["files"]
    assert list(tree.parent.iterdir()) == []
    assert aged.ask("apply", plan)["changed"] is False
    assert aged.ask("rollback")["state"] == "committed"
    assert digest(tree.parent, times=aged.exact) == before


def test_the_systems_own_folders_are_no_component(aged: Little) -> None:
    """Foreseen alone, not carried out: `components_absent: [/etc]` was taken at its word."""
    aged.state.mkdir(parents=True, exist_ok=True)
    for path in ("/", "/etc", "/usr/lib/", "/var/lib", str(aged.state), str(aged.state.parent)):
        said = aged.ask("check", planning.Plan(remove=(path,)))
        assert said["state"] == "refused", said
        assert "cannot be removed" in said["msg"]
    beside = aged.state.with_name(
        aged.state.name[:-1]
    )  # as /var/lib/aspect is beside /var/lib/aspect-hardening
    beside.mkdir()
    said = aged.ask("check", planning.Plan(remove=(str(beside),)))
    assert [row["op"] for row in said["files"]] == ["remove"], said


def test_a_secret_is_written_and_never_said(aged: Little) -> None:
    old, new = secrets.token_hex(20), secrets.token_hex(20)
    (aged.etc / "b.conf").write_text(f"password = {old}\n")
    aged.script("judge", f"cat {aged.etc}/b.conf; ! grep -q {new} {aged.etc}/b.conf")
    secret = planning.File(path=str(aged.etc / "b.conf"), content=f"password = {new}\n".encode(), secret=True)
    plan = replace(aged.plan(a="a = new\n"), files=(secret,))
    said = [aged.ask("check", plan), aged.ask("apply", plan)]
    assert "[secret]" in said[1]["msg"]
    aged.script("judge", "true")
    said += [aged.ask("apply", plan), aged.ask("status"), aged.ask("rollback")]
    assert [row["state"] for row in (said[2], said[4])] == ["committed", "committed"]
    assert new not in json.dumps(said)
    assert old not in json.dumps(said)
    for path in aged.state.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0
            if re.fullmatch(r"journal|manifest|lock", path.name):
                assert new not in path.read_text()
    wide = replace(secret, mode="0644")
    assert "readable by everybody" in aged.ask("apply", replace(plan, files=(wide,)))["msg"]


def test_unconfirmed_is_undone_by_the_host_alone(aged: Little) -> None:
    before = digest(aged.etc, times=True)
    plan = replace(aged.plan(a="a = new\n"), deadman=1)
    done = aged.ask("apply", plan)
    assert done["state"] == "applied"
    assert (aged.etc / "a.conf").read_text() == "a = new\n"
    deadline = time.monotonic() + 8
    while digest(aged.etc, times=True) != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert digest(aged.etc, times=True) == before
    late = settled(lambda: aged.ask("confirm", id=done["tx"]), "rolled-back")
    assert late["failed"]
    assert aged.loaded() == "a = old\nb = old\n"


def settled(ask: Callable[[], dict[str, Any]], state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 8
    while (answer := ask())["state"] != state and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answer["state"] == state
    return answer


def test_confirmed_stays(aged: Little) -> None:
    plan = replace(aged.plan(a="a = new\n"), deadman=60)
    done = aged.ask("apply", plan)
    refused = aged.ask("apply", plan)["msg"]
    assert f"{done['tx']} (little) still waits" in refused
    assert re.search(
        r"the host undoes it within (5\d|6[01]) seconds; to undo it at once: harden upgrade", refused
    )
    waiting = aged.ask("status")["transactions"][-1]
    assert (waiting["state"], 50 < waiting["left"] <= 60) == ("applied", True)
    assert session.unfinished(waiting).startswith(f"transaction {done['tx']} waits for its confirmation")
    assert aged.ask("confirm", id=done["tx"])["state"] == "committed"
    assert aged.ask("confirm", id=done["tx"])["state"] == "committed"
    assert (aged.etc / "a.conf").read_text() == "a = new\n"
    assert aged.ask("apply", plan)["changed"] is False


def test_what_cannot_be_done_is_refused_first(aged: Little) -> None:
    (aged.etc / "link.conf").symlink_to("a.conf")
    before = digest(aged.root / "etc")
    file = planning.File(path=str(aged.etc / "a.conf"), content=b"x\n")
    cases = {
        "symbolic link": replace(file, path=str(aged.etc / "link.conf")),
        "not an absolute path": replace(file, path="etc/a.conf"),
        "changed since it was read": replace(file, expect_sha256="0" * 64),
        "does not exist on this host": replace(file, owner="nobody-of-that-name"),
        "not a plain file": replace(file, path=str(aged.etc)),
    }
    for words, bad in cases.items():
        refused = aged.ask("apply", planning.Plan(files=(file, bad) if bad.path != file.path else (bad,)))
        assert words in refused["msg"]
        assert (refused["state"], refused["changed"]) == ("refused", False)
    assert "twice" in aged.ask("apply", planning.Plan(files=(file, file)))["msg"]
    assert digest(aged.root / "etc") == before
    followed = replace(file, path=str(aged.etc / "link.conf"), follow=True)
    assert aged.ask("apply", planning.Plan(files=(followed,)))["state"] == "committed"
    assert (aged.etc / "link.conf").is_symlink()
    assert (aged.etc / "a.conf").read_text() == "x\n"


def test_what_somebody_changed_since_is_not_rolled_back_over(aged: Little) -> None:
    aged.ask("apply", aged.plan(a="a = new\n"))
    (aged.etc / "a.conf").write_text("a = mine\n")
    refused = aged.ask("rollback")
    assert refused["msg"].endswith(
        "/a.conf was changed since; check it; a rollback with --force (aspect_force: true) discards that change"
    )
    assert (aged.etc / "a.conf").read_text() == "a = mine\n"
    assert aged.ask("rollback", force=True)["state"] == "committed"
    assert (aged.etc / "a.conf").read_text() == "a = old\n"


def test_a_look_at_a_rollback_leaves_a_change_under_way_alone(aged: Little) -> None:
    """It took no lock, and undid what somebody else was just doing, as if that had been interrupted."""
    slow = planning.Command(name="slow", do=("/bin/sh", "-c", f"touch {aged.root}/run/began; sleep 3"))
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(aged.ask, "apply", replace(aged.plan(a="a = new\n"), commands=(slow,)))
        deadline = time.monotonic() + 20
        while not (aged.root / "run" / "began").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        predicted = aged.ask("rollback", check=True)
        done = running.result()
    assert (predicted["failed"], predicted["state"]) == (True, "refused")
    assert f"{done['tx']} (little) is under way" in predicted["msg"]
    assert (done["state"], aged.config()["a.conf"]) == ("committed", "a = new\n"), done


def test_a_rollback_names_what_still_waits(aged: Little) -> None:
    """It said `nothing to undo` while a change whose connection was cut stood there for its two minutes."""
    done = aged.ask("apply", replace(aged.plan(a="a = new\n"), deadman=60))
    refused = aged.ask("rollback")
    assert refused["state"] == "refused"
    assert f"{done['tx']} (little) still waits" in refused["msg"]
    assert refused["msg"].endswith(f"to undo it at once: harden upgrade rollback --transaction {done['tx']}")
    undone = aged.ask("rollback", id=done["tx"])
    assert (undone["state"], undone["undoes"]["label"]) == ("rolled-back", "little")
    assert session.summary(undone) == "undone, and everything is as it was before"
    assert aged.config()["a.conf"] == "a = old\n"


def test_rolled_back_one_after_the_other(aged: Little) -> None:
    first = aged.ask("apply", aged.plan(a="a = 1\n"))
    aged.ask("apply", aged.plan(a="a = 2\n"))
    assert "changed the same files later" in aged.ask("rollback", id=first["tx"])["msg"]
    for wanted in ("a = 1\n", "a = old\n"):
        predicted = aged.ask("rollback", check=True) if aged.python != "installed" else None
        done = aged.ask("rollback")
        assert predicted is None or predicted["files"] == done["files"]
        assert (aged.etc / "a.conf").read_text() == wanted


def test_stays_installed_and_goes_away(aged: Little, tmp_path: Path) -> None:
    python = sys.executable if aged.python == "installed" else aged.python
    root = tmp_path / "image"
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "etc").mkdir()
    plan = planning.Plan(files=(planning.File(path="/etc/x.conf", content=b"x\n"),), install=True)

    def ask(verb: str, **more: Any) -> dict[str, Any]:
        return session.here(python=python).ask(verb, root=str(root), **more)

    predicted = ask("check", plan=plan.to_json())
    done = ask("apply", plan=plan.to_json())
    assert predicted["installed"] == done["installed"]
    assert (root / "etc/systemd/system/aspect-recover.service").is_file()
    assert ask("apply", plan=plan.to_json())["changed"] is False
    kept = root / "var/lib/aspect-hardening/agent.pyz"
    status = subprocess.run(
        ["python3", kept, "status", "--root", root], capture_output=True, text=True, check=True
    )
    assert json.loads(status.stdout)["transactions"][0]["paths"] == ["/etc/x.conf"]
    assert ask("uninstall", check=True)["changed"] is True
    assert ask("uninstall")["state"] == "uninstalled"
    assert [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()] == ["etc/x.conf"]


def test_the_boot_scripts_are_what_each_init_reads(tmp_path: Path) -> None:
    root = tmp_path / "image"
    (root / "etc").mkdir(parents=True)
    plan = planning.Plan(install=True)
    session.here().ask("apply", root=str(root), plan=plan.to_json())
    for name in ("aspect-recover", "aspect-settle"):
        script = root / "etc/init.d" / name
        assert os.access(script, os.X_OK)
        subprocess.run(["sh", "-n", script], check=True)
        assert "chkconfig: 2345" in script.read_text()


def test_two_at_a_time_take_turns(aged: Little) -> None:
    aged.script(
        "reload", f"sleep 0.3; cat {aged.etc}/*.conf > {aged.root}/run/loaded; echo x >> {aged.reloads}"
    )
    import threading

    answers: list[dict[str, object]] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(aged.ask("apply", aged.plan(a=f"a = {n}\n"))))
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one["state"] for one in answers] == ["committed"] * 3
    assert aged.loaded().splitlines()[0] == aged.config()["a.conf"].strip()


def test_nonsense_is_one_clear_word(aged: Little) -> None:
    if aged.python == "installed":
        pytest.skip("the command line has its own parser")
    for verb, more, words in (
        ("recover", {}, "no change was ever applied"),
        ("dance", {}, "unknown verb"),
        ("apply", {"plan": {"files": [{"path": "/x"}]}}, "not well formed"),
        ("apply", {"plan": {"files": 7}}, "hardening/onhost/agent/comparing.py, line "),
        ("rollback", {"id": "none"}, "there is no transaction none"),
    ):
        answer = session.here(state=str(aged.state), python=aged.python).ask(verb, **more)
        assert words in answer["msg"]
        assert "Traceback" not in answer["msg"]


def test_the_agent_needs_the_standard_library_alone() -> None:
    done = session.here(python="/usr/bin/python3").ask("facts")
    assert done["listeners"] is not None
    assert done["uid"] == os.getuid()


def test_the_agent_sees_who_listens_and_probes_it(aged: Little) -> None:
    """A TLS server of this very Python, probed over TCP, TLS, by its process, and by its absence."""
    import socket
    import ssl
    import threading

    import trustme

    certificate = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert(
        "localhost", key_type=trustme.KeyType.RSA
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        port = listener.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    try:
                        context.wrap_socket(connection, server_side=True).close()
                    except OSError:
                        continue  # the plain TCP probe says nothing and goes away

        thread = threading.Thread(target=serve)
        thread.start()
        process = Path("/proc/self/stat").read_text().partition("(")[2].rpartition(")")[0]
        probes: tuple[dict[str, Any], ...] = (
            {"kind": "tcp", "port": port},
            {"kind": "tls", "port": port, "wait": 0},
            {"kind": "listen", "port": port, "process": process},
            {"kind": "absent", "port": port, "wait": 0, "name": "nobody"},
            {"kind": "listen", "port": port, "process": "somebody-else", "wait": 0, "name": "other"},
            {"kind": "command", "argv": ["/bin/false"], "wait": 0, "name": "false"},
        )
        answer = aged.ask("verify", planning.Plan(probes=probes))
        thread.join(10)
    assert [row["ok"] for row in answer["probes"]] == [True, True, True, False, False, False], answer[
        "probes"
    ]
    assert "a process listens" in answer["msg"]
    if aged.python == "installed":
        facts = session.here().ask("facts", read=[str(aged.etc / "*.conf")], run=[["/bin/echo", "1.2"]])
        assert [Path(row["path"]).name for row in facts["files"]] == ["a.conf", "b.conf"]
        assert facts["said"] == ["1.2\n"]


def test_a_service_that_was_dying_when_it_was_told_of_the_undo_is_started_again(
    aged: Little, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts, down = aged.root / "run/acts", aged.root / "run/down"
    body = (
        f'case "$*" in *reload*) echo reload >> {acts}; test "$(grep -c . {acts})" = 2 && touch {down}; exit 0;; '
        f"*restart*) echo restart >> {acts}; rm -f {down};; "
        f"*status*|*is-active*) test ! -e {down} || exit 3;; esac"
    )
    for name in ("service", "systemctl"):
        aged.script(name, body)
    monkeypatch.setenv("PATH", f"{aged.root}/bin:{os.environ['PATH']}")
    plan = replace(
        aged.plan(a="a = new\n"),
        services=(planning.Service(name="little", action="reload"),),
        probes=({"kind": "tcp", "host": "127.0.0.1", "port": 1, "wait": 0.2},),
    )
    failed = aged.ask("apply", plan)
    assert failed["failed"], failed
    assert acts.read_text().split() == ["reload", "reload", "restart"]
    assert not down.exists()
    assert aged.config()["a.conf"] == "a = old\n"


def test_a_path_as_cron_has_it_hides_no_program_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program("agent")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert program.run(["sh", "-c", 'echo "$PATH $LC_ALL"']) == (
        0,
        "/nowhere:/usr/sbin:/sbin:/usr/bin:/bin C\n",
    )
