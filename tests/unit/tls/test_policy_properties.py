"""Properties that hold for every policy and every offer."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import hardening.tls
from hardening.errors import DataError
from hardening.findings import Severity
from hardening.tls import policy, registry
from hardening.tls.judging.judge import judge
from hardening.tls.judging.rules import CERTIFICATE_KEY
from hardening.tls.offer import Offer
from hardening.tls.policies.file import read
from hardening.tls.policies.requirement import Level, PolicyRule, RuleKind
from hardening.tls.policies.ruleset import Policy
from tests.support.tls.policy_offers import NOW, certificate, offer, protocol

FOLDER = Path(hardening.tls.__file__).parent / "data" / "policies"
SUITES = [s for s in registry.suites() if not s.scsv]
OLD = [s.iana for s in SUITES if not s.tls13]
NEW = [s.iana for s in SUITES if s.tls13]
GROUPS = [g.name for g in registry.groups()]
SCHEMES = [s.name for s in registry.schemes()]

policies = st.sampled_from(policy.available()).map(policy.load)


@st.composite
def offers(draw: st.DrawFn) -> Offer:
    names = draw(st.lists(st.sampled_from(registry.PROTOCOLS[1:]), unique=True, max_size=5))
    protocols = [
        protocol(
            name,
            *draw(st.lists(st.sampled_from(NEW if name == "TLSv1.3" else OLD), unique=True, max_size=6)),
            groups=draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=4)),
            signature_algorithms=draw(st.lists(st.sampled_from(SCHEMES), unique=True, max_size=3)),
            preference=draw(st.sampled_from(["server", "client", "unknown"])),
        )
        for name in names
    ]
    doubts = draw(
        st.lists(st.sampled_from(["SSLv2", "SSLv3", *(f"TLSv1.2 {s}" for s in OLD[:40])]), max_size=2)
    )
    key = draw(st.sampled_from(["rsa:1024", "rsa:2048", "rsa:4096", "ec:secp256r1", "ed25519"]))
    return offer(
        *protocols,
        inconclusive=tuple(dict.fromkeys(doubts)),
        certificates=(certificate(key=key),) if draw(st.booleans()) else (),
        dh_bits=draw(st.sampled_from([None, 1024, 2048, 4096])),
        compression=draw(st.sampled_from([None, True, False])),
        secure_renegotiation=draw(st.sampled_from([None, True, False])),
    )


@st.composite
def stricter(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """A policy, and one that a user's file derives from it by taking things out."""
    base = draw(policies)
    spared = [p for p in base.protocols if p != base.protocols[-1]]
    removed = {
        "suites": draw(st.lists(st.sampled_from(OLD + NEW), unique=True, max_size=8)),
        "groups": draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=4)),
        "protocols": draw(st.lists(st.sampled_from(spared), unique=True)) if spared else [],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in removed.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "strict.toml"
        path.write_text("\n".join([f'id = "strict"\nextends = "{base.id}"\n[remove]', *lines]), "utf-8")
        return base, read(path, find=policy.load)


def facts(one: Policy, what: Offer) -> dict[tuple[str, str, str], Severity]:
    judgement = judge(what, one, now=NOW, hostname="bms.example")
    return {
        (f.rule.id, f.where, f.evidence): f.level
        for f in judgement.findings
        if f.rule.id not in {"tls/unverified", "tls/inconclusive"}
    }


RANK = {"pass": 0, "unknown": 1, "fail": 2}


@settings(max_examples=150)
@given(pair=stricter(), what=offers())
def test_a_stricter_policy_never_finds_less(pair: tuple[Policy, Policy], what: Offer) -> None:
    base, strict = pair
    loose, tight = facts(base, what), facts(strict, what)
    assert loose.keys() <= tight.keys()
    assert all(tight[key] >= level for key, level in loose.items())
    verdicts = [judge(what, p, now=NOW, hostname="bms.example").verdict for p in pair]
    assert RANK[verdicts[0]] <= RANK[verdicts[1]]


