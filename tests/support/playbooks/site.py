"""Real web servers on loopback under a temporary root, and ansible-playbook driven as an operator would."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from hardening import resources
from tests.support.ports import free_port
from tests.support.waiting import listens, until

WEAK = "AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0"
"""Suites without forward secrecy or authenticated encryption, that OpenSSL 3 still speaks when asked to."""


def program(name: str) -> str:
    """Return a server program's path; skip where it is missing, fail where CI promises it."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        message = f"{name} is not installed on this machine"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@dataclass
class Site:
    """One web server under `root`: its files, its process, and the playbook variables that describe it."""

    root: Path
    port: int = field(default_factory=free_port)
    pid: int = 0

    kind = "nginx"

    def __post_init__(self) -> None:
        self.etc.mkdir(parents=True)
        (self.root / "run").mkdir()
        certificate = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert(
            "localhost", "127.0.0.1", key_type=trustme.KeyType.RSA
        )
        certificate.private_key_pem.write_to_path(str(self.etc / "key.pem"))
        with (self.etc / "cert.pem").open("wb") as out:
            for blob in certificate.cert_chain_pems:
                out.write(blob.bytes())
        self.lay_out()
        self.start()

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def state(self) -> Path:
        return self.root / "var" / "lib" / "aspect-hardening"

    @property
    def confd(self) -> Path:
        return self.etc / "conf.d"

    @property
    def argv(self) -> list[str]:
        return [
            program("nginx"),
            "-c",
            str(self.etc / "nginx.conf"),
            "-e",
            str(self.root / "run" / "error.log"),
        ]

    def lay_out(self) -> None:
        run = self.root / "run"
        (self.confd).mkdir()
        (self.etc / "nginx.conf").write_text(
            f"pid {run}/pid;\nworker_processes 1;\nevents {{ worker_connections 64; }}\nhttp {{\n"
            f"  access_log off;\n  client_body_temp_path {run}/body;\n"
            f"  proxy_temp_path {run}/proxy;\n  fastcgi_temp_path {run}/fcgi;\n"
            f"  uwsgi_temp_path {run}/uwsgi;\n  scgi_temp_path {run}/scgi;\n"
            f"  ssl_protocols TLSv1 TLSv1.1 TLSv1.2;\n  include {self.confd}/*.conf;\n}}\n"
        )
        (self.confd / "site.conf").write_text(
            f"server {{\n  listen 127.0.0.1:{self.port} ssl;\n  server_name localhost;\n"
            f"  ssl_certificate {self.etc}/cert.pem;\n  ssl_certificate_key {self.etc}/key.pem;\n"
            f"  ssl_ciphers '{WEAK}';\n  location / {{ return 200 'here'; }}\n}}\n"
        )

    @property
    def check(self) -> list[str]:
        return [*self.argv, "-t", "-q"]

    @property
    def reload(self) -> list[str]:
        return [*self.argv, "-s", "reload"]

    def start(self) -> None:
        subprocess.run(self.argv, check=True, capture_output=True)
        self.wait()
        pid = self.root / "run" / "pid"  # a server may listen before it has written it
        self.pid = int(until(lambda: pid.exists() and pid.read_text().strip(), 10))

    def wait(self) -> None:
        until(lambda: listens(self.port), 10, what=f"listening of {self.kind} on {self.port}")

    def stop(self) -> None:
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        until(lambda: not Path(f"/proc/{self.pid}").exists(), 10, what=f"the end of {self.kind}")

    @property
    def server(self) -> dict[str, Any]:
        """Return the entry of `tls_servers` that describes this site."""
        return {
            "target": self.kind,
            "configs": [str(self.etc / "*.conf"), str(self.confd / "*.conf")],
            "place": str(self.confd / "harden-tls.conf"),
            "check": self.check,
            "reload": self.reload,
            "endpoints": [f"127.0.0.1:{self.port}"],
        }

    def play(self, name: str, *flags: str, **variables: Any) -> Played:
        """Run a shipped playbook against this machine."""
        values = {
            "harden_hosts": "localhost",
            "tls_servers": [self.server],
            "tls_state_dir": str(self.state),
            "tls_install_agent": False,
            "aspect_state_dir": str(self.state),
            **variables,
        }
        return play(name, values, *flags, cwd=self.root)


