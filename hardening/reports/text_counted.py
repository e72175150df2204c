"""The findings of one subject at a terminal, counted by rule: what is there and where, not each in a paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hardening.findings import Finding
from hardening.reports.index import few, place
from hardening.reports.text_findings import Paint, head

_MARGIN = " " * 12
_PLACES = 3


def counted(found: Sequence[Finding], paint: Paint) -> Iterator[str]:
    """Yield a paragraph for each rule and severity, in the order of the findings."""
    together: dict[object, list[Finding]] = {}
    for finding in found:
        together.setdefault((finding.rule.id, finding.level, bool(finding.waived), finding.known), []).append(
            finding
        )
    for group in together.values():
        first, places = group[0], list(dict.fromkeys(map(place, group)))
        alone = len(group) == 1
        yield from head(
            first, paint, first.message if alone else f"{len(group)} findings: {first.rule.title}"
        )
        yield f"{_MARGIN}at      {few(places, _PLACES)}"
        if first.waived or first.known:
            yield f"{_MARGIN}{'waived  accepted' if first.waived else 'known   it is in the baseline'}"
    if together:
        yield ""
        yield paint("  -v shows each of them, with its remedy", "2")
