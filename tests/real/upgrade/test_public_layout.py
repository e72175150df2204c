"""The example recipe on the product's published layout: the release is read and judged as the file writes it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from hardening.engine import product
from hardening.errors import ExitCode
from hardening.upgrade import recipe
from tests.support.upgrade.standin import Signer, Site, conductor, installer, job, whole_run

FILE = "home/MIX_CMIX/htmlroot/runtime/release.properties"
RELEASES = {
    "both keys": "runtime.ver=v{0}\nruntime.size=5647011\nrelease.version=v{1}\nrelease.date=2023.07.02 at 13\\:01\\:33 UTC\n"
    "aam.webui.release.version=v0.00.99\naam.os.release.version=v0.00.99\n",
    "release.version alone": "# INVENTED\r\nrelease.version = v{1}\r\naam.os.release.version=v0.00.99\r\n",
    "runtime.ver alone": "runtime.ver=v{1}\nruntime.size=5647011\n",
    "no v": "runtime.ver={0}\nrelease.version={1}\n",
}
"""The file in the published form (ZSL-2024-5858, -5871), with the release of the program and of the whole."""


def _version() -> dict[str, str]:
    body = recipe.load(recipe.example()).body["version"]
    assert body["path"] == f"/{FILE}" == product.load().place("version-file").path
    return dict(body)


def _site(site: Site, text: str) -> dict[str, str]:
    """Put the published file on a host; return what makes the stand-in's recipe read it as the example does."""
    site.put(FILE, text)
    said = _version()
    assert "'''" not in said["regex"]
    return {
        'path = "/opt/standin/htmlroot/runtime.ver"\nregex = \'^(\\S+)\'':
            f"path = \"{said['path']}\"\nregex = '''{said['regex']}'''",
        'paths = ["/opt/standin", "/etc/standin"]': 'paths = ["/opt/standin", "/etc/standin", "/home/MIX_CMIX"]',
        '"release 2.0"': '"release "',
    }  # fmt: skip


def _bundle(signer: Signer, name: str, release: str, text: str) -> Path:
    writes = f"cp release.properties $R/{FILE}"
    script = installer("2.0", "good").replace('echo "installed 2.0"', f"{writes}\necho installed")
    folder = Signer(signer.folder / name.replace(" ", "-"), signer.private)
    return folder.bundle(release=release, more={"install.sh": script, "release.properties": text})


@pytest.mark.parametrize("form", RELEASES)
def test_an_upgrade_from_one_published_release_to_the_next_is_final(
    site: Site, signer: Signer, form: str
) -> None:
    changes = _site(site, RELEASES[form].format("3.07.00", "3.07.01"))
    path = _bundle(signer, form, "3.07.02", RELEASES[form].format("3.07.01", "3.07.02"))
    made = job(path, site, changes)
    assert conductor(site, path, job=made).look()["installed"] == "3.07.01"
    found = whole_run(site, path, job=made)
    assert (found["state"], found.get("problems")) == ("committed", []), found
    assert site.ask("verify")["problems"] == []
    assert conductor(site, path, job=made).look()["verdict"] == "current"


@pytest.mark.parametrize("release", ["v3.07.02", "V3.07.02"])
def test_a_signed_release_with_a_v_is_the_same_release(site: Site, signer: Signer, release: str) -> None:
    form = RELEASES["both keys"]
    changes = _site(site, form.format("3.07.00", "3.07.01"))
    path = _bundle(signer, release, release, form.format("3.07.01", "3.07.02"))
    made = job(path, site, changes)
    assert whole_run(site, path, job=made)["state"] == "committed"
    assert conductor(site, path, job=made).look()["verdict"] == "current"


def test_an_installer_that_leaves_another_release_is_rolled_back(site: Site, signer: Signer) -> None:
    form = RELEASES["both keys"]
    changes = _site(site, form.format("3.07.00", "3.07.01"))
    path = _bundle(signer, "wrong", "3.07.02", form.format("3.07.02", "3.07.01"))
    found = whole_run(site, path, job=job(path, site, changes))
    assert found["state"] == "rolled-back"
    assert "the host says release 3.07.01, not 3.07.02" in found["problems"][0]
    assert (site.root / FILE).read_text() == form.format("3.07.00", "3.07.01")


def test_the_example_keeps_the_published_folders() -> None:
    body = recipe.load(recipe.example()).body
    known = product.load()
    published = {one.path for one in known.places if one.mark == "published"}
    assert {known.place("program").path, known.place("package-web").path} <= {*body["paths"]}
    kept = [path for path in published if any(f"{path}/".startswith(f"{one}/") for one in body["paths"])]
    assert sorted(kept) == sorted(published)


def test_the_example_says_what_is_not_known() -> None:
    text = (recipe.example()).read_text("utf-8")
    assert text.startswith("# An example, not a default")
    assert "Copy this file, check each line" in text
    tomllib.loads(text)


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_recipe_has_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    """The default of a command that changes hosts was an invented recipe."""
    monkeypatch.chdir(tmp_path)
    words: list[Any] = ["upgrade", verb, "absent.zip", "--key", "absent.pub"]
    assert run(words) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "harden: no recipe: it says what an upgrade keeps, stops and checks, and there is no default\n"
        f"  next: copy {recipe.example()}, check each line on a host, and pass the copy with --recipe FILE\n"
    )


def test_a_settings_file_may_name_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hardening.toml").write_text('[upgrade.plan]\nrecipe = "absent.toml"\n')
    assert run(["upgrade", "plan", "absent.zip", "--key", "absent.pub"]) == ExitCode.USAGE
    assert "absent.toml" in capsys.readouterr().err
