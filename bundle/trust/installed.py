"""What a host has installed and the latest moment it has seen, so that nothing older is installed unnoticed."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bundle.trust import dsse
from bundle.trust.statement import Statement
from hardening import atomic, inputs
from hardening.errors import RefusedError, UsageError

SCHEMA = "harden-installed/1"
_LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class InstalledRelease:
    """One installed release, and when it was signed."""

    release: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Installed:
    """The state of one host; an absent file is a host that has installed nothing yet."""

    products: Mapping[str, InstalledRelease] = field(default_factory=dict)
    latest: datetime | None = None
    """The high-water mark of time: no later clock may be before it."""
    forced: tuple[Mapping[str, str], ...] = ()
    """Every time an older release was forced: when, product, from, to, reason."""

    def moment(self, clock: datetime) -> datetime:
        """Return the time it is at least: a clock that was lost does not bring back what expired."""
        return max(clock, self.latest) if self.latest else clock

    def objection(self, signed: Statement) -> str:
        """Return why this release may not follow the one that is installed, or an empty text."""
        from bundle.detect.versions import plain

        known = self.products.get(signed.product)
        if known is None:
            if not self.products:
                return ""
            names = " and ".join(name or "a bundle of no product" for name in sorted(self.products))
            return f"the bundle is for {_product(signed.product)}; {names} is installed"
        order = 0
        if signed.release and known.release:
            order = plain(signed.release, known.release) or _build_order(signed.release, known.release)
        what = f"{signed.product} {signed.release}".strip() or "this bundle"
        if order < 0:
            return f"{what} is older than the installed {known.release}"
        if known.release and not signed.release:
            return f"{what} does not say its release; {known.release} is installed"
        if order == 0 and signed.created < known.created:
            return f"{what} was signed on {_shown(signed.created)}, before the installed one of {_shown(known.created)}"
        return ""

    def after(self, signed: Statement, now: datetime, *, reason: str = "") -> Installed:
        """Return the state once this release is installed; `reason` is why an older one was."""
        forced = self.forced
        if reason:
            before = self.products.get(signed.product)
            row = {"when": now.isoformat(timespec="seconds"), "product": signed.product,
                   "from": before.release if before else "", "to": signed.release, "reason": reason}  # fmt: skip
            forced = (*forced, row)
        products = {**self.products, signed.product: InstalledRelease(signed.release, signed.created)}
        return Installed(products, max(self.moment(now), signed.created), forced)


def _product(name: str) -> str:
    return f"the product {name!r}" if name else "no product"


def _build_order(release: str, known: str) -> int:
    """Compare what stands behind the `+` of two releases that are equal before it; a release without one is older."""
    from bundle.detect.versions import plain

    (_, plus, build), (_, known_plus, known_build) = release.partition("+"), known.partition("+")
    if not (plus and known_plus):
        return len(plus) - len(known_plus)
    return plain(build.replace("+", "."), known_build.replace("+", "."))


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def load(path: Path) -> Installed:
    """Read the state. Errors: RefusedError (damaged: nobody knows what is installed)."""
    try:
        raw = dsse.strict(inputs.read(path, _LARGEST))
        if raw["schema"] != SCHEMA:
            raise ValueError(raw["schema"])  # noqa: TRY301 - one way out for every damage
        return Installed(
            {
                name: InstalledRelease(str(row["release"]), _moment(row["created"]))
                for name, row in raw["products"].items()
            },
            _moment(raw["latest"]) if raw["latest"] else None,
            tuple(dict(row) for row in raw["forced"]),
        )
    except FileNotFoundError:
        return Installed()
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError,
    ) as problem:  # fmt: skip
        raise RefusedError(
            f"{path}: the record of what is installed cannot be read",
            hint="restore it, or remove it once you have seen for yourself which release is installed",
        ) from problem


def _moment(text: str) -> datetime:
    made = datetime.fromisoformat(text)
    if made.tzinfo is None:
        raise ValueError(text)
    return made.astimezone(UTC)


def note(path: Path, signed: Statement, now: datetime, *, reason: str = "") -> None:
    """Note this release as installed, in what the file has by now: another bundle may have been noted meanwhile.

    Errors: RefusedError (it is older than what is noted by now, and there is no `reason`; damaged), UsageError.
    """
    with _alone(path.parent):
        state = load(path)
        older = state.objection(signed)
        if older and not reason:
            raise RefusedError(older, hint="install a newer release")
        store(path, state.after(signed, now, reason=reason if older else ""))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else notes anything in this folder; where nothing can be locked, what is written says why."""
    handle = None
    try:
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def store(path: Path, state: Installed) -> None:
    """Write the state whole or not at all, and onto the disk. Errors: UsageError."""
    body = {
        "schema": SCHEMA,
        "products": {
            name: {"release": one.release, "created": one.created.isoformat(timespec="seconds")}
            for name, one in sorted(state.products.items())
        },
        "latest": state.latest.isoformat(timespec="seconds") if state.latest else None,
        "forced": [dict(row) for row in state.forced],
    }
    try:
        atomic.replace(path, json.dumps(body, indent=2).encode() + b"\n")
    except OSError as problem:
        raise UsageError(
            f"cannot write {path}: {problem.strerror}", hint="choose a writable folder"
        ) from problem
