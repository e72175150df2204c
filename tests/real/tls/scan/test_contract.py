"""What scripts rely on: every documented field of a scan's report, its exit codes, streams, states, drift and lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run as harden
from hardening.tls import policy
from tests.real.tls.scan.test_real import GOOD, nginx
from tests.support.ports import free_port
from tests.support.tls.scan import middleboxes
from tests.support.tls.scan.middleboxes import Box

Json = dict[str, Any]
WEAK = GOOD.replace("TLSv1.2 TLSv1.3", "TLSv1 TLSv1.2 TLSv1.3").replace(
    "POLY1305;", "POLY1305:AES128-SHA:@SECLEVEL=0;"
)
LEVELS = {"critical", "high", "medium", "low", "info"}
VERDICTS = {
    "pass", "fail", "not-applicable", "inconclusive", "pending", "skipped", "error", "waived", "manual",
}  # fmt: skip
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def _dead() -> str:
    return f"127.0.0.1:{free_port()}"


def _report(path: Path, *words: str) -> tuple[int, Json]:
    code = harden(["tls", "scan", *words, "--format", "json", "-o", str(path)])
    return code, json.loads(path.read_text())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A compliant server, a weak one, and a compliant one that never says no in words."""
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    weak = f"}} server {{ listen 127.0.0.1:{port} ssl; {WEAK}"
    with nginx(folder, GOOD, more=weak.replace("PORT", str(port))) as good:
        box = Box((int(good.rpartition(":")[2]),), send=middleboxes.silent_for_alerts)
        with middleboxes.running({"mute": box}) as endpoints:
            yield {"good": good, "weak": f"127.0.0.1:{port}", "mute": endpoints["mute"]}


@pytest.fixture(scope="module")
def reports(served: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, Json]]:
    """One report of each, and one of nothing."""
    folder = tmp_path_factory.mktemp("reports")
    done = {
        "good": _report(folder / "good", served["good"], "--full"),
        "weak": _report(folder / "weak", served["weak"], "--full"),
        "mute": _report(folder / "mute", served["mute"], "--timeout", "0.5"),
        "dead": _report(folder / "dead", _dead(), "--timeout", "1"),
    }
    done["both"] = _report(
        folder / "both", served["good"], served["weak"], "--policy", "aspect", "--policy", "rfc9325"
    )
    return done


@pytest.mark.parametrize(
    ("name", "code"), [("good", 0), ("weak", 10), ("mute", 4), ("dead", 3), ("both", 10)]
)
def test_exit_codes_are_what_the_table_says(
    name: str, code: int, reports: dict[str, tuple[int, Json]]
) -> None:
    got, report = reports[name]
    assert got == code
    assert report["summary"]["exit_code"] == code


def test_a_level_and_never_change_the_code_of_findings_alone(served: dict[str, str], tmp_path: Path) -> None:
    assert _report(tmp_path / "a", served["weak"], "--fail-on", "never")[0] == 0
    assert _report(tmp_path / "b", served["mute"], "--timeout", "0.5", "--fail-on", "never")[0] == 4
    assert _report(tmp_path / "c", _dead(), "--timeout", "1", "--fail-on", "never")[0] == 3
    assert _report(tmp_path / "d", served["weak"], _dead(), "--timeout", "5")[0] == 10


def test_the_report_has_every_field_of_the_contract(reports: dict[str, tuple[int, Json]]) -> None:
    import jsonschema

    said = files("hardening.reports").joinpath("harden-report-1.schema.json").read_text("utf-8")
    schema = json.loads(said)
    for _, report in reports.values():
        jsonschema.validate(report, schema)
        assert report["schema"] == "harden-report/1"
        assert report["tool"].keys() >= {"name", "version"}
        assert STAMP.fullmatch(report["started"])
        assert STAMP.fullmatch(report["finished"])
        assert report["summary"].keys() >= {*LEVELS, "waived", "exit_code"}
        counted = [f["severity"] for f in report["findings"] if not f["waived"]]
        assert all(report["summary"][level] == counted.count(level) for level in LEVELS)


def test_a_subject_is_an_endpoint(reports: dict[str, tuple[int, Json]]) -> None:
    wanted = {
        "good": ("full", "pass"),
        "weak": ("full", "fail"),
        "mute": ("partial", "unknown"),
        "dead": ("none", "unknown"),
    }
    for name, (examined, verdict) in wanted.items():
        [subject] = reports[name][1]["subjects"]
        assert subject["kind"] == "endpoint"
        assert re.fullmatch(r"127\.0\.0\.1:\d+", subject["id"])
        assert subject["examined"] == examined
        assert bool(subject["reason"]) == (examined != "full")
        assert subject["policies"] == {"aspect": verdict}
        assert subject["stats"].keys() >= {"seconds", "connections"}
    ids = [subject["id"] for subject in reports["both"][1]["subjects"]]
    assert ids == sorted(ids)
    assert all(
        set(s["policies"]) == {"aspect", policy.load("rfc9325").id} for s in reports["both"][1]["subjects"]
    )


