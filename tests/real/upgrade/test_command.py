"""`harden upgrade` as an operator runs it: over Ansible, on hosts that are folders of this machine."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bundle.trust.verify import signature_of
from hardening.upgrade import orchestrator
from tests.support.host.little import digest
from tests.support.upgrade.standin import NEW, Signer, Site, begin

HARDEN = Path(sys.executable).with_name("harden")


def inventory(sites: Sequence[Site], path: Path, *, broken: Sequence[str] = ()) -> Path:
    """Write an inventory of hosts that are folders of this machine; `broken` ones have no usable Python."""
    lines = ["[all]"]
    for one in sites:
        python = "/no/such/python" if one.root.name in broken else one.python
        lines.append(f"{one.root.name} ansible_python_interpreter={python} upgrade_root={one.root}")
    lines += ["[all:vars]", "ansible_connection=local", "upgrade_install_agent=false"]
    path.write_text("\n".join(lines) + "\n")
    return path


def harden(*words: str | Path, cwd: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [HARDEN, "upgrade", *words], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "ANSIBLE_LOCAL_TEMP": str(cwd / "ansible"), "ANSIBLE_REMOTE_TMP": str(cwd / "remote")},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[list[Site]]:
    made = [Site(tmp_path / f"h{number}").lay_out() for number in range(3)]
    try:
        yield made
    finally:
        for one in made:
            one.stop()


def common(signer: Signer, site: Site, hosts: Path) -> list[str]:
    return ["-i", str(hosts), "--key", str(signer.public_file), "--recipe", str(site.recipe_file())]


def test_plan_apply_status_receipt_and_back(sites: list[Site], signer: Signer, tmp_path: Path) -> None:
    hosts = inventory(sites[:1], tmp_path / "hosts")
    site, words = sites[0], common(signer, sites[0], hosts)
    before, all_before = site.declared(), digest(site.root, times=True)

    code, out, err = harden("plan", signer.bundle(), *words, cwd=tmp_path)
    assert code == 0, out + err
    assert re.search(r"^h0 +fit +1\.0 -> 2\.0  would copy /opt/standin", out)
    assert digest(site.root, times=True) == all_before

    signing = ["--sign-key", str(signer.folder / "release"), "--no-passphrase", "--receipt", "r.json"]
    code, out, err = harden("apply", signer.bundle(), *words, *signing, "--host-reports", "each", "--progress", "always",
                            "--report", "json=fleet.json", cwd=tmp_path)  # fmt: skip
    assert code == 5, out + err
    assert site.whole(before) == "new"
    assert [word for word in ("backup", "install", "verify", "done") if word not in err] == []
    fleet = json.loads((tmp_path / "fleet.json").read_text())
    host = next(s for s in fleet["subjects"] if s["kind"] == "host")
    assert (host["stats"]["from"], host["stats"]["to"], host["stats"]["state"]) == ("1.0", NEW, "committed")
    assert fleet["summary"]["exit_code"] == 5
    assert {p.name.partition(".")[0] for p in (tmp_path / "each").iterdir()} == {"h0"}
    texts = {path.name: path.read_text() for path in (tmp_path / "each").iterdir()}
    assert len(texts) == 7
    assert [name for name, text in texts.items() if not re.search(r"1\.0.*2\.0", text, re.DOTALL)] == []
    assert [name for name, text in texts.items() if "restart pending since" not in text] == []
    stages = [line.split("  ")[-2] if line.endswith("fit") else line.split(" s  ")[1].split("  ")[0]
              for line in err.splitlines()]  # fmt: skip
    assert [
        word for word in stages if word not in (*orchestrator.WORDS.values(), "preflight", "upload")
    ] == []

    code, out, _ = harden("receipt", "r.json", "--key", signer.public_file, cwd=tmp_path)
    assert (code, "committed    1.0 -> 2.0" in out) == (0, True)
    receipt, key = str(tmp_path / "r.json"), str(signer.public_file)
    report = [str(HARDEN), "report", "verify", receipt, "--key", key, "--format", "json"]
    done = subprocess.run(report, capture_output=True, text=True, check=False)
    assert (done.returncode, "h0: committed" in done.stdout) == (0, True), done.stdout + done.stderr
    (tmp_path / "r.json").write_text((tmp_path / "r.json").read_text().replace('"sig": "', '"sig": "AAAA'))
    assert harden("receipt", "r.json", "--key", signer.public_file, cwd=tmp_path)[0] == 11
    assert subprocess.run(report, capture_output=True, check=False).returncode == 11

    code, out, _ = harden("status", "-i", hosts, cwd=tmp_path)
    assert code == 5
    assert "committed     standin 2.0" in out
    assert "PENDING engine" in out

    code, out, err = harden("rollback", "-i", hosts, "--check", cwd=tmp_path)
    assert (code, "would be rolled back: /opt/standin, /etc/standin" in out) == (0, True), out + err
    assert site.whole(before) == "new"
    code, out, err = harden("rollback", "-i", hosts, cwd=tmp_path)
    assert code == 0, out + err
    assert site.whole(before) == "old"


WEAK = "http { ssl_ciphers ALL; server { listen 443 ssl; ssl_certificate /a.pem; ssl_certificate_key /a.key; } }\n"


def test_plan_counts_what_is_found_by_rule(site: Site, signer: Signer, tmp_path: Path) -> None:
    """One weak line of nginx was two pages for each host, in front of which the plan was lost."""
    place = site.root / "etc/nginx/nginx.conf"
    place.parent.mkdir(parents=True)
    place.write_text(WEAK)
    words: list[str | Path] = ["plan", signer.bundle()]
    words += common(signer, site, inventory([site], tmp_path / "hosts"))
    code, out, err = harden(*words, "--report", "json=plan.json", "--report", "text=plan.txt", cwd=tmp_path)
    assert code == 0, out + err
    assert re.search(
        r"^  critical  \d\d findings: Cipher suite is not allowed  tls/suite$", out, re.MULTILINE
    )
    assert out.count("-v shows each of them") == 1
    assert len(out.splitlines()) < 60, out  # 93 findings; long lines are broken at 80 columns
    found = json.loads((tmp_path / "plan.json").read_text())["findings"]
    assert sum(one["rule"] == "tls/suite" for one in found) > 30
    assert (tmp_path / "plan.txt").read_text().count("is offered under") > 30
    assert harden(*words, "-v", cwd=tmp_path)[1].count("is offered under") > 30


@pytest.mark.parametrize("what", ["unsigned", "tampered", "other", "audit"])
def test_a_refused_bundle_touches_no_host(site: Site, signer: Signer, tmp_path: Path, what: str) -> None:
    from tests.real.upgrade.test_admission import ADMINER

    maker = Signer(tmp_path / "maker", signer.private)
    more = {"payload/htmlroot/adminer.php": ADMINER} if what == "audit" else None
    bundle = maker.bundle(product="other" if what == "other" else "standin", more=more)
    if what == "unsigned":
        signature_of(bundle).unlink()
    if what == "tampered":
        bundle.write_bytes(bundle.read_bytes()[:-1] + b"x")
    before = digest(site.root, times=True)
    hosts = inventory([site], tmp_path / "hosts")
    code, out, err = harden("apply", bundle, *common(signer, site, hosts), cwd=tmp_path)
    assert code == (10 if what == "audit" else 11), out + err
    assert digest(site.root, times=True) == before
    assert not (tmp_path / "ansible").exists()


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_an_inventory_that_is_not_there_is_said_before_the_audit(
    site: Site, signer: Signer, tmp_path: Path, verb: str
) -> None:
    words = common(signer, site, tmp_path / "nothing")
    code, out, err = harden(verb, signer.bundle(product="other"), *words, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "there is no such inventory" in err
    words = [*common(signer, site, inventory([site], tmp_path / "hosts")), "-e", "@nothing.yml"]
    code, out, err = harden(verb, signer.bundle(product="other"), *words, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "-e @nothing.yml: there is no such file" in err


def test_the_canary_stops_a_bad_release(sites: list[Site], signer: Signer, tmp_path: Path) -> None:
    hosts = inventory(sites, tmp_path / "hosts")
    before = [one.declared() for one in sites]
    code, out, err = harden(
        "apply",
        signer.bundle("fails-half"),
        *common(signer, sites[0], hosts),
        "--host-reports",
        "each",
        cwd=tmp_path,
    )
    assert code == 6, out + err
    assert [one.whole(was) for one, was in zip(sites, before, strict=True)] == ["old", "old", "old"]
    for path in (tmp_path / "each").glob("h0.*"):  # every format says what was put back
        text = html.unescape(path.read_text()).replace("\\", "")
        assert re.search(r"restored: /opt/standin .\d+ entries were changed", text), path
    junit = (tmp_path / "each/h0.xml").read_text()
    assert 'failures="1"' in junit
    assert 'failures="0"' in (tmp_path / "each/h1.xml").read_text()
    assert "exit 6" in (tmp_path / "each/h0.txt").read_text()
    assert "exit 0" in (tmp_path / "each/h1.txt").read_text()
    states = [line.split()[:2] for line in out.splitlines() if line.startswith("h")][:3]
    assert states == [["h0", "rolled-back"], ["h1", "untouched"], ["h2", "untouched"]]
    assert [len(one.upgrades()) for one in sites] == [1, 0, 0]


def test_a_host_that_is_older_bars_the_way_for_all(sites: list[Site], signer: Signer, tmp_path: Path) -> None:
    sites[2].put("opt/standin/htmlroot/runtime.ver", "3.0\n")
    before = [digest(one.root, times=True) for one in sites]
    hosts = inventory(sites, tmp_path / "hosts")
    code, out, err = harden("apply", signer.bundle(), *common(signer, sites[0], hosts), cwd=tmp_path)
    assert code == 11, out + err
    assert "standin 2.0 is older than the installed 3.0" in out
    assert [digest(one.root, times=True) for one in sites] == before


def test_unfit_hosts_stop_the_run(sites: list[Site], signer: Signer, tmp_path: Path) -> None:
    hosts = inventory(sites, tmp_path / "hosts", broken=["h1"])
    before = [digest(one.root, times=True) for one in sites]
    code, out, err = harden("apply", signer.bundle(), *common(signer, sites[0], hosts), cwd=tmp_path)
    assert code == 6, out + err
    states = [line.split()[1] for line in out.splitlines() if line.startswith("h")][:3]
    assert states == ["untouched", "unfit", "untouched"]
    assert [digest(one.root, times=True) for one in sites] == before


def test_a_host_that_cannot_be_reached_is_not_fit_either(
    sites: list[Site], signer: Signer, tmp_path: Path
) -> None:
    hosts = inventory(sites[:2], tmp_path / "hosts")
    away = "ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1 ansible_ssh_retries=0"
    hosts.write_text(hosts.read_text().replace("[all:vars]", f"h9 {away}\n[all:vars]"))
    before = [digest(one.root, times=True) for one in sites]
    words = common(signer, sites[0], hosts)
    code, out, err = harden("apply", signer.bundle(), *words, cwd=tmp_path)
    assert code == 7, out + err
    assert [line.split()[1] for line in out.splitlines() if line.startswith("h")][:3] == [
        "untouched",
        "untouched",
        "unreachable",
    ]
    assert "the host cannot be reached: ssh: connect to host 127.0.0.1 port 1: Connection refused" in out
    assert [digest(one.root, times=True) for one in sites] == before
    code, out, err = harden("apply", signer.bundle(), *words, "--skip-failed-preflight", cwd=tmp_path)
    assert code == 7, out + err
    assert [one.release() for one in sites[:2]] == [NEW, NEW]


def test_who_interrupts_an_upgrade_is_told_how_it_goes_on(
    sites: list[Site], signer: Signer, tmp_path: Path
) -> None:
    site, before = sites[0], sites[0].declared()
    words = common(signer, site, inventory([site], tmp_path / "hosts"))
    with subprocess.Popen(
        [HARDEN, "upgrade", "apply", signer.bundle("waits"), *words], cwd=tmp_path, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible"), "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote")},
    ) as running:  # fmt: skip
        # os.walk passes over folders that go away meanwhile, rglob fails
        while not any("install.log" in names for _, _, names in os.walk(site.root)):
            assert running.poll() is None
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "the hosts finish what they began. To resume, run the same apply again" in err
    assert harden("rollback", "-i", tmp_path / "hosts", cwd=tmp_path)[0] == 0
    assert site.whole(before) == "old"


@pytest.mark.parametrize(("absent", "code"), [("/etc/passwd", 6)])
def test_the_operators_suites_are_part_of_the_proof(
    site: Site, signer: Signer, tmp_path: Path, absent: str, code: int
) -> None:
    settings = tmp_path / "site.toml"
    settings.write_text(f'[files]\nabsent = ["{absent}"]\n')
    before = site.declared()
    words = [*common(signer, site, inventory([site], tmp_path / "hosts")), "-e", f"upgrade_infra={settings}"]
    found, out, err = harden("apply", signer.bundle(), *words, cwd=tmp_path)
    assert found == code, out + err
    assert site.whole(before) == ("new" if code == 5 else "old")
    assert ("test_removed_components_stay_removed" in out) == (code == 6)
    if code == 5:
        words = ["-i", str(tmp_path / "hosts"), "-e", f"upgrade_infra={settings}"]
        assert harden("verify", *words, cwd=tmp_path)[0] == 5
        settings.write_text('[files]\nabsent = ["/etc/passwd"]\n')
        found, out, err = harden("verify", *words, cwd=tmp_path)
        assert (found, "test_removed_components_stay_removed" in out) == (10, True), out + err


def test_a_lost_upgrade_is_named_by_every_verb(site: Site, signer: Signer, tmp_path: Path) -> None:
    hosts = inventory([site], tmp_path / "hosts")
    begin(site, signer.bundle("waits"))
    site.until("installing")
    subprocess.run(["rm", "-rf", f"{site.root}{site.state}"], check=False)
    site.until("lost")
    before = digest(site.root, times=True)
    code, out, err = harden("status", "-i", hosts, cwd=tmp_path)
    assert (code, "  lost          standin 2.0 since " in out) == (7, True), out + err
    for verb, codes in (("plan", {7}), ("apply", {7}), ("verify", {10}), ("rollback", {7})):
        words = common(signer, site, hosts) if verb in ("plan", "apply") else ["-i", str(hosts)]
        bundle = [signer.bundle()] if verb in ("plan", "apply") else []
        code, out, err = harden(verb, *bundle, *words, cwd=tmp_path)
        assert code in codes, (verb, out + err)
        shown = " ".join((out + err).split())  # lines are broken at the width
        assert "is lost: its journal or its copies were removed" in shown, verb
    assert digest(site.root, times=True) == before


def never_comes_up(site: Site, *, then: str = "true") -> None:
    """Let a host's services refuse the new release; `then` is run when they do."""
    script = (site.root / "etc/init/standin").read_text()
    wrong = f"up && exit 0; grep -q {NEW} $R/opt/standin/htmlroot/runtime.ver && {{ {then}; exit 1; }}"
    site.put("etc/init/standin", script.replace("up && exit 0", wrong, 1), 0o755)


def test_a_later_host_that_fails_leads_the_earlier_back(
    sites: list[Site], signer: Signer, tmp_path: Path
) -> None:
    never_comes_up(sites[1])
    hosts, before = inventory(sites[:2], tmp_path / "hosts"), [one.declared() for one in sites[:2]]
    words = [*common(signer, sites[0], hosts), "--report", "json=r.json"]
    code, out, err = harden("apply", signer.bundle(), *words, cwd=tmp_path)
    assert code == 6, out + err
    assert [one.whole(was) for one, was in zip(sites, before, strict=False)] == ["old", "old"]
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("h")][:2] == [
        ["h0", "rolled-back"], ["h1", "rolled-back"]]  # fmt: skip
    assert "h1 failed" in out
    (row,) = [s for s in json.loads((tmp_path / "r.json").read_text())["subjects"] if s["id"] == "h0"]
    assert "h1 failed" in row["reason"]
