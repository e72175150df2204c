"""`--config FILE`: defaults of every verb, refused where they are not known, said where nobody named the file."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from hardening.cli import harden, run

WEAK = "events {}\nhttp { server { listen 443 ssl; ssl_protocols TLSv1.2; ssl_ciphers AES128-SHA; } }\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nginx.conf").write_text(WEAK)
    return tmp_path


def verbs(command: click.Command, context: click.Context) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    found = []
    for name in command.list_commands(context):
        one = command.get_command(context, name)
        assert one is not None
        found += verbs(one, click.Context(one, parent=context, info_name=name))
    return found


def test_every_verb_takes_a_settings_file_once() -> None:
    root = click.Context(harden, info_name="harden")
    for _ in range(2):
        for one in verbs(harden, root):
            assert [o for p in one.params for o in p.opts].count("--config") == 1, one.name


def test_the_file_gives_defaults_and_the_command_line_goes_before(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "s.toml").write_text(
        'fail-on = "never"\nformat = "json"\n[tls.audit]\npolicy = ["mozilla-old", "aspect"]\ntarget = "nginx"\n'
    )
    assert run(["tls", "audit", "nginx.conf"]) == 10
    capsys.readouterr()
    assert run(["tls", "audit", "nginx.conf", "--config", "s.toml"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert len(json.loads(printed.out)["subjects"][0]["policies"]) == 2
    words = ["--policy", "aspect", "--fail-on", "medium"]
    assert run(["tls", "audit", "nginx.conf", *words, "--config", "s.toml"]) == 10
    assert list(json.loads(capsys.readouterr().out)["subjects"][0]["policies"]) == ["aspect"]


def test_the_file_of_the_folder_counts_and_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hardening.toml").write_text('fail-on = "never"\n')
    assert run(["tls", "audit", "nginx.conf"]) == 0
    assert capsys.readouterr().err == "harden: with the defaults of hardening.toml in this folder\n"
    assert run(["tls", "audit", "nginx.conf", "-q"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["tls", "audit", "nginx.conf", "--config", "/dev/null"]) == 10


def test_no_file_keeps_silent_about_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bundle unpacked into the folder may bring one: it must not hide that it decides."""
    (folder / "hardening.toml").write_text('quiet = true\nfail-on = "never"\n')
    assert run(["tls", "audit", "nginx.conf"]) == 0
    assert capsys.readouterr().err == "harden: with the defaults of hardening.toml in this folder\n"


