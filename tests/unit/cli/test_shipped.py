"""What ships beside the code is found by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening import resources
from hardening.cli import run
from hardening.errors import ExitCode


def test_every_playbook_is_listed_and_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["playbooks"]) == ExitCode.OK
    names = capsys.readouterr().out.split()
    assert {"harden", "upgrade", "collections"} <= set(names)
    for name in names:
        assert run(["playbooks", name]) == ExitCode.OK
        assert Path(capsys.readouterr().out.strip()).exists()


def test_every_page_is_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs"]) == ExitCode.OK
    names = capsys.readouterr().out.split()
    assert len(names) == len(list(resources.docs().rglob("*.md")))
    assert run(["docs", "trust"]) == ExitCode.OK
    assert capsys.readouterr().out == (resources.docs() / "trust.md").read_text("utf-8")
    assert run(["docs", "trust.md", "--path"]) == ExitCode.OK
    assert Path(capsys.readouterr().out.strip()) == resources.docs() / "trust.md"
    assert run(["docs", "2 a.m."]) == ExitCode.OK
    assert "upgrade" in capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["playbooks", "upgrad"], "did you mean 'upgrade'?"),
        (["docs", "trst"], "did you mean 'trust'?"),
        (["docs", "../pyproject"], "no page '../pyproject'"),
    ],
)
def test_an_unknown_name_is_one_line(asked: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(asked) == ExitCode.USAGE
    assert said in capsys.readouterr().err
