"""One self-contained page for an auditor: no request goes out, it works from a file and without script.

Everything that comes from an input passes `visible` and Jinja's escaping in one place (`finalize`), and the
page's own policy allows only the one style sheet and the one script whose hashes it names.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hardening import resources
from hardening.findings import Examined, Finding, Run, Severity, Subject, Verdict
from hardening.reports import RenderOptions, verdict
from hardening.reports.chart import shares
from hardening.reports.credentials import PLACES, TITLE, credential, repeated
from hardening.reports.index import few, place, same_as
from hardening.reports.json import instant
from hardening.reports.plain import visible
from hardening.reports.verdict import asked_in_part, earlier, looked_at, many, scope, sentence, tone, word

_SHOWN = 5_000
"""Findings on the page, the worst first; beyond that the JSON report is the better tool."""


def write(run: Run, how: RenderOptions) -> bytes:
    """Return the page as UTF-8."""
    folder = resources.templates() / "report"
    style = (folder / "report.css").read_text("utf-8")
    script = (folder / "report.js").read_text("utf-8")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    groups = _groups(run)
    environment.filters["place"] = place
    environment.filters["credential"] = credential
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    page = environment.get_template(
        "report.html.j2"
    ).render(
        run=run,
        style=Markup(style),  # noqa: S704 - our own file, and so is the next
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
        verdict=word(run, how.fail_on),
        tone=tone(run, how.fail_on),
        sentence=sentence(run, how.fail_on),
        scope=scope(run),
        started=instant(run.started),
        finished=instant(run.finished),
        severities=shares(run.counts(), [severity.label for severity in reversed(Severity)]),
        total=sum(run.counts()[s.label] for s in Severity),
        verdicts=shares(Counter(r.verdict.value for r in run.results), [v.value for v in Verdict]),
        coverage=shares(Counter(s.examined.value for s in run.subjects), [e.value for e in Examined]),
        policies=list(dict.fromkeys(name for s in run.subjects for name in s.policies)),
        matrix=_matrix(run),
        groups=groups,
        shown={finding.fingerprint for group in groups for finding in group.findings},
        repeated=repeated(run)[:_SHOWN],
        repeated_title=TITLE,
        few_places=PLACES,
        asked_in_part=asked_in_part,
        unanswered=verdict.unanswered_words,
        hidden=max(0, len(run.findings) - _SHOWN),
    )
    return (page.rstrip("\n") + "\n").encode("utf-8")


def _harmless(value: Any) -> Any:
    """What Jinja prints: our own markup as it is, everything else with nothing a browser would obey."""
    return value if isinstance(value, Markup) else visible(str(value))


def _hash(text: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return Markup("sha256-{}").format(digest)


@dataclass(frozen=True, slots=True)
class _Row:
    """One subject of the policy matrix, and the subject that shows how it was before, if there is one."""

    subject: Subject
    before: Subject | None
    count: int
    count_before: int
    same: str
    """Its other names and ports, where it has any."""


def _matrix(run: Run) -> list[_Row]:
    """Pair every subject with the one its `stats["before"]` names, which then has no row of its own."""
    known = {subject.id: subject for subject in run.subjects}
    pairs = [(one, known.get(str(one.stats.get("before", "")))) for one in run.subjects]
    past = earlier(run)
    tally = Counter(name for f in run.findings if f.counts for name in (f.subject, *f.also))
    same = same_as(run)
    return [
        _Row(one, before, tally[one.id], tally[before.id] if before else 0, few(same.get(one.id, [])))
        for one, before in pairs
        if one.id not in past and one.same_as not in known
    ]


@dataclass(frozen=True, slots=True)
class _Group:
    """What the page says about one subject."""

    name: str
    subject: Subject | None
    seen: str
    findings: list[Finding]
    more: str


def _groups(run: Run) -> list[_Group]:
    worst = sorted(run.findings, key=lambda f: (not f.counts, -f.level))[:_SHOWN]
    everyone = {subject.id for subject in run.subjects}
    found: dict[str, list[Finding]] = {s.id: [] for s in run.subjects if s.same_as not in everyone}
    for finding in worst:
        found.setdefault(finding.subject, []).append(finding)
    known = {subject.id: subject for subject in run.subjects}
    seen = {name: looked_at(subject) for name, subject in known.items()}
    return [
        _Group(
            name, known.get(name), seen.get(name, "the settings of this run"), own, many(len(own), "finding")
        )
        for name, own in found.items()
    ]
