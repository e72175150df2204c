"""The diff that the audit prints, applied with the real `patch`, is byte for byte what the playbook installs."""

from __future__ import annotations

import base64
import hashlib
import shutil
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.errors import UsageError
from hardening.host.plans import tls
from tests.support.places import DATA

CASES = DATA / "tls/cases"
CONFIGURATIONS = {
    "nginx": ("nginx/1.26.3-debian13/tree", "nginx.conf", "", "/etc/nginx/conf.d/harden-tls.conf"),
    "nginx-el7": (
        "nginx/1.20.1-el7/defaults.conf",
        "nginx.conf",
        "events {{}}\nhttp {{\nssl_protocols TLSv1 TLSv1.2;\ninclude sites-enabled/*;\ninclude conf.d/*.conf;\n}}\n",
        "/etc/nginx/conf.d/harden-tls.conf",
    ),
    "httpd": (
        "httpd/2.4.71-debian13/tree",
        "conf/httpd.conf",
        "",
        "/etc/httpd/conf.d/harden-tls.conf",
    ),
    "httpd-el6": (
        "httpd/2.2.15-el6/shipped_early.conf",
        "conf/httpd.conf",
        '{text}ServerRoot "/etc/httpd"\nInclude conf.d/*.conf\n',
        "/etc/httpd/conf.d/harden-tls.conf",
    ),
    "lighttpd": (
        "lighttpd/1.4.79-debian13/loose.conf",
        "lighttpd.conf",
        '{text}include "/etc/lighttpd/conf.d/*.conf"\n',
        "/etc/lighttpd/conf.d/harden-tls.conf",
    ),
}


class Host:
    """One server's files under `root`/etc, and what the agent would say of them."""

    def __init__(self, root: Path, name: str) -> None:
        case, main, wrapped, self.place = CONFIGURATIONS[name]
        self.target, self.version, _ = case.split("/")
        self.root, self.folder = root, root / "etc" / self.target
        self.main = self.folder / main
        if (CASES / case).is_dir():
            shutil.copytree(CASES / case, self.folder)
            return
        self.main.parent.mkdir(parents=True)
        text = (CASES / case).read_text()
        self.main.write_text(wrapped.format(text=text))
        if "{text}" not in wrapped:
            (self.folder / "sites-enabled").mkdir()
            (self.folder / "sites-enabled" / "site").write_text(text)

    def texts(self) -> dict[str, bytes]:
        """Every file by its path on the host."""
        return {f"/{p.relative_to(self.root)}": p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}

    def planned(self) -> dict[str, bytes]:
        """Every file as it is after the plan."""
        files = [
            {
                "path": path,
                "content": base64.b64encode(data).decode(),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            for path, data in self.texts().items()
        ]
        server = tls.Server(
            target=self.target,
            version=self.version,
            configs=(f"/{self.main.relative_to(self.root)}", f"/etc/{self.target}/conf.d/*.conf"),
            place=self.place,
        )
        plan = tls.plan(server, {"files": files})
        return self.texts() | {one.path: one.content for one in plan.files}

    def arguments(self) -> list[str]:
        return ["tls", "audit", str(self.main), "--target", f"{self.target}@{self.version}"]


def test_a_file_that_no_include_reaches_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    host = Host(tmp_path, "nginx")
    lost = [*host.arguments(), "--fix-diff", "--fix-place", "/etc/nginx/elsewhere/harden-tls.conf"]
    assert run(lost) == 10
    assert ": not fixed: " in capfd.readouterr().err


def test_a_server_without_such_a_file_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "haproxy.cfg"
    copy.write_text("frontend a\n  bind :443 ssl crt /a.pem ciphers AES128-SHA\n")
    arguments = ["tls", "audit", str(copy), "--target", "haproxy", "--fix-diff"]
    assert run([*arguments, "--fix-place", "/etc/haproxy/harden.cfg"]) == 2
    assert "leave --fix-place out" in capfd.readouterr().err
    assert run([*arguments[:-1], "--fix-place", "/etc/haproxy/harden.cfg"]) == 2
    assert "--fix-place goes with --fix-diff" in capfd.readouterr().err


def test_a_line_with_several_settings_is_named() -> None:
    row = {
        "path": "/etc/nginx/conf.d/a.conf",
        "content": base64.b64encode(b"ssl_protocols TLSv1; ssl_ciphers ALL;\n").decode(),
        "sha256": "0",
    }
    with pytest.raises(UsageError, match=r"/etc/nginx/conf.d/a.conf line 1 sets more than one thing"):
        tls.plan(tls.Server(target="nginx"), {"files": [row]})


def test_a_host_without_files_gets_ours_alone() -> None:
    for target in ("nginx", "httpd", "lighttpd"):
        plan = tls.plan(tls.Server(target=target), {})
        assert [one.path for one in plan.files] == [plan.files[0].path]
