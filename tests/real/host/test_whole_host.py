"""What `harden host audit` looks at on a whole host, what it leaves out and says, and what never leaves the host."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from hardening.cli import run
from hardening.errors import ExitCode
from hardening.findings import Examined, Finding, Run
from hardening.host import gather
from hardening.host.checks import audit, wanted
from hardening.tls.policy import load
from tests.support.host.authority import named
from tests.support.host.little import interpreter
from tests.unit.host.test_gather import executed

WORD = "Zx9Kq2Wm" + "77pQ"
"""A password, assembled so that no file of the project holds one."""


def put(root: Path, path: str, content: str | bytes, mode: int = 0o644) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    place.chmod(mode)
    return place


def private_key(*, sealed: bytes = b"") -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    lock = serialization.BestAvailableEncryption(sealed) if sealed else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def crypted(word: str, salt: str) -> str:
    function = ctypes.CDLL("libcrypt.so.1").crypt
    function.restype = ctypes.c_char_p
    return bytes(function(word.encode(), salt.encode())).decode()


def looked(root: Path) -> Run:
    return gather.audited(root, [load("aspect")])


def about(made: Run, root: Path) -> Any:
    return next(one for one in made.subjects if one.id == str(root))


def of(made: Run, rule: str) -> dict[str, Finding]:
    return {one.where: one for one in made.findings if one.rule.id == rule}


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A host as advisories describe the product's, with what earlier upgrades left in places of their own."""
    root = tmp_path / "host"
    put(root, "etc/centos-release", "CentOS release 6.10 (Final)\n")
    put(root, "etc/shadow", f"root:{crypted(WORD, '$6$saltsalt')}:18000:0:99999:7:::\n", 0o600)
    put(
        root,
        "usr/local/aam/bin/upgrade-bundle.sh",
        f"#!/bin/sh\nmysql -u root -p{WORD} aam </tmp/x.sql\n",
        0o755,
    )
    put(
        root, "usr/local/aam/bin/runtimeSetup.sh", f"useradd -p '{crypted(WORD, '$1$abcdefgh')}' svc\n", 0o755
    )
    put(root, "home/aamtech/.ssh/id_rsa", private_key(), 0o600)
    put(root, "etc/snmp/snmpd.conf", f"rocommunity {WORD}\n")
    put(
        root, "opt/app/phpMyAdmin/libraries/Config.class.php",
        "<?php class PMA_Config { function load() { $this->set('PMA_VERSION', '2.11.9'); }\n"
        "function checkWebServerOs() { define('PMA_USR_BROWSER_AGENT', 'x'); } }\n",
    )  # fmt: skip
    return root


EXPECTED = {
    ("component/centos-6", "/etc/centos-release"),
    ("component/phpmyadmin", "/opt/app/phpMyAdmin"),
    ("credential/command-line", "/usr/local/aam/bin/upgrade-bundle.sh"),
    ("credential/daemon-setting", "/etc/snmp/snmpd.conf"),
    ("credential/password-hash", "/usr/local/aam/bin/runtimeSetup.sh"),
    ("key/private", "/home/aamtech/.ssh/id_rsa"),
    ("host/world-readable-secret", "/usr/local/aam/bin/upgrade-bundle.sh"),
}


@pytest.mark.parametrize("way", ["root", "2.7", "3.6", "newest"])
def test_the_products_own_folders_homes_and_opt_are_looked_at(
    product: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], way: str
) -> None:
    """`nothing found ... OK` was said of such a host."""
    words = ["host", "audit", "--format", "json", "--root", str(product)]
    if way != "root":
        inventory = tmp_path / "hosts"
        inventory.write_text(
            f"[all]\nh ansible_connection=local ansible_python_interpreter={interpreter(way)}\n"
        )
        words = [*words[:-2], "-i", str(inventory), "-e", f"collect_root={product}"]
    assert run(words) == ExitCode.FINDINGS
    said = capfdbinary.readouterr().out.decode()
    found = {(one["rule"], one["location"]["path"]) for one in json.loads(said)["findings"]}
    assert found >= EXPECTED
    assert WORD not in said
    assert "ships in the bundle" not in said


