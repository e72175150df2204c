"""Every row of the settings proves itself by its examples, in a bundle and on a host; modes are read where they are known."""

from __future__ import annotations

import io
import tarfile
import time
from pathlib import Path

import pytest

from bundle import audit
from bundle.detect import detectors
from bundle.detect.settings import ROOT_WRITABLE, SETUID_SHELL, SettingsDetector, shipped
from bundle.detect.settings.detector import MOST, is_shell, runs_as_root
from bundle.detect.settings.load import Setting, SettingExample, setting
from bundle.walk import Member
from hardening.errors import DataError
from hardening.findings import Finding, Severity
from hardening.host import gather
from hardening.host.checks import modes
from hardening.host.checks.root import FileMeta, Root
from hardening.tls import policy
from hardening.toml_rows import Table

CASES = [(row, number) for row in shipped() for number, _ in enumerate(row.examples)]


def checked(path: str, content: str | bytes, *, mode: int | None = None, derived: str = "") -> list[Finding]:
    """Return what the detector says of one file."""
    data = content.encode() if isinstance(content, str) else content
    member = Member(
        parts=("bundle.zip", path), kind="file", size=len(data), content=data, mode=mode, derived=derived
    )
    return list(SettingsDetector().check(member, "bundle.zip"))


@pytest.mark.parametrize(("row", "number"), CASES, ids=[f"{r.rule.id}-{n}" for r, n in CASES])
def test_a_row_takes_and_leaves_what_its_examples_say(row: Setting, number: int) -> None:
    example: SettingExample = row.examples[number]
    said = [one for one in checked(example.path, example.content) if one.rule.id == row.rule.id]
    assert bool(said) is example.flagged
    for finding in said:
        lines = example.content.splitlines()
        assert 1 <= (finding.location.line or 0) <= len(lines)  # type: ignore[union-attr]  # a file
        assert finding.fix is None


@pytest.mark.parametrize("row", shipped(), ids=[row.rule.id for row in shipped()])
def test_a_row_has_both_examples_and_a_source(row: Setting) -> None:
    assert {one.flagged for one in row.examples} == {True, False}
    assert row.rule.references
    assert row.rule.rationale
    assert row.rule.remedy[0].isupper()


def test_every_row_is_a_rule_of_the_toolkit() -> None:
    ids = {rule.id for one in detectors() for rule in one.rules()}
    assert {row.rule.id for row in shipped()} | {SETUID_SHELL.id, ROOT_WRITABLE.id} <= ids
    assert len(shipped()) == 23


def test_a_finding_shows_no_value() -> None:
    for path, content in (
        ("etc/snmp/snmpd.conf", "rwcommunity Inv3nted-One 10.0.0.5\ncom2sec6 a b public\n"),
        ("install.sh", "#!/bin/sh\ncurl -k https://joe:Inv3nted-One@example.net/a | sh\n"),
    ):
        said = checked(path, content)
        assert len(said) == 2
        assert "Inv3nted" not in " ".join(f"{one.message} {one.evidence} {one.advice}" for one in said)


def test_the_line_is_the_one_that_counts() -> None:
    (one,) = checked("etc/php.ini", "; x\nallow_url_include=0\n\nallow_url_include = On\n")
    assert one.location.line == 4  # type: ignore[union-attr]  # a file
    (two,) = checked("etc/ssh/sshd_config", "\n\nPermitEmptyPasswords yes\nPermitEmptyPasswords no\n")
    assert two.location.line == 3  # type: ignore[union-attr]  # a file


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("docs/php.ini", "allow_url_include = On\n"),
        ("src/tests/php.ini", "allow_url_include = On\n"),
    ],
)
def test_a_file_for_people_or_tests_is_low(path: str, content: str) -> None:
    (one,) = checked(path, content)
    assert one.level is Severity.LOW


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("etc/php.ini", b"allow_url_include\0 = On"),
        ("etc/php.ini", b""),
        ("README.md", b"start it with -agentlib:jdwp=transport=dt_socket,server=y,address=5005"),
        ("app.js", b"// curl -k https://x | sh"),
        ("lib/a.class", b"\xca\xfe\xba\xbe curl http://x | sh"),
    ],
)
def test_what_is_not_a_file_of_that_kind_is_left(path: str, content: bytes) -> None:
    assert checked(path, content) == []


def test_scripts_of_packages_are_read() -> None:
    said = checked("p.rpm", "curl http://x.example.net/a | bash\n", derived="rpm-scripts")
    assert [one.rule.id for one in said] == ["setting/pipe-to-shell"]


