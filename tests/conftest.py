"""What holds for every test: speed fails none, what they start heeds signals, CI=true skips none for want of a program.

A busy machine must not fail what draws its own examples; and a skip that nobody reads is a check that nobody makes.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Generator

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

_MISSING = re.compile(
    r"\bis (?:not installed|missing)\b|could not import|^(?:Skipped: )?(?:needs |there is no lib)"
)
"""How a test says that what it needs is not there."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--regolden`: write the golden files anew instead of comparing with them."""
    parser.addoption("--regolden", action="store_true", help="write the golden files anew")


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
