"""The documentation site in a real browser: accessible, narrow enough for a phone, searched without a web server."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.reports.browser import Browser, missing

ROOT = Path(__file__).parents[3]
WIDE, NARROW = {"width": 1280, "theme": "light"}, {"width": 390, "theme": "dark"}
OTHERS = [{"width": 1280, "theme": "dark"}, {"width": 390, "theme": "light"}]
KINDS = ("index.html", "cli.html", "hosts.html", "tutorials/upgrade-engineer.html", "rules/tls.html")
"""A page of each kind, for the looks that not every page is opened in."""
WIDTH = "document.documentElement.scrollWidth - innerWidth"
SEARCH = """new Promise((found) => {
  const field = document.querySelector("input.md-search__input");
  field.focus();
  field.value = "rollback";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("keyup", { bubbles: true }));
  const look = () => {
    const links = [...document.querySelectorAll(".md-search-result__item a")];
    if (links.length) found(links.map((one) => one.textContent)); else setTimeout(look, 100);
  };
  look();
})"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it; links and anchors are checked by that."""
    if importlib.util.find_spec("material") is None:
        missing("no mkdocs-material: make docs")
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", out],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def wrong(browser: Browser, folder: Path, visits: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong with pages: rules of axe that they break, sideways scrolling, requests to anybody."""
    found = []
    for at in range(0, len(visits), 40):
        some = visits[at : at + 40]
        said = browser.visit(folder, *some)
        found += [f"asks {one}" for one in said["requests"] if not one.startswith(("file:", "data:"))]
        found += said["console"]
        for visit, answer in zip(some, said["answers"], strict=True):
            name = f"{visit['url']} {visit['width']} {visit['theme']}"
            found += [f"{name}: {one['id']} {one['nodes']}" for one in answer["axe"]]
            found += [f"{name}: {answer['value']} pixels too wide"] * (answer["value"] > 0)
    return found


def test_no_page_breaks_a_rule_of_axe(browser: Browser, site: Path, tmp_path: Path) -> None:
    pages = [str(one.relative_to(site)) for one in sorted(site.rglob("*.html"))]
    pages.remove("404.html")  # its addresses begin with /: a web server's page alone
    assert len(pages) > 100
    looks = [(page, look) for page in pages for look in (WIDE, NARROW)]
    looks += [(page, look) for page in KINDS for look in OTHERS]
    asked = {"axe": {"preload": False}, "evaluate": WIDTH}
    visits = [{"url": (site / page).as_uri(), **look, **asked} for page, look in looks]
    assert wrong(browser, tmp_path, visits) == []


def test_search_works_without_a_web_server(browser: Browser, site: Path, tmp_path: Path) -> None:
    said = browser.visit(tmp_path, {"url": (site / "adr/index.html").as_uri(), "evaluate": SEARCH})
    assert any("rollback" in one.lower() for one in said["answers"][0]["value"])
