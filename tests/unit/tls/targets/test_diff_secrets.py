"""A diff to apply shows what stands in its lines: the secrets among it are named, and nobody else reads its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls.auditing.fix import Fixed

SERVER = (
    '<Server><Service name="Catalina"><Connector port="8443" SSLEnabled="true" secure="true" scheme="https" '
    'keystoreFile="/etc/k.jks" keystorePass="{0}" sslProtocol="TLS" sslEnabledProtocols="TLSv1,TLSv1.2"/>'
    '<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine>'
    "</Service></Server>\n"
)


def test_the_directive_is_named_its_value_is_not(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    value = "q7Zr" + "-Lm2Wx"
    (tmp_path / "server.xml").write_text(SERVER.format(value))
    patch = tmp_path / "fix.patch"
    run(["tls", "audit", str(tmp_path / "server.xml"), "--target", "tomcat@9.0.87-el9", "--fix-diff", "-o", str(patch)])  # fmt: skip
    told = capfd.readouterr().err
    assert f"warning: the diff shows a secret: keystorePass of {str(tmp_path)[1:]}/server.xml\n" in told
    assert value not in told
    assert f'keystorePass="{value}"' in patch.read_text()  # masked, it would not apply
    assert patch.stat().st_mode & 0o777 == 0o600


def test_a_diff_without_a_secret_is_a_file_like_any(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nginx.conf").write_text(
        "events {}\nhttp {\n ssl_password_file /etc/p;\n server {\n  listen 443 ssl;\n  ssl_certificate /c;\n"
        "  ssl_certificate_key /k;\n  ssl_protocols TLSv1;\n  location / { proxy_pass http://a; }\n }\n}\n"
    )
    patch = tmp_path / "fix.patch"
    run(["tls", "audit", str(tmp_path / "nginx.conf"), "--target", "nginx@1.26.3-debian13", "--fix-diff", "-o", str(patch)])  # fmt: skip
    assert "shows a secret" not in capfd.readouterr().err
    assert "proxy_pass" in patch.read_text()
    assert patch.stat().st_mode & 0o077


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("-password = x", "password"),
        (" rootpw {SSHA}abc", "rootpw"),
        ("+requirepass x", "requirepass"),
        ('-<Set name="KeyStorePassword">x</Set>', "KeyStorePassword"),
        ("-static-auth-secret=x", "static-auth-secret"),
        ("-  user a insecure-password x", "insecure-password"),
        ("-ssl_password_file /etc/p;", ""),
        ("-smtp_sasl_password_maps = hash:/etc/p", ""),
        ("-fastcgi_pass 127.0.0.1:9000;", ""),
        ("-SSLPassPhraseDialog exec:/x", ""),
        ("-password =", ""),
        ("@@ -1 +1 @@ password = x", ""),
    ],
)
def test_directives_with_a_secret(line: str, name: str) -> None:
    found = Fixed(f"# password = of the head\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n{line}\n+z\n", ()).secrets
    assert found == ((f"{name} of f",) if name else ())
