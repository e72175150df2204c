"""The audit: books that balance, the same report whatever the number of processes, exit codes of the table."""

from __future__ import annotations

import gzip
import html
import io
import json
import os
import secrets
import sqlite3
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle import audit
from bundle.audit.cache import MOST_BASES
from bundle.audit.events import AuditEvent, Finished, Found, Started
from bundle.detect import detectors
from bundle.walk import walker as walker_module
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from hardening.cli import run as harden
from hardening.errors import ExitCode, InputError
from hardening.findings import Examined, Finding, Rule, Run, Severity, Verdict
from hardening.reports import render

RULE = Rule(id="test/word", title="A word", severity=Severity.HIGH, rationale="r", remedy="r")


class Word:
    """Finds a word, so that places can be compared."""

    def __init__(self, word: bytes = b"needle") -> None:
        self.word = word
        self.asked = 0

    def rules(self) -> tuple[Rule, ...]:
        return (RULE,)

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        self.asked += 1
        at = member.content.find(self.word) if not member.container else -1
        if at >= 0:
            line = bytes(member.content[:at]).count(b"\n") + 1
            yield Finding(
                rule=RULE, subject=subject, location=member.at(line), message=f"{member.name} says it"
            )


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release with several archives large enough for processes of their own, two of them equal."""
    one = tarred({"a/secret.txt": b"x\ny needle\n", "a/noise": os.urandom(3_000_000)})
    two = zipped({"b/noise": os.urandom(3_000_000), "b/deep.tgz": tarred({"c.txt": b"needle"})})
    path = tmp_path / "release.zip"
    path.write_bytes(zipped({"one.tgz": one, "again.tgz": one, "two.zip": two, "plain.txt": b"needle here"}))
    return path


def told(run: Run) -> object:
    return [
        (f.rule.id, f.subject, f.where, getattr(f.location, "line", None), f.message, f.fingerprint)
        for f in run.findings
    ], [(s.id, s.examined, {k: v for k, v in s.stats.items() if k != "seconds"}) for s in run.subjects]


def test_places_lines_and_equal_archives(release: Path) -> None:
    run = audit(release, detectors=(Word(),), jobs=1)
    places = {(f.where.removeprefix(str(release)), getattr(f.location, "line", None)) for f in run.findings}
    assert places == {
        ("!/one.tgz!/a/secret.txt", 2),
        ("!/again.tgz!/a/secret.txt", 2),
        ("!/two.zip!/b/deep.tgz!/c.txt", 1),
        ("!/plain.txt", 1),
    }


def test_one_process_or_three_give_the_same_report(release: Path) -> None:
    reports = [told(audit(release, detectors=(Word(),), jobs=jobs)) for jobs in (1, 2, 3, 1)]
    assert reports[0] == reports[1] == reports[2] == reports[3]


def test_books_equal_an_independent_count(release: Path) -> None:
    def count(data: bytes) -> tuple[int, int]:
        if data[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                inner = [archive.read(info) for info in archive.infolist()]
        elif data[:2] == b"\x1f\x8b":
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as tar:
                inner = [(tar.extractfile(info) or io.BytesIO()).read() for info in tar]
        else:
            return 1, len(data)
        counted = [count(one) for one in inner]
        return 1 + sum(n for n, _ in counted), len(data) + sum(size for _, size in counted)

    (subject,) = audit(release, detectors=(), jobs=2).subjects
    members, size = count(release.read_bytes())
    assert subject.stats["members"] == members
    assert subject.stats["bytes"] == subject.stats["bytes_examined"] == size
    assert subject.stats["bytes_not_examined"] == 0


def test_cache_gives_the_same_report_and_asks_less(release: Path, tmp_path: Path) -> None:
    plain = told(audit(release, detectors=(Word(),), jobs=1))
    first, second = Word(), Word()
    assert told(audit(release, detectors=(first,), jobs=1, cache=tmp_path / "kept")) == plain
    assert told(audit(release, detectors=(second,), jobs=2, cache=tmp_path / "kept")) == plain
    assert second.asked < first.asked
    moved = tmp_path / "next.zip"
    moved.write_bytes(zipped({"release.zip": release.read_bytes(), "new.txt": b"nothing"}))
    third = Word()
    run = audit(moved, detectors=(third,), jobs=1, cache=tmp_path / "kept")
    assert len(run.findings) == 4
    assert third.asked <= 4


@pytest.mark.parametrize(
    "body", ["[]", "5", '{"findings": 5}', '{"findings": [{}]}', '[{"rule": "word/needle"}]', "{"]
)
def test_a_damaged_cache_is_an_empty_one(release: Path, tmp_path: Path, body: str) -> None:
    cache = tmp_path / "kept"
    plain = told(audit(release, detectors=(Word(),), jobs=1, cache=cache))
    with closing(sqlite3.connect(cache / "results.sqlite")) as connection, connection:
        rule = next(iter(Word().rules())).id
        assert (
            connection.execute("UPDATE kept SET body = ?", (body.replace("word/needle", rule),)).rowcount > 1
        )
    again = Word()
    assert told(audit(release, detectors=(again,), jobs=1, cache=cache)) == plain
    assert again.asked


def test_what_other_rules_found_goes_when_many_have_come_since(tmp_path: Path) -> None:
    """Each release has rules of its own, and nobody empties the folder."""
    path, cache = tmp_path / "x.zip", tmp_path / "cache"
    path.write_bytes(zipped({"a": b"needle" * 100}))
    counts: list[int] = []

    def asked(depth: int) -> int:
        detector = Word()
        audit(path, detectors=(detector,), cache=cache, jobs=1, limits=WalkLimits(depth=depth))
        with closing(sqlite3.connect(cache / "results.sqlite")) as connection, connection:
            counts.extend(connection.execute("SELECT COUNT(*) FROM kept").fetchone())
        return detector.asked

    first = asked(1)
    for depth in range(2, MOST_BASES + 3):
        assert asked(depth) == first
    assert counts[-1] == max(counts) == MOST_BASES * counts[0]
    assert asked(1) == first
    assert asked(MOST_BASES + 2) < first


def test_sealed_values_are_not_kept(tmp_path: Path) -> None:
    """What a cache gives back has no seal, so that another password at a known place counted as known."""
    path = tmp_path / "release.zip"
    text = f"<?php\n$db_password = '{secrets.token_urlsafe(18)}';\n" + "// nothing\n" * 100
    path.write_bytes(zipped({"settings.php": text.encode()}))
    cache = tmp_path / "cache"
    audit(path, detectors=detectors(), cache=cache)
    for _ in range(2):
        run = audit(path, detectors=detectors(key=b"k" * 32), cache=cache)
        assert [bool(f.secret_hmac) for f in run.findings if f.credential] == [True]


def test_cache_that_others_may_write_is_refused(release: Path, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(InputError, match="others may write"):
        audit(release, detectors=(), cache=folder)


def test_events_stream(release: Path) -> None:
    events: list[AuditEvent] = []
    audit(release, detectors=(Word(),), jobs=2, on_event=events.append)
    assert isinstance(events[0], Started)
    assert events[0].size == release.stat().st_size
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(event, Found) for event in events) >= 3


def test_threads_keep_the_audit_in_one_process(release: Path) -> None:
    outcome: list[object] = []
    expected = told(audit(release, detectors=(Word(),), jobs=2))
    thread = threading.Thread(
        target=lambda: outcome.append(told(audit(release, detectors=(Word(),), jobs=2)))
    )
    thread.start()
    thread.join()
    assert outcome == [expected]


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("call", ["fork", "pipe"])
def test_where_no_process_may_be_started_the_work_is_done_all_the_same(
    release: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    expected = told(audit(release, detectors=(Word(),), jobs=1))
    asked: list[str] = []

    def refuse() -> None:
        asked.append(call)
        raise BlockingIOError(11, "Resource temporarily unavailable")  # as a limit on processes or files does

    monkeypatch.setattr(os, call, refuse)
    assert told(audit(release, detectors=(Word(),), jobs=2)) == expected
    assert len(asked) > 1  # the permission was given back


class Suicide(Word):
    """A detector whose process dies, as a broken C library would have it; that of the tests does not."""

    def __init__(self) -> None:
        super().__init__()
        self.tests = os.getpid()

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        if member.name == "secret.txt" and os.getpid() != self.tests:
            os.kill(os.getpid(), 9)
        yield from super().check(member, subject)


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the audit fork: Dask leaves a thread behind in whatever process has asked it for a scheduler."""
    monkeypatch.setattr(threading, "active_count", lambda: 1)


