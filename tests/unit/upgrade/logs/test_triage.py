"""Upgrade logs: the three forms of one sentence, every known message, and what nobody knows."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.redact.lines import redacted
from hardening.errors import DataError, ExitCode, InputError
from hardening.findings import Confidence, Examined, Finding, Run, Severity
from hardening.upgrade.logs.opened import opened
from hardening.upgrade.logs.patterns import Message, load, shipped
from hardening.upgrade.logs.prefilter import LogGate, loose
from hardening.upgrade.logs.triage import Triage
from tests.support.upgrade.logs.triages import ENGINES, triage

EXAMPLES = [pytest.param(m, e, id=f"{m.rule.id}-{i}") for m in shipped() for i, e in enumerate(m.examples)]


def run(tmp_path: Path, text: str | bytes) -> Run:
    log = tmp_path / "upgrade.log"
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    return triage().logs([log])


def one(found: Run, rule: str) -> Finding:
    (finding,) = [f for f in found.findings if f.rule.id == rule]
    return finding


MYSQLCHECK = """mysql.event                                        OK
mysql.func                                         OK
mysql.general_log
Error    : You can't use locks with log tables.
status   : OK
mysql.help_category                                OK
mysql.slow_log
Error    : You can't use locks with log tables.
status   : OK
"""


def test_the_check_of_a_log_table_is_benign(tmp_path: Path) -> None:
    found = run(tmp_path, MYSQLCHECK)
    finding = one(found, "log/mysql-log-table-lock-check")
    assert (finding.level, finding.confidence) == (Severity.INFO, Confidence.HIGH)
    assert "2 times (lines 4, 8)" in finding.message
    assert found.exit_code() is ExitCode.OK


@pytest.mark.parametrize(
    "prefix",
    [
        "Mar  3 02:11:09 site-7 debian-start[1423]: ",
        "2024-03-03T02:11:09Z ",
        "[2024-03-03 02:11:09] ",
        "02:11:09 ",
        "    ",
        "mysql_upgrade: ",
    ],
)
def test_a_prefix_on_each_line_changes_nothing(tmp_path: Path, prefix: str) -> None:
    found = run(tmp_path, "".join(prefix + line + "\n" for line in MYSQLCHECK.splitlines()))
    assert one(found, "log/mysql-log-table-lock-check").confidence is Confidence.HIGH
    assert found.exit_code() is ExitCode.OK


def test_without_its_block_it_is_benign_with_less_confidence(tmp_path: Path) -> None:
    found = run(tmp_path, "Upgrading database\n\nError : You can't use locks with log tables\n\ndone\n")
    finding = one(found, "log/mysql-log-table-lock-check")
    assert (finding.level, finding.confidence) == (Severity.INFO, Confidence.MEDIUM)


@pytest.mark.parametrize(
    ("before", "after"),
    [("mysql.general_log", "status   : Corrupt"), ("aspect.trendlog", "status   : OK")],
)
def test_the_same_sentence_elsewhere_is_a_warning(tmp_path: Path, before: str, after: str) -> None:
    found = run(tmp_path, f"{before}\nError    : You can't use locks with log tables.\n{after}\n")
    assert one(found, "log/mysql-log-table-lock-check").level is Severity.LOW


def test_a_dump_that_stopped_at_it_stops_the_upgrade(tmp_path: Path) -> None:
    found = run(
        tmp_path, "mysqldump: Got error: 1556: You can't use locks with log tables. when using LOCK TABLES\n"
    )
    assert one(found, "log/mysql-log-table-lock-dump").level is Severity.HIGH
    assert found.exit_code() is ExitCode.FINDINGS


def test_a_restore_that_stopped_at_it_stops_the_upgrade(tmp_path: Path) -> None:
    found = run(tmp_path, "ERROR 1556 (HY000) at line 12: You can't use locks with log tables.\n")
    assert one(found, "log/mysql-log-table-lock-restore").level is Severity.HIGH
    assert found.exit_code() is ExitCode.FINDINGS


@pytest.mark.parametrize(
    "before",
    [
        "  ",
        "02:11:09 ",
        "02:11:09.123 ",
        "mysql: ",
        "/usr/bin/mysql: ",
        "Mar  3 02:11:09 site-7 restore[7]:   ",
    ],
)
def test_what_stands_before_a_fatal_line_does_not_hide_it(tmp_path: Path, before: str) -> None:
    """Indented by a script, stamped, or with the client's name: the restore has stopped."""
    found = run(
        tmp_path,
        f"Restoring\n{before}ERROR 1556 (HY000) at line 12: You can't use locks with log tables.\r\n",
    )
    assert one(found, "log/mysql-log-table-lock-restore").level is Severity.HIGH
    assert found.exit_code() is ExitCode.FINDINGS


