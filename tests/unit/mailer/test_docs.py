"""The pages about mail show what happens: the trace is of a run, the settings load, the options exist."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from click.testing import CliRunner

from hardening.cli.mailer import command
from hardening.mailer.settings import RELAY_KEYS, MailboxLimits, load
from hardening.onhost import relay
from tests.support.mailer.fixtures import Site
from tests.support.mailer.trace import BEGIN, END, PAGE, trace

GUIDE = PAGE.with_name("mailer.md")


def test_the_trace_is_what_happens() -> None:
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown == trace(), "make it new: python -m tests.support.mailer.trace"


def test_the_settings_shown_are_read(site: Site) -> None:
    text = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0]
    document = tomllib.loads(text)
    assert set(document["relay"]) == set(RELAY_KEYS)
    assert set(document["limits"]) == {one.name for one in fields(MailboxLimits)}
    site.config.write_text(text)
    assert load(site.config).mailbox == "alarms@example.com"


def test_every_verb_and_option_named_exists() -> None:
    for verb, rest in re.findall(r"harden mailer (\w+)((?: +\S+)*)", GUIDE.read_text() + PAGE.read_text()):
        done = CliRunner().invoke(command, [verb, "--help"])
        assert done.exit_code == 0, verb
        for option in re.findall(r"--[a-z-]+", rest.partition("#")[0].partition("`")[0]):
            assert option in done.output, (verb, option)


def test_the_relay_names_each_of_its_modules_once() -> None:
    """The package's docstring is the way through it: who repairs it finds there which module does what."""
    contents = re.findall(r"(?m)^    ([a-z_0-9]+(?:, [a-z_0-9]+)*) +\S", str(relay.__doc__))
    named = [name for row in contents for name in row.split(", ")]
    modules = [path.stem for path in Path(str(relay.__file__)).parent.glob("*.py")]
    assert sorted(named) == sorted(name for name in modules if not name.startswith("__"))
