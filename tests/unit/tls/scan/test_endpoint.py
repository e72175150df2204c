"""The endpoint grammar of docs/cli.md."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hardening.errors import HardeningError, UsageError
from hardening.tls.scan.endpoint import expand, parse, read_list


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
