"""A claim of each kind that is true, one that is false, and one that cannot be checked, on real bundles, hosts and logs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardening.claims.claims import EXAMPLE, ClaimKind, kinds, load
from hardening.claims.judge import ClaimState, Overall, judge
from hardening.claims.look import Looker, Shown
from hardening.cli import run
from hardening.errors import DataError, ExitCode
from hardening.host.checks.root import Root
from hardening.tls import policy
from hardening.tls.rendering.render import render
from hardening.tls.targets import find
from tests.support.products import layout

SECRET = "Kranich-7742-Ufer"
SETTINGS = "etc/nginx/nginx.conf"
WEAK = "events {}\nhttp {\nserver { listen 443 ssl; ssl_protocols TLSv1; ssl_certificate a; ssl_certificate_key b; }\n}\n"
CLAIMS = """
release = "3.08.02"
[[claim]]
id = "component"
text = "phpinfo is gone"
kind = "component-absent"
components = ["phpinfo"]
[[claim]]
id = "credential"
text = "The password of the database is gone"
kind = "credential-gone"
[[claim]]
id = "credential-elsewhere"
text = "Credentials of the mailer are gone"
kind = "credential-gone"
paths = ["mailer/*"]
[[claim]]
id = "policy"
text = "Servers meet the policy"
kind = "policy-met"
policy = "mozilla-intermediate"
[[claim]]
id = "port"
text = "The engine listens on port 7226"
kind = "port-behaviour"
expect = "listens"
port = 7226
[[claim]]
id = "port-closed"
text = "Nothing listens on port 21"
kind = "port-behaviour"
expect = "closed"
port = 21
[[claim]]
id = "restart"
text = "A changed port is used after a restart"
kind = "port-behaviour"
expect = "restart"
[[claim]]
id = "log"
text = "The message is harmless"
kind = "log-benign"
line = "Error : You can't use locks with log tables"
says = "You can't use locks with log tables"
[[claim]]
id = "advisory"
text = "Files can no longer be deleted"
kind = "advisory-closed"
advisory = "CVE-2024-6209"
"""


def _zip(path: Path, members: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def _strong() -> str:
    made = render(find("nginx"), policy.load("mozilla-intermediate"), version="1.20.1-el7")
    return "events {}\nhttp {\n" + made.text + "}\n"


def _release(text: str) -> dict[str, str]:
    return {f"{layout.WEB}/runtime/release.properties": f"runtime.ver=v{text}\nrelease.version=v{text}\n"}


@dataclass
class Made:
    """The bundles, and what judged them."""

    looker: Looker
    old: Shown
    good: Shown
    bad: Shown

    def of(self, name: str, *shown: Shown) -> Overall:
        claim = next(one for one in self.looker._claims.rows if one.id == name)
        return judge(claim, self.old, shown)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("claims")
    file = folder / "claims.toml"
    file.write_text(CLAIMS)
    weak = {"www/info.php": "<?php phpinfo(); ?>", "www/db.php": f"<?php $db_password = '{SECRET}';"}
    release = {"etc/centos-release": "CentOS Linux release 7.9.2009 (Core)\n"}
    old = _zip(folder / "old.zip", {**weak, **_release("3.08.01")})
    bad = _zip(
        folder / "bad.zip", {**weak, SETTINGS: WEAK, "etc/vsftpd/x.conf": "Listen 21\n", **release, **_release("3.08.01")}
    )  # fmt: skip
    good = _zip(
        folder / "good.zip",
        {"www/index.php": "<?php echo 1;", SETTINGS: _strong(), "etc/engine.properties": "port=7226\n", **release, **_release("3.08.02")},
    )  # fmt: skip
    looker = Looker(load(file))
    return Made(looker, looker.old(old), looker.new(good), looker.new(bad))


@pytest.mark.parametrize("name", ["component", "credential", "policy", "port", "advisory"])
def test_a_good_bundle_makes_a_claim_true(made: Made, name: str) -> None:
    said = made.of(name, made.good)
    assert said.state is ClaimState.TRUE, said.why


@pytest.mark.parametrize("name", ["component", "credential", "policy", "port-closed", "advisory"])
def test_a_bad_bundle_makes_a_claim_false_and_names_the_place(made: Made, name: str) -> None:
    said = made.of(name, made.bad)
    assert said.state is ClaimState.FALSE, said.why
    assert "bad.zip" in str(said.answers[0].place) or "etc/" in str(said.answers[0].place)
    assert SECRET not in said.why


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("credential-elsewhere", "no credential was found in the old bundle"),
        ("port", "no configuration in it names the port"),
        ("restart", "a bundle does not show what an engine does"),
        ("log", "the message is known: log/mysql-log-table-lock"),
    ],
)
def test_what_a_bundle_cannot_show_is_not_checkable(made: Made, name: str, why: str) -> None:
    said = made.of(name, made.bad)
    assert said.state is ClaimState.UNCHECKED
    assert why in said.why


def test_a_component_that_the_old_bundle_lacks_too_is_said(made: Made) -> None:
    claim = made.looker._claims.rows[0]
    assert "does not have it either" in judge(claim, made.good, [made.good]).why


def test_a_claim_that_is_false_anywhere_is_false(made: Made, tmp_path: Path) -> None:
    top = layout.host(tmp_path / "host", "3.08.02", files={f"{layout.WEB}/info.php": "<?php phpinfo(); ?>"})
    host = made.looker.host("site", Root(top, label="site", files=1))
    said = made.of("component", made.good, host)
    assert said.state is ClaimState.FALSE
    assert said.why.startswith("true in the bundle")
    assert "true on 0 of 1 hosts; false on site: phpinfo in " in said.why


PORTS = "/home/MIX_CMIX/config/engine.properties"


@pytest.mark.parametrize(
    ("configured", "listens", "states"),
    [
        (7226, 7226, {"port": "true", "port-closed": "true", "restart": "not checkable"}),
        (8300, 7226, {"port": "true", "port-closed": "true", "restart": "true"}),
        (8300, 21, {"port": "false", "port-closed": "false", "restart": "not checkable"}),
    ],
)
def test_ports_of_a_host(
    made: Made, tmp_path: Path, configured: int, listens: int, states: Mapping[str, str]
) -> None:
    top = layout.host(tmp_path / "host", "3.08.02", files={PORTS[1:]: f"port={configured}\n"})
    heard = ({"port": listens, "process": "java", "pid": 7, "address": "0.0.0.0"},)
    root = Root(top, {}, "site", heard, engine={"config": PORTS, "key": "port", "process": "java"}, files=1)
    host = made.looker.host("site", root)
    assert {name: str(made.of(name, host).state) for name in states} == states


def test_a_host_that_was_not_reached_leaves_a_claim_open(made: Made) -> None:
    lost = Shown(subject="site", kind=made.good.kind.HOST, gap="no route to host", lost=True)
    said = made.of("component", made.good, lost)
    assert said.state is ClaimState.UNCHECKED
    assert said.why.endswith("true on 0 of 1 hosts; not checkable on site: no route to host")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("mysql.general_log\nError    : You can't use locks with log tables.\nstatus   : OK\n", ClaimState.TRUE),
        ("mysqldump: Got error: 1556: You can't use locks with log tables. when using LOCK TABLES\n", ClaimState.FALSE),
        ("all is well\n", ClaimState.UNCHECKED),
    ],
)  # fmt: skip
def test_a_message_is_judged_in_each_log(made: Made, tmp_path: Path, text: str, state: ClaimState) -> None:
    log = tmp_path / "upgrade.log"
    log.write_text(text)
    assert made.of("log", *made.looker.logs([log])).state is state


def test_the_command_reports_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claims, old, annex = tmp_path / "claims.toml", tmp_path / "old.zip", tmp_path / "annex.md"
    claims.write_text("\n".join(CLAIMS.split("[[claim]]")[:2]).replace('id = "component"', '[[claim]]\nid = "component"'))  # fmt: skip
    _zip(old, {"info.php": "<?php phpinfo(); ?>"})
    report = tmp_path / "report.json"
    asked = ["claims", "check", str(claims), str(old), str(old), "--annex", str(annex)]
    assert run([*asked, "--report", f"json={report}"]) == ExitCode.FINDINGS
    assert "false          component: phpinfo is gone" in capsys.readouterr().out
    body = json.loads(report.read_text())
    assert {(row["subject"], row["verdict"]) for row in body["results"]} == {
        (str(claims), "fail"),
        (str(old), "fail"),
    }
    written = annex.read_text()
    assert "Annex VII" in written
    assert "0 true, 1 false, 0 not checkable" in written


def test_the_example_is_shipped_and_has_every_kind(tmp_path: Path) -> None:
    target = tmp_path / "claims.toml"
    assert run(["claims", "example", "-o", str(target)]) == ExitCode.OK
    assert target.read_bytes() == EXAMPLE.read_bytes()
    assert {one.kind for one in load(target).rows} == set(ClaimKind) == set(kinds())


ROW = '[[claim]]\nid = "a"\ntext = "b"\nkind = "{}"\n{}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "claim: there is no claim"),
        (ROW.format("component-gone", ""), "claim[0].kind: 'component-gone' is not one of"),
        (ROW.format("component-absent", 'components = ["admier"]'), "'admier' is not known"),
        (ROW.format("component-absent", "components = []"), "is empty"),
        (ROW.format("policy-met", 'policy = "aspekt"'), "claim[0].policy"),
        (ROW.format("port-behaviour", 'expect = "open"'), "claim[0].expect: 'open' is not one of"),
        (ROW.format("port-behaviour", 'expect = "closed"\nport = 70000'), "70000 is not a port"),
        (ROW.format("log-benign", 'line = " "'), "claim[0].line: is empty"),
        (ROW.format("advisory-closed", 'advisory = "CVE-1"'), "is not an advisory of aspect"),
        (ROW.format("credential-gone", "") * 2, "claim[1].id: 'a' occurs twice"),
        (ROW.format("credential-gone", "").replace('"a"', '"a b"'), "'a b' is not a name"),
        (ROW.format("credential-gone", 'policy = "aspect"'), "claim[0].policy: is not a known key"),
    ],
)
def test_a_wrong_file_is_refused_by_key(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "claims.toml"
    file.write_text('release = "1"\n' + text)
    with pytest.raises(DataError) as caught:
        load(file)
    assert said in str(caught.value)
    assert caught.value.hint


def test_options_of_a_fleet_need_an_inventory(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["claims", "check", "a", "b", "c", "--limit", "x"]) == ExitCode.USAGE
    assert "--limit and -e need -i" in capsys.readouterr().err
