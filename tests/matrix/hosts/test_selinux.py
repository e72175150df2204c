"""The engine's new port under an enforcing SELinux: without the label it cannot be had and all is undone, with it it works.

Long: `make selinux-test`, a virtual machine in software emulation, some minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import hardening
from tests.support.hosts import selinux_vm


def test_the_port_needs_its_label(tmp_path: Path) -> None:
    lacking = selinux_vm.missing()
    if lacking:
        message = f"the virtual machine needs {', '.join(lacking)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    found = selinux_vm.asked(tmp_path / "vm", Path(hardening.__file__).parent)
    assert "problem" not in found, found
    assert (found["mode"], found["agent says"]) == ("Enforcing", "enforcing")
    assert "httpd_t" in found["domain"][0]
    assert found["at first"] == "configured=8080 running=8080"
    assert found["commands"] == [
        "SELinux lets http_port_t have 7300",
        "SELinux no longer lets http_port_t have 8080",
    ]
    assert found["without the label"]["state"] == "rolled-back"
    assert found["after it was undone"] == "configured=8080 running=8080"
    assert "7300" not in found["label after it was undone"]
    assert found["with the label"]["state"] == "committed", found
    assert found["afterwards"] == "configured=7300 running=7300"
    assert "7300" in found["label"]
    assert found["again"] == "unchanged"
    assert found["a port of another type"] == "committed"
    assert "http_port_t                    tcp      8080" in found["its label"]
