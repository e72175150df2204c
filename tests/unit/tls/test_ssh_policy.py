"""`[[ssh]]` rules: read from a policy's file, refused with file and key, inherited, and what they say of an offer."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.errors import DataError
from hardening.findings import OnWire, Severity, Verdict
from hardening.tls import policy as policies
from hardening.tls.judging.judge import judge
from hardening.tls.libraries import ssh_algorithms
from hardening.tls.offer import Located, Offer, SshOffer

HEAD = 'id = "x"\ntitle = "x"\nversion = "1"\nsource = ["x"]\nverified = "yes"\n'
RULE = '[[ssh]]\nid = "one"\nsection = "1"\ntext = "t."\nlevel = "must"\nverified = "yes"\n'
AT = OnWire("ssh://h")


def _offer(lists: dict[str, list[str]], *, protocol1: bool = False) -> Offer:
    return Offer(
        subject="ssh://h",
        at=AT,
        ssh=SshOffer(
            lists=tuple((kind, tuple(Located(n, AT) for n in names)) for kind, names in lists.items()),
            protocol1=Located("SSH-1.99", AT) if protocol1 else None,
        ),
    )


GOOD = {
    "kex": ["curve25519-sha256", "ext-info-s", "kex-strict-s-v00@openssh.com"],
    "host_keys": ["ssh-ed25519"],
    "ciphers": ["aes256-gcm@openssh.com"],
    "macs": ["hmac-sha2-256-etm@openssh.com"],
}


@pytest.mark.parametrize("name", [n for n in policies.available() if policies.load(n).ssh])
def test_what_a_policy_would_render_passes_it(name: str) -> None:
    policy = policies.load(name)
    lists = GOOD | {kind: list(names) for kind, names in policy.ssh_lists}
    judgement = judge(_offer(lists), policy)
    assert judgement.verdicts == {name: "pass"}
    assert [f for f in judgement.findings if f.level >= Severity.LOW] == []


@pytest.mark.parametrize("name", [n for n in policies.available() if policies.load(n).ssh])
def test_every_name_in_a_shipped_policy_is_known(name: str) -> None:
    policy = policies.load(name)
    said = [(kind, n) for kind, names in policy.ssh_lists for n in names]
    for need in (need for rule in policy.ssh for need in rule.needs):
        said += [(need.kind, n) for n in (*(need.allow or ()), *need.forbid) if not n.endswith("-")]
    assert [(kind, n) for kind, n in said if n not in ssh_algorithms.known(kind)] == []


def test_signals_in_the_list_of_key_exchanges_are_no_algorithms() -> None:
    assert judge(_offer(GOOD), policies.load("crypto-policies-default")).verdict == "pass"


def test_policies_that_agree_share_a_finding() -> None:
    both = [policies.load("aspect"), policies.load("cis-centos7-ssh")]
    judgement = judge(_offer(GOOD | {"ciphers": ["3des-cbc"]}), *both)
    (finding,) = judgement.findings
    assert finding.policies == ("aspect", "cis-centos7-ssh")
    assert finding.evidence == "ciphers 3des-cbc"
    assert judgement.verdicts == {"aspect": "fail", "cis-centos7-ssh": "fail"}


def test_advice_is_low_and_fails_nothing() -> None:
    judgement = judge(_offer(GOOD | {"macs": ["hmac-sha1"]}), policies.load("aspect"))
    assert [f.level for f in judgement.findings] == [Severity.LOW]
    assert judgement.verdict == "pass"


def test_a_list_nobody_saw_is_no_pass() -> None:
    seen = {kind: names for kind, names in GOOD.items() if kind != "macs"}
    judgement = judge(_offer(seen), policies.load("cis-centos7-ssh"))
    assert judgement.verdict == "unknown"
    assert {r.verdict for r in judgement.results} == {Verdict.PASS, Verdict.SKIPPED}
    assert "MACs" in judgement.findings[0].message


def test_protocol_1_is_critical() -> None:
    judgement = judge(_offer(GOOD, protocol1=True), policies.load("aspect"))
    assert [f.rule.id for f in judgement.findings] == ["tls/ssh-protocol"]
    assert judgement.findings[0].level is Severity.CRITICAL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RULE + 'ciphers.forbid = ["3des"]\n', "did you mean '3des-cbc'"),
        (RULE + 'kex.allow = ["curve25519"]\n', "unknown key exchange"),
        (RULE, "nothing a program could check"),
        (RULE + "ciphers = {}\n", "either allow or forbid"),
        (RULE + 'colour = "red"\nno_protocol1 = true\n', "colour"),
        (RULE + "no_protocol1 = true\n" + RULE + "no_protocol1 = true\n", "two rules have the id"),
        ('[render.ssh]\nmacs = ["hmac-md5"]\n' + RULE + 'macs.forbid = ["hmac-md5"]\n', "is forbidden by 1"),
        ("", "at least one"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(HEAD + text)
    with pytest.raises(DataError) as caught:
        policies.load(str(path))
    assert str(path) in str(caught.value)
    assert said in f"{caught.value} {caught.value.hint}"


def test_a_policy_that_extends_another_inherits_adds_and_removes(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(
        'id = "site"\nextends = "aspect"\n[remove]\nrules = ["ssh-better"]\n'
        '[[add.ssh]]\nid = "more"\nsection = "s"\ntext = "t."\nlevel = "must"\nverified = "yes"\n'
        'ciphers.forbid = ["aes128-ctr"]\n'
    )
    site, base = policies.load(str(path)), policies.load("aspect")
    assert {r.id for r in site.ssh} == {r.id for r in base.ssh} - {"ssh-better"} | {"more"}
    assert "aes128-ctr" not in dict(site.ssh_lists)["ciphers"]
    assert judge(_offer(GOOD | {"ciphers": ["aes128-ctr"]}), site).verdict == "fail"
    assert judge(_offer(GOOD | {"macs": ["hmac-sha1"]}), site).findings == ()
