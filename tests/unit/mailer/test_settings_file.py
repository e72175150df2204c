"""What a settings file means where it says little, and what it may not say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hardening.errors import DataError, HardeningError
from hardening.mailer.settings import Credential, MailerSettings, Permission, Proxy, Transport, load

LEAST = 'tenant = "t"\nclient_id = "c"\nmailbox = "a@example.com"\n'
SECRET = '[credential]\nsecret_file = "mailer.secret"\n'
Said = Callable[..., MailerSettings]


@pytest.fixture
def said(tmp_path: Path) -> Said:
    def read(*tables: str, top: str = "", credential: str = SECRET) -> MailerSettings:
        path = tmp_path / "mailer.toml"
        path.write_text("\n".join((LEAST, top, credential, *tables)))
        return load(path)

    return read


def test_what_is_not_said_is_the_public_clouds_own(said: Said, tmp_path: Path) -> None:
    one = said()
    assert one.sender == one.mailbox == "a@example.com"
    assert one.transports == (Transport.GRAPH, Transport.SMTP)
    assert one.calendars_via is Transport.GRAPH
    assert (one.permission, one.proxy, one.ca_file, one.timeout) == (Permission.AUTO, None, None, 20)
    assert (one.endpoints.smtp, one.endpoints.graph) == (f"{one.cloud.smtp}:587", one.cloud.graph)
    assert (one.limits.per_minute, one.limits.recipients_per_day, one.limits.connections) == (30, 10_000, 3)
    assert (one.save_to_sent_items, one.calendars, one.recipients, one.relay) == (False, (), (), ())
    (credential,) = one.credentials
    assert (credential.place, credential.secret_file) == ("credential", tmp_path / "mailer.secret")
    assert not credential.is_certificate


def test_a_credential_staged_for_rotation_comes_second(said: Said, tmp_path: Path) -> None:
    first, second = said('[next_credential]\ncertificate_file = "n.pem"\nkey_file = "n.key"\n').credentials
    assert (first.place, second.place) == ("credential", "next_credential")
    assert second.is_certificate
    assert second.key_file == tmp_path / "n.key"


@pytest.mark.parametrize(
    ("top", "table", "via"),
    [
        ("", '[calendars]\nmailboxes = ["a@b.example"]\n', Transport.GRAPH),
        ('transports = ["ews"]', '[calendars]\nmailboxes = ["a@b.example"]\n', Transport.EWS),
        ('transports = ["ews", "smtp"]', "[calendars]\n", Transport.GRAPH),
        ("", '[calendars]\nvia = "ews"\n', Transport.EWS),
    ],
)
def test_calendars_are_read_the_way_mails_go_where_that_is_one(
    said: Said, top: str, table: str, via: Transport
) -> None:
    assert said(table, top=top).calendars_via is via


@pytest.mark.parametrize(
    "host",
    ["login.example", "login.example:443", "127.0.0.1:8443", "[::1]:8443", "[::1]"],
)
def test_an_endpoint_is_a_host_with_or_without_a_port(said: Said, host: str) -> None:
    assert said(f'[endpoints]\ngraph = "{host}"\n').endpoints.graph == host


@pytest.mark.parametrize(
    "host",
    ["", "https://login.example", "login.example/path", "login.example?a", "login.example:0", "login.example:65536",
     "login.example:x", ":443", "[::1", "name:word@login.example", "login.example:", "login example"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["authority", "smtp", "graph", "outlook"])
def test_what_is_no_host_is_refused_by_its_key(said: Said, key: str, host: str) -> None:
    with pytest.raises(DataError, match=rf"endpoints\.{key}: "):
        said(f'[endpoints]\n{key} = "{host}"\n')


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://proxy.example", ("proxy.example", 3128)),
        ("http://a:b@proxy.example:8080", ("proxy.example", 8080)),
    ],
)
def test_a_proxy_is_asked_on_its_port_or_on_the_usual_one(
    said: Said, url: str, address: tuple[str, int]
) -> None:
    proxy = said(f'[proxy]\nurl = "{url}"\n').proxy
    assert proxy == Proxy(url=url, smtp=True)
    assert proxy is not None
    assert proxy.address == address


@pytest.mark.parametrize(
    "url", ["https://proxy.example", "proxy.example:3128", "http://", "http://a:w0rd@:99999/"]
)
def test_a_proxy_that_is_none_is_refused_without_its_password(said: Said, url: str) -> None:
    with pytest.raises(DataError, match=r"proxy\.url: ") as caught:
        said(f'[proxy]\nurl = "{url}"\n')
    assert "w0rd" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("credential.secret_file", {"credential": "[credential]\n"}),
        ("credential.secret_file", {"credential": '[credential]\nsecret = "x"\nsecret_file = "y"\n'}),
        ("credential.key_file", {"credential": '[credential]\ncertificate_file = "x"\n'}),
        ("credential.key_file", {"credential": '[credential]\nsecret = "x"\nkey_file = "y"\n'}),
        ("transports", {"top": "transports = []"}),
        ("transports", {"top": 'transports = ["smtp", "smtp"]'}),
        ("transports", {"top": 'transports = ["fax"]'}),
        ("cloud", {"top": 'cloud = "blue"'}),
        ("timeout", {"top": "timeout = 0"}),
        ("timeout", {"top": "timeout = 601"}),
        ("calendars.via", {"credential": SECRET + '[calendars]\nvia = "smtp"\n'}),
        ("limits.per_second", {"credential": SECRET + "[limits]\nper_second = 1\n"}),
    ],
)
def test_a_mistake_is_told_by_its_key(said: Said, key: str, parts: dict[str, str]) -> None:
    with pytest.raises(DataError, match=rf"mailer\.toml: {key}: "):
        said(**parts)


@pytest.mark.parametrize("seconds", [1, 600])
def test_as_long_as_ten_minutes_may_be_waited(said: Said, seconds: int) -> None:
    assert said(top=f"timeout = {seconds}").timeout == seconds


def test_a_secret_in_the_document_is_shown_by_no_error(said: Said) -> None:
    with pytest.raises(HardeningError) as caught:
        said(credential="[credential]\nsecret = 4711\n")
    assert "4711" not in f"{caught.value}{caught.value.__cause__}"


def test_a_mark_before_the_text_is_no_part_of_it_and_utf_16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mailer.toml"
    path.write_text(LEAST + SECRET, encoding="utf-8-sig")
    assert load(path).tenant == "t"
    path.write_text(LEAST + SECRET, encoding="utf-16")
    with pytest.raises(DataError, match="is written in UTF-16"):
        load(path)


@pytest.mark.parametrize(
    ("text", "value"), [("w0rd\n", "w0rd"), ("w0rd\r\n", "w0rd"), (" w0rd \n\n", " w0rd \n")]
)
def test_a_secrets_file_may_end_with_one_line_end(tmp_path: Path, text: str, value: str) -> None:
    (tmp_path / "secret").write_bytes(text.encode())
    assert Credential(place="credential", secret_file=tmp_path / "secret").value().reveal() == value