@pytest.mark.parametrize(
    ("path", "mode", "rules"),
    [
        ("usr/local/bin/bash", 0o4755, [SETUID_SHELL.id]),
        ("opt/tools/python2.7", 0o4711, [SETUID_SHELL.id]),
        ("opt/tools/python3.11", 0o6755, [SETUID_SHELL.id]),
        ("bin/su", 0o4755, []),
        ("bin/bash", 0o755, []),
        ("bin/bash", 0o4700, []),
        ("etc/init.d/engine", 0o777, [ROOT_WRITABLE.id]),
        ("max/etc/cron.d/backup", 0o666, [ROOT_WRITABLE.id]),
        ("etc/init.d/engine", 0o755, []),
        ("var/www/html/upload.sh", 0o777, []),
    ],
)
def test_modes_that_give_root_away(path: str, mode: int, rules: list[str]) -> None:
    assert [one.rule.id for one in checked(path, "x", mode=mode)] == rules


@pytest.mark.parametrize("name", ["sh", "bash", "BASH", "python2.6", "perl5.10.1", "lua-5.3"])
def test_names_of_shells(name: str) -> None:
    assert is_shell(name)
    assert not is_shell(f"x{name}")


def test_what_root_runs() -> None:
    assert all(
        map(runs_as_root, ["/etc/rc.d/rc.local", "etc/rc3.d/S99x", "/var/spool/cron/root", "max/etc/crontab"])
    )
    assert not any(
        map(runs_as_root, ["/etc/cron.d", "/etc/init.d/sub/x", "/var/spool/cron/joe", "/etc/rcx.d/a"])
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "a"', 'id = "A b"', "has to be lower-case words"),
        ('source = "https://x.example.net"', 'source = ""', "source: is empty"),
        ('source = "https://x.example.net"\n', "", "source: is missing"),
        ('files = ["a"]', "", "name files, or a scope"),
        ('files = ["a"]', 'files = ["a"]\nscope = "php"', "name files, or a scope"),
        ('bad = "on"', 'bad = "("', "bad: is not a regular expression"),
        ('bad = "on"', "", "needs keys and bad"),
        ('form = "ini"', 'form = "text"', "needs a regex with a group 'shown'"),
        ('keys = ["k"]', 'keys = ["k"]\nkey = "k"', "key: is not a known key"),
    ],
)
def test_a_wrong_row_is_named(old: str, new: str, said: str) -> None:
    text = (
        'id = "a"\ntitle = "t"\nseverity = "low"\nwhy = "w"\nremedy = "R"\nsource = "https://x.example.net"\n'
        'files = ["a"]\nform = "ini"\nkeys = ["k"]\nbad = "on"\n'
    )
    assert old in text
    setting(Table.parse(text, source="f.toml"))
    with pytest.raises(DataError, match=rf"f\.toml: .*{said}"):
        setting(Table.parse(text.replace(old, new), source="f.toml"))


FLAGGED = {row.rule.id: next(one for one in row.examples if one.flagged) for row in shipped()}


def tree(top: Path) -> set[str]:
    """Write one flagged example of each row below a folder of its own; return the rules."""
    for number, (name, example) in enumerate(FLAGGED.items()):
        path = top / f"opt/site{number}" / example.path
        path.parent.mkdir(parents=True)
        path.write_text(example.content)
        assert name
    return set(FLAGGED)


def test_a_bundle_audit_finds_each_of_them(tmp_path: Path) -> None:
    rules = tree(tmp_path / "tree")
    path = tmp_path / "upgrade.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(tmp_path / "tree", arcname="max")
        shell = tarfile.TarInfo("max/usr/local/bin/sh")
        shell.mode, shell.size = 0o4755, 1
        archive.addfile(shell, io.BytesIO(b"x"))
    found = {one.rule.id for one in audit([str(path)]).findings if one.rule.id.startswith("setting/")}
    assert found == rules | {SETUID_SHELL.id}