@pytest.mark.parametrize("age", ["2.7", "3.6", "newest"])
def test_keys_and_hashes_stay_on_the_host(product: Path, tmp_path: Path, age: str) -> None:
    script = put(
        product, "opt/app/run.sh", b"#!/bin/sh\ncat >/tmp/k <<END\n" + private_key() + b"END\n", 0o700
    )
    put(product, "etc/ssh/ssh_host_ecdsa_key", private_key(), 0o600)
    copy = gather.host(
        executed(interpreter(age)), tmp_path / "copy", wanted(), label="far", root=str(product)
    )
    kept = b"".join(
        one.read_bytes() for one in (tmp_path / "copy").rglob("*") if one.is_file() and not one.is_symlink()
    )
    secrets = [
        line
        for path in ("home/aamtech/.ssh/id_rsa", "etc/ssh/ssh_host_ecdsa_key", "opt/app/run.sh")
        for line in (product / path).read_bytes().splitlines()
        if len(line) == 64
    ]
    secrets += [
        (product / "etc/shadow").read_bytes().split(b":")[1][12:],
        crypted(WORD, "$1$abcdefgh").encode()[12:],
    ]
    assert len(secrets) > 4
    assert not [one for one in secrets if one in kept]
    assert b"cat >/tmp/k <<END" in kept  # what stands around a key is looked at
    made = audit(copy, [load("aspect")])
    assert set(of(made, "key/private")) == {"/home/aamtech/.ssh/id_rsa", "/opt/app/run.sh"}
    assert of(made, "key/private")["/opt/app/run.sh"].location.line == 3  # type: ignore[union-attr]  # it is in a file
    assert stat.S_IMODE(script.stat().st_mode) == 0o700


def test_hashes_of_the_hosts_accounts_are_found_where_they_are_weak(tmp_path: Path) -> None:
    put(
        tmp_path, "etc/shadow",
        f"root:{crypted(WORD, '$6$saltsalt')}:1:0:99999:7:::\nold:{crypted(WORD, '$1$abcdefgh')}:1:0:99999:7:::\n"
        f"usual:{crypted('changeme', '$6$saltsalt')}:1:0:99999:7:::\nopen::1:0:99999:7:::\n"
        f"shut:!{crypted('changeme', '$6$saltsalt')}:1:0:99999:7:::\nnone:*:1:0:99999:7:::\n",
        0o600,
    )  # fmt: skip
    found = [one for one in looked(tmp_path).findings if one.rule.id == "credential/password-hash"]
    assert [(one.account, one.level.label) for one in sorted(found, key=lambda one: one.account)] == [
        ("old", "medium"), ("open", "high"), ("usual", "high"),
    ]  # fmt: skip
    (tmp_path / "etc/shadow").chmod(0o644)
    made = looked(tmp_path)
    assert "/etc/shadow" in of(made, "host/world-readable-secret")


def test_key_stores_are_judged_where_they_lie(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    card = (
        x509.CertificateBuilder().subject_name(named("a")).issuer_name(named("a")).serial_number(7).public_key(key.public_key())
        .not_valid_before(datetime.now(UTC)).not_valid_after(datetime.now(UTC) + timedelta(days=9)).sign(key, hashes.SHA256())
    )  # fmt: skip
    for name, word in (("usual.p12", b"changeit"), ("own.p12", WORD.encode())):
        put(tmp_path, f"opt/app/{name}", pkcs12.serialize_key_and_certificates(
            b"a", key, card, None, serialization.BestAvailableEncryption(word)), 0o600)  # fmt: skip
    put(tmp_path, "opt/app/trust.p12", pkcs12.serialize_java_truststore(
        [pkcs12.PKCS12Certificate(card, b"a")], serialization.BestAvailableEncryption(b"changeit")))  # fmt: skip
    put(tmp_path, "opt/app/sealed.pem", private_key(sealed=b"x" * 12), 0o600)
    put(tmp_path, "opt/app/plain.der", key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()), 0o600)  # fmt: skip
    made = looked(tmp_path)
    found = {(one.rule.id, one.where) for one in made.findings if one.rule.id.startswith("key/")}
    assert found == {
        ("key/weak-passphrase", "/opt/app/usual.p12"), ("key/store", "/opt/app/own.p12"),
        ("key/encrypted", "/opt/app/sealed.pem"), ("key/private", "/opt/app/plain.der"),
    }  # fmt: skip


