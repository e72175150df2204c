"""The whole `/etc` of a host: every server at its usual place, and each told by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.findings import Examined
from hardening.tls import policy
from hardening.tls.auditing import audit
from hardening.tls.auditing.shared import Audited

NGINX = "events {}\nhttp { server { listen 443 ssl; server_name a; ssl_protocols TLSv1.2; } }\n"
LIGHTTPD = 'server.port = 80\ninclude_shell "/usr/share/lighttpd/use-ipv6.pl"\n'
TOMCAT = '<Server><Service name="Catalina"><Connector port="8443" SSLEnabled="true"/></Service></Server>\n'


def audited(etc: Path, files: dict[str, str]) -> Audited:
    """Audit these files below an `etc`."""
    for name, text in files.items():
        (etc / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / name).write_text(text)
    return audit.audit([etc], [policy.load("aspect")])


def test_what_one_server_could_not_be_read_of_is_said_of_that_server_alone(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    found = audited(etc, {"lighttpd/lighttpd.conf": LIGHTTPD, "nginx/nginx.conf": NGINX})
    examined = {s.id.removeprefix(f"{etc}/"): s.examined for s in found.subjects}
    assert examined == {
        "lighttpd/lighttpd.conf": Examined.NONE,
        "nginx/nginx.conf#a:443": Examined.FULL,
    }
    said = [f.subject for f in found.findings if f.rule.id == "walk/config-missing-include"]
    assert said == [f"{etc}/lighttpd/lighttpd.conf"]


def test_a_file_that_two_servers_include_and_nobody_may_read_is_said_of_both(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    found = audited(
        etc,
        {
            "stunnel/a.conf": "include = /etc/stunnel/shared.inc\n[a]\naccept = 1\nconnect = 2\ncert = /x\n",
            "stunnel/b.conf": "include = /etc/stunnel/shared.inc\n[b]\naccept = 3\nconnect = 4\ncert = /x\n",
            "stunnel/shared.inc/no-text": "\x00",
        },
    )
    assert {s.examined for s in found.subjects} == {Examined.PARTIAL}
    assert len({f.subject for f in found.findings if f.rule.id.startswith("walk/config-")}) == 2


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("tomcat10/server.xml", TOMCAT),
        ("tomcat/server.xml", TOMCAT),
        ("postgresql/15/main/postgresql.conf", "ssl = on\nssl_ciphers = 'HIGH'\n"),
        ("stunnel/alarms.conf", "[alarms]\naccept = 465\nconnect = 25\ncert = /x.pem\n"),
    ],
)
def test_a_server_is_found_where_its_distribution_puts_it(place: str, text: str, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    found = audited(etc, {"nginx/nginx.conf": NGINX, place: text})
    assert any(s.id.startswith(f"{etc}/{place}") and s.offer for s in found.subjects)


@pytest.mark.parametrize(("place", "alone"), [("nginx.conf", False), ("sites-enabled/site", True)])
def test_a_file_that_others_include_is_not_taken_for_the_whole_without_a_word(
    place: str, alone: bool, tmp_path: Path
) -> None:
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("server {\n  listen 443 ssl;\n  server_name a;\n  ssl_ciphers ECDHE+AESGCM;\n}\n")
    found = audit.audit([file], [policy.load("aspect")])
    offer = found.subjects[0].offer
    assert offer is not None
    assert ("site is all there is, for no file that includes it was read" in offer["assumptions"]) == alone


MAIN = "events {}\nhttp {\n  ssl_protocols TLSv1.2;\n  include %s;\n}\n"
PART = "server {\n  listen 443 ssl;\n  server_name a;\n}\n"


@pytest.mark.parametrize("include", ["/etc/nginx/conf.d/*.conf", "conf.d/*.conf"])
def test_the_root_of_a_hosts_copy_is_read_as_that_host(include: str, tmp_path: Path) -> None:
    """Each file was told by itself there: a part without the main file's versions, and `/etc` was this machine's."""
    release = "CentOS Linux release 7.9.2009 (Core)\n"
    files = {"nginx/nginx.conf": MAIN % include, "nginx/conf.d/a.conf": PART, "centos-release": release}
    audited(tmp_path / "etc", files)
    tomcat = tmp_path / "opt/tomcat/conf/server.xml"
    tomcat.parent.mkdir(parents=True)
    tomcat.write_text(TOMCAT)
    found = audit.audit([tmp_path], [policy.load("aspect")])
    offers = {s.id.removeprefix(f"{tmp_path}/"): s.offer for s in found.subjects}
    assert list(offers) == ["etc/nginx/nginx.conf#a:443", "opt/tomcat/conf/server.xml#*:8443"]
    nginx = offers["etc/nginx/nginx.conf#a:443"]
    assert nginx is not None
    assert list(nginx["protocols"]) == ["TLSv1.2"]
    assert "nginx 1.20.1-el7, for the host is CentOS 7" in " ".join(nginx["assumptions"])


def test_a_server_that_was_built_from_source_is_read_from_its_prefix(tmp_path: Path) -> None:
    """Each file was told there, the installation's `nginx.conf.default` too."""
    prefix = tmp_path / "usr/local/nginx"
    audited(prefix, {"conf/nginx.conf": NGINX, "conf/nginx.conf.default": NGINX})
    (tmp_path / "etc").mkdir()
    for asked in (prefix, tmp_path):
        found = audit.audit([asked], [policy.load("aspect")])
        assert [s.id for s in found.subjects] == [f"{prefix}/conf/nginx.conf#a:443"]


