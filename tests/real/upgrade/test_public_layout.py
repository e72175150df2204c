"""The example recipe on the product's published layout: the release is read and judged as the file writes it."""

from __future__ import annotations

import io
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hardening.cli import run
from hardening.engine import product
from hardening.errors import ExitCode
from hardening.upgrade import recipe
from tests.support.host.little import digest
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
    words += ["--local"] if verb == "apply" else []
    assert run(words) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "harden: no recipe: an upgrade needs one, because it lists what to keep, to stop and to check\n"
        f"  next: copy {recipe.example()}, check each line on a host, and pass the copy with --recipe FILE\n"
    )


def test_a_settings_file_may_name_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hardening.toml").write_text('[upgrade.plan]\nrecipe = "absent.toml"\n')
    assert run(["upgrade", "plan", "absent.zip", "--key", "absent.pub"]) == ExitCode.USAGE
    assert "absent.toml" in capsys.readouterr().err


SCRIPT = """#!/bin/sh
# INVENTED: stands where the product's upgrade-bundle.sh stands
set -e
R=$ASPECT_ROOT
case $1 in *.aam) ;; *) echo "$1 is not an .aam file"; exit 9 ;; esac
tar -xf "$1" -C "$R"
echo "ALTER TABLE trend ADD COLUMN unit TEXT;" | $R/usr/bin/standin-db sql
cat "$R/home/MIX_CMIX/log.txt" >>$R/var/log/MIX.log
echo "upgraded"
"""


def _published_site(site: Site) -> dict[str, str]:
    """Lay out the product's published folders on a host; return what the example's recipe needs to run there."""
    site.put(FILE, RELEASES["both keys"].format("3.08.02", "3.08.02"))
    for name, text in (
        ("home/MIX_CMIX/htmlroot/index.php", "<?php // release 3.08.02\n"),
        ("home/MIX_CMIX/htmlroot/user.properties", "aamuser=4f776e\n"),
        ("usr/local/aam/etc/ports.txt", "WEB=80\n"),
        ("var/www/index.html", "<p>up</p>\n"),
        ("etc/httpd/httpd.conf", "Listen 443\n"),
        ("var/log/MIX.log", "FATAL 2026-11-01 an older line\n"),
    ):
        site.put(name, text)
    site.put("usr/local/aam/bin/upgrade-bundle.sh", SCRIPT, 0o755)
    shipped, own = recipe.example().read_text("utf-8"), site.recipe_file().read_text()
    parts = shipped[: shipped.index("# For MySQL")] + own[own.index("[database]") : own.index("[[probe]]")]
    return {own: f"settle = 0\nheadroom = 1\n{parts}"}


def _aam(signer: Signer, name: str, log: str, release: str = "3.08.04") -> Path:
    """Build and sign a file.aam; its form is invented: a tar of files for the host's root."""
    folder = signer.folder / name
    folder.mkdir(parents=True)
    path = folder / f"aspect-{release}.aam"
    with tarfile.open(path, "w") as out:
        for member, text in (
            (FILE, RELEASES["both keys"].format(release, release)),
            ("home/MIX_CMIX/htmlroot/index.php", f"<?php // release {release}\n"),
            ("home/MIX_CMIX/htmlroot/new.php", "<?php\n"),
            ("home/MIX_CMIX/log.txt", log),
        ):
            item = tarfile.TarInfo(member)
            item.size, item.mode = len(text.encode()), 0o644
            out.addfile(item, io.BytesIO(text.encode()))
    signer.sign(path, release=release, product="aspect")
    return path


def _declared(site: Site) -> list[str]:
    kept = recipe.load(recipe.example()).body["paths"]
    return [*(digest(site.root / one.lstrip("/")) for one in kept), site.dump()]


def test_the_example_recipe_upgrades_the_published_layout_and_rolls_it_back(
    site: Site, signer: Signer
) -> None:
    changes = _published_site(site)
    before = _declared(site)
    path = _aam(signer, "good", "INFO 2026-12-01 started\nERROR could not open project\n")
    made = job(path, site, changes)
    assert conductor(site, path, job=made).look()["installed"] == "3.08.02"
    log = site.root.parent / f"{site.root.name}.log"
    found = whole_run(site, path, job=made)
    assert (found["state"], found.get("problems")) == ("committed", []), found
    assert conductor(site, path, job=made).look()["installed"] == "3.08.04"
    assert (site.root / "home/MIX_CMIX/htmlroot/new.php").exists()
    assert "unit TEXT" in site.dump()
    text = log.read_text()
    assert "ERROR could not open project" in text
    assert "an older line" not in text
    answer = site.ask("order", id=found["id"], do="rollback", why="asked for")
    assert not answer["failed"], answer
    site.until("rolled-back")
    assert _declared(site) == before
    assert conductor(site, path, job=made).look()["installed"] == "3.08.02"


def test_a_fatal_line_of_the_engines_log_rolls_the_upgrade_back(site: Site, signer: Signer) -> None:
    changes = _published_site(site)
    before = _declared(site)
    path = _aam(signer, "fatal", "FATAL 2026-12-01 engine start failed\n")
    found = whole_run(site, path, job=job(path, site, changes))
    assert found["state"] == "rolled-back", found
    assert _declared(site) == before


def test_a_host_without_the_upgrade_script_is_left_alone(site: Site, signer: Signer) -> None:
    changes = _published_site(site)
    (site.root / "usr/local/aam/bin/upgrade-bundle.sh").unlink()
    before = _declared(site)
    path = _aam(signer, "none", "INFO\n")
    found = whole_run(site, path, job=job(path, site, changes))
    assert (found["state"], len(found["problems"])) == ("unfit", 1), found
    assert "upgrade-bundle.sh is neither in PATH nor in /usr/local/aam/bin" in found["problems"][0]
    assert _declared(site) == before
    assert site.upgrades() == []
