"""What a policy has written is clean under that policy, or says with a way out what the server cannot be told."""

from __future__ import annotations

import pytest

from hardening.errors import UsageError
from hardening.findings import Severity
from hardening.tls import policy as policies
from hardening.tls.rendering.render import render
from hardening.tls.targets import find


def test_a_policy_names_what_it_writes_for_now_and_wants_gone_one_day() -> None:
    policy = policies.load("cnsa-2.0-tls")
    made = render(find("nginx"), policy, build="3.5.9-debian13")
    assert "MLKEM1024:SecP384r1MLKEM1024:secp384r1" in made.text
    later = [f for f in made.findings if "until then" in f.message]
    assert {f.evidence for f in later} == {"SecP384r1MLKEM1024", "secp384r1"}
    assert {f.level for f in later} == {Severity.INFO}
    assert made.verdicts == {policy.id: "pass"}


def test_a_policy_about_ssh_alone_renders_no_tls_server() -> None:
    for name in ("nginx", "java_security", "mariadb", "exim", "crypto_policies"):
        with pytest.raises(UsageError, match=r"says nothing about TLS|names no suite of TLS"):
            render(find(name), policies.load("cis-centos7-ssh"))


def test_versions_that_cannot_go_and_no_list_to_shut_them_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot switch them off") as refused:
        render(find("mariadb"), policies.load("mozilla-modern"), version="10.3.39-el8")
    assert "MariaDB" in refused.value.hint


def test_tls13_that_cannot_be_switched_off_is_not_said_to_be_left_off() -> None:
    made = render(find("mariadb"), policies.load("cnsa-1.0"), version="10.3.39-el8")
    assert not any("left off" in f.message for f in made.findings)
    assert "fail" in made.verdicts.values()


def test_exim_takes_sslv3_back_where_the_policy_has_it() -> None:
    made = render(find("exim"), policies.load("mozilla-old-4.0"), version="4.96-el7")
    assert "-no_sslv3" in made.text
    assert made.offer.protocol("SSLv3")
