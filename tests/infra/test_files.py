"""What has to be gone is gone, what holds secrets is private, and services run."""

from __future__ import annotations

from typing import Any

import pytest


def named(files: dict[str, Any], key: str) -> list[str]:
    """Return what the settings name, or skip: an empty list holds nobody to anything."""
    found: list[str] = files.get(key, [])
    if not found:
        pytest.skip(f"the settings have no files.{key}")
    return found


def test_removed_components_stay_removed(host: Any, files: dict[str, Any]) -> None:
    assert [path for path in named(files, "absent") if host.file(path).exists] == []


def test_private_files_are_private(host: Any, files: dict[str, Any]) -> None:
    readable = [path for path in named(files, "private") if host.file(path).mode & 0o077]
    assert readable == []


def test_services_run(host: Any, files: dict[str, Any]) -> None:
    assert [name for name in named(files, "services") if not host.service(name).is_running] == []
