"""The role `credentials` through the real ansible-playbook: a bundle is cleaned, installed, and filled in."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types; Ansible brings it

from hardening.cli import run
from tests.support.host import databases
from tests.support.playbooks.site import Played, play

FILL = "Fill in the product's credentials"
LEAKED = "tR4nsp0rt7xqLm"
FRESH = "fr'Esh \"$1&<9"
FILES = {
    "www/login.php": f"<?php\n$link = mysql_connect('localhost', 'root', '{LEAKED}');\n",
    "conf/app.yaml": f"db:\n  user: aspect\n  password: {LEAKED}  # kept\n",
    "conf/app.toml": f'[db]\nuser = "aspect"\npassword = "{LEAKED}"\n',
    "bin/setup.sh": f"#!/bin/sh\nDB_PASSWORD='{LEAKED}'\n",
    "conf/base64.properties": f"db.user=aspect\ndb.password={base64.b64encode(LEAKED.encode()).decode()}\n",
    "conf/hex.properties": f"db.user=aspect\ndb.password={LEAKED.encode().hex()}\n",
    "conf/capitals.properties": f"db.user=aspect\ndb.password={LEAKED.encode().hex().upper()}\n",
    "www/coded.php": f"<?php\n$db_user = 'aspect';\n$db_password = base64_decode('{base64.b64encode(LEAKED.encode()).decode()}');\n",
    "conf/url.properties": f"db=mysql://aspect:{LEAKED}@db.local/aspect\n",
    "conf/server.xml": '<db username="aspect" password="' + "".join(f"&#{ord(c)};" for c in LEAKED) + '"/>\n',
}


class Product:
    """A cleaned product as its installer left it under a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.list, self.store = root, root / "list.json", root / "etc" / "secrets.json"
        with zipfile.ZipFile(root / "old.zip", "w") as out:
            for name, text in FILES.items():
                out.writestr(name, text)
        args = [
            "bundle",
            "clean",
            str(root / "old.zip"),
            "-o",
            str(root / "new.zip"),
            "--secrets",
            str(self.list),
        ]
        assert run([*args, "--fail-on", "never", "-q"]) == 0
        with zipfile.ZipFile(root / "new.zip") as made:
            made.extractall(root / "srv")
        for name in FILES:
            (root / "srv" / name).chmod(0o640)
        self.names = [row["name"] for row in json.loads(self.list.read_text())["secrets"]]

    def text(self, name: str) -> str:
        return (self.root / "srv" / name).read_text()

    def texts(self) -> dict[str, str]:
        return {name: self.text(name) for name in FILES}

    def harden(self, *flags: str, **variables: Any) -> Played:
        values = {
            "harden_hosts": "localhost",
            "harden_credentials": True,
            "credentials_list": str(self.list),
            "credentials_places": [{"bundle": "", "path": f"{self.root}/srv/"}],
            "credentials_secrets": dict.fromkeys(self.names, FRESH),
            "credentials_store": str(self.store),
            "credentials_install_agent": False,
            "credentials_state_dir": str(self.root / "state"),
            "aspect_state_dir": str(self.root / "state"),
            **variables,
        }
        return play("harden.yml", values, *flags, cwd=self.root)


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path)


def shown(product: Product, played: Played) -> str:
    """Return everything that somebody else may come to read: output, receipt, the journal's own lines."""
    journals = [path.read_text() for path in (product.root / "state").rglob("journal*") if path.is_file()]
    return "\n".join((played.output, (product.root / "receipt.jsonl").read_text(), *journals))


