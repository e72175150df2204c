"""Workflow commands: annotations in a GitHub Actions log, then the verdict in one line.

GitHub shows ten errors, ten warnings and ten notices a step, so the worst come first and the rest
is counted. Source: docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from hardening.findings import Finding, InFile, Run, Severity
from hardening.reports import RenderOptions
from hardening.reports.index import place
from hardening.reports.plain import visible
from hardening.reports.verdict import looked_at, sentence

_SHOWN = 10
"""Annotations of each level GitHub shows a step."""
_STATED = 50
"""Hosts whose state gets a line of its own."""
_TITLE = 255
_MESSAGE = 4000
"""Characters; GitHub cuts an annotation at 64 KiB of UTF-8, far above."""


def write(run: Run, options: RenderOptions) -> bytes:
    """Return one workflow command a finding that counts, worst first."""
    shown: dict[str, int] = {}
    lines = []
    for finding in sorted((f for f in run.findings if f.counts), key=lambda f: -f.level):
        level = _level(finding, options.fail_on)
        shown[level] = shown.get(level, 0) + 1
        if shown[level] <= _SHOWN:
            lines.append(_annotation(level, finding))
    hidden = [f"{count - _SHOWN} further {level}s" for level, count in shown.items() if count > _SHOWN]
    if hidden:
        text = f"{' and '.join(hidden)} are not shown here; the JSON or HTML report has them all"
        lines.append(f"::notice title=More findings::{_data(text)}")
    stated = [one for one in run.subjects if "state" in one.stats]
    lines += [f"harden: {visible(one.id)}: {looked_at(one)}" for one in stated[:_STATED]]
    if len(stated) > _STATED:
        lines.append(f"harden: {len(stated) - _STATED} further hosts are in the JSON or HTML report")
    lines += [f"harden: {visible(one.text)} ({one.rule})" for one in run.changes or ()]
    # A line of its own that starts with a word of ours, so that no hostile name can start a command.
    lines.append(f"harden: {sentence(run, options.fail_on)}")
    return ("\n".join(lines) + "\n").encode("utf-8")


def _level(finding: Finding, fail_on: Severity | None) -> str:
    if fail_on is not None and finding.level >= fail_on:
        return "error"
    return "notice" if finding.level is Severity.INFO else "warning"


def _annotation(level: str, finding: Finding) -> str:
    where = finding.location
    properties = {}
    if isinstance(where, InFile):
        # Only a file of the checkout can be annotated: the outermost one, its line only if it is the place.
        properties["file"] = where.parts[0].removeprefix("./")
        if len(where.parts) == 1 and where.line is not None:
            properties["line"] = str(where.line)
            if where.column is not None:
                properties["col"] = str(where.column)
    properties["title"] = f"{finding.rule.id} ({finding.level.label})"[:_TITLE]
    text = ",".join(f"{key}={_property(visible(value))}" for key, value in properties.items())
    body = [visible(finding.message), f"at {visible(place(finding))}"]
    body += [f"found: {visible(finding.evidence)}"] if finding.evidence else []
    body += [f"remedy: {visible(finding.advice)}"] if finding.advice else []
    return f"::{level} {text}::{_data(chr(10).join(body)[:_MESSAGE])}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
