"""Streams and resumed scans say what one scan in one go would have said; SSH offers are read and judged."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis.strategies as st
import pytest
from click.testing import CliRunner
from hypothesis import given

from hardening import waivers
from hardening.cli import run as harden
from hardening.cli.tls_scan import command
from hardening.errors import UsageError
from hardening.findings import Examined, OnWire, Run, Severity, Subject, SubjectKind, Verdict
from hardening.tls import policy
from hardening.tls.judging.judge import judge
from hardening.tls.offer import Located, Offer, ProtocolOffer
from hardening.tls.scan.engine.connecting import Wire
from hardening.tls.scan.fleet import ResumeFile, line, restore
from hardening.tls.scan.run import ScanSettings, scan
from hardening.tls.scan.wire import ssh
from hardening.tls.scan.wire.answer import MalformedError
from tests.support.ports import free_port
from tests.support.tls.scan.flawed import serving

START = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)

QUICK = ScanSettings(wire=Wire(connect_timeout=0.5, idle_timeout=0.5))


@contextmanager
def _greeting(data: bytes) -> Iterator[int]:
    """A server that sends these bytes to whoever connects."""

    def once(sock: socket.socket) -> None:
        sock.sendall(data)
        sock.recv(4096)

    with serving(once) as endpoint:
        yield int(endpoint.rpartition(":")[2])


def _kexinit(lists: list[str]) -> bytes:
    body = bytes([20]) + bytes(16)
    body += b"".join(len(text).to_bytes(4, "big") + text.encode() for text in lists) + bytes(5)
    padding = 8 - (len(body) + 5) % 8 + 4
    return (len(body) + padding + 1).to_bytes(4, "big") + bytes([padding]) + body + bytes(padding)


_LISTS = [
    "curve25519-sha256,diffie-hellman-group1-sha1", "ssh-ed25519,ssh-dss", "aes256-ctr,3des-cbc", "aes256-ctr,arcfour",
    "hmac-sha2-256", "hmac-sha2-256,hmac-md5", "none", "none", "", "",
]  # fmt: skip


def test_nothing_answering_is_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert harden(["tls", "scan", f"127.0.0.1:{free_port()}", "--timeout", "1"]) == 3
    assert "refused" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [], ["host:x"], ["192.0.2.0/24"], ["--policy", "nonsense", "h"], ["--starttls", "gopher", "h"],
        ["--timeout", "nan", "h"], ["--sni", "", "h"], ["--sni", "a" * 300, "h"], ["--sni", "h\u00e9", "h"],
        ["--stream", "--format", "json", "h"], ["--state", "/dev/null", "h"],
    ],
)  # fmt: skip
def test_what_cannot_be_scanned_is_one_clear_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert harden(["tls", "scan", *words]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("harden: ")
    assert len(said) <= 2


def test_a_stream_is_one_json_line_per_endpoint_and_resumes(tmp_path: Path) -> None:
    dead = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"]
    state = tmp_path / "state"
    first = CliRunner().invoke(command, [dead[0], "--stream", "--state", str(state)], standalone_mode=False)
    assert json.loads(first.stdout)["subject"]["id"] == dead[0]
    second = CliRunner().invoke(command, [*dead, "--stream", "--state", str(state)], standalone_mode=False)
    assert [json.loads(text)["subject"]["id"] for text in second.stdout.splitlines()] == [dead[1]]
    other = CliRunner().invoke(command, [dead[0], "--full", "--state", str(state)], standalone_mode=False)
    assert isinstance(other.exception, UsageError)


def test_a_policy_that_was_changed_is_another_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its id stays, and what the state holds was judged by the policy as it was."""
    own = tmp_path / "own.toml"
    text = 'extends = "aspect"\nid = "own"\n'
    words = [
        "tls",
        "scan",
        f"127.0.0.1:{free_port()}",
        "--policy",
        str(own),
        "--state",
        str(tmp_path / "state"),
    ]
    own.write_text(text)
    assert (harden(words), harden(words)) == (3, 3)
    own.write_text(f'{text}[remove]\nsuites = ["TLS_AES_128_GCM_SHA256"]\n')
    policy.load.cache_clear()
    assert harden(words) == 2
    assert "is the state of another scan" in capsys.readouterr().err


