"""Policies that users write: what they may say, and what is refused with file and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hardening.errors import DataError, InputError, UsageError
from hardening.tls import policy, registry
from hardening.tls.policies.ruleset import Policy
from hardening.tls.rendering.render import render
from hardening.tls.targets import find

DOCS = Path(__file__).parents[3] / "docs" / "policies-own.md"
ALONE = """
id = "site"
title = "Site"
version = "1"
source = ["ours"]
verified = "yes"
[render]
suites = ["ECDHE-RSA-AES128-GCM-SHA256"]
groups = ["secp256r1"]
signature_algorithms = ["rsa_pkcs1_sha256", "rsa_pkcs1_sha1"]
[[rule]]
id = "protocols"
section = "1"
text = "TLS 1.2."
level = "must"
verified = "yes"
protocols.allow = ["TLSv1.2"]
"""


def written(folder: Path, text: str, name: str = "site.toml") -> Policy:
    path = folder / name
    path.write_text(text, "utf-8")
    return policy.load(str(path))


def refused(folder: Path, text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        written(folder, text)
    assert str(caught.value).startswith(f"{folder / 'site.toml'}: ")
    return caught.value


def test_a_policy_of_ones_own(tmp_path: Path) -> None:
    one = written(tmp_path, ALONE)
    assert one.protocols == ("TLSv1.2",)
    assert [s.iana for s in one.suites] == ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]


def test_extending_adds_and_removes(tmp_path: Path) -> None:
    one = written(
        tmp_path,
        """
        id = "site"
        extends = "mozilla-intermediate"
        [add]
        suites = ["DHE-RSA-AES256-GCM-SHA384"]
        groups = ["secp521r1"]
        protocols = ["TLSv1.1"]
        [remove]
        suites = ["TLS_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"]
        groups = ["X25519MLKEM768"]
        protocols = ["TLSv1.3"]
        rules = ["hsts", "ocsp-stapling"]
        """,
    )
    base = policy.load("mozilla-intermediate")
    assert one.protocols == ("TLSv1.1", "TLSv1.2")
    assert [s.iana for s in one.suites][-1] == "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"
    assert registry.suite("ECDHE-RSA-CHACHA20-POLY1305") not in one.suites
    assert one.groups == (*base.groups[1:], registry.find_group("secp521r1"))
    assert "hsts" not in {r.id for r in one.rules}
    assert one.version == base.version
    reason = one.forbids_suite(registry.suite("ECDHE-RSA-CHACHA20-POLY1305"), "TLSv1.2")
    assert reason is not None
    assert reason.rule.id == "removed-by-site"
    assert base.forbids_suite(registry.suite("ECDHE-RSA-CHACHA20-POLY1305"), "TLSv1.2") is None


def test_a_chain_of_files(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'id = "base"\nextends = "aspect"\n[remove]\nprotocols = ["TLSv1.2"]\n', "utf-8"
    )
    one = written(tmp_path, 'id = "site"\nextends = "base.toml"\n[remove]\ngroups = ["x25519"]\n')
    assert one.protocols == ("TLSv1.3",)
    assert "x25519" not in {g.name for g in one.groups}


def test_a_later_file_may_take_back_what_an_earlier_one_added(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'id = "base"\nextends = "aspect"\n[add]\nsuites = ["AES128-SHA"]\n', "utf-8"
    )
    one = written(tmp_path, 'id = "site"\nextends = "base.toml"\n[remove]\nsuites = ["AES128-SHA"]\n')
    assert one.forbids_suite(registry.suite("AES128-SHA"), "TLSv1.2") is not None


def test_an_added_rule(tmp_path: Path) -> None:
    one = written(
        tmp_path,
        """
        id = "site"
        extends = "aspect"
        [[add.rule]]
        id = "no-dhe"
        section = "site 4"
        text = "No DHE."
        level = "must"
        verified = "yes"
        suites.forbid = [{ kx = ["DHE"] }]
        """,
    )
    assert {s.kx for s in one.suites} == {"ECDHE"}


@pytest.mark.parametrize(
    ("change", "key", "hint"),
    [
        (('level = "must"', 'level = "most"'), "rule[0].level", "must"),
        (('id = "site"', 'id = "Site!"'), "id", ""),
        (('section = "1"', 'sektion = "1"'), "rule[0].section", ""),
        (('verified = "yes"\n[render]', 'verified = "yes"\nverifed = "yes"\n[render]'), "verifed", "'verified'"),
        (('allow = ["TLSv1.2"]', 'allow = ["TLS1.2"]'), "rule[0].protocols.allow", "'TLSv1.2'"),
        (('allow = ["TLSv1.2"]', "allow = []"), "rule", ""),
        (("AES128-GCM-SHA256", "AES128-GCM-SHA265"), "render.suites", "'ECDHE-RSA-AES128-GCM-SHA256'"),
        (("protocols.allow", "protokols.allow"), "rule[0].protokols", "'protocols'"),
        (("protocols.allow", 'kind = "manual"\nprotocols.allow'), "rule[0].kind", "clauses"),
        (('protocols.allow = ["TLSv1.2"]', 'kind = "automated"'), "rule[0].kind", "clauses"),
        (("protocols.allow", 'suites.forbid = [{ flags = ["RC5"] }]\nprotocols.allow'), "rule[0].suites.forbid[0].flags", "'RC4'"),
        (("protocols.allow", "suites.forbid = [{}]\nprotocols.allow"), "rule[0].suites.forbid[0].forbid", ""),
        (("protocols.allow", 'groups.allow = ["x25520"]\nprotocols.allow'), "rule[0].groups.allow", "'x25519'"),
        (("protocols.allow", 'signatures.forbid = ["rsa_pkcs_sha1"]\nprotocols.allow'), "rule[0].signatures.forbid", "'rsa_pkcs1_sha1'"),
        (("protocols.allow", 'session.preference = "mine"\nprotocols.allow'), "rule[0].session.preference", ""),
        (("protocols.allow", 'certificate.types = ["rsaa"]\nprotocols.allow'), "rule[0].certificate.types", "'rsa'"),
        (("protocols.allow", "suites.forbid = [{ aead = true }]\nprotocols.allow"), "render.suites", ""),
        (('suites = ["', 'suites13 = ["'), "render.suites13", ""),
        (("protocols.allow", 'groups.allow = ["x25519"]\nprotocols.allow'), "render.groups", ""),
        (("protocols.allow", 'signatures.forbid_hashes = ["sha1"]\nprotocols.allow'), "render.signature_algorithms", ""),
        (("AES128-GCM-SHA256", "aes128-gcm-sha265"), "render.suites", "'ECDHE-RSA-AES128-GCM-SHA256'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], key: str, hint: str) -> None:
    assert change[0] in ALONE
    problem = refused(tmp_path, ALONE.replace(*change, 1))
    assert str(problem).startswith(f"{tmp_path / 'site.toml'}: {key}: ")
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ('extends = "aspekt"', "extends", "'aspect'"),
        ('extends = "aspect"\n[remove]\nrules = ["compresion"]', "remove.rules", "'compression'"),
        ('extends = "aspect"\n[add]\nsuits = []', "add.suits", "'suites'"),
        ('extends = "aspect"\nadded = 1', "added", ""),
        ('extends = "site.toml"', "extends", ""),
        ('extends = "other.toml"', "extends", ""),
        ('extends = "aspect"\n[remove]\nprotocols = ["TLSv1.2", "TLSv1.3"]', "rule", ""),
    ],
)
def test_what_is_wrong_in_an_extension_is_named(tmp_path: Path, text: str, key: str, hint: str) -> None:
    problem = refused(tmp_path, f'id = "site"\n{text}\n')
    assert f"site.toml: {key}: " in str(problem)
    assert hint in problem.hint


def test_a_circle_of_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('id = "other"\nextends = "site.toml"\n', "utf-8")
    with pytest.raises(DataError, match="extends itself"):
        written(tmp_path, 'id = "site"\nextends = "other.toml"\n')


def test_a_policy_may_not_take_the_name_of_its_base(tmp_path: Path) -> None:
    problem = refused(tmp_path, 'id = "aspect"\nextends = "aspect"\n')
    assert "site.toml: id: " in str(problem)


def test_two_rules_with_one_id_are_refused(tmp_path: Path) -> None:
    again = ALONE[ALONE.index("[[rule]]") :]
    problem = refused(tmp_path, ALONE + again)
    assert "'protocols'" in str(problem)


def test_a_policy_without_rules_is_refused(tmp_path: Path) -> None:
    assert "at least one" in str(refused(tmp_path, ALONE[: ALONE.index("[[rule]]")]))


def test_absent_and_broken_files() -> None:
    with pytest.raises(InputError):
        policy.load("/nonexistent/policy.toml")
    with pytest.raises(UsageError):
        policy.load("nonsense")


def _examples() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)


def test_the_examples_of_the_guide_work(tmp_path: Path) -> None:
    assert len(_examples()) >= 2
    for number, text in enumerate(_examples()):
        one = written(tmp_path, text, f"example-{number}.toml")
        assert one.protocols
    site = written(tmp_path, _examples()[0], "site.toml")
    assert site.protocols == ("TLSv1.2", "TLSv1.3")
    assert policy.load("cis-nginx").protocols == ("TLSv1.3",)


def test_the_guide_names_every_flag() -> None:
    row = next(line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `flags`"))
    told = set(re.findall(r"`([^`]+)`", row)) - {"flags"}
    assert told == {flag for suite in registry.suites() for flag in suite.flags}


def test_a_slip_in_extends_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extend = "aspect"\nid = "mine"\n')
    with pytest.raises(DataError, match=r"mine\.toml: extend: is not a known key") as caught:
        policy.load(str(path))
    assert "did you mean 'extends'" in caught.value.hint


@pytest.mark.parametrize(
    ("target", "word"),
    [("nginx", "ssl_session_tickets"), ("httpd", "SSLSessionTickets"), ("haproxy", "no-tls-tickets")],
)
def test_session_tickets_are_left_alone_where_the_policy_wants_them(
    tmp_path: Path, target: str, word: str
) -> None:
    """CIS NGINX 3.0.0, 4.1.11: on."""
    site = written(tmp_path, 'extends = "aspect"\nid = "site"\n[render]\nsession_tickets = true\n')
    assert word in render(find(target), policy.load("aspect")).text
    assert word not in render(find(target), site).text
    assert word not in render(find(target), policy.load("cis-nginx")).text


@pytest.mark.parametrize(
    ("clause", "asked"),
    [
        ("protocols", 'allow = ["TLSv1.2"]'), ("suites", 'allow = ["ECDHE-RSA-AES128-GCM-SHA256"]'), ("groups", "ec_bits_below = 224"),
        ("signatures", 'forbid_hashes = ["md5"]'), ("certificate", "rsa_min_bits = 2048"),
        ("session", "dh_min_bits = 2048"),
    ],
)  # fmt: skip
def test_a_misspelt_word_of_a_clause_is_refused_by_its_place(tmp_path: Path, clause: str, asked: str) -> None:
    rule = (
        f'id = "r"\nsection = "2"\ntext = "x"\nlevel = "must"\nverified = "yes"\n[rule.{clause}]\n{asked}\n'
    )
    sound = written(tmp_path, f"{ALONE}[[rule]]\n{rule}", name="sound.toml")
    assert [r.id for r in sound.rules] == ["protocols", "r"]
    assert f"rule[1].{clause}.alow: " in str(refused(tmp_path, f"{ALONE}[[rule]]\n{rule}alow = 1\n"))


def test_a_rule_that_is_added_under_the_name_of_another_is_refused(tmp_path: Path) -> None:
    name = policy.load("aspect").rules[0].id
    text = f'id = "site"\nextends = "aspect"\n[[add.rule]]\nid = "{name}"\nsection = "2"\ntext = "x"\n'
    assert name in str(
        refused(tmp_path, text + 'level = "must"\nverified = "yes"\nprotocols.allow = ["TLSv1.2"]\n')
    )


def test_a_finding_refers_to_the_addresses_of_its_policys_sources(tmp_path: Path) -> None:
    source = 'source = ["BSI, https://bsi.example/tr, of 2026", "ours; see http://plain.example", "https://b.example"]'
    one = written(tmp_path, ALONE.replace('source = ["ours"]', source))
    (rule,) = one.result_rules.values()
    assert rule.references == ("https://bsi.example/tr,", "https://b.example")
