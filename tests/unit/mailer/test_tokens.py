"""Tokens without a service: what MSAL answers, which credential is asked, how long a token is kept."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msal
import pytest
import requests

from hardening.errors import InputError
from hardening.mailer import tokens
from hardening.mailer.error_catalogue import ServiceAnswer
from hardening.mailer.net import RefusedBy
from hardening.mailer.secret import Secret
from hardening.mailer.settings import Credential, MailerSettings, load
from hardening.mailer.tokens import Token, Tokens

DOCUMENT = """
tenant = " example.com "
client_id = " c "
mailbox = "a@example.com"
transports = ["smtp"]
[credential]
secret_file = "one"
[next_credential]
secret_file = "two"
"""
SCOPE = "https://outlook.office365.com/.default"


@pytest.fixture
def settings(tmp_path: Path) -> MailerSettings:
    (tmp_path / "mailer.toml").write_text(DOCUMENT)
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"{name}-value-{name}\n")
        (tmp_path / name).chmod(0o600)
    return load(tmp_path / "mailer.toml")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: now[0]))
    return now


class Service:
    """What MSAL is told: an answer, or what it raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.says: Any = {}
        self.status = 0
        self.body = b"{}"
        self.asked: dict[str, Any] = {}
        monkeypatch.setattr(msal, "ConfidentialClientApplication", self._application)

    def _application(self, client: str, **how: Any) -> Service:
        self.asked = {"client": client, **how}
        if self.status:
            last = requests.Response()
            last.status_code, last._content = self.status, self.body
            last.headers["Retry-After"] = "7"
            how["http_client"].last = last
        return self

    def acquire_token_for_client(self, scopes: list[str]) -> Any:
        """Answer as MSAL does."""
        assert scopes == [SCOPE]
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def refusal(self, settings: MailerSettings) -> ServiceAnswer:
        """Return why there is no token."""
        with pytest.raises(RefusedBy) as caught:
            tokens.acquire(settings, settings.credentials[0], SCOPE)
        return caught.value.answer


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(monkeypatch)


def test_a_token_is_asked_for_at_the_tenant_and_nobody_else(
    settings: MailerSettings, service: Service, clock: list[float]
) -> None:
    service.says = {"access_token": "opaque", "expires_in": "1200"}
    got = tokens.acquire(settings, settings.credentials[0], SCOPE)
    assert (got.value.reveal(), got.ends, dict(got.claims)) == ("opaque", clock[0] + 1200, {})
    assert service.asked["authority"] == "https://login.microsoftonline.com/example.com"
    assert service.asked["client"] == "c"
    assert service.asked["instance_discovery"] is False
    assert service.asked["client_credential"] == "one-value-one"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, 3600), ("nan", 3600), ("inf", 3600), (1e6, 3600), (999_999, 999_999), ("soon", 3600), (60, 60)],
)
def test_a_lifetime_that_cannot_be_is_an_hour(
    settings: MailerSettings, service: Service, clock: list[float], said: object, seconds: float
) -> None:
    service.says = {"access_token": "t", "expires_in": said}
    assert tokens.acquire(settings, settings.credentials[0], SCOPE).ends == clock[0] + seconds


@pytest.mark.parametrize("value", ["two words", "line\n", "", "\x7f", 7, None])
def test_what_is_no_token_is_sent_nowhere(settings: MailerSettings, service: Service, value: object) -> None:
    service.says, service.status = {"access_token": value}, 200
    found = service.refusal(settings)
    assert (found.name, found.status) == ("foreign", 200)


def test_a_refusal_keeps_its_numbers_once_and_no_secret(settings: MailerSettings, service: Service) -> None:
    text = "AADSTS7000215: one-value-one is wrong\nTrace AADSTS700016 " + "x" * 400
    told = {
        "error": "invalid_client",
        "error_codes": [7000215, "x", -1],
        "error_description": text,
        "trace_id": "t",
    }
    service.says, service.status = told, 401
    found = service.refusal(settings)
    assert found == ServiceAnswer(
        where="token", status=401, name="invalid_client", codes=(7000215, 700016),
        text="AADSTS7000215: [secret] is wrong", trace="trace_id=t", retry_after=7.0,
    )  # fmt: skip


def test_what_a_portal_says_holds_no_secret_either_and_has_an_end(
    settings: MailerSettings, service: Service
) -> None:
    service.says = {"error": "one-value-one " * 100, "correlation_id": "one-value-one " * 100}
    found = service.refusal(settings)
    assert "one-value-one" not in found.name + found.trace
    assert len(found.name) <= 300
    assert len(found.trace) <= 300


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (200, b"<html>", "foreign"),
        (500, b"<html>", ""),
        (511, b"<html>", "foreign"),
        (499, b"[]", "foreign"),
        (400, b'{"error": "invalid_grant"}', "invalid_grant"),
        (0, b"", ""),
        (200, b'{"token_endpoint": "https://x"}', ""),
    ],
)
def test_what_is_behind_an_exception_is_told(
    settings: MailerSettings, service: Service, status: int, body: bytes, name: str
) -> None:
    service.says, service.status, service.body = ValueError("one-value-one"), status, body
    found = service.refusal(settings)
    assert found.name == name
    assert "one-value-one" not in found.text
    asked = status and b"token_endpoint" not in body
    assert found.status == (status if asked else 0)


