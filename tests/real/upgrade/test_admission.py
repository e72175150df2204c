"""What a bundle has to be before any host is asked: signed, whole, of this product, newer, clean."""

from __future__ import annotations

import base64
import hashlib
import json
import tomllib
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from bundle.trust.verify import signature_of, verify
from hardening.errors import DataError, ExitCode, InputError
from hardening.findings import Severity
from hardening.host import onhost_request
from hardening.upgrade import admission, recipe
from hardening.upgrade.logs.patterns import Meaning, examples, shipped
from hardening.upgrade.logs.triage import Triage
from tests.support.upgrade.standin import NEW, Signer, Site

ADMINER = next(
    row["content"]
    for row in tomllib.loads((files("bundle") / "data/components/adminer.toml").read_text("utf-8"))[
        "examples"
    ]
    if row["flagged"]
)
"""The component's own first flagged example."""


def refused(path: Path, signer: Signer, site: Site, **more: Any) -> tuple[ExitCode, list[str]]:
    run, job = admission.admit(path, signer.trusted, site.recipe(), **more)
    assert job is None
    return run.exit_code(), [f.rule.id for f in run.findings if f.level >= Severity.MEDIUM]


def test_a_good_bundle_is_admitted(signer: Signer, site: Site) -> None:
    run, job = admission.admit(signer.bundle(), signer.trusted, site.recipe())
    assert run.exit_code() is ExitCode.OK
    assert job is not None
    assert (job.product, job.release, job.recipe["name"]) == ("standin", NEW, "standin")
    assert job.unpacked > job.size
    travels = job.to_json()
    assert json.loads(json.dumps(travels)) == travels
    assert travels.keys() == {one.name for one in fields(admission.AdmittedUpgrade)}
    assert [travels[key] for key in ("bundle", "sha256", "size", "signature", "log_rules")] == [
        str(signer.bundle().resolve()), hashlib.sha256(signer.bundle().read_bytes()).hexdigest(),
        signer.bundle().stat().st_size, str(signature_of(signer.bundle()).resolve()), "",
    ]  # fmt: skip
    fatal = {m.rule.id for m in shipped() if m.meaning is Meaning.FATAL and m.context is None}
    assert {f"log/{row['id']}" for row in travels["stop"]["patterns"]} == fatal


