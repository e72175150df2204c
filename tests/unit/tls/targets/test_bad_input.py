"""Whatever is wrong with a configuration, it is said with its place, and the rest is audited still: for every target."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from hardening.errors import UsageError
from hardening.tls import policy as policies
from hardening.tls.rendering.render import render
from hardening.tls.targets import TARGETS, find


@dataclass(frozen=True, kw_only=True)
class Language:
    """What a mistake looks like in one server's language; None: it has nothing of the kind."""

    unclosed: str | None = None
    loop: str | None = None
    """A line that includes `{path}`."""
    unknown: str | None = None
    """A misspelt directive about TLS."""
    comment: str = "# nothing to see here, only a comment line\n"


NGINX = Language(unclosed="location / {\n", loop="include {path};\n", unknown="ssl_no_such_word on;\n")
LANGUAGES = {
    "httpd": Language(unclosed="<IfModule mod_ssl.c>\n", loop="Include {path}\n", unknown="SSLNoSuchWord on\n"),
    "lighttpd": Language(unclosed='$HTTP["host"] == "x" {\n', loop='include "{path}"\n', unknown='ssl.no-such-word = "x"\n'),
    "nginx": NGINX,
    "haproxy": Language(unclosed="global\n.if version_atleast(2.4)\n", unknown="ssl-default-bind-cipers x\n"),
    "mariadb": Language(unclosed="[mysqld\n", unknown="ssl-cypher=x\n"),
    "mysql": Language(unclosed="[mysqld\n", unknown="ssl-cypher=x\n"),
    "coturn": Language(unknown="ciper-list=x\n"),
    "slapd": Language(unknown="TLSCiperSuite x\n"),
    "mosquitto": Language(unknown="tls_vershun x\n"),
    "dovecot": Language(unclosed="protocol imap {\n", loop="!include {path}\n", unknown="ssl_min_protokol = x\n"),
    "exim": Language(unclosed=".ifdef MACRO\n", loop=".include {path}\n", unknown="tls_require_cipher = x\n"),
    "openssl_cnf": Language(unclosed="[other\n", unknown="CipherStrnig = x\n"),
    "openssh": Language(unknown="Cipers x\n"),
    "openssh_client": Language(unknown="Cipers x\n"),
    "postfix": Language(unknown="smtpd_tls_protcols = x\n"),
    "postgresql": Language(loop="include '{path}'\n", unknown="ssl_chiphers = 'x'\n"),
    "proftpd": Language(unclosed="<Limit ALL>\n", loop="Include {path}\n", unknown="TLSProtcol on\n"),
    "redis": Language(loop="include {path}\n", unknown="tls-cipherz x\n"),
    "squid": Language(unclosed="if true\n", loop="include {path}\n", unknown="sslproxy_chiper x\n"),
    "stunnel": Language(unclosed="[https\n", unknown="cipers = x\n", comment="; nothing to see here, only a comment line\n"),
    "vsftpd": Language(unknown="ssl_enabel=YES\n"),
}  # fmt: skip
REST = Language()
"""For a target nobody has described here yet: what every language has."""


def _weak(name: str) -> str:
    target = find(name)
    if target.ssh:
        return "Ciphers aes128-ctr,3des-cbc\nMACs hmac-sha2-256,hmac-md5\n"
    return render(target, policies.load("mozilla-old-5.7")).text