@pytest.mark.usefixtures("_alone")
def test_a_process_that_dies_costs_its_archive_alone(release: Path) -> None:
    run = audit(release, detectors=(Suicide(),), jobs=4)
    (subject,) = run.subjects
    assert subject.examined is Examined.PARTIAL
    assert subject.stats["bytes_not_examined"] > 0
    said = {(f.rule.id, f.where.removeprefix(str(release))) for f in run.findings}
    assert {("walk/crashed", "!/one.tgz"), ("test/word", "!/plain.txt")} <= said


def test_failing_detector_is_said(release: Path) -> None:
    class Broken(Word):
        def check(self, member: Member, subject: str) -> Iterator[Finding]:
            if member.name == "plain.txt":
                raise KeyError(subject)
            yield from super().check(member, subject)

    run = audit(release, detectors=(Broken(),), jobs=1)
    assert "walk/detector-failed" in {f.rule.id for f in run.findings}
    assert run.subjects[0].examined is Examined.PARTIAL


def test_limits_are_findings(release: Path) -> None:
    for limits, reason in (
        (WalkLimits(members=3), "limit-members"),
        (WalkLimits(total=1000), "limit-total"),
        (WalkLimits(member=2_000_000), "limit-member"),
        (WalkLimits(spill=1_000_000, memory=100_000), "limit-spill"),
        (WalkLimits(depth=1), "limit-depth"),
    ):
        run = audit(release, detectors=(), limits=limits, jobs=1)
        assert f"walk/{reason}" in {f.rule.id for f in run.findings}, reason
        stops = reason in ("limit-members", "limit-total", "limit-depth")
        assert run.exit_code() is (ExitCode.FINDINGS if stops else ExitCode.PARTLY_EXAMINED), reason
        assert run.exit_code(None) is ExitCode.PARTLY_EXAMINED


