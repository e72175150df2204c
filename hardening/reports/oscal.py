"""OSCAL assessment results: requirements as findings, what was seen of each subject as observations.

Ids are derived from the content, so that the same run has the same ids. Source: NIST OSCAL 1.1.3, assessment-results.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from hardening.findings import Finding, Result, Run, Verdict
from hardening.reports import RenderOptions
from hardening.reports.cards import Requirement, standards
from hardening.reports.index import place
from hardening.reports.json import instant
from hardening.reports.plain import visible
from hardening.reports.verdict import readiness, sentence

VERSION = "1.1.3"
_SPACE = uuid.UUID("5a0f2c36-3f0e-5d5b-9b57-6c6f0d0c2a11")
_METHODS = {Verdict.MANUAL: "UNKNOWN"}


def write(run: Run, options: RenderOptions) -> bytes:
    """Return the document as UTF-8."""
    seen = {(f.subject, f.rule.id, f.evidence): f for f in run.findings}
    requirements = [one for standard in standards(run) for one in standard.requirements]
    observations = [_observation(run, one, seen) for one in run.results]
    document: dict[str, Any] = {
        "uuid": _id("result", instant(run.started)),
        "title": f"{run.tool} {run.version}",
        "description": sentence(run, options.fail_on),
        "start": instant(run.started),
        "end": instant(run.finished),
        "reviewed-controls": {"control-selections": [_selection(requirements)]},
    }
    if run.subjects:
        document["local-definitions"] = {
            "inventory-items": [
                {
                    "uuid": _id("subject", one.id),
                    "description": visible(f"{one.kind.value} {one.id}"),
                    **({"remarks": "\n\n".join(ready)} if (ready := readiness(one)) else {}),
                }
                for one in run.subjects
            ]
        }
    if observations:
        document["observations"] = observations
        document["findings"] = [_finding(one) for one in requirements]
    metadata = {
        "title": "Hardening assessment", "last-modified": instant(run.finished), "version": run.version,
        "oscal-version": VERSION,
    }  # fmt: skip
    plan = {"href": "#" + _id("plan", "")}
    about = {
        "uuid": _id("run", document["uuid"]), "metadata": metadata, "import-ap": plan, "results": [document],
        "back-matter": {"resources": [{"uuid": plan["href"][1:], "title": "No assessment plan: the command's own checks"}]},
    }  # fmt: skip
    return (json.dumps({"assessment-results": about}, indent=2) + "\n").encode("ascii")


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_SPACE, "\0".join(visible(part) for part in parts)))


def _control(rule: str) -> str:
    """Return a rule's id as OSCAL's tokens allow it."""
    return "rule_" + re.sub(r"[^A-Za-z0-9._-]", "_", rule)


def _selection(requirements: list[Requirement]) -> dict[str, Any]:
    if not requirements:
        return {"include-all": {}}
    return {"include-controls": [{"control-id": _control(one.rule.id)} for one in requirements]}


def _observation_id(one: Result) -> str:
    return _id("observation", one.rule.id, one.subject, one.verdict.value, one.reason)


def _observation(run: Run, one: Result, seen: dict[tuple[str, str, str], Finding]) -> dict[str, Any]:
    observation = {
        "uuid": _observation_id(one),
        "title": visible(f"{one.verdict.value}: {one.rule.id}"),
        "description": visible(one.reason) or one.verdict.value,
        "methods": [_METHODS.get(one.verdict, "TEST")],
        "subjects": [{"subject-uuid": _id("subject", one.subject), "type": "inventory-item"}],
        "collected": instant(run.finished),
    }
    found = [seen[one.subject, rule, text] for rule, text in one.because if (one.subject, rule, text) in seen]
    if found:
        observation["relevant-evidence"] = [
            {"description": visible(f"{place(f)}: {f.message}")} for f in found
        ]
    return observation


def _finding(one: Requirement) -> dict[str, Any]:
    met = one.worst in ("pass", "not-applicable", "advice", "waived")
    return {
        "uuid": _id("finding", one.rule.id),
        "title": visible(one.rule.id),
        "description": visible(one.rule.title) or one.rule.id,
        "target": {
            "type": "objective-id",
            "target-id": _control(one.rule.id),
            "status": {
                "state": "satisfied" if met else "not-satisfied",
                "reason": "pass" if met else "fail" if one.worst == "fail" else "other",
                "remarks": ", ".join(f"{count} {word}" for word, count in one.counts),
            },
        },
        "related-observations": [{"observation-uuid": _observation_id(r)} for r in one.results],
    }