def _audit(
    path: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> tuple[int, list[dict[str, Any]]]:
    release = find(name).facts.release(None)[0].version
    code = run(["tls", "audit", str(path), "--target", f"{name}@{release}", "--format", "json"])
    out, err = capfdbinary.readouterr()
    assert b"Traceback" not in err
    assert code in {0, 3, 4, 10}, err
    return code, json.loads(out)["findings"]


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / find(name).main[0].rpartition("/")[2].replace("*", "x")
    path.write_text(text)
    return path


WEAK = {"tls/suite", "tls/protocol", "tls/ssh-algorithm"}


def _weaknesses(findings: list[dict[str, Any]]) -> set[str]:
    return {f["evidence"] for f in findings if f["rule"] in WEAK}


MISTAKES = [
    (mistake, name)
    for mistake in ("unclosed", "loop", "unknown")
    for name in TARGETS
    if getattr(LANGUAGES.get(name, REST), mistake) is not None
]
"""Not every language has each of them."""


@pytest.mark.parametrize(("mistake", "name"), MISTAKES)
def test_a_mistake_is_said_and_the_rest_is_audited(
    mistake: str, name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    language = LANGUAGES.get(name, REST)
    line = getattr(language, mistake)
    text = _weak(name)
    path = _write(tmp_path, name, text)
    code, before = _audit(path, name, capfdbinary)
    wrong = _write(tmp_path, name, text + line.format(path=path) if mistake == "loop" else text + line)
    _, after = _audit(wrong, name, capfdbinary)
    if name in LANGUAGES:
        assert _weaknesses(before)
        assert code == 10
        assert _weaknesses(before) <= _weaknesses(after), "the rest is audited still"
    new = {f["rule"] for f in after} - {f["rule"] for f in before}
    number = text.count("\n") + line.count("\n")
    if mistake == "unclosed":
        assert new & {"walk/config-unclosed", "walk/config-syntax"}
    if mistake == "loop":
        assert "walk/config-include-loop" in new
    if mistake == "unknown":
        assert [f["location"]["line"] for f in after if f["rule"] == "tls/unknown-directive"] == [number]
    places = [f["location"].get("line") for f in after if f["rule"] in new]
    assert all(place is None or place <= number for place in places)


@pytest.mark.parametrize("value", ["a\nLoadModule x x.so", "a\rb", "a\x00b", "a\u2028b"])
@pytest.mark.parametrize("name", ["httpd", "nginx", "openssh"])
def test_no_parameter_begins_a_line_of_its_own(name: str, value: str) -> None:
    target = find(name)
    with pytest.raises(UsageError, match="end of a line"):
        render(target, policies.load("aspect"), params={next(iter(target.params)): value})


@pytest.mark.parametrize("name", TARGETS)
def test_a_binary_file_is_no_configuration(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = _write(tmp_path, name, "")
    path.write_bytes(b"\x7fELF\x02\x01\x01\x00" + bytes(range(256)) * 64)
    code, findings = _audit(path, name, capfdbinary)
    assert code == 3
    assert {f["rule"] for f in findings} & {"walk/config-binary", "walk/config-syntax"}


@pytest.mark.parametrize("name", sorted(LANGUAGES))
@pytest.mark.parametrize("size", [1])
def test_a_large_file_is_read_whole(
    size: int, name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    comment = LANGUAGES[name].comment
    count = size * 1024 * 1024 // len(comment)
    text = _weak(name)
    _, before = _audit(_write(tmp_path, name, text), name, capfdbinary)
    _, after = _audit(_write(tmp_path, name, comment * count + text), name, capfdbinary)

    def lines(findings: list[dict[str, Any]]) -> set[int]:
        return {f["location"]["line"] for f in findings if f["rule"] in WEAK - {"tls/protocol"}}

    assert _weaknesses(after) == _weaknesses(before) != set()
    assert lines(after) == {line + count for line in lines(before)}


@pytest.mark.parametrize("name", TARGETS)
def test_a_file_that_is_too_large_is_said(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = _write(tmp_path, name, "")
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    code, findings = _audit(path, name, capfdbinary)
    assert code == 3
    assert "walk/config-too-large" in {f["rule"] for f in findings}


@pytest.mark.parametrize("where", ["itself", "included", "certificate"])
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(
    where: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    pipe, path = tmp_path / "pipe", tmp_path / "nginx.conf"
    os.mkfifo(pipe)
    word = "ssl_certificate" if where == "certificate" else "include"
    path.write_text(f"server {{\n listen 443 ssl;\n {word} {pipe};\n ssl_protocols TLSv1;\n}}\n")
    release = "nginx@1.26.3-debian13"
    code = run(["tls", "audit", str(pipe if where == "itself" else path), "--target", release])
    said = b"".join(capfdbinary.readouterr())
    assert code == (2 if where == "itself" else 10)
    assert (b"nothing can be negotiated" in said) is (
        where != "itself"
    )  # OpenSSL 3.5 at its level has no TLSv1
    assert b"it is not a regular file" in said


DEEP = {
    "nginx": "location / {\n",
    "lighttpd": '$HTTP["host"] == "x" {\n',
    "httpd": "<IfModule mod_ssl.c>\n",
    "tomcat": "<Server>\n",
    "dovecot": "protocol imap {\n",
}


@pytest.mark.parametrize("name", DEEP)
def test_blocks_within_blocks_without_end_are_said(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    code, findings = _audit(_write(tmp_path, name, DEEP[name] * 5000), name, capfdbinary)
    assert code == 3
    assert {f["rule"] for f in findings} & {"walk/config-syntax", "walk/config-unclosed"}


def test_a_release_without_a_word_for_any_version_is_not_told_an_empty_list() -> None:
    """OpenSSL 1.1.1 speaks TLS 1.3 whatever an old nginx says, but `ssl_protocols ;` stops nginx."""
    with pytest.raises(UsageError, match=r"cannot be limited to TLSv1\.3") as refused:
        render(
            find("nginx"), policies.load("mozilla-modern-5.7"), version="1.0.15-el6", build="1.1.1g-upstream"
        )
    assert refused.value.hint == "use nginx 1.13.0 or later"


@pytest.mark.parametrize(
    ("name", "version", "build", "edited"),
    [
        ("squid", "3.5.20-el7", "1.0.2k-el7", "3.5.99-debian13"),
        ("squid", "3.5.20-el7", "1.0.2k-el7", "jdk-17.0.18"),
        ("squid", "3.5.20-el7", "1.0.2k-el7", "1.0.2k-el7#"),
        ("java_security", "11.0.25", "jdk-11.0.25", "1.0.2k-el7"),
        ("java_security", "11.0.25", "jdk-11.0.25", "jdk-99"),
    ],
)
def test_a_header_with_a_library_nobody_knows_leaves_its_release(
    name: str,
    version: str,
    build: str,
    edited: str,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    text = render(find(name), policies.load("aspect"), version=version).text
    path = tmp_path / Path(find(name).main[0]).name
    path.write_text(text.replace(f"build: {build}", f"build: {edited}"))
    assert run(["tls", "audit", str(path), "--target", name, "--format", "json"]) in {0, 4}
    (subject,) = json.loads(capfdbinary.readouterr().out)["subjects"]
    said = f"{name} {version} (its {edited!r} is not known here), for the file's header says so"
    assert said in json.dumps(subject, ensure_ascii=False)


def test_a_bind_in_front_of_every_section_is_read(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text("bind :443 ssl crt /etc/a.pem\nfrontend web\nbind :8443 ssl crt /etc/a.pem\n")
    run(["tls", "audit", str(path), "--target", "haproxy", "--format", "json"])
    ids = [s["id"] for s in json.loads(capfdbinary.readouterr().out)["subjects"]]
    assert [one.rpartition("#")[2] for one in ids] == [":443", "web:8443"]


@pytest.mark.parametrize("port", ["https_port", "https_port # 8443", "http_port #"])
def test_a_port_of_squid_without_a_number_ends_no_audit(
    port: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "squid.conf"
    path.write_text(f"{port}\nhttps_port 3129 tls-cert=/etc/a.pem\n")
    assert run(["tls", "audit", str(path), "--target", "squid", "--format", "json"]) == 10
    assert [s["id"].rpartition(":")[2] for s in json.loads(capfdbinary.readouterr().out)["subjects"]] == [
        "3129"
    ]


_DOUBLED = {
    "openssl_cnf": ("a0 = xx\n", "a{n} = $a{m}$a{m}\n", "openssl_conf = d\n[d]\nssl_conf = e\n[e]\nsystem_default = f\n[f]\nCipherString = $default::a40\n"),
    "exim": ("MAA_X = xx\n", "M{N}_X = M{M}_XM{M}_X\n", "tls_advertise_hosts = *\ntls_require_ciphers = MBP_X\n"),
    "lighttpd": ('var.a = "xx"\n', "var.a = var.a + var.a\n", 'server.port = 443\nssl.engine = "enable"\nssl.pemfile = "/a"\nssl.cipher-list = var.a\n'),
    "httpd": ("Define a0 xx\n", "Define a{n} ${{a{m}}}${{a{m}}}\n", "Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLCipherSuite ${a40}\n</VirtualHost>\n"),
}  # fmt: skip
"""A variable, the next one that is twice that, and what the last one is for."""


def _letters(number: int) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number // 26] + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 26]


@pytest.mark.parametrize("name", sorted(_DOUBLED))
def test_variables_that_double_are_said_and_fill_no_memory(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    first, following, last = _DOUBLED[name]
    lines = [following.format(n=n, m=n - 1, N=_letters(n), M=_letters(n - 1)) for n in range(1, 42)]
    path = tmp_path / "x.conf"
    path.write_text(first + "".join(lines) + last)
    run(["tls", "audit", str(path), "--target", name, "--format", "json"])
    said = json.loads(capfdbinary.readouterr().out)
    told = [f["message"] for f in said["findings"] if f["rule"] == "walk/config-syntax"]
    assert any("expand to more than 16384 letters" in message for message in told)
    assert said["subjects"][0]["examined"] != "full"
