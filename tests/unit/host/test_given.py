"""What a playbook gives is taken for what it says, or refused with place, key and remedy before a host is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hardening.errors import InputError, UsageError
from hardening.host.plans import tls, vault_values
from hardening.host.plans.plan import Command, File, Service, Validator
from hardening.host.plans.secret_text import checked
from hardening.host.session import here
from tests.support.host.onhost import Program


@pytest.mark.parametrize(
    ("kind", "raw", "said"),
    [
        (Command, {"name": "a", "do": "touch x"}, "here: 'do' is not a list"),
        (Command, {"do": ["true"]}, "here: 'name' is missing"),
        (Validator, {"name": "v", "argv": "true"}, "here: 'argv' is not a list"),
        (Validator, "true", "here: a str has no keys"),
        (File, {"path": "/a", "mode": 420}, "here: 'mode' came as the number 420"),
        (File, {"path": ["/a"]}, "here: 'path' is not text"),
        (File, {"path": "/a", "secret": "perhaps"}, "here: 'secret' is neither yes nor no"),
        (File, {"path": "/a", "mod": "0644"}, "here: unknown key 'mod'"),
    ],
)
def test_another_type_is_named_with_its_place(kind: type, raw: Any, said: str) -> None:
    with pytest.raises(UsageError) as problem:
        vault_values.typed(kind, raw, "here")
    assert str(problem.value).startswith(said)
    assert problem.value.hint


def test_words_that_mean_no_are_not_true() -> None:
    assert not vault_values.typed(File, {"path": "/a", "secret": "no"}, "here").secret
    assert vault_values.typed(File, {"path": "/a", "secret": "Yes"}, "here").secret
    assert vault_values.typed(Command, {"name": "n", "do": ["nice", 5], "undo": None}, "here").do == (
        "nice",
        "5",
    )


def test_a_service_is_told_what_init_systems_know() -> None:
    assert vault_values.service({"name": "httpd"}).action == "reload"
    assert vault_values.service(
        {"name": "x", "action": "graceful", "argv": ["apachectl", "graceful"]}
    ) == Service(name="x", action="graceful", argv=("apachectl", "graceful"))
    with pytest.raises(UsageError, match="unknown action 'bounce'"):
        vault_values.service({"name": "x", "action": "bounce"})


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"kind": "tpc", "port": 1}, "unknown kind tpc"),
        ({"port": 1}, "unknown kind None"),
        ({"kind": "tcp"}, "tcp needs 'port'"),
        ({"kind": "tcp", "port": "https"}, "tcp: port: 'https' is not a number"),
        ({"kind": "tcp", "port": True}, "tcp: port: True is not a number"),
        ({"kind": "command", "argv": "true"}, "'argv' is not a list"),
        ({"kind": "path", "path": "/a", "absent": "maybe"}, "'absent' is neither yes nor no"),
        ({"kind": "path", "path": "/a", "port": 1}, "path has no key 'port'"),
        (["tcp"], "a list has no keys"),
    ],
)
def test_a_probe_that_no_host_understands_is_refused(raw: Any, said: str) -> None:
    with pytest.raises(UsageError) as problem:
        vault_values.probe(raw)
    assert said in str(problem.value)


def test_every_kind_of_probe_of_the_agent_is_known_here() -> None:
    assert list(vault_values.PROBES) == list(Program("agent").PROBES)
    assert vault_values.probe({"kind": "tcp", "port": "443", "wait": "0.5"}) == {
        "kind": "tcp",
        "port": 443,
        "wait": 0.5,
    }


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "'target' is missing"),
        ({"target": None}, "'target' is missing"),
        ({"target": "tomcat"}, "tomcat is not changed on hosts"),
        ({"target": "nginx", "version": 1.2}, "'version' came as the number 1.2"),
        ({"target": "nginx", "params": "x"}, "'params': a str has no keys"),
        ({"target": "nginx", "check": "nginx -t"}, "'check' is not a list"),
        ({"target": "nginx", "action": "bounce"}, "unknown action 'bounce'"),
        ("nginx", "a str has no keys"),
    ],
)
def test_a_server_that_cannot_be_is_named(raw: Any, said: str) -> None:
    with pytest.raises(UsageError) as problem:
        tls.Server.of(raw, policy="aspect")
    assert f"tls server: {said}" in str(problem.value)


def test_one_endpoint_may_stand_without_a_list() -> None:
    one = tls.Server.of({"target": "nginx", "endpoints": "a:443, b:443", "configs": "/x/*.conf"}, policy="p")
    assert one.endpoints == ("a:443", "b:443")
    assert one.configs == ("/x/*.conf",)


@pytest.mark.parametrize("value", [12345678, True, 1.5])
def test_a_secret_that_yaml_took_for_a_number_is_told_so(value: object) -> None:
    with pytest.raises(InputError, match="is a number or a boolean, not a text") as problem:
        checked({"db": value}, "the vault")
    assert str(value) not in str(problem.value)


def test_a_directory_that_cannot_be_the_agent_s_is_an_answer() -> None:
    answer = Program("agent").answer_to({"verb": "status", "state": "relative/dir"})
    assert (answer["state"], answer["msg"]) == ("refused", "relative/dir is not an absolute path")


def test_a_host_that_could_not_be_looked_at_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not examined: etc/nginx\.conf is not an absolute path"):
        here(state=str(tmp_path)).ask("facts", read=["etc/nginx.conf"])


@pytest.mark.parametrize(
    ("value", "found"), [(0, 0), ("30", 30), (2.5, 2.5), ("1e3", 1000), (999_999_999, 999_999_999)]
)
def test_a_number_is_whole_where_it_can_be(value: object, found: float) -> None:
    made = vault_values.number(value, "wait")
    assert (made, type(made)) == (found, type(found))


@pytest.mark.parametrize("value", [-1, 1e9, "inf", "nan", True, None, "soon", [1]])
def test_what_no_clock_of_a_host_waits_for_is_no_number(value: object) -> None:
    with pytest.raises(UsageError, match=r"wait: .* is not a number from 0 on"):
        vault_values.number(value, "wait")