@settings(max_examples=150)
@given(one=policies, what=offers(), more=offers())
def test_offering_more_never_finds_less(one: Policy, what: Offer, more: Offer) -> None:
    """Of what is forbidden; a rule that wants something offered may well be content with more."""
    extra = tuple(p for p in more.protocols if what.protocol(p.name) is None)
    both = offer(*what.protocols, *extra, inconclusive=what.inconclusive)
    alone = offer(*what.protocols, inconclusive=what.inconclusive)
    names = {(k, e.split(" ")[0]) for k, _, e in facts(one, alone) if not e.startswith("no ")}
    assert names <= {(k, e.split(" ")[0]) for k, _, e in facts(one, both)}


@settings(max_examples=100)
@given(one=policies, what=offers())
def test_a_verdict_fails_exactly_when_a_finding_is_medium_or_worse(one: Policy, what: Offer) -> None:
    judgement = judge(what, one, now=NOW, hostname="bms.example")
    bad = [f for f in judgement.findings if f.level >= Severity.MEDIUM]
    against = [f for f in bad if f.policies]
    assert (judgement.verdict == "fail") is bool(against)
    assert all(f.policies == (one.id,) for f in against)
    assert {f.rule for f in bad if not f.policies} <= {CERTIFICATE_KEY}  # too weak under any policy


@given(one=policies, name=st.sampled_from(registry.PROTOCOLS[1:]))
@settings(max_examples=60)
def test_the_forbidden_set_is_what_is_forbidden_one_by_one(one: Policy, name: str) -> None:
    asked = [s for s in SUITES if s.tls13 is (name == "TLSv1.3")]
    expected = {s.code for s in asked if one.forbids_suite(s, name) is not None}
    assert one.forbidden_suites(name) == expected
    if name not in one.protocols:
        assert expected == {s.code for s in asked}


@settings(max_examples=60)
@given(one=policies, what=offers())
def test_every_forbidden_suite_that_is_offered_is_named(one: Policy, what: Offer) -> None:
    named = {f.evidence for f in judge(what, one, now=NOW).findings}
    for p in what.protocols:
        codes = one.forbidden_suites(p.name)
        for said in p.suites:
            suite = registry.suite(said.value)
            if suite.code in codes:
                assert said.value in named or p.name in named


def test_a_rule_that_checks_nothing_is_manual() -> None:
    for name in policy.available():
        for rule in policy.load(name).rules:
            assert (rule.kind is RuleKind.MANUAL) is not _has_clause(rule)
            assert rule.level in Level


def _has_clause(rule: PolicyRule) -> bool:
    clauses = (rule.protocols, rule.suites, rule.groups, rule.signatures, rule.certificate, rule.session)
    return any(clause is not None for clause in clauses)


VALUES = ["1", "true", '"x"', "[]", "{}", "[1]", "2027-01-31", '["NULL"]', "[{}]", "{ a = 1 }", "-1", ""]
TEXTS = {name: (FOLDER / f"{name}.toml").read_text("utf-8").splitlines() for name in policy.available()}


@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_refused_in_one_line_or_still_means_something(data: st.DataObject) -> None:
    lines = list(TEXTS[data.draw(st.sampled_from(sorted(TEXTS)))])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        what = data.draw(st.sampled_from(["drop", "twice", "value", "key"]))
        key, equals, _ = lines[at].partition(" = ")
        if what == "drop":
            lines[at] = ""
        elif what == "twice":
            lines.insert(at, lines[at])
        elif equals:
            lines[at] = (
                f"{key} = {data.draw(st.sampled_from(VALUES))}" if what == "value" else f"x{lines[at]}"
            )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.toml"
        path.write_text("\n".join(lines), "utf-8")
        refusal = ""
        try:
            one = read(path, find=policy.load)
        except DataError as problem:
            refusal = str(problem)
        if refusal:
            assert refusal.startswith(f"{path}: ")
            assert "\n" not in refusal
        else:
            assert one.protocols
            assert judge(offer(), one, now=NOW).verdict != "pass"