def test_an_offer_has_every_field_of_the_contract(reports: dict[str, tuple[int, Json]]) -> None:
    offer = reports["good"][1]["subjects"][0]["offer"]
    assert offer["coverage"] == "full"
    assert reports["both"][1]["subjects"][0]["offer"]["coverage"] == "forbidden-only"
    assert offer["inconclusive"] == []
    assert reports["mute"][1]["subjects"][0]["offer"]["inconclusive"]
    assert set(offer["protocols"]) == {"TLSv1.2", "TLSv1.3"}
    for one in offer["protocols"].values():
        assert one["suites"]
        assert all(name.startswith("TLS_") for name in one["suites"])
        assert one["preference"] in {"server", "client", "unknown"}
        assert "x25519" in one["groups"]
        assert isinstance(one["signature_algorithms"], list)
    for certificate in offer["certificates"]:
        assert certificate.keys() >= {
            "subject",
            "issuer",
            "not_before",
            "not_after",
            "key",
            "signature",
            "sha256",
        }
        assert re.fullmatch(r"(rsa|ec|ecdsa|ed25519|ed448)(:.+)?", certificate["key"])
        assert re.fullmatch(r"[0-9a-f]{64}", certificate["sha256"])
    assert offer["dh_bits"] is None
    assert offer["compression"] is False
    assert offer["secure_renegotiation"] is True
    assert "renegotiation_info" in offer["extensions"]
    assert offer["connections"] == reports["good"][1]["subjects"][0]["stats"]["connections"]


def test_findings_and_results_have_every_field_of_the_contract(reports: dict[str, tuple[int, Json]]) -> None:
    for name in ("weak", "mute", "dead", "both"):
        report = reports[name][1]
        subjects = {subject["id"] for subject in report["subjects"]}
        assert report["findings"]
        for finding in report["findings"]:
            assert re.fullmatch(r"tls/[a-z0-9-]+", finding["rule"])
            assert finding["severity"] in LEVELS
            assert finding["confidence"] in {"high", "medium", "low"}
            assert finding["subject"] in subjects
            assert finding["location"] == {"endpoint": finding["subject"]}
            assert finding.keys() >= {
                "title",
                "message",
                "evidence",
                "remedy",
                "references",
                "policies",
                "waived",
                "fix",
            }
            assert finding["fingerprint"]
        order = [(f["subject"], f["rule"]) for f in report["findings"]]
        assert order == sorted(order)
        assert all(r["verdict"] in VERDICTS and r["subject"] in subjects for r in report["results"])
    rules = {f["rule"] for f in reports["weak"][1]["findings"]}
    assert {"tls/protocol", "tls/suite"} <= rules
    assert {f["severity"] for f in reports["mute"][1]["findings"] if f["rule"] == "tls/inconclusive"} == {
        "info"
    }
    (dead,) = reports["dead"][1]["findings"]
    assert "--openssl" not in dead["remedy"], "no option of a scan"
    assert "port" in dead["remedy"]


def test_a_stream_says_what_the_report_says(
    served: dict[str, str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    endpoints = [served["good"], served["weak"], _dead()]
    also = tmp_path / "also.json"
    words = ["tls", "scan", *endpoints, "--timeout", "5", "--stream", "--report", f"json={also}"]
    assert harden(words) == 10
    lines = [json.loads(text) for text in capfdbinary.readouterr().out.splitlines()]
    report = json.loads(also.read_text())
    assert sorted(one["subject"]["id"] for one in lines) == sorted(endpoints)
    streamed = {one["subject"]["id"]: one for one in lines}
    for subject in report["subjects"]:
        said = streamed[subject["id"]]["subject"]
        assert {name: value for name, value in said.items() if value is not None} == subject
        for part in ("findings", "results"):
            own = {"because", "rule_number"}
            mine = [
                {k: v for k, v in one.items() if k not in own}
                for one in report[part]
                if one["subject"] == subject["id"]
            ]
            told = [{k: v for k, v in one.items() if k not in own} for one in streamed[subject["id"]][part]]
            assert (
                told == mine
            )  # a number is that of a rule in the report; `because` is for who merges streams: which findings a waiver has to cover
        named = {one["rule"] for part in ("findings", "results") for one in streamed[subject["id"]][part]}
        assert streamed[subject["id"]]["rules"].keys() == named


def test_a_state_asks_nobody_twice(served: dict[str, str], tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    first = _report(tmp_path / "1", served["weak"], "--state", state)
    again = _report(tmp_path / "2", served["weak"], served["good"], "--state", state)
    assert first[0] == again[0] == 10
    before, after = first[1]["subjects"][0], again[1]["subjects"]
    assert [s for s in after if s["id"] == before["id"]] == [before], (
        "even its seconds are those of the first scan"
    )
    assert {s["id"] for s in after} == {served["weak"], served["good"]}


def test_a_baseline_leaves_what_is_known(served: dict[str, str], tmp_path: Path) -> None:
    known = tmp_path / "known"
    assert _report(known, served["weak"])[0] == 10
    assert _report(tmp_path / "again", served["weak"], "--baseline", str(known))[0] == 0
    assert _report(
        tmp_path / "full", served["weak"], "--full", "--baseline", str(known), "--fail-on", "high"
    )[0] in (0, 10)
    (tmp_path / "broken").write_text("{}")
    assert harden(["tls", "scan", served["weak"], "--baseline", str(tmp_path / "broken")]) in (2, 3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("host:99999", "line 3"), ("ho st", "line 3"), ("gopher://h", "line 3"), ("[::1", "line 3"),
        ("192.0.2.0/24", "--allow-ranges"),
    ],
)  # fmt: skip
def test_a_bad_line_of_a_list_is_named(
    line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"# a site\n127.0.0.1:1  # one\n{line}\n", "utf-8")
    assert harden(["tls", "scan", "--endpoints", str(listed)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) <= 2
    assert "Traceback" not in told


def test_lists_that_cannot_be_read_are_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00h")
    (tmp_path / "empty").write_text("# nobody\n\n")
    for name in ("binary", "empty", "absent"):
        assert harden(["tls", "scan", "--endpoints", str(tmp_path / name)]) == 2
        assert len(capsys.readouterr().err.splitlines()) <= 2
