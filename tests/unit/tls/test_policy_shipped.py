"""Every shipped policy loads, knows its names, and passes what it would render itself."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardening import resources
from hardening.errors import UsageError
from hardening.findings import Severity, Verdict
from hardening.tls import policy, registry
from hardening.tls.judging import rules
from hardening.tls.judging.judge import judge
from hardening.tls.judging.ledger import NOT_VERIFIED
from hardening.tls.policies.requirement import Level, RuleKind
from tests.support.places import DATA
from tests.support.tls.policy_offers import NOW, rendered

STRINGS = json.loads((DATA / "tls/mozilla_strings.json").read_text("utf-8"))
FOLDER = resources.tls_data() / "policies"
SHIPPED = policy.available()
WANTED = {
    name
    for name in SHIPPED
    if re.search(r"(?m)^(?:protocols|extends)\b", (FOLDER / f"{name}.toml").read_text("utf-8"))
}
"""Policies about TLS, read from the folder: a new file is tested without being listed. The others are about SSH alone."""


def test_policies_about_tls_and_about_ssh_are_told_apart() -> None:
    for name in SHIPPED:
        one = policy.load(name)
        assert bool(one.suites or one.suites13) is (name in WANTED), name
    assert set(SHIPPED) - WANTED >= {"cis-centos7-ssh"}


def test_short_names_mean_shipped_policies() -> None:
    assert set(policy.SHORT_NAMES.values()) <= set(SHIPPED)
    assert not set(policy.SHORT_NAMES) & WANTED
    assert policy.load("mozilla-modern").version == "6.0"
    assert policy.load("mozilla-old").version == "5.8"
    assert policy.load("nist-800-52r2").id == "nist-sp800-52r2-government-only"
    assert policy.load("cis-centos7-ssh-crypto").id == "cis-centos7-ssh"  # the contract's longer id


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        policy.load("mozila-modern")
    assert "'mozilla-modern'" in caught.value.hint


@pytest.mark.parametrize("name", sorted(WANTED))
def test_what_a_policy_renders_passes_its_own_judge(name: str) -> None:
    one = policy.load(name)
    judgement = judge(rendered(one), one, now=NOW, hostname="bms.example")
    failing = [f.message for f in judgement.findings if f.level.label not in {"low", "info"}]
    assert failing == []
    assert judgement.verdicts == {name: "pass"}
    for result in judgement.results:
        rule = next(r for r in one.rules if result.rule.id == f"tls/{name}/{r.id}")
        assert (result.verdict is Verdict.MANUAL) is (rule.kind is RuleKind.MANUAL)
        if result.verdict is Verdict.PASS and not rule.is_verified:
            assert NOT_VERIFIED in result.reason


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_pass_of_an_unverified_policy_says_so(name: str) -> None:
    one = policy.load(name)
    judgement = judge(rendered(one), one, now=NOW, hostname="bms.example")
    told = [f for f in judgement.findings if f.rule.id == "tls/unverified"]
    assert bool(told) is any(not r.is_verified for r in one.rules)


@pytest.mark.parametrize("name", sorted(WANTED))
def test_every_policy_is_complete(name: str) -> None:
    one = policy.load(name)
    assert one.source
    assert one.verified
    assert one.suites or one.suites13
    assert one.groups
    assert {r.level for r in one.rules} & {Level.MUST}
    for rule in one.rules:
        assert rule.section
        assert rule.text.endswith((".", ".)", ")"))


@pytest.mark.parametrize("name", sorted(STRINGS))
def test_mozilla_lists_have_the_order_of_the_published_string(name: str) -> None:
    words = [w for w in STRINGS[name]["openssl_string"].split(":") if not w.startswith("!")]
    suites = [registry.find_suite(word) for word in words]
    if None in suites:  # mozilla-old-4.0 is written with keywords, which only an OpenSSL can resolve
        assert name == "mozilla-old-4.0"
        return
    assert list(policy.load(name).suites) == suites


def _codes(*flags: str) -> set[int]:
    return {s.code for s in registry.suites() if s.flags & set(flags) and not s.tls13}


@pytest.mark.parametrize("name", sorted(WANTED))
def test_no_policy_accepts_rc4_export_or_ssl2(name: str) -> None:
    one = policy.load(name)
    assert "SSLv2" not in one.protocols
    assert one.forbids_protocol("SSLv2") is not None
    forbidden = one.forbidden_suites(one.protocols[-1] if one.protocols[-1] != "TLSv1.3" else "TLSv1.2")
    assert _codes("RC4") <= forbidden
    if name != "rfc-prohibitions":  # it forbids by single RFCs, none of which names these
        assert _codes("EXPORT", "NULL", "ANON") <= forbidden


def test_known_differences() -> None:
    def allows(name: str, suite: str, protocol: str = "TLSv1.2") -> bool:
        return policy.load(name).forbids_suite(registry.suite(suite), protocol) is None

    chacha = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
    assert allows("mozilla-intermediate", chacha)
    assert not allows("nist-800-52r2", chacha)
    assert not allows("bsi-tr-02102-2", chacha)
    assert not allows("crypto-policies-fips", chacha)
    dhe = "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"
    assert allows("aspect", dhe)
    assert allows("mozilla-intermediate-5.7", dhe)
    assert not allows("mozilla-intermediate-5.8", dhe)
    assert not allows("rfc9325", dhe)
    cbc = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
    assert allows("pci-dss-4.0.1", cbc)
    assert allows("crypto-policies-default", cbc)
    assert not allows("aspect", cbc)
    assert not allows("owasp", cbc)
    assert allows("mozilla-old", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLSv1.0")
    assert not allows("cis-apache", "TLS_RSA_WITH_3DES_EDE_CBC_SHA")
    assert not allows("mozilla-modern", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")


@pytest.mark.parametrize("name", sorted(WANTED - {"rfc-prohibitions"}))
def test_an_expired_certificate_passes_nowhere(name: str) -> None:
    one = policy.load(name)
    late = datetime(2027, 1, 1, tzinfo=UTC)
    judgement = judge(rendered(one), one, now=late, hostname="bms.example")
    assert {f.rule.id for f in judgement.findings if f.level >= Severity.MEDIUM} == {
        "tls/certificate-expired"
    }
    assert judgement.verdict == "fail"


def test_a_reason_names_section_and_level() -> None:
    reason = policy.load("rfc9325").forbids_suite(registry.suite("RC4-SHA"), "TLSv1.2")
    assert reason is not None
    assert (reason.section, reason.level) == ("4.1", Level.MUST)
    assert str(reason) == "rfc9325-bcp195 4.1 (must)"


def test_forbidden_suites_reach_unregistered_code_points_but_no_signals() -> None:
    forbidden = policy.load("aspect").forbidden_suites("TLSv1.2")
    unregistered = {s.code for s in registry.suites() if not s.registered and not s.tls13}
    assert unregistered <= forbidden
    assert not forbidden & {s.code for s in registry.suites() if s.scsv}
    assert policy.load("aspect").forbidden_suites("SSLv2") == frozenset()


def test_forbidden_groups() -> None:
    by_name = {g.name: g.id for g in registry.groups()}
    forbidden = policy.load("aspect").forbidden_groups("TLSv1.2")
    assert {by_name["secp160r1"], by_name["secp224r1"], by_name["sect163k1"]} <= forbidden
    assert not forbidden & {by_name["secp256r1"], by_name["x25519"], by_name["X25519MLKEM768"]}
    assert policy.load("aspect").forbidden_groups("TLSv1.0") == set(by_name.values())


def test_requirements_for_those_who_render() -> None:
    assert policy.load("bsi-tr-02102-2").dh_min_bits == 3000
    assert policy.load("mozilla-modern").dh_min_bits == 0
    assert policy.load("nist-800-52r2").required_protocols == ("TLSv1.3",)
    assert policy.load("aspect").required_protocols == ()


def test_every_rule_has_a_name_of_its_own_in_reports() -> None:
    ids = [rule.id for rule in policy.result_rules()]
    assert len(ids) == len(set(ids)) == sum(policy.load(n).counts()["rules"] for n in policy.available())


def test_the_auditors_table_is_what_ships() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "compliance.md").read_text("utf-8")
    rows = [line for line in guide.splitlines() if line.startswith("| `")]
    expected = []
    for name in policy.available():
        one = policy.load(name)
        count = one.counts()
        numbers = f"{count['rules']} | {count['verified']} | {count['manual']}"
        expected.append(f"| `{name}` | {one.version} | {numbers} |")
    missing = [row for row in expected if row not in rows]
    assert rows == expected, (
        "docs/compliance.md, table `What ships`, in the order of the names; add: " + "\n".join(missing)
    )


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_remedy_promises_of_rendering_what_is_rendered(name: str) -> None:
    one = policy.load(name)
    for rule in one.rules:
        remedy = one.result_rules[rule.id].remedy
        assert remedy, rule.id
        session = rule.session
        in_session = session and (session.dh_min_bits or session.preference or session.compression is False)
        by_lines = any((rule.protocols, rule.suites, rule.groups, in_session))
        assert ("writes the settings that do it" in remedy) == by_lines, rule.id
        assert ("certificate issued" in remedy) == bool(rule.certificate), rule.id
    for ssh in one.ssh:
        assert "render openssh" in one.result_rules[ssh.id].remedy


def test_the_targets_that_a_remedy_names_are_those_that_are_rendered_with_signature_algorithms() -> None:
    word = re.compile("signature_?algorithms|sigalgs", re.IGNORECASE)
    golden = [path for path in (DATA / "tls/golden").rglob("*") if path.is_file()]
    assert len(golden) > 100
    written = [
        line
        for path in golden
        for line in path.read_text("utf-8").splitlines()
        if "# finding" not in line and word.search(line)
    ]
    assert len(written) > 20
    named = {path.parent.name for path in golden if any(line in path.read_text("utf-8") for line in written)}
    assert named == {"nginx", "httpd", "haproxy", "lighttpd", "openssl_cnf"}
    assert "writes it for nginx, httpd, HAProxy, lighttpd and openssl.cnf" in rules.SIGNATURE.remedy


@pytest.mark.parametrize("table", ["customer-facing", "government-only"])
def test_compression_stands_where_nist_has_it(table: str) -> None:
    """Sections 3.1 to 3.8: versions, keys, cryptography, extensions, client authentication, resumption, compression."""
    rules_of = {rule.id: rule for rule in policy.load(f"nist-sp800-52r2-{table}").rules}
    assert rules_of["3.5-compression"].section == "3.7"
    assert rules_of["3.6-session"].section == "3.6"


@pytest.mark.parametrize("name", policy.available())
def test_a_rule_that_is_not_verified_says_what_was_not_read(name: str) -> None:
    for rule in policy.load(name).every_rule:
        if rule.is_verified:
            assert rule.not_read == ""
        else:
            assert rule.not_read != rule.verified, f"{rule.id}: say in `unread` what was not read"
