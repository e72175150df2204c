"""Whole logs in the shape of CentOS 6 and 7, invented for this: what is benign stays benign, what is harmful is said."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from hardening.errors import ExitCode
from hardening.findings import Severity
from hardening.upgrade.logs.prefixes import PREFIXES
from tests.support.host.little import interpreter
from tests.support.places import DATA
from tests.support.upgrade.logs.triages import triage

CASES = DATA / "upgrade/logs/cases"
LOCK = {"mysql-log-table-lock-check": "info"}
SAID: dict[str, dict[str, str]] = {
    "el6-mysql-upgrade-good": LOCK,
    "el6-mysql-upgrade-crashed": {
        **LOCK,
        "mysql-check-corrupt": "high",
        "mysql-upgrade-failed": "high",
        "mysql-not-closed": "low",
        "unknown": "medium",
    },
    "el6-mysqlcheck-notes": {**LOCK, "mysql-engine-optimize-note": "info"},
    "el6-mysqlcheck-view": {
        **LOCK,
        "mysql-no-table": "high",
        "mysql-check-corrupt": "high",
        "unknown": "medium",
    },
    "el6-dump-locked": {"mysql-log-table-lock-dump": "high"},
    "el6-dump-lost": {"mysql-dump-failed": "high"},
    "el7-dump-good": {"mysql-password-cli": "info"},
    "el6-restore-locked": {"mysql-log-table-lock-restore": "high"},
    "el6-yum-good": {"yum-altered": "info", "httpd-fqdn": "info", "rpm-nokey": "low", "rpm-rpmnew": "low"},
    "el6-yum-broken": {"yum-verify": "high", "yum-skip-broken": "low"},
    "el6-yum-mirror": {"yum-mirror": "info", "yum-verify": "high"},
    "el6-rpm-disk-full": {"rpm-unpack": "high", "rpm-pre-fail": "high"},
    "el6-rpmdb": {"rpm-db": "high", "unknown": "medium"},
    "el7-services": {"systemd-link": "info", "systemd-failed": "high"},
    "el7-mysqld": {"mysql-innodb-recovery": "info", "mysql-no-table": "high"},
    "el7-yum-first-key": {"rpm-nokey": "low", "rpm-key-wanted": "info", "restorecon-absent": "info"},
    "el7-yum-no-key": {"rpm-nokey": "low", "rpm-key-wanted": "high", "yum-gpg-key": "high"},
    "el7-kernel": {
        "dracut-module": "info",
        "microcode-caveat": "info",
        "kernel-firmware": "info",
        "audit-status": "info",
        "kdump": "low",
    },
    "deb-apt-broken": {
        "apt-no-terminal": "info",
        "locale-fallback": "info",
        "svc-start-failed": "high",
        "dpkg-failed": "high",
        "apt-no-report": "info",
    },
    "ansible-ignored": {"ansible-task": "low"},
    "ansible-failed": {"ansible-task": "high", "ansible-recap": "high"},
    "deb-apt-sources": {"apt-failed": "high", "apt-old-index": "low", "unknown": "medium"},
    "el8-dnf-problem": {"dnf-problem": "high", "unknown": "medium"},
    "el8-dnf-skipped": {"dnf-problem": "low", "yum-nothing": "info"},
    "el8-services-behind": {"systemd-failed": "high", "php-fpm-no-start": "high", "ntp-unreached": "low"},
    "database-of-before": {
        "pg-no-start": "high",
        "mysql-upgrade-after-crash": "high",
        "rpm-owner-absent": "low",
    },
    "java-no-start": {"spring-no-start": "high", "tomcat-no-start": "high", "unknown": "medium"},
    "el7-daemons-refused": {
        "sshd-no-start": "high",
        "mail-no-start": "high",
        "ftp-no-start": "high",
        "haproxy-no-start": "high",
        "stunnel-no-start": "high",
        "lighttpd-bind": "high",
    },
    "el8-rpm-noise": {"dnf-makecache": "info", "rpm-already-gone": "info"},
    "leapp-inhibited": {"leapp-inhibited": "high"},
    "schema-not-migrated": {"schema-migration": "high", "unknown": "medium"},
    "mysqld-no-start": {
        "mysql-innodb-corrupt": "high",
        "mysqld-no-start": "high",
        "mysql-refused-client": "low",
        "mysql-aborted-connection": "low",
    },
}
STAMPS = (
    "M\u00e4r  3 02:11:09 anlage-7 aspect-upgrade[1423]: ",
    "mars  3 02:11:09 site-7 aspect-upgrade: ",
    "3\u6708  3 02:11:09 site-7 aspect-upgrade[7]: ",
    "2024-03-03T02:11:09.123+01:00 site-7 aspect-upgrade[1423]: ",
    "So 3. M\u00e4r 02:11:09 CET 2024: ",
    "dimanche 3 mars 2024, 02:11:09 (UTC+0100) ",
    "Sun Mar  3 02:11:09 CET 2024 ",
    "[Sun Mar  3 02:11:09 2024] ",
    "03.03.2024 02:11:09 ",
    "[03.03.2024 02:11:09,123] ",
    "03/03/2024 02:11:09 AM ",
    "2024/03/03 02:11:09 - ",
    "20240303T021109Z ",
    "1709431869 ",
    "<11>Mar  3 02:11:09 site-7 aspect-upgrade[7]: ",
    "<11>1 2024-03-03T02:11:09Z site-7 aspect-upgrade 7 - - ",
    "2024-03-03T02:11:09.123456789Z stderr F ",
    "240303  2:11:09 ",
    "[1709431869.123] ",
    "2024-03-03 02:11:09,123 INFO ",
    "(02:11:09) ",
    "+ ",
    "2024-03-03T02:11:09.123456+01:00 site-7 aspect-upgrade: ",
    "2024-03-03 02:11:09,123 p=1423 u=root n=ansible | ",
    "db-1  | ",
    "aspect_web_1           | 2024-03-03T02:11:09.123456Z ",
    "==> site-7: ",
    "    default: ",
)


LEVELS = ("2024-03-03 02:11:09,123 ERROR [main] ", "[ERROR] ", "ERROR: ", "stderr: ", "[SEVERE] [db-1]: ")
"""What a logger puts before the lines that a program said on its standard error."""


@pytest.mark.parametrize("name", SAID)
def test_what_a_whole_log_says(name: str) -> None:
    found = triage().logs([CASES / f"{name}.log"])
    assert {f.rule.id.removeprefix("log/"): f.level.label for f in found.findings} == SAID[name]
    harmful = max(f.level for f in found.findings) >= Severity.MEDIUM
    assert (found.exit_code() is ExitCode.FINDINGS) is harmful


def test_every_log_has_its_expectation() -> None:
    assert {path.stem for path in CASES.glob("*.log")} == set(SAID)


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_time_stamp_of_any_country_changes_nothing(tmp_path: Path, stamp: str, end: str) -> None:
    log = tmp_path / "a.log"
    for name in ("el6-mysql-upgrade-good", "el6-restore-locked", "el6-dump-locked"):
        lines = (CASES / f"{name}.log").read_text().splitlines()
        log.write_text("".join(stamp + line + end for line in lines), newline="")
        found = triage().logs([log])
        assert {f.rule.id.removeprefix("log/"): f.level.label for f in found.findings} == SAID[name]
        assert {f.confidence.label for f in found.findings} == {"high"}


def test_a_dump_that_is_named_where_syslog_names_the_program_is_seen(tmp_path: Path) -> None:
    log = tmp_path / "messages"
    log.write_text(
        "Mar  3 02:11:09 site-7 mysqldump: Got error: 1556: You can't use locks with log tables.\n"
    )
    assert [f.rule.id for f in triage().logs([log]).findings] == ["log/mysql-log-table-lock-dump"]


def test_rotated_logs_are_read_together(tmp_path: Path) -> None:
    """What logrotate leaves: the newest as it is, one renamed, one packed; each is a subject of its own."""
    text = (CASES / "el6-restore-locked.log").read_bytes()
    good = (CASES / "el6-mysql-upgrade-good.log").read_bytes()
    (tmp_path / "upgrade.log").write_bytes(good)
    (tmp_path / "upgrade.log.1").write_bytes(good)
    (tmp_path / "upgrade.log.2.gz").write_bytes(gzip.compress(text))
    found = triage().logs(sorted(tmp_path.iterdir()))
    assert len(found.subjects) == 3
    harmful = [f for f in found.findings if f.level >= Severity.MEDIUM]
    assert [(Path(f.subject).name, f.rule.id) for f in harmful] == [
        ("upgrade.log.2.gz", "log/mysql-log-table-lock-restore")
    ]


@pytest.mark.parametrize("age", ["2.7", "3.6", "newest"])
def test_hosts_take_the_same_stamps_away(age: str) -> None:
    """The pattern travels to hosts as JSON: their Python has to understand it, and to see the same."""
    line = "ERROR 1556 (HY000) at line 12: You can't use locks with log tables."
    stamps = STAMPS + LEVELS
    program = (
        "import json, re, sys\nsaid = json.loads(sys.stdin.read())\nprefix = re.compile(said[0], re.VERBOSE)\n"
        "sys.stdout.write(json.dumps([prefix.sub('', one, 1) for one in said[1]]))"
    )
    done = subprocess.run(
        [interpreter(age), "-c", program], input=json.dumps([PREFIXES.pattern, [one + line for one in stamps]]),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(json.loads(done.stdout)) == {line}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("ERROR 1556 (HY000) at line 12: You can't use locks with log tables.", "mysql-log-table-lock-restore"),
        ("FATAL ERROR: Upgrade failed", "mysql-upgrade-failed"),
        ("Starting mysqld:  [FAILED]", "svc-start-failed"),
    ],
)  # fmt: skip
def test_a_level_before_a_line_hides_no_failure(tmp_path: Path, level: str, line: str, rule: str) -> None:
    log = tmp_path / "a.log"
    log.write_text(level + line + "\n")
    found = triage().logs([log])
    assert [f.rule.id for f in found.findings if f.level >= Severity.HIGH] == [f"log/{rule}"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ERROR: the database could not be migrated, giving up", ExitCode.FINDINGS),  # any program says that
        ("ERROR could not open project", ExitCode.OK),  # the product's own log
        ("backup: 0 errors; verify: 3 errors", ExitCode.FINDINGS),
        ("step 1 without error, step 2 failed", ExitCode.FINDINGS),
        ("httpd: could not open error log file /var/log/httpd/error_log.", ExitCode.FINDINGS),
        ("ErrorLog /var/log/nginx/error.log: 0 errors, no failures, failed=0", ExitCode.OK),
        ("Error count: 0", ExitCode.OK),
    ],
)
def test_a_calm_word_excuses_itself_alone(tmp_path: Path, line: str, code: ExitCode) -> None:
    log = tmp_path / "a.log"
    log.write_text(line + "\n")
    assert triage().logs([log]).exit_code() is code
