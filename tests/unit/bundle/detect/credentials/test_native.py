"""Literals of programs of machine code and of data: what tells itself there is found, messages and usages are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle import audit
from bundle.detect.credentials import Credentials
from bundle.detect.credentials.texts import native
from bundle.walk.member import Member
from hardening.findings import Confidence, InFile

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + bytes(range(256)) * 4
PE = b"MZ\x90\0\x03" + bytes(59) + bytes(range(256)) * 4


def member(data: bytes, form: str) -> Member:
    return Member(parts=("opt/ctl/engine",), kind="file", size=len(data), content=data, format=form)


def found(credentials: Credentials, literal: bytes, head: bytes = ELF) -> list[tuple[str, Confidence]]:
    data = head + b"\0" + literal + b"\0" + bytes(64)
    said = credentials.check(member(data, "pe" if head.startswith(b"MZ") else "elf"), "b.zip")
    return [(f.rule.id.removeprefix("credential/"), f.confidence) for f in said]


HIGH, MEDIUM = Confidence.HIGH, Confidence.MEDIUM


@pytest.mark.parametrize(
    ("literal", "rule"),
    [
        (b"mysql://aam:Vk8sQx72Lp@10.0.0.5/aam", "url"),
        (b"Server=10.0.0.5;Uid=aam;Pwd=Vk8sQx72Lp;Database=aam", "url"),
        (b"mysql -u root -pVk8sQx72Lp aam < /tmp/x.sql", "command-line"),
        (b"echo 'root:Vk8sQx72Lp' | chpasswd", "command-line"),
        (b"sshpass -p changeme ssh root@10.0.0.5 reboot", "command-line"),
        (b"root:$1$abcdefgh$D9rdsPZxwHLSPdlDbwZMe1:0:0:root:/root:/bin/sh", "password-hash"),
        (b"localhost\x04root)*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "password-hash"),
        (b"AKIAQ3EGA7MPLEKJ5Z2B", "service-token"),
        (b"CREATE USER 'aam'@'localhost' IDENTIFIED BY 'Vk8sQx72Lp';", "sql"),
        (b"SET PASSWORD FOR 'aam'@'%' = PASSWORD('Vk8sQx72Lp')", "sql"),
        (b"Authorization: Basic YWRtaW46Vms4c1F4NzJMcA==", "command-line"),
        (b"host=db user=feed password=Vk8sQx72Lp dbname=gate", "url"),
        (b"Server=.;Database=gate;User Id=sa;Password=Vk8sQx72Lp;", "url"),
        (b"ftp://feed:Vk8sQx72Lp@files/in", "url"),
        (b"ftp://feed:Vk8sQx72Lp@%s/in/%d", "url"),
        (b"sshpass -p Vk8sQx72Lp ssh root@%s reboot", "command-line"),
        (b"mysql -u root -pVk8sQx72Lp %s", "command-line"),
        (b"db.password=Vk8sQx72Lp", "assignment"),
        (b"DRIVER={MySQL};SERVER=db;UID=feed;PWD=Vk8sQx72Lp;", "url"),
        (b"INSERT INTO users (name, password) VALUES ('feed', 'Vk8sQx72Lp')", "sql"),
    ],
)  # fmt: skip
def test_a_literal_that_tells_itself_is_found(credentials: Credentials, literal: bytes, rule: str) -> None:
    assert [name for name, _ in found(credentials, literal)] == [rule]
    wide = b"".join(bytes((c, 0)) for c in literal)
    for head in (PE, PE + b"\0"):
        assert [name for name, _ in found(credentials, wide, head)] == [rule]


@pytest.mark.parametrize(
    "literal",
    [
        b"  ssh-keygen -p [-a rounds] [-f keyfile] [-m format] [-N new_passphrase]",
        b"You should set a password with usermod -p to unlock the password of this account.",
        b"Please retry with -destkeypass specified.",
        b"mysql -u%s -p%s %s",
        b"mysql -u root -p$ROOTPW < dump.sql",
        b"usage: tool --password=<password> HOST",
        b"Wrong passphrase: retrying",
        b"      psk = ret.psk;",
        b"postgres://user:password@host/db",
        b"pass4: check_ea_inode",
        b'{"username":"AzureDiamond","password":"hunter2"}',
        b"password=%s",
        b"ftp://user:%s@%s/in",
        b"ftp://feed:password@%s/in",
        b"sshpass -p %s ssh root@%s",
        b"cmds_pass: ?ctx?",
        b"CREATE USER '%s'@'%s' IDENTIFIED BY '%s'",
        b"  - password: password",
    ],
)
def test_a_message_is_none(credentials: Credentials, literal: bytes) -> None:
    assert [f for f in found(credentials, literal) if f[1] >= MEDIUM] == []


@pytest.mark.parametrize(
    "value", ["%s", "password", "secret", "$PASS", "<password>", "PASSWORD", "user_pass1", "{0}"]
)
@pytest.mark.parametrize(
    "literal",
    [
        "mysql -u root -p? gate", "sshpass -p ? ssh root@files", "echo root:? | chpasswd", "ftp://feed:?@files/in", "PWD=?",
        "host=db user=feed password=? dbname=gate", "Server=.;User Id=sa;Password=?;", "SET PASSWORD FOR root@localhost = PASSWORD('?')",
    ],
)  # fmt: skip
def test_what_is_to_be_filled_in_is_none(credentials: Credentials, literal: str, value: str) -> None:
    assert [f for f in found(credentials, literal.replace("?", value).encode()) if f[1] >= MEDIUM] == []


def test_a_password_in_many_literals_is_said_once(credentials: Credentials) -> None:
    many = b"\0".join([b"sshpass -p Vk8sQx72Lp ssh root@files"] * 400)
    assert [name for name, _ in found(credentials, many)] == ["command-line"]


def test_compiled_translations_are_none(credentials: Credentials) -> None:
    data = (
        b"\xde\x12\x04\x95"
        + bytes(24)
        + b"ipa host-add --password=Secret123 a.b\0mysql -u root -pVk8sQx72Lp aam\0"
    )
    assert list(credentials.check(member(data, "data"), "b.zip")) == []


def test_a_name_alone_is_less_sure_than_a_form(credentials: Credentials) -> None:
    assert found(credentials, b"db.password=Vk8sQx72Lp") == [("assignment", MEDIUM)]
    assert found(credentials, b"AKIAQ3EGA7MPLEKJ5Z2B") == [("service-token", HIGH)]


def test_both_engines_say_the_same(credentials: Credentials, plain: Credentials) -> None:
    data = (
        ELF
        + b"\0mysql://aam:Vk8sQx72Lp@10.0.0.5/aam\0db.password=Vk8sQx72Lp\0root:$1$ab$D9rdsPZxwHLSPdlDbwZMe1:0:0\0"
    )
    assert list(credentials.check(member(data, "elf"), "b")) == list(plain.check(member(data, "elf"), "b"))


@pytest.mark.parametrize("stray", [b"\0", b"\x01", b"\x1a", b"\x0b"])
def test_a_text_with_a_stray_mark_is_a_text(tmp_path: Path, stray: bytes) -> None:
    lines = b"# settings of the site\n" * 20 + b"[database]\nuser = aam\npassword = winterabend\n"
    (tmp_path / "app.ini").write_bytes(lines + stray)
    run = audit(tmp_path)
    assert [(f.rule.id, f.location.line) for f in run.findings if isinstance(f.location, InFile)] == [
        ("credential/assignment", 23)
    ]


def test_what_is_packed_or_sealed_is_no_text() -> None:
    assert native.is_text(b"a = b\n" * 100 + b"\0")
    assert not native.is_text(bytes(range(256)) * 40)
    assert not native.is_text(b"abc\0" * 40)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_offsets_hold_and_only_signs_of_a_text_stay(data: bytes) -> None:
    for before, after in zip(data, native.literals(data).data, strict=True):
        assert after == (before if before == 9 or 32 <= before < 127 else 10)


@pytest.mark.parametrize("form", ["data", "text"])
def test_what_vim_has_not_written_yet_is_read_in_lines(credentials: Credentials, form: str) -> None:
    page = b"b0VIM 9.0".ljust(4096, b"\0") + b"ad\0\0".ljust(64, b"\0")
    data = page + b"$db_password = 'Vk8sQx72Lp';\0$db_user = 'feed';\0$title = 'Password';\0<?php\0"
    one = Member(parts=("inc/.db.php.swp",), kind="file", size=len(data), content=data, format=form)
    assert [f.rule.id for f in credentials.check(one, "b.zip")] == ["credential/assignment"]
    other = Member(parts=("inc/.db.php.swp",), kind="file", size=4096, content=data[:4096], format=form)
    assert list(credentials.check(other, "b.zip")) == []
