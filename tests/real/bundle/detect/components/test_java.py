"""Java libraries: as Debian ships them, without META-INF, merged, unpacked in an archive; and learned ones."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bundle import audit
from bundle.detect.components import Components, load_rules
from bundle.detect.components.own import rules_text
from bundle.detect.java.learn import learn
from bundle.detect.java.opcodes import method_prints
from bundle.detect.java.prints import LibraryPrints, sure
from bundle.detect.java.zipread import directory
from bundle.walk.member import ContainerEntry
from hardening.cli.bundle_fingerprint import command
from hardening.errors import InputError, NothingExaminedError
from hardening.findings import Finding, InFile, Severity

PACKAGES = ("liblog4j1.2-java", "libcommons-collections3-java", "libxstream-java", "libdom4j-java",
            "libcommons-io-java", "libaxis-java", "libjackson-json-java", "libbcprov-java")  # fmt: skip
TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def jars(debian: Callable[[str], Path]) -> dict[str, Path]:
    """One real jar of each package, by the package's name."""
    found = {}
    for package in PACKAGES:
        real = [p for p in debian(package).rglob("*.jar") if not p.is_symlink()]
        found[package] = max(real, key=lambda p: p.stat().st_size)
    return found


@pytest.fixture(scope="module")
def rename() -> Callable[[bytes, bytes, bytes], bytes]:
    """Replace a word in every text constant of a class file, lengths included."""

    def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
        count = int.from_bytes(data[8:10], "big")
        out, at, number = [data[:10]], 10, 1
        while number < count:
            tag = data[at]
            if tag == 1:
                length = int.from_bytes(data[at + 1 : at + 3], "big")
                text = data[at + 3 : at + 3 + length].replace(old, new)
                out.append(b"\x01" + len(text).to_bytes(2, "big") + text)
                at += 3 + length
            else:
                size = 9 if tag in (5, 6) else 4 if tag == 15 else 3 if tag in (7, 8, 16, 19, 20) else 5
                out.append(data[at : at + size])
                at += size
                number += tag in (5, 6)
            number += 1
        return b"".join(out) + data[at:]

    return renamed


def entries(content: bytes) -> tuple[ContainerEntry, ...]:
    return tuple(ContainerEntry(row.name, row.size, row.crc32) for row in directory(content))


def classes_of(jars: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    for jar in jars:
        with zipfile.ZipFile(jar) as packed:
            for name in packed.namelist():
                if not name.startswith("META-INF/") and not name.endswith("/") and name not in seen:
                    seen.add(name)
                    yield name, packed.read(name)


def zipped(files: Iterable[tuple[str, bytes]], prefix: str = "") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for name, content in files:
            out.writestr(prefix + name, content)
    return made.getvalue()


def tarred(files: Iterable[tuple[str, bytes]], prefix: str = "") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=1) as out:
        for name, content in files:
            about = tarfile.TarInfo(prefix + name)
            about.size = len(content)
            out.addfile(about, io.BytesIO(content))
    return made.getvalue()


def audited(path: Path, rules: tuple[Path, ...] = ()) -> dict[str, Finding]:
    run = audit(path, detectors=[Components(own=load_rules(rules), today=TODAY)], jobs=1)
    return {f.rule.id: f for f in run.findings if f.rule.id.startswith("component/")}


def test_debian_jars_as_they_are(jars: dict[str, Path], tmp_path: Path) -> None:
    bundle = tmp_path / "u.zip"
    bundle.write_bytes(zipped((f"lib/{n}.bin", p.read_bytes()) for n, p in enumerate(jars.values())))
    found = audited(bundle)
    said = {rule: f.message.split(",")[0] for rule, f in found.items()}
    assert said["component/log4j1"] == "Log4j 1 1.2.17"
    assert said["component/axis1"] == "Axis 1 1.4"
    assert said["component/jackson1"] == "Jackson 1 1.9.13"
    assert "component/commons-collections" not in said  # Debian's 3.2.2 refuses what made it dangerous
    assert "component/xstream" not in said
    assert found["component/log4j1"].level is Severity.CRITICAL
    assert found["component/log4j1"].where == f"{bundle}!/lib/0.bin"


def test_merged_without_meta_inf_two_archives_deep(jars: dict[str, Path], tmp_path: Path) -> None:
    merged = zipped(classes_of(jars.values()), prefix="WEB-INF/classes/")
    bundle = tmp_path / "u.zip"
    bundle.write_bytes(zipped([("payload/p.tgz", tarred([("opt/app.dat", merged)]))]))
    found = audited(bundle)
    assert {"component/log4j1", "component/axis1", "component/jackson1"} <= set(found)
    assert found["component/log4j1"].where == f"{bundle}!/payload/p.tgz!/opt/app.dat"
    assert found["component/axis1"].message.startswith("Axis 1 1.4, ")


