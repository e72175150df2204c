"""Packages by their own metadata: real rpms, Debian control files; and programs by what is in them."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from bundle import audit
from bundle.detect.components import Components
from bundle.detect.components.elf import linked_libraries, needed
from bundle.detect.components.packages import Package, packages, upstream
from bundle.walk import walk
from bundle.walk.member import Member
from hardening.findings import Finding, InFile, Severity

TODAY = date(2026, 11, 24)
SPEC = """Name: {name}
Version: {version}
Release: {release}
Summary: a test
License: none
Vendor: {vendor}
BuildArch: noarch
%description
A test.
%files
"""


@pytest.fixture(scope="module")
def rpm(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> Callable[..., Path]:
    """Build a real rpm with these names."""
    program, top = need("rpmbuild"), tmp_path_factory.mktemp("rpm")

    def built(name: str, version: str, release: str, vendor: str = "CentOS") -> Path:
        spec = top / f"{name}-{release}.spec"
        spec.write_text(SPEC.format(name=name, version=version, release=release, vendor=vendor))
        subprocess.run([program, "-bb", "--quiet", "--define", f"_topdir {top}", str(spec)],
                       check=True, capture_output=True, timeout=120)  # fmt: skip
        return next((top / "RPMS").rglob(f"{name}-{version}-{release}.noarch.rpm"))

    return built


def member(path: str, content: bytes) -> Member:
    return Member(parts=("u.zip", path), kind="file", size=len(content), content=content)


def said(components: Components, path: str, content: bytes) -> dict[str, Finding]:
    return {f.rule.id.removeprefix("component/"): f for f in components.check(member(path, content), "u.zip")}


def test_rpms_name_their_generation_and_what_is_forbidden(
    rpm: Callable[..., Path], components: Components
) -> None:
    found = said(components, "a.bin", rpm("telnet-server", "0.17", "48.el6").read_bytes())
    assert set(found) == {"telnetd", "centos-6"}
    assert found["telnetd"].message == (
        "Telnet server 0.17, recognised by the rpm package telnet-server 0.17-48.el6"
    )
    assert found["telnetd"].fix is not None
    assert found["telnetd"].fix.operation == "remove-member"


def test_a_package_of_ones_own_is_no_generation_and_does_not_go(
    rpm: Callable[..., Path], components: Components
) -> None:
    found = said(components, "rpms/a.rpm", rpm("aspect-web", "2026.1", "1.el6", vendor="Own").read_bytes())
    assert found["centos-6"].message == (
        "CentOS 6, recognised by the rpm package aspect-web 2026.1-1.el6: without support since 2020-11-30"
    )
    fix = found["centos-6"].fix
    assert fix is not None
    assert (fix.safe, fix.operation) == (False, "")


@pytest.mark.parametrize(
    ("name", "version", "release", "level"),
    [
        ("sudo", "1.8.23", "10.el7", Severity.HIGH),  # older than the first rpm with the fix
        ("sudo", "1.8.23", "10.el7_9.3", None),  # fixed by the distribution, whatever upstream's number
        ("bash", "4.2.46", "34.el7", None),
        ("bash", "4.1.2", "15.el6", Severity.CRITICAL),
        ("httpd", "2.4.6", "99.el7.centos.1", Severity.INFO),  # nobody here knows: the advisories do
        ("sudo", "1.9.17p2", "1.el9", None),
    ],
)
def test_the_release_of_an_rpm_overrides_upstream_ranges(
    rpm: Callable[..., Path],
    components: Components,
    name: str,
    version: str,
    release: str,
    level: Severity | None,
) -> None:
    finding = said(components, f"{name}.rpm", rpm(name, version, release).read_bytes()).get(name)
    assert (finding.level if finding else None) == level


def test_a_forbidden_package_is_found_by_what_it_installs(
    debian: Callable[[str], Path], components: Components
) -> None:
    """The control file alone only names it: what was taken out of the package is not found again by its name."""
    (package,) = (debian("adminer").parents[1] / "deb" / "adminer").glob("*.deb")
    run = audit(package, detectors=[components], jobs=1)
    found = [f for f in run.findings if f.rule.id == "component/adminer"]
    assert found
    assert all("!/data.tar" in f.where for f in found)
    control = b"Package: adminer\nVersion: 5.2.1-1\n"
    assert "adminer" not in said(components, "control", control)
    assert "adminer" in said(components, "status", control + b"Status: install ok installed\n")


def test_dpkg_status_counts_what_is_installed_and_says_the_line(components: Components) -> None:
    status = (
        b"Package: telnetd\nStatus: install ok installed\nVersion: 0.17-42\n\n"
        b"Package: rsh-server\nStatus: deinstall ok config-files\nVersion: 0.17-20\n\n"
        b"Package: tftpd-hpa\nStatus: install ok installed\nVersion: 5.2+20150808-1.2\n"
    )
    found = said(components, "var/lib/dpkg/status", status)
    assert set(found) == {"telnetd", "tftpd"}
    assert found["tftpd"].where == "u.zip!/var/lib/dpkg/status"
    assert "5.2," in found["tftpd"].message


def test_upstream_part_of_debian_versions() -> None:
    said = {v: upstream(v) for v in ("4:5.2.2-really+dfsg-1+deb13u1", "5.2.1+dfsg-1", "1.2.30+ds1-1", "0.17")}
    assert list(said.values()) == ["5.2.2", "5.2.1", "1.2.30", "0.17"]


def test_package_json_names_its_package() -> None:
    (package,) = packages(member("node_modules/x/package.json", b'{"name": "@a/x", "version": "1.2.3"}'))
    assert package == Package("npm", "@a/x", "1.2.3", "1.2.3")
    assert package.purl == "pkg:npm/@a/x@1.2.3"
    for broken in (b"{", b"[" * 100_000, b'{"name": 1, "version": []}', b"[]"):
        assert not list(packages(member("package.json", broken)))


@pytest.mark.parametrize("size", [0, 4, 95, 96, 112, 500])
def test_a_cut_rpm_is_no_package(rpm: Callable[..., Path], size: int) -> None:
    content = rpm("bash", "4.1.2", "15.el6").read_bytes()[:size]
    assert not list(packages(member("a.rpm", content)))


def test_what_links_to_openssl_is_not_openssl(
    need: Callable[[str], str], components: Components, tmp_path: Path
) -> None:
    gcc = need("gcc")
    banner = "OpenSSL 1.0.2u  20 Dec 2019"
    source = tmp_path / "a.c"
    source.write_text(
        f'const char banner[] = "{banner}"; const char *names = "part of {banner} EVP_CIPHER SSL_CTX_new";\n'
        "int main(void) { return banner[0] == *names; }\n"
    )
    stub = tmp_path / "libssl.so"
    (tmp_path / "stub.c").write_text("int stub;\n")
    subprocess.run(
        [gcc, "-shared", "-Wl,-soname,libssl.so.3", "-o", str(stub), str(tmp_path / "stub.c")], check=True
    )
    alone, linking = tmp_path / "alone", tmp_path / "linking"
    subprocess.run([gcc, "-o", str(alone), str(source)], check=True)
    subprocess.run([gcc, "-o", str(linking), str(source), "-Wl,--no-as-needed", str(stub)], check=True)
    assert "libssl.so.3" in needed(linking.read_bytes())
    assert linked_libraries(linking.read_bytes()) >= {"libssl", "libc"}
    assert set(said(components, "bin/a", alone.read_bytes())) == {"openssl"}
    assert not said(components, "bin/a", linking.read_bytes())


def test_this_distribution_is_supported(components: Components) -> None:
    """Programs of the machine the tests run on: none is out of range."""
    looked = [
        Path(p)
        for name in ("openssl", "bash", "sudo", "curl", "perl", "nginx", "sshd")
        if (p := shutil.which(name))
    ]
    looked += [p for p in Path("/usr/lib").rglob("lib*.so.*") if p.is_file() and not p.is_symlink()][:150]
    assert len(looked) > 20
    bad = [
        (p.name, f.message)
        for p in looked
        for f in said(components, str(p), p.read_bytes()).values()
        if f.level > Severity.INFO
    ]
    assert bad == []


def test_later_windows_of_a_large_program_are_read_with_care(components: Components) -> None:
    """The marks of a distribution's build lie at the end of the file, so a part of one is reported as info."""
    banner = b"\0X-Powered-By: PHP/5.6.40\0zend_"
    part = Member(
        parts=("u", "bin/php"), kind="file", format="elf", size=90 << 20, offset=32 << 20, content=banner
    )
    (finding,) = components.check(part, "u")
    assert (finding.rule.id, finding.level) == ("component/php", Severity.INFO)
    linked = b"\0part of OpenSSL 1.0.2u  20 Dec 2019\0EVP_CIPHER OpenSSL 1.0.2u  20 Dec 2019"
    part = Member(
        parts=("u", "bin/x"), kind="file", format="elf", size=90 << 20, offset=32 << 20, content=linked
    )
    assert not list(components.check(part, "u"))  # what it links to stands in the first window