@pytest.mark.parametrize("memory", [20, 1000])
@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_member_above_its_limit_is_passed_over_once_and_alone(
    form: str, memory: int, tmp_path: Path
) -> None:
    """Whether memory would have held it or not: it was examined all the same, and stood in the books twice."""
    path = tmp_path / f"bundle.{form}"
    content = {"before": b"x" * 5, "large": b"y" * 100, "after": b"z" * 7}
    path.write_bytes(zipped(content) if form == "zip" else gzip.decompress(tarred(content)))
    run = audit(path, detectors=(), limits=WalkLimits(member=50, memory=memory), jobs=1)
    (told,) = [f for f in run.findings if f.rule.id == "walk/limit-member"]
    assert "nothing behind it" not in told.message
    stats = run.subjects[0].stats
    assert stats["bytes_not_examined"] == 100
    assert stats["bytes_examined"] == path.stat().st_size + 12
    assert stats["members"] == 4


def exit_of(*arguments: object) -> int:
    return harden(["bundle", "audit", "--progress", "never", *map(str, arguments)])


def test_exit_codes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clean = tmp_path / "clean.zip"
    clean.write_bytes(zipped({"a.txt": b"harmless text\n"}))
    assert exit_of(clean) == 0
    assert exit_of(tmp_path / "absent.zip") == 2
    assert "absent.zip: no such file" in capfd.readouterr().err
    for name, data in (("noise.zip", os.urandom(5000)), ("none.zip", zipped({}))):
        (tmp_path / name).write_bytes(data)
        assert exit_of(tmp_path / name) == 3, name
    (tmp_path / "folder").mkdir()
    assert exit_of(tmp_path / "folder") == 3
    cut = tmp_path / "cut.tgz"
    cut.write_bytes(tarred({"a": b"text\n" * 100, "b": os.urandom(20_000)})[:-5000])
    assert exit_of(cut) == 4
    hostile = tmp_path / "hostile.zip"
    hostile.write_bytes(zipped({"../x": b"1"}))
    assert exit_of(hostile) == 10
    assert exit_of(hostile, "--fail-on", "never") == 0
    assert exit_of(clean, "--max-total", "nonsense") == 2
    capfd.readouterr()


def test_nothing_examined_passes_no_check(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(zipped({}))
    run = audit([tmp_path / "empty"])
    assert run.subjects[0].examined is Examined.NONE
    assert {r.verdict for r in run.results} == {Verdict.INCONCLUSIVE}


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "walk/nothing"),
        (zipped({}), "walk/nothing"),
        (b"PK\3\4" + b"\xff" * 40, "walk/truncated"),
    ],
)
def test_nothing_examined_is_one_finding_of_severity_info(tmp_path: Path, content: bytes, rule: str) -> None:
    (tmp_path / "in").write_bytes(content)
    (found,) = audit([tmp_path / "in"]).findings
    assert (found.rule.id, found.level) == (rule, Severity.INFO)
    assert found.subject == found.where == str(tmp_path / "in")
    (tmp_path / "folder").mkdir()
    assert [one.rule.id for one in audit([tmp_path / "folder"]).findings] == ["walk/nothing"]
    assert not audit([tmp_path / "folder"], installed=True).findings


