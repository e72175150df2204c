"""Make the pictures of README and the site from the demo: `make screenshots`. Needs Chromium; look at the result."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).parents[1] / "images"


def main() -> None:
    """Write the report as a picture, and the demo as a recording of a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [Path(sys.executable).parent / "harden", "demo", "--keep", "demo"],
            cwd=folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
        _recording(done.stdout)
        _picture(Path(folder, "demo/report.html").as_uri(), "report.png", "1200,800", folder)


def _recording(text: str) -> None:
    """Write what the demo prints, without the folder that it was run in."""
    console = Console(record=True, width=120, file=io.StringIO())
    lines = [line for line in text.splitlines() if "file://" not in line]
    console.print(Text("\n".join(["$ harden demo", *lines])))
    console.save_svg(str(IMAGES / "demo.svg"), title="harden demo", font_aspect_ratio=0.61)


def _picture(address: str, name: str, size: str, folder: str) -> None:
    options = [
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        f"--user-data-dir={folder}/profile",
        "--virtual-time-budget=3000",
    ]
    subprocess.run(
        ["chromium", *options, f"--window-size={size}", f"--screenshot={IMAGES / name}", address],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip


if __name__ == "__main__":
    main()