def test_a_pair_that_cannot_be_used_is_named(
    settings: MailerSettings, service: Service, tmp_path: Path
) -> None:
    for name in ("c", "k"):
        (tmp_path / name).write_text("no PEM")
        (tmp_path / name).chmod(0o600)
    pair = Credential(place="credential", certificate_file=tmp_path / "c", key_file=tmp_path / "k")
    service.says = ValueError("x")
    with pytest.raises(InputError, match="not a usable pair"):
        tokens.acquire(settings, pair, SCOPE)


def _spelled(value: object) -> str:
    return "a." + base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=") + ".c"


@pytest.mark.parametrize(
    ("token", "found"),
    [
        (_spelled({"roles": ["a"]}), {"roles": ["a"]}),
        (_spelled([1]), {}),
        ("opaque", {}),
        ("a.!.c", {}),
        ("a..c", {}),
    ],
)
def test_claims_are_a_table_or_none(token: str, found: dict[str, object]) -> None:
    assert tokens.claims(token) == found


def test_scopes_are_those_of_the_ways_out_and_of_the_calendars(
    settings: MailerSettings, tmp_path: Path
) -> None:
    graph = "https://graph.microsoft.com/.default"
    assert tokens.scopes(settings) == (SCOPE,)
    path = tmp_path / "more.toml"
    path.write_text(DOCUMENT + '[calendars]\nmailboxes = ["a@example.com"]\nvia = "graph"\n')
    assert tokens.scopes(load(path)) == (graph, SCOPE)


class Asked:
    """Stands for `acquire`: gives tokens, or refuses, by the credential's place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
        self.refuses: dict[str, str] = {}
        self.of: list[str] = []
        self.clock = clock
        monkeypatch.setattr(tokens, "acquire", self.acquire)

    def acquire(self, _settings: MailerSettings, credential: Credential, _scope: str) -> Token:
        """Ask."""
        self.of.append(credential.place)
        if credential.place in self.refuses:
            name = self.refuses[credential.place]
            raise RefusedBy(ServiceAnswer(where="token", status=401, name=name, text=credential.place))
        return Token(Secret("t"), {}, self.clock[0] + 3600, credential)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> Asked:
    return Asked(monkeypatch, clock)


def test_a_token_is_kept_until_shortly_before_its_end(
    settings: MailerSettings, asked: Asked, clock: list[float]
) -> None:
    kept = Tokens(settings)
    first = kept.get(SCOPE)
    clock[0] += 3299
    assert kept.get(SCOPE) is first
    kept.get("another")
    clock[0] += 1
    assert kept.get(SCOPE) is not first
    assert asked.of == ["credential"] * 3


def test_a_staged_credential_steps_in_where_the_first_is_refused(
    settings: MailerSettings, asked: Asked
) -> None:
    asked.refuses = {"credential": "invalid_client"}
    assert Tokens(settings).get(SCOPE).credential.place == "next_credential"
    asked.refuses = {"credential": "temporarily_unavailable"}
    asked.of.clear()
    with pytest.raises(RefusedBy):
        Tokens(settings).get(SCOPE)
    assert asked.of == ["credential"]


def test_where_all_are_refused_the_first_refusal_is_told(settings: MailerSettings, asked: Asked) -> None:
    asked.refuses = dict.fromkeys(("credential", "next_credential"), "invalid_client")
    with pytest.raises(RefusedBy) as caught:
        Tokens(settings).get(SCOPE)
    assert caught.value.answer.text == "credential"
    assert asked.of == ["credential", "next_credential"]


def test_a_token_that_still_holds_serves_while_the_service_is_away(
    settings: MailerSettings, asked: Asked, clock: list[float]
) -> None:
    kept = Tokens(settings)
    first = kept.get(SCOPE)
    asked.refuses = {"credential": "temporarily_unavailable"}
    clock[0] += 3599
    assert kept.get(SCOPE) is first
    clock[0] += 1
    with pytest.raises(RefusedBy):
        kept.get(SCOPE)


@pytest.mark.parametrize(
    ("said", "roles", "over"),
    [
        ({"roles": ["a", 1], "exp": 1001}, ["a", "1"], False),
        ({"roles": None, "exp": "999.5"}, [], True),
        ({"roles": "Mail.Send", "exp": None}, [], True),
        ({"exp": [1]}, [], True),
        ({"exp": 10**400}, [], True),
        ({"exp": "nan"}, [], True),
        ({}, [], True),
    ],
)
def test_a_token_may_say_anything_of_itself(
    settings: MailerSettings, clock: list[float], said: dict[str, object], roles: list[str], over: bool
) -> None:
    token = Token(Secret("t"), said, clock[0] + 1, settings.credentials[0])
    assert (token.roles, token.over) == (roles, over)


def test_a_certificate_goes_with_its_key(
    settings: MailerSettings, service: Service, tmp_path: Path, clock: list[float]
) -> None:
    for name in ("card", "key"):
        (tmp_path / name).write_text(f"{name} in PEM\n")
        (tmp_path / name).chmod(0o600)
    service.says = {"access_token": "t"}
    pair = Credential(place="credential", certificate_file=tmp_path / "card", key_file=tmp_path / "key")
    assert tokens.acquire(settings, pair, SCOPE).ends == clock[0] + 3600
    assert service.asked["client_credential"] == {
        "private_key": "key in PEM\n", "public_certificate": "card in PEM\n",
    }  # fmt: skip