def test_unreadable_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        path = tmp_path / "fifo"
        os.mkfifo(path)  # root reads every file; a pipe is what it may not wait for
    else:
        path = tmp_path / "locked"
        path.write_bytes(b"x")
        path.chmod(0)
    assert exit_of(path) == 2
    assert capfd.readouterr().err.startswith("harden: ")


def test_json_report_is_deterministic(release: Path, capfd: pytest.CaptureFixture[str]) -> None:
    texts = []
    for jobs in (1, 2):
        exit_of(release, "--format", "json", "--jobs", jobs)
        report = json.loads(capfd.readouterr().out)
        del report["started"], report["finished"]
        for subject in report["subjects"]:
            del subject["stats"]["seconds"]
        texts.append(json.dumps(report))
    assert texts[0] == texts[1]


TEXTS = {
    "a.yml": b"a: b\n", "a.json": b"{}\n", "a.md": b"# title\n", "a.py": b"pass\n", "a.xml": b"<a/>\n",
    "a.properties": b"colour=blue\n", "a.txt": b"hello\n", "a.php": b"<?php echo 1;\n", "a.sh": b"#!/bin/sh\n",
    "empty": b"", "wide.txt": "hello hello hello\n".encode("utf-16"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_given_by_name_is_examined_as_it_is_in_a_folder(tmp_path: Path, name: str) -> None:
    text = tmp_path / "in" / name
    text.parent.mkdir()
    text.write_bytes(TEXTS[name])
    for paths in ([text.parent], [text], [text, text, text.parent]):
        run = audit(paths, jobs=1)
        assert run.exit_code() is ExitCode.OK
        assert {subject.examined for subject in run.subjects} == {Examined.FULL}
    said = [finding.message for finding in audit([text], jobs=1).findings]
    assert said == ([f"{text} is empty: there is nothing to examine"] if name == "empty" else [])


def test_three_clean_files_together_are_clean(tmp_path: Path) -> None:
    for name in ("a.yml", "a.json", "a.txt"):
        (tmp_path / name).write_bytes(TEXTS[name])
    assert exit_of(*(tmp_path / name for name in ("a.yml", "a.json", "a.txt"))) == 0


FORMATS = ("text", "json", "junit", "html", "markdown", "sarif")


def three(folder: Path) -> int:
    """Write three archives and return their bytes."""
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.zip").write_bytes(
            zipped({f"{n}.txt": secrets.token_hex(400).encode() for n in range(10)})
        )
    return sum(one.stat().st_size for one in folder.iterdir())


@pytest.mark.parametrize("form", FORMATS)
def test_a_limit_that_stopped_the_walk_is_said_first_with_what_it_left(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], form: str
) -> None:
    packed = three(tmp_path / "in")
    first = (tmp_path / "in/0.zip").stat().st_size
    assert exit_of(tmp_path / "in", "--max-members", 15, "--format", form) == 10
    words = f"2 of 3 archives and files ({packed - first} of {packed} packed bytes) were never opened or only in part"
    assert words in " ".join(
        html.unescape(capfd.readouterr().out).replace("\\", "").split()
    )  # text is wrapped