@pytest.mark.parametrize(
    "colours", [("\x1b[31m", "\x1b[0m"), ("\x1b[1;31m\x1b[K", "\x1b[m\x1b[K"), ("\x1b[0m  ", "")]
)
def test_colours_of_a_recorded_terminal_change_nothing(tmp_path: Path, colours: tuple[str, str]) -> None:
    begin, end = colours
    log = tmp_path / "session.log"
    for line, rule in (
        ("Error : You can't use locks with log tables", "log/mysql-log-table-lock-check"),
        (
            "ERROR 1556 (HY000) at line 12: You can't use locks with log tables.",
            "log/mysql-log-table-lock-restore",
        ),
    ):
        log.write_text(f"{begin}{line}{end}\n")
        for engine in ENGINES:
            (finding,) = triage(engine).logs([log]).findings
            assert (finding.rule.id, finding.evidence) == (rule, line)


def test_a_level_in_brackets_is_no_prefix(tmp_path: Path) -> None:
    assert one(run(tmp_path, "[ERROR] the flux valve is stuck\n"), "log/unknown").evidence.startswith(
        "[ERROR]"
    )


def test_a_torn_gzip_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    lines = b"mysql.host OK\n" * 5000
    packed = gzip.compress(lines + b"mysqldump: Got error: 1556: You can't use locks\n" + lines)
    found = run(tmp_path, packed[:-12])
    assert one(found, "log/mysql-log-table-lock-dump").level is Severity.HIGH
    assert found.subjects[0].examined is Examined.PARTIAL
    assert "damaged gzip" in found.subjects[0].reason
    assert one(found, "walk/corrupt").level is Severity.INFO


