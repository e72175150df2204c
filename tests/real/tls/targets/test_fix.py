"""The diff of `--fix-diff`, applied with the real `patch`, makes the audit clean and keeps what is not TLS."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.errors import UsageError
from hardening.tls import policy as policies
from hardening.tls.rendering.render import render
from hardening.tls.scan import run as scans
from hardening.tls.targets import find, targets
from tests.support.places import DATA
from tests.support.ports import free_port
from tests.support.tls import servers
from tests.support.tls.targets.clean import assert_clean
from tests.unit.tls.targets.test_cases import MAINS

CASES = DATA / "tls/cases"
_JAVA = {
    "jetty/9.2.26/loose": ("jdk-8u31", "jdk-8u201"),
    "tomcat/7.0.76-el7/old": ("jdk-8u31", "jdk-8u201"),
}
"""Clean or not by the Java that runs: under one of the old ones, and under a newer one."""
_NO_DIFF = {
    "httpd/2.4.71-debian13/per_request.conf",  # directives the server refuses where they stand
    "nginx/1.26.3-debian13/location.conf",
    "nginx/1.26.3-debian13/unclosed.conf",  # whose end nobody knows
    "haproxy/3.0.11-debian13/conditions",  # hangs on a condition
} | set(_JAVA)


def _flagged() -> list[str]:
    """Every annotated case with a TLS finding that a release can be rid of."""
    found = []
    for case in sorted(MAINS):
        name = str(case.relative_to(CASES))
        target, version, _ = name.split("/")
        texts = [p.read_text() for p in (case.rglob("*") if case.is_dir() else (case,)) if p.is_file()]
        if any(re.search(r"finds:.*tls/(?:suite|protocol|group|signature|preference|dh)", t) for t in texts):
            if find(target).edits is None:
                continue
            try:
                render(find(target), policies.load("aspect"), version=version)
            except UsageError:
                continue
            found.append(name)
    return [name for name in found if name not in _NO_DIFF]


FLAGGED = _flagged()


def test_every_target_has_a_case_that_is_mended() -> None:
    mended = {name.split("/")[0] for name in FLAGGED}
    assert {
        t.name for t in targets() if t.edits is not None and not t.ssh
    } == mended  # test_openssh has its own


@pytest.mark.parametrize("case", FLAGGED)
def test_the_applied_diff_makes_the_audit_clean(
    case: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    target, version, _ = case.split("/")
    source = CASES / case
    copy = tmp_path / source.name
    if source.is_dir():
        shutil.copytree(source, copy)
    else:
        shutil.copy(source, copy)
    arguments = ["tls", "audit", str(copy), "--target", f"{target}@{version}"]
    assert run([*arguments]) == 10
    capfdbinary.readouterr()
    assert run([*arguments, "--fix-diff"]) == 0
    diff = capfdbinary.readouterr().out
    patch = shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    done = subprocess.run([patch, "-p1", "-d", "/"], input=diff, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert_clean(arguments, tmp_path)
    capfdbinary.readouterr()
    assert run([*arguments, "--fix-diff"]) == 0
    assert capfdbinary.readouterr().out == b"", "a clean configuration needs no diff"


@pytest.mark.parametrize("case", FLAGGED)
def test_it_applies_where_it_was_made_to_files_of_another_system(
    case: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, version, name = case.split("/")
    copy = tmp_path / "a folder" / name
    copy.parent.mkdir()
    if (CASES / case).is_dir():
        shutil.copytree(CASES / case, copy)
    else:
        shutil.copy(CASES / case, copy)
    files = [p for p in (copy.rglob("*") if copy.is_dir() else (copy,)) if p.is_file()]
    for path in files:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    monkeypatch.chdir(tmp_path)
    arguments = ["tls", "audit", f"a folder/{name}", "--target", f"{target}@{version}"]
    assert run([*arguments, "--fix-diff"]) == 0
    diff = capfdbinary.readouterr().out
    patch = shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    done = subprocess.run([patch, "-p1"], input=diff, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert_clean(arguments, tmp_path)
    for path in files:
        lines = path.read_bytes().split(b"\n")[:-1]
        assert [line for line in lines if not line.endswith(b"\r")] == [], "every line ends as before"


HOSTS = """Listen 443
SSLProtocol all -SSLv2
<VirtualHost *:443>
ServerName a.example
SSLEngine on
<IfDefine OLD>
SSLProtocol all
SSLCipherSuite RC4-SHA
</IfDefine>
</VirtualHost>
<VirtualHost *:443>
ServerName b.example
SSLEngine on
SSLCipherSuite HIGH:MEDIUM
</VirtualHost>
"""


def test_what_hangs_on_a_condition_is_overruled_by_what_the_diff_puts_after_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "httpd.conf"
    path.write_text(HOSTS)
    arguments = ["tls", "audit", str(path), "--target", "httpd@2.2.15-el6"]
    assert run([*arguments, "-v"]) == 10
    assert "SSLProtocol, SSLCipherSuite hold only where <IfDefine OLD> does" in capfd.readouterr().out
    assert run([*arguments, "--fix-diff"]) == 0
    diff = capfd.readouterr().out
    patch = shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    subprocess.run([patch, "-p1", "-d", "/"], input=diff, text=True, capture_output=True, check=True)
    assert run([*arguments, "--fail-on", "low"]) == 0, capfd.readouterr().out
    assert "<IfDefine OLD>" in path.read_text()


def test_settings_of_a_host_that_hold_for_sockets_alone_go_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lighttpd.conf"
    path.write_text(
        '$SERVER["socket"] == ":443" {\n  ssl.engine = "enable"\n  ssl.pemfile = "/x.pem"\n'
        '  $HTTP["host"] == "b.example" {\n    ssl.cipher-list = "RC4-SHA"\n    server.name = "b"\n  }\n}\n'
    )
    arguments = ["tls", "audit", str(path), "--target", "lighttpd@1.4.35"]
    assert run([*arguments, "-v"]) == 10
    assert "walk/config-conditional" in capfd.readouterr().out
    assert run([*arguments, "--fix-diff"]) == 0
    diff = capfd.readouterr().out
    patch = shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    subprocess.run([patch, "-p1", "-d", "/"], input=diff, text=True, capture_output=True, check=True)
    assert_clean([*arguments, "--fail-on", "low"], tmp_path)
    assert 'server.name = "b"' in path.read_text()


@pytest.mark.parametrize("version", ["4.56-el7", "5.74-debian13"])
def test_one_version_for_every_service_is_left_to_the_clients(
    version: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stunnel.conf"
    path.write_text(
        "sslVersion = TLSv1\n[s]\naccept = 443\nconnect = 80\nciphers = RC4-SHA\n"
        "[c]\nclient = yes\naccept = 445\nconnect = 192.0.2.1:443\n"
    )
    arguments = ["tls", "audit", str(path), "--target", f"stunnel@{version}"]
    assert run([*arguments, "--fix-diff"]) == 0
    diff = capfd.readouterr().out
    patch = shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    subprocess.run([patch, "-p1", "-d", "/"], input=diff, text=True, capture_output=True, check=True)
    assert run([*arguments, "--fail-on", "low"]) == 0, capfd.readouterr().out
    assert path.read_text().startswith("sslVersion = TLSv1\n[s]\n")


NAME_OF_A_SERVICE = (
    "[s]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:1\ncert = {both}\nciphers = ECDHE+AES\n"
    "[n]\nsni = s:www.example\nconnect = 127.0.0.1:1\ncert = {both}\n"
)
SOCKETS = (
    'server.modules = ("mod_openssl")\nssl.pemfile = "{crt}"\nssl.privkey = "{key}"\n'
    'ssl.openssl.ssl-conf-cmd = ("CipherString" => "AES128")\n'
    '$SERVER["socket"] == "127.0.0.1:{port}" {{\n  ssl.engine = "enable"\n}}\n'
)


@pytest.mark.parametrize(
    ("name", "text", "sni"), [("stunnel", NAME_OF_A_SERVICE, "www.example"), ("lighttpd", SOCKETS, None)]
)
def test_a_real_server_starts_with_what_the_diff_makes_and_offers_it(
    name: str, text: str, sni: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    servers.needed(name)
    with tempfile.TemporaryDirectory(prefix="harden-mended-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = servers.pair("rsa", folder / "certificates"), free_port()
        filled = text.format(port=port, crt=pair.certificate, key=pair.key, both=pair.both)
        main = servers.write(name, filled, folder / "server", port, pair)
        target = f"{name}@{find(name).facts.default}"
        assert run(["tls", "audit", str(main), "--target", target, "--fix-diff"]) == 0
        diff = capfd.readouterr().out
        patch = shutil.which("patch")
        if patch is None:
            pytest.skip("patch is not installed")
        subprocess.run([patch, "-p1", "-d", "/"], input=diff, text=True, capture_output=True, check=True)
        with servers.running(name, main, port):
            (seen,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True, sni=sni))
    suites = {s.value for p in seen.protocols for s in p.suites}
    assert suites
    assert not [one for one in suites if "_CBC_" in one or one.startswith("TLS_RSA_")]


def test_what_comes_before_a_condition_settles_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "httpd.conf"
    before = "SSLProtocol -all +TLSv1.2\nSSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256\n<IfDefine OLD>"
    path.write_text(
        HOSTS.replace("<IfDefine OLD>", before).replace("SSLCipherSuite RC4", "SSLCipherSuite TLSv1.3 RC4")
    )
    run(["tls", "audit", str(path), "--target", "httpd@2.4.6-el7", "-v"])
    assert "SSLProtocol, SSLCipherSuite hold only where <IfDefine OLD> does" in capfd.readouterr().out


def test_what_no_diff_can_mend_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "lighttpd.conf"
    shutil.copy(CASES / "lighttpd/1.4.18-aspect/shipped.conf", copy)
    arguments = ["tls", "audit", str(copy), "--target", "lighttpd@1.4.18-aspect", "--fix-diff"]
    assert run(arguments) == 2
    assert "nothing is left" in capfd.readouterr().err


@pytest.mark.parametrize("case", _JAVA)
def test_what_stays_under_one_java_is_said_with_the_way_out(
    case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target, version, name = case.split("/")
    old, newer = _JAVA[case]
    copy = tmp_path / name
    shutil.copytree(CASES / case, copy)
    arguments = ["tls", "audit", str(copy), "--target", f"{target}@{version}"]
    for library in ((), ("--openssl", old)):
        assert run([*arguments, *library, "--fix-diff"]) == 10
        said = capfd.readouterr()
        stays = [line for line in said.err.splitlines() if "not fixed: group secp160r1" in line]
        assert len(stays) == 1
        assert "remedy: update Java: one this old has no setting" in stays[0]
        assert "list of groups" not in stays[0], "the configuration has none"
        assert ("has none of the suites aspect allows" in said.err) is (not library)
    assert run([*arguments, "--openssl", newer, "--fix-diff"]) == 0
    diff = capfd.readouterr().out
    patch = shutil.which("patch")
    if patch is None:
        pytest.skip("patch is not installed")
    subprocess.run([patch, "-p1", "-d", "/"], input=diff, text=True, capture_output=True, check=True)
    assert_clean([*arguments, "--openssl", newer], tmp_path)
    assert run([*arguments, "-q"]) == 10, "nobody has said which Java runs"


WAYS = {
    "patch": (["patch", "-p1"], ["patch", "-p1", "-d", "/"]),
    "git": (["git", "apply"], ["git", "apply"]),
}


def _tree(folder: Path) -> Path:
    """Lay a configuration as Debian has it: the site that is on is a link."""
    (folder / "etc/nginx/sites-available").mkdir(parents=True)
    (folder / "etc/nginx/sites-enabled").mkdir()
    main = folder / "etc/nginx/nginx.conf"
    main.write_text("http {\n    include /etc/nginx/sites-enabled/*;\n}\n")
    site = folder / "etc/nginx/sites-available/my site"
    site.write_text("server {\n    listen 443 ssl;\n    ssl_ciphers AES128-SHA;\n}\n")
    (folder / "etc/nginx/sites-enabled/my site").symlink_to("/etc/nginx/sites-available/my site")
    return main


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("here", [True, False])
def test_the_usual_ways_apply_it_and_its_head_names_them(
    way: str,
    here: bool,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = WAYS[way][not here]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    main = _tree(tmp_path)
    monkeypatch.chdir(tmp_path)
    path = "etc/nginx/nginx.conf" if here else str(main)
    arguments = ["tls", "audit", path, "--target", "nginx@1.26.3-debian13"]
    assert run([*arguments, "--fix-diff"]) == 0
    diff = capfdbinary.readouterr().out
    first = diff.decode().splitlines()[0]
    assert " ".join(command) in first
    if way == "git" and not here:
        monkeypatch.chdir("/")
    done = subprocess.run(command, input=diff, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "etc/nginx/sites-enabled/my site").is_symlink()
    monkeypatch.chdir(tmp_path)
    assert_clean(arguments, tmp_path)


def test_patch_that_finds_no_file_shows_how_it_is_meant(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("patch") is None:
        pytest.skip("patch is not installed")
    main = _tree(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run(["tls", "audit", str(main), "--target", "nginx@1.26.3-debian13", "--fix-diff"]) == 0
    diff = capfdbinary.readouterr().out
    done = subprocess.run(["patch", "-p0", "--batch"], input=diff, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"patch -p1 -d /" in done.stdout


def test_the_diff_and_the_reports_go_where_they_are_sent(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    arguments = ["tls", "audit", str(_tree(tmp_path)), "--target", "nginx@1.26.3-debian13", "--fix-diff"]
    assert run(arguments) == 0
    printed = capfdbinary.readouterr().out
    diff, report = tmp_path / "fix.diff", tmp_path / "report.json"
    assert run([*arguments, "-o", str(diff), "--report", f"json={report}"]) == 0
    assert capfdbinary.readouterr().out == b""
    assert diff.read_bytes() == printed != b""
    assert json.loads(report.read_bytes())["summary"]["exit_code"] == 10, "the audit as it was before"


def test_a_file_without_tls_is_not_taken_for_one_that_needs_no_diff(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    bare = tmp_path / "bare.conf"
    bare.write_text("events {}\nhttp { server { listen 80; } }\n", "utf-8")
    arguments = ["tls", "audit", "--target", "nginx@1.26.3-debian13", "--fix-diff", str(bare)]
    assert run(arguments) == 3
    said = capfdbinary.readouterr()
    assert (said.out, b"not examined: " in said.err) == (b"", True)
    assert run([*arguments, str(_tree(tmp_path))]) == 4, "of one of the two nothing is known"
    assert capfdbinary.readouterr().out


def test_what_a_further_policy_misses_is_named(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Two policies that no one configuration meets: the diff is for the first, and no pass under the other."""
    target = ["--target", "nginx@1.26.3-debian13", "--fix-diff"]
    arguments = ["tls", "audit", str(_tree(tmp_path)), *target, "--policy", "aspect"]
    assert run(arguments) == 0
    alone = capfdbinary.readouterr().out
    assert run([*arguments, "--policy", "mozilla-modern"]) == 10
    both = capfdbinary.readouterr()
    assert both.out == alone
    assert b"not fixed: TLSv1.2 is offered; against mozilla-modern" in both.err, both.err
    made = tmp_path / "made.conf"
    assert run(["tls", "render", "nginx@1.26.3-debian13", "--param", "listen=443", "--param", "certificate=/c.pem", "--param", "key=/k.pem", "-o", str(made), "-q"]) == 0  # fmt: skip
    capfdbinary.readouterr()
    assert run(["tls", "audit", str(made), *target, "--policy", "aspect", "--policy", "mozilla-modern"]) == 10
    clean = capfdbinary.readouterr()
    assert clean.out == b""
    assert b"mozilla-modern" in clean.err
