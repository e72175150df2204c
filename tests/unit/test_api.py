"""The public Python API: the names are one list, cost nothing until they are used, and are what docs/api.md says."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hardening
from hardening import api

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/api.md").read_text("utf-8")


def test_the_package_offers_what_the_module_offers() -> None:
    assert vars(hardening)["__all__"] == api.__all__
    assert set(api.__all__) <= set(dir(hardening))
    assert all(getattr(hardening, name) is getattr(api, name) for name in api.__all__)


def test_every_name_is_documented() -> None:
    assert [name for name in api.__all__ if f"`{name}" not in PAGE] == []


def test_every_parameter_is_documented() -> None:
    rows = dict(re.findall(r"^\| `(\w+)\(([^)]*)\)`", PAGE, re.MULTILINE))
    functions = {name for name in api.__all__ if inspect.isfunction(getattr(api, name))}
    assert set(rows) == functions
    for name, shown in rows.items():
        real = inspect.signature(getattr(api, name)).parameters
        assert [one.strip("* ").partition("=")[0] for one in shown.split(",")] == list(real), name


def test_the_import_loads_nothing_else() -> None:
    code = "import sys, hardening; print([one for one in sys.modules if one.startswith(('hardening.', 'bundle'))])"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert said.stdout == "[]\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'audit_everything'"):
        _ = hardening.audit_everything  # type: ignore[attr-defined]  # what is tested


def test_nothing_to_look_at_is_refused() -> None:
    for call in (api.audit_bundle, api.audit_tls, api.scan):
        with pytest.raises(hardening.HardeningError, match="nothing was given"):
            call()
    with pytest.raises(hardening.HardeningError, match="nothing was given"):
        api.verify("update.zip", [])


def test_one_text_is_not_a_list_of_policies(tmp_path: Path) -> None:
    with pytest.raises(hardening.HardeningError, match="one text, not a list"):
        api.audit_tls(tmp_path, policies="aspect")


def test_an_absent_path_is_a_hardening_error_with_a_hint() -> None:
    with pytest.raises(hardening.HardeningError, match="absent") as caught:
        api.audit_bundle("absent.zip")
    assert caught.value.hint
    assert caught.value.exit_code is hardening.ExitCode.USAGE


def test_what_is_rendered_passes_and_is_reported(tmp_path: Path) -> None:
    made = api.render("nginx@1.20.1-el7", "mozilla-intermediate")
    (tmp_path / "nginx.conf").write_text("events {}\nhttp {\n" + made.text + "}\n")
    run = api.audit_tls(tmp_path / "nginx.conf", policies=["mozilla-intermediate"], target="nginx@1.20.1-el7")
    (subject,) = run.subjects
    assert subject.policies == {api.policy("mozilla-intermediate").id: "pass"}
    assert api.judge(made.offer, ["mozilla-intermediate"]).verdict == "pass"
    assert b"nginx.conf" in api.report(run, "markdown")
