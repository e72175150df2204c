"""The templates as Python are what Jinja2 makes of them, and a template that has changed is Jinja2's again."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hardening import resources
from hardening.errors import HardeningError, UsageError
from hardening.tls import policy as policies
from hardening.tls.rendering import templates, templates_written
from hardening.tls.rendering.render import render
from hardening.tls.targets import Target, targets

WRITTEN = dict(templates_written.modules())


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_what_is_written_is_what_the_compiler_makes_now(name: str) -> None:
    path = templates_written.FOLDER / f"{name}.py"
    assert path.read_text() == WRITTEN[name], "run `make templates`"


def test_nothing_is_left_over() -> None:
    assert {p.stem for p in templates_written.FOLDER.glob("*.py")} == {*WRITTEN, "__init__"}


@pytest.mark.parametrize("target", [pytest.param(t, id=t.name) for t in targets()])
def test_both_ways_write_the_same(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    def everything() -> list[str]:
        found = []
        for release in target.facts.releases:
            for policy in ("aspect", "mozilla-old-5.7", "crypto-policies-default"):
                try:
                    found.append(render(target, policies.load(policy), version=release.version).text)
                except UsageError as refused:
                    found.append(str(refused))
        return found

    ours = everything()
    engine = templates._engine()
    monkeypatch.setattr(templates, "template", engine.get_template)
    assert everything() == ours


def test_a_changed_template_is_never_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    templates._written.cache_clear()
    monkeypatch.setattr(templates, "fingerprint", lambda _name: 0)
    try:
        assert templates._written("tls/nginx.conf.j2") is None
    finally:
        templates._written.cache_clear()


def test_a_variable_that_is_missing_is_an_error() -> None:
    with pytest.raises(HardeningError, match="comment"):
        templates.template("tls/_header.j2").render()


def test_rendering_does_not_load_the_engine() -> None:
    code = (
        "import sys; from hardening.cli import run; run(['tls', 'render', 'nginx', '-q']);"
        "sys.exit('jinja2' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=resources.playbooks().parent, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
