"""Examples in the help: every command has one, and the program takes each as it is written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hardening.cli import harden, help_groups, run
from hardening.cli.examples import EXAMPLES


def verbs() -> Iterator[tuple[str, click.Command]]:
    todo: list[tuple[str, click.Command, click.Context]] = [
        ("", harden, click.Context(harden, info_name="harden"))
    ]
    while todo:
        name, command, context = todo.pop()
        if not isinstance(command, click.Group):
            yield name, command
            continue
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            assert below is not None
            if not below.hidden:
                todo.append(
                    (f"{name} {word}".strip(), below, click.Context(below, info_name=word, parent=context))
                )


def test_every_command_has_an_example_and_shows_it() -> None:
    known = dict(verbs())
    assert sorted(known.keys() - EXAMPLES.keys()) == []
    assert sorted(EXAMPLES.keys() - known.keys()) == []
    for name, command in known.items():
        assert "Examples:" in (command.epilog or ""), name


def test_the_program_takes_every_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known = dict(verbs())
    for verb, rows in EXAMPLES.items():
        for text, does in rows:
            assert does, text
            assert len(text) <= 92, text
            if "$(" in text:
                continue  # a shell's own
            words = shlex.split(text.rpartition("| ")[2].partition(" > ")[0])
            assert words[: len(verb.split()) + 1] == ["harden", *verb.split()], text
            for word in words:
                if word.endswith("/") and not word.startswith("/"):
                    Path(word).mkdir(exist_ok=True)
                if Path(word).suffix in (
                    ".zip",
                    ".json",
                    ".toml",
                    ".pub",
                    ".key",
                    ".html",
                    ".jar",
                    ".log",
                    ".txt",
                ):
                    Path(word).touch()
            command = known[verb]
            parent = click.Context(harden, info_name="harden")
            with command.make_context(verb, words[len(verb.split()) + 1 :], parent=parent) as context:
                assert context.command is command


def test_every_help_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("", "bundle", "tls", "host", *dict(verbs())):
        for options in (("--help",), ("--help-report",)):
            if run([*name.split(), *options]) != 0:
                capsys.readouterr()
                continue  # a command that writes no report
            said = capsys.readouterr().out
            assert [line for line in said.splitlines() if len(line) > 80] == [], name


def test_every_help_is_in_words_of_a_user(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each option says what it is for, no word of the library stands for a number, no name is broken, no file of the sources is named."""
    monkeypatch.setenv("COLUMNS", "80")
    for name, command in verbs():
        for one in command.params:
            assert not isinstance(one, click.Option) or one.help, (name, one.opts)
        assert run([*name.split(), "--help"]) == 0
        said = capsys.readouterr().out
        for wrong in (r" RANGE\b", r"\w-$", r"docs/[\w-]+\.md"):
            assert re.findall(rf".*{wrong}.*", said, re.MULTILINE) == [], name


@pytest.mark.parametrize(
    ("verb", "option", "heading"),
    [
        ("engine set-port", "--key", "Options"),
        ("engine set-port", "--config", "Options"),
        ("bundle sign", "--key", "Signatures"),
        ("bundle verify", "--trust", "Signatures"),
        ("bundle verify", "--require", "Signatures"),
        ("bundle audit", "--trust", "Policy"),
        ("bundle clean", "--output", "Options"),
        ("bundle audit", "--output", "Reports"),
        ("advisories", "--product", "Input"),
        ("bundle sign", "--product", "Signatures"),
        ("upgrade apply", "--trust", "Signatures"),
        ("mailer check", "--config", "Input"),
        ("tls audit", "--config", "Other"),
    ],
)
def test_an_option_stands_under_what_it_means_there(
    verb: str, option: str, heading: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*verb.split(), "--help"]) == 0
    before = re.split(rf"^  (?:-\w, )?{option}\b", capsys.readouterr().out, maxsplit=1, flags=re.MULTILINE)[0]
    assert re.findall(r"^(\w[\w ]*):$", before, re.MULTILINE)[-1] == heading


def test_options_stand_in_groups_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    seen = set()
    for name, command in verbs():
        assert run([*name.split(), "--help"]) == 0
        said = capsys.readouterr().out
        headings = re.findall(r"^(\w[\w ]*):$", said, re.MULTILINE)
        options = {
            max(one.opts, key=len): one
            for one in command.params
            if isinstance(one, click.Option) and not one.hidden
        }
        for word in options:
            assert len(re.findall(rf"^  (?:-\w, )?{word}(?![\w-])", said, re.MULTILINE)) == 1, (name, word)
        seen |= {word.removeprefix("--") for word in options}
        known = [one for one in headings if one in ("Options", *help_groups.HEADINGS.values())]
        assert len(known) == len(set(known)), name
        assert (len(known) > 1) == (len(options) + 1 >= help_groups.FEW), name
    assert help_groups.HEADINGS.keys() - seen == {"help"}


def test_report_options_are_folded_and_shown_where_they_are_asked_for(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(["bundle", "audit", "--help"]) == 0
    short = capfd.readouterr().out
    assert "--waivers" not in short
    assert "--help-report" in short
    assert run(["bundle", "audit", "--help-report"]) == 0
    said = capfd.readouterr().out
    for word in ("--waivers", "--ignore-file", "--baseline", "--baseline-key", "--progress", "--color"):
        assert word in said


def test_every_command_has_a_manual_page(tmp_path: Path) -> None:
    from hardening.cli import manpages

    pages = {page.name: page.read_text() for page in manpages.write(tmp_path)}
    names = {f"harden-{'-'.join(name.split())}.1" for name, _ in verbs()}
    assert names <= pages.keys()
    audit = pages["harden-bundle-audit.1"]
    for word in (
        ".SH NAME",
        ".SH SYNOPSIS",
        "\\-\\-waivers",
        ".SH EXAMPLES",
        "harden bundle audit upgrade.zip",
    ):
        assert word in audit