@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 8])
def test_a_log_that_could_not_be_read_is_a_finding_and_one_subject(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "upgrade.log"
    log.write_bytes(content)
    found = Triage().logs([log, log])
    assert [(f.rule.id, f.level) for f in found.findings] == [("walk/nothing", Severity.INFO)]
    assert len(found.subjects) == 1
    assert found.exit_code() is ExitCode.NOTHING_EXAMINED


def test_a_typographic_apostrophe_is_the_same_sentence(tmp_path: Path) -> None:
    found = run(tmp_path, "mysql.slow_log\nError : You can\u2019t use locks with log tables\nstatus : OK\n")
    assert found.exit_code() is ExitCode.OK
    assert len(found.findings) == 1


def test_a_service_that_was_not_running_before_it_started(tmp_path: Path) -> None:
    good = "Stopping httpd:                                            [FAILED]\nStarting httpd:                                            [  OK  ]\n"
    assert one(run(tmp_path, good), "log/svc-stop-failed").level is Severity.INFO
    alone = good.splitlines()[0] + "\nnext step\n"
    assert one(run(tmp_path, alone), "log/svc-stop-failed").level is Severity.LOW


@pytest.mark.parametrize(("message", "example"), EXAMPLES)
def test_every_example_is_found_as_what_it_is(tmp_path: Path, message: Message, example: str) -> None:
    assert message.regex.search(example)
    found = run(tmp_path, f"all is well\n{example}\nall is well\n")
    assert found.findings, "the gate did not let it through"
    said = max(f.level for f in found.findings)
    assert said >= message.meaning.severity or message.context, "a known message was judged milder than it is"


@pytest.mark.parametrize("message", [m for m in shipped() if m.counter_examples], ids=lambda m: m.rule.id)
def test_counter_examples_are_something_else(message: Message) -> None:
    assert [e for e in message.counter_examples if message.regex.search(e)] == []


def test_ids_are_unique_and_there_are_as_many_as_documented() -> None:
    ids = [m.rule.id for m in shipped()]
    assert len(ids) == len(set(ids)) == 174


def test_an_unknown_error_is_shown_and_counted_once_for_its_kind(tmp_path: Path) -> None:
    text = "".join(f"engine: fatal: driver {n} cannot be opened\n" for n in range(1000)) + "0 errors\n"
    found = run(tmp_path, text)
    finding = one(found, "log/unknown")
    assert "1000 times" in finding.message
    assert finding.evidence == "engine: fatal: driver 0 cannot be opened"
    assert found.exit_code() is ExitCode.FINDINGS
    assert found.subjects[0].stats["lines"] == 1001


def test_many_kinds_of_unknown_errors_are_bounded_and_accounted_for(tmp_path: Path) -> None:
    words = ["".join(chr(97 + int(d)) for d in str(n)) for n in range(300)]
    found = run(tmp_path, "".join(f"error in {word}\n" for word in words))
    unknown = [f for f in found.findings if f.rule.id == "log/unknown"]
    assert len(unknown) == 51
    assert any("250 times" in f.message for f in unknown)


def test_no_secret_of_the_log_comes_through(tmp_path: Path) -> None:
    lines = (
        "error: GRANT ALL ON *.* TO 'a'@'%' IDENTIFIED BY 'Zx81-spectrum'",
        "error: password=Zx81-spectrum rejected",
        "error: mysql -u root -pZx81-spectrum failed",
        "error: jdbc:mysql://app:Zx81-spectrum@db/aspect failed",
        "error: Authorization: Bearer Zx81-spectrum failed",
    )
    found = run(tmp_path, "\n".join(lines))
    assert len(found.findings) >= 4
    assert "Zx81" not in repr(found)


@given(st.text(min_size=4, max_size=30, alphabet=st.characters(categories=("L", "N"))))
def test_a_password_after_its_word_is_always_masked(secret: str) -> None:
    assert secret not in redacted(f"FATAL password={secret} at step").replace(
        "FATAL password=*** at step", ""
    )


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ('password="kohl rabi 7" rejected', "password=*** rejected"),
        (r'password="kohl\" rabi 7" rejected', "password=*** rejected"),
        ("password: 'kohl rabi", "password: ***"),
        ('{"api_key": "kohl rabi 7", "n": 1}', '{"api_key": ***, "n": 1}'),
        (
            "GRANT ALL ON a.* TO b IDENTIFIED BY 'kohl''rabi' FAILED",
            "GRANT ALL ON a.* TO b IDENTIFIED BY *** FAILED",
        ),
        ("tool --password kohlrabi7 --host a", "tool --password *** --host a"),
        ("value a$2K!x is invalid", "value *** is invalid"),  # messages name OpenSSL 1.0.2k
        ("tool --password='kohl rabi' --host a", "tool --password=*** --host a"),
        ("mysql -u root -p'kohl rabi' failed", "mysql -u root -p*** failed"),
        ("curl -u admin:kohlrabi7 http://a/ failed", "curl -u admin:*** http://a/ failed"),
        ("Access denied for user 'root'@'localhost' (using password: YES)", None),
        ("Access denied for user 'root'@'localhost' (using password: NO)", None),
        ("tokens left: none", "tokens left: none"),
        ("curl -H 'Authorization: Bearer kohl7' http://a/", "curl -H 'Authorization: Bearer ***' http://a/"),
        (
            "{'Authorization': 'Basic a29obDpyYWJp', 'Host': 'a'}",
            "{'Authorization': 'Basic ***', 'Host': 'a'}",
        ),
        ('{"authorization":"Bearer kohl.rabi"}', '{"authorization":"Bearer ***"}'),
        ("Authorization=Bearer kohl&rabi", "Authorization=Bearer ***"),
        ("Proxy-Authorization: token ghp_kohlrabi", "Proxy-Authorization: token ***"),
        ('Authorization: Digest username="a", response="5ccc0"', "Authorization: Digest ***"),
        ("error: invalid token ghp_kohlrabi77 given", "error: invalid token *** given"),
        ("error: access_token 'kohlrabi-77.x' given", "error: access_token '***' given"),
        ("rejected: bearer kohl.rabi.77", "rejected: bearer ***"),
        ('WWW-Authenticate: Bearer realm="site", error="invalid_token"', None),
        ("error: token expired, the next one is of today", None),
        ("line 7: syntax error near unexpected token `newline'", None),
        ("Unexpected token < in JSON at position 10", None),
        ("authorization failed for 10.0.0.1", None),
    ],
)
def test_secrets_in_lines_are_masked_whole_and_nothing_else(line: str, masked: str | None) -> None:
    assert redacted(line) == (line if masked is None else masked)


