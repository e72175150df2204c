"""Texts within scripts, rows of SQL, and the words around a value: each is read as what it is."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.letters import is_gibberish
from bundle.detect.credentials.judging.values import Strength, strength
from hardening.findings import Confidence, Finding, InFile
from tests.support.bundle.detect.credentials.plant.members import Look, made, member

FIRST, SECOND = made(random.Random(21)), made(random.Random(22))


def _lines(found: list[Finding]) -> list[int | None]:
    sure = [f.location for f in found if f.confidence >= Confidence.MEDIUM]
    return [at.line for at in sure if isinstance(at, InFile)]


@pytest.mark.parametrize(
    "text",
    [f"chpasswd <<EOF\nroot:{FIRST}\nEOF\n", f"passwd site <<'END'\n{FIRST}\nEND\n", f"ftp -n host <<-X\n\tuser up {FIRST}\n\tX\n",
     f"ftp -n host <<X\nquote PASS {FIRST}\nX\n", f"cat > /etc/ppp/chap-secrets <<X\nvpn * {FIRST} *\nX\n",
     f"cat > /root/.my.cnf <<EOF\npassword={FIRST}\nEOF\n", f"mysql -u root <<EOF\nALTER ROLE a PASSWORD '{FIRST}';\nEOF\n"],
)  # fmt: skip
def test_what_a_script_feeds_to_a_program_or_writes_to_a_file(look: Look, text: str) -> None:
    assert _lines(look("install.sh", "#!/bin/sh\n" + text)) == [3]


def test_a_page_of_the_manual_is_no_list_of_accounts_by_its_name(look: Look) -> None:
    line = f"keeper pppd {FIRST}"
    assert _lines(look("etc/ppp/l2tp-secrets.5", f"# kept\n{line}\n")) == [2]
    assert not look(
        "man5/l2tp-secrets.5", f'.TH "l2tp-secrets" "5"\n{line}\n.SH FORMAT\nThe file holds one\n'
    )


def test_what_a_script_only_prints_is_no_answer(look: Look) -> None:
    assert not look("install.sh", f"#!/bin/sh\ncat <<EOF\nroot:{FIRST}\n{SECOND}\nEOF\n")


def test_every_row_of_an_insert_and_of_a_copy_counts(look: Look) -> None:
    insert = f"INSERT INTO users (id, login, pw) VALUES\n(1, 'a', '{FIRST}'),\n(2, 'it''s', MD5('{SECOND}')),\n(3, 'b', ?);\n"
    assert _lines(look("db/users.sql", insert)) == [2, 3]
    copied = f"COPY public.users (id, login, password) FROM stdin;\n1\ta\t{FIRST}\n2\tb\t\\N\n\\.\n"
    assert _lines(look("db/users.sql", copied)) == [2]


def test_a_table_names_the_columns_that_an_insert_does_not(look: Look) -> None:
    table = "CREATE TABLE `users` (\n  `id` int(11) NOT NULL,\n  `password` varchar(80),\n  PRIMARY KEY (`id`)\n);\n"
    assert _lines(look("db/dump.sql", f"{table}INSERT INTO `users` VALUES (1,'{FIRST}');\n")) == [6]
    assert not look("db/dump.sql", f"{table}INSERT INTO `other` VALUES (1,'{FIRST}');\n")


def test_a_statement_that_never_ends_is_read_for_a_bounded_time(credentials: Credentials) -> None:
    text = "INSERT INTO users (id, password) VALUES " + "(1, 'x', (((" * 50_000
    assert not list(credentials.check(member("a.sql", text), "b"))


@pytest.mark.parametrize(
    ("path", "text"),
    [("a.json", '{{"body": "{{\\"password\\": \\"{}\\"}}"}}'), ("a.yml", "db_pass: &one {}"), ("a.yml", "password: !!str {}"),
     ("a.yml", "password: >-\n  {}"), ("a.toml", "password = '''{}'''"), ("a.properties", "a.password=\\\n    {}"), ("a.py", "password = u'{}'"),
     ("a.pl", "my $password = q{{{}}};"), ("a.pl", '$cfg{{password}} = "{}";'), ("a.cs", 'string Kennwort {{ get; set; }} = "{}";'),
     ("a.kt", 'val password: String = "{}"'), ("a.config", '[{{default_pass, <<"{}">>}}].'), ("a.yml", "- user: name=x password={{{{ '{}' | hash }}}}"),
     ("a.cpp", 'std::map<string, string> m = {{{{"password", "{}"}}}};')],
)  # fmt: skip
def test_ways_to_write_a_literal(look: Look, path: str, text: str) -> None:
    assert _lines(look(path, text.format(FIRST) + "\n")) == [1 + text.count("\n")]


@pytest.mark.parametrize(
    "line",
    ["other_pass: *one", "rootpw --lock", "log4j.logger.password=DEBUG", "$pw = Read-Host 'Password'", "htpasswd: path=/x name=y",
     "password: 1f7d************************d629e", 'x = ["password", "second4"]'],
)  # fmt: skip
def test_ways_to_write_no_literal(look: Look, line: str) -> None:
    assert not _lines(look("a.yml", line + "\n"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("motDePasse", Kind.PASSWORD), ("mot_de_passe", Kind.PASSWORD), ("contrase\xc3\xb1a", Kind.PASSWORD), ("l\xc3\xb6senord", Kind.PASSWORD),
     ("has\xc5\x82o", Kind.PASSWORD), ("password_utente", Kind.LIKELY), ("password_confirmation", Kind.LIKELY), ("options.password", Kind.LIKELY),
     ("password_hint", None), ("clave_primaria", None), ("compass", None), ("passport", None), ("validationKey", Kind.TOKEN)],
)  # fmt: skip
def test_names_in_other_languages_and_of_second_fields(name: str, kind: Kind | None) -> None:
    assert kind_of(name) is kind


def test_letters_that_make_no_word_are_generated() -> None:
    pick = random.Random(3)
    texts = ["".join(pick.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(10)) for _ in range(300)]
    assert sum(map(is_gibberish, texts)) > 240
    words = "username benutzer configuration passwoord rememberMe utilisateur authentification wachtwoord contrasena encryption".split()
    assert not any(map(is_gibberish, words))
    assert strength(next(filter(is_gibberish, texts))) is Strength.MIXED


def test_a_random_value_is_not_taken_for_a_note_to_do() -> None:
    assert strength("MEAxkTtBDxP2") is Strength.MIXED
    assert strength("tbd") is Strength.NO


def test_a_usual_password_in_a_test_opens_nothing(look: Look) -> None:
    (tested,) = look("tests/test_login.py", "password = 'secret'\n")
    (shipped,) = look("sample/login.py", "password = 'secret'\n")
    assert (tested.confidence, shipped.confidence) == (Confidence.LOW, Confidence.MEDIUM)


def test_the_gate_sees_an_option_behind_a_word_of_the_same_letters(
    credentials: Credentials, plain: Credentials
) -> None:
    text = f"vncpassword={FIRST}\nx11vnc -passwd {SECOND} -display :0\npassword =\npassword = {FIRST}\n"
    said = list(credentials.check(member("a.conf", text), "b"))
    assert said == list(plain.check(member("a.conf", text), "b"))
    assert _lines(said) == [1, 2, 4]


def test_the_code_of_a_phar_is_read_without_its_files(credentials: Credentials) -> None:
    file = f"<?php\n$c = mysql_connect('db2', 'keeper', '{SECOND}');\n".encode()
    stub = f"<?php\n$c = mysql_connect('db2', 'keeper', '{FIRST}');\n__HALT_COMPILER(); ?>\r\n".encode()
    row = (1).to_bytes(4, "little") + b"a" + len(file).to_bytes(4, "little") * 6
    body = (1).to_bytes(4, "little") + bytes(10) + row
    for behind, wanted in ((len(body).to_bytes(4, "little") + body + file, [2]), (b"\n" + file, [2, 6])):
        one = replace(member("a.phar", stub + behind), format="php")
        assert _lines(list(credentials.check(one, "b.zip"))) == wanted


def test_what_editors_of_windows_put_into_a_text_is_none_of_it(look: Look) -> None:
    assert _lines(look("a/cameras.csv", f"\ufeffIP;Password\r\n10.4.0.31;{FIRST}\r\n")) == [2]
    assert _lines(look("root/.pgpass", f"db2:5432:plant:keeper:{FIRST}\r\n*:*:*:keeper:{SECOND}\r\n")) == [
        1,
        2,
    ]
