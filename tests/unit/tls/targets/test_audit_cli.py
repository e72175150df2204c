"""`harden tls audit`, `render` and `targets` as commands: exit codes, places, deterministic reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardening.cli import run

SSL_CONF = """Listen 443
<VirtualHost *:443>
SSLEngine on
SSLProtocol all -SSLv2
SSLCipherSuite DEFAULT
</VirtualHost>
"""


def _json(capfdbinary: pytest.CaptureFixture[bytes]) -> dict[str, object]:
    found = json.loads(capfdbinary.readouterr().out)
    assert isinstance(found, dict)
    return found


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_findings_name_the_suite_and_the_line_of_the_directive(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = _write(tmp_path / "ssl.conf", SSL_CONF)
    assert run(["tls", "audit", str(path), "--target", "httpd@2.2.15-el6", "--format", "json"]) == 10
    findings = _json(capfdbinary)["findings"]
    assert isinstance(findings, list)
    rc4 = [f for f in findings if f["evidence"] == "TLS_RSA_WITH_RC4_128_SHA"]
    assert [f["location"]["line"] for f in rc4] == [5]
    assert [f["location"]["line"] for f in findings if f["rule"] == "tls/protocol"] == [4, 4, 4]


def test_a_host_of_unknown_version_says_what_depends_on_it(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = _write(tmp_path / "ssl.conf", SSL_CONF)
    assert run(["tls", "audit", str(path), "--format", "json"]) == 10
    report = _json(capfdbinary)
    findings, subjects = report["findings"], report["subjects"]
    assert isinstance(findings, list)
    rc4 = next(f for f in findings if f["evidence"] == "TLS_RSA_WITH_RC4_128_SHA")
    assert "; depends on the release: so with 3 of 7 (2.2.3-el5, 2.2.15-el6, 2.4.6-el7)" in rc4["message"]
    gcm = next(f for f in findings if f["evidence"] == "TLS_RSA_WITH_AES_128_GCM_SHA256")
    assert "; depends on the release: so with all of 7 but 2.2.3-el5" in gcm["message"]
    assert isinstance(subjects, list)
    assert "2.2.15-el6 (OpenSSL 1.0.1e-el6)" in subjects[0]["offer"]["assumptions"][0]
    assert rc4["confidence"] == "medium"


def test_the_release_of_a_copied_host_is_found(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    _write(tmp_path / "etc/centos-release", "CentOS Linux release 7.9.2009 (Core)\n")
    _write(tmp_path / "etc/httpd/conf/httpd.conf", 'ServerRoot "/etc/httpd"\nInclude conf.d/*.conf\n')
    _write(tmp_path / "etc/httpd/conf.d/ssl.conf", SSL_CONF)
    run(["tls", "audit", str(tmp_path / "etc/httpd"), "--format", "json"])
    subjects = _json(capfdbinary)["subjects"]
    assert isinstance(subjects, list)
    assert [s["stats"]["release"] for s in subjects] == ["2.4.6-el7"]


def test_several_policies_have_one_verdict_each(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = "server {\nlisten 443 ssl;\nssl_protocols TLSv1.2 TLSv1.3;\nssl_ciphers ECDHE+AESGCM;\n}\n"
    path = _write(tmp_path / "nginx.conf", text)
    arguments = ["tls", "audit", str(path), "--target", "nginx@1.26.3-debian13", "--format", "json"]
    run([*arguments, "--policy", "mozilla-old", "--policy", "mozilla-modern"])
    subjects = _json(capfdbinary)["subjects"]
    assert isinstance(subjects, list)
    assert {k: v for s in subjects for k, v in s["policies"].items()}["mozilla-modern-6.0"] == "fail"


@pytest.mark.parametrize("target", ["httpd", "lighttpd", "nginx"])
def test_what_is_rendered_is_audited_clean(target: str, tmp_path: Path) -> None:
    path = tmp_path / "rendered.conf"
    assert run(["tls", "render", target, "-o", str(path)]) == 0
    assert run(["tls", "audit", str(path), "--report", f"json={tmp_path / 'report.json'}"]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["subjects"][0]["policies"] == {"aspect": "pass"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["tls", "audit", "absent.conf"], 2),
        (["tls", "render", "nginxx"], 2),
        (["tls", "render", "nginx", "--param", "colour=red"], 2),
        (["tls", "render", "nginx", "--openssl", "9.9"], 2),
        (["tls", "render", "httpd@2.4.6-el77"], 2),
        (["tls", "render", "lighttpd@1.4.18"], 2),  # nothing is left: OpenSSL 0.9.8 has no TLS 1.2
        (["tls", "targets", "--format", "json"], 0),
    ],
)
def test_exit_codes(
    arguments: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    err = capfd.readouterr().err
    assert "Traceback" not in err
    if code:
        assert "next:" in err


@pytest.mark.parametrize(
    ("name", "data", "code", "rule"),
    [
        ("empty.conf", b"", 3, "walk/config-empty"),
        ("letter.txt", b"Dear operator,\nall is well.\n", 3, "walk/config-unknown-kind"),
        ("binary.conf", b"\x7fELF\x00\x01\x02", 3, "walk/config-binary"),
        ("nginx.conf", b"server {\nlisten 443 ssl;\nssl_protocols TLSv1.3;\nssl_ecdh_curve X25519;\n", 4, "walk/config-unclosed"),
        ("nginx.conf", b"server { listen 443 ssl; ssl_protocols TLSv1.3; ssl_ecdh_curve X25519; }\ninclude nginx.conf;\n", 4, "walk/config-include-loop"),
    ],
)  # fmt: skip
def test_bad_input_is_a_clear_finding(
    name: str, data: bytes, code: int, rule: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    arguments = ["tls", "audit", str(path), "--format", "json"]
    if code == 4:
        arguments += ["--target", "nginx@1.26.3-debian13"]
    assert run(arguments) == code
    findings = _json(capfdbinary)["findings"]
    assert isinstance(findings, list)
    assert rule in {f["rule"] for f in findings}


def test_fifty_megabytes_are_read_whole(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "httpd.conf"
    filler = "# nothing to see here, only a comment line\n" * (50 * 1024 * 1024 // 43)
    path.write_text(filler + SSL_CONF)
    assert run(["tls", "audit", str(path), "--target", "httpd@2.2.15-el6", "--format", "json"]) == 10
    findings = _json(capfdbinary)["findings"]
    assert isinstance(findings, list)
    line = filler.count("\n") + 5
    assert {f["location"]["line"] for f in findings if f["rule"] == "tls/suite"} == {line}


def test_two_runs_say_the_same(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = _write(tmp_path / "ssl.conf", SSL_CONF)
    reports = []
    for _ in range(2):
        run(["tls", "audit", str(path), "--format", "json"])
        report = _json(capfdbinary)
        reports.append({k: v for k, v in report.items() if k not in {"started", "finished"}})
    assert reports[0] == reports[1]


def test_a_cipher_list_that_selects_nothing_is_never_a_pass(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = "server {\nlisten 443 ssl;\nssl_protocols TLSv1.2 TLSv1.3;\nssl_ecdh_curve X25519;\nssl_ciphers NOSUCH;\n}\n"
    path = _write(tmp_path / "nginx.conf", text)
    run(["tls", "audit", str(path), "--target", "nginx@1.26.3-debian13", "--format", "json"])
    report = _json(capfdbinary)
    subjects, findings = report["subjects"], report["findings"]
    assert isinstance(subjects, list)
    assert isinstance(findings, list)
    assert subjects[0]["policies"] == {"aspect": "unknown"}
    assert any("NOSUCH" in f["message"] for f in findings)


def test_the_system_profile_of_el8_is_spelled_out(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = "Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLCipherSuite PROFILE=SYSTEM\n</VirtualHost>\n"
    path = _write(tmp_path / "ssl.conf", text)
    assert run(["tls", "audit", str(path), "--target", "httpd@2.4.37-el8", "--format", "json"]) == 10
    findings = _json(capfdbinary)["findings"]
    assert isinstance(findings, list)
    assert "TLS_RSA_WITH_AES_128_CBC_SHA" in {f["evidence"] for f in findings}


@pytest.mark.parametrize("release", ["2.4.37-el8", "2.4.62-el9"])
def test_what_follows_the_system_profile_counts(
    release: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """OpenSSL puts it behind what the profile stands for: a suite that is added is offered, one that is barred is not."""
    text = "Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLCipherSuite PROFILE=SYSTEM:!kRSA:CAMELLIA128-SHA256:DHE-RSA-CAMELLIA128-SHA256\n</VirtualHost>\n"
    path = _write(tmp_path / "ssl.conf", text)
    assert run(["tls", "audit", str(path), "--target", f"httpd@{release}", "--format", "json"]) == 10
    findings = _json(capfdbinary)["findings"]
    assert isinstance(findings, list)
    said = {f["evidence"] for f in findings}
    assert "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256" in said
    assert "TLS_RSA_WITH_AES_128_CBC_SHA" not in said


def test_one_server_on_both_address_families_is_one_subject(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(
        "server { listen 443 ssl; listen [::]:443 ssl; listen 8443 ssl; server_name a.example; ssl_ciphers HIGH; }\n"
    )
    run(["tls", "audit", str(path), "--target", "nginx@1.20.1-el7", "--format", "json"])
    subjects = json.loads(capfdbinary.readouterr().out)["subjects"]
    assert [s["id"].rpartition("#")[2] for s in subjects] == ["a.example:443", "a.example:8443"]


def test_the_host_lines_of_postgresql_are_no_ssh_configuration(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "pg_hba.conf").write_text("local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\n" * 3)
    (tmp_path / "postgresql.conf").write_text("ssl = on\nssl_ciphers = 'HIGH:!aNULL'\n")
    run(["tls", "audit", str(tmp_path), "--format", "json"])
    subjects = json.loads(capfdbinary.readouterr().out)["subjects"]
    assert [s["id"].rpartition("/")[2] for s in subjects] == ["postgresql.conf#postgresql:5432"]


def test_a_remark_after_a_section_is_understood(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "openssl.cnf"
    path.write_text(
        "openssl_conf = a\n[a] # one\nssl_conf = b\n[ b ]#two\nsystem_default = c\n[c]\nMinProtocol = TLSv1.2\n"
    )
    run(["tls", "audit", str(path), "--target", "openssl_cnf", "--format", "json"])
    report = json.loads(capfdbinary.readouterr().out)
    assert [f["rule"] for f in report["findings"] if f["rule"].startswith("walk/")] == []
    assert report["subjects"][0]["examined"] == "full"


def test_one_configuration_named_twice_is_one_subject(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "ssl.conf", SSL_CONF)
    monkeypatch.chdir(tmp_path)
    once = ["tls", "audit", "--target", "httpd@2.2.15-el6", "--format", "json"]
    assert run([*once, "ssl.conf"]) == 10
    alone = _json(capfdbinary)
    assert run([*once, "ssl.conf", "ssl.conf", str(tmp_path / "ssl.conf"), "."]) == 10
    again = _json(capfdbinary)
    assert again["subjects"] == alone["subjects"]
    assert again["results"] == alone["results"]


def test_what_was_not_read_whole_meets_no_policy(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A file that was not read may set anything; what was read and is wrong stays wrong."""
    strong = "ssl_protocols TLSv1.3;"
    verdicts = {}
    for number, text in enumerate(
        (strong, strong + " include no/such.conf;", "include no/such.conf; ssl_protocols TLSv1 TLSv1.2;")
    ):
        path = tmp_path / str(number) / "nginx.conf"
        path.parent.mkdir()
        _write(path, f"http {{ {text} server {{ listen 443 ssl; }} }}\n")
        run(["tls", "audit", str(path), "--policy", "aspect", "--format", "json"])
        [subject] = json.loads(capfdbinary.readouterr().out)["subjects"]
        verdicts[number] = (subject["examined"], subject["policies"]["aspect"])
    assert verdicts[0] == ("full", "pass")
    assert verdicts[1] == ("partial", "unknown")
    assert verdicts[2] == ("partial", "fail")


