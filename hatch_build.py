"""Makes the manual pages when a wheel is built; `man harden-bundle-audit` finds them after `pip install`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPages(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own parameter is of no use here
    """Adds `share/man/man1` to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the pages into a temporary folder, and say where they go."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from hardening.cli import manpages

        self._folder = tempfile.TemporaryDirectory()
        for page in manpages.write(Path(self._folder.name)):
            build_data["shared_data"][str(page)] = f"share/man/man1/{page.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's interface
        """Remove the temporary folder."""
        if version != "editable":
            self._folder.cleanup()
