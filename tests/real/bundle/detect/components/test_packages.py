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
from pathlib import Path

import pytest

from bundle import audit
from bundle.detect.components import Components
from bundle.detect.components.elf import linked_libraries, needed
from bundle.detect.components.packages import packages
from bundle.walk import walk
from bundle.walk.member import Member
from hardening.findings import InFile, Severity
from tests.unit.bundle.detect.components.test_packages import member, said

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
