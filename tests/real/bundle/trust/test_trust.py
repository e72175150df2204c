"""A signed bundle verifies; any change to it, to its signature or to the time does not."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

from bundle.trust import dsse, keys
from bundle.trust.verify import signature_of
from tests.unit.bundle.trust.test_trust import key, signed

__all__ = ["key", "signed"]


def test_openssl_verifies_it_too(signed: Path, key: keys.PrivateKey, tmp_path: Path) -> None:
    envelope = json.loads(signature_of(signed).read_bytes())
    payload = base64.b64decode(envelope["payload"])
    (tmp_path / "message").write_bytes(dsse.pae(envelope["payloadType"], payload))
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    keys.write(key, tmp_path / "k", passphrase=None)
    said = subprocess.run(
        [
            "openssl",
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            "k.pub",
            "-rawin",
            "-in",
            "message",
            "-sigfile",
            "sig",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Signature Verified Successfully" in said.stdout, said.stderr
