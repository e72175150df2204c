"""A folder of somebody's project: programs and documents are no configurations, and a copy is read where it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.findings import Examined, Subject
from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.targets import find

NGINX = "events {}\nhttp { server { listen 443 ssl; ssl_protocols TLSv1.2; ssl_certificate /c; } }\n"


def subjects(folder: Path, **files: str) -> dict[str, Subject]:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    found = audit([folder], [policy.load("aspect")])
    return {one.id.removeprefix(f"{folder}").strip("/"): one for one in found.subjects}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("src/Tls.java", "class Tls {\n    SSLContext context;\n    SSLEngine on;\n}\n"),
        ("include/ssl.h", "struct x {\n ssl_conf a;\n ssl_protocols b;\n};\n"),
        ("docs/tls.md", f"Write this:\n\n{NGINX}"),
        ("bin/install", f"#!/bin/sh\ncat > nginx.conf <<EOF\n{NGINX}EOF\n"),
        ("oauth2.conf.ext", "introspection_mode = post\ntls_ca_cert_file = /etc/ssl/ca.crt\n"),
        ("tables/users.cf", "server_host = localhost\nbind            = yes\nresult_attribute= mail\n"),
    ],
    ids=lambda text: text.partition("\n")[0][:20],
)
def test_what_is_no_configuration_gets_no_verdict(name: str, text: str, tmp_path: Path) -> None:
    found = subjects(tmp_path, **{name: text, "web.conf": NGINX})
    assert [one for one in found if one.startswith("web.conf")]
    assert not [one for one, said in found.items() if one.startswith(name) and said.policies]


def test_what_is_wrong_with_a_picture_is_not_said_of_a_configuration(tmp_path: Path) -> None:
    found = subjects(tmp_path, **{"logo.xmlx": "\ufeff<svg/>\n", "web.conf": NGINX})
    assert "byte order mark" not in repr(found)


def test_the_root_of_an_apache_that_is_not_here_is_the_folder_of_its_copy(tmp_path: Path) -> None:
    files = {
        "httpd.conf": 'ServerRoot "/nowhere/apache2"\nListen 443\nInclude vhosts/*.conf\nInclude tls/policy.conf\n',
        "vhosts/a.conf": "<VirtualHost *:443>\nSSLEngine on\n</VirtualHost>\n",
        "tls/policy.conf": "SSLProtocol -all +TLSv1.2\n",
    }
    found = subjects(tmp_path, **files)
    (server,) = (one for name, one in found.items() if name.startswith("httpd.conf#"))
    assert server.offer is not None
    assert list(server.offer["protocols"]) == ["TLSv1.2"]
    assert server.examined is not Examined.NONE
    assert "is not there" not in server.reason


def test_a_parameter_that_master_cf_asks_for_is_the_operators_own(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text(
        "submission_smtpd_tls_mandatory_protocols = >=TLSv1.2\nmyhostname = a.example\n"
    )
    (tmp_path / "master.cf").write_text(
        "submission inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n"
        "  -o smtpd_tls_mandatory_protocols=$submission_smtpd_tls_mandatory_protocols\n"
    )
    found = audit(
        [tmp_path], [policy.load("aspect")], AuditInput(target=find("postfix"), version="3.10.13-debian13")
    )
    assert "tls/unknown-directive" not in {one.rule.id for one in found.findings}
    (server,) = (one for one in found.subjects if one.id.endswith("submission"))
    assert server.offer is not None
    assert list(server.offer["protocols"]) == ["TLSv1.2", "TLSv1.3"]


def test_a_default_value_of_a_field_of_dovecot_is_understood(tmp_path: Path) -> None:
    text = "userdb users {\n  fields {\n    uid:default = mail\n  }\n}\nssl_server_cert_file = /c\n"
    found = subjects(tmp_path, **{"dovecot.conf": f"dovecot_config_version = 2.4.1\n{text}"})
    assert "is not understood" not in repr(found)
