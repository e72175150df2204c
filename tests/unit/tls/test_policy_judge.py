"""What the judge says of hand-made offers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from hardening import waivers
from hardening.errors import ExitCode, UsageError
from hardening.findings import Finding, InFile, OnWire, Run, Severity, Subject, SubjectKind, Verdict
from hardening.reports import render
from hardening.tls import policy
from hardening.tls.judging.judge import Judgement, judge
from hardening.tls.judging.rules import rules
from hardening.tls.offer import ClientCertificate, Offer, Parameters, Unread
from tests.support.tls.policy_offers import LINE, NOW, certificate, offer, protocol, rendered

STRONG = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
RC4 = "TLS_RSA_WITH_RC4_128_SHA"


def judged(one: Offer, *names: str, **more: Any) -> Judgement:
    return judge(one, *[policy.load(n) for n in names or ("aspect",)], now=NOW, **more)


def found(judgement: Judgement, rule: str) -> list[Finding]:
    return [f for f in judgement.findings if f.rule.id == rule]


def result(judgement: Judgement, rule: str) -> tuple[Verdict, str]:
    return next((r.verdict, r.reason) for r in judgement.results if r.rule.id == rule)


def test_a_weak_suite_is_one_finding_with_place_remedy_and_fix() -> None:
    one = offer(protocol("TLSv1.2", RC4, STRONG, at=LINE), protocol("TLSv1.0", RC4, at=LINE), at=LINE)
    judgement = judged(one)
    (finding,) = found(judgement, "tls/suite")
    assert finding.location == LINE
    assert finding.evidence == RC4
    assert finding.level is Severity.HIGH
    assert "TLSv1.2, TLSv1.0" in finding.message
    assert "RC4" in finding.message
    assert "no forward secrecy" in finding.message
    assert (
        finding.remedy
        == f"Take {RC4} (OpenSSL: RC4-SHA) out of the cipher list in /etc/nginx/nginx.conf line 12."
    )
    assert finding.fix is not None
    assert finding.fix.operation == "set-directive"
    assert finding.policies == ("aspect",)
    assert judgement.verdict == "fail"


def test_a_finding_on_the_wire_offers_no_fix_a_program_could_do() -> None:
    (finding,) = found(judged(offer(protocol("TLSv1.2", RC4))), "tls/suite")
    assert finding.fix is None
    assert finding.location.endpoint == "127.0.0.1:443"  # type: ignore[union-attr]  # made on the wire


@pytest.mark.parametrize(
    ("suite", "severity"),
    [
        ("TLS_RSA_WITH_NULL_SHA", Severity.CRITICAL),
        ("TLS_DH_anon_WITH_AES_128_CBC_SHA", Severity.CRITICAL),
        ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", Severity.CRITICAL),
        (RC4, Severity.HIGH),
        ("TLS_RSA_WITH_DES_CBC_SHA", Severity.HIGH),
        ("TLS_RSA_WITH_RC4_128_MD5", Severity.HIGH),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", Severity.MEDIUM),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Severity.MEDIUM),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", Severity.MEDIUM),
    ],
)
def test_severity_grows_with_the_weakness(suite: str, severity: Severity) -> None:
    (finding,) = found(judged(offer(protocol("TLSv1.2", suite))), "tls/suite")
    assert finding.level is severity


def test_one_fact_under_several_policies_is_one_finding() -> None:
    one = offer(protocol("TLSv1.0", RC4, "TLS_RSA_WITH_AES_128_CBC_SHA"))
    judgement = judged(one, "aspect", "rfc9325", "mozilla-old")
    by_name = {f.evidence: f for f in found(judgement, "tls/suite")}
    assert by_name[RC4].policies == ("aspect", "mozilla-old-5.8", "rfc9325-bcp195")
    assert "4.1 (must)" in by_name[RC4].message
    assert by_name["TLS_RSA_WITH_AES_128_CBC_SHA"].policies == ("aspect", "rfc9325-bcp195")
    (old,) = (f for f in found(judgement, "tls/protocol") if f.evidence == "TLSv1.0")
    assert old.policies == ("aspect", "rfc9325-bcp195")
    assert set(judgement.verdicts) == {"aspect", "rfc9325-bcp195", "mozilla-old-5.8"}


def test_several_policies_say_what_each_says_alone() -> None:
    one = offer(protocol("TLSv1.0", RC4, STRONG), protocol("TLSv1.2", STRONG), dh_bits=1024)
    names = ("aspect", "rfc9325", "pci-dss-4.0.1", "mozilla-modern", "nist-800-52r2")
    together = judged(one, *names)
    for name in names:
        alone = judged(one, name)
        (full,) = alone.verdicts
        assert together.verdicts[full] == alone.verdicts[full]
        theirs = {(f.rule.id, f.evidence) for f in together.findings if full in f.policies}
        assert theirs >= {(f.rule.id, f.evidence) for f in alone.findings if f.level >= Severity.MEDIUM}


def test_a_policy_given_twice_counts_once_and_two_with_one_name_are_refused(tmp_path: Path) -> None:
    one = offer(protocol("TLSv1.2", RC4))
    assert judged(one, "aspect", "aspect") == judged(one, "aspect")
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(
            f'id = "site"\nextends = "aspect"\n[remove]\ngroups = ["secp{256 if name == "a" else 384}r1"]\n',
            "utf-8",
        )
    with pytest.raises(UsageError, match="'site'"):
        judged(one, *(str(tmp_path / f"{name}.toml") for name in ("a", "b")))


def test_ssl2_is_named_kind_by_kind() -> None:
    one = offer(protocol("SSLv2", "SSL_CK_RC4_128_EXPORT40_WITH_MD5", "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"))
    judgement = judged(one)
    levels = {f.evidence: f.level for f in found(judgement, "tls/suite")}
    assert levels == {
        "SSL_CK_RC4_128_EXPORT40_WITH_MD5": Severity.CRITICAL,
        "SSL_CK_DES_192_EDE3_CBC_WITH_MD5": Severity.HIGH,
    }
    assert found(judgement, "tls/protocol")[0].level is Severity.HIGH


def test_good_suites_under_a_bad_protocol_are_the_protocols_fault() -> None:
    one = offer(protocol("TLSv1.1", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"), protocol("TLSv1.2", STRONG))
    judgement = judged(one, "pci-dss-4.0.1")
    assert not found(judgement, "tls/suite")
    assert [f.evidence for f in found(judgement, "tls/protocol")] == ["TLSv1.1"]


def test_an_unknown_suite_is_never_passed() -> None:
    one = offer(protocol("TLSv1.2", STRONG, "0xFAFA"))
    assert judged(one, "mozilla-intermediate").verdict == "fail"
    judgement = judged(one, "aspect")
    assert judgement.verdict == "unknown"
    assert found(judgement, "tls/inconclusive")[0].evidence == "TLSv1.2 0xFAFA"


def test_signals_are_no_suites() -> None:
    one = offer(protocol("TLSv1.2", STRONG, "TLS_FALLBACK_SCSV", "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"))
    assert not found(judged(one, "mozilla-intermediate"), "tls/suite")


def test_a_required_protocol_that_is_missing() -> None:
    one = offer(protocol("TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), at=LINE)
    judgement = judged(one, "nist-800-52r2")
    (finding,) = found(judgement, "tls/protocol")
    assert finding.evidence == "no TLSv1.3"
    assert judgement.verdict == "fail"


def test_what_was_not_asked_about_is_not_missing() -> None:
    suite = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    one = offer(protocol("TLSv1.2", suite), coverage="forbidden-only")
    judgement = judged(one, "nist-800-52r2")
    assert not found(judgement, "tls/protocol")
    assert judgement.verdict == "unknown"


class TestInconclusive:
    def verdict(self, what: str, name: str = "aspect") -> Judgement:
        one = offer(protocol("TLSv1.2", STRONG), inconclusive=(what,))
        return judged(one, name)

    @pytest.mark.parametrize(
        "what",
        [
            "SSLv2",
            "SSLv2 SSL_CK_RC4_128_WITH_MD5",
            "TLSv1.2 something else",
            "TLSv1.0",
            f"TLSv1.2 {RC4}",
            f"TLSv1.0 {STRONG}",
            "TLSv1.2 secp192r1",
            "TLSv1.2 rsa_pkcs1_sha1",
        ],
    )
    def test_doubt_about_something_forbidden_leaves_the_verdict_open(self, what: str) -> None:
        judgement = self.verdict(what)
        assert judgement.verdict == "unknown"
        (finding,) = found(judgement, "tls/inconclusive")
        assert finding.level is Severity.INFO
        assert finding.evidence == what
        assert finding.policies == ("aspect",)
        assert Verdict.INCONCLUSIVE in {r.verdict for r in judgement.results}

    @pytest.mark.parametrize(
        "what", ["TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLSv1.3 TLS_AES_128_GCM_SHA256"]
    )
    def test_doubt_about_something_allowed_does_not(self, what: str) -> None:
        judgement = self.verdict(what)
        assert judgement.verdict == "pass"
        (finding,) = found(judgement, "tls/inconclusive")
        assert finding.policies == ()

    def test_doubt_in_words_nobody_knows_touches_everything(self) -> None:
        assert self.verdict("the moon").verdict == "unknown"

    @pytest.mark.parametrize(
        ("at", "way", "never"),
        [(LINE, "--openssl", "--concurrency"), (OnWire("a.example:443"), "--concurrency 1", "--openssl")],
    )
    def test_a_file_is_not_asked_again(self, at: InFile | OnWire, way: str, never: str) -> None:
        one = replace(offer(protocol("TLSv1.2", STRONG), inconclusive=("SSLv2",)), at=at)
        (finding,) = found(judged(one), "tls/inconclusive")
        assert way in finding.remedy
        assert never not in finding.remedy

    def test_a_failure_outweighs_a_doubt(self) -> None:
        one = offer(protocol("TLSv1.2", RC4), inconclusive=("SSLv2",))
        assert judged(one).verdict == "fail"

    def test_an_offer_of_nothing_is_no_pass(self) -> None:
        judgement = judged(offer())
        assert judgement.verdict == "unknown"
        assert found(judgement, "tls/inconclusive")

    def test_a_protocol_whose_suites_nobody_knows_is_no_pass(self) -> None:
        judgement = judged(offer(protocol("TLSv1.2"), protocol("TLSv1.3", "TLS_AES_128_GCM_SHA256")))
        assert judgement.verdict == "unknown"
        (finding,) = found(judgement, "tls/inconclusive")
        assert finding.evidence == "a suite that is forbidden under TLSv1.2"
        assert judged(offer(protocol("TLSv1.2"), coverage="forbidden-only")).verdict == "pass"

    def test_doubt_about_a_required_protocol(self) -> None:
        suite = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
        one = offer(protocol("TLSv1.2", suite), inconclusive=("TLSv1.3",))
        assert judged(one, "nist-800-52r2").verdict == "unknown"


class TestGroupsAndSignatures:
    def test_a_weak_group(self) -> None:
        one = offer(protocol("TLSv1.2", STRONG, groups=["secp256r1", "secp160r1", "secp224r1"], at=LINE))
        levels = {f.evidence: f.level for f in found(judged(one), "tls/group")}
        assert levels == {"secp160r1": Severity.HIGH, "secp224r1": Severity.MEDIUM}

    def test_a_group_by_another_name(self) -> None:
        one = offer(protocol("TLSv1.2", STRONG, groups=["prime256v1", "X25519"]))
        assert not found(judged(one, "mozilla-intermediate"), "tls/group")

    def test_no_group_known_is_skipped_and_said(self) -> None:
        verdict, reason = result(judged(offer(protocol("TLSv1.2", STRONG))), "tls/aspect/groups")
        assert (verdict, reason) == (Verdict.SKIPPED, "no group is known")

    def test_a_group_nobody_knows_breaks_a_list(self) -> None:
        one = offer(protocol("TLSv1.3", "TLS_AES_128_GCM_SHA256", groups=["0xEEEE"]))
        assert found(judged(one, "mozilla-intermediate"), "tls/group")

    def test_sha1_signatures(self) -> None:
        one = offer(protocol("TLSv1.2", STRONG, signature_algorithms=["rsa_pkcs1_sha256", "rsa_pkcs1_sha1"]))
        assert [f.evidence for f in found(judged(one), "tls/signature")] == ["rsa_pkcs1_sha1"]

    def test_a_signature_nobody_knows_breaks_a_list(self) -> None:
        one = offer(protocol("TLSv1.2", STRONG, signature_algorithms=["0xEEEE"]))
        assert found(judged(one, "rhel-default"), "tls/signature")
        assert not found(judged(one, "aspect"), "tls/signature")


def test_a_rule_about_groups_has_nothing_to_apply_to_without_diffie_hellman() -> None:
    """It was `no group is known`, and a required rule was left open."""
    one = offer(protocol("TLSv1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"))
    assert result(judged(one, "pci-dss-4.0.1"), "tls/pci-dss-4.0.1/4.2.1-groups")[0] is Verdict.NOT_APPLICABLE
    one = offer(protocol("TLSv1.2", STRONG))
    assert result(judged(one, "pci-dss-4.0.1"), "tls/pci-dss-4.0.1/4.2.1-groups")[0] is Verdict.SKIPPED


class TestCertificate:
    def check(self, name: str = "aspect", hostname: str | None = None, **changes: Any) -> list[Finding]:
        one = offer(protocol("TLSv1.2", STRONG), certificates=(certificate(**changes),))
        return [f for f in judged(one, name, hostname=hostname).findings if "certificate" in f.rule.id]

    def test_a_good_one(self) -> None:
        assert self.check() == []

    @pytest.mark.parametrize(
        ("rule", "severity", "changes"),
        [
            ("tls/certificate-key", Severity.HIGH, {"key": "rsa:1024"}),
            ("tls/certificate-key", Severity.MEDIUM, {"key": "rsa:2047"}),
            ("tls/certificate-key", Severity.MEDIUM, {"key": "ec:secp224r1"}),
            ("tls/certificate-key", Severity.MEDIUM, {"key": "dsa:2048"}),
            ("tls/certificate-signature", Severity.HIGH, {"signature": "sha1WithRSAEncryption"}),
            ("tls/certificate-signature", Severity.HIGH, {"signature": "md5WithRSAEncryption"}),
            ("tls/certificate-signature", Severity.MEDIUM, {"signature": "sha224WithRSAEncryption"}),
            ("tls/certificate-expired", Severity.HIGH, {"not_after": datetime(2026, 5, 31, tzinfo=UTC)}),
            ("tls/certificate-expired", Severity.HIGH, {"not_before": datetime(2026, 6, 2, tzinfo=UTC)}),
        ],
    )
    def test_a_bad_one(self, rule: str, severity: Severity, changes: dict[str, Any]) -> None:
        (finding,) = self.check(**changes)
        assert (finding.rule.id, finding.level) == (rule, severity)
        assert "CN=bms.example" in finding.remedy

    def test_keys_and_signatures_without_a_size_or_a_hash(self) -> None:
        assert self.check(key="ed25519", signature="ed25519") == []
        assert [
            f.rule.id for f in self.check("mozilla-intermediate", key="ed25519", signature="ed25519")
        ] == ["tls/certificate-key"]

    def test_a_signature_nobody_can_read_is_no_pass(self) -> None:
        one = offer(protocol("TLSv1.2", STRONG), certificates=(certificate(signature="1.2.3.4"),))
        verdict, reason = result(judged(one), "tls/aspect/certificate")
        assert verdict is Verdict.INCONCLUSIVE
        assert "1.2.3.4" in reason
        assert judged(one).verdicts == {"aspect": "unknown"}

    def test_a_long_life_is_advice(self) -> None:
        (finding,) = self.check("mozilla-intermediate", not_after=datetime(2036, 1, 1, tzinfo=UTC))
        assert (finding.rule.id, finding.level) == ("tls/certificate-lifetime", Severity.LOW)

    @pytest.mark.parametrize(("more", "count"), [(timedelta(), 0), (timedelta(seconds=1), 1)])
    def test_a_life_may_be_as_long_as_the_policy_says_and_no_second_longer(
        self, more: timedelta, count: int
    ) -> None:
        begin = datetime(2026, 1, 1, tzinfo=UTC)
        found = self.check(
            "mozilla-intermediate", not_before=begin, not_after=begin + timedelta(days=366) + more
        )
        assert [f.rule.id for f in found] == ["tls/certificate-lifetime"] * count
        assert all("valid for 367 days" in f.message for f in found)

    def test_curves(self) -> None:
        (finding,) = self.check("mozilla-intermediate", key="ec:secp521r1")
        assert "secp521r1" in finding.message

    def test_self_signed(self) -> None:
        assert [f.rule.id for f in self.check("ssllabs", hostname="bms.example", self_signed=True)] == [
            "tls/certificate-trust"
        ]

    @pytest.mark.parametrize(
        ("host", "named"),
        [
            ("bms.example", True),
            ("BMS.example.", True),
            ("a.site.example", True),
            ("a.b.site.example", False),
            ("site.example", False),
            ("other.example", False),
            ("192.0.2.7", True),
            ("192.0.2.8", False),
            ("[2001:db8::1]", False),
        ],
    )
    def test_names(self, host: str, *, named: bool) -> None:
        wrong = [f for f in self.check("ssllabs", hostname=host) if f.rule.id == "tls/certificate-hostname"]
        assert bool(wrong) is not named

    def test_without_a_host_name_the_rule_is_skipped(self) -> None:
        one = offer(protocol("TLSv1.2", STRONG), certificates=(certificate(),))
        assert result(judged(one, "ssllabs"), "tls/ssllabs-rating/M-name")[0] is Verdict.SKIPPED

    def test_an_intermediates_key_counts_and_a_roots_own_signature_does_not(self) -> None:
        root = certificate(
            subject="CN=root", key="rsa:1024", signature="sha1WithRSAEncryption", ca=True, self_signed=True
        )
        one = offer(protocol("TLSv1.2", STRONG), certificates=(certificate(), root))
        assert [f.rule.id for f in judged(one).findings] == ["tls/certificate-key"]

    def test_the_finding_holds_no_whole_fingerprint(self) -> None:
        (finding,) = self.check(key="rsa:1024")
        assert "ab" * 32 not in finding.message + finding.evidence + finding.remedy


class TestSession:
    def test_small_dh(self) -> None:
        (finding,) = found(judged(offer(protocol("TLSv1.2", STRONG), dh_bits=1024)), "tls/dh-bits")
        assert finding.level is Severity.HIGH
        assert not found(judged(offer(protocol("TLSv1.2", STRONG), dh_bits=2048)), "tls/dh-bits")

    def test_dh_unknown_or_unused(self) -> None:
        rule = "tls/aspect/dh-parameters"
        dhe = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"
        assert result(judged(offer(protocol("TLSv1.2", dhe))), rule)[0] is Verdict.SKIPPED
        assert result(judged(offer(protocol("TLSv1.2", STRONG))), rule)[0] is Verdict.NOT_APPLICABLE

    def test_compression_and_renegotiation(self) -> None:
        one = offer(protocol("TLSv1.2", STRONG), compression=True, secure_renegotiation=False)
        assert {f.rule.id for f in judged(one).findings} == {"tls/compression", "tls/renegotiation"}
        quiet = judged(offer(protocol("TLSv1.2", STRONG)))
        assert result(quiet, "tls/aspect/compression")[0] is Verdict.SKIPPED
        newest = judged(offer(protocol("TLSv1.3", "TLS_AES_128_GCM_SHA256")))
        assert result(newest, "tls/aspect/renegotiation")[0] is Verdict.NOT_APPLICABLE

    def test_preference(self) -> None:
        two = (STRONG, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")
        one = offer(protocol("TLSv1.2", *two, preference="client"))
        (finding,) = found(judged(one, "cis-apache"), "tls/preference")
        assert finding.level is Severity.MEDIUM
        single = offer(protocol("TLSv1.2", STRONG, preference="client"))
        assert not found(judged(single, "cis-apache"), "tls/preference")
        unknown = judged(offer(protocol("TLSv1.2", *two)), "cis-apache")
        assert result(unknown, "tls/cis-apache-2.4/7.5-order")[0] is Verdict.SKIPPED

    def test_extensions(self) -> None:
        rule = "tls/rfc9325-bcp195/3.5-ems"
        two = protocol("TLSv1.2", STRONG)
        there = offer(two, extensions=("extended_master_secret", "renegotiation_info"))
        assert result(judged(there, "rfc9325"), rule)[0] is Verdict.PASS
        gone = judged(offer(two, extensions=("renegotiation_info",)), "rfc9325")
        assert [f.evidence for f in found(gone, "tls/extension")] == ["no extended_master_secret"]
        assert result(judged(offer(two), "rfc9325"), rule)[0] is Verdict.SKIPPED
        newest = offer(protocol("TLSv1.3", "TLS_AES_128_GCM_SHA256"))
        assert result(judged(newest, "rfc9325"), rule)[0] is Verdict.NOT_APPLICABLE

    def test_some_suite_has_to_be_there(self) -> None:
        one = offer(protocol("TLSv1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"))
        judgement = judged(one, "ssllabs")
        assert "tls/ssllabs-rating/B-no-forward-secrecy" in {
            r.rule.id for r in judgement.results if r.verdict is Verdict.FAIL
        }
        assert found(judgement, "tls/suite")[0].evidence.startswith("no suite: ")


def test_advice_is_low_and_never_fails() -> None:
    one = offer(
        protocol("TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", preference="server"),
        secure_renegotiation=True,
        compression=False,
    )
    judgement = judged(one, "ncsc-nl")
    assert judgement.verdicts == {"ncsc-nl-2025-05": "pass"}
    assert {f.level for f in found(judgement, "tls/suite")} == {Severity.LOW}


def test_advice_is_not_judged_by_what_was_not_asked() -> None:
    one = offer(protocol("TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), coverage="forbidden-only")
    verdict, reason = result(judged(one, "ncsc-nl"), "tls/ncsc-nl-2025-05/B-groups-phase-out")
    assert verdict is Verdict.SKIPPED
    assert reason == "only what a policy forbids was asked about"


@pytest.mark.parametrize("coverage", ["full", "forbidden-only"])
def test_signatures_that_nobody_asked_about_are_not_passed(coverage: str) -> None:
    more: dict[str, Any] = {"groups": ["secp256r1"], "signature_algorithms": ["rsa_pkcs1_sha256"]}
    judgement = judged(offer(protocol("TLSv1.2", STRONG, **more), coverage=coverage), "aspect")
    assert result(judgement, "tls/aspect/signatures")[0] is Verdict.SKIPPED
    assert result(judgement, "tls/aspect/groups")[0] is Verdict.PASS
    assert judgement.verdict == "pass"
    filed = judged(offer(protocol("TLSv1.2", STRONG, at=LINE, **more), at=LINE), "aspect")
    assert result(filed, "tls/aspect/signatures")[0] is Verdict.PASS


def test_what_is_wanted_may_be_seen_though_only_the_forbidden_was_asked() -> None:
    rule = "tls/rfc9325-bcp195/4.2-recommended"
    seen = judged(offer(protocol("TLSv1.2", STRONG), coverage="forbidden-only"), "rfc9325")
    assert result(seen, rule)[0] is Verdict.PASS
    other = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
    unseen = judged(offer(protocol("TLSv1.2", other), coverage="forbidden-only"), "rfc9325")
    assert result(unseen, rule)[0] is Verdict.SKIPPED


@pytest.mark.parametrize("evidence", [RC4, "TLS_RSA_*", "*"])
def test_a_waiver_for_a_suite_waives_the_rules_it_breaks(tmp_path: Path, evidence: str) -> None:
    waived = _waived(tmp_path, evidence)
    verdicts = {r.rule.id: r.verdict for r in waived.results}
    assert verdicts["tls/aspect/forward-secrecy"] is Verdict.WAIVED
    assert Verdict.FAIL not in verdicts.values()
    assert waived.exit_code() == ExitCode.OK
    cases = ET.fromstring(render("junit", waived, fail_on=Severity.MEDIUM))
    assert cases.findall(".//failure") == []


def test_a_waiver_for_another_suite_waives_nothing(tmp_path: Path) -> None:
    waived = _waived(tmp_path, "TLS_RSA_WITH_3DES_EDE_CBC_SHA")
    assert waived.exit_code() == ExitCode.FINDINGS
    assert Verdict.WAIVED not in {r.verdict for r in waived.results}


def _waived(folder: Path, evidence: str) -> Run:
    path = folder / "waivers.toml"
    path.write_text(
        f'[[waiver]]\nrule = "tls/suite"\nplace = "*"\nevidence = "{evidence}"\n'
        'reason = "one old panel"\nowner = "ops"\nexpires = 2026-12-31\n',
        "utf-8",
    )
    judgement = judged(offer(protocol("TLSv1.2", RC4, STRONG)))
    subject = Subject(id="test", kind=SubjectKind.ENDPOINT)
    run = Run.of([subject], judgement.findings, judgement.results, started=NOW, finished=NOW)
    assert run.exit_code() == ExitCode.FINDINGS
    return waivers.apply(run, waivers.load(path), today=NOW.date())


def test_advice_fails_no_junit_case() -> None:
    one = offer(protocol("TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", preference="server"))
    judgement = judged(one, "ncsc-nl")
    subject = Subject(id="test", kind=SubjectKind.ENDPOINT)
    run = Run.of([subject], judgement.findings, judgement.results, started=NOW, finished=NOW)
    cases = ET.fromstring(render("junit", run, fail_on=Severity.MEDIUM))
    assert cases.findall(".//failure") == []
    assert any("does not fail this run" in case.get("name", "") for case in cases.iter("testcase"))


def test_manual_controls_are_manual() -> None:
    judgement = judged(rendered(policy.load("pci-dss-4.0.1")), "pci-dss-4.0.1")
    manual = {r.rule.id for r in judgement.results if r.verdict is Verdict.MANUAL}
    assert "tls/pci-dss-4.0.1/12.3.3" in manual


def test_one_result_per_rule() -> None:
    for name in policy.available():
        one = policy.load(name)
        results = judge(rendered(one), one, now=NOW).results
        assert [r.rule.id for r in results] == [f"tls/{name}/{r.id}" for r in one.rules]


def test_judging_twice_says_the_same() -> None:
    one = offer(protocol("TLSv1.0", RC4, STRONG), dh_bits=512, inconclusive=("SSLv2", "SSLv3"))
    names = policy.available()
    assert judged(one, *names) == judged(one, *names)


def test_the_rules_are_documented_and_said() -> None:
    ids = [r.id for r in rules()]
    assert len(ids) == len(set(ids))
    for rule in rules():
        assert rule.id.startswith("tls/")
        assert rule.rationale
        assert rule.remedy
    saying = offer(
        protocol(
            "TLSv1.0",
            RC4,
            STRONG,
            groups=["secp160r1"],
            signature_algorithms=["rsa_pkcs1_sha1"],
            preference="client",
        ),
        certificates=(
            certificate(
                key="rsa:512",
                signature="md5WithRSAEncryption",
                not_before=datetime(2000, 1, 1, tzinfo=UTC),
                not_after=datetime(2020, 1, 1, tzinfo=UTC),
                self_signed=True,
            ),
        ),
        dh_bits=512,
        compression=True,
        secure_renegotiation=False,
        extensions=("status_request",),
        inconclusive=("SSLv2",),
        client=ClientCertificate(wants="optional", at=InFile(("/etc/d",))),
    )
    said = {f.rule.id for f in judged(saying, *policy.available(), hostname="x.example").findings}
    said |= {f.rule.id for f in judged(rendered(policy.load("cnsa-2.0")), "cnsa-2.0").findings}
    lost = Unread(at=InFile(("/etc/c",)), path="/etc/c", why="not found", way="Copy it")
    apart = offer(
        protocol("TLSv1.2", STRONG), certificates=(certificate(unlinked=True),), unread_files=(lost,)
    )
    said |= {f.rule.id for f in judged(apart, "aspect").findings}
    at = InFile(("/etc/d",))
    bad = certificate(
        public=True, must_staple=True, other_key="/etc/k", not_after=NOW + timedelta(days=2), at=at
    )
    weak = Parameters(at=at, bits=1024, problem="the modulus is not a prime", shared="Oakley group 2")
    of_files = replace(offer(protocol("TLSv1.2", STRONG), certificates=(bad,), parameters=(weak,)), at=at)
    said |= {f.rule.id for f in judged(of_files, "aspect").findings}
    assert said == set(ids)


def test_a_file_without_anything_to_offer_is_a_finding_whatever_a_policy_doubts() -> None:
    file = offer(at=LINE)
    for name in ("aspect", "mozilla-old", "ssllabs-rating"):
        judgement = judged(file, name)
        assert [f.evidence for f in found(judgement, "tls/protocol") if f.evidence == "nothing is offered"]
        assert judgement.verdict != "pass"


def test_what_is_taken_out_of_a_policy_about_ssh_says_nothing_of_tls(tmp_path: Path) -> None:
    path = tmp_path / "strict.toml"
    path.write_text('id = "strict"\nextends = "cis-centos7-ssh"\n[remove]\nprotocols = ["SSLv2"]\n')
    what = rendered(policy.load("aspect"))
    assert judged(what, str(path)).verdict == judged(what, "cis-centos7-ssh").verdict == "unknown"
    assert judged(offer(protocol("SSLv2", "SSL_CK_RC4_128_WITH_MD5")), str(path)).verdict == "fail"
