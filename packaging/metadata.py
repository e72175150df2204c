"""Metadata that depends on the address of the project, one setting in pyproject.toml: links, and README with absolute ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s]+)(?=\))")
"""The target of a link that is relative to the repository."""


class ProjectMetadata(MetadataHookInterface):
    """Fills in `urls` and `readme`."""

    def update(self, metadata: dict[str, object]) -> None:
        """Set the dynamic fields; without an address there are no links, and README stays as it is."""
        root = Path(self.root)
        settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        url = settings["tool"]["aspect-hardening"]["url"].rstrip("/")
        text = (root / "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, url)}
        metadata["urls"] = links(url)


def links(url: str) -> dict[str, str]:
    """Return the links of the package's page for an address; none for an empty one."""
    if not url:
        return {}
    return {
        "Homepage": url,
        "Documentation": f"{url}/blob/main/docs/index.md",
        "Issues": f"{url}/issues",
        "Changelog": f"{url}/blob/main/CHANGELOG.md",
    }


def absolute(text: str, url: str) -> str:
    """Return Markdown whose links to files of the repository lead to the address."""
    return LINK.sub(lambda found: f"{url}/blob/main/{found[1]}", text) if url else text
