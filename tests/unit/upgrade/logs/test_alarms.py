"""The net for what nobody knows: lines that tell of trouble are shown, names and counts that hold such a word are not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hardening.errors import ExitCode
from hardening.findings import Severity
from hardening.upgrade.logs.triage import Triage
from tests.support.upgrade.logs.triages import ENGINES, triage

TROUBLE = (
    # shells and their tools
    "./step2.sh: line 7: unexpected token",
    "./step2.sh: line 8: HOMEDIR: unbound variable",
    "./step2.sh: line 9:  411 Killed                  ./bin/convert",
    "./step2.sh: line 10:  412 Segmentation fault      ./bin/convert",
    "-bash: ./a.sh: /bin/sh^M: bad interpreter: No such file or directory",
    "/bin/sh: convert: not found",
    "chown: invalid user: `web:web'",
    "useradd: group 'web' does not exist",
    "umount: /mnt: device is busy",
    "tar: Child returned status 1",
    "tar: This does not look like a tar archive",
    "curl: (7) couldn't connect to host",
    "ssh: connect to host 192.0.2.1 port 22: Connection refused",
    "rsync: connection unexpectedly closed (0 bytes received so far) [sender]",
    "unable to load certificate",
    "sudo: sorry, you must have a tty to run sudo",
    "ImportError: No module named web",
    # servers and the kernel
    "java.lang.NoClassDefFoundError: javax/xml/bind/JAXBException",
    "java.lang.StackOverflowError",
    "Caused by: java.lang.ClassNotFoundException: com.example.Start",
    "web.service: control process exited, code=exited status=203",
    "start request repeated too quickly for web.service",
    "BUG: soft lockup - CPU#0 stuck for 67s! [yum:1]",
    "INFO: task jbd2/dm-0-8:391 blocked for more than 120 seconds.",
    "sd 0:0:0:0: [sda] Unhandled sense code",
    "SELinux is preventing /usr/sbin/httpd from name_bind access on the tcp_socket port 8443.",
    "libsemanage.semanage_link_sandbox: Link packages failed (No such file or directory).",
    "iptables: Applying firewall rules: [FAILED]",
    "Starting web: \x1b[60G[\x1b[0;31mFAILED\x1b[0;39m]",
    # what installers say in words of their own
    "ERR: the licence was not read",
    "ALERT: the project is gone",
    "CRITICAL: settings restored in part",
    "Upgrade was not successful",
    "Not enough free space on /opt",
    "Checksum mismatch for web.tar.gz",
    "Script post.sh returned exit code 1",
    "convert finished with rc=2",
    "result=FAILED",
    "failed=2",
    "=====FAILED=====",
    "Database ........ FAILED",
    "INFO  the upgrade failed, see above",
    'Step "db" timed out after 600 s',
    "Restoring previous version",
    "2024-03-03 02:11:09,123 ERROR [main] o.h.SchemaUpdate - alter table point",
    "2024-03-03 02:11:09 ERROR 404: Not Found.",
    # what looks like a script's text, a count or a level of no concern, and is none
    "# upgrade failed",
    "+ ERROR: step 3",
    "Case 12 failed in step 3",
    "Function migrate failed",
    "ALTER TABLE points failed",
    "These errors cannot be safely ignored",
    "Error in step: 0 rows imported",
    "INFO: Error: the database is locked",
    "INFO  convert.sh: line 3: 411 Killed  ./convert",
    "Warnings: 0 Errors: 2",
    "./a.sh: line 5: [: missing `]'",
    "cpio: premature end of archive",
    # other languages
    "Mise \u00e0 niveau : \u00e9chec de la sauvegarde",
    "tar: Fin de fichero inesperado en el archivo",
    "./a.sh: Zeile 12: convert: Kommando nicht gefunden.",
    "tar: Beende mit Fehlerstatus aufgrund vorheriger Fehler",
    "mkdir: kann Verzeichnis /opt/a nicht anlegen: Keine Berechtigung",
    "./a.sh: ligne 12: convert : commande introuvable",
    "tar: /a.tar : open impossible: Aucun fichier ou dossier de ce type",
    "tar: Arr\u00eat avec code d'\u00e9chec \u00e0 cause des erreurs pr\u00e9c\u00e9dentes",
    "./a.sh: l\u00ednea 12: convert: no se encontr\u00f3 la orden",
    "mkdir: no se puede crear el directorio: Permiso denegado",
)
QUIET = (
    # names of packages, files, options, tables
    "  Updating   : perl-Error-1:0.17015-4.el6.noarch   3/24",
    "---> Package libgpg-error.x86_64 0:1.7-4.el6 will be installed",
    "  Verifying  : perl-Test-Fatal-0.003-1.el6.noarch   10/300",
    "  inflating: web/error.php",
    "web/errors/index.html",
    "opt/web/lib/exception-handler-1.2.jar",
    "error-pages.tar.gz: OK",
    "restorecon reset /var/www/error context a->b",
    "/dev/sda1 /boot ext4 defaults,errors=remount-ro 1 2",
    "EXT4-fs (dm-0): re-mounted. Opts: errors=remount-ro",
    "log-error=/var/log/mysqld.log",
    "Kernel command line: ro root=/dev/sda1 panic=10 quiet",
    "LogLevel error",
    'INFO: Mapped "{[/error]}" onto public ErrorController.error()',
    "--> Processing Dependency: perl(Error) for package: perl-Git-1.7.1-9.el6_9.noarch",
    "  Installing : missing-fonts-1.2-3.el6.noarch   4/19",
    '192.0.2.1 - - [03/Mar/2024:02:11:09 +0100] "GET /failed/login?error=1 HTTP/1.1" 302 -',
    # text of programs and tables
    "+ grep -c error /tmp/a.log",
    "++ echo 'upgrade failed'",
    "if ! cp a b; then echo 'copy failed'; fi",
    'cp a b || { echo "ERROR: copy failed" >&2; exit 1; }',
    "# abort if something failed",
    "fail() {",
    "INSERT INTO `texts` VALUES (3,'Could not connect to device','error');",
    "CREATE TABLE `error` (",
    # counts
    "Number of failed steps: 0",
    "Fatal errors: none",
    "retries: 0, failures: 0, fatal: 0",
    "0 of 12 steps failed",
    "Errors ........... 0",
    "Tests run: 42, Failures: 0, Errors: 0, Skipped: 1",
    "0 Fehler, 0 Warnungen",
    "Aucune erreur",
    "Checking for errors... none found",
    # what may happen, and what was done to a thing of that name
    "On error: continue",
    "if it fails, the previous version is restored",
    "In case of failure call support",
    "Installing error pages",
    "Error e-mail recipients: ops@example.org",
    "Existing errors will be shown below",
    "Alarm text 'Pump failed' imported",
    "You can safely ignore all 'Duplicate column' errors",
)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("line", TROUBLE)
def test_a_line_that_tells_of_trouble_is_shown(tmp_path: Path, engine: str, line: str) -> None:
    for before in ("", "Mar  3 02:11:09 site-7 upgrade: "):
        log = tmp_path / "a.log"
        log.write_text(f"begin\n{before}{line}\nend\n", encoding="utf-8")
        found = triage(engine).logs([log])
        assert [f.location.line for f in found.findings if f.level >= Severity.MEDIUM] == [2]  # type: ignore[union-attr]  # a log has lines
        assert found.exit_code() is ExitCode.FINDINGS


@pytest.mark.parametrize("engine", ENGINES)
def test_a_line_that_only_holds_such_a_word_is_not(tmp_path: Path, engine: str) -> None:
    log = tmp_path / "a.log"
    for before in ("", "Mar  3 02:11:09 site-7 upgrade: "):
        log.write_text("".join(f"{before}{line}\n" for line in QUIET), encoding="utf-8")
        assert [f.evidence for f in triage(engine).logs([log]).findings] == []


@pytest.mark.parametrize("code", ["utf-8", "latin-1"])
def test_trouble_is_told_in_any_encoding(tmp_path: Path, code: str) -> None:
    log = tmp_path / "a.log"
    lines = [line for line in TROUBLE if not line.isascii()]
    log.write_bytes("\n".join(lines).encode(code))
    assert len(lines) >= 2
    assert len(triage().logs([log]).findings) == len(lines)


@pytest.mark.parametrize(
    "piece", ["error ", "failed [", "0 of 1 steps ", "if a b ", "fehlerfehler", "status=1", "'", "a.b"]
)
def test_a_log_made_to_keep_the_net_busy_is_read_in_no_time(tmp_path: Path, piece: str) -> None:
    log = tmp_path / "a.log"
    log.write_text(piece * (400_000 // len(piece)) + "\n")
    begun = time.process_time()
    triage().logs([log])
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("engine", ["auto", "plain"])
def test_colours_before_and_between_the_words_change_nothing(tmp_path: Path, engine: str) -> None:
    """What a line means is kept for the next one like it: what was seen among colours is not less than without."""
    line = "dpkg: error processing package web (--configure):"
    painted = "\x1b[1mdpkg:\x1b[0m \x1b[1;31merror\x1b[0m processing package web (--configure):"
    said = "npm ERR! code ENOSPC"
    fresh = Triage(engine=engine)
    for number, text in enumerate((painted, line, f"\x1b[31m{said}\x1b[0m", said)):
        log = tmp_path / f"{number}.log"
        log.write_text(f"{text}\n")
        assert [f.level for f in fresh.logs([log]).findings] == [Severity.HIGH], text
