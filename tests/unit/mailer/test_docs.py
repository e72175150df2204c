"""docs/mailer.md shows what happens: its trace is a run's, its settings load, its options exist."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from click.testing import CliRunner

from hardening.cli.mailer import command
from hardening.mailer import relay
from hardening.mailer.settings import RELAY_KEYS, Limits, load
from tests.support.mailer.fixtures import Site
from tests.support.mailer.trace import BEGIN, END, PAGE, trace


def test_the_trace_is_what_happens() -> None:
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown == trace(), "make it new: python -m tests.support.mailer.trace"


def test_the_settings_shown_are_read(site: Site) -> None:
    text = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    document = tomllib.loads(text)
    assert set(document["relay"]) == set(RELAY_KEYS)
    assert set(document["limits"]) == {one.name for one in fields(Limits)}
    site.config.write_text(text)
    assert load(site.config).mailbox == "alarms@example.com"


def test_every_verb_and_option_named_exists() -> None:
    for verb, rest in re.findall(r"harden mailer (\w+)((?: +\S+)*)", PAGE.read_text()):
        done = CliRunner().invoke(command, [verb, "--help"])
        assert done.exit_code == 0, verb
        for option in re.findall(r"--[a-z-]+", rest.partition("#")[0].partition("`")[0]):
            assert option in done.output, (verb, option)


def test_the_contents_of_the_relay_are_its_sections() -> None:
    """Who reads the one file on a host at night finds by its contents where to look."""
    text = Path(relay.__file__).read_text()
    contents = re.findall(r"(?m)^    +(\d+)\. (.+)$", text.partition('"""')[2].partition('"""')[0])
    sections = re.findall(r"(?m)^# -{100}\n# (\d+)\. ([^:\n]+)", text)
    assert contents == sections
    assert [int(number) for number, _ in sections] == list(range(1, len(sections) + 1))
    lengths = [len(part.splitlines()) for part in re.split(r"(?m)^# -{100}\n# \d+\. ", text)]
    assert max(lengths) < 400, "a section is a module's length at most: divide it"
