"""Whatever a file holds, a reader ends, says offers or problems, and never fails."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardening.findings import InFile
from hardening.tls import policy as policies
from hardening.tls.auditing.audit import audit_tree
from hardening.tls.auditing.mains import AuditInput, Main
from hardening.tls.targets import Target, targets
from hardening.tls.targets.base import Reading
from hardening.tls.targets.reading.tree import Tree
from tests.support.places import DATA

GOLDEN = DATA / "tls/golden"
CASES = DATA / "tls/cases"
TARGETS = [pytest.param(t, id=t.name) for t in targets()]
PIECES = ["{", "}", "(", ")", "<", "</", ">", '"', "'", "\\", "\\\n", "\n", ";", "=", "=>", "+=", "#", "$", "${x}", "[", "]", ",", ":",
          " ", "\t", "\x00", "é", "include", "Include", "*", "/"]  # fmt: skip


def _samples(target: Target) -> list[str]:
    files = [p for p in (*GOLDEN.glob(f"{target.name}/*"), *CASES.glob(f"{target.name}/**/*")) if p.is_file()]
    return [p.read_text() for p in sorted(files)]


def _words(target: Target) -> list[str]:
    return sorted({w for text in _samples(target) for w in re.findall(r"\S+", text)})


def _reading(target: Target) -> Reading:
    release, _ = target.facts.release(None)
    return Reading(release=release, build=release.openssl)


@pytest.mark.parametrize("target", TARGETS)
def test_any_mixture_of_the_language_is_read(target: Target) -> None:
    words = st.lists(st.sampled_from(_words(target) + PIECES * 3), max_size=40)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(words, st.sampled_from([" ", "\n", ""]))
    def check(words: list[str], between: str) -> None:
        tree = Tree.of_text(between.join(words), "/etc/x.conf")
        for offer in target.read(tree, "/etc/x.conf", _reading(target)):
            assert offer.subject.startswith("/etc/x.conf")

    check()


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_cut_anywhere_is_read_and_judged(target: Target) -> None:
    samples = _samples(target)
    policy = policies.load("aspect")
    release, _ = target.facts.release(None)

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(samples), st.data())
    def check(text: str, data: st.DataObject) -> None:
        cut = data.draw(st.integers(0, len(text)))
        tree = Tree.of_text(text[:cut], "x.conf")
        found = audit_tree(
            tree, Main(target, "x.conf"), [policy], AuditInput(target=target, version=release.version)
        )
        lines = text[:cut].count("\n") + 1
        for finding in found.findings:
            assert isinstance(finding.location, InFile)
            assert 1 <= (finding.location.line or 1) <= lines

    check()


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_that_includes_itself_ends(target: Target) -> None:
    loops = [
        'include x.conf;\ninclude "x.conf"\nInclude x.conf\n!include x.conf\ninclude x.conf\n',
        "".join(f"include /etc/{n}.conf\n" for n in range(3)),
    ]
    for text in loops:
        tree = Tree({"/etc/x.conf": text, **{f"/etc/{n}.conf": "include /etc/x.conf\n" for n in range(3)}})
        list(target.read(tree, "/etc/x.conf", _reading(target)))