@pytest.fixture(scope="module")
def databases(
    rpm: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]
) -> dict[str, Path]:
    """Databases in which the same rpms are installed: SQLite as rpm writes it, Berkeley DB of either byte order."""
    top = tmp_path_factory.mktemp("rpmdb")
    built = [rpm("telnet-server", "0.17", "64.el7"), *(rpm(f"lib{n}", "1.0", "3.el7") for n in range(6))]
    subprocess.run([need("rpm"), "--dbpath", str(top), "-i", "--justdb", "--nodeps", "--nosignature", *map(str, built)],
                   check=True, capture_output=True, timeout=120)  # fmt: skip
    made = {"sqlite": top / "rpmdb.sqlite"}
    with closing(sqlite3.connect(f"file:{made['sqlite']}?mode=ro", uri=True)) as base, base:
        blobs = [row[0] for row in base.execute("SELECT blob FROM Packages ORDER BY hnum")]
    for word, order, size in (("bdb", 1234, 4096), ("bdb-big", 4321, 1024)):
        made[word] = top / word
        rows = "".join(f" {number:08x}\n {blob.hex()}\n" for number, blob in enumerate((b"\0\0\0\7", *blobs)))
        head = f"VERSION=3\nformat=bytevalue\ntype=hash\ndb_lorder={order}\ndb_pagesize={size}\nHEADER=END\n"
        subprocess.run([need("db5.3_load"), str(made[word])], input=f"{head}{rows}DATA=END\n".encode(),
                       check=True, capture_output=True, timeout=120)  # fmt: skip
    return made


