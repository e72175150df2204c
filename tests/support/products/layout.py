"""Hosts and bundles in the product's published layout, for tests; every secret but a published default is invented."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from hardening import products

WEB = "home/MIX_CMIX/htmlroot"
PAGES = sorted(
    {
        evidence.value
        for one in products.load("aspect").advisories
        for evidence in one.evidence
        if evidence.kind.value == "page"
    }
)


def published(account: str) -> str:
    """Return a published default password, which the pack holds as hexadecimal digits."""
    stored = products.load("aspect").fact("accounts", account).text("stored")
    return bytes.fromhex(stored).decode()


def host(
    top: Path,
    release: str = "3.08.02",
    *,
    pages: Iterable[str] = PAGES,
    files: Mapping[str, str | bytes] | None = None,
) -> Path:
    """Make a host's root with a release, pages and further files; an empty release leaves its file out."""
    made: dict[str, str | bytes] = {f"{WEB}/{page}": "<?php // a page\n" for page in pages}
    made["usr/local/aam/etc/ports.txt"] = "WEB=80\n"
    made[f"{WEB}/user.properties"] = "#Users\nguest=4f7572\naamuser=4f776e\n"
    if release:
        made[f"{WEB}/runtime/release.properties"] = f"runtime.ver=v{release}\nrelease.version=v{release}\n"
    for name, content in {**made, **(files or {})}.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return top


def bundle(root: Path, path: Path, inside: str = "payload.tar.gz") -> Path:
    """Pack a root as an install package: an archive in a tar."""
    inner = path.with_name(inside)
    with tarfile.open(inner, "w:gz") as archive:
        archive.add(root, arcname="max")
    with tarfile.open(path, "w") as archive:
        archive.add(inner, arcname=inside)
    inner.unlink()
    return path
