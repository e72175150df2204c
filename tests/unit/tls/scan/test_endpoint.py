"""The endpoint grammar of docs/cli.md."""

from __future__ import annotations

import json
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hardening.cli import run
from hardening.errors import ExitCode, HardeningError, InputError, UsageError
from hardening.tls.scan import endpoint
from hardening.tls.scan.endpoint import expand, parse, read_list
from hardening.tls.scan.engine.rate_limit import RateLimits


@pytest.mark.parametrize(
    ("text", "host", "port", "starttls"),
    [
        ("example.com", "example.com", 443, None),
        ("example.com:8443", "example.com", 8443, None),
        ("[::1]:9443", "::1", 9443, None),
        ("::1", "::1", 443, None),
        ("https://example.com/", "example.com", 443, None),
        ("smtp://mail.example.com", "mail.example.com", 25, "smtp"),
        ("smtps://mail.example.com", "mail.example.com", 465, None),
        ("imap://[2001:db8::1]:1143", "2001:db8::1", 1143, "imap"),
        ("mysql://db", "db", 3306, "mysql"),
        ("rdp://10.0.0.1", "10.0.0.1", 3389, "rdp"),
    ],
)
def test_what_an_endpoint_means(text: str, host: str, port: int, starttls: str | None) -> None:
    one = parse(text)
    assert (one.host, one.port, one.starttls) == (host, port, starttls)


@pytest.mark.parametrize(
    "text", ["", ":443", "host:", "host:0", "host:70000", "host:x", "gopher://h", "[::1", "a b"]
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


def test_names_are_sent_and_addresses_are_not() -> None:
    assert parse("Example.COM.").server_name == "example.com"
    assert parse("192.0.2.1").server_name is None
    assert parse("192.0.2.1", sni="site.example").server_name == "site.example"
    assert parse("h", starttls="smtp").port == 25


@given(st.text(max_size=40))
def test_any_text_is_an_endpoint_or_a_clear_refusal(text: str) -> None:
    said: tuple[str, ...]
    try:
        one = parse(text)
    except HardeningError as problem:
        said = (str(problem), problem.hint)
    else:
        said = (one.host, one.text)
        assert 0 < one.port < 65536
    assert all(said)


def test_ranges_want_to_be_allowed() -> None:
    with pytest.raises(UsageError, match="range of 4 addresses"):
        list(expand(["192.0.2.0/30"], allow_ranges=False))
    assert list(expand(["192.0.2.0/30:8443", "h"], allow_ranges=True)) == [
        "192.0.2.1:8443",
        "192.0.2.2:8443",
        "h",
    ]
    with pytest.raises(UsageError, match="more than"):
        list(expand(["10.0.0.0/8"], allow_ranges=True))


def test_a_list_has_comments_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "endpoints"
    path.write_text("# site one\nhost-a:8443  # panel\n\nsmtp://host-b\n")
    assert read_list(path) == ["host-a:8443", "smtp://host-b"]


def test_a_list_written_on_windows_is_one(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.txt"
    path.write_bytes("\ufeffhost-a\r\n192.0.2.0/30\r\n".encode())
    assert read_list(path) == ["host-a", "192.0.2.0/30"]


@pytest.mark.parametrize("junk", ["not an endpoint", "foo://x", "host:99999", "https://a b/path", "[::1"])
def test_a_line_that_is_none_is_named(junk: str, tmp_path: Path) -> None:
    path = tmp_path / "endpoints.txt"
    path.write_text(f"host-a\n\n{junk}\n")
    with pytest.raises(UsageError, match=r"endpoints\.txt: line 3: ") as caught:
        read_list(path)
    assert caught.value.hint


def test_a_name_behind_an_endpoint_is_the_server_name() -> None:
    one = endpoint.parse("192.0.2.1:8443#www.example")
    assert (one.host, one.port, one.server_name, one.text) == (
        "192.0.2.1",
        8443,
        "www.example",
        "192.0.2.1:8443#www.example",
    )
    assert endpoint.parse("https://a.example/x#y").server_name == "a.example"
    with pytest.raises(UsageError, match="not a server name"):
        endpoint.parse("192.0.2.1#a b")


def test_each_endpoint_is_asked_for_each_name() -> None:
    asked = list(endpoint.named(["a:1", "b:2#own"], ["x.example", "y.example", "x.example"]))
    assert asked == ["a:1#x.example", "a:1#y.example", "b:2#own"]
    assert list(endpoint.named(["a:1"], [])) == ["a:1"]


def test_the_names_of_an_audit_are_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = tmp_path / "site.conf"
    conf.write_text(
        "server {\n listen 8443 ssl;\n server_name a.example b.example *.example;\n ssl_certificate x;\n}\n"
    )
    report = tmp_path / "audit.json"
    run(["tls", "audit", str(conf), "--target", "nginx@1.20.1-el7", "--report", f"json={report}"])
    assert sorted(endpoint.of_audit(report)) == [("a.example", 8443), ("b.example", 8443)]
    empty = tmp_path / "empty.json"
    (tmp_path / "note.txt").write_text("hello\n")
    run(["bundle", "audit", str(tmp_path / "note.txt"), "--report", f"json={empty}"])
    capsys.readouterr()
    with pytest.raises(InputError, match="no virtual server"):
        endpoint.of_audit(empty)
    code = run(
        ["tls", "scan", "127.0.0.1", "--from-audit", str(report), "--timeout", "0.2", "--format", "json"]
    )
    subjects = json.loads(capsys.readouterr().out)["subjects"]
    assert code == ExitCode.NOTHING_EXAMINED
    assert [one["id"] for one in subjects] == ["127.0.0.1:8443#a.example", "127.0.0.1:8443#b.example"]


def test_what_a_server_calls_itself_is_no_name_that_clients_ask_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ldap` and a frontend's name were asked for, and looked up as hosts where no endpoint was given."""
    confs = {
        "nginx.conf": "events {}\nhttp { server { listen 443 ssl; server_name a.example 192.0.2.1 intranet; ssl_certificate x; } }\n",
        "slapd.conf": "TLSCertificateFile /c\nTLSCertificateKeyFile /k\ndatabase mdb\n",
        "haproxy.cfg": "frontend www\n bind :443 ssl crt /c\n",
    }  # fmt: skip
    for name, text in confs.items():
        (tmp_path / name).write_text(text)
    report = tmp_path / "audit.json"
    run(["tls", "audit", *(str(tmp_path / name) for name in confs), "--report", f"json={report}"])
    assert endpoint.of_audit(report) == [("a.example", 443)]
    capsys.readouterr()
    run(["tls", "scan", "[::1]", "[::1]:2", "127.0.0.1:1", "127.0.0.1", "--from-audit", str(report), "--timeout", "0.2",
         "--format", "json"])  # fmt: skip
    subjects = json.loads(capsys.readouterr().out)["subjects"]
    assert sorted(one["id"] for one in subjects) == [
        "127.0.0.1:1#a.example", "127.0.0.1:443#a.example", "[::1]:2#a.example", "[::1]:443#a.example",
    ]  # fmt: skip


def test_names_share_one_pace() -> None:
    whole = RateLimits()
    part = whole.shared(4)
    assert (part.rate * 4, part.burst * 4, part.parallel) == (whole.rate, whole.burst, 1)
