"""A host's tree with one of everything that must not be, each beside its harmless twin."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode
from hardening.findings import Finding, InFile, Run, Verdict
from hardening.host import gather
from hardening.host.checks import people, sudo, sudoers
from hardening.host.checks.root import FileMeta, Root
from hardening.tls.policy import load
from tests.support import odd_certificates

HTML = "/home/MIX_CMIX/htmlroot"
TOOL = f"{HTML}/maintenance/db.php"
LOG = '10.0.0.{who} - - [{when}] "GET {what} HTTP/1.1" {code} 99 "-" "x"\n'
SUDOERS = r"""
Defaults env_reset
User_Alias WEB = apache, \
    lighttpd
Cmnd_Alias STEPS = /opt/steps/update.sh, /sbin/reboot
WEB ALL=(root) NOPASSWD: STEPS
%wheel ALL=(ALL) ALL
backup ALL=(root) NOPASSWD: /opt/steps/writable.sh   # no web account
#includedir /etc/sudoers.d
"""


def card(path: Path, *, bits: int, days: int, digest: hashes.SHA256 | hashes.SHA512) -> None:
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.stem)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now - timedelta(days=400)).not_valid_after(now + timedelta(days=days)).sign(key, digest)
    )  # fmt: skip
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("host")

    def put(path: str, text: str, mode: int = 0o644) -> Path:
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
        return place

    put(
        "/etc/passwd",
        "root:x:0:0::/root:/bin/sh\napache:x:48:48::/:/sbin/nologin\nbackup:x:34:34::/:/bin/sh\n",
    )
    put("/etc/group", "root:x:0:\napache:x:48:\nstaff:x:50:apache\nwheel:x:10:\n")
    put("/etc/sudoers", SUDOERS, 0o440)
    put(
        "/etc/sudoers.d/shell",
        "apache ALL=(ALL) NOPASSWD: /bin/bash\n%staff ALL = NOPASSWD: /opt/steps/fixed.sh\n",
        0o440,
    )
    put("/etc/sudoers.d/left.rpmsave", "apache ALL=(ALL) NOPASSWD: ALL\n", 0o644)
    put("/opt/steps/update.sh", "#!/bin/sh\n", 0o777)
    put("/opt/steps/writable.sh", "#!/bin/sh\n", 0o777)
    put("/opt/steps/fixed.sh", "#!/bin/sh\n", 0o755)
    put("/sbin/reboot", "", 0o755)
    put(TOOL, specimen.tool("correct-horse-9"))
    put(f"{HTML}/index.php", "<?php echo 1;\n")
    secret = "<?php\nmysql_connect('localhost', 'mix', 'Tr0ub4dor&3x');\n"
    put(f"{HTML}/open.php", secret)
    put(f"{HTML}/closed.php", secret, 0o640)
    put("/home/MIX_CMIX/private/inside.php", secret)
    (root / "home/MIX_CMIX/private").chmod(0o700)
    put("/home/MIX_CMIX/config/engine.properties", "engine.port = 7300\n")
    rows = [(1, "10/Nov/2026:10:00:00 +0000", "/maintenance/db.php?server=x", 200), (2, "11/Nov/2026:10:00:00 +0000", "/maintenance/%64b.php", 302),
            (3, "12/Nov/2026:10:00:00 +0000", "/maintenance/db.php", 404), (4, "12/Nov/2026:10:00:00 +0000", "/maintenance/db.phpx", 200),
            (4, "13/Nov/2026:10:00:00 +0000", "/index.php", 200)]  # fmt: skip
    put(
        "/var/log/httpd/access_log", "".join(LOG.format(who=w, when=t, what=u, code=c) for w, t, u, c in rows)
    )
    older = LOG.format(who=9, when="01/Feb/2025:08:00:00 +0000", what="//maintenance/db.php", code=200)
    (root / "var/log/httpd/access_log-20250202.gz").write_bytes(gzip.compress(older.encode()))
    put("/etc/httpd/conf.d/ssl.conf", "Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLProtocol all -SSLv2\nSSLCipherSuite ALL\n"
        "SSLCertificateFile /etc/pki/tls/certs/old.crt\nSSLCertificateKeyFile /etc/pki/tls/private/x.key\n</VirtualHost>\n"
        "# SSLCertificateFile /etc/pki/tls/certs/unused.crt\n<VirtualHost *:8443>\nSSLCertificateFile /etc/pki/tls/certs/good.crt\n</VirtualHost>\n")  # fmt: skip
    put("/etc/httpd/conf/httpd.conf", "ServerRoot /etc/httpd\nUser apache\nInclude conf.d/*.conf\n")
    certs = root / "etc/pki/tls/certs"
    certs.mkdir(parents=True)
    card(certs / "old.crt", bits=1024, days=-3, digest=hashes.SHA256())
    card(certs / "unused.crt", bits=1024, days=-3, digest=hashes.SHA256())
    card(certs / "good.crt", bits=2048, days=200, digest=hashes.SHA256())
    return root


@pytest.fixture(scope="module")
def found(host: Path) -> Run:
    return gather.audited(host, [load("aspect")])


def of(found: Run, rule: str) -> list[Finding]:
    return [one for one in found.findings if one.rule.id == rule]


def place(finding: Finding) -> str:
    assert isinstance(finding.location, InFile)
    return f"{finding.location.path}:{finding.location.line}"


def test_paths_are_the_hosts_own(host: Path, found: Run) -> None:
    assert found.exit_code() is ExitCode.FINDINGS
    assert [one.where for one in of(found, "component/adminer")] == [TOOL]
    assert not [one for one in found.findings if str(host) in one.where + one.message]
    assert {one.id for one in found.subjects} >= {str(host), "/home", "/etc"}


def test_sudo_rules_that_give_the_host_away(found: Run) -> None:
    (writable,) = of(found, "host/sudo-writable")
    assert (
        "apache may run /opt/steps/update.sh as root, without a password, and apache may write it"
        in writable.message
    )
    assert place(writable) == "/etc/sudoers:6"
    (shell,) = of(found, "host/sudo-all")
    assert place(shell) == "/etc/sudoers.d/shell:1"
    assert "/bin/bash with any arguments" in shell.message


def test_secrets_open_to_every_account(found: Run) -> None:
    places = {one.where.partition(":")[0] for one in of(found, "host/world-readable-secret")}
    assert f"{HTML}/open.php" in places
    assert not places & {f"{HTML}/closed.php", "/home/MIX_CMIX/private/inside.php"}
    assert of(found, "credential/sudo-rule")  # read by everybody, and no secret
    assert not [place for place in places if place.startswith("/etc/sudoers")]
    assert {one.where.partition(":")[0] for one in of(found, "credential/login-call")} >= {
        f"{HTML}/open.php", f"{HTML}/closed.php", "/home/MIX_CMIX/private/inside.php",
    }  # fmt: skip


def test_visits_to_the_component(found: Run) -> None:
    (visited,) = of(found, "host/component-visited")
    assert visited.message == (
        "/maintenance/db.php was answered 3 times between 01/Feb/2025:08:00:00 +0000 and 11/Nov/2026:10:00:00 +0000 "
        "(refused or missing: 1), to 10.0.0.1 (1), 10.0.0.2 (1), 10.0.0.9 (1)"
    )
    assert place(visited) == "/var/log/httpd/access_log-20250202.gz:1"


def test_certificates_that_servers_name(found: Run) -> None:
    """The judge of TLS says what is wrong with one; it is not said twice."""
    (expired,) = of(found, "tls/certificate-expired")
    (weak,) = of(found, "tls/certificate-key")
    assert expired.where == weak.where == "/etc/pki/tls/certs/old.crt"
    assert "RSA key of 1024 bits" in weak.message
    verdicts = {one.rule.id: one.verdict for one in found.results}
    assert verdicts["tls/certificate-expired"] is verdicts["tls/certificate-key"] is Verdict.FAIL
    assert verdicts["tls/certificate-signature"] is Verdict.PASS


def test_a_certificate_that_breaks_the_rules_does_not_end_the_audit(tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "nginx"
    folder.mkdir(parents=True)
    (tmp_path / "etc" / "odd.pem").write_bytes(odd_certificates.pem(odd_certificates.odd()["version 6"]))
    lines = (
        "listen 443 ssl; ssl_certificate /etc/odd.pem; ssl_certificate_key /etc/k.pem; ssl_protocols SSLv3;"
    )
    (folder / "nginx.conf").write_text(f"http {{ server {{ {lines} }} }}\n")
    assert run(["host", "audit", "--root", str(tmp_path), "-q"]) == ExitCode.FINDINGS


def test_weak_tls_and_what_a_copy_cannot_say(found: Run) -> None:
    assert of(found, "tls/suite")
    port = next(one for one in found.results if one.rule.id == "host/engine-port")
    assert (port.verdict, port.reason) == (
        Verdict.INCONCLUSIVE,
        "configured=7300; what listens is not in a copy",
    )


def test_by_command(host: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["host", "audit", "--root", str(host), "--format", "json"]) == ExitCode.FINDINGS
    read = json.loads(capfdbinary.readouterr().out)
    assert "Tr0ub4dor&3x" not in json.dumps(read)
    assert {one["kind"] for one in read["subjects"]} == {"host", "bundle", "file", "endpoint"} & {
        one["kind"] for one in read["subjects"]
    }
    assert run(["host", "audit", "--root", str(tmp_path)]) == ExitCode.NOTHING_EXAMINED
    assert run(["host", "audit", "--root", str(tmp_path / "absent")]) == ExitCode.USAGE


def test_links_lead_inside_the_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/real").write_text("inside")
    (tmp_path / "etc/absolute").symlink_to("/etc/real")
    (tmp_path / "etc/up").symlink_to("../../../../../etc/real")
    (tmp_path / "etc/loop").symlink_to("loop")
    root = Root(tmp_path)
    assert root.text("/etc/absolute") == root.text("/etc/up") == "inside"
    assert root.text("/etc/loop") is None
    assert list(root.ways("/etc/absolute")) == ["/etc/real", "/etc", "/"]


def test_patterns_lead_inside_the_root(tmp_path: Path) -> None:
    top, outside = tmp_path / "image[1]", tmp_path / "outside"
    for place in (top / "data/log/a.access.log", top / "data/log/.b.access.log", outside / "c.access.log"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("x")
    (top / "var/log").mkdir(parents=True)
    (top / "var/log/httpd").symlink_to("/data/log")
    (top / "var/log/nginx").symlink_to(outside)
    (top / "var/log/gone").symlink_to("/nowhere")
    root = Root(top)
    assert list(root.matching("/var/log/httpd/*access*")) == ["/var/log/httpd/a.access.log"]
    assert list(root.matching("/var/log/*/[ac].access.log")) == ["/var/log/httpd/a.access.log"]
    assert not list(root.matching("/var/log/nginx/*access*"))
    assert list(root.matching("/var/log/g?ne")) == list(root.matching("/var/log/gone")) == ["/var/log/gone"]


WEAK = "server { listen 443 ssl; server_name weak; ssl_protocols SSLv3 TLSv1; ssl_ciphers ALL; }\n"


@pytest.mark.parametrize("way", ["folder", "file", "server", "up", "brackets"])
def test_a_servers_includes_lead_inside_the_root(way: str, tmp_path: Path) -> None:
    """Links of folders, and steps above the root, were followed on the machine that runs the audit."""
    top = tmp_path / ("image[1]" if way == "brackets" else "image")
    nginx, here = top / "etc/nginx", tmp_path / "elsewhere"
    for folder in (nginx / "sites", here):
        folder.mkdir(parents=True)
    (nginx / "sites/weak").write_text(WEAK)
    (here / "mine").write_text(WEAK.replace("weak", "stranger"))
    up = "../" * 40 + str(here / "mine").lstrip("/")
    include = {"up": f"include {up}; include sites/w*;", "brackets": "include enabled/*; include sites/w*;"}
    (nginx / "nginx.conf").write_text(f"http {{ {include.get(way, 'include /etc/nginx/enabled/*;')} }}\n")
    if way == "file":
        (nginx / "enabled").mkdir()
        (nginx / "enabled/weak").symlink_to("/etc/nginx/sites/weak")
    else:
        (nginx / "enabled").symlink_to(here if way == "brackets" else "/etc/nginx/sites")
    if way == "server":
        (top / "opt").mkdir()
        nginx.rename(top / "opt/nginx")
        nginx.symlink_to("/opt/nginx")
    (top / "usr/lib").mkdir(parents=True)
    (top / "usr/lib/os-release").write_text('ID="centos"\nVERSION_ID="7"\n')
    (top / "etc/os-release").symlink_to("/usr/lib/os-release")
    run = gather.audited(top, [load("aspect")])
    config = "/opt/nginx/nginx.conf" if way == "server" else "/etc/nginx/nginx.conf"
    (server,) = [one for one in run.subjects if "#" in one.id]
    assert server.id == f"{config}#weak:443"
    assert server.stats == {"release": "1.20.1-el7", "openssl": "1.1.1k-rh"}
    assert not [one for one in run.findings if "stranger" in one.message + one.where]


def test_who_may_write_counts_folders_groups_and_the_sticky_bit(tmp_path: Path) -> None:
    for folder in ("a", "tmp"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_text("")
    apache = people.Person("apache", 48, frozenset({48, 50}))

    def asked(path: str, **seen: tuple[int, int, int]) -> tuple[str, str] | None:
        about = {
            f"/{name.replace('_', '/')}".rstrip("/") or "/": FileMeta(*one) for name, one in seen.items()
        }
        about.setdefault("/", FileMeta(0o40755, 0, 0))
        return people.who_may_write(Root(tmp_path, about), path, [apache])

    assert asked("/a/x", a=(0o40755, 0, 0), a_x=(0o100755, 0, 0)) is None
    assert asked("/a/x", a=(0o40755, 48, 0), a_x=(0o100755, 0, 0)) == ("apache", "/a")
    assert asked("/a/x", a=(0o40755, 0, 0), a_x=(0o100775, 0, 50)) == ("apache", "/a/x")
    assert asked("/tmp/x", tmp=(0o41777, 0, 0), tmp_x=(0o100755, 0, 0)) is None
    assert asked("/tmp/x", tmp=(0o40777, 0, 0), tmp_x=(0o100755, 0, 0)) == ("apache", "/tmp")


def test_accounts_whose_numbers_are_none_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    row = "{}:x:{}:{}::/:/bin/sh\n".format
    odd = ("\u00b2", "9" * 5000, "", "-2")
    rows = [row("nginx", 48, "4294967294"), *(row("apache", one, 48) + row("apache", 48, one) for one in odd)]
    (tmp_path / "etc/passwd").write_text("".join(rows))
    (tmp_path / "etc/group").write_text("wheel:x:10:nginx\nodd:x:\u00b2:nginx\n")
    (only,) = people.web_users(Root(tmp_path))
    assert (only.name, only.uid, only.groups) == ("nginx", 48, frozenset({4294967294, 10}))


@pytest.mark.parametrize(
    ("who", "meant"),
    [
        ("nginx", True), ("ALL", True), ("#48", True), ("%wheel", True), ("%#10", True),
        ("#4", False), ("wheel", False), ("%nginx", False), ("%#1", False), ("%#\u00b2", False),
    ],
)  # fmt: skip
def test_a_sudo_rule_means_an_account_by_its_name_its_group_or_their_numbers(
    tmp_path: Path, who: str, *, meant: bool
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/sudoers").write_text(f"{who} ALL=(ALL) NOPASSWD: ALL\n")
    nginx = people.Person("nginx", 48, frozenset({10, 48}), frozenset({"wheel"}))
    assert bool(list(sudo.look(Root(tmp_path), "host", (nginx,)))) is meant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apache ALL=(root) NOPASSWD: /bin/a, PASSWD: /bin/b", [("/bin/a", False), ("/bin/b", True)]),
        ("apache host = (root:wheel) SETENV: NOPASSWD: /bin/a -x \\\n  /y", [("/bin/a -x   /y", False)]),
        ("apache ALL = NOPASSWD: ALL, !/bin/sh", [("ALL", False)]),
        ("apache web1 = /bin/a : web2 = NOPASSWD: /bin/b", [("/bin/a", True), ("/bin/b", False)]),
        ("Defaults:apache !requiretty", []),
        ("# apache ALL=(ALL) NOPASSWD: ALL", []),
        ("#48 ALL=(ALL) NOPASSWD: ALL  # the web server", [("ALL", False)]),
        ("nonsense", []),
    ],
)
def test_sudoers_language(tmp_path: Path, text: str, expected: list[tuple[str, bool]]) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/sudoers").write_text(text + "\n")
    assert [(one.command, one.password) for one in sudoers.rules(Root(tmp_path))] == expected


def test_an_include_loop_ends(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/sudoers").write_text("@include /etc/sudoers\napache ALL=NOPASSWD: /bin/a\n")
    assert sudoers.rules(Root(tmp_path))


def test_this_machine_can_be_asked() -> None:
    """The root itself: paths stay as they are."""
    assert Root(Path("/")).live
    assert Root(Path("/")).name("/etc/passwd") == "/etc/passwd"
    assert os.fspath(Root(Path("/")).place("/etc")) == "/etc"


def test_a_host_on_which_nothing_is_wrong_is_examined_in_full(tmp_path: Path) -> None:
    (tmp_path / "etc/sudoers.d").mkdir(parents=True)
    (tmp_path / "var/www/html").mkdir(parents=True)
    (tmp_path / "etc/shadow").write_text("root:*:18000:0:99999:7:::\n")
    (tmp_path / "etc/shadow").chmod(0o600)
    (tmp_path / "etc/sudoers").write_text("")
    (tmp_path / "var/www/html/index.html").write_text("<p>hello</p>\n")
    assert run(["host", "audit", "--root", str(tmp_path)]) == ExitCode.OK


def test_what_cannot_be_looked_at_is_said_and_the_rest_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe where a file is due, a folder closed to this account, a log that is damaged: none ends the audit."""
    page = tmp_path / "top" / TOOL.lstrip("/")
    page.parent.mkdir(parents=True)
    page.write_text(specimen.tool("correct-horse-9"))
    (tmp_path / "top/etc").mkdir()
    for name in ("crontab", "my.cnf", "passwd", "sudoers"):
        os.mkfifo(tmp_path / "top/etc" / name)
    logs = tmp_path / "top/var/log/httpd"
    logs.mkdir(parents=True)
    (logs / "access_log.gz").write_bytes(gzip.compress(b"")[:10] + b"\xff" * 500)
    os.mkfifo(logs / "access_log")
    (tmp_path / "top/root").mkdir()
    real = os.listdir

    def closed(path: str | int = ".") -> list[str]:
        if str(path).endswith("/top/root"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "listdir", closed)
    made = gather.audited(tmp_path / "top", [load("aspect")])
    assert "component/adminer" in {one.rule.id for one in made.findings}
    unread = {one.where: one.message for one in made.findings if one.rule.id == "host/not-examined"}
    assert unread["/etc/crontab"] == "/etc/crontab: is neither a file nor a folder"
    assert unread["/root"] == "/root: cannot be listed: Permission denied"
    assert "/etc/my.cnf" in unread
    (about,) = (one for one in made.subjects if one.kind == "host")
    assert about.examined == "partial"
