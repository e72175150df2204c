"""One self-contained page for an auditor: no request goes out, it works from a file and without script.

Everything that comes from an input passes `visible` and Jinja's escaping in one place (`finalize`), and the
page's own policy allows only the one style sheet and the one script whose hashes it names. The findings are in
the page twice: the worst as markup, which is all that is needed to read and print it, and all of them as data,
from which the script renders what is asked for in slices.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from hardening import resources
from hardening.findings import Examined, Finding, InFile, Run, Severity, Subject, SubjectKind
from hardening.reports import RenderOptions, key_agreement, verdict
from hardening.reports.cards import SIGNS, Card, cards, expiries, standards, state
from hardening.reports.chart import shares
from hardening.reports.credentials import PLACES, TITLE, credential, repeated
from hardening.reports.index import few, place, same_as
from hardening.reports.json import instant
from hardening.reports.plain import visible
from hardening.reports.snippet import parts
from hardening.reports.verdict import earlier, looked_at, many, requested_in_part, scope, sentence, tone, word

_CARDS = 300
"""Cards in the markup, the worst first; the script shows the others."""
_PLACES = 20
"""Places of a card in the markup."""
_ROWS = 200
"""Rows of a table about subjects."""
_CELLS = 4_000
"""Cells of the table of subjects and requirements of one standard."""
_BACKTICKS = re.compile(r"`([^`\n]+)`")


def write(run: Run, options: RenderOptions) -> bytes:
    """Return the page as UTF-8."""
    return page("report.html.j2", values(run, options))


def page(template: str, values: dict[str, Any]) -> bytes:
    """Return a page of `templates/report` as UTF-8, with our style, our script and their hashes."""
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
    environment.filters["place"] = place
    environment.filters["credential"] = credential
    environment.filters["code"] = with_code
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.globals["view"] = lambda **wanted: Markup("#{}").format(
        urlencode({k: visible(v) for k, v in wanted.items()})
    )
    environment.globals["many"] = many
    body = environment.get_template(template).render(
        style=Markup(style),  # noqa: S704 - our own file, and so is the next
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
        **values,
    )
    return (body.rstrip("\n") + "\n").encode("utf-8")


def with_code(text: str) -> Markup:
    """Return a text as markup, with `<code>` for what is between backticks."""
    parts = _BACKTICKS.split(visible(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(one) if at % 2 else escape(one) for at, one in enumerate(parts)
    )


def values(run: Run, options: RenderOptions) -> dict[str, Any]:
    """Return what the templates show of a run."""
    every = cards(run)
    shown = {f.fingerprint for card in every[:_CARDS] for f in card.findings[:_PLACES]}
    past = earlier(run)
    now = replace(run, findings=tuple(f for f in run.findings if f.subject not in past)) if past else run
    counts = now.counts()
    matrix = _matrix(run)
    agreement = key_agreement.shown(run)
    return {
        "run": run,
        "verdict": word(run, options.fail_on),
        "tone": tone(run, options.fail_on),
        "sentence": sentence(run, options.fail_on),
        "scope": scope(run),
        "vantage": _vantage(run),
        "uncovered": _uncovered(run),
        "started": instant(run.started),
        "finished": instant(run.finished),
        "severities": shares(counts, [severity.label for severity in reversed(Severity)]),
        "total": sum(counts[s.label] for s in Severity),
        "coverage": shares(Counter(s.examined.value for s in run.subjects), [e.value for e in Examined]),
        "policies": list(dict.fromkeys(name for s in run.subjects for name in s.policies)),
        "matrix": matrix[:_ROWS],
        "rows_left": max(0, len(matrix) - _ROWS),
        "agreement": agreement[:_ROWS],
        "agreement_left": max(0, len(agreement) - _ROWS),
        "agreement_words": (key_agreement.TITLE, key_agreement.HEAD),
        "standards": [(one, _rows(one.matrix, len(one.requirements))) for one in standards(run)],
        "signs": SIGNS,
        "order": {name: at for at, name in enumerate(SIGNS)},
        "expiries": expiries(run)[:_ROWS],
        "today": run.finished.date().isoformat(),
        "every": every,
        "cards": every[:_CARDS],
        "first": _first(cards(now) if past else every),
        "places_shown": _PLACES,
        "cards_left": max(0, len(every) - _CARDS),
        "states": Counter(state(f) for f in run.findings if not f.counts),
        "shown": shown,
        "repeated": repeated(run)[:_ROWS],
        "repeated_title": TITLE,
        "few_places": PLACES,
        "asked_in_part": requested_in_part,
        "unanswered": verdict.unanswered_words,
        "looked_at": looked_at,
        "more": partial(_more, run.source_lines()),
        "diffs": [(one.path, one.diff.splitlines()) for one in run.sources if one.diff][:_ROWS],
        "few": few,
        "data": _data(run, every),
    }


def _uncovered(run: Run) -> list[tuple[str, list[str], str]]:
    """Return the rules that nobody answered, the subjects of which that is true, and the command that answers the first."""
    found: dict[str, tuple[list[str], str]] = {}
    for one in run.subjects:
        for command, rules in verdict.unanswered(one):
            found.setdefault(", ".join(rules), ([], command))[0].append(one.id)
    return [(rules, names, command) for rules, (names, command) in found.items()]


def _vantage(run: Run) -> str:
    """Return from where the subjects were seen: this program stands where it runs, and reads files or connects."""
    kinds = {one.kind for one in run.subjects}
    ways = {SubjectKind.ENDPOINT: "the network, as a client", SubjectKind.HOST: "inside the hosts"}
    return "; ".join(sorted({ways.get(kind, "files, without running them") for kind in kinds})) or "nowhere"


def _first(every: list[Card]) -> list[tuple[str, Card, int, int]]:
    """Return the three remedies that mend the most of the worst: text, worst card, findings, subjects.

    Remedies that begin with the same clause are one: what is different in them stands in the findings.
    """
    found: dict[str, list[Card]] = {}
    for card in every:
        if not card.state and card.level >= Severity.LOW:
            found.setdefault(_to_do(card).partition(";")[0], []).append(card)
    ranked = sorted(found.items(), key=lambda row: (-row[1][0].level, -sum(len(c.findings) for c in row[1])))
    return [
        (
            _to_do(own[0]) if len({_to_do(card) for card in own}) == 1 else f"{clause}.",
            own[0],
            sum(len(c.findings) for c in own),
            len({name for c in own for f in c.findings for name in (f.subject, *f.also)}),
        )
        for clause, own in ranked[:3]
    ]


def _to_do(card: Card) -> str:
    """Return the command that mends the whole file, where all places of a card share one; else the remedy."""
    fix = card.first.fix
    if fix is None or fix.operation != "set-directive" or any(one.fix != fix for one in card.findings):
        return card.first.advice
    return f"{fix.action[:1].upper()}{fix.action[1:]}."


def _rows(matrix: Any, columns: int) -> list[Any]:
    return list(matrix.items())[: max(10, _CELLS // max(1, columns))]


def _data(run: Run, every: list[Card]) -> Markup:
    """Return every finding as JSON that is safe inside a script element: no `<`, nothing a browser would obey."""
    rules: dict[tuple[str, str], int] = {}
    lines = run.source_lines()
    texts: list[list[Any]] = []
    names: dict[str, int] = {}
    behind, numbers = _behind(run)
    rows, places = [], []
    for at, card in enumerate(every):
        rule = card.rule
        index = rules.setdefault((rule.id, rule.title), len(rules))
        if index == len(texts):
            texts.append([rule.id, rule.title, rule.rationale, list(rule.references)])
        advice = card.first.advice
        rows.append([index, int(card.level), card.state, card.message, advice, int(card.first.confidence)])
        for one in card.findings:
            own = [numbers[r] for r in behind.get((one.subject, one.rule.id, one.evidence), ())]
            row = [
                at,
                names.setdefault(one.subject, len(names)),
                *_at(one),
                one.evidence,
                one.fingerprint,
                own,
            ]
            places.append([*row, more] if (more := _more(lines, one, advice)) else row)
    whole = {
        "rules": texts, "subjects": list(names), "requirements": list(numbers), "cards": rows, "places": places,
    }  # fmt: skip
    text = json.dumps(_visible(whole), separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
    return Markup(text)  # noqa: S704 - no character of it begins markup


def _at(finding: Finding) -> tuple[str, str]:
    """Return the file or endpoint, and line and column as `:7:2`."""
    return visible(finding.where), place(finding)[len(finding.where) :] if isinstance(
        finding.location, InFile
    ) else ""


def _behind(run: Run) -> tuple[dict[tuple[str, str, str], list[str]], dict[str, int]]:
    """Return, per subject, rule and evidence of a finding, the requirements it violates, and a number for each of these."""
    found: dict[tuple[str, str, str], list[str]] = {}
    numbers: dict[str, int] = {}
    for result in run.results:
        if result.because:
            numbers.setdefault(result.rule.id, len(numbers))
        for rule, evidence in result.because:
            found.setdefault((result.subject, rule, evidence), []).append(result.rule.id)
    return found, numbers


def _more(lines: Mapping[tuple[str, int], str], finding: Finding, advice: str) -> list[list[str]]:
    """Return what only this place has, as rows of a list: name, text."""
    before, mark, behind = parts(finding, lines)
    rows = [
        ["Line", before.lstrip(), mark, behind] if mark else [],
        ["Found", finding.evidence] if mark and finding.evidence not in ("", mark) else [],
        ["Also", ", ".join(finding.also)] if finding.also else [],
        ["Credential", credential(finding)] if finding.credential else [],
        ["Account", finding.owner] if finding.owner else [],
        ["Remedy", finding.advice] if finding.advice != advice else [],
        ["Fix", f"{finding.fix.action} ({'safe to apply' if finding.fix.safe else 'by hand'})"]
        if finding.fix
        else [],
        ["Policies", ", ".join(finding.policies)] if finding.policies else [],
        ["Waived", accepted(finding)] if finding.waived else [],
    ]
    return [row for row in rows if row]


def accepted(finding: Finding) -> str:
    """Return reason, owner and end of an accepted finding; empty where it is not accepted."""
    one = finding.waived
    if one is None:
        return ""
    return f"{one.reason} ({one.owner})" + (f", until {one.expires}" if one.expires else "")


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {key: _visible(one) for key, one in value.items()}
    return [_visible(one) for one in value] if isinstance(value, list | tuple) else value


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
    worst: int
    same: str
    """Its other names and ports, where it has any."""


def _matrix(run: Run) -> list[_Row]:
    """Pair every subject with the one its `stats["before"]` names, which then has no row of its own; the worst first."""
    known = {subject.id: subject for subject in run.subjects}
    pairs = [(one, known.get(str(one.stats.get("before", "")))) for one in run.subjects]
    past = earlier(run)
    tally: Counter[str] = Counter()
    worst: dict[str, int] = {}
    for f in run.findings:
        if f.counts:
            for name in (f.subject, *f.also):
                tally[name] += 1
                worst[name] = max(worst.get(name, -1), f.level)
    same = same_as(run)
    rows = [
        _Row(
            one,
            before,
            tally[one.id],
            tally[before.id] if before else 0,
            worst.get(one.id, -1),
            few(same.get(one.id, [])),
        )
        for one, before in pairs
        if one.id not in past and one.same_as not in known
    ]
    return sorted(
        rows, key=lambda row: (-row.worst, row.subject.examined is Examined.FULL, -row.count, row.subject.id)
    )