@pytest.mark.parametrize("kind", ["sqlite", "bdb", "bdb-big"])
def test_an_rpm_database_names_what_is_installed(
    kind: str, databases: dict[str, Path], tmp_path: Path
) -> None:
    root = tmp_path / "root" / "var" / "lib" / "rpm"
    root.mkdir(parents=True)
    shutil.copy(databases[kind], root / "Packages")
    image = tmp_path / "image.tar"
    with tarfile.open(image, "w") as archive:
        archive.add(tmp_path / "root", "rootfs")
    for where in (tmp_path / "root", image):
        found = {f.rule.id: f for f in audit(where, jobs=1).findings}
        assert found["component/telnetd"].message == (
            "Telnet server 0.17, recognised by the rpm package telnet-server 0.17-64.el7"
        )
        assert "and 6 more of its packages, installed" in found["component/centos-7"].message
        place = found["component/centos-7"].location
        assert isinstance(place, InFile)
        assert place.path.endswith("/var/lib/rpm/Packages")
        assert not any(rule.startswith("walk/") for rule in found)


def test_a_host_audit_knows_the_generation_by_what_is_installed(
    databases: dict[str, Path], tmp_path: Path
) -> None:
    for path in ("var/www/html/index.html", "var/lib/rpm/Packages"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("<html>")
    shutil.copy(databases["bdb"], tmp_path / "var/lib/rpm/Packages")
    done = subprocess.run([sys.executable, "-m", "hardening", "host", "audit", "--root", str(tmp_path), "--format", "json"],
                          check=False, capture_output=True, timeout=120)  # fmt: skip
    places = {f["rule"]: f["location"].get("path") for f in json.loads(done.stdout)["findings"]}
    assert places["component/centos-7"] == places["component/telnetd"] == "/var/lib/rpm/Packages"
    assert done.returncode == 10


def test_a_damaged_rpm_database_is_no_reason_to_stop(databases: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "Packages"
    for kind, original in databases.items():
        data = original.read_bytes()
        for seed in range(40):
            chance = random.Random(f"{kind}{seed}")
            broken = bytearray(data[: chance.randrange(600, len(data))])
            for _ in range(30):
                broken[chance.randrange(20, len(broken))] = chance.randrange(256)
            path.write_bytes(broken)
            for event in walk(str(path)):
                assert isinstance(event, Member)


LOCKS = {
    "composer.lock": {"packages": [{"name": "phpmailer/phpmailer", "version": "v5.2.9"},
                                   {"name": "vrana/adminer", "version": "4.8.1"},
                                   {"name": "smarty/smarty", "version": "v99.0"}]},
    "vendor/composer/installed.json": [{"name": "phpmailer/phpmailer", "version": "5.2.9"},
                                       {"name": "vrana/adminer", "version": "4.8.1"}],
    "package-lock.json": {"lockfileVersion": 3, "packages": {
        "": {"name": "own", "version": "1.0.0"}, "node_modules/jquery": {"version": "1.8.3"},
        "node_modules/a/node_modules/lodash": {"version": "4.17.4"},
        "node_modules/old": {"name": "moment", "version": "2.10.6"},
        "node_modules/vue": {"version": "file:../vue"}, "node_modules/axios": {"version": "99.0.0"}}},
    "node_modules/.package-lock.json": {"dependencies": {
        "a": {"version": "1.0.0", "dependencies": {"lodash": {"version": "4.17.4"}}},
        "jquery": {"version": "1.8.3"}, "moment": {"version": "2.10.6"}, "b": 3}},
}  # fmt: skip


@pytest.mark.parametrize("path", LOCKS)
def test_what_a_lock_lists_is_judged_and_is_low(components: Components, path: str) -> None:
    """The code weighs as it does where it lies in the bundle; a list alone is no reason to refuse one."""
    found = said(components, path, json.dumps(LOCKS[path]).encode())
    assert set(found) == ({"phpmailer", "adminer"} if "composer" in path else {"jquery", "lodash", "moment"})
    assert {f.level for f in found.values()} == {Severity.LOW}
    assert all(f"what {path.rpartition('/')[2]} lists: " in f.message for f in found.values())
    assert all(f.fix is not None and not f.fix.safe for f in found.values())


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'"x"', b'{"packages":[]}', b'{"packages":{"node_modules/a":3,"b":{"version":3}}}', b"[" * 100_000,
     b'{"dependencies":' + b'{"a":{"version":"1","dependencies":' * 900 + b"3" + b"}}" * 900 + b"}"],
)  # fmt: skip
def test_a_lock_of_any_shape_is_harmless(content: bytes) -> None:
    assert len(list(packages(member("package-lock.json", content)))) <= 1


@pytest.mark.parametrize("path", ["a/Jinja2-2.10.dist-info/METADATA", "EGG-INFO/PKG-INFO"])
def test_python_packages_are_named_by_their_metadata(path: str) -> None:
    text = (
        b"Metadata-Version: 2.0\r\nName: Ruamel.Yaml_x\r\nVersion: 2.10\r\nSummary: a\r\n\r\nName: other\r\n"
    )
    (package,) = packages(member(path, text))
    assert package.purl == "pkg:pypi/ruamel-yaml-x@2.10"
    assert not list(packages(member(path, text[1:])))
    assert not list(packages(member("METADATA", text)))