def test_gzip_and_pipe_like_files_and_windows_line_ends(tmp_path: Path) -> None:
    packed = run(tmp_path, gzip.compress(MYSQLCHECK.replace("\n", "\r\n").encode()))
    assert one(packed, "log/mysql-log-table-lock-check").confidence is Confidence.HIGH
    cut = run(tmp_path, gzip.compress(MYSQLCHECK.encode() * 50)[:60])
    assert cut.subjects[0].examined is Examined.PARTIAL or cut.subjects[0].examined is Examined.NONE


@pytest.mark.parametrize(("name", "pack"), [("bzip2", bz2.compress), ("xz", lzma.compress)])
def test_other_packers(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    data = pack(MYSQLCHECK.encode() * 500)
    assert one(run(tmp_path, data), "log/mysql-log-table-lock-check").confidence is Confidence.HIGH
    torn = run(tmp_path, data[:-20]).subjects[0]
    assert torn.examined is not Examined.FULL
    assert f"damaged {name} file" in torn.reason


def test_a_log_that_unpacks_to_more_than_there_is_room_for_is_said_to_be_cut(tmp_path: Path) -> None:
    log = tmp_path / "a.gz"
    log.write_bytes(gzip.compress(b"all is well\n" * 1_000_000))
    with opened(log, most=1 << 20) as (content, problem):
        assert len(content) == 1 << 20
        assert problem == "more than 1048576 bytes"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_what_windows_writes_is_read(tmp_path: Path, encoding: str) -> None:
    """PowerShell's redirection writes UTF-16, an editor puts a mark before the first line."""
    text = "ERROR 1556 (HY000) at line 12: You can't use locks with log tables.\r\nmore\r\n"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    found = run(tmp_path, (mark + text).encode(encoding))
    assert one(found, "log/mysql-log-table-lock-restore").level is Severity.HIGH


@pytest.mark.parametrize("hole", [20, 4096, 100_000])
@pytest.mark.parametrize("before", [b"", b"all is well\n"])
def test_a_hole_of_zero_bytes_hides_nothing(tmp_path: Path, hole: int, before: bytes) -> None:
    """A power cut leaves zero bytes in a log; so does a rotation that cuts the file under a program that writes on."""
    line = b"ERROR 1556 (HY000) at line 12: You can't use locks with log tables.\n"
    found = run(tmp_path, before + b"\0" * hole + line)
    assert one(found, "log/mysql-log-table-lock-restore").level is Severity.HIGH


@pytest.mark.parametrize("fill", ["download 1%\r" * 3, "x" * 8190, "x" * 50_000])
def test_what_a_progress_bar_or_a_long_line_ends_with_is_seen(tmp_path: Path, fill: str) -> None:
    found = run(tmp_path, f"{fill}mysqldump: Got error: 1556: You can't use locks\n")
    assert one(found, "log/mysql-log-table-lock-dump").level is Severity.HIGH


def test_an_error_after_a_carriage_return_begins_a_line(tmp_path: Path) -> None:
    found = run(tmp_path, "restoring  1%\rrestoring  2%\rERROR 1556 (HY000) at line 12: You can't\n")
    assert one(found, "log/mysql-log-table-lock-restore").level is Severity.HIGH


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 5000, b"\x7fELF\0\0\0\0", b"\x1f\x8bbroken", b"a.txt\0\0\0000644\0" + b"\0" * 500]
)
def test_what_is_no_log_is_said_and_never_a_pass(tmp_path: Path, data: bytes) -> None:
    assert run(tmp_path, data).exit_code() is ExitCode.NOTHING_EXAMINED