def test_what_is_too_large_or_over_the_budget_is_named_and_the_host_partial(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "host"
    put(root, "opt/app/dump.sql", b"-- x\n" * (9 << 18))
    put(root, "opt/app/a.conf", "a = 1\n")
    assert run(["host", "audit", "--root", str(root)]) == ExitCode.PARTLY_EXAMINED
    said = capfd.readouterr().out
    assert "/opt/app/dump.sql: larger than 8 MiB" in said
    assert "harden bundle audit /opt/app/dump.sql" in said
    for number in range(40):
        put(root, f"home/u/{number}.txt", b"words and words\n" * 100)
    put(root, "usr/local/aam/etc/mixconf.txt", f"password = {WORD}\n")
    put(root, "etc/app.conf", "a = 1\n")
    copy = gather.here(root, tmp_path / "copy", wanted(), limits=gather.GatherLimits(total=35_000))
    assert (tmp_path / "copy/usr/local/aam/etc/mixconf.txt").exists()  # the product first, then settings
    assert (tmp_path / "copy/etc/app.conf").exists()
    made = audit(copy, [load("aspect")])
    assert about(made, root).examined is Examined.PARTIAL
    (folder,) = [
        one
        for one in made.findings
        if one.rule.id == "host/not-examined" and "files, more than" in one.message
    ]
    assert folder.where == "/home/u"
    assert copy.files + len(copy.left) == 44


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting needs root and unshare"
)
def test_a_file_system_of_another_kind_is_not_entered_and_said(tmp_path: Path) -> None:
    root = tmp_path / "host"
    for folder in ("srv/far", "srv/near", "opt"):
        (root / folder).mkdir(parents=True)
    put(root, "opt/a.conf", "a = 1\n")
    harden = Path(sys.executable).with_name("harden")
    script = (
        f"mount -t tmpfs x {root}/srv/near && mount -t sysfs x {root}/srv/far && echo 'rocommunity {WORD}' >{root}/srv/near/snmpd.conf"
        f" && {harden} host audit --root {root} --format json"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    read = json.loads(done.stdout)
    left = {
        one["location"]["path"]: one["message"]
        for one in read["findings"]
        if one["rule"] == "host/not-examined"
    }
    assert left == {"/srv/far": "/srv/far: another file system (sysfs)"}
    assert "/srv/near/snmpd.conf" in {one["location"]["path"] for one in read["findings"]}
    assert next(one for one in read["subjects"] if one["kind"] == "host")["examined"] == "partial"


def test_links_to_other_folders_are_followed_inside_the_host(tmp_path: Path) -> None:
    root = tmp_path / "host"
    put(root, "data/app/db.ini", f"password = {WORD}\n")
    put(tmp_path, "outside/db.ini", f"password = {WORD}\n")
    (root / "opt").mkdir()
    (root / "opt/app").symlink_to("/data/app")
    (root / "opt/up").symlink_to("../../outside")
    (root / "opt/loop").symlink_to("loop")
    (root / "srv").symlink_to("/volumes/srv")
    put(root, "volumes/srv/x/db.ini", f"password = {WORD}1\n")
    made = looked(root)
    places = {one.where for one in made.findings if one.rule.id.startswith("credential/")}
    assert places == {"/data/app/db.ini", "/volumes/srv/x/db.ini"}
    assert about(made, root).examined is Examined.FULL


def test_an_ordinary_host_with_java_node_and_python_is_looked_at_in_full(tmp_path: Path) -> None:
    put(tmp_path, "opt/jdk/release", 'IMPLEMENTOR="x"\nJAVA_VERSION="21.0.9"\nOS_ARCH="x86_64"\n')
    put(tmp_path, "opt/jdk/conf/security/java.security", "a=b\n")
    for name in ("opt/jdk/lib/modules", "opt/node/bin/node", "usr/local/lib/libpython3.11.so.1.0"):
        with put(tmp_path, name, b"\x7fELF").open("r+b") as file:
            file.truncate(20 << 20)
    put(tmp_path, "opt/node/include/node/node_version.h", "#define NODE_MAJOR_VERSION 22\n")
    put(tmp_path, "usr/local/lib/python3.11/encodings/__init__.py", "")
    put(tmp_path, "usr/local/lib/python3.11/test/keycert.pem", private_key())
    put(tmp_path, "usr/local/lib/python3.11/site-packages/own/settings.py", f"password = '{WORD}'\n")
    picture = b"\x89PNG\r\n\x1a\n" + b"\0" * 50
    put(tmp_path, "opt/a.png", picture)
    put(tmp_path, "var/www/html/a.png", picture)
    made = looked(tmp_path)
    assert about(made, tmp_path).examined is Examined.FULL
    assert not of(made, "host/not-examined")
    assert not of(made, "key/private")
    assert {one.where for one in made.findings if one.rule.id.startswith("credential/")} == {
        "/usr/local/lib/python3.11/site-packages/own/settings.py"
    }
    (left,) = of(made, "host/left-by-rule").values()
    assert "1 of pictures, such as /opt/a.png" in left.message  # that of the web root is looked at
    assert "Java runtime's own files" in left.message
    # a folder that only has such a name is no runtime
    put(tmp_path, "opt/jdk/release", "7\n")
    assert "/opt/jdk/lib/modules" in of(looked(tmp_path), "host/not-examined")


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("etc/redhat-release", "Red Hat Enterprise Linux Server release 6.10 (Santiago)\n", "component/rhel"),
        ("etc/redhat-release", "CentOS release 5.11 (Final)\n", "component/centos-5"),
        ("etc/system-release", "CentOS Linux release 7.9.2009 (Core)\n", "component/centos-7"),
        ("usr/lib/os-release", 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="9"\n', "component/debian"),
        (
            "usr/lib/os-release",
            'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="18.04"\n',
            "component/ubuntu",
        ),
        ("usr/lib/os-release", 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="13"\n', ""),
    ],
)
def test_a_system_out_of_support_is_a_finding(tmp_path: Path, path: str, text: str, rule: str) -> None:
    put(tmp_path, path, text)
    found = {(one.rule.id, one.where) for one in looked(tmp_path).findings}
    assert found == ({(rule, f"/{path}")} if rule else set())


def test_every_rule_that_leaves_files_out_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs/host-audit.md").read_text()
    assert [row["id"] for row in gather.rules() if f"| `{row['id']}` |" not in text] == []
