"""What the report options name is looked at before the work, so that nothing is lost at its end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from zipfile import ZipFile

import pytest

from hardening.cli import run
from hardening.cli.options import ReportOptions, expect_writable, look_ahead
from hardening.errors import UsageError


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test where an audit begins all the same."""

    def begun(*_: object, **__: object) -> None:
        raise AssertionError("the audit began")

    monkeypatch.setattr("bundle.audit", begun)
    monkeypatch.setattr("bundle.audit.audit", begun, raising=False)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--report", "json=absent/r.json"], "cannot write absent/r.json: No such file or directory"),
        (["--report", "html=file/r.html"], "cannot write file/r.html: Not a directory"),
        (["--report", "json=folder"], "cannot write folder: Is a directory"),
        (["-o", "absent/r.txt"], "cannot write absent/r.txt: No such file or directory"),
        (["--waivers", "absent.toml"], "absent.toml: No such file or directory"),
        (["--waivers", "file"], "file: not valid TOML"),
        (["--baseline", "absent.json"], "absent.json: No such file or directory"),
        (["--baseline", "file"], "file: not JSON"),
    ],
)
def test_what_cannot_be_written_or_read_is_said_before_the_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("no settings\n")
    assert run(["bundle", "audit", "folder", *words]) == 2
    assert f"harden: {said}" in capsys.readouterr().err


def test_a_report_may_lie_in_a_folder_the_verb_makes(tmp_path: Path) -> None:
    made = tmp_path / "hosts"
    report = ReportOptions(output=made / "r.txt", reports=(("json", made / "deep" / "r.json"),))
    look_ahead(report, created={made})
    with pytest.raises(UsageError, match="No such file"):
        look_ahead(report, created=set())


def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    expect_writable(tmp_path / "r.json")
    assert not list(tmp_path.iterdir())
    expect_writable(Path(os.devnull))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="Permission denied"):
        expect_writable(tmp_path / "r.json")


@pytest.mark.parametrize(
    "words",
    [
        ["bundle", "audit", "folder", "--format", "json", "-o", "-"],
        ["bundle", "audit", "folder", "-o", "r.txt", "--report", "json=-"],
        ["bundle", "sbom", "folder", "-o", "-"],
    ],
)
def test_a_dash_is_standard_output_and_no_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("hello\n")
    assert run(words) == 0
    assert json.loads(capfdbinary.readouterr().out)
    assert not (tmp_path / "-").exists()


def test_a_rendered_configuration_goes_to_a_dash_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["tls", "render", "nginx"]) == 0
    alone = capfdbinary.readouterr().out
    assert run(["tls", "render", "nginx", "-o", "-"]) == 0
    assert capfdbinary.readouterr().out == alone
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ["tls", "audit", ""],
        ["bundle", "audit", ""],
        ["bundle", "audit", ".", "--cache", ""],
        ["bundle", "audit", ".", "--baseline", ""],
        ["bundle", "sbom", ""],
        ["bundle", "diff", "", "."],
        ["host", "audit", "--root", ""],
        ["mailer", "check", "--config", ""],
        ["rules", "--config", ""],
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`harden tls audit "$CONF"` without the variable looked at whatever lay there, and could pass."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nginx.conf").write_text("http { server { listen 443 ssl; ssl_protocols TLSv1.3; } }\n")
    assert run(words) == 2
    said = capsys.readouterr()
    assert not said.out
    assert "the path is empty" in said.err or ": no such file or directory" in said.err
    assert [one.name for one in tmp_path.iterdir()] == ["nginx.conf"]


@pytest.mark.parametrize(
    "words",
    [
        ["bundle", "clean", "a.zip", "-o", "-"],
        ["bundle", "clean", "a.zip", "-o", "b.zip", "--secrets", "-"],
        ["bundle", "sign", "a.zip", "--key", "k", "-o", "-"],
        ["bundle", "keygen", "--out", "-", "--no-passphrase"],
        ["bundle", "envelope", "a.dsse.json", "--export", "-"],
    ],
)
def test_what_is_never_printed_makes_no_file_called_dash(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with ZipFile("a.zip", "w") as bundle:
        bundle.writestr("readme.txt", "nothing")
    for name in ("k", "a.dsse.json"):
        Path(name).write_text("")
    assert run(words) == 2
    assert "not to standard output" in capsys.readouterr().err
    assert not Path("-").exists()