def test_what_a_verb_makes_is_no_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hardening.toml").write_text('format = "sarif"\noutput = "report"\n')
    for words in (
        ["tls", "policies"],
        ["rules"],
        ["tls", "render", "nginx", "-q"],
        ["bundle", "sbom", "nginx.conf"],
    ):
        assert run(words) in (0, 3)
        assert capsys.readouterr().out, words
    assert not (folder / "report").exists()
    assert run(["tls", "audit", "nginx.conf"]) == 10
    assert "sarif" in (folder / "report").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("broken", "not valid TOML"),
        ('fail_on = "high"', "fail_on: is not a report option"),
        ('fail-on = "hihg"', "fail-on: 'hihg' is not one of"),
        ("waivers = ['a']", "waivers: has to be a text or number"),
        ("[tlss]", "tlss: is not a verb of harden"),
        ("[tls.scann]", "tls.scann: is not a verb of harden tls"),
        ("[tls]\npolicy = ['aspect']", "tls.policy: is not a verb of harden tls"),
        ("[tls.audit]\npolicies = ['aspect']", "tls.audit.policies: is not an option of harden tls audit"),
        ("[tls.audit]\npolicy = 'aspect'", "tls.audit.policy: has to be a list of texts"),
        ("[tls.audit]\nfix-diff = 1", "tls.audit.fix-diff: has to be true or false"),
        ("tls.audit = 3", "tls.audit: has to be a table"),
        ("[tls]\nscan = 'x'", "tls.scan: has to be a table"),
    ],
)
def test_a_broken_file_is_exit_2_and_names_file_and_key(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (folder / "hardening.toml").write_text(text + "\n")
    assert run(["tls", "audit", "nginx.conf"]) == 2
    assert f"harden: hardening.toml: {said}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tls.audit]\npolicies = ['aspect']", "tls.audit.policies: is not an option of harden tls audit"),
        ("[tls.audit]\nfix-diff = 1", "tls.audit.fix-diff: has to be true or false"),
        ("[tls.scann]", "tls.scann: is not a verb of harden tls"),
        ("[tls]\npolicy = ['aspect']", "tls.policy: is not a verb of harden tls"),
        ("tls.audit = 3", "tls.audit: is not a verb of harden tls"),
        (
            "[bundle.tuf.fetch]\nfrom = 'x'",
            "bundle.tuf.fetch.from: is not an option of harden bundle tuf fetch",
        ),
        (
            "[bundle.clean]\ncheck-command = 'x'",
            "bundle.clean.check-command: is allowed on the command line only",
        ),
        (
            "[mailer.check]\nformat = 'json'",
            "mailer.check: is ignored: harden mailer check has settings of its own",
        ),
    ],
)
def test_what_another_verb_would_refuse_is_a_line_and_no_more(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """Whoever wrote it believes that it holds: the nightly scan, say, that nobody calls by hand."""
    (folder / "s.toml").write_text(text + "\n")
    words = ["bundle", "audit", "nginx.conf", "--config", "s.toml", "--fail-on", "never"]
    assert run(words) == 0
    assert capsys.readouterr().err == f"harden: warning: s.toml: {said}\n"
    assert run([*words, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_tables_that_hold_are_not_spoken_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "s.toml").write_text(
        "[tls.scan]\ntimeout = 10\nfull = true\n[bundle.tuf.fetch]\nstate = 'x'\n[host.audit]\npolicy = ['aspect']\n"
    )
    assert run(["bundle", "audit", "nginx.conf", "--config", "s.toml", "--fail-on", "never"]) == 0
    assert capsys.readouterr().err == ""


def test_a_number_that_is_not_whole_is_not_rounded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = folder / "hardening.toml"
    settings.write_text("[bundle.audit]\njobs = 2.5\n")
    assert run(["bundle", "audit", "nginx.conf"]) == 2
    assert "hardening.toml: bundle.audit.jobs: '2.5' is not a valid integer" in capsys.readouterr().err
    settings.write_text("[bundle.audit]\njobs = 2\nmax-seconds = 30\nmax-total = '1G'\n")
    assert run(["bundle", "audit", "nginx.conf", "--fail-on", "never"]) == 0


def test_no_file_decides_what_is_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hardening.toml").write_text('[bundle.clean]\ncheck-command = "touch run"\n')
    assert run(["bundle", "clean", "nginx.conf", "-o", "out"]) == 2
    assert "bundle.clean.check-command: is allowed on the command line only" in capsys.readouterr().err
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    ("verb", "text"),
    [
        (["bundle", "audit", "nginx.conf"], '[bundle.audit]\ndask = "tcp://127.0.0.1:1"\n'),
        (["host", "apply", "-i", "hosts"], '[host.apply]\nextra = ["ansible_python_interpreter=./run"]\n'),
        (["bundle", "verify", "nginx.conf"], '[bundle.verify]\nkey = ["stranger.pub"]\n'),
        (["bundle", "verify", "nginx.conf"], '[bundle.verify]\ntrust = "trust.toml"\n'),
        (["report", "verify", "nginx.conf"], '[report.verify]\nkey = ["stranger.pub"]\n'),
        (
            ["bundle", "verify-clean", "nginx.conf", "nginx.conf"],
            '[bundle.verify-clean]\ntrust = "trust.toml"\n',
        ),
        (["upgrade", "apply", "x.zip", "-i", "hosts"], '[upgrade.apply]\nkey = ["stranger.pub"]\n'),
    ],
)
def test_a_folders_own_file_chooses_nobody_who_runs_something_or_is_trusted(
    folder: Path, capsys: pytest.CaptureFixture[str], verb: list[str], text: str
) -> None:
    (folder / "hardening.toml").write_text(text)
    assert run(verb) == 2
    assert "is allowed only in a file that --config names" in capsys.readouterr().err
    assert run([*verb, "--config", "hardening.toml"]) in (2, 3)  # read, and then there is nothing to do it to
    assert "is allowed only in a file" not in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "audit", "nginx.conf", "--config", "absent.toml"]) == 2
    assert "harden: absent.toml: No such file" in capsys.readouterr().err