def test_a_policy_is_told_alike_by_every_process() -> None:
    tell = "from hardening.tls import policy; from hardening.tls.scan.fleet import question; print(question(map(policy.load, policy.available())))"
    said = {
        subprocess.run([sys.executable, "-c", tell], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in "12"
    }  # fmt: skip
    assert len(said) == 1


def test_a_state_speaks_of_what_is_asked_for_alone(tmp_path: Path) -> None:
    dead = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"]
    words = ["tls", "scan", "--state", str(tmp_path / "state"), "--format", "json", "-o"]
    for number, endpoints in enumerate((dead, [dead[1], dead[1]])):
        report = tmp_path / f"{number}.json"
        assert harden([*words, str(report), *endpoints]) == 3
        assert sorted(s["id"] for s in json.loads(report.read_text())["subjects"]) == sorted(set(endpoints))
    assert len((tmp_path / "state").read_text().splitlines()) == 3


def test_a_state_survives_being_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "state"
    run = scan([f"127.0.0.1:{free_port()}"], [policy.load("aspect")], QUICK)
    outcome = (run.subjects[0], run.findings, run.results)
    state = ResumeFile(path, {"policies": ["aspect"]})
    state.add(outcome)
    path.write_text(path.read_text() + line(outcome)[:40])
    again = ResumeFile(path, {"policies": ["aspect"]})
    assert list(again.done) == [run.subjects[0].id]
    assert line(restore(line(outcome))) == line(outcome)


def test_a_waiver_holds_for_what_a_state_brings_back() -> None:
    """A policy's result names no rule of the findings behind it; a resumed or merged scan failed where a whole one was waived."""
    at = OnWire("a.example:443")
    offer = Offer(
        subject=at.endpoint,
        at=at,
        protocols=tuple(
            ProtocolOffer(name=name, at=at, suites=(Located("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", at),))
            for name in ("TLSv1.1", "TLSv1.2")
        ),
    )
    judgement = judge(offer, policy.load("aspect"))
    outcome = (Subject(id=at.endpoint, kind=SubjectKind.ENDPOINT), judgement.findings, judgement.results)
    waived = [
        waivers.Waiver(
            rule=rule, place="*", reason="r", owner="o", expires=dt.date(2999, 1, 1), source="waivers.toml"
        )
        for rule in {finding.rule.id for finding in judgement.findings}
    ]
    whole, brought_back = (
        waivers.apply(Run.of((s,), f, r, started=START), waived, today=START.date())
        for s, f, r in (outcome, restore(line(outcome)))
    )
    assert Verdict.WAIVED in {result.verdict for result in whole.results}
    assert brought_back.results == whole.results


def test_ssh_lists_are_read_and_judged() -> None:
    with _greeting(b"hello there\r\nSSH-2.0-Old_1.0\r\n" + _kexinit(_LISTS)) as port:
        run = scan([f"ssh://127.0.0.1:{port}"], [policy.load("aspect")], QUICK)
    assert run.subjects[0].examined is Examined.FULL
    assert run.subjects[0].policies == {"aspect": "fail"}
    said = {f.evidence: f.level for f in run.findings}
    assert said == {
        "kex diffie-hellman-group1-sha1": Severity.HIGH,
        "host_keys ssh-dss": Severity.HIGH,
        "ciphers 3des-cbc": Severity.MEDIUM,
        "ciphers arcfour": Severity.HIGH,
        "macs hmac-md5": Severity.HIGH,
    }
    assert run.exit_code() == 10


def test_what_is_no_ssh_is_not_examined() -> None:
    with _greeting(b"220 mail ready\r\n") as port:
        run = scan([f"ssh://127.0.0.1:{port}"], [policy.load("aspect")], QUICK)
    assert run.exit_code() == 3


@given(st.binary(max_size=400))
def test_any_bytes_are_lists_or_a_clear_refusal(data: bytes) -> None:
    for raw in (data, len(data).to_bytes(4, "big") + data):
        try:
            ssh.parse_kexinit(raw)
        except MalformedError as problem:
            said = str(problem)
            continue
        said = "fine"
    assert said
    assert ssh.parse_banner(data) is None or b"SSH-" in data


def test_many_ssh_servers_are_read_side_by_side() -> None:
    """One after the other, forty silent ones took their time forty times, whatever `--concurrency` said."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        port = server.getsockname()[1]
        silent = [f"{'s' if n % 2 else 'S'}sh://127.0.0.1:{port}{'/' * (n // 2)}" for n in range(40)]
        waiting = ScanSettings(wire=Wire(idle_timeout=1.0))
        began = time.monotonic()
        run = scan(silent, [policy.load("aspect")], waiting)
    assert len(run.subjects) == 40
    assert time.monotonic() - began < 20
    assert {one.reason for one in run.subjects} == {"no answer in time"}


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b", "[fe80::1%nosuch0]"])
def test_an_ssh_server_without_an_address_is_not_examined(host: str) -> None:
    """The first two were internal errors, and ended the scan of all others."""
    [subject] = scan([f"ssh://{host}"], [policy.load("aspect")], QUICK).subjects
    assert (subject.examined, subject.reason) == (Examined.NONE, "the name does not resolve")


@pytest.mark.parametrize("without", range(4))
def test_a_server_that_names_no_algorithm_passes_nothing(without: int) -> None:
    """Nothing weak is in an empty list, so it passed."""
    lists = [*_LISTS[:without], "", *_LISTS[without + 1 :]]
    with pytest.raises(MalformedError, match="names no algorithm"):
        ssh.parse_kexinit(_kexinit(lists))
    with _greeting(b"SSH-2.0-x\r\n" + _kexinit(lists)) as port:
        [subject] = scan([f"ssh://127.0.0.1:{port}"], [policy.load("aspect")], QUICK).subjects
    assert (subject.examined, subject.policies) == (Examined.NONE, {"aspect": "unknown"})


def test_ssh_1_is_named() -> None:
    offer = ssh.SshAnswer(banner="SSH-1.5-old")
    judgement = judge(ssh.offer_of(offer, "ssh://h"), policy.load("aspect"))
    assert [f.rule.id for f in judgement.findings] == ["tls/ssh-protocol"]
    assert judgement.verdict == "fail"


def test_what_other_vantage_points_streamed_is_merged(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    dead = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"]
    for number, endpoint in enumerate(dead):
        assert harden(["tls", "scan", endpoint, "--stream"]) == 3
        (tmp_path / f"{number}.jsonl").write_bytes(capfdbinary.readouterr().out)
    words = [word for n in range(2) for word in ("--merge", str(tmp_path / f"{n}.jsonl"))]
    assert harden(["tls", "scan", *words, "--format", "json"]) == 3
    said = json.loads(capfdbinary.readouterr().out)
    assert sorted(s["id"] for s in said["subjects"]) == sorted(dead)
    (tmp_path / "bad").write_text("{}\n")
    assert harden(["tls", "scan", "--merge", str(tmp_path / "bad")]) == 2


def test_what_is_asked_here_is_asked_whatever_is_merged(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """An endpoint of a merged scan was not asked again without a word; of two merged scans the last counted, seen or not."""
    with _greeting(b"SSH-2.0-x\r\n" + _kexinit(_LISTS)) as port:
        endpoint = f"ssh://127.0.0.1:{port}"
        assert harden(["tls", "scan", endpoint, "--stream", "--fail-on", "never"]) == 0
    (tmp_path / "seen").write_bytes(capfdbinary.readouterr().out)
    assert harden(["tls", "scan", endpoint, "--stream", "--timeout", "1"]) == 3
    (tmp_path / "gone").write_bytes(capfdbinary.readouterr().out)

    def seen(*words: str) -> list[str]:
        harden(["tls", "scan", *words, "--timeout", "1", "--format", "json"])
        return [one["examined"] for one in json.loads(capfdbinary.readouterr().out)["subjects"]]

    names = [str(tmp_path / name) for name in ("seen", "gone")]
    for one, other in (names, names[::-1]):
        assert seen("--merge", one, "--merge", other) == ["full"]
    assert seen(endpoint, "--merge", names[0]) == ["full"]  # from here it is gone
    with _greeting(b"SSH-2.0-x\r\n" + _kexinit(_LISTS)) as port:
        again = f"ssh://127.0.0.1:{port}"
        line = (tmp_path / "gone").read_text().replace(endpoint, again)
        (tmp_path / "gone").write_text(line)
        assert seen(again, "--merge", names[1]) == ["full"]


def test_a_state_that_cannot_be_written_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up, or a folder that goes, in the midst of a scan; it was an internal error."""
    state = ResumeFile(tmp_path / "state", {})
    monkeypatch.setattr("hardening.tls.scan.fleet.ResumeFile", lambda *_: state)
    state.path = tmp_path / "gone" / "state"
    dead = f"127.0.0.1:{free_port()}"
    assert harden(["tls", "scan", dead, "--state", str(tmp_path / "state"), "--timeout", "1"]) == 2
    assert f"cannot write {state.path}: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_scan_that_is_killed_resumes_and_says_the_same(how: signal.Signals, tmp_path: Path) -> None:
    """In the middle: what was done is on disk, the rest is asked, the report is that of a scan in one go."""
    quiet = socket.create_server(
        ("127.0.0.1", 0)
    )  # takes connections and says nothing: it keeps the scan waiting
    slow = f"127.0.0.1:{quiet.getsockname()[1]}"
    dead = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    listed = tmp_path / "list"
    listed.write_text("\n".join([*dead, slow]) + "\n")
    state = tmp_path / "state"
    words = [
        sys.executable,
        "-m",
        "hardening",
        "tls",
        "scan",
        "--endpoints",
        str(listed),
        "--state",
        str(state),
    ]
    with subprocess.Popen(
        [*words, "--timeout", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as one:
        while not state.exists() or len(state.read_text().splitlines()) < 4:  # a first line, and the three
            assert one.poll() is None
            time.sleep(0.05)
        one.send_signal(how)
        assert one.wait(20) == (130 if how is signal.SIGINT else -how)
    quiet.close()
    report = tmp_path / "report.json"
    done = subprocess.run([*words, "--format", "json", "-o", str(report)], check=False, capture_output=True)
    assert done.returncode == 3
    said = json.loads(report.read_text())
    assert sorted(s["id"] for s in said["subjects"]) == sorted([*dead, slow])
    assert len(state.read_text().splitlines()) == 5