def test_a_signature_that_is_replaced_once_it_was_seen_changes_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is brought to the hosts is told by the statement that was verified, not by what lies there afterwards."""
    signer = Signer(tmp_path / "keyed")
    path = signer.bundle()
    honest = signature_of(path).read_bytes()
    envelope = json.loads(honest)
    said = json.loads(base64.b64decode(envelope["payload"]))
    said["subject"][0]["digest"]["sha256"] = "0" * 64
    envelope["payload"] = base64.b64encode(json.dumps(said).encode()).decode()

    def replaced(*args: Any, **how: Any) -> Any:
        run = verify(*args, **how)
        signature_of(path).write_text(json.dumps(envelope))
        return run

    monkeypatch.setattr(admission, "verify", replaced)
    _, job = admission.admit(path, signer.trusted, site.recipe())
    assert job is not None
    assert job.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_it_finds_is_sealed_under_the_key_of_a_baseline(site: Site, tmp_path: Path) -> None:
    signer = Signer(tmp_path / "keyed")  # of its own: the bundles of the others stay as they are
    path = signer.bundle(more={"etc/quay.ini": "[db]\nuser = feed\npassword = Gr4velpit77\n"})
    seals = []
    for key in (b"", b"k" * 32, b"l" * 32):
        run, _ = admission.admit(path, signer.trusted, site.recipe(), fail_on=None, key=key)
        (found,) = (f for f in run.findings if f.rule.id == "credential/assignment")
        seals.append(found.secret_hmac)
    assert seals[0] == ""
    assert seals[1]
    assert seals[1] != seals[2]


def test_a_placeholder_that_nothing_fills_in(site: Site, tmp_path: Path) -> None:
    """The list of another bundle does not fill it in; the list that names it does. A manual that shows one is none."""
    signer, listed = Signer(tmp_path / "keyed"), tmp_path / "secrets.json"
    more = {
        "etc/app.ini": "[db]\nuser = app\npassword = @secret:database-app@\n",
        "etc/app.properties": "db.password=@secret:database-app@\n",
        "README.md": "Passwords are written as @secret:name@.\n",
    }
    path = signer.bundle(more=more)
    code, found = refused(path, signer, site)
    assert (code, found) == (ExitCode.REFUSED, ["upgrade/placeholder"])
    run, _ = admission.admit(path, signer.trusted, site.recipe())
    (said,) = [f.message for f in run.findings if f.rule.id == "upgrade/placeholder"]
    assert said == "@secret:database-app@ is not filled in: etc/app.ini:3, and in 1 more places"
    row: dict[str, Any] = {"name": "another", "account": "", "service": "", "places": [{"path": "a"}]}
    listed.write_text(json.dumps({"schema": "harden-secrets/1", "secrets": [row]}))
    assert refused(path, signer, site, secrets=listed) == (code, found)
    listed.write_text(json.dumps({"schema": "harden-secrets/1", "secrets": [row | {"name": "database-app"}]}))
    run, job = admission.admit(path, signer.trusted, site.recipe(), secrets=listed)
    assert run.exit_code() is ExitCode.OK
    assert job is not None


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "harden-secrets/2", "secrets": []}', "{\n"])
def test_a_list_of_placeholders_that_is_none(signer: Signer, site: Site, tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InputError, match=r"s\.json: not a list of secrets"):
        admission.admit(signer.bundle(), signer.trusted, site.recipe(), secrets=tmp_path / "s.json")


def test_an_unsigned_bundle(signer: Signer, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "unsigned.tar.gz"
    path.write_bytes(signer.bundle().read_bytes())
    assert refused(path, signer, site) == (ExitCode.REFUSED, ["trust/signature"])


def test_a_bundle_signed_by_somebody_else(signer: Signer, site: Site, tmp_path: Path) -> None:
    other = Signer(tmp_path / "other")
    assert refused(other.bundle(), signer, site) == (ExitCode.REFUSED, ["trust/signature"])


def test_a_tampered_bundle(signer: Signer, site: Site, tmp_path: Path) -> None:
    path, good = tmp_path / "t.tar.gz", signer.bundle()
    data = bytearray(good.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    signature_of(path).write_bytes(signature_of(good).read_bytes())
    assert refused(path, signer, site) == (ExitCode.REFUSED, ["trust/content"])


@pytest.mark.parametrize(("product", "release"), [("another", NEW), ("", NEW), ("standin", "")])
def test_a_bundle_for_another_product_or_for_nobody_knows_which(
    signer: Signer, site: Site, tmp_path: Path, product: str, release: str
) -> None:
    path = tmp_path / "p.tar.gz"
    path.write_bytes(signer.bundle().read_bytes())
    signer.sign(path, product=product, release=release)
    assert refused(path, signer, site) == (ExitCode.REFUSED, ["upgrade/product"])
    run, _ = admission.admit(path, signer.trusted, site.recipe())
    said = {
        "another": "the bundle is for another, the recipe for standin",
        "": "the signature does not say which product the bundle is for",
        "standin": "the signature does not say which release the bundle brings",
    }
    assert [f.message for f in run.findings if f.rule.id == "upgrade/product"] == [said[product]]


def test_a_bundle_that_fails_the_audit(signer: Signer, site: Site, tmp_path: Path) -> None:
    maker = Signer(tmp_path / "dirty", signer.private)
    path = maker.bundle(more={"payload/htmlroot/adminer.php": ADMINER})
    code, rules = refused(path, signer, site)
    assert code is ExitCode.FINDINGS
    assert "component/adminer" in rules


@pytest.mark.parametrize(
    ("installed", "recorded", "said"),
    [
        ("", None, ""),
        ("1.9", None, ""),
        ("2.0", None, ""),
        ("2.0.1", None, "older than the installed 2.0.1"),
        ("", "2.1", "older than the installed 2.1"),
        ("2.0", "2.0", "was signed on"),
    ],
)
def test_anti_rollback(signer: Signer, site: Site, installed: str, recorded: str | None, said: str) -> None:
    from tests.support.upgrade.standin import job

    later = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    products = {"standin": {"release": recorded, "created": later}} if recorded else {}
    found = admission.older(
        job(signer.bundle(), site), {"installed": installed, "record": {"products": products}}
    )
    assert bool(found) == bool(said)
    assert said in found


def test_a_host_that_has_another_product_is_refused(signer: Signer, site: Site) -> None:
    from tests.support.upgrade.standin import job

    row = {"release": "1.0", "created": datetime.now(UTC).isoformat(timespec="seconds")}
    for other in ("nexus", "Standin"):
        looked = {"installed": "", "record": {"products": {other: row}}}
        said = admission.older(job(signer.bundle(), site), looked)
        assert said == f"the bundle is for the product 'standin'; {other} is installed"


def test_the_host_stops_at_exactly_the_lines_that_triage_calls_fatal(tmp_path: Path) -> None:
    """The host judges a line by its wording alone, so its patterns must not be wider than triage."""
    import re

    said = admission.stoppers(shipped())
    prefix = re.compile(said["prefix"], re.VERBOSE)
    patterns = [re.compile(row["regex"]) for row in said["patterns"]]
    assert len(patterns) > 20
    alone = [m for m in shipped() if m.meaning is not Meaning.FATAL or m.context is None]
    lines = sorted({line for _, text in examples(alone) for line in text.splitlines() if line.strip()})
    lines += [f"Nov 24 03:04:05 host mysqld[12]: {line}" for line in lines[:40]]
    triage = Triage()
    for number, line in enumerate(lines):
        log = tmp_path / f"{number}.log"
        log.write_text(line + "\n")
        fatal = [f for f in triage.logs([log]).findings if f.level >= Severity.HIGH]
        stops = any(p.search(prefix.sub("", line, count=1)) for p in patterns)
        assert stops == bool(fatal), line


def test_the_shipped_recipe_is_whole() -> None:
    found = recipe.load(recipe.example())
    assert found.name == "aspect"
    assert [one["restart"] for one in found.body["services"]] == ["auto", "no", "manual"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('paths = ["/opt/standin", "/etc/standin"]', 'paths = ["/etc"]', "paths[0]"),
        ('paths = ["/opt/standin", "/etc/standin"]', "paths = []", "paths"),
        ('paths = ["/opt/standin", "/etc/standin"]', 'paths = ["opt"]', "paths[0]"),
        ("regex = '^(\\S+)'", "regex = '^\\S+'", "version.regex"),
        ('during = "running"', 'during = "maybe"', "service[1].during"),
        ("complete = '^COMMIT;'", "complete = '('", "database.complete"),
        ('kind = "command"', 'kind = "guess"', "probe[0].kind"),
        ('kind = "command"', 'kind = "tcp"', "probe[0].port"),
        ("headroom = 1", "headrom = 1", "headrom"),
    ],
)
def test_a_wrong_recipe_names_file_and_key(site: Site, old: str, new: str, said: str) -> None:
    with pytest.raises(DataError, match=r"recipe\.toml") as caught:
        site.recipe({old: new})
    assert said in str(caught.value)


def test_what_travels_is_small() -> None:
    """Every question carries both programs: it has to stay a fraction of what Ansible sends for one module."""
    assert len(onhost_request.program({"verb": "status"}, onhost_request.UPGRADER)) < 90_000