def test_a_log_that_was_packed_twice_is_said_and_never_a_pass(tmp_path: Path) -> None:
    packed = gzip.compress(bz2.compress(MYSQLCHECK.encode() * 9))
    assert run(tmp_path, packed).exit_code() is ExitCode.NOTHING_EXAMINED


def test_absent_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.log", tmp_path):
        with pytest.raises(InputError):
            triage().logs([path])


def test_both_engines_say_the_same_of_one_long_line(tmp_path: Path) -> None:
    """Every example in one line: of each piece the gravest is said."""
    log = tmp_path / "all.log"
    log.write_text(MYSQLCHECK + (" " * 300).join(f"{e}" for m in shipped() for e in m.examples) + "\n")
    first, second = triage().logs([log]), triage("plain").logs([log])
    assert first.findings == second.findings
    assert len(first.findings) > 5


def test_both_engines_say_the_same(tmp_path: Path) -> None:
    log = tmp_path / "all.log"
    log.write_text(MYSQLCHECK + "".join(f"{e}\nquiet line\n" for m in shipped() for e in m.examples))
    first, second = triage().logs([log]), triage("plain").logs([log])
    assert triage()._gate.engine == "hyperscan"
    assert first.findings == second.findings
    assert len(first.findings) > 60


@given(st.text(alphabet="abc^$. \n", max_size=60))
def test_the_loose_pattern_matches_wherever_the_exact_one_does(text: str) -> None:
    for pattern in (r"^ab+c$", r"a[^b]c", r"(?i)A(?!b)c", r"\^a|\.b$"):
        exact = re.compile(pattern)
        if exact.search(text):
            assert re.search(loose(exact), text, exact.flags)


def test_a_gate_yields_each_line_once_and_in_order() -> None:
    gate = LogGate([re.compile("a"), re.compile("a+b")])
    assert list(gate.lines(b"x\naab a\n\nb\na")) == [(2, 7), (11, 12)]


def test_a_users_own_messages(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        "[[message]]\nid = 'site-7'\nclass = 'benign'\nprogram = 'engine'\nregex = 'engine: fatal: driver'\n"
        "why = 'the spare driver is not fitted here'\naction = 'none'\n"
    )
    log = tmp_path / "a.log"
    log.write_text("engine: fatal: driver 3 cannot be opened\n")
    found = Triage(load(own)).logs([log])
    assert [f.rule.id for f in found.findings] == ["log/site-7"]
    assert found.exit_code() is ExitCode.OK