class Apache(Site):
    kind = "httpd"

    @property
    def argv(self) -> list[str]:
        return [program("apache2"), "-f", str(self.etc / "httpd.conf")]

    def lay_out(self) -> None:
        run, modules = self.root / "run", Path("/usr/lib/apache2/modules")
        self.confd.mkdir()
        wanted = ("mpm_event", "authz_core", "ssl", "socache_shmcb", "mime")
        loads = "".join(
            f"LoadModule {m}_module {modules}/mod_{m}.so\n"
            for m in wanted
            if (modules / f"mod_{m}.so").exists()
        )
        (self.etc / "httpd.conf").write_text(
            f"{loads}ServerRoot {self.root}\nServerName localhost\nUser www-data\nGroup www-data\nPidFile {run}/pid\nErrorLog {run}/error.log\n"
            f"TypesConfig /etc/mime.types\nListen 127.0.0.1:{self.port}\nDefaultRuntimeDir {run}\n"
            f"IncludeOptional {self.confd}/*.conf\n"
        )
        (self.confd / "ssl.conf").write_text(
            f"<VirtualHost 127.0.0.1:{self.port}>\n  SSLEngine on\n  SSLCertificateFile {self.etc}/cert.pem\n"
            f"  SSLCertificateKeyFile {self.etc}/key.pem\n  SSLProtocol all\n  SSLCipherSuite \\\n    {WEAK}\n"
            f"</VirtualHost>\n"
        )

    @property
    def check(self) -> list[str]:
        return [*self.argv, "-t"]

    @property
    def reload(self) -> list[str]:
        return [*self.argv, "-k", "graceful"]


class Lighttpd(Site):
    kind = "lighttpd"

    @property
    def argv(self) -> list[str]:
        return [program("lighttpd"), "-f", str(self.etc / "lighttpd.conf")]

    def lay_out(self) -> None:
        run = self.root / "run"
        self.confd.mkdir()
        (self.etc / "lighttpd.conf").write_text(
            f'server.modules = ( "mod_openssl" )\nserver.document-root = "{run}"\nserver.bind = "127.0.0.1"\n'
            f'server.port = {self.port}\nserver.pid-file = "{run}/pid"\nserver.errorlog = "{run}/error.log"\n'
            f'ssl.engine = "enable"\nssl.pemfile = "{self.etc}/cert.pem"\nssl.privkey = "{self.etc}/key.pem"\n'
            f'ssl.openssl.ssl-conf-cmd = ( "MinProtocol" => "TLSv1",\n  "CipherString" => "{WEAK}" )\n'
            f'include "{self.confd}/*.conf"\n'
        )

    @property
    def check(self) -> list[str]:
        return [*self.argv, "-tt"]

    @property
    def reload(self) -> list[str]:
        return ["/bin/sh", "-c", f"kill -USR1 $(cat {self.root}/run/pid)"]


QUESTION = b"Restart the control engine now?"
SITES = {"nginx": Site, "httpd": Apache, "lighttpd": Lighttpd}


@dataclass
class Played:
    """What one run of ansible-playbook came to."""

    code: int
    output: str
    tasks: dict[str, dict[str, Any]]
    """The result per task name, of localhost."""
    stats: dict[str, int]


def play(
    name: str, values: dict[str, Any], *flags: str, cwd: Path, answers: Sequence[str] | None = None
) -> Played:
    """Run a shipped playbook with these variables, its results read from the receipt it writes.

    With `answers` a person sits at a terminal and types them, one at each question; without, nobody does.
    """
    binary = Path(sys.executable).with_name("ansible-playbook")
    variables, receipt = cwd / "vars.json", cwd / "receipt.jsonl"
    receipt.unlink(missing_ok=True)
    variables.write_text(json.dumps(values))
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACKS_ENABLED": "aspect.hardening.receipt",
        "HARDEN_RECEIPT": str(receipt),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_HOME": str(cwd / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(cwd / "ansible" / "tmp"),
        "ANSIBLE_CONFIG": str(resources.playbooks() / "ansible.cfg"),
        "LC_ALL": "C.UTF-8",
    }
    argv: list[str | Path] = [
        binary,
        resources.playbooks() / name,
        "-c",
        "local",
        "-i",
        "localhost,",
        "-e",
        f"@{variables}",
        *flags,
    ]
    if answers is None:
        ran = subprocess.run(argv, env=environment, cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL, text=True, check=False)  # fmt: skip
        code, output = ran.returncode, ran.stdout + ran.stderr
    else:
        code, output = attended([str(word) for word in argv], answers, env=environment, cwd=cwd)
    rows = [json.loads(line) for line in receipt.read_text().splitlines()] if receipt.exists() else []
    tasks = {row["task"].rpartition(" : ")[2]: row["result"] for row in rows if "task" in row}
    stats: dict[str, int] = next((row["stats"] for row in rows if "stats" in row), {})
    return Played(code=code, output=output, tasks=tasks, stats=stats)


def attended(
    argv: Sequence[str], answers: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path
) -> tuple[int, str]:
    """Run a program at a terminal of its own; each line that asks ("...?") gets the next answer."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *argv],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
        cwd=cwd,
    ) as process:
        os.close(theirs)
        left, said, answered, deadline = list(answers), b"", 0, time.monotonic() + 240
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 2)[0]:
                try:
                    said += os.read(ours, 65536)
                except OSError:  # the last who had the terminal open has gone
                    break
            elif (
                left and said.count(QUESTION) > answered
            ):  # a prompt throws away what was typed before it is ready
                os.write(ours, left.pop(0).encode() + b"\r")
                answered += 1
        else:
            os.killpg(process.pid, signal.SIGKILL)
        os.close(ours)
        code = process.wait(60)
    assert left == [], said
    return code, said.decode("utf-8", "replace")
