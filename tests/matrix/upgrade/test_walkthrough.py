"""The whole story on one host that boots, in the product's published layout; what was run is written in docs/walkthrough.md.

Long: `make walkthrough-test`. The host runs Debian's programs. The engine, the upgrade script and the mail service are
stand-ins, and so are the names that no source publishes: the engine's file, key, process and service.
`WALKTHROUGH_WRITE=1` writes the page anew.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hardening.upgrade import recipe
from tests.support.hosts.fleet import CONTROL, Fleet, Kind, missing
from tests.support.places import ROOT
from tests.support.products import layout
from tests.support.products import site as places
from tests.support.upgrade.standin import Signer

PAGE = ROOT / "docs/walkthrough.md"
BIN = Path(sys.executable).parent
KIND = Kind("site-1", "CentOS Linux release 8.5.2111", "none")
"""Its Python is the host's own, so that Ansible's modules run there as well."""

SCRIPT = """#!/bin/sh
# INVENTED: stands where the product's upgrade-bundle.sh stands
set -e
case $1 in *.aam) ;; *) echo "$1 is not an .aam file"; exit 9 ;; esac
tar -xf "$1" -C /
echo "INFO started" >>/var/log/MIX.log
echo upgraded
"""
OLD, NEW = "3.08.02", "3.08.04"
KEPT = "/home/MIX_CMIX /usr/local/aam /var/www /etc/httpd"
STATE = (
    f"find {KEPT} -type f | sort | xargs -d '\\n' sha256sum; find {KEPT} -printf '%p %m %u %g %l\\n' | sort"
)
PMA = "/var/www/html/phpMyAdmin"


@dataclass
class Story:
    """One host, a control machine, and the steps that were run, as the page prints them."""

    fleet: Fleet
    folder: Path
    steps: list[str] = field(default_factory=list)
    output: str = ""

    @property
    def host(self) -> str:
        return self.fleet.boxes[0].name

    def run(self, line: str, code: int, *shown: str) -> str:
        """Run a command line of the control machine; require its exit code, and what its output has to say."""
        words = line.split()
        argv = ["ip", "netns", "exec", CONTROL, str(BIN / words[0]), *words[1:]]
        env = {**os.environ, "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/harden-walk-{os.getpid()}"}
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env=env, cwd=self.folder, timeout=1500
        )
        self.output = done.stdout + done.stderr
        assert done.returncode == code, f"{line}: {done.returncode}\n{self.output}"
        for one in shown:
            assert re.search(one, self.output, re.MULTILINE), f"{one}\n{self.output}"
        self.write(line, code)
        return self.output

    def on_the_host(self, command: str) -> None:
        """Do by hand what a person does on the host."""
        self.fleet.ssh(self.fleet.boxes[0], command)
        self.write(f"ssh {self.host} {command}", 0)

    def write(self, line: str, code: int) -> None:
        self.steps.append(f"$ {line}\n# exit {code}")

    def state(self) -> str:
        return self.fleet.ssh(self.fleet.boxes[0], STATE).stdout


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    lacking = missing()
    if lacking:
        message = f"the walkthrough needs {', '.join(lacking)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    top = tmp_path_factory.mktemp("walk")
    fleet = Fleet(top / "f", (KIND,))
    try:
        fleet.start()
        (top / "site").mkdir()
        made = Story(fleet, top / "site")
        lay_out(made)
        yield made
    finally:
        fleet.stop()


def lay_out(story: Story) -> None:
    """Put release 3.08.02 on the host, with what the advisories describe, and the control machine's files in a folder."""
    box = story.fleet.boxes[0]
    control = {one.name: one for one in places.places()}
    named = ("phpmyadmin", "phpmyadmin-control", "mail-record", "upgrade-mysql", "web-account-guest")
    files: dict[str, str | bytes] = {control[name].path: control[name].content for name in named}
    files["usr/local/aam/bin/upgrade-bundle.sh"] = SCRIPT
    files["var/log/MIX.log"] = "FATAL 2026-11-01 an older line\n"
    root = layout.host(story.folder.parent / "root", OLD, files=files)
    (root / "usr/local/aam/bin/upgrade-bundle.sh").chmod(0o755)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as out:
        out.add(root, arcname=".", filter=_owned_by_root)
    done = subprocess.run(
        ["ip", "netns", "exec", CONTROL, "ssh", *story.fleet.options, f"root@{box.address}", "tar -x -C / --no-overwrite-dir"],
        input=packed.getvalue(), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (story.folder / "inventory").write_text(story.fleet.inventory().read_text())
    shipped = recipe.example().read_text("utf-8")
    own = shipped.replace('process = "java"', 'process = "engine-stand-in"')
    (story.folder / "site.toml").write_text(own + '\n[[probe]]\nkind = "tls"\nport = 443\n')
    (story.folder / "site.json").write_text(json.dumps({
        "tls_servers": [{"target": "httpd", "endpoints": ["{{ ansible_host }}:443"]}],
        "components_absent": [PMA],
        "harden_control_engine": True,
        "control_engine_port": 7300,
        "control_engine_sources": ["10.77.0.0/24"],
        "control_engine_config": "/home/MIX_CMIX/config/engine.properties",
        "control_engine_key": "engine.port",
        "control_engine_process": "engine-stand-in",
    }, indent=2))  # fmt: skip


def _owned_by_root(item: tarfile.TarInfo) -> tarfile.TarInfo:
    item.uid = item.gid = 0
    item.uname = item.gname = "root"
    return item


def aam(folder: Path) -> Path:
    """Build the upgrade; the form of a real one is not published."""
    path = folder / f"aspect-{NEW}.aam"
    release = f"runtime.ver=v{NEW}\nrelease.version=v{NEW}\n"
    with tarfile.open(path, "w") as out:
        for name, text in (
            (f"{layout.WEB}/runtime/release.properties", release),
            (f"{layout.WEB}/index.php", f"<?php // release {NEW}\n"),
        ):
            item = tarfile.TarInfo(name)
            item.size, item.mode = len(text.encode()), 0o644
            out.addfile(item, io.BytesIO(text.encode()))
    return path


def test_the_whole_story(story: Story) -> None:
    fleet, box, folder = story.fleet, story.fleet.boxes[0], story.folder
    site = "-i inventory -e @site.json"
    trust = "--key release.pub --recipe site.toml"
    first = story.state()

    story.run(
        f"harden host audit {site}",
        10,
        "every host reach port 7226",
        "^ *critical .*phpMyAdmin",
    )
    assert PMA in story.output
    story.run("harden advisories -i inventory", 10, "CVE-2024-51551", "^FAIL")

    signer = Signer(folder)
    assert signer.public_file.name == "release.pub"
    aam(folder)
    story.run(
        f"harden bundle sign aspect-{NEW}.aam --key release --no-passphrase --product aspect --release {NEW}",
        0,
    )
    story.run(f"harden upgrade plan aspect-{NEW}.aam {site} {trust}", 0)
    apply = f"harden upgrade apply aspect-{NEW}.aam {site} {trust}"
    story.run(apply, 6, "rolled-back", "^FAIL")
    assert story.state() == first
    story.on_the_host(f"chmod o-r /{layout.WEB}/user.properties /{layout.WEB}/database/MyMapData.db")

    before = story.state()
    story.run(apply, 5, "configured=7300 running=7226")
    assert NEW in fleet.ssh(box, f"cat /{layout.WEB}/runtime/release.properties").stdout
    assert fleet.ssh(box, f"ls {PMA}", check=False).returncode != 0
    assert fleet.scan(box) == 0
    story.run(f"harden upgrade status {site}", 10, "every host reach port 7226")

    story.on_the_host("systemctl restart control-engine")
    story.run(f"harden upgrade verify {site}", 0)
    story.run(f"harden upgrade status {site}", 0)

    mail(story)

    story.run("harden advisories -i inventory", 10, "^FAIL")
    after_mail = story.state()
    for _ in range(4):
        story.run(f"harden upgrade rollback {site}", 0)
        if story.state() == before:
            break
    assert story.state() == before != after_mail
    story.on_the_host("systemctl restart control-engine")
    story.run(f"harden upgrade status {site}", 10, "every host reach port 7226")
    page(story)


def mail(story: Story) -> None:
    """Check the product's own mail record, which is read and never written."""
    box = story.fleet.boxes[0]
    database = f"/{layout.WEB}/database/MyMapData.db"
    story.fleet.here("scp", *story.fleet.options, f"root@{box.address}:{database}", story.folder)
    story.write(f"scp {story.host}:{database} .", 0)
    story.run("harden mailer record MyMapData.db", 10, "^FAIL")


def page(story: Story) -> None:
    """Write the page, or hold it to what was run."""
    text = PAGE.read_text("utf-8")
    head, mark, rest = text.partition("```console\n")
    assert mark
    tail = rest.partition("```\n")[2]
    ran = "\n\n".join(story.steps)
    made = f"{head}{mark}{ran}\n```\n{tail}"
    if os.environ.get("WALKTHROUGH_WRITE"):
        PAGE.write_text(made, "utf-8")
    assert made == PAGE.read_text("utf-8")
