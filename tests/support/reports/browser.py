"""A real Chromium that opens pages and answers questions about them; with axe for accessibility."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

MODULES = ("puppeteer-core@24", "axe-core@4", "html-validate@10")


@dataclass(frozen=True, slots=True)
class Browser:
    """Chromium, and the folder of node modules that drives it."""

    chromium: str
    modules: Path

    def visit(self, folder: Path, *visits: dict[str, Any]) -> dict[str, Any]:
        """Open each page and return `answers`, `console` and `requests`.

        A visit has `url` and may have width, height, theme, script, axe (True, or options of `axe.run`), evaluate,
        screenshot and pdf.
        """
        asked = folder / "visits.json"
        asked.write_text(
            json.dumps({"modules": str(self.modules), "chromium": self.chromium, "visits": visits}), "utf-8"
        )
        program = Path(__file__).with_name("browse.mjs")
        done = subprocess.run(["node", program, asked], capture_output=True, check=True, timeout=300)
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def invalid(self, folder: Path, *pages: Path) -> list[str]:
        """Return what html-validate says against pages: file, rule and message."""
        settings = folder / "html-validate.json"
        settings.write_text('{"root": true, "extends": ["html-validate:recommended"]}', "utf-8")
        program = self.modules / "node_modules/.bin/html-validate"
        done = subprocess.run(
            [program, "--config", settings, "--formatter", "json", *pages],
            capture_output=True, check=False, timeout=300,
        )  # fmt: skip
        found = json.loads(done.stdout)
        return [
            f"{Path(one['filePath']).name}: {m['ruleId']}: {m['message']}"
            for one in found
            for m in one["messages"]
        ]


def missing(why: str) -> None:
    """Skip for want of a program, or fail where CI has to have it."""
    pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """The browser; its modules come from npm."""
    chromium, npm = shutil.which("chromium"), shutil.which("npm")
    if chromium is None or npm is None:
        missing("no headless browser: apt-get install chromium npm")
    assert chromium is not None
    folder = tmp_path_factory.mktemp("browser")
    (folder / "package.json").write_text("{}", "utf-8")
    got = subprocess.run(
        [str(npm), "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *MODULES],
        cwd=folder, capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    if got.returncode:
        missing(f"npm could not fetch {' and '.join(MODULES)}")
    return Browser(chromium, folder)
