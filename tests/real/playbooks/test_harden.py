"""The shipped playbooks against real web servers on this machine, driven by the real ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from hardening import resources
from hardening.host.plans import tls
from tests.support.host.little import digest
from tests.support.playbooks.site import Site

APPLY = "Make the TLS policy hold on each server"


def wrong(site: Site) -> list[str]:
    return list(tls.unproved([f"127.0.0.1:{site.port}"], "aspect"))


def examine(site: Site) -> subprocess.CompletedProcess[str]:
    """Run the shipped testinfra suites as an operator would."""
    settings = site.root / "settings.toml"
    settings.write_text(
        f'[tls]\npolicy = "aspect"\nendpoints = ["127.0.0.1:{site.port}"]\nplace = "{site.confd}/harden-tls.conf"\n'
        f'ignore_certificates = true\n[files]\nprivate = ["{site.etc}/key.pem"]\nabsent = ["{site.etc}/adminer.php"]\n'
    )
    (site.etc / "key.pem").chmod(0o600)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--hosts=local://",
         "--rootdir", str(site.root), "-c", "/dev/null", str(resources.infra())],
        env={**os.environ, "HARDEN_SETTINGS": str(settings), "COVERAGE_PROCESS_START": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_weak_server_is_hardened_proved_and_given_back(any_site: Site) -> None:
    site = any_site
    assert wrong(site) != []
    assert examine(site).returncode == 1
    before, pid = digest(site.etc, times=True), site.pid

    predicted = site.play("harden.yml", "--check")
    assert (predicted.code, predicted.stats["changed"]) == (0, 1), predicted.output
    assert digest(site.etc, times=True) == before
    assert not site.state.exists()

    done = site.play("harden.yml")
    assert (done.code, done.stats["changed"]) == (0, 1), done.output
    (said,), (meant,) = done.tasks[APPLY]["results"], predicted.tasks[APPLY]["results"]
    assert (said["state"], meant["files"]) == ("committed", said["files"])
    assert [row["stage"] for row in said["validators"]] == ["staged", "placed"]
    assert wrong(site) == []
    assert (proof := examine(site)).returncode == 0, proof.stdout

    hardened = digest(site.etc, times=True)
    again = site.play("harden.yml")
    assert (again.code, again.stats["changed"], digest(site.etc, times=True)) == (0, 0, hardened)
    assert site.play("verify.yml").code == 0
    assert int((site.root / "run" / "pid").read_text()) == pid

    back = site.play("rollback.yml")
    assert (back.code, back.stats["changed"]) == (0, 1), back.output
    assert digest(site.etc, times=True) == before
    assert wrong(site) != []
    assert site.play("verify.yml").code == 2


def test_check_and_diff_show_the_lines(site: Site) -> None:
    shown = site.play("harden.yml", "--check", "--diff").output
    assert "+ssl_protocols TLSv1.2 TLSv1.3;" in shown
    assert "-  ssl_protocols TLSv1 TLSv1.1 TLSv1.2;" in shown
    plain = " ".join(shown.split())
    assert "known clients would lose access: " in plain, "before anything is changed"
    assert "The way out: " in plain


def test_what_the_server_refuses_never_reaches_its_folder(site: Site) -> None:
    before = digest(site.etc, times=True)
    bad = {**site.server, "params": {"dhparam": str(site.root / "never-there.pem")}}
    for flags in (("--check",), ()):
        refused = site.play("harden.yml", *flags, tls_servers=[bad])
        assert (refused.code, refused.stats["failures"], refused.stats["changed"]) == (2, 1, 0)
        assert "rejects the staged files" in refused.output
        assert digest(site.etc, times=True) == before


def test_a_change_the_scan_does_not_confirm_is_undone(site: Site) -> None:
    """The snippet lands where the server does not look, so only a look from outside can tell."""
    before = digest(site.etc, times=True)
    (site.etc / "elsewhere").mkdir()
    lost = {**site.server, "place": str(site.etc / "elsewhere" / "harden-tls.conf")}
    undone = site.play("harden.yml", tls_servers=[lost])
    assert undone.code == 2
    assert "everything is as it was before: not proved" in undone.output
    (site.etc / "elsewhere").rmdir()
    assert digest(site.etc, times=True) == before
    assert any("TLS" in line or "suite" in line for line in wrong(site))


def test_a_service_that_will_not_reload_is_undone(site: Site) -> None:
    before = digest(site.etc, times=True)
    stubborn = {**site.server, "reload": ["/bin/false"]}
    undone = site.play("harden.yml", tls_servers=[stubborn])
    assert (undone.code, undone.stats["failures"]) == (2, 1)
    assert "nginx reload exited 1" in undone.output
    assert digest(site.etc, times=True) == before


def test_an_unknown_key_or_policy_is_one_clear_line(site: Site) -> None:
    before = digest(site.etc, times=True)
    for variables, words in (
        ({"tls_servers": [{**site.server, "polise": "x"}]}, "unknown key 'polise'"),
        ({"tls_servers": [{"target": "ngimx"}]}, "did you mean 'nginx'?"),
        ({"tls_policy": "asspect"}, "asspect"),
    ):
        refused = site.play("harden.yml", **variables)
        assert refused.code == 2
        assert words in refused.output
        assert "Traceback" not in refused.output
    assert digest(site.etc, times=True) == before


def test_the_uninstaller_leaves_the_configuration(site: Site) -> None:
    site.play("harden.yml")
    hardened = digest(site.etc, times=True)
    assert site.play("uninstall.yml", "--check").stats["changed"] == 1
    assert site.state.exists()
    assert site.play("uninstall.yml").stats["changed"] == 1
    assert not site.state.exists()
    assert digest(site.etc, times=True) == hardened
    assert site.play("uninstall.yml").stats["changed"] == 0


def test_the_collection_builds(site: Site) -> None:
    source = resources.playbooks() / "collections/ansible_collections/aspect/hardening"
    galaxy = [str(Path(sys.executable).with_name("ansible-galaxy")), "collection"]
    built = subprocess.run(
        [*galaxy, "build", source, "--output-path", site.root], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    target = site.root / "installed"
    (archive,) = site.root.glob("aspect-hardening-*.tar.gz")
    subprocess.run(
        [*galaxy, "install", archive, "-p", target, "--offline"], capture_output=True, text=True, check=True
    )
    documented = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-doc")), "--json", "aspect.hardening.tls"],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(target)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "policy" in json.loads(documented.stdout)["aspect.hardening.tls"]["doc"]["options"]

    empty = site.root / "empty"
    empty.mkdir()
    before = digest(site.etc, times=True)
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "connection": "local",
            "roles": ["aspect.hardening.tls"],
        }
    ]
    (empty / "own.yml").write_text(json.dumps(play))
    values = {"tls_servers": [site.server], "tls_state_dir": str(site.state), "tls_install_agent": False}
    foretold = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "own.yml", "--check", "--diff", "-e", json.dumps(values)],
        cwd=empty, env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(target), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert foretold.returncode == 0, foretold.stdout + foretold.stderr
    assert "+ssl_protocols TLSv1.2 TLSv1.3;" in foretold.stdout
    assert "changed=1" in foretold.stdout
    assert (digest(site.etc, times=True), site.state.exists()) == (before, False)
