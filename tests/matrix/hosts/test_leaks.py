"""No secret comes out of hosts that are hardened: credentials, a rotated password and private keys, whatever fails.

Searched on hosts that boot, with Ansible at its most talkative: output, diffs and receipts; arguments and environments of every
process of this machine and the hosts; logs, system journals and every other file that a host has written. Each value is looked
for as it is, in Base64 at every alignment, and URL-quoted. Long: `make hosts-test`.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

from hardening.mailer.secret import forms
from tests.matrix.hosts.test_fleet import play
from tests.real.mailer.test_leaks import Watch
from tests.real.playbooks.test_credentials import LEAKED, Product
from tests.support.hosts.fleet import CONTROL, Box, Fleet

FRESH = f"Fr3sh-{secrets.token_hex(8)}'\"$&<"
MINE = ("srv/product/", "etc/aspect-hardening/", "var/lib/aspect-hardening/", "etc/pki/tls/private/")
"""Where secrets belong on a host: the product's own files, the store, the transactions' copies, the servers' keys."""
FAILS = [{"kind": "command", "name": "page", "argv": ["/bin/false"], "wait": 0}]


DATABASE_SECONDS = 60
"""How long a database may take to start on a busy machine."""


def lay_out(fleet: Fleet, product: Product) -> None:
    """Install the cleaned product and an account with the leaked password on every host."""
    for box in fleet.boxes:
        for name, text in product.texts().items():
            box.put(f"srv/product/{name}", text, 0o640)
        command = ["ip", "netns", "exec", CONTROL, "ssh", *fleet.options, f"root@{box.address}", "mariadb"]
        account = f"CREATE USER IF NOT EXISTS engine@localhost IDENTIFIED BY '{LEAKED}';"
        end = time.monotonic() + DATABASE_SECONDS
        while True:  # a host answers over ssh before its database is up
            made = subprocess.run(command, input=account, text=True, capture_output=True, check=False)
            if made.returncode == 0 or time.monotonic() > end:
                break
            time.sleep(0.5)
        assert made.returncode == 0, made.stderr


PRIVATE = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)-----END")


def spelled(value: str) -> list[bytes]:
    """Return a value as it is, URL-quoted, and in Base64 wherever it begins in what was encoded."""
    found = [one.encode() for one in forms(value)]
    for shift, cut in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(b"x" * shift + value.encode()).rstrip(b"=")
        found.append(text[cut : len(text) - (1 if (shift + len(value.encode())) % 3 else 0)])
    return found


def keys(box: Box) -> list[str]:
    """Return what is secret in every private key of a host, those in transactions too."""
    found: list[str] = []
    for folder in ("etc/pki/tls/private", "var/lib/aspect-hardening"):
        for path in (box.root / folder).rglob("*"):
            if path.is_file() and not path.is_symlink():
                for body in PRIVATE.findall(path.read_bytes()):
                    found += body.decode().splitlines()[2:-1]  # the first ones are alike in many keys
    return found


def rotated(box: Box) -> str:
    kept = json.loads((box.root / "etc/aspect-hardening/secrets.json").read_text())["secrets"]
    return str(next(value for name, value in kept.items() if name.startswith("mysql")))


def test_no_secret_is_said_shown_or_left_lying(fleet: Fleet, tmp_path: Path) -> None:
    product = Product(tmp_path)
    lay_out(fleet, product)
    name = next(one for one in product.names if one.startswith("mysql"))
    values: dict[str, Any] = {
        "harden_control_engine": False,
        "harden_credentials": True,
        "credentials_list": str(product.list),
        "credentials_places": [{"bundle": "", "path": "/srv/product/"}],
        "credentials_secrets": {one: FRESH for one in product.names if one != name},
        "credentials_accounts": [
            {"name": name, "engine": "mariadb", "user": "engine", "since": "2026-01-31", "socket": "/run/mysqld/mysqld.sock"}
        ],
        "credentials_earlier": {name: LEAKED},
        "credentials_deadman": 30,
        "tls_certificate": "self-signed",
    }  # fmt: skip
    said, secret = [], {LEAKED, FRESH}
    watch = Watch()
    watch.start()
    for flags, more, code in (
        (("--check",), {}, 0),
        ((), {"credentials_probes": FAILS}, 2),
        ((), {}, 0),
        ((), {}, 0),
    ):
        for box in fleet.boxes:
            secret.update(keys(box))  # before it is replaced, and after
        done, _, output = play(fleet, "harden.yml", "--diff", "-vvv", *flags, **values, **more)
        said += [output, (fleet.folder / "receipt").read_text()]
        assert done == code, output[-3000:]
    for box in fleet.boxes:
        secret.update([*keys(box), rotated(box)])
        said.append(fleet.ssh(box, "journalctl --all --output=export 2>/dev/null || true").stdout)
    done, _, output = play(fleet, "rollback.yml", "--diff", "-vvv")
    assert done == 0, output[-3000:]
    said += [output, (fleet.folder / "receipt").read_text()]
    watch.over.set()
    watch.join()

    assert len(secret) > 60  # two passwords, three rotated ones, and six keys
    wanted = [one for value in sorted(secret) for one in spelled(value)]
    shown = "\n".join(said).encode()
    assert [one for one in wanted if one in shown] == []
    assert [one for one in wanted for words in watch.seen if one in words] == []
    found = 0
    for box in fleet.boxes:
        upper = box.folder / "upper"
        for path in upper.rglob("*"):
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                continue
            data, place = path.read_bytes(), str(path.relative_to(upper))
            if any(one in data for one in wanted):
                found += 1
                assert place.startswith(MINE), (box.name, place)
                assert status.st_mode & 0o007 == 0, (box.name, place, oct(status.st_mode))
            if place.startswith("var/lib/aspect-hardening/"):
                assert status.st_mode & 0o077 == 0, (box.name, place, oct(status.st_mode))
    assert found > 5 * len(fleet.boxes)
