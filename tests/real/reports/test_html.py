"""The HTML report in a real headless browser: the filter works and nothing goes out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from hardening.findings import Run
from tests.unit.reports.test_html import page, shown

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        missing = "no headless browser: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def browse(chromium: str, folder: Path, run: Run, fragment: str = "") -> tuple[Any, str]:
    """Open the page; return the document after its script ran, and the browser's own network log."""
    path = folder / "report.html"
    path.write_bytes(page(run))
    log = folder / "net.json"
    done = subprocess.run(
        [chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}",
         "--enable-logging=stderr", "--dump-dom", f"file://{path}#{fragment}"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    console = re.findall(r"CONSOLE[^\n]*", done.stderr.decode("utf-8", "replace"))
    assert console == []
    return html.fromstring(done.stdout.decode("utf-8")), log.read_text("utf-8", "replace")


def test_filter_by_severity_and_words(chromium: str, tmp_path: Path, mixed_run: Run) -> None:
    document, _ = browse(chromium, tmp_path, mixed_run, "severity=critical,high&search=upgrade&theme=dark")
    assert shown(document) == ["critical", "high"]
    assert document.get("data-theme") == "dark"
    assert document.get_element_by_id("shown").text == "2 of 7 shown"
    buttons = document.xpath("//button[@data-severity]")
    pressed = {button.get("data-severity"): button.get("aria-pressed") for button in buttons}
    assert {name for name, state in pressed.items() if state == "true"} == {"critical", "high"}


def test_hostile_names_run_nothing_and_no_request_goes_out(
    chromium: str, tmp_path: Path, hostile_run: Run
) -> None:
    document, log = browse(chromium, tmp_path, hostile_run)
    assert "owned" not in str(document.findtext(".//title"))
    assert [one.get("type") for one in document.findall(".//script")] == ["application/json", None]
    assert document.findall(".//img") == []
    assert all(str(a.get("href")).startswith("#") for a in document.iter("a"))
    assert "127.0.0.1:9" not in log
