"""The version of a library is the maker's own, and a version that a build did not fill in is not known."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from bundle import audit
from bundle.detect.components import Components
from hardening.findings import Finding


def found(path: Path) -> list[Finding]:
    return list(audit(path, detectors=(Components(),), jobs=1).findings)


def a_jar(manifest: str, **more: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\n{manifest}\r\n")
        for name in ("Driver", "ConnectionImpl", "NonRegisteringDriver"):
            jar.writestr(f"com/mysql/jdbc/{name}.class", b"\xca\xfe\xba\xbe\0\0\0\x31\0\x01")
        for name, text in more.items():
            jar.writestr(f"META-INF/maven/mysql/mysql-connector-java/{name}.properties", text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("manifest", "pom", "version"),
    [
        ("Specification-Version: 4.2\r\nImplementation-Version: 5.1.49", "", "5.1.49"),
        ("Implementation-Version: 5.1.7\r\nSpecification-Version: 4.0", "", "5.1.7"),
        ("Specification-Version: 4.2\r\nBundle-Version: 5.1.48", "", "5.1.48"),
        ("Specification-Version: 4.2", "version=5.1.46\ngroupId=mysql\nartifactId=mysql-connector-java\n", "5.1.46"),
        ("Specification-Version: 4.2\r\nImplementation-Version: ${project.version}\r\nBundle-Version: 5.1.47", "", "5.1.47"),
    ],
)  # fmt: skip
def test_a_jars_version_is_its_makers(tmp_path: Path, manifest: str, pom: str, version: str) -> None:
    path = tmp_path / "driver.jar"
    path.write_bytes(a_jar(manifest, **({"pom": pom} if pom else {})))
    (finding,) = [one for one in found(path) if one.rule.id == "component/mysql-connector"]
    assert version in finding.message
    assert "4.2" not in finding.message
    assert "4.0" not in finding.message


@pytest.mark.parametrize("number", ["major:0,minor:0,patch:0", "major: 0, minor: 0, patch: 0"])
def test_a_version_of_nothing_but_zeros_is_not_known(tmp_path: Path, number: str) -> None:
    path = tmp_path / "dojo.js"
    path.write_text(
        f'dojo.version = {{{number}, flag:"dev", revision: Number("1")}};\ndojo.scopeMap = [["dojo"]]; dojo.require("a");\n'
    )
    before = found(path)
    assert [one.message for one in before if "0.0.0" in f"{one.message} {one.evidence}"] == []
    path.write_text(path.read_text().replace("major:0", "major:1").replace("major: 0", "major: 1"))
    assert any("1.0.0" in one.message for one in found(path))