def test_a_rule_that_some_release_leaves_open_is_not_passed(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """It was `pass` among the checks, and among those that are not answered from here."""
    path = _write(tmp_path / "ssl.conf", SSL_CONF)
    run(["tls", "audit", str(path), "--format", "json"])
    report = json.loads(capfdbinary.readouterr().out)
    verdicts = {one["rule"]: one["verdict"] for one in report["results"]}
    (subject,) = report["subjects"]
    open_ = {one["rule"] for one in subject["unanswered"]}
    assert open_
    assert {verdicts[rule] for rule in open_} == {"skipped"}
    run(["tls", "audit", str(path)])
    assert b"1 judged for every release that may run, because none is named" in capfdbinary.readouterr().out


UNREAD = {
    "nginx": "http {\ninclude no/such.conf;\nserver {\nlisten 443 ssl;\n%s\n}\n}\n",
    "httpd": "Include no/such.conf\nListen 443\n<VirtualHost *:443>\nSSLEngine on\n%s\n</VirtualHost>\n",
    "proftpd": "Include /no/such.conf\nTLSEngine on\n%s\n",
    "dovecot": "protocols = imap\n!include no/such.conf\nssl = required\n%s\n",
}
"""A server, with a place for a line, of which a file is not there."""
SAID = {
    "nginx": "ssl_protocols TLSv1.2;\nssl_ciphers ALL;",
    "httpd": "SSLCipherSuite ALL",
    "proftpd": "TLSCipherSuite ALL",
    "dovecot": "ssl_cipher_list = ALL",
}
"""What is wrong whatever the other file says."""


@pytest.mark.parametrize("name", UNREAD)
@pytest.mark.parametrize("said", [False, True], ids=["by default", "by a line"])
def test_a_default_is_no_violation_where_an_unread_file_may_set_it(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], *, said: bool
) -> None:
    text = UNREAD[name] % (SAID[name] if said else "")
    path = _write(tmp_path / f"{name}.conf", text)
    code = run(
        ["tls", "audit", str(path), "--target", name, "--policy", "mozilla-modern", "--format", "json"]
    )
    report = json.loads(capfdbinary.readouterr().out)
    words = {word for one in report["subjects"] for word in one["policies"].values()}
    assert {one["examined"] for one in report["subjects"]} == {"partial"}
    assert (words, code) == (({"fail"}, 10) if said else ({"unknown"}, 4))
    failed = [one for one in report["results"] if one["verdict"] == "fail"]
    assert bool(failed) is said
    suites = [one for one in report["findings"] if one["rule"] == "tls/suite"]
    assert suites
    assert ("info" in {one["severity"] for one in suites}) is not said
    if not said:
        assert all("unless the file that was not read sets it" in one["message"] for one in suites)