def test_unpacked_in_a_tar(jars: dict[str, Path], tmp_path: Path) -> None:
    bundle = tmp_path / "u.tgz"
    bundle.write_bytes(tarred(classes_of([jars["liblog4j1.2-java"]]), prefix="opt/app/WEB-INF/classes/"))
    finding = audited(bundle)["component/log4j1"]
    assert finding.level is Severity.CRITICAL
    assert finding.message.startswith(
        "Log4j 1 (< 1.3), recognised by its classes below opt/app/WEB-INF/classes: "
    )


def test_the_log4j_2_bridge_is_no_log4j_1(components: Components) -> None:
    from bundle.walk.member import Member

    names = ("org/apache/log4j/spi/LoggingEvent.class", "org/apache/log4j/Category.class",
             "org/apache/log4j/Hierarchy.class", "org/apache/log4j/bridge/LogEventAdapter.class")  # fmt: skip
    member = Member(parts=("a.jar",), kind="file", entries=tuple(ContainerEntry(n, 1, 1) for n in names))
    assert not list(components.check(member, "u"))


def test_learned_libraries_are_exact_stripped_merged_and_unpacked(jars: dict[str, Path]) -> None:
    index = LibraryPrints(learn(jar) for jar in jars.values())
    files = list(classes_of(jars.values()))
    for shape in (entries(zipped(files)), entries(zipped(files, prefix="a/b/WEB-INF/classes/"))):
        exact = {m.library.name: m.versions for m in index.matches(shape) if sure(m)}
        assert len(exact) == len(jars)
    for package, jar in jars.items():
        stripped = entries(zipped(classes_of([jar])))
        others = LibraryPrints(learn(other) for name, other in jars.items() if name != package)
        assert not others.matches(stripped)


def test_learn_writes_rules_that_an_audit_uses(jars: dict[str, Path], tmp_path: Path) -> None:
    rules, bundle = tmp_path / "site.toml", tmp_path / "u.zip"
    done = CliRunner().invoke(
        command, [str(jars["libcommons-io-java"]), "-o", str(rules)], standalone_mode=False
    )
    assert (done.exception, done.return_value) == (None, 0)
    (library,) = load_rules([rules]).libraries
    assert library.purl.startswith("pkg:maven/commons-io/commons-io@")
    bundle.write_bytes(zipped([("x", zipped(classes_of([jars["libcommons-io-java"]])))]))
    learned = audited(bundle, (rules,))["component/learned"]
    assert (
        learned.message == f"commons-io {library.version}, recognised by the checksums of 100% of its classes"
    )
    assert learned.level is Severity.INFO
    deny = tmp_path / "deny.toml"
    deny.write_text(f'[[deny]]\npurls = ["{library.purl}"]\nreason = "not approved"\nseverity = "critical"\n')
    denied = audited(bundle, (rules, deny))["component/denied"]
    assert denied.level is Severity.CRITICAL
    assert denied.message.endswith(": not approved")


def test_relocated_code_is_recognised_by_its_opcodes(
    jars: dict[str, Path], tmp_path: Path, rename: Callable[[bytes, bytes, bytes], bytes]
) -> None:
    """Every class renamed and moved, as a shading tool does: no checksum and no name is left."""
    jar = jars["libcommons-io-java"]
    rules, bundle = tmp_path / "site.toml", tmp_path / "u.zip"
    rules.write_text(rules_text([learn(jar)]))
    old, new = b"org/apache/commons/io", b"com/example/shaded/cio"
    moved = ((name.replace(old.decode(), new.decode()), rename(body, old, new) if name.endswith(".class") else body)
             for name, body in classes_of([jar]))  # fmt: skip
    bundle.write_bytes(zipped([("lib/app.jar", zipped(moved))]))
    finding = audited(bundle, (rules,))["component/learned"]
    assert finding.message.endswith("recognised by the code of 100% of its methods")
    other = tmp_path / "other.zip"
    other.write_bytes(zipped([("lib/x.jar", jars["libaxis-java"].read_bytes())]))
    assert "component/learned" not in audited(other, (rules,))


@given(st.binary(max_size=300), st.integers(0, 600))
def test_reading_code_never_fails(noise: bytes, cut: int) -> None:
    start = b"\xca\xfe\xba\xbe\0\0\0\x34"
    for data in (noise, start + noise, (start + noise)[:cut]):
        assert all(0 <= one < 1 << 64 for one in method_prints(data))


