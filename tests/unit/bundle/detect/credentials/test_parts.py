"""The parts of the detector, each by itself."""

from __future__ import annotations

import base64
import random
import re
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.detect import roles
from bundle.detect.credentials import Credentials
from bundle.detect.credentials.judging import decode, keyword
from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.values import Strength, is_placeholder, strength
from bundle.detect.credentials.statements.calls import arguments
from bundle.detect.credentials.texts import place
from bundle.walk.member import Member
from hardening import filters
from hardening.findings import Confidence, InFile, Role, Severity
from tests.support.bundle.detect.credentials.plant.members import Look, made, member
from tests.support.places import DATA

SEED = random.Random(6)


@pytest.mark.parametrize(
    "value",
    ["${DB}", "@DB_PASS@", "@PASSWORD", "{{ vault }}", "%(pass)s", "<password>", "********", "your_password", "$password",
     "%{User-Password}", "`cat x`", "'.$pass.'", "null", "http://x/", "/etc/secret", "{$enc}", ""],
)  # fmt: skip
def test_placeholders_are_no_secrets(value: str) -> None:
    assert is_placeholder(value)
    assert strength(value) is Strength.NO


@pytest.mark.parametrize(
    ("value", "said"),
    [("changeit", Strength.COMMON), ("admin123", Strength.COMMON), ("falcon", Strength.WORD), ("Falcon12!", Strength.MIXED),
     ("user_password", Strength.NO), ("two words", Strength.NO), ("text/plain", Strength.NO), ("2020-01-01", Strength.NO)],
)  # fmt: skip
def test_strength(value: str, said: Strength) -> None:
    assert strength(value) is said


@pytest.mark.parametrize(
    ("name", "kind"),
    [("db.password", Kind.PASSWORD), ("mail.password", Kind.PASSWORD), ("dbPasswd", Kind.PASSWORD), ("ROOT_PW", Kind.PASSWORD),
     ("smtp.password.base64", Kind.PASSWORD), ("SECURITY_CREDENTIALS", Kind.PASSWORD), ("api_key", Kind.TOKEN), ("clientSecret", Kind.TOKEN),
     ("password_field", None), ("passwordMinLength", None), ("compass", None), ("keyboard", None), ("password.hint", None)],
)  # fmt: skip
def test_names(name: str, kind: Kind | None) -> None:
    assert kind_of(name) is kind


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=30).filter(lambda v: v.strip()))
def test_what_is_written_in_base64_or_hex_is_read_again(value: str) -> None:
    if not value.isprintable():
        return
    raw = value.encode()
    assert decode.plain(raw.hex(), asked=True) == value or len(raw) < 3
    coded = base64.b64encode(raw).decode()
    if len(raw) > 3 and not all(c in "0123456789abcdefABCDEF" for c in coded):
        assert decode.plain(coded, asked=True) == value


@given(st.text(max_size=60), st.booleans())
def test_decoding_never_fails(value: str, asked: bool) -> None:
    decode.plain(value, asked=asked)
    decode.plain("OBF:" + value, asked=asked)
    decode.plain("{xor}" + value, asked=asked)


def test_jetty_and_websphere() -> None:
    from tests.support.bundle.detect.credentials.plant.values import jetty

    word = made(SEED)
    assert decode.plain(jetty(word), asked=False) == word
    sphere = "{xor}" + base64.b64encode(bytes(b ^ 0x5F for b in word.encode())).decode()
    assert decode.plain(sphere, asked=False) == word


_WORDS = st.text(alphabet="abcXYZ019 _,().;", max_size=12)


@given(st.lists(_WORDS, min_size=1, max_size=6))
def test_arguments_are_read_whatever_is_in_their_quotes(words: list[str]) -> None:
    found = arguments(", ".join(f'"{w}"' for w in words) + ");")
    assert [one.value for one in found] == words


@given(st.text(max_size=300))
def test_arguments_of_anything_never_fail(text: str) -> None:
    arguments(text)


def test_arguments_are_joined_and_named() -> None:
    first, second, third = arguments("'ab' . 'cd', $user, getenv(\"X\"))")
    assert (first.value, second.name, third.other) == ("abcd", "$user", True)


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [("a.php", "x", place.CODE), ("install.sh", "x", place.SHELL), ("README", "x", place.PROSE), ("README.md", "<?php", place.PROSE),
     (".env", "A=b", place.CONFIG), ("x", "a=b\nc=d\n", place.CONFIG), ("Dockerfile", "FROM x", place.SHELL), ("x", "create table a", place.SQL)],
)  # fmt: skip
def test_style(path: str, content: str, kind: str) -> None:
    assert place.style(member(path, content)) == kind


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("b/usr/share/doc/x/NEWS.gz", "NEWS"), "/usr/share/doc/x/NEWS"),
        (("b", "usr/share/doc/x/NEWS.gz", "NEWS"), "usr/share/doc/x/NEWS"),
        (("b", "usr/share/x/guide.epub", "part_2.html"), "usr/share/x/guide.epub/part_2.html"),
        (("b/docs/x.tar.gz", "x.tar", "etc/x.conf"), "etc/x.conf"),
        (("b/docs/x.zip", "x.conf"), "x.conf"),
        (("b/etc/x.conf",), "/etc/x.conf"),
    ],
)
def test_what_was_packed_alone_lies_where_its_package_lay(parts: tuple[str, ...], path: str) -> None:
    assert place.inside(Member(parts=parts, kind="file", size=1, content=b"x"), "b") == path


