"""What holds for every test: speed fails none, what they start heeds signals, CI=true skips none for want of a program.

A busy machine must not fail what draws its own examples; and a skip that nobody reads is a check that nobody makes.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

for _number in (signal.SIGINT, signal.SIGHUP):
    # Who runs tests in the background or under nohup has these ignored, and children inherit that, but no handler.
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

for _folder in ("/usr/sbin", "/sbin"):
    # Servers and mkfs are there, and the PATH of an ordinary account does not have it.
    if _folder not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] += os.pathsep + _folder

UNIT = Path(__file__).with_name("unit")
_MISSING = re.compile(
    r"\bis (?:not installed|missing)\b|could not import|^(?:Skipped: )?(?:needs |there is no lib)"
)
"""How a test says that what it needs is not there."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--regolden` writes golden files instead of comparing with them; `--other-pythons` is for tests/real."""
    parser.addoption("--regolden", action="store_true", help="write the golden files anew")
    parser.addoption(
        "--other-pythons", action="store_true", help="of tests/unit, ask what needs another Python alone"
    )


def _needs_another_python(item: pytest.Item) -> bool:
    """Whether a test of tests/unit runs something on a Python that is not the one of the tests."""
    named = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    version = named.get("version")
    old = any(named.get(name) in {"2.7", "3.6"} for name in ("age", "aged", "relay"))
    return old or (isinstance(version, tuple) and version != sys.version_info[:2])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what needs another Python to `make test-real`, which passes the option and both folders."""
    wanted = config.getoption("--other-pythons")
    chosen = [
        one for one in items if not one.path.is_relative_to(UNIT) or _needs_another_python(one) is wanted
    ]
    if len(chosen) < len(items):
        kept = set(chosen)
        config.hook.pytest_deselected(items=[one for one in items if one not in kept])
        items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 - pytest's interface
    call: pytest.CallInfo[None],  # noqa: ARG001 - as above
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped for want of a program."""
    report = yield
    _held_to(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,  # noqa: ARG001 - as above
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that was skipped for want of another."""
    report = yield
    _held_to(report)
    return report


def _held_to(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if _MISSING.search(reason):
        report.outcome, report.longrepr = "failed", f"{reason}; with CI=true that is a failure"
