"""The lines and diffs that a report shows of a configuration: what they say, and that no secret is in them."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from random import Random
from string import ascii_letters, digits
from typing import Any

import pytest

from bundle.redact.configured import masked
from hardening.cli import run as harden
from hardening.reports import WRITERS

CANARIES = ("Zq7vWinter2019", "correcthorse", "hunter", "summer", "R4nd0mToken8841", "changeit", "gravel")
"""Values that stand where secrets stand: drawn at random, and plain words."""
CONFIGURATIONS = {
    "server.xml": """<Server><Service>
<Connector port="8443" SSLEnabled="true" keystorePass="Zq7vWinter2019" truststorePass='changeit' keyPass="summer" sslEnabledProtocols="TLSv1,TLSv1.2"/>
</Service></Server>
""",
    "nginx.conf": """events {}
http {
  server {
    listen 443 ssl;
    server_name a.example;
    # password: correcthorse
    proxy_set_header Authorization "Bearer R4nd0mToken8841";
    ssl_protocols TLSv1 TLSv1.2; # secret=hunter
    proxy_pass https://admin:summer@backend.example/;
    ssl_ciphers ALL;
  }
}
""",
    "haproxy.cfg": """global
  ssl-default-bind-ciphers ALL
frontend f
  mode http
  bind :443 ssl crt /etc/a.pem ssl-min-ver TLSv1.0
  # the word of the gate is gravel
  stats auth admin:Zq7vWinter2019
  stats auth other:R4nd0mToken8841
  http-request set-header X-Api-Key hunter
""",
    "redis.conf": """requirepass Zq7vWinter2019
tls-port 6380
tls-key-file-pass correcthorse
tls-protocols "TLSv1 TLSv1.2"
masterauth R4nd0mToken8841
""",
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_secret_of_a_configuration_is_in_any_report(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(CONFIGURATIONS[name], "utf-8")
    texts = [writer.name for writer in WRITERS if not writer.binary]
    wanted = [part for kind in texts for part in ("--report", f"{kind}=out.{kind}")]
    harden(["tls", "audit", name, "-v", *wanted])
    shown = {"terminal": capfdbinary.readouterr().out}
    shown |= {kind: Path(f"out.{kind}").read_bytes() for kind in texts}
    told = json.loads(shown["json"])
    assert any(one["lines"] and one["diff"] for one in told["sources"]), (
        "nothing is shown, so nothing is proved"
    )
    for kind, data in shown.items():
        for canary in CANARIES:
            if canary in CONFIGURATIONS[name]:
                assert canary.encode() not in data, f"{canary} in {kind}"


FILES = {
    "var/www/html/db.php": """<?php
$db_password = "Zq7vWinter2019"; mysqli_connect("localhost", "root", "summer"); // summer, once more
$a = array("user" => "admin", "password" => "correcthorse");
define('API_TOKEN', "R4nd0mToken8841");
""",
    "etc/app.properties": "spring.datasource.password=hunter2hunter\nmail.password: correcthorse\n",
    "opt/install.sh": "#!/bin/sh\nmysql -uroot -pZq7vWinter2019 mix < a.sql; chmod 777 /var/www\n"
    "curl -u admin:R4nd0mToken8841 https://a.example/\n",
    "etc/nginx/nginx.conf": CONFIGURATIONS["nginx.conf"].replace("ALL", "RC4-SHA"),
    "etc/haproxy/haproxy.cfg": CONFIGURATIONS["haproxy.cfg"].replace("ALL", "RC4-SHA"),
}
"""What stands in bundles and on hosts; each of `CANARIES` in it is a secret."""


@pytest.mark.parametrize(
    "command",
    [["bundle", "audit", "b.zip"], ["host", "audit", "--root", "host"]],
)
def test_no_secret_of_a_bundle_or_host_is_in_any_report(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        path = Path("host", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    shutil.make_archive("inner", "gztar", "host")
    with zipfile.ZipFile("b.zip", "w") as bundle:
        bundle.write("inner.tar.gz")
    texts = [writer.name for writer in WRITERS if not writer.binary]
    wanted = [part for kind in texts for part in ("--report", f"{kind}=out.{kind}")]
    harden([*command, "-v", *wanted])
    shown = {"terminal": capfdbinary.readouterr().out}
    shown |= {kind: Path(f"out.{kind}").read_bytes() for kind in texts}
    seen = {
        path.rpartition("/")[2]: one for one in json.loads(shown["json"])["sources"] for path in [one["path"]]
    }
    assert {"db.php", "nginx.conf", "haproxy.cfg"} <= seen.keys()
    assert "-    ssl_ciphers RC4-SHA;" in seen["nginx.conf"]["diff"]
    assert b'$db_password = "***"; mysqli_connect(' in shown["terminal"]
    secrets = (*CANARIES[:2], *CANARIES[3:5], "hunter2hunter")
    for kind, data in shown.items():
        for canary in secrets:
            assert canary.encode() not in data, f"{canary} in {kind}"


def test_a_safe_fix_of_a_credential_is_the_line_that_clean_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    secret = "".join(Random(7).choices(ascii_letters + digits, k=16))
    with zipfile.ZipFile("b.zip", "w") as bundle:
        bundle.writestr(
            "config.inc.php", f"<?php\n$cfg['controluser'] = 'root';\n$cfg['controlpass'] = '{secret}';\n"
        )
    harden(["bundle", "audit", "b.zip", "--format", "json", "-o", "out.json"])
    (source,) = json.loads(Path("out.json").read_text("utf-8"))["sources"]
    head, removed, added = source["diff"].splitlines()[2:]
    assert (head, removed) == ("@@ -3 +3 @@", "-$cfg['controlpass'] = '***';")
    harden(["bundle", "clean", "b.zip", "-o", "clean.zip"])
    with zipfile.ZipFile("clean.zip") as bundle:
        cleaned = bundle.read("config.inc.php").decode().splitlines()
    assert cleaned[2] == added[1:]
    assert "@secret:" in added


def test_a_line_keeps_the_names_of_tls_and_hides_all_else_that_is_not_plain() -> None:
    lists = "  ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384:!aNULL; ssl_ecdh_curve X25519MLKEM768:secp384r1;"
    assert masked(lists) == lists
    assert masked("ssl_x Zq7vWinter2019") == "ssl_x ***"
    assert masked("a " * 300) == "a " * 200 + "..."


def test_the_terminal_marks_what_a_finding_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nginx.conf").write_text(CONFIGURATIONS["nginx.conf"], "utf-8")
    harden(["tls", "audit", "nginx.conf", "-v", "--color", "never"])
    lines = capfdbinary.readouterr().out.decode().splitlines()
    at = next(n for n, line in enumerate(lines) if "| ssl_ciphers ALL;" in line)
    assert lines[at].index("ssl_ciphers") == lines[at + 1].index("^")
    assert lines[at + 1].count("^") == len("ssl_ciphers ALL;")
    assert "  -    ssl_ciphers ALL;" in lines
    assert all(len(line) <= 80 for line in lines[lines.index("  -    ssl_ciphers ALL;") :][:6])
    harden(["tls", "audit", "nginx.conf"])
    assert b"ssl_ciphers ALL;" not in capfdbinary.readouterr().out


TWO_FILES = {
    "nginx/nginx.conf": """events {}
