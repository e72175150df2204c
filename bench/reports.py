"""Figures of docs/reports.md: `python bench/reports.py page --modules DIR [REPORT.html ...]`, `python bench/reports.py site`.

`page`: 50,000 findings with their lines in headless Chromium, and further pages: load, a key, the worst frame, nodes. DIR is where
`npm install puppeteer-core@24` was run. `site`: an index of 10,000 hosts and 364 days, to which one day's reports are added.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hardening.findings import Finding, Run, Severity, SourceFile, Subject, SubjectKind, in_file
from hardening.reports import render, site
from tests.support.reports.browser import Browser
from tests.support.reports.fixtures import PASSWORD, PROTOCOL, crowd

HOSTS, DAYS, HELD = 10_000, 364, 20
ASKED = """(async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const first = document.querySelector('.finding'), search = document.getElementById('search');
  const said = { nodes: document.querySelectorAll('*').length, height: document.documentElement.scrollHeight,
    first: first && Math.round(first.getBoundingClientRect().top + scrollY), key: 0, frame: 0 };
  for (const word of ['f', 'fi', 'fin', 'find', '']) {
    const at = performance.now();
    search.value = word; search.dispatchEvent(new Event('input'));
    await frame();
    said.key = Math.max(said.key, Math.round(performance.now() - at));
  }
  let last = performance.now();
  for (let n = 0; n < 80; n++) {
    scrollBy(0, 700);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    if (n > 1) said.frame = Math.max(said.frame, Math.round(now - last));
    last = now;
  }
  return said;
})()"""


def with_lines(run: Run) -> Run:
    """Return a run with a line for each finding."""
    lines: dict[str, list[tuple[int, str]]] = {}
    for one in run.findings:
        lines.setdefault(one.where, []).append((getattr(one.location, "line", 1), f"  $setting = value of {one.message};"))  # fmt: skip
    return replace(run, sources=tuple(SourceFile(path, tuple(sorted(rows))) for path, rows in sorted(lines.items())))  # fmt: skip


def page(modules: Path, others: Iterable[Path]) -> None:
    browser = Browser(str(shutil.which("chromium")), modules)
    with tempfile.TemporaryDirectory() as name:
        big = Path(name) / "fifty-thousand.html"
        big.write_bytes(render("html", with_lines(crowd(50_000)), fail_on=Severity.MEDIUM))
        every = [big, *others]
        visits = [{"url": path.absolute().as_uri(), "evaluate": ASKED} for path in every]
        printed = [{"url": path.absolute().as_uri(), "pdf": f"{name}/{path.name}.pdf"} for path in every]
        said = browser.visit(Path(name), *visits, *printed)
        for path, answer in zip(every, said["answers"], strict=False):
            info = subprocess.run(["pdfinfo", f"{name}/{path.name}.pdf"], check=True, capture_output=True, text=True)  # fmt: skip
            pages = next(line.split()[1] for line in info.stdout.splitlines() if line.startswith("Pages"))
            print(path.name, f"{path.stat().st_size / 1e6:.1f} MB", f"load {answer['load']} ms", answer["value"], f"{pages} printed pages")  # fmt: skip


def history(index: Path, newest: datetime) -> None:
    """Write an index as 364 days of reports of 10,000 hosts leave it."""
    with site.ReportFolder(index):
        pass
    days = [(newest - timedelta(days=n)).date().isoformat() for n in range(DAYS, 0, -1)]
    finished = (newest - timedelta(days=1)).isoformat()
    hosts = [f"host{n:05}.example" for n in range(HOSTS)]

    def held() -> Iterator[tuple[object, ...]]:
        for host in hosts:
            for one in found(host):
                yield host, one.fingerprint, int(one.level), one.rule.id, one.message, one.where, days[0]

    base = sqlite3.connect(index)
    with base:
        base.executemany(
            "INSERT INTO read VALUES (?, ?, ?)",
            ((f"/reports/{day}/{host}.json", 9000, 1) for day in days for host in hosts),
        )
        base.executemany(
            "INSERT INTO subject VALUES (?, ?, ?, ?, ?)",
            ((host, "host", "full", finished, '{"aspect": "fail"}') for host in hosts),
        )
        base.executemany("INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?)", held())
        base.executemany(
            "INSERT INTO ends VALUES (?, ?, ?)", ((host, days[-1], f"CN={host}") for host in hosts)
        )
        base.executemany(
            "INSERT INTO moved VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((day, host, "new", 3, PASSWORD.id, "found", "a.conf") for day in days[-31:] for host in hosts),
        )
        base.executemany(
            "INSERT INTO day VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((day, HOSTS, 0, HOSTS * HELD, 0, 0, 0, HOSTS, 0) for day in days),
        )
    base.close()


def found(host: str, more: int = 0) -> list[Finding]:
    return [
        Finding(rule=(PASSWORD, PROTOCOL)[n % 2], subject=host, location=in_file(f"etc/{n}.conf", n + 1), message=f"setting {n}")
        for n in range(more, HELD + more)
    ]  # fmt: skip


def year() -> None:
    newest = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as name:
        folder, index = Path(name) / "reports", Path(name) / "index.sqlite"
        folder.mkdir()
        history(index, newest)
        for n in range(HOSTS):
            host = f"host{n:05}.example"
            subject = Subject(id=host, kind=SubjectKind.HOST, policies={"aspect": "fail"})
            run = Run.of([subject], found(host, more=1), started=newest, finished=newest)
            (folder / f"{host}.json").write_bytes(render("json", run, fail_on=Severity.MEDIUM))
        size = index.stat().st_size
        begun = time.monotonic()
        command = (sys.executable, "-m", "hardening", "report", "site", str(folder), "-o", f"{name}/out", "--index", str(index))  # fmt: skip
        subprocess.run(command, check=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(json.dumps({
            "wall": round(time.monotonic() - begun, 1), "cpu": round(used.ru_utime + used.ru_stime, 1),
            "MB of memory": used.ru_maxrss // 1024, "MB of index": size >> 20,
            "MB of site": sum(one.stat().st_size for one in Path(name, "out").iterdir()) >> 20,
        }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("what", choices=("page", "site"))
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--modules", type=Path)
    given = parser.parse_intermixed_args()
    if given.what == "page":
        page(given.modules, given.pages)
    else:
        year()


if __name__ == "__main__":
    main()
