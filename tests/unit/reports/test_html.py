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

from hardening.findings import Run, Severity
from hardening.reports import render

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def page(run: Run) -> bytes:
    return render("html", run, fail_on=Severity.MEDIUM)


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


def shown(document: Any) -> list[str]:
    return [
        str(one.get("data-severity"))
        for one in document.iter("details")
        if "finding" in str(one.get("class")) and one.get("hidden") is None
    ]


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
    assert len(document.findall(".//script")) == 1
    assert document.findall(".//img") == []
    assert [a.get("href") for a in document.iter("a")] == ["#findings"]
    assert "127.0.0.1:9" not in log


def test_the_page_is_whole_without_script_and_asks_for_nothing(mixed_run: Run) -> None:
    text = page(mixed_run).decode()
    document: Any = html.fromstring(text)
    assert len(shown(document)) == 7
    assert not document.xpath(
        "//*[@src] | //link | //iframe | //*[@style] | //*[starts-with(name(@*), 'on')]"
    )
    assert "url(" not in text
    policy = document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy.startswith("default-src 'none'")


def test_before_and_after_stand_side_by_side(mixed_run: Run) -> None:
    document: Any = html.fromstring(page(mixed_run).decode())
    row = document.xpath("//tr[th[contains(., '8443 after')]]")[0]
    marks = row.xpath(".//span[starts-with(@class, 'mark m-')]/text()")
    assert marks == ["✕ fail", "✓ pass", "✕ fail", "✓ pass", "✕ fail", "? unknown"]
    assert not document.xpath("//tbody//th[starts-with(normalize-space(text()), '127.0.0.1:8443 before')]")
    told = document.xpath("string(//p[@class='sentence'])")
    row_before, row_after = (
        int(row.xpath(f"string(td[@class='num']/{part})")) for part in ("span[@class='was']", "b")
    )
    assert row_before > row_after
    assert f", {row_before} of them before and " in told


def test_every_picture_and_control_has_a_name(mixed_run: Run) -> None:
    document: Any = html.fromstring(page(mixed_run).decode())
    for one in document.xpath(
        "//*[local-name()='svg'] | //input | //*[@role='region'] | //*[@role='toolbar']"
    ):
        assert one.get("aria-label") or one.get("aria-labelledby"), html.tostring(one)[:80]
    assert document.xpath("//html/@lang") == ["en"]
    ids = document.xpath("//@id")
    assert len(ids) == len(set(ids))