http {
  ssl_protocols TLSv1 TLSv1.1 TLSv1.2;
  include conf.d/*.conf;
  server {
    listen 443 ssl;
    server_name a.example;
    ssl_ciphers ALL;
  }
}
""",
    "nginx/conf.d/b.conf": """server {
  listen 8443 ssl;
  server_name b.example;
}
""",
}


def test_the_fixes_of_sarif_make_the_audit_clean_and_are_the_diff_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in TWO_FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, "utf-8")
    before = results("nginx")
    assert {one["ruleId"] for one in before if "fixes" in one} == {"tls/suite", "tls/protocol", "tls/dh-bits"}
    assert len({json.dumps(one["fixes"]) for one in before if "fixes" in one}) == 1
    (fix,) = next(one["fixes"] for one in before if "fixes" in one)
    assert {one["artifactLocation"]["uri"] for one in fix["artifactChanges"]} == TWO_FILES.keys()
    for change in fix["artifactChanges"]:
        file = Path(change["artifactLocation"]["uri"])
        file.write_text(applied(file.read_text("utf-8"), change["replacements"]), "utf-8")
    assert [one["ruleId"] for one in results("nginx") if "fixes" in one] == []
    assert not {one["ruleId"] for one in results("nginx")} & {"tls/suite", "tls/protocol", "tls/dh-bits"}


def results(*paths: str) -> list[dict[str, Any]]:
    harden(["tls", "audit", *paths, "--format", "sarif", "-o", "out.sarif"])
    found: list[dict[str, Any]] = json.loads(Path("out.sarif").read_text("utf-8"))["runs"][0]["results"]
    return found


def applied(text: str, replacements: list[dict[str, Any]]) -> str:
    """Return a text with SARIF's replacements made, by the rules of its regions."""
    lines = text.split("\n")
    for one in sorted(replacements, key=lambda one: -int(one["deletedRegion"]["startLine"])):
        region, new = one["deletedRegion"], one["insertedContent"]["text"]
        start = region["startLine"] - 1
        if "endColumn" in region:
            lines[start] = new + lines[start]
        else:
            lines[start : region["endLine"]] = new.split("\n")
    return "\n".join(lines)


def test_no_fix_of_sarif_writes_a_masked_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("server.xml").write_text(CONFIGURATIONS["server.xml"], "utf-8")
    assert [one for one in results("server.xml") if "fixes" in one] == []
    Path("server.xml").write_text(
        """<Server><Service>
<Connector port="8443" SSLEnabled="true" sslEnabledProtocols="TLSv1,TLSv1.2"/>
</Service></Server>
""",
        "utf-8",
    )
    assert [one for one in results("server.xml") if "fixes" in one]
