"""`harden tls explain` and `harden tls builds`, as the contract in docs/cli.md has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls.openssl import NAMES, build, resolve


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run(["tls", "explain", *arguments, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_a_cipher_string_on_a_build(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "RC4-MD5:AES128-SHA", "--openssl", "0.9.8e-rhel5")
    assert found["what"] == "RC4-MD5:AES128-SHA"
    assert found["build"] == "0.9.8e-rhel5"
    assert found["error"] is None
    assert found["suites"] == [
        {"code": "0x0004", "iana": "TLS_RSA_WITH_RC4_128_MD5", "openssl": "RC4-MD5"},
        {"code": "0x010080", "iana": "SSL_CK_RC4_128_WITH_MD5", "openssl": "RC4-MD5"},
        {"code": "0x002F", "iana": "TLS_RSA_WITH_AES_128_CBC_SHA", "openssl": "AES128-SHA"},
    ]
    assert found["notes"]


def test_a_refused_string_is_explained_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "ALL:TLSv1.2", "--openssl", "0.9.8e-rhel5")
    assert found["error"] == "invalid command"
    assert found["suites"] == []


def test_a_batch_gives_one_object_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strings = ["HIGH:!aNULL", "", "NONSENSE", "ECDHE+AESGCM", "\udcff"]
    file = tmp_path / "strings"
    file.write_bytes("\n".join(strings).encode("utf-8", "surrogateescape"))
    assert run(["tls", "explain", "--batch", str(file), "--openssl", "1.1.1k-rh"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["what"] for one in found] == strings
    one = build("1.1.1k-rh")
    for said in found:
        expected = resolve(said["what"], one)
        assert said["error"] == expected.error
        assert [s["openssl"] for s in said["suites"]] == [c.name for c in expected.ciphers]


@pytest.mark.parametrize(
    "name", ["0xC02F", "0xC0,0x2F", "ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_AES_128_GCM_SHA256"]
)
def test_a_suite_by_any_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, name)
    assert found["suites"] == [
        {
            "code": "0xC02F",
            "iana": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "openssl": "ECDHE-RSA-AES128-GCM-SHA256",
        }
    ]
    assert run(["tls", "explain", name]) == 0
    assert "1.0.2k-el7" in capsys.readouterr().out


def test_a_policy_on_a_build_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "mozilla-intermediate", "--openssl", "1.0.1e-el6")
    notes = found["notes"]
    assert isinstance(notes, list)
    assert any("lacks" in str(note) and "CHACHA20" in str(note) for note in notes)
    lost = found["locked_out"]
    assert isinstance(lost, list)
    assert "java-7" in {one["client"] for one in lost}
    assert "java-8" not in {one["client"] for one in lost}
    assert run(["tls", "explain", "mozilla-modern"]) == 0
    text = capsys.readouterr().out
    assert "TLS_AES_128_GCM_SHA256" in text
    assert (
        "OpenSSL 1.0.2k (CentOS 7) (derived from the measured build): no protocol version in common" in text
    )


def test_the_text_shows_each_step_and_the_traps(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "explain", "DEFAULT:!ADH:NONSENSE:@STRENGTH", "--openssl", "1.0.2k-el7"]) == 0
    text = capsys.readouterr().out
    for words in ("DEFAULT / ALL", "!ADH", "has no meaning here", "by strength", "0xC030", "Take care"):
        assert words in text


def test_without_a_build_the_other_builds_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "explain", "HIGH:TLSv1.2"]) == 0
    text = capsys.readouterr().out
    assert "invalid command" in text
    assert all(name in text for name in NAMES)


@pytest.mark.parametrize(
    "arguments", [[], ["HIGH", "--openssl", "9.9"], ["--batch", "/nowhere"], ["A", "--batch", "-"]]
)
def test_bad_usage_is_one_line_and_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "explain", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("harden: ")
    assert "Traceback" not in said.err


def test_builds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "builds", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert tuple(one["name"] for one in found) == NAMES
    assert run(["tls", "builds"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in NAMES)
