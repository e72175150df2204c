"""Answers to claims as an annex for the technical documentation of a product (Regulation (EU) 2024/2847, Annex VII)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path

from bundle.trust.digest import digest
from hardening import __version__
from hardening.claims.claims import ClaimSet, kinds
from hardening.claims.judge import ClaimState, Overall
from hardening.claims.look import Shown
from hardening.findings import Run
from hardening.reports.plain import visible

_PURPOSE = (
    "Reports of the tests carried out to verify conformity, for the technical documentation by Regulation (EU) 2024/2847"
    " (Cyber Resilience Act), Annex VII, point 6. The requirements are those of its Annex I, Part I, point (2)."
)


def annex(
    claims: ClaimSet, answers: Sequence[Overall], shown: Sequence[Shown], run: Run, bundles: Sequence[Path]
) -> bytes:
    """Return the annex as Markdown; `bundles` are the old and the new one. Sign it: `harden report sign FILE`."""
    tally = Counter(one.state for one in answers)
    lines = [
        f"# Annex: test report of the claims of {claims.product} {claims.release}",
        "",
        _PURPOSE,
        "",
        f"Result: {tally[ClaimState.TRUE]} true, {tally[ClaimState.FALSE]} false, {tally[ClaimState.UNCHECKED]} not checkable.",
        "",
        "## What was tested",
        "",
        *_table(("item", "value"), _items(claims, run, bundles)),
        "",
        "## Claims",
        "",
        *_table(("claim", "statement", "requirement", "result", "observed"), _rows(answers)),
        "",
        "## Methods",
        "",
        *_table(("kind", "method"), _methods(answers)),
        "",
        "## Not covered",
        "",
        *[f"- {_cell(one)}" for one in _limits(answers, shown)],
    ]
    return ("\n".join(lines) + "\n").encode()


def _items(claims: ClaimSet, run: Run, bundles: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for name, path in zip(("last release", "this release"), bundles, strict=True):
        if path.is_file():
            sha256, size = digest(path)
            yield name, f"{path.name}, {size} bytes, SHA-256 {sha256}"
        else:
            yield name, f"{path.name}, a folder: no digest"
    yield "claims", f"{Path(claims.place).name}, SHA-256 {digest(Path(claims.place))[0]}; {claims.source}"
    for one in run.subjects:
        if one.id != claims.place and one.kind.value != "bundle":
            yield one.kind.value, f"{one.id}, examined: {one.examined.value}"
    yield "tested on", f"{run.finished.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    yield "tested with", f"aspect-hardening {__version__}"


def _rows(answers: Sequence[Overall]) -> Iterator[tuple[str, ...]]:
    for one in answers:
        row = kinds()[one.claim.kind]
        yield one.claim.id, one.claim.text, f"{row.requirement} {row.words}", one.state.value, one.why


def _methods(answers: Sequence[Overall]) -> Iterator[tuple[str, str]]:
    for kind in sorted({one.claim.kind for one in answers}):
        yield kind.value, kinds()[kind].method


def _limits(answers: Sequence[Overall], shown: Sequence[Shown]) -> Iterator[str]:
    yield "A configuration shows what a server would offer. Only an endpoint that was scanned shows what it offers."
    yield from (f"{one.subject}: {one.gap}" for one in shown if one.gap)
    yield from (
        f"{one.claim.id} is not checkable: {one.why}" for one in answers if one.state is ClaimState.UNCHECKED
    )


def _table(heads: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(text: str) -> str:
    """Return a text that neither a table nor a page takes for its own."""
    plain = visible(text).replace("&", "&amp;").replace("<", "&lt;")
    for mark in "\\|`*_[]":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
