"""The command line keeps its promises: the help in README, the exit codes, one clear line for bad input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hardening.cli import VERBS, run
from hardening.errors import ExitCode

ROOT = Path(__file__).parents[3]


def harden(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hardening", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=120)


def test_every_verb_of_a_table_of_jobs_exists() -> None:
    """README's table says which command does a job."""
    readme = (ROOT / "README.md").read_text().split("## I want to", 1)[1].split("\n## ", 1)[0]
    commands = re.findall(r"`harden ([a-z-]+(?: [a-z-]+)?)`", readme)
    assert len(commands) > 10
    unknown = [one for one in commands if harden(*one.split(), "--help").returncode]
    assert unknown == []


def test_the_exit_codes_in_the_docs_are_those_of_the_code() -> None:
    section = (ROOT / "docs/cli.md").read_text().split("## Exit codes", 1)[1].split("\n## ", 1)[0]
    rows = {int(n) for n in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert rows == {int(code) for code in ExitCode}


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("verb", [v.name for v in VERBS])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == ExitCode.OK
    assert "Usage: harden" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "no such command 'frobnicate'"),
        (["bundl"], "did you mean 'bundle'?"),
        (["tls", "scann"], "did you mean 'scan'?"),
        (["logs", "triag"], "did you mean 'triage'?"),
        (["scan"], "did you mean 'tls scan'?"),
        (["set-port"], "did you mean 'engine set-port'?"),
        (["apply"], "did you mean 'host apply' or 'upgrade apply'?"),
        (["bundle", "keygen"], "Missing option '--out'"),
        (["bundle", "audit", "--format", "docx", "x"], "'docx' is not one of"),
        (["bundle", "audit", "/absent/upgrade.zip"], "/absent/upgrade.zip"),
        (["bundle", "audit", "x", "--report", "json"], "is not FORMAT=FILE"),
        (["bundle", "verify", "x.zip", "--key", "/absent.pub"], "/absent.pub"),
        (["tls", "render", "nginxx"], "nginx"),
        (["tls", "render", "nginx@"], "'nginx@' has no version behind the @"),
        (["tls", "audit", "/etc/passwd", "--target", "nginx@"], "'nginx@' has no version behind the @"),
        (["tls", "render", "nginx", "--policy", "mozila-modern"], "mozilla-modern"),
        (["tls", "audit", "/absent.conf"], "/absent.conf"),
        (["tls", "scan", "127.0.0.1:notaport"], "notaport"),
        (["logs", "triage", "/absent.log"], "/absent.log"),
        (["rules", "tls/nothing"], "tls/nothing"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitCode.USAGE
    printed = capsys.readouterr()
    first, *rest = printed.err.strip().splitlines()
    assert said in first + "".join(rest)
    assert first.startswith("harden: ")
    assert len(rest) <= 1
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("group", [[], ["bundle"], ["tls"]])
def test_a_group_alone_prints_its_help_and_is_no_success(
    group: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(group) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert told.startswith(f"Usage: {' '.join(['harden', *group])} [OPTIONS] COMMAND")
    assert "next:" not in told


def test_a_bug_is_one_line_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("hardening.cli.harden.main", lambda **_: 1 // 0)
    assert run([]) == ExitCode.BUG
    assert "internal error: ZeroDivisionError at test_contract.py" in capsys.readouterr().err


def test_an_interrupt_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hardening.cli.harden.main", interrupted)
    assert run([]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "harden: interrupted\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_no_error(unbuffered: str) -> None:
    command = f"{sys.executable} -m hardening rules | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.mark.parametrize("words", [["rules"], ["rules", "--format", "json"], ["tls", "targets"]])
def test_a_full_disk_is_one_line_and_no_bug(words: list[str]) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a path that is worked with
        done = subprocess.run(
            [sys.executable, "-m", "hardening", *words], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.splitlines()[0] == "harden: cannot write: No space left on device"
    assert "internal error" not in done.stderr


def test_completion_is_served() -> None:
    done = subprocess.run(
        ["harden"],
        capture_output=True,
        text=True,
        check=False,
        env={"_HARDEN_COMPLETE": "bash_source", "PATH": str(Path(sys.executable).parent)},
    )
    assert "_harden_completion" in done.stdout


LONG = "x" * 300
"""A name that no file has: what is asked about it raises, as it does below a folder that may not be entered."""


@pytest.mark.parametrize(
    "words",
    [
        f"bundle audit {LONG}",
        f"bundle audit . -o {LONG}",
        f"bundle audit . --report json={LONG}",
        f"bundle diff {LONG} {LONG}",
        f"bundle verify-clean {LONG} {LONG}",
        f"bundle sbom . -o {LONG}",
        f"tls render nginx -o {LONG}",
        f"tls scan 127.0.0.1:1 --state {LONG}",
        f"tls scan 127.0.0.1:1 --trust {LONG}",
        f"upgrade status -i {LONG}",
        f"host audit --root {LONG}",
    ],
    ids=lambda words: words.replace(LONG, "LONG"),
)
def test_a_path_that_may_not_even_be_asked_about_is_one_line(
    words: str, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(words.split()) == ExitCode.USAGE
    said, *rest = capfd.readouterr().err.splitlines()
    assert LONG in said
    assert "ile name too long" in said
    assert len(rest) == 1