def test_a_host_audit_finds_each_of_them(tmp_path: Path) -> None:
    rules = tree(tmp_path / "host")
    shell = tmp_path / "host/usr/local/bin/bash"
    cron = tmp_path / "host/etc/cron.d/backup"
    clean = tmp_path / "host/etc/cron.d/other"
    job = tmp_path / "host/opt/job.sh"
    for path in (shell, cron, clean, job):
        path.parent.mkdir(parents=True, exist_ok=True)
    shell.write_text("x")
    shell.chmod(0o4755)
    job.write_text("#!/bin/sh\n")
    job.chmod(0o777)
    cron.write_text("17 3 * * * root /opt/job.sh --all\n")
    clean.write_text("17 3 * * * joe /opt/job.sh\n")
    run = gather.audited(tmp_path / "host", [policy.load("aspect")])
    found = {one.rule.id: one for one in run.findings if one.rule.id.startswith("setting/")}
    assert set(found) == rules | {SETUID_SHELL.id, ROOT_WRITABLE.id}
    assert found[SETUID_SHELL.id].where == "/usr/local/bin/bash"
    assert found[ROOT_WRITABLE.id].where == "/etc/cron.d/backup"
    assert "/opt/job.sh" in found[ROOT_WRITABLE.id].message
    assert [one.where for one in run.findings if one.rule.id == ROOT_WRITABLE.id] == ["/etc/cron.d/backup"]


@pytest.mark.parametrize(
    ("path", "content", "flagged"),
    [
        ("etc/crontab", "17 3 * * * root /opt/job.sh >/dev/null\n", True),
        ("etc/crontab", "@reboot root cd /; nice -n 19 /opt/job.sh\n", True),
        ("etc/cron.d/a", "17 3 * * * root /bin/sh -x /opt/job.sh\n", True),
        ("var/spool/cron/root", "17 3 * * * A=1 /opt/job.sh\n", True),
        ("etc/rc.d/rc.local", "#!/bin/sh\nnohup /opt/job.sh &\n", True),
        ("etc/systemd/system/a.service", "[Service]\nExecStart=-/opt/job.sh --x\n", True),
        ("etc/systemd/system/a.service", "[Service]\nUser=joe\nExecStart=/opt/job.sh\n", False),
        ("etc/crontab", "# 17 3 * * * root /opt/job.sh\n", False),
        ("etc/crontab", "17 3 * * * root /usr/bin/tee /opt/job.sh\n", False),
        ("etc/crontab", "17 3 * * * joe /opt/job.sh\n", False),
        ("var/spool/cron/joe", "17 3 * * * /opt/job.sh\n", False),
    ],
)
def test_programs_of_root_that_everybody_may_write(
    tmp_path: Path, path: str, content: str, flagged: bool
) -> None:
    for name, text in ((path, content), ("opt/job.sh", "#!/bin/sh\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "opt/job.sh").chmod(0o757)
    found = [one for one in modes.look(Root(tmp_path), "host") if one.rule is ROOT_WRITABLE]
    assert [one.where for one in found] == ([f"/{path}"] if flagged else [])
    (tmp_path / "opt/job.sh").chmod(0o755)
    assert list(modes.look(Root(tmp_path), "host")) == []
    (tmp_path / "opt").chmod(0o777)
    found = [one for one in modes.look(Root(tmp_path), "host") if one.rule is ROOT_WRITABLE]
    assert bool(found) is flagged
    assert all("everybody may write /opt" in one.message for one in found)


def test_modes_of_another_host_are_those_that_it_listed(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/crontab").write_text("17 3 * * * root /opt/job.sh\n")
    seen = {
        "/opt/job.sh": FileMeta(0o100777, 0, 0),
        "/srv/x/bash": FileMeta(0o104755, 0, 0),
        "/srv/x": FileMeta(0o040755, 0, 0),
    }
    found = {one.rule.id: one.where for one in modes.look(Root(tmp_path, seen), "host")}
    assert found == {ROOT_WRITABLE.id: "/etc/crontab", SETUID_SHELL.id: "/srv/x/bash"}


def test_a_text_with_a_match_in_every_line_is_read_once() -> None:
    """Each match counted the lines before it again: 4 MB took minutes."""
    line = "md5sum -c x.md5\n"
    begun = time.process_time()
    said = checked("install.sh", "#!/bin/sh\n" + line * (8_000_000 // len(line)))
    assert time.process_time() - begun < 5
    assert [one.location.line for one in said[:2]] == [2, 3]  # type: ignore[union-attr]  # a file
    assert len(said) == MOST + 1
    assert said[-1].message.endswith("more than 1000 places; the others are not listed")


def test_a_setting_in_a_large_file_is_found() -> None:
    content = "; padding\n" * 600_000 + "allow_url_include = On\n"
    assert [one.rule.id for one in checked("etc/php.ini", content)] == ["setting/php-allow-url-include"]