def test_vectors_and_files_called_examples_are_what_they_are_called() -> None:
    assert roles.is_test("feed_vectors/HPKE/a.json")
    assert roles.is_test("share/hpke-test-vectors.json")
    assert roles.is_test("lib/gate/__pycache__/test_gate.cpython-312.pyc")
    assert roles.is_test("lib/Gate/SelfTest/Protocol/kdf.py")
    assert not roles.is_test("lib/gate/__pycache__/latest_gate.cpython-312.pyc")
    assert not roles.is_test("share/vectors.json")
    assert roles.by_path("data/examples-1.json")[0] in (Role.EXAMPLE, Role.SAMPLE)
    assert roles.by_path("etc/sample.conf")[0] in (Role.EXAMPLE, Role.SAMPLE)
    assert roles.by_path("etc/resampler.conf")[0] not in (Role.EXAMPLE, Role.SAMPLE)


def test_words_that_are_tried_are_no_accounts(look: Look) -> None:
    words = "".join(f"word{n}\n" for n in range(80))
    assert not look("share/tried.pwd", f"{words}life=good7\n")
    assert look("share/tried.pwd", "keeper=Pebble88lark\n")


def test_documentation_and_comments_are_examples(look: Look) -> None:
    line = f"db.password={made(SEED)}\n"
    (plain,) = look("conf/a.properties", line)
    (doc,) = look("docs/a.properties", line)
    (comment,) = look("conf/a.properties", "#" + line)
    assert plain.confidence is Confidence.HIGH
    (usual,) = look("docs/a.properties", "db.password=S3cr3t!\n")
    assert (doc.level, doc.confidence) == (Severity.INFO, Confidence.MEDIUM)
    assert (usual.level, usual.confidence) == (Severity.INFO, Confidence.LOW)
    assert comment.confidence < Confidence.HIGH


@pytest.mark.parametrize(
    "mark", ["gitleaks:allow", "betterleaks:allow", "pragma: allowlist secret", "trufflehog:ignore"]
)
def test_marks_of_other_scanners_hide_nothing_unless_they_are_trusted(look: Look, mark: str) -> None:
    line = f'password = "{made(SEED)}"  # {mark}'
    (found,) = look("a.py", line)
    assert found.counts
    left = filters.marked(found, line)
    assert (left.counts, left.left_out) == (False, filters.INLINE)
    assert filters.marked(found, line.partition("#")[0]).counts


def test_translations_are_not_findings(look: Look) -> None:
    assert not look("lang/de.php", "<?php\n$lang['password'] = 'Kennwort';\n$lang['pwd'] = 'Passwort2';\n")


def test_a_github_token_without_its_checksum_is_less_sure(look: Look) -> None:
    from tests.support.bundle.detect.credentials.plant.corpus import github

    good = "ghp_" + github(SEED)
    (sure,) = look("a.txt", f"x {good}\n")
    (unsure,) = look("a.conf", f"x {good[:-3]}{'abc' if not good.endswith('abc') else 'abd'}\n")
    assert "checksum" not in sure.message
    assert unsure.confidence < Confidence.HIGH
    assert "checksum" in unsure.message


def test_an_entity_that_is_none_hides_no_finding(look: Look) -> None:
    """`&#55A;` is not a number; the detector failed on the whole file (found by fuzzing)."""
    assert len(look("a.xml", '<a password="Zk3&#55A;pwx9q"/>\n<b password="Zk3&#65;&#x42;pwx9q"/>\n')) == 2
    assert look("a.sh", "mysql -u root -p'Zk3&#55A;pwx9q' db\n")


def test_the_constants_of_a_class_are_not_joined(credentials: Credentials) -> None:
    """One literal after another is one value in C and Python; in the text of a class each stands for itself."""
    from bundle.walk.derive.bytecode import class_constants
    from tests.unit.bundle.walk.test_derive import java_class

    def found(value: str) -> list[Confidence]:
        text, _ = class_constants(java_class({"PASSWORD_PROPERTY": value}, ["JKS", "CLIENT_CERT"]))
        one = Member(parts=("b", "X.class"), kind="file", size=len(text), content=text, derived="constants")
        return [finding.confidence for finding in credentials.check(one, "b")]

    assert found("org.eclipse.jetty.ssl.password") == []
    assert len(found("Zk3pwx9q")) == 1


