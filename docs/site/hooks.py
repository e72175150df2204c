"""Hooks of `mkdocs build`: adds the generated pages, the files beside docs/, and the table of jobs on the start page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).resolve().parent))
import reference

BESIDE = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "GOVERNANCE.md", "CODE_OF_CONDUCT.md")
"""Pages that lie beside docs/, as code hosts expect them."""
_LINK = re.compile(r"\]\((?P<up>(?:\.\./)+)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are written from the program, and those beside docs/."""
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    for name in BESIDE:
        page = reference.ROOT / name
        if page.exists():
            files.append(File.generated(config, name, content=_inside(page.read_text("utf-8"))))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Return the page with the table of jobs filled in, and with links out of docs/ that the site can follow."""
    markdown = markdown.replace("<!-- jobs -->", _inside(_section("I want to")))
    depth = page.file.src_uri.count("/")

    def link(found: re.Match[str]) -> str:
        ups, path = found["up"].count("../"), found["path"]
        if ups <= depth:  # stays inside docs/
            return found[0]
        if path in BESIDE and files.get_file_from_path(path):
            return f"]({'../' * depth}{path}{found['anchor'] or ''})"
        return f"] (`{path}`)"

    return _LINK.sub(link, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Return the page's HTML without heads of columns that have no text."""
    return re.sub(r"<th([^>]*)></th>", r"<td\1></td>", html)


def _section(title: str) -> str:
    """Return a section of README.md without its heading."""
    text = (reference.ROOT / "README.md").read_text("utf-8")
    return text.split(f"\n## {title}", 1)[1].split("\n", 1)[1].split("\n## ", 1)[0].strip()


def _inside(text: str) -> str:
    """Return the text of a page beside docs/ with its links as docs/ sees them."""
    return text.replace("](docs/", "](")