def test_learn_says_what_it_cannot_learn(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        learn(tmp_path / "absent.jar")
    for name, content, why in (
        ("empty.jar", b"", "is empty"),
        ("none.jar", zipped([("a", b"")]), "no class in it"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(NothingExaminedError, match=why):
            learn(tmp_path / name)


@pytest.mark.parametrize(
    ("manifest", "version"),
    [
        ("Implementation-Title: spring-core\nImplementation-Version: 4.3.30.RELEASE\n", "4.3.30.RELEASE"),
        ("Bundle-SymbolicName: org.spring\n framework.core\nBundle-Version: 4.3.30\n", "4.3.30"),
        ("Implementation-Version: 4.3.30\n", "4.3.30"),  # no title: as ever
        ("Implementation-Title: Building control\nImplementation-Version: 7.07.01\n", ""),
        ("Bundle-Name: com.example.core\nBundle-Version: 6.9\n", ""),
    ],
)
def test_a_manifest_that_is_an_applications_says_no_librarys_version(
    tmp_path: Path, manifest: str, version: str
) -> None:
    jar = tmp_path / "app.jar"
    with zipfile.ZipFile(jar, "w") as packed:
        packed.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n" + manifest)
        for name in ("SpringVersion", "io/Resource", "io/Other"):
            packed.writestr(f"org/springframework/core/{name}.class", b"\xca\xfe\xba\xbe")
        packed.writestr("com/example/Main.class", b"\xca\xfe\xba\xbe")
    (finding,) = [f for f in audit([jar], jobs=1).findings if f.rule.id == "component/spring"]
    assert finding.message.startswith(
        f"Spring Framework {version}, recognised by its classes, version from the manifest: without support"
        if version
        else "Spring Framework, recognised by its classes; its version could not be read"
    )


def test_derbys_number_is_read_as_its_releases_are_called(tmp_path: Path) -> None:
    jar = tmp_path / "a.jar"
    with zipfile.ZipFile(jar, "w") as packed:
        packed.writestr(
            "META-INF/MANIFEST.MF", "Bundle-Name: Apache Derby 10.12\nBundle-Version: 10.12.1000001.1704137\n"
        )
        packed.writestr("org/apache/derby/info/DBMS.properties",
                        "#x\nderby.version.major=10\nderby.version.minor=12\nderby.version.maint=1000001\n")  # fmt: skip
        for name in ("jdbc/EmbeddedDriver", "iapi/db/Database"):
            packed.writestr(f"org/apache/derby/{name}.class", b"\xca\xfe\xba\xbe")
    (finding,) = [f for f in audit([jar], jobs=1).findings if f.rule.id == "component/derby"]
    assert finding.message.startswith(
        "Derby 10.12.1.1, recognised by its classes, version from DBMS.properties"
    )


def test_classes_that_lie_unpacked_are_said_with_their_folder(tmp_path: Path) -> None:
    path = tmp_path / "u.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for name in ("jdbc/EmbeddedDriver", "iapi/db/Database"):
            packed.writestr(f"web/WEB-INF/classes/org/apache/derby/{name}.class", b"\xca\xfe\xba\xbe")
    (finding,) = [f for f in audit([path], jobs=1).findings if f.rule.id == "component/derby"]
    assert "recognised by its classes below web/WEB-INF/classes;" in finding.message


def test_a_jar_in_a_folder_is_one_finding_and_unpacked_classes_are_the_folders(tmp_path: Path) -> None:
    names = [f"org/apache/derby/{name}.class" for name in ("jdbc/EmbeddedDriver", "iapi/db/Database")]
    (tmp_path / "lib").mkdir()
    with zipfile.ZipFile(tmp_path / "lib" / "a.jar", "w") as packed:
        for name in names:
            packed.writestr(name, b"\xca\xfe\xba\xbe")
    assert derby_at(tmp_path) == [f"{tmp_path}/lib/a.jar"]
    for name in names:
        here = tmp_path / "WEB-INF" / "classes" / name
        here.parent.mkdir(parents=True, exist_ok=True)
        here.write_bytes(b"\xca\xfe\xba\xbe\0\0\0\x34\0\x01" + bytes(14))
    assert derby_at(tmp_path) == [str(tmp_path), f"{tmp_path}/lib/a.jar"]


def derby_at(folder: Path) -> list[str]:
    places = [f.location for f in audit([folder], jobs=1).findings if f.rule.id == "component/derby"]
    return sorted(place.path for place in places if isinstance(place, InFile))


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("libc3p0-java", {"component/c3p0": "c3p0 0."}),
        ("libcommons-compress-java", {}),
        ("libcommons-configuration2-java", {}),
        ("libh2-java", {}),
        ("libhsqldb-java", {}),
        ("libjettison-java", {}),
        ("liblogback-java", {"component/logback": "Logback 1.2."}),
        ("libpostgresql-jdbc-java", {}),
    ],
)
def test_the_versions_of_debian_jars_are_read(
    debian: Callable[[str], Path], package: str, said: dict[str, str], tmp_path: Path
) -> None:
    """A jar whose version is not read is an info, so silence says that it was, and is mended."""
    real = [p for p in debian(package).rglob("*.jar") if not p.is_symlink()]
    bundle = tmp_path / "u.zip"
    bundle.write_bytes(zipped((f"lib/{n}.bin", p.read_bytes()) for n, p in enumerate(real)))
    found = audited(bundle)
    assert found.keys() == said.keys()
    assert all(found[rule].message.startswith(start) for rule, start in said.items())
