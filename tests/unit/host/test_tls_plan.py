"""The plan that makes a TLS policy hold says before it is carried out who would lose access."""

from __future__ import annotations

import base64
import hashlib

import pytest

from hardening.host.plans import tls

MAIN = "/etc/nginx/nginx.conf"
OLD = """events {}
http {
  server {
    listen 443 ssl;
    server_name www.example;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2;
    ssl_ciphers HIGH:!aNULL:@SECLEVEL=0;
  }
  include /etc/nginx/conf.d/*.conf;
}
"""


def _facts(text: str) -> dict[str, object]:
    data = text.encode()
    row = {
        "path": MAIN,
        "content": base64.b64encode(data).decode(),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return {
        "release": "Debian GNU/Linux 13 (trixie)",
        "said": ["nginx version: nginx/1.26.3"],
        "files": [row],
    }


def _warnings(text: str) -> list[str]:
    server = tls.Server(target="nginx")
    notes = tls.plan(server, _facts(text)).notes
    return [note for note in notes if note.startswith(tls.LOSS)]


def test_those_who_can_connect_now_and_could_not_any_more_are_named() -> None:
    (note,) = _warnings(OLD)
    assert "www.example:443: " in note
    assert "known clients would lose access: " in note
    assert "OpenSSL 0.9.8e (CentOS 5)" in note
    assert "The way out: " in note
    assert "Internet Explorer 6" not in note, "it cannot connect as it is"


def test_where_nobody_loses_anything_nothing_is_said() -> None:
    server = tls.Server(target="nginx")
    (ours,) = [f for f in tls.plan(server, _facts(OLD)).files if f.path.endswith("harden-tls.conf")]
    settings = ours.content.decode()
    now = f"events {{}}\nhttp {{\n{settings}\nserver {{\nlisten 443 ssl;\n}}\n}}\n"
    assert _warnings(now) == []


@pytest.mark.parametrize(
    ("release", "text", "told"),
    [
        ("1.4.79", "server.port = 8443\n", "reload"),
        ("1.4.79", '  server.username = "lighttpd"\n', "restart"),
        ("1.4.79", 'server.chroot = "/var/empty"\n', "restart"),
        ("1.4.79", '# server.username = "lighttpd"\n', "reload"),
        ("1.4.35", "server.port = 8443\n", "restart"),
    ],
)
def test_lighttpd_is_reloaded_only_where_that_reads_settings_and_key(
    release: str, text: str, told: str
) -> None:
    facts = _facts(text)
    facts["said"] = [f"lighttpd/{release} (ssl) - a light and fast webserver"]
    assert tls.action(tls.Server(target="lighttpd"), facts) == told
    assert tls.action(tls.Server(target="lighttpd", action="reload"), facts) == "reload"
    assert tls.plan(tls.Server(target="lighttpd"), facts).services[0].action == told
