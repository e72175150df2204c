"""The host audit in the verify stage: what had to go is gone, nothing worse has come, or the host is rolled back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from hardening.errors import ProbeError
from hardening.findings import Run
from hardening.host import checks as looked
from hardening.host import session
from hardening.host.checks.root import Root
from hardening.tls.policy import load as load_policy
from hardening.upgrade import audited, hostaudit
from tests.real.upgrade.test_admission import ADMINER
from tests.real.upgrade.test_command import common, harden, inventory
from tests.support import odd_certificates
from tests.support.upgrade.standin import FAULTS, Signer, Site, conductor

WEB = "opt/standin/htmlroot"
SECRET = "password = " + "Tr0ub4dor" + "&3xyz"
"""Assembled, so that no file of the project holds a credential."""


def audit(
    site: Site, *, fail_on: str = "medium", waivers: str = "", scanned: bool = False
) -> hostaudit.HostAudit:
    return hostaudit.of_host(
        session.here(), root=str(site.root), paths=["/opt/standin", "/etc/standin"], policy="aspect", fail_on=fail_on,
        waiver_file=waivers, scanned=scanned,
    )  # fmt: skip


def run(site: Site, bundle: Path, looks: hostaudit.HostAudit) -> dict[str, Any]:
    control = conductor(site, bundle, audit=looks)
    return control.finish(control.install()["id"])


def installs(monkeypatch: pytest.MonkeyPatch, signer: Signer, name: str, shell: str) -> Path:
    """Return a bundle whose installer does something that its audit cannot see."""
    monkeypatch.setitem(FAULTS, name, {"@LATE@": shell})
    return signer.bundle(name)


def test_a_component_that_stays_leads_the_host_back(site: Site, signer: Signer, tmp_path: Path) -> None:
    site.put(f"{WEB}/adminer.php", ADMINER)
    before = site.declared()
    words = [*common(signer, site, inventory([site], tmp_path / "hosts")), "--report", "json=r.json"]
    code, out, err = harden("plan", signer.bundle(), *words, cwd=tmp_path)
    assert code == 0, out + err
    assert (
        f"have to be gone after the upgrade: component/adminer at /{WEB}/adminer.php"
        in said(tmp_path)["reason"]
    )

    code, out, err = harden("apply", signer.bundle(), *words, cwd=tmp_path)
    assert code == 6, out + err
    assert site.whole(before) == "old"
    assert f"not proved: host audit: component/adminer at /{WEB}/adminer.php" in out
    assert (said(tmp_path)["verdict"], said(tmp_path)["reason"][:34]) == (
        "fail",
        "1 finding before, 1 after, 0 new",
    )
    assert [f["message"].endswith("(was there before)") for f in found(tmp_path, "component/adminer")] == [
        True
    ]


def said(folder: Path) -> dict[str, Any]:
    rows = json.loads((folder / "r.json").read_text())["results"]
    (row,) = [row for row in rows if row["rule"] == "upgrade/host-audit"]
    return dict(row)


def found(folder: Path, rule: str) -> list[dict[str, Any]]:
    return [f for f in json.loads((folder / "r.json").read_text())["findings"] if f["rule"] == rule]


def test_what_the_upgrade_takes_away_is_said_to_be_gone(
    site: Site, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put(f"{WEB}/adminer.php", ADMINER)
    before = site.declared()
    ended = run(site, installs(monkeypatch, signer, "removes", f"rm $R/{WEB}/adminer.php"), audit(site))
    assert ended["state"] == "committed", ended
    assert site.whole(before) == "new"
    assert ended["audit"]["gone"] == [["component/adminer", f"/{WEB}/adminer.php"]]
    assert audited.sentence(ended["audit"]) == (
        f"1 finding before, 0 after, 0 new; gone: component/adminer at /{WEB}/adminer.php"
    )


def test_a_secret_that_the_installer_leaves_open_leads_the_host_back(
    site: Site, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site.declared()
    bundle = installs(
        monkeypatch, signer, "leaks", f"echo '{SECRET}' >>$R/{WEB}/db.ini; chmod 644 $R/{WEB}/db.ini"
    )
    ended = run(site, bundle, audit(site))
    assert ended["state"] == "rolled-back", ended
    assert site.whole(before) == "old"
    assert f"host/world-readable-secret at /{WEB}/db.ini" in ended["problems"][0]
    assert ended["audit"]["new"] == ended["audit"]["found"] > 0
    assert SECRET.rpartition(" ")[2] not in str(ended)


def test_a_closed_secret_that_was_there_before_is_reported_and_stops_nothing(
    site: Site, signer: Signer
) -> None:
    site.put("etc/standin/db.ini", f"{SECRET}\n", 0o600)
    before = site.declared()
    ended = run(site, signer.bundle(), audit(site))
    assert ended["state"] == "committed", ended
    assert site.whole(before) == "new"
    assert (ended["audit"]["before"], ended["audit"]["new"], ended["audit"]["failing"]) == (1, 0, 0)
    (row,) = audited.findings("h0", ended["audit"], back=False)
    assert row.where == "/etc/standin/db.ini"
    assert row.message.endswith("(was there before)")


def test_what_is_waived_stops_nothing_until_its_last_day(site: Site, signer: Signer, tmp_path: Path) -> None:
    site.put(f"{WEB}/adminer.php", ADMINER)
    before, path = site.declared(), tmp_path / "waivers.toml"
    row = '[[waiver]]\nrule = "component/adminer"\nplace = "*/adminer.php"\nreason = "until the visit"\nowner = "j.doe"\n'
    path.write_text(f"{row}expires = 2020-01-01\n")
    assert run(site, signer.bundle(), audit(site, waivers=str(path)))["state"] == "rolled-back"
    assert site.whole(before) == "old"
    path.write_text(f"{row}expires = 2199-01-01\n")
    ended = run(site, signer.bundle(), audit(site, waivers=str(path)))
    assert ended["state"] == "committed", ended
    (one,) = audited.findings("h0", ended["audit"], back=False)
    assert one.waived is not None
    assert one.waived.owner == "j.doe"


@pytest.mark.parametrize(("scanned", "state"), [(False, "rolled-back"), (True, "committed")])
def test_weak_tls_in_a_new_file_counts_where_nobody_scans(
    site: Site, signer: Signer, monkeypatch: pytest.MonkeyPatch, *, scanned: bool, state: str
) -> None:
    site.put("etc/httpd/conf/httpd.conf", "Listen 80\n")
    weak = "printf 'Listen 443\\nSSLEngine on\\nSSLProtocol all\\nSSLCipherSuite ALL\\n' >$R/etc/httpd/conf/httpd.conf"
    bundle = installs(monkeypatch, signer, "weak-tls", weak)
    ended = run(site, bundle, audit(site, scanned=scanned))
    assert ended["state"] == state, ended
    rows = [row for row in ended["audit"]["rows"] if row["rule"]["id"].startswith("tls/") and row["new"]]
    assert rows
    assert [row["remedy"] for row in rows if "harden-audit-" in row["remedy"]] == []  # the host's own paths


def test_an_audit_that_cannot_be_made_is_no_proof(site: Site, signer: Signer) -> None:
    looks = audit(site)
    calls = iter((looks.look,))

    def lost() -> Run:
        look = next(calls, None)
        if look is None:
            raise ProbeError("h0 changed while it was read: /opt/x is gone", hint="run the audit again")
        return look()

    before = site.declared()
    ended = run(site, signer.bundle(), hostaudit.HostAudit(look=lost))
    assert ended["state"] == "rolled-back"
    assert "the host audit failed: h0 changed while it was read" in ended["problems"][0]
    assert site.whole(before) == "old"


def test_whoever_goes_on_later_still_knows_what_was_before(site: Site, signer: Signer) -> None:
    """The control machine that began has died; another one finishes: the places of before are on the host."""
    site.put("etc/standin/db.ini", f"{SECRET}\n", 0o600)
    conductor(site, signer.bundle(), audit=audit(site)).install()
    again = conductor(site, signer.bundle(), audit=audit(site))
    ended = again.finish(again.install()["id"])
    assert ended["state"] == "committed"
    assert ended["audit"]["before"] == 1


def verified(site: Site, tmp_path: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    hosts = inventory([site], tmp_path / "hosts")
    code, out, err = harden("verify", "-i", hosts, "--report", "json=v.json", *words, cwd=tmp_path)
    report = json.loads((tmp_path / "v.json").read_text())
    (row,) = [row for row in report["results"] if row["rule"] == "upgrade/host-audit"] or [{}]
    return code, {**row, "findings": report["findings"]}, out + err


def test_verify_audits_the_host_as_its_upgrade_left_it(site: Site, signer: Signer, tmp_path: Path) -> None:
    """What was there before is known, what came since counts, and a component that is back always does."""
    code, row, said = verified(site, tmp_path)
    assert (code, row["verdict"]) == (0, "skipped"), said
    assert "no upgrade was made on this host" in row["reason"]

    site.put("etc/standin/db.ini", f"{SECRET}\n", 0o600)
    words = common(signer, site, inventory([site], tmp_path / "hosts"))
    code, out, err = harden("apply", signer.bundle(), *words, cwd=tmp_path)
    assert code == 5, out + err
    code, row, said = verified(site, tmp_path)
    assert (code, row["verdict"]) == (5, "pass"), said  # the engine still runs what was there before
    time.sleep(1.1)
    site.service("engine", "restart")
    code, row, said = verified(site, tmp_path)
    assert (code, row["verdict"], row["reason"]) == (0, "pass", "1 finding before, 1 after, 0 new"), said
    assert [(f["known"], f["message"].endswith("(was there before)")) for f in row["findings"]] == [
        (True, True)
    ]
    assert "known   it is in the baseline" in said

    site.put("etc/standin/new.ini", f"{SECRET}\n", 0o600)
    code, row, said = verified(site, tmp_path)
    assert (code, row["verdict"]) == (10, "fail"), said
    (new,) = [f for f in row["findings"] if not f["known"]]
    assert new["location"]["path"] == "/etc/standin/new.ini"
    assert "(was not there before the upgrade)" in new["message"]
    (site.root / "etc/standin/new.ini").unlink()

    site.put(f"{WEB}/adminer.php", ADMINER)
    code, row, said = verified(site, tmp_path)
    assert (code, row["verdict"]) == (10, "fail"), said
    assert "component/adminer" in said
    assert verified(site, tmp_path, "--no-host-audit")[0] == 0
    assert verified(site, tmp_path, "--fail-on", "never")[0] == 0
    path = tmp_path / "waivers.toml"
    path.write_text('[[waiver]]\nrule = "component/adminer"\nplace = "*/adminer.php"\nreason = "until the visit"\n'
                    'owner = "j.doe"\nexpires = 2199-01-01\n')  # fmt: skip
    code, row, said = verified(site, tmp_path, "--waivers", str(path))
    assert (code, row["verdict"]) == (0, "pass"), said


@pytest.mark.parametrize("weak", ["AES128-SHA:@SECLEVEL=0", "AES128-SHA"])
def test_a_cipher_list_that_cannot_be_settled_is_told_and_leaves_no_file_unread(
    tmp_path: Path, weak: str
) -> None:
    """OpenSSL 1.0.2k refuses `@SECLEVEL`: nobody knows what the server offers then, but its file was read."""
    conf = tmp_path / "etc/lighttpd/lighttpd.conf"
    conf.parent.mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text('ID="centos"\nVERSION_ID="7"\n')
    conf.write_text(
        f'server.port = 443\nssl.engine = "enable"\nssl.pemfile = "/etc/a.pem"\nssl.cipher-list = "{weak}"\n'
    )
    (tmp_path / "etc/a.pem").write_bytes(odd_certificates.pem(odd_certificates.sound()))
    made = hostaudit.HostAudit(
        look=lambda: looked.audit(Root(tmp_path), [load_policy("aspect")], everywhere=False)
    )
    before = made.before()
    said, wrong = made.after(before)
    assert (said["partial"], wrong) == ("", [])
    assert ("tls/inconclusive" in {rule for rule, _ in before["places"]}) is ("@" in weak)
    (tmp_path / "etc/a.pem").unlink()
    assert ("certificate /etc/a.pem was not read" in made.after(before)[0]["partial"]) is ("@" not in weak)
