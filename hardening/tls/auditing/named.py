"""Audits of files that were named from the current folder name them so too, as every other report does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardening.findings import Finding, InFile, Result, Subject
from hardening.tls.auditing.shared import Audited


def with_files(offer: Mapping[str, Any] | None, own: Callable[[str], str]) -> Mapping[str, Any] | None:
    """Return the JSON form of an offer with the files of its certificates and parameters named by `own`."""
    if not offer:
        return offer
    named = {
        key: [{**one, "file": own(one["file"])} if "file" in one else one for one in offer[key]]
        for key in ("certificates", "dh_parameters")
        if offer.get(key)
    }
    return {**offer, **named} if named else offer


def from_here(found: Audited, paths: Sequence[Path]) -> Audited:
    """Return what was found with the files below the current folder named from it.

    Where all paths were given from the root, everything stays named from there. A fingerprint holds the path: a
    baseline made in one checkout has to know its findings in another.
    """
    if all(path.is_absolute() for path in paths):
        return found
    here = f"{Path.cwd().as_posix()}/"
    if here == "//":
        return found
    whole = re.compile(rf"(?<![\w./~+-]){re.escape(here)}")

    def own(text: str) -> str:
        return whole.sub("", text) if here in text else text

    def finding(one: Finding) -> Finding:
        place = one.location
        if isinstance(place, InFile):
            place = replace(place, parts=(own(place.parts[0]), *place.parts[1:]))
        return replace(
            one, location=place, subject=own(one.subject), also=tuple(map(own, one.also)),
            message=own(one.message), evidence=own(one.evidence), remedy=own(one.remedy),
            fix=one.fix and replace(one.fix, action=own(one.fix.action)),
        )  # fmt: skip

    def subject(one: Subject) -> Subject:
        return replace(
            one, id=own(one.id), same_as=own(one.same_as), reason=own(one.reason),
            offer=with_files(one.offer, own),
        )  # fmt: skip

    def result(one: Result) -> Result:
        because = tuple((rule, own(evidence)) for rule, evidence in one.because)
        return replace(one, subject=own(one.subject), reason=own(one.reason), because=because)

    return Audited(
        list(map(subject, found.subjects)),
        list(map(finding, found.findings)),
        list(map(result, found.results)),
    )
