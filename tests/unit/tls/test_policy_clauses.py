"""One policy with a rule for each clause: when each is looked at, and what leaves it in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hardening.findings import Verdict
from hardening.tls import policy
from hardening.tls.judging.doubt import doubted_rules
from hardening.tls.judging.judge import judge
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from tests.support.tls.policy_offers import LINE, NOW, WIRE, offer, protocol

STRONG = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
SAID: dict[str, Any] = {"groups": ["secp256r1"], "signature_algorithms": ["rsa_pkcs1_sha256"]}
CLAUSES = {
    "allowed": 'protocols.allow = ["TLSv1.2", "TLSv1.3"]',
    "required": 'protocols.require_any = ["TLSv1.2", "TLSv1.3"]',
    "suites": 'suites.forbid = [{ enc = ["RC4"] }]',
    "groups": "groups.ec_bits_below = 224",
    "signatures": 'signatures.forbid_hashes = ["md5"]',
}
HEAD = f"""id = "site"
title = "Site"
version = "1"
source = ["ours"]
verified = "yes"
[render]
suites = ["{STRONG}"]
groups = ["secp256r1"]
signature_algorithms = ["rsa_pkcs1_sha256"]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path: Path = tmp_path_factory.mktemp("policy") / "site.toml"
    rules = (
        f'[[rule]]\nid = "{name}"\nsection = "1"\ntext = "x"\nlevel = "must"\nverified = "yes"\n{clause}\n'
        for name, clause in CLAUSES.items()
    )
    path.write_text(HEAD + "".join(rules))
    return policy.load(str(path))


def verdicts(site: Policy, one: Offer) -> dict[str, Verdict]:
    return {r.rule.id.rpartition("/")[2]: r.verdict for r in judge(one, site, now=NOW).results}


def test_every_clause_that_something_is_known_of_is_looked_at(site: Policy) -> None:
    one = offer(protocol("TLSv1.2", STRONG, at=LINE, **SAID), at=LINE)
    assert verdicts(site, one) == dict.fromkeys(CLAUSES, Verdict.PASS)


def test_what_nothing_is_known_of_is_not_passed(site: Policy) -> None:
    said = verdicts(site, offer(at=LINE))
    assert (said["suites"], said["groups"], said["signatures"]) == (Verdict.SKIPPED,) * 3
    assert said["required"] is Verdict.FAIL
    blind = verdicts(site, offer(protocol("TLSv1.2", at=LINE), at=LINE))
    assert blind["suites"] is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("versions", "verdict"),
    [
        ({"TLSv1.2": True}, Verdict.PASS),
        ({"TLSv1.2": False}, Verdict.SKIPPED),
        ({"TLSv1.3": True, "TLSv1.2": False}, Verdict.SKIPPED),
        ({"TLSv1.2": True, "TLSv1.1": False}, Verdict.PASS),  # it negotiates none
    ],
)
def test_signatures_pass_on_the_wire_only_where_every_one_was_asked_for(
    site: Policy, versions: dict[str, bool], verdict: Verdict
) -> None:
    one = offer(
        *(protocol(name, STRONG, **SAID, signatures_complete=whole) for name, whole in versions.items()),
        at=WIRE,
    )
    assert verdicts(site, one)["signatures"] is verdict


@pytest.mark.parametrize(
    ("what", "doubted"),
    [
        ("SSLv2", ["allowed"]),
        ("SSLv3", ["allowed", "suites"]),
        ("TLSv1.1", ["allowed", "suites", "groups"]),
        ("TLSv1.2", ["required", "suites", "groups", "signatures"]),
        ("TLSv1.3", ["required", "groups", "signatures"]),  # has no suite that the rule forbids
        ("TLSv1.2 TLS_RSA_WITH_RC4_128_SHA", ["suites"]),
        ("TLSv1.2 secp192r1", ["groups"]),
        ("TLSv1.2 rsa_md5", ["signatures"]),
        (f"TLSv1.2 {STRONG}", []),
        ("TLSv1.0 TLS_RSA_WITH_RC4_128_SHA", ["allowed", "suites"]),  # and so the version itself
        ("SSLv2 SSL_CK_RC4_128_WITH_MD5", ["allowed"]),
        ("TLSv1.2 what nobody knows", ["suites", "groups", "signatures"]),
        ("a certificate", list(CLAUSES)),
    ],
)
def test_what_could_not_be_settled_leaves_the_rules_in_doubt_that_it_could_break(
    site: Policy, what: str, doubted: list[str]
) -> None:
    one = offer(protocol("TLSv1.2", STRONG, **SAID))
    assert sorted(rule.id for rule in doubted_rules(site, one, what)) == sorted(doubted)