def test_a_file_called_config_is_what_its_text_says(tmp_path: Path) -> None:
    """Whatever was called so was taken for the host's crypto-policy, the SSH client's own settings too."""
    audited(tmp_path / "etc", {"nginx/nginx.conf": NGINX})
    (tmp_path / "opt/app").mkdir(parents=True)
    (tmp_path / "opt/app/config").write_text("FEATURES=many\n")
    found = audit.audit([tmp_path], [policy.load("aspect")])
    assert [s.id for s in found.subjects] == [f"{tmp_path}/etc/nginx/nginx.conf#a:443"]
    client = tmp_path / ".ssh/config"
    client.parent.mkdir()
    client.write_text("Host *\n  HostName a\n  Ciphers aes128-ctr\n  MACs hmac-sha1\n")
    found = audit.audit([client.parent], [policy.load("cis-centos7-ssh")])
    assert [s.id for s in found.subjects] == [f"{client}#ssh:*"]


def test_the_crypto_policy_is_found_in_its_own_folder(tmp_path: Path) -> None:
    audited(tmp_path / "etc", {"crypto-policies/config": "LEGACY\n"})
    found = audit.audit([tmp_path / "etc/crypto-policies"], [policy.load("aspect")])
    assert {s.id.partition("#")[0] for s in found.subjects} == {f"{tmp_path}/etc/crypto-policies/config"}


def test_a_link_to_a_main_file_is_no_second_server(tmp_path: Path) -> None:
    audited(tmp_path / "etc", {"tomcat/server.xml": TOMCAT})
    (tmp_path / "opt/tomcat").mkdir(parents=True)
    (tmp_path / "opt/tomcat/conf").symlink_to(tmp_path / "etc/tomcat")
    found = audit.audit([tmp_path], [policy.load("aspect")])
    assert len(found.subjects) == 1


def test_a_folder_without_a_main_file_tells_what_is_included_once(tmp_path: Path) -> None:
    files = {
        "a-part.conf": PART,
        "site.conf": "server { listen 444 ssl; server_name b; ssl_protocols TLSv1.2; }\ninclude a-part.conf;\n",
        "one.conf": "include two.conf;\nserver { listen 445 ssl; server_name c; }\n",
        "two.conf": "include one.conf;\n",
    }
    found = audited(tmp_path / "sites", files)
    names = sorted(s.id.rpartition("/")[2] for s in found.subjects)
    assert names == ["one.conf#c:445", "site.conf#a:443", "site.conf#b:444"]


def test_a_missing_include_is_named_with_the_place_where_it_would_be_read(tmp_path: Path) -> None:
    text = "events {}\nhttp { include /etc/nginx/none.conf; server { listen 443 ssl; } }\n"
    for folder, way in (
        ("copy/etc/nginx", f"Copy it to {tmp_path}/copy/etc/nginx/none.conf as well"),
        ("flat", "lay the files out as they lie there (COPY/etc/nginx/none.conf)"),
    ):
        path = tmp_path / folder / "nginx.conf"
        path.parent.mkdir(parents=True)
        path.write_text(text)
        found = audit.audit([path], [policy.load("aspect")])
        (lost,) = [one for one in found.findings if one.rule.id == "walk/config-missing-include"]
        assert way in lost.advice
        assert {one.examined for one in found.subjects} == {Examined.PARTIAL}