@pytest.mark.parametrize(
    "limits",
    [
        WalkLimits(members=15),
        WalkLimits(members=1),
        WalkLimits(total=20_000),
        WalkLimits(seconds=0),
        WalkLimits(depth=0),
    ],
)
def test_what_was_opened_and_what_was_not_is_all_that_is_packed(tmp_path: Path, limits: WalkLimits) -> None:
    packed = three(tmp_path / "in")
    subjects = audit(tmp_path / "in", detectors=(), limits=limits, jobs=1).subjects
    archives = [one for one in subjects if one.id.endswith(".zip")]
    assert len(archives) == 3
    for one in subjects:
        stats = one.stats
        assert stats["packed_bytes_opened"] + stats["packed_bytes_not_opened"] == stats["packed_bytes"]
        assert stats["bytes"] == stats["bytes_examined"] + stats["bytes_not_examined"]
    assert sum(one.stats["packed_bytes"] for one in archives) == packed
    assert 0 < sum(one.stats["packed_files_not_opened"] for one in archives) <= 3
    (whole,) = (one for one in subjects if one not in archives)
    assert whole.reason.startswith(("Member", "More", "Time", "Nested"))
    for one in archives:
        assert (one.examined is Examined.FULL) == (not one.stats["packed_bytes_not_opened"])


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=6),
    texts=st.integers(0, 3),
    below=st.integers(0, 2),
    most=st.integers(1, 40),
)
def test_every_packed_byte_is_opened_or_not(sizes: list[int], texts: int, below: int, most: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        (folder / "deeper").mkdir(parents=True)
        for number, size in enumerate(sizes):
            members = {f"{n}.txt": b"x" * size for n in range(number + 1)}
            (folder / f"{number}.zip").write_bytes(zipped(members))
            if number < below:
                (folder / f"deeper/{number}.zip").write_bytes(zipped(members))
        for number in range(texts):
            (folder / f"{number}.txt").write_bytes(b"text\n" * number)
        packed = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
        run = audit(folder, detectors=(), limits=WalkLimits(members=most), jobs=1)
        stats = [one.stats for one in run.subjects]
        assert sum(one["packed_bytes"] for one in stats) == packed
        for one in stats:
            assert one["packed_bytes_opened"] + one["packed_bytes_not_opened"] == one["packed_bytes"]
        assert sum(one["packed_files"] for one in stats) == len(sizes) + min(below, len(sizes)) + texts


def test_each_archive_of_a_folder_has_its_own_time_and_the_folder_a_total(tmp_path: Path) -> None:
    for number in range(45):
        content = {f"{n}.txt": secrets.token_hex(400).encode() for n in range(3)}
        (tmp_path / f"{number:02}.zip").write_bytes(zipped(content))
    clock = iter(range(10_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walker_module, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
        run = audit(tmp_path, detectors=(), limits=WalkLimits(seconds_total=120.0), jobs=1)
    left = [one for one in run.subjects if one.examined is not Examined.FULL and one.id != str(tmp_path)]
    full = [one for one in run.subjects if one.examined is Examined.FULL]
    assert len(left) + len(full) == 45
    assert full
    assert len(left) > 1
    assert {one.stats["packed_bytes_opened"] for one in left} == {0}
    (whole,) = (one for one in run.subjects if one.id == str(tmp_path))
    assert whole.reason.startswith(f"Time limit reached: {len(left)} of 45 archives and files")
    for form in FORMATS:
        said = render(form, run, fail_on=Severity.MEDIUM).decode()
        assert f"{len(left)} of 45" in said, form


def test_a_region_that_was_not_examined_can_be_accepted_and_stays_listed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(
        zipped(
            {"a.txt": b"text\n", "disk.qcow2": b"QFI\xfb" + bytes(600), "b.vhdx": b"vhdxfile" + bytes(600)}
        )
    )
    row = """[[waiver]]
rule = "walk/unsupported"
place = "*!/{}"
reason = "the vendor's disk image, audited by itself"
owner = "j.doe"
expires = {}
"""
    waivers = tmp_path / "waivers.toml"
    for text, code in (
        (row.format("disk.qcow2", "2999-01-01"), 4),  # the other one is still open
        (row.format("*", "2999-01-01"), 0),
        (row.format("*", "2020-01-01"), 4),
    ):
        waivers.write_text(text)
        assert exit_of(bundle, "--waivers", waivers, "--format", "json") == code
        report = json.loads(capfd.readouterr().out)
        assert len([one for one in report["findings"] if one["rule"] == "walk/unsupported"]) == 2
        assert (report["subjects"][0]["examined"] == "full") == (code == 0)
    waivers.write_text(row.format("*", "2999-01-01"))
    assert exit_of(bundle, "--waivers", waivers) == 0
    assert "j.doe" in capfd.readouterr().out


def test_a_text_in_which_something_was_found_is_not_said_to_be_unseen(tmp_path: Path) -> None:
    text = tmp_path / "settings"
    text.write_text(f'password = "{secrets.token_urlsafe(12)}-1aA"\n')
    run = audit([text], jobs=1)
    assert {finding.rule.id for finding in run.findings} == {"credential/assignment"}
    assert run.subjects[0].examined is Examined.FULL
    assert run.exit_code() is ExitCode.FINDINGS
    assert run.exit_code(None) is ExitCode.OK


def test_a_folder_of_links_is_said_to_have_them(tmp_path: Path) -> None:
    """`dist/latest.zip` may be all that is in it: nobody is to believe that it was empty, or looked at."""
    (folder := tmp_path / "dist").mkdir()
    (folder / "latest.zip").symlink_to("../upgrade.zip")
    (folder / "older").mkdir()
    run = audit(folder, jobs=1)
    assert run.subjects[0].reason == "no file in it, and links (1) are not followed"
    assert run.exit_code() is ExitCode.NOTHING_EXAMINED