def test_a_call_that_means_many_things_needs_more_than_a_word(credentials: Credentials) -> None:
    assert not credentials.compiled.judged("createConnection", [None, "POST"])
    assert credentials.compiled.judged("createConnection", ["admin", "Zk3pw.x9"])
    assert credentials.compiled.judged("createConnection", [None, "Zk3pw.x9"])


def test_the_default_of_javas_stores_counts_less_in_a_program(look: Look) -> None:
    (constant,) = look("A.java", 'static final String DEFAULT_KEYSTORE_PASSWORD = "changeit";\n')
    (given,) = look("app.properties", "server.keystorePassword=changeit\n")
    (other,) = look("A.java", 'static final String DEFAULT_ADMIN_PASSWORD = "changeit";\n')
    assert constant.level is Severity.LOW
    assert "default of Java's key stores" in constant.message
    assert given.level > Severity.LOW
    assert other.level > Severity.LOW


def test_the_name_of_a_setting_is_no_password_in_a_program(look: Look) -> None:
    assert not look("A.java", 'static final String PASSWORD_PROPERTY = "org.eclipse.jetty.ssl.password";\n')
    assert look("A.java", 'static final String PASSWORD = "zk3pw9.x9qm.aa7b";\n')


def test_the_name_of_a_setting_is_no_password(credentials: Credentials) -> None:
    assert not credentials.compiled.judged("login", [None, "dfs.keytab.file", "dfs.kerberos.principal"])
    assert credentials.compiled.judged("login", [None, "root", "Zk3pw.x9"])
    assert not credentials.compiled.judged("=PASSWORD_PROPERTY", ["org.eclipse.jetty.ssl.password"])
    assert credentials.compiled.judged("=PASSWORD", ["Zk3pw.x9"])


@settings(max_examples=60)
@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_no_reason_to_fail(credentials: Credentials, data: bytes) -> None:
    for path in ("a.php", "a.xml", "a.properties", "a.sh", "a.sql", ".pgpass"):
        list(credentials.check(member(path, b'$password = "' + data + b'";\nmysql_connect(' + data), "b"))


def test_a_name_of_any_length_costs_no_time(look: Look) -> None:
    """The patterns of paths look at what a host could store; minutes of search would be a hostile archive's to ask for."""
    began = time.process_time()
    look("password_" * 6000 + ".conf", "password = Xy7zuQpl2\n")
    assert (
        time.process_time() - began < 10
    )  # a fraction of a second, and under coverage on a slow machine one


def test_a_name_without_a_stem_promises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked at in full only where a stem stands in them: without that look nothing else comes out."""
    words = re.findall(r"\w[\w.-]+", (DATA / "bundle/credentials/classes.txt").read_text())
    words += [*keyword._PASSWORDS, *("mot_de_passe", "chiaveSegreta", "wpaKey", "rsa-key", "contrase\u00f1a")]
    quick = {word: keyword.kind_of(word) for word in words}
    assert all(quick[word] for word in keyword._PASSWORDS)
    monkeypatch.setattr(keyword, "_STEMS", re.compile(""))
    assert {word: keyword.kind_of.__wrapped__(word) for word in words} == quick


@pytest.mark.parametrize("coding", ["utf-16", "utf-32"])
def test_wide_texts_are_said_once_and_with_their_own_lines(credentials: Credentials, coding: str) -> None:
    text = "[db]\nhost=a\npassword=Marble-gate44\n"
    one = replace(member("a.ini", text), content=text.encode(coding))
    assert [f.location.line for f in credentials.check(one, "b.zip") if isinstance(f.location, InFile)] == [3]
    assert not list(credentials.check(replace(member("a.ini", text), derived="utf-16"), "b.zip"))


def test_lines_that_end_as_on_old_macs(credentials: Credentials) -> None:
    said = list(credentials.check(member("a.ini", "[db]\rhost=a\rpassword=Marble-gate44\rport=5\r"), "b.zip"))
    assert [f.location.line for f in said if isinstance(f.location, InFile)] == [3]


def test_programs_in_a_folder_of_languages_are_no_texts(credentials: Credentials) -> None:
    assert list(credentials.check(member("languages/a.c", '#define FEED_PASSWORD "falcon"\n'), "b.zip"))
    assert not list(
        credentials.check(member("languages/a.php", "<?php $l['password'] = 'Parole';\n"), "b.zip")
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [("OB1\\uDe00A", "OB1\ufffdA"), ("k\\ud83d\\ude00x", "k\U0001f600x"), ("caf\\u00e9", "caf\u00e9")],
)
def test_half_a_character_is_none(look: Look, written: str, meant: str) -> None:
    assert decode.unescaped(written) == meant
    look("db/a.sql", f'sfr uri="\\t{written} password={written}')  # which must not end the reading
    assert decode.entities("a&#xD800;b") == "a\ufffdb"