def test_references_are_filled_in_once_and_nobody_is_told_the_secret(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_DISPLAY_ARGS_TO_STDOUT", "True")
    before = product.texts()
    assert all("@secret:" in text for text in before.values())
    predicted = product.harden("--check", "--diff", "-vvv")
    assert (predicted.code, predicted.stats["changed"]) == (0, 1), predicted.output
    assert product.texts() == before
    assert not product.store.exists()

    done = product.harden("--diff", "-vvv")
    assert (done.code, done.stats["changed"]) == (0, 1), done.output
    assert done.tasks[FILL]["state"] == "committed"
    assert yaml.safe_load(product.text("conf/app.yaml"))["db"]["password"] == FRESH
    assert tomllib.loads(product.text("conf/app.toml"))["db"]["password"] == FRESH
    assert "'fr\\'Esh \"$1&<9'" in product.text("www/login.php")
    assert "DB_PASSWORD='fr'\\''Esh \"$1&<9'" in product.text("bin/setup.sh")
    assert values_of(product) == dict.fromkeys(values_of(product), FRESH)
    assert set(json.loads(product.store.read_text())["secrets"].values()) == {FRESH}
    assert product.store.stat().st_mode & 0o777 == 0o600
    for played in (predicted, done):
        assert "Esh" not in played.output
    assert "Esh" not in shown(product, done)
    for path in (product.root / "state").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.is_symlink(), path

    again = product.harden(credentials_secrets={})  # they come from the host's store now
    assert (again.code, again.stats["changed"]) == (0, 0), again.output

    assert play("rollback.yml", {"harden_hosts": "localhost", "aspect_state_dir": str(product.root / "state")},
                cwd=product.root).stats["changed"] == 1  # fmt: skip
    assert product.texts() == before


def values_of(product: Product) -> dict[str, str]:
    """Return what each place with a code of its own says once its program has decoded it."""
    coded = re.search(r"base64_decode\('(.*)'\)", product.text("www/coded.php"))
    assert coded is not None
    given = {
        name: product.text(f"conf/{name}.properties").rpartition("password=")[2].strip()
        for name in ("base64", "hex", "capitals")
    }
    assert given["hex"] == given["hex"].lower()
    assert given["capitals"] == given["capitals"].upper()
    return {
        "base64": base64.b64decode(given["base64"]).decode(),
        "hex": bytes.fromhex(given["hex"]).decode(),
        "capitals": bytes.fromhex(given["capitals"]).decode(),
        "call": base64.b64decode(coded[1]).decode(),
        "url": unquote(urlsplit(product.text("conf/url.properties").strip()[3:]).password or ""),
        "xml": ET.fromstring(product.text("conf/server.xml")).get("password", ""),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="the database's administrator comes in as root over the socket")
def test_a_leaked_account_gets_a_password_that_only_the_host_knows(product: Product) -> None:
    """The database forgets the leaked password, the product's files get the new one, and nobody is told."""
    with databases.mariadb() as database:
        database.run(f"CREATE USER root2@localhost IDENTIFIED BY '{LEAKED}';")
        name = "mysql-root"
        others = {one: FRESH for one in product.names if one != name}
        account = {
            "name": name,
            "engine": "mariadb",
            "user": "root2",
            "since": "2026-01-31",
            **database.where,
        }
        play_it = {
            "credentials_secrets": others,
            "credentials_accounts": [account],
            "credentials_earlier": {name: LEAKED},
        }
        before = product.texts()
        predicted = product.harden("--check", "--diff", **play_it)
        assert (predicted.code, predicted.stats["changed"]) == (0, 1), predicted.output
        assert product.texts() == before

        done = product.harden("--diff", "-vvv", **play_it)
        assert (done.code, done.stats["changed"]) == (0, 1), done.output
        kept = json.loads(product.store.read_text())
        fresh = kept["secrets"][name]
        assert kept["earlier"] == {name: LEAKED}
        assert product.store.stat().st_mode & 0o777 == 0o600
        assert f"'{fresh}'" in product.text("www/login.php")
        assert login(database, "root2", fresh)
        assert not login(database, "root2", LEAKED)
        assert fresh not in shown(product, done)
        assert LEAKED not in shown(product, done)

        again = product.harden(**play_it)
        assert (again.code, again.stats["changed"]) == (0, 0), again.output
        assert json.loads(product.store.read_text()) == kept

        both = product.harden(**{**play_it, "credentials_secrets": {name: FRESH}})
        assert both.code == 2
        assert "is rotated on the host and stands in credentials_secrets too" in both.output

        values = {"harden_hosts": "localhost", "aspect_state_dir": str(product.root / "state")}
        assert play("rollback.yml", values, cwd=product.root).stats["changed"] == 1
        assert login(database, "root2", LEAKED)
        assert product.texts() == before


def login(database: databases.Database, user: str, password: str) -> bool:
    socket, client = database.where["socket"], shutil.which("mariadb") or ""
    command = [
        "setpriv",
        "--reuid=nobody",
        "--clear-groups",
        client,
        "--no-defaults",
        f"--socket={socket}",
        "-u",
        user,
        f"-p{password}",
    ]
    return subprocess.run([*command, "-e", "SELECT 1"], capture_output=True, check=False).returncode == 0


def test_what_cannot_be_filled_in_is_named_and_nothing_changes(product: Product) -> None:
    before = product.texts()
    refused = product.harden(credentials_secrets={})
    assert refused.code == 2
    assert "in the vault or on the host" in refused.output
    assert "Traceback" not in refused.output
    assert product.texts() == before
    assert not product.store.exists()
