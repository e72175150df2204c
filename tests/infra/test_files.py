"""What has to be gone is gone, what holds secrets is private, and services run."""

from __future__ import annotations

from typing import Any


def test_removed_components_stay_removed(host: Any, files: dict[str, Any]) -> None:
    assert [path for path in files.get("absent", []) if host.file(path).exists] == []


def test_private_files_are_private(host: Any, files: dict[str, Any]) -> None:
    readable = [path for path in files.get("private", []) if host.file(path).mode & 0o077]
    assert readable == []


def test_services_run(host: Any, files: dict[str, Any]) -> None:
    assert [name for name in files.get("services", []) if not host.service(name).is_running] == []