@pytest.mark.parametrize(
    ("more", "title", "why", "verified"),
    [
        ("", "p: warn message", "w", "yes"),
        ("phase='start'\nsource='s'\n", "p (start): warn message", "w", "yes; s"),
        ("verified='no'\n", "p: warn message", "w (text verified: no)", "no"),
    ],
)
def test_a_message_says_whose_it_is_when_it_comes_and_how_sure_its_text_is(
    tmp_path: Path, more: str, title: str, why: str, verified: str
) -> None:
    own = tmp_path / "own.toml"
    own.write_text("[[message]]\nid='x'\nclass='warn'\nprogram='p'\nregex='a'\nwhy='w'\naction='a'\n" + more)
    (found,) = load(own)
    assert (found.rule.title, found.rule.rationale, found.rule.remedy) == (title, why, "a")
    assert found.verified == verified


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[message]]\nid = 'x'\n", r"own\.toml: message\[0\]\.class: is missing"),
        (
            "[[message]]\nid='x'\nclass='benign'\nprogram='p'\nregex='('\nwhy='w'\naction='a'\n",
            "not a regular expression",
        ),
        (
            "[[message]]\nid='x'\nclass='nice'\nprogram='p'\nregex='a'\nwhy='w'\naction='a'\n",
            "'nice' is not one of",
        ),
        (
            "[[message]]\nid='x'\nclass='warn'\nprogram='p'\nregex='a'\nwhy='w'\naction='a'\nexamples=['a', 'b']\n",
            r"message\[0\]\.examples\[1\]: is not matched",
        ),
        (
            "[[message]]\nid='x'\nclass='warn'\nprogram='p'\nregex='a'\nwhy='w'\naction='a'\ncounter_examples=['b', 'a']\n",
            r"message\[0\]\.counter_examples\[1\]: is matched",
        ),
        (
            "[[message]]\nid='x'\nclass='warn'\nprogram='p'\nregex='a'\nwhy='w'\naction='a'\nregexp='b'\n",
            r"message\[0\]\.regexp: is not a known key",
        ),
    ],
)
def test_a_users_mistake_names_file_and_key(tmp_path: Path, text: str, problem: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(DataError, match=problem):
        load(own)


@pytest.mark.parametrize(
    "line",
    [
        "near 'SET PASSWORD FOR 'root'@'localhost' = PASSWORD('SECRET')'",
        "ALTER USER a IDENTIFIED WITH mysql_native_password BY 'SECRET'",
        "mysqladmin -u root password 'SECRET'",
        "mysql --password='SEC RET SECRET' db",
        "curl -u admin:SECRET http://x",
        "echo 'root:SECRET' | /usr/sbin/chpasswd",
        "echo SECRET | passwd --stdin root",
        "keytool -storepass SECRET",
        "wget --http-password SECRET",
        "ldapsearch -D cn=x -w SECRET",
        "unzip -P SECRET a.zip",
        "useradd -p SECRET bob",
        "<dbPassword>SECRET</dbPassword>",
        "snmpwalk -v2c -c SECRET quay",
        "#0 db.php(15): mysqli_connect('localhost', 'root', 'SECRET', 'aspect')",
        "#1 db.php(9): PDO->__construct('mysql:host=q...', 'root', 'SECRET')",
    ],
)
def test_commands_and_statements_in_a_log_keep_their_secrets(line: str) -> None:
    secret = "tr0ub" + "4dor9x"
    assert secret not in redacted(f"error: {line.replace('SECRET', secret)} failed")


@pytest.mark.parametrize(
    "word",
    [
        "-a",
        "echo ",
        "mysqladmin ",
        "zip ",
        "ldapsearch ",
        "password ",
        "snmpget -c",
        "connect(",
        "login('",
        "token ",
        "token\t",
        "authorization: basic ",
    ],
)
def test_a_long_line_is_redacted_in_no_time(word: str) -> None:
    begun = time.monotonic()
    redacted(word * (200_000 // len(word)))
    assert time.monotonic() - begun < 5


TRANSLATED = [(m.rule.id, text) for m in shipped() for text in m.translations]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("code", ["utf-8", "latin-1", "iso8859-2"])
def test_a_full_disk_is_told_in_every_language_libc_speaks(tmp_path: Path, engine: str, code: str) -> None:
    assert len(TRANSLATED) > 60
    for rule, text in TRANSLATED:
        try:
            line = f"cp: /var/a.tar: {text}\n".encode(code)
        except UnicodeEncodeError:
            continue
        path = tmp_path / "upgrade.log"
        path.write_bytes(b"begin\n" + line + b"end\n")
        assert [f.rule.id for f in triage(engine).logs([path]).findings] == [rule], (text, code)


def test_a_sentence_of_another_script_is_no_translation(tmp_path: Path) -> None:
    assert run(tmp_path, "cp: На кухне не осталось свежего хлеба\n").findings == ()  # noqa: RUF001 - Russian
