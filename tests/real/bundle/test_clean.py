"""From a bundle that must not be installed to one that may: audited, cleaned, signed and verified by command."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from bundle.clean.run import clean
from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode
from hardening.findings import Verdict
from tests.support.programs import need
from tests.unit.bundle.test_clean import one


def test_what_cannot_be_fixed_is_left_and_said(tmp_path: Path) -> None:
    """A 7z cannot be written, so the component in it stays, and the exit code says so."""
    tool = tmp_path / "db.php"
    tool.write_text(specimen.tool("Vq7gakdfj33xQ"))
    command: list[str | Path] = [need("7z"), "a", "-bd", tmp_path / "inner.7z", tool]
    subprocess.run(command, check=True, capture_output=True)
    path, out = tmp_path / "a.zip", tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "inner.7z", "inner.7z")
    after = clean(path, out, one)
    assert after.exit_code() is ExitCode.FINDINGS
    failed = [r.reason for r in after.results if r.verdict is Verdict.ERROR]
    assert {r.split(":")[0] for r in failed} == {"not removed", "not replaced"}
    assert all("cannot be rewritten" in r for r in failed)
    assert out.read_bytes() == path.read_bytes()


SEVEN = ("x.7z", "the format 7z cannot be rewritten")


ISO = ("x.iso", "the format iso cannot be rewritten")


SQUASHFS = ("x.squashfs", "the format squashfs cannot be rewritten")


TEXT = ("db.php", "a file that is not an archive cannot be rewritten")


@pytest.mark.parametrize(("name", "why"), [SEVEN, ISO, SQUASHFS, TEXT], ids=lambda one: str(one).split()[0])
def test_what_cannot_be_written_again_gets_no_copy(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    folder, path, out = tmp_path / "in", tmp_path / name, tmp_path / "out"
    folder.mkdir()
    (folder / "db.php").write_text(specimen.tool("Vq7gakdfj33xQ"))
    commands: dict[str, list[str | Path]] = {
        "x.7z": ["7z", "a", "-bd", path, folder / "db.php"],
        "x.iso": ["genisoimage", "-quiet", "-o", path, folder],
        "x.squashfs": ["mksquashfs", folder, path, "-quiet", "-no-progress"],
        "db.php": ["cp", folder / "db.php", path],
    }
    subprocess.run([need(str(commands[name][0])), *commands[name][1:]], check=True, capture_output=True)
    words = ["bundle", "clean", str(path), "-o", str(out), "--secrets", str(tmp_path / "s.json")]
    assert run([*words, "--report", f"json={tmp_path / 'r.json'}"]) == ExitCode.REFUSED
    assert f"not cleaned: {path}: {why}; no output file was written" in capfd.readouterr().err
    report_ = json.loads((tmp_path / "r.json").read_bytes())
    assert report_["changes"] == []
    assert report_["findings"]
    in_it = [f for f in report_["findings"] if "!/" in f["location"]["path"]]
    assert not any(f["fix"] and f["fix"]["safe"] for f in in_it)
    assert not out.exists()
    assert not (tmp_path / "s.json").exists()


@pytest.mark.parametrize("dry", [False, True], ids=["done", "dry"])
def test_every_change_is_listed_in_every_format(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], dry: bool
) -> None:
    """The same list with `--dry-run`, which writes nothing; a container that stays is named."""
    path, out = tmp_path / "u.zip", tmp_path / "out.zip"
    (tmp_path / "db.php").write_text(specimen.tool("Vq7gakdfj33xQ"))
    command: list[str | Path] = [need("7z"), "a", "-bd", tmp_path / "inner.7z", tmp_path / "db.php"]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("www/tool.php", specimen.tool("Vq7gakdfj33xQ"))
        archive.writestr("conf/app.properties", "db.user=app\ndb.password=VHE4d1o0bkxrMlZiUjc=\n")
        archive.write(tmp_path / "inner.7z", "inner.7z")
    formats = ["json", "sarif", "junit", "html", "markdown", "github", "text"]
    reports = [word for form in formats for word in ("--report", f"{form}={tmp_path / form}")]
    target = ["--dry-run"] if dry else ["-o", str(out)]
    assert run(["bundle", "clean", str(path), *target, *reports]) == ExitCode.FINDINGS
    said = capfd.readouterr()
    assert "not removed: inner.7z!/db.php: inner.7z: the format 7z cannot be rewritten" in said.err
    assert max(map(len, said.out.partition("Changes")[2].split("FAIL:")[0].splitlines())) <= 80
    assert out.exists() is not dry
    changes = json.loads((tmp_path / "json").read_bytes())["changes"]
    assert changes == [
        {
            "action": "replaced", "path": "conf/app.properties", "line": 2, "rule": "credential/assignment",
            "placeholder": "@secret:database-app@", "encoding": "base64", "done": not dry,
        },
        {
            "action": "removed", "path": "www/tool.php", "line": None, "rule": "component/adminer",
            "placeholder": "", "encoding": "", "done": not dry,
        },
    ]  # fmt: skip
    assert json.loads((tmp_path / "sarif").read_bytes())["runs"][0]["properties"]["changes"] == changes
    for form in formats:
        text = (tmp_path / form).read_text().replace("\\", "").replace("&#64;", "@")
        for word in ("conf/app.properties", "www/tool.php", "secret:database-app@", "base64"):
            assert word in text, (form, word)


@pytest.mark.parametrize("name", ["web", "telnet-server"])
def test_a_package_that_is_the_bundle_itself_stays_and_what_lies_in_it_goes(
    tmp_path: Path, name: str
) -> None:
    tool = specimen.tool("x")
    root = tmp_path / "root" / "srv"
    root.mkdir(parents=True)
    (root / "db.php").write_text(tool)
    (root / "keep.txt").write_text("keep")
    spec = tmp_path / "a.spec"
    spec.write_text(
        f"Name: {name}\nVersion: 2\nRelease: 1.el6\nSummary: a test\nLicense: none\nBuildArch: noarch\n"
        f"%description\nA test.\n%install\ncp -a {root.parent}/. %{{buildroot}}/\n%files\n/srv\n"
    )
    top = tmp_path / "top"
    subprocess.run([need("rpmbuild"), "-bb", "--quiet", "--define", f"_topdir {top}",
                    "--define", "_binary_payload w6.gzdio", str(spec)],
                   check=True, capture_output=True, timeout=120)  # fmt: skip
    (made,) = (top / "RPMS").rglob("*.rpm")
    out = tmp_path / "out.rpm"
    left = {f.rule.id for f in clean(made, out, one).findings if f.rule.id.startswith("component/")}
    assert left == {"component/centos-6", *(["component/telnetd"] if name == "telnet-server" else [])}
    listed = subprocess.run([need("rpm"), "-qpl", str(out)], capture_output=True, text=True, check=True)
    assert "/srv/keep.txt" in listed.stdout


def test_packages_of_ones_own_for_an_old_generation_stay_in_the_bundle(tmp_path: Path) -> None:
    spec = tmp_path / "a.spec"
    spec.write_text("Name: aspect-web\nVersion: 2\nRelease: 1.el6\nSummary: a\nLicense: b\nBuildArch: noarch\n"
                    "%description\nA\n%files\n")  # fmt: skip
    subprocess.run([need("rpmbuild"), "-bb", "--quiet", "--define", f"_topdir {tmp_path / 'top'}", str(spec)],
                   check=True, capture_output=True, timeout=120)  # fmt: skip
    (made,) = (tmp_path / "top" / "RPMS").rglob("*.rpm")
    path, out = tmp_path / "u.zip", tmp_path / "out.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.write(made, "rpms/aspect-web.rpm")
    clean(path, out, one)
    assert zipfile.ZipFile(out).namelist() == ["rpms/aspect-web.rpm"]
