"""What crypto-policies' own generator made of its policies is what we make of their settings; modules over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.errors import UsageError
from hardening.tls import policy as policies
from hardening.tls import registry
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.judging.judge import judge
from hardening.tls.libraries import crypto_policies as language
from hardening.tls.libraries.crypto_policies import OPENSSH, OPENSSL, effective
from hardening.tls.rendering.render import render
from hardening.tls.targets import find

ALL = language.shipped()


@pytest.mark.parametrize("name", ALL)
def test_the_strings_of_openssl_are_those_of_the_generator(name: str) -> None:
    found, real = effective(language.base(name), OPENSSL), language.generated(name)["openssl"]
    assert language.cipher_string(found) == real["CipherString"]
    assert language.ciphersuites(found) == real["Ciphersuites"]
    least = {"TLSv1": "TLSv1.0"}.get(real["TLS.MinProtocol"], real["TLS.MinProtocol"])
    assert (language.protocols(found)[0], language.protocols(found)[-1]) == (least, real["TLS.MaxProtocol"])


@pytest.mark.parametrize("name", ALL)
def test_the_groups_are_those_of_the_generator(name: str) -> None:
    words = language.generated(name)["openssl"]["Groups"].replace("/", ":").split(":")
    real = {registry.find_group(w.strip("?*")) for w in words if "tls13" not in w}
    ours = language.groups(effective(language.base(name), OPENSSL)).split(":")
    assert {registry.find_group(w) for w in ours} == real - {None}


@pytest.mark.parametrize("name", ALL)
def test_the_lists_of_sshd_are_those_of_the_generator(name: str) -> None:
    real = language.generated(name)["openssh"]
    kinds = {"kex": "KexAlgorithms", "host_keys": "HostKeyAlgorithms", "ciphers": "Ciphers", "macs": "MACs"}
    ours = language.ssh_lists(effective(language.base(name), OPENSSH))
    assert {k: ",".join(ours[k]) for k in kinds} == {k: real[word] for k, word in kinds.items()}


@pytest.mark.parametrize(
    ("line", "key", "scope", "expected"),
    [
        ("cipher = -AES-128-*", "cipher", OPENSSL, ["AES-256-GCM", "AES-256-CBC", "3DES-CBC"]),
        ("cipher@SSH = -*", "cipher", OPENSSL, ["AES-256-GCM", "AES-128-GCM", "AES-256-CBC", "3DES-CBC"]),
        ("cipher@SSH = -*", "cipher", OPENSSH, []),
        (
            "cipher@{ssh,TLS} = +3DES-CBC",
            "cipher",
            OPENSSL,
            ["3DES-CBC", "AES-256-GCM", "AES-128-GCM", "AES-256-CBC"],
        ),
        (
            "cipher = AES-256-GCM+",
            "cipher",
            OPENSSL,
            ["AES-128-GCM", "AES-256-CBC", "3DES-CBC", "AES-256-GCM"],
        ),
        ("cipher = \\\n  RC4-128 \\\n  NULL # no", "cipher", OPENSSL, ["RC4-128", "NULL"]),
        ("tls_cipher = RC4-128", "cipher", OPENSSL, ["RC4-128"]),
        (
            "tls_cipher = RC4-128",
            "cipher",
            OPENSSH,
            ["AES-256-GCM", "AES-128-GCM", "AES-256-CBC", "3DES-CBC"],
        ),
    ],
)
def test_a_line_changes_the_list(line: str, key: str, scope: frozenset[str], expected: list[str]) -> None:
    base, _ = language.parse("cipher = AES-256-GCM AES-128-GCM AES-256-CBC 3DES-CBC")
    more, faults = language.parse(line)
    assert faults == []
    assert effective([*base, *more], scope).lists[key] == expected


@pytest.mark.parametrize("etm", ["ANY", "DISABLE_ETM", "DISABLE_NON_ETM"])
def test_encrypt_then_mac_can_be_told(etm: str) -> None:
    settings, _ = language.parse(f"mac = HMAC-SHA2-256\netm@SSH = {etm}")
    macs = language.ssh_lists(effective(settings, OPENSSH))["macs"]
    assert ("hmac-sha2-256" in macs, "hmac-sha2-256-etm@openssh.com" in macs) == (
        etm != "DISABLE_NON_ETM",
        etm != "DISABLE_ETM",
    )


def _etc(tmp_path: Path, config: str) -> Path:
    folder = tmp_path / "etc/crypto-policies"
    folder.mkdir(parents=True)
    (folder / "config").write_text(config)
    return folder


def test_legacy_on_a_host_is_found_for_tls_and_ssh(tmp_path: Path) -> None:
    folder = _etc(tmp_path, "LEGACY\n")
    found = audits.audit([folder], [policies.load("aspect")], AuditInput(version="20211116-el8"))
    assert {s.id.rpartition("#")[2]: s.policies["aspect"] for s in found.subjects} == {
        "openssl": "fail",
        "sshd": "fail",
    }
    said = {f.evidence for f in found.findings}
    assert {"TLSv1.0", "ciphers 3des-cbc", "kex diffie-hellman-group14-sha1"} <= said


def test_a_module_that_is_not_there_is_said(tmp_path: Path) -> None:
    folder = _etc(tmp_path, "DEFAULT:NO-SUCH\n")
    found = audits.audit([folder], [policies.load("aspect")], AuditInput(version="20240828-el9"))
    assert "walk/config-missing-include" in {f.rule.id for f in found.findings}
    assert found.subjects[0].examined.value == "partial"


def test_a_line_that_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / "SITE.pmod"
    path.write_text("cipher = -AES-128-*\nwhat is this\n")
    found = audits.audit([path], [policies.load("aspect")], AuditInput(target=find("crypto_policies")))
    (said,) = [f for f in found.findings if f.rule.id == "walk/config-syntax"]
    assert getattr(said.location, "line", None) == 2


def test_a_policy_of_the_hosts_own_is_read(tmp_path: Path) -> None:
    folder = _etc(tmp_path, "SITE\n")
    (folder / "policies").mkdir()
    (folder / "policies/SITE.pol").write_text(
        "protocol@TLS = TLS1.3\ncipher = AES-256-GCM\nmac = AEAD\nkey_exchange = ECDHE\ngroup = X25519\n"
        "hash = SHA2-256\nsign = EDDSA-ED25519\nmin_rsa_size = 2048\n"
    )
    (tls, ssh) = audits.read(folder / "config", find("crypto_policies"))
    assert [(p.name, [s.value for s in p.suites]) for p in tls.protocols] == [
        ("TLSv1.3", ["TLS_AES_256_GCM_SHA384"])
    ]
    assert ssh.ssh is not None
    assert "ssh-ed25519" in [s.value for s in ssh.ssh.of("host_keys") or ()]


@pytest.mark.parametrize("name", [n for n in policies.available() if policies.load(n).rules])
def test_a_rendered_module_breaks_no_binding_rule_or_says_where(name: str) -> None:
    policy = policies.load(name)
    try:
        made = render(find("crypto_policies"), policy)
    except UsageError as refused:
        if refused.hint:
            return
        raise
    judged = {
        f.evidence for f in judge(made.offer, policy).findings if f.rule.id in {"tls/suite", "tls/protocol"}
    }
    assert judged <= {f.evidence for f in (*made.findings, *made.explained)}


def test_old_modules_that_know_no_scopes_are_refused() -> None:
    with pytest.raises(UsageError, match="no scopes"):
        render(find("crypto_policies"), policies.load("aspect"), version="20191128-el8")


@pytest.mark.parametrize(
    ("line", "openssl", "openssh"),
    [
        ("cipher@!SSH = -AES-256-*", False, True),
        ("cipher@!{ssh,gnutls} = -AES-256-*", False, True),
        ("cipher@!{ssh,TLS} = -AES-256-*", True, True),
        ("cipher@* = -AES-256-*", False, False),
        ("cipher@{t*,ss?} = -AES-256-*", False, False),
        ("cipher@open* = -AES-256-*", False, False),
        ("cipher@ss* = -AES-256-*", False, False),
        ("cipher@openssh-* = -AES-256-*", True, False),
        ("cipher@gnu* = -AES-256-*", True, True),
    ],
)
def test_scopes_may_be_patterns_and_taken_from_all_others(line: str, openssl: bool, openssh: bool) -> None:
    own, faults = language.parse(line)
    settings = [*language.base("DEFAULT"), *own]
    has = [effective(settings, scope).has("cipher", "AES-256-GCM") for scope in (OPENSSL, OPENSSH)]
    assert (has, faults) == ([openssl, openssh], [])
