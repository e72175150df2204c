"""Configurations as people write them: each name is read as its real server answers, and a diff leaves what is not its own."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.offer import Offer
from hardening.tls.rendering.render import render
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, servers

HTTPD = """Listen 127.0.0.1:{port}
Listen 127.0.0.1:{other}
<VirtualHost _default_:{port} *:{other}>
  ServerName a.example
  SSLEngine on
  SSLCertificateFile {crt}
  SSLCertificateKeyFile {key}
  SSLProtocol -all +TLSv1.2
  SSLHonorCipherOrder on
  SSLOpenSSLConfCmd Curves P-256
</VirtualHost>
<VirtualHost *:{port}>
  ServerName b.example
  SSLEngine on
  SSLCertificateFile {crt}
  SSLCertificateKeyFile {key}
  SSLHonorCipherOrder off
</VirtualHost>
"""
HAPROXY = """global
  crt-base {folder}
  ssl-default-bind-options no-tlsv13 no-tlsv10
  ssl-default-bind-ciphers ALL:@SECLEVEL=0
frontend f
  mode http
  bind 127.0.0.1:{port} ssl crt-list {listed}
"""
LIGHTTPD = """server.modules = ("mod_openssl")
var.where = "{folder}"
$SERVER["socket"] == "127.0.0.1:{port}" {{
  ssl.engine = "enable"
  ssl.pemfile = where + "/rsa.pem"
  ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2", "CipherString" => "ALL")
}}
"""
EXIM = (
    "daemon_smtp_ports = {port}\ntls_certificate = {crt}\ntls_privatekey = {key}\ntls_advertise_hosts = *\n"
)
SQUID = "https_port 127.0.0.1:{port} tls-cert={crt} tls-key={key} tls-dh={dh}\n"
STUNNEL = "{own}accept = 127.0.0.1:{port}\nconnect = 127.0.0.1:1\ncert = {both}\n"
POSTFIX = (
    "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {crt}\nsmtpd_tls_key_file = {key}\n"
    "tls_medium_cipherlist = $tls_high_cipherlist\nsmtpd_tls_exclude_ciphers = MD5, kRSA, aNULL\n"
)
CASES = {
    "the first host has two addresses": ("httpd", HTTPD, ("a.example", "b.example")),
    "the first host takes a version from all": (
        "httpd",
        HTTPD.replace("SSLProtocol -all +TLSv1.2", "SSLOpenSSLConfCmd Protocol -ALL,TLSv1.2"),
        ("a.example", "b.example"),
    ),
    "a certificate's line bounds one end": ("haproxy", HAPROXY, ("a.example", "b.example")),
    "a variable without its var": ("lighttpd", LIGHTTPD, (None,)),
    "no parameters with GnuTLS": ("exim", EXIM + "tls_dhparam = none\n", (None,)),
    "large parameters with GnuTLS": ("exim", EXIM + "tls_dhparam = ike16\n", (None,)),
    "stunnel names its curves by two words": (
        "stunnel",
        STUNNEL.replace("{own}", "curves = X25519:P-256\n[a]\ncurve = P-384\n"),
        (None,),
    ),
    "and the other way round": (
        "stunnel",
        STUNNEL.replace("{own}", "curve = P-384\n[a]\ncurve = P-384\ncurves = X25519:P-256\n"),
        (None,),
    ),
    "postfix parts curves by commas": (
        "postfix",
        POSTFIX + "tls_eecdh_auto_curves = X25519, prime256v1, secp384r1\n",
        (None,),
    ),
    "postfix names a list that nobody sets": ("postfix", POSTFIX, (None,)),
    "parameters that squid loses": ("squid", SQUID, (None,)),
}
"""Each: the server, its text, and the names to ask for."""


def _answers(offer: Offer) -> dict[str, tuple[set[str], str, object]]:
    """The suites, whose order decides where that was seen, and the curves."""
    groups = compared.groups_in(offer, "rsa", {"TLSv1.3"})
    return {
        p.name: (
            {s.value for s in p.suites},
            p.preference,
            {g for g in groups.get(p.name, ()) if not g.startswith("ffdhe")},
        )
        for p in offer.protocols
    }


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_name_is_read_as_it_answers(case: str) -> None:
    name, text, names = CASES[case]
    server = servers.needed(name)
    with tempfile.TemporaryDirectory(prefix="harden-people-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = servers.pair("rsa", folder / "certificates"), free_port()
        listed, dh = folder / "crt.list", folder / "dh.pem"
        listed.write_text(
            "rsa.pem [ssl-min-ver TLSv1.0] a.example\nrsa.pem [ssl-max-ver TLSv1.2] b.example\n"
        )
        make = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"]
        subprocess.run([*make, "-out", str(dh)], check=True, capture_output=True, timeout=60)
        dh.chmod(0o644)
        files = {
            "both": pair.both,
            "crt": pair.certificate,
            "key": pair.key,
            "folder": pair.both.parent,
            "listed": listed,
            "dh": dh,
        }
        main = servers.write(
            name, text.format(port=port, other=free_port(), **files), folder / "server", port, pair
        )
        read = audits.read(main, find(name), version=find(name).facts.default)
        here = {s.rpartition("#")[2]: o for o in read for s in (o.subject, *o.also)}
        with servers.running(name, main, port):
            for host in names:
                settings = scans.ScanSettings(full=True, sni=host, starttls=server.starttls)
                (seen,) = scans.offers([f"127.0.0.1:{port}"], settings)
                mine = next(o for k, o in here.items() if k.endswith(f":{port}") and (host or "") in k)
                known = _answers(mine)
                for version, (_, order, _) in _answers(seen).items():
                    if order == "unknown":
                        known[version] = (known[version][0], order, known[version][2])
                assert known == _answers(seen), host
                assert mine.dh_bits == seen.dh_bits, host


@pytest.mark.parametrize("end", ["MinProtocol TLSv1.2", "MaxProtocol TLSv1.2"])
def test_a_command_of_httpd_is_read_beside_ssl_2(end: str, tmp_path: Path) -> None:
    text = f"SSLEngine on\nSSLProtocol all\nSSLOpenSSLConfCmd {end}\n"
    (tmp_path / "httpd.conf").write_text(text)
    assert run(["tls", "audit", str(tmp_path / "httpd.conf")]) in {0, 10}


def test_exim_takes_an_option_once_as_what_is_rendered_says(tmp_path: Path) -> None:
    server = servers.needed("exim")
    pair = servers.pair("rsa", tmp_path / "certificates")
    made = render(find("exim"), policies.load("aspect"), params=server.params(free_port(), pair)).text
    once = servers.check("exim", servers.write("exim", made, tmp_path / "once", 1, pair))
    twice = servers.check(
        "exim", servers.write("exim", "tls_require_ciphers = NORMAL\n" + made, tmp_path / "twice", 1, pair)
    )
    assert (once.returncode, "set for the second time" in twice.stdout + twice.stderr) == (0, True)
    assert "takes each option once" in made


def _fixed(main: Path, target: str, policy: str, capfd: pytest.CaptureFixture[str]) -> tuple[str, int]:
    code = run(["tls", "audit", str(main), "--target", target, "--policy", policy, "--fix-diff"])
    diff = capfd.readouterr().out
    subprocess.run(["patch", "-p1", "-d", "/"], input=diff, text=True, capture_output=True, check=bool(diff))
    return diff, code


def test_a_diff_that_mends_nothing_is_not_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main = tmp_path / "my.cnf"
    main.write_text("[mysqld]\nssl_cert = /a.pem\nssl_key = /a.key\ntls_version = TLSv1.0\n")
    asked = "mariadb@11.8.9-debian13", "nist-800-52r2"
    first, code = _fixed(main, *asked, capfd)
    assert "-tls_version = TLSv1.0" in first
    assert code == 10  # its groups are the library's
    assert _fixed(main, *asked, capfd) == ("", 10)


def test_new_settings_of_proftpd_stand_outside_of_conditions(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    main = tmp_path / "proftpd.conf"
    main.write_text(
        "TLSEngine on\nTLSRSACertificateFile /a.pem\nTLSProtocol TLSv1\n"
        "<IfModule mod_old.c>\nTLSProtocol SSLv3\n</IfModule>\n"
    )
    _fixed(main, "proftpd@1.3.8-debian13", "aspect", capfd)
    new = main.read_text()
    assert new.index("TLSProtocol TLSv1.2 TLSv1.3") < new.index("<IfModule")
    assert "SSLv3" not in new


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (
            "haproxy@3.0.11-debian13",
            "frontend f\n  bind :443 ssl crt /a.pem ssl-min-ver TLSv1.0   # see ticket 7\n",
        ),
        ("squid@6.13-debian13", "https_port 3129 tls-cert=/a.pem cipher=ALL   # see ticket 7\n"),
    ],
)
def test_a_remark_stays_behind_a_line_that_is_written_anew(
    target: str, text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    main = tmp_path / "it.conf"
    main.write_text(text)
    diff, _ = _fixed(main, target, "aspect", capfd)
    new = main.read_text()
    assert diff
    assert new.count("# see ticket 7") == 1
    assert next(line for line in new.splitlines() if "443" in line or "3129" in line).endswith(
        "   # see ticket 7"
    )


def test_what_a_plain_hello_leaves_out_is_not_said_to_be_missing(folder: Path) -> None:
    """Exim closes on the protocols of a browser (ALPN), so it is asked without such extensions."""
    server = servers.needed("exim")
    pair, port = servers.pair("rsa", folder / "certificates"), free_port()
    text = EXIM.format(port=port, crt=pair.certificate, key=pair.key)
    main = servers.write("exim", text, folder / "server", port, pair)
    with servers.running("exim", main, port):
        found = scans.scan(
            [f"127.0.0.1:{port}"],
            [policies.load("nist-800-52r2")],
            scans.ScanSettings(starttls=server.starttls),
        )
    verdicts = {r.rule.id: r.verdict.value for r in found.results if "master-secret" in r.rule.id}
    assert list(verdicts.values()) == ["skipped"], verdicts