def test_files_given_from_the_current_folder_are_named_from_it(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A baseline of one checkout knows the findings of another, and fingerprints do not hold the checkout's folder."""
    reports = []
    for checkout in ("one", "two"):
        folder = tmp_path / checkout
        (folder / "conf").mkdir(parents=True)
        _write(
            folder / "conf/nginx.conf",
            "http { include tls.conf; include no/such.conf; server { listen 443 ssl; } }\n",
        )
        _write(folder / "conf/tls.conf", "ssl_protocols TLSv1 TLSv1.2;\n")
        monkeypatch.chdir(folder)
        run(["tls", "audit", "conf/nginx.conf", "--format", "json"])
        reports.append(json.loads(capfdbinary.readouterr().out))
    assert reports[0]["findings"] == reports[1]["findings"]
    assert reports[0]["results"] == reports[1]["results"]
    assert str(tmp_path) not in json.dumps(reports)
    assert {f["location"]["path"] for f in reports[0]["findings"]} == {"conf/nginx.conf", "conf/tls.conf"}
    assert all(s["id"].startswith("conf/nginx.conf#") for s in reports[0]["subjects"])
    (tmp_path / "base.json").write_text(json.dumps(reports[0]))
    code = run(
        ["tls", "audit", "conf/nginx.conf", "--baseline", str(tmp_path / "base.json"), "--format", "json"]
    )
    assert (code, json.loads(capfdbinary.readouterr().out)["summary"]["medium"]) == (
        4,
        0,
    )  # the include that is not there


@pytest.mark.parametrize(
    "given", [("{0}/nginx.conf",), ("{0}/nginx.conf", "{0}/other.conf"), ("..",), ("../here",)]
)
def test_files_are_named_from_the_root_where_they_were_given_so(
    given: tuple[str, ...],
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("nginx.conf", "other.conf"):
        _write(folder / name, "server { listen 443 ssl; ssl_protocols TLSv1; }\n")
    monkeypatch.chdir(folder)
    run(["tls", "audit", *(one.format(folder) for one in given), "--format", "json"])
    start = "" if given[0].startswith("..") else f"{folder}/"
    named = [s["id"] for s in json.loads(capfdbinary.readouterr().out)["subjects"]]
    assert named[0].startswith(f"{start}nginx.conf#")


def test_services_without_tls_are_subjects_of_their_own(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    _write(tmp_path / "main.cf", "myhostname = a.example\nsmtpd_tls_security_level = none\n")
    _write(
        tmp_path / "master.cf",
        "smtp inet n - n - - smtpd\n10025 inet n - n - - smtpd\n2525 inet n - n - - smtpd\n",
    )
    run(["tls", "audit", str(tmp_path), "--format", "json"])
    report = json.loads(capfdbinary.readouterr().out)
    names = [subject["id"].partition("#")[2] for subject in report["subjects"]]
    assert sorted(names) == [f"smtp without TLS: smtpd on port {port}" for port in ("10025", "2525", "smtp")]
    assert sorted(one["subject"].partition("#")[2] for one in report["findings"]) == sorted(names)
