"""How the relay reads and writes a mail's parts, function by function: what programs write in odd forms, mail has in good ones."""

from __future__ import annotations

from email.header import decode_header, make_header
from typing import Any

import pytest

from hardening.onhost.relay import message

UMLAUT = "\N{LATIN SMALL LETTER U WITH DIAERESIS}"


@pytest.mark.parametrize(
    ("raw", "headers", "body"),
    [
        (b"Subject: a\n\nb\n", [("subject", b"Subject: a")], b"b\r\n"),
        (b"Subject: a\r\rb\r", [("subject", b"Subject: a")], b"b\r\n"),
        (b"SUBJECT : a\r\n\tb\r\n c\r\nTo: d\r\n\r\n", [("subject", b"SUBJECT : a\r\n\tb\r\n c"), ("to", b"To: d")], b""),
        (b"Subject: a\n\nb\n\nc\n", [("subject", b"Subject: a")], b"b\r\n\r\nc\r\n"),
        (b"Subject: a", [("subject", b"Subject: a")], b""),
        (b"\nall: text\n", [], b"all: text\r\n"),
        (b"no header at all\nb: c\n\nd", [], b"no header at all\r\nb: c\r\n\r\nd"),
        (b"a: b\nno header\n\nc", [], b"a: b\r\nno header\r\n\r\nc"),
        (b"", [], b""),
    ],
)  # fmt: skip
def test_a_mail_is_parted_into_headers_and_body(raw: bytes, headers: list[Any], body: bytes) -> None:
    assert message.split_mail(raw) == (headers, body)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Subject: one\r\nSubject: two", "one"),
        (b"Subject:  pump \r\n\t 3:  failed ", "pump 3: failed"),
        (f"Subject: {UMLAUT}".encode(), UMLAUT),
        (f"Subject: {UMLAUT}".encode("latin-1"), UMLAUT),
        (b"Subject: =?utf-8?b?w7w=?= 3", f"{UMLAUT} 3"),
        (b"Subject: =?no-such-set?q?a?=", "=?no-such-set?q?a?="),
        (b"X-Other: a", ""),
    ],
)
def test_a_headers_text_is_read_on_one_line_in_any_encoding(raw: bytes, text: str) -> None:
    assert message.header(message.split_mail(raw)[0], "subject") == text


@pytest.mark.parametrize("name", ["subject", "comments", "keywords", "x-place"])
def test_letters_in_a_header_that_people_read_become_ascii(name: str) -> None:
    told = message.ascii_header(name, f"{name}:  {UMLAUT}ber\r\n {UMLAUT}".encode())
    assert told.isascii()
    assert str(make_header(decode_header(told.decode().partition(": ")[2]))) == f"{UMLAUT}ber {UMLAUT}"


@pytest.mark.parametrize(
    ("name", "line"), [("subject", b"Subject:  a"), ("to", f"To: {UMLAUT}@a.example".encode())]
)
def test_a_header_in_ascii_and_an_address_are_left_alone(name: str, line: bytes) -> None:
    assert message.ascii_header(name, line) == line


@pytest.mark.parametrize("length", [1, 21, 22, 200])
def test_a_text_that_is_no_ascii_is_written_in_words_of_the_length_mail_allows(length: int) -> None:
    made = message.encode_value(UMLAUT * length)
    assert all(len(word) <= 75 for word in made.split("\r\n "))
    assert str(make_header(decode_header(made))) == UMLAUT * length
    assert message.encode_value("in ascii\r\nBcc: a\0b") == "in ascii Bcc: a b"


@pytest.mark.parametrize(
    ("known", "body", "charset"),
    [
        ([], b"ascii", None),
        ([], UMLAUT.encode(), "utf-8"),
        ([], UMLAUT.encode("latin-1"), "iso-8859-1"),
        (["subject", "content-type"], UMLAUT.encode(), None),
        (["mime-version"], UMLAUT.encode(), None),
        (["content-transfer-encoding"], UMLAUT.encode(), None),
    ],
)
def test_how_letters_are_written_is_said_where_nobody_did(
    known: list[str], body: bytes, charset: str | None
) -> None:
    told = message.charset_headers(known, body)
    wanted = [
        "MIME-Version: 1.0",
        f"Content-Type: text/plain; charset={charset}",
        "Content-Transfer-Encoding: 8bit",
    ]
    assert told == (wanted if charset else [])


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_recipients_are_folded_into_lines_of_78_letters_and_none_is_lost(count: int) -> None:
    to = [f"operator.{number:02}@site.example" for number in range(count)]
    lines = message.to_header(to).split("\r\n")
    assert [one.strip() for one in " ".join(lines).removeprefix("To:").split(",")] == to
    assert all(len(line) <= 78 for line in lines)
    assert message.to_header(["a" * 90]) == "To: " + "a" * 90  # nothing stands alone before it


@pytest.mark.parametrize(("length", "lines"), [(36, 1), (37, 2)])
def test_as_many_recipients_stand_in_a_line_as_it_takes(length: int, lines: int) -> None:
    assert message.to_header(["a" * 36, "b" * length]).count("\r\n") == lines - 1


@pytest.mark.parametrize("length", [997, 998, 999, 1988, 5000])
@pytest.mark.parametrize("letter", ["a", UMLAUT, "\N{EURO SIGN}", "\U0001f514"])
def test_a_line_is_broken_between_letters_where_it_is_longer_than_smtp_knows(
    length: int, letter: str
) -> None:
    for text in ("x" * shift + letter * (length // len(letter.encode())) for shift in range(4)):
        made = message.break_long_lines(b"short\r\n" + text.encode() + b"\r\nend")
        assert max(map(len, made.split(b"\r\n"))) <= 998
        assert made.decode().replace("\r\n ", "") == f"short\r\n{text}\r\nend"
        assert (b"\r\n " in made) is (len(text.encode()) > 998)


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        (b"", b" one\r\ntwo\r\n", "one\ntwo"),
        (b"Content-Type: TEXT/plain; charset=x", b"a", "a"),
        (b"Content-Type: text/html", b"<p>a", "(not plain text)"),
        (b"Content-Transfer-Encoding: BASE64", b"YQ==", "a"),
        (b"Content-Transfer-Encoding: base64", b"YQ", "(unreadable)"),
        (b"Content-Transfer-Encoding: quoted-printable", b"=C3=BC=\r\n3", f"{UMLAUT}3"),
    ],
)
def test_the_text_of_a_mail_is_read_for_a_digest_as_far_as_it_can_be(
    headers: bytes, body: bytes, text: str
) -> None:
    assert message.digest_text(message.split_mail(headers)[0], body) == text


@pytest.mark.parametrize(
    ("moment", "date"),
    [(0, "Thu, 01 Jan 1970 00:00:00 +0000"), (1_798_675_199, "Wed, 30 Dec 2026 23:59:59 +0000")],
)
def test_a_date_is_written_as_mail_has_it_whatever_language_the_host_speaks(moment: int, date: str) -> None:
    assert message.date_header(moment) == date
