"""The site that the advisories describe: what audits find there, place by place, and what waits for a detector."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bundle import audit
from hardening import products
from hardening.advisories.judge import Status, answers
from hardening.advisories.seen import of_bundle, of_host
from hardening.findings import Finding, InFile, Run, Severity
from hardening.host import gather
from hardening.host.checks.root import Root
from hardening.tls import policy
from hardening.toml_rows import Table
from tests.support.places import DATA
from tests.support.products import site as places
from tests.support.products.site import Place

ALL = {one.name for one in places.places()}


def deferred(kind: str) -> set[str]:
    """Return the places that an audit of this kind does not find yet."""
    table = Table.load(DATA / "products/deferred.toml")
    found = set()
    for row in table.rows("place"):
        name, audits = row.text("name"), row.texts("audits")
        assert row.text("reason").strip()
        assert set(audits) <= {"bundle", "host"}
        row.done()
        if kind in audits:
            found.add(name)
    table.done()
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return places.write(tmp_path_factory.mktemp("site") / "host")


@pytest.fixture(scope="module")
def package(site: Path) -> Path:
    return places.pack(site, site.parent / "install.aam")


@pytest.fixture(scope="module")
def of_package(package: Path) -> Run:
    return audit([str(package)])


@pytest.fixture(scope="module")
def of_site(site: Path) -> Run:
    return gather.audited(site, [policy.load("aspect")])


def _names(finding: Finding, path: str, one: Place) -> bool:
    """Whether a finding is about a place: of its family, at its path or inside it, on its line where both have one."""
    place = finding.location
    if not isinstance(place, InFile):
        return False
    at = place.path == path or place.path.startswith(f"{path}!/")
    return at and finding.rule.id.startswith(one.family) and (not one.line or place.line in (None, one.line))


def found(run: Run, top: str) -> set[str]:
    return {
        one.name
        for one in places.places()
        if any(_names(finding, f"{top}{one.where}", one) for finding in run.findings)
    }


def test_the_site_has_enough_places_and_each_has_its_source() -> None:
    assert len(ALL) == len(places.places()) == 63
    assert len({(one.path, one.line, one.family) for one in places.places()}) == 63
    assert all(one.source for one in places.places())
    assert len(places.DECOYS) == 60
    assert deferred("bundle") | deferred("host") <= ALL


def test_a_bundle_audit_finds_every_place_that_is_not_deferred(of_package: Run, package: Path) -> None:
    got = found(of_package, f"{package}!/max/")
    assert got == ALL - deferred("bundle")
    assert (len(got), len(deferred("bundle"))) == (63, 0)


def test_a_host_audit_finds_every_place_that_is_not_deferred(of_site: Run) -> None:
    got = found(of_site, "/")
    assert got == ALL - deferred("host")
    assert (len(got), len(deferred("host"))) == (63, 0)


def test_nothing_is_said_of_what_is_in_order(of_package: Run, of_site: Run) -> None:
    said = [
        f"{one.rule.id} {one.where}"
        for run in (of_package, of_site)
        for one in run.findings
        if "/opt/" in one.where and one.level > Severity.INFO
    ]
    assert said == []


def test_the_component_names_its_advisory_and_its_release(of_package: Run) -> None:
    (one,) = [finding for finding in of_package.findings if finding.rule.id == "component/phpmyadmin"]
    assert one.message.startswith("phpMyAdmin 2.11.9, ")
    assert "https://www.cve.org/CVERecord?id=CVE-2024-4007" in one.rule.references
    adminer = [finding.rule for finding in of_package.findings if finding.rule.id == "component/adminer"]
    assert "https://www.cve.org/CVERecord?id=CVE-2024-4007" in adminer[0].references


def test_no_report_shows_a_secret(of_package: Run, of_site: Run) -> None:
    secrets = ("Jaskinia", "Planty-Wawel", "Nowa-Huta", "Kazimierz.22x", "Wieliczka", "Podgorze", "Tyniec", "Gubalowka", "Wisla-Krakow")  # fmt: skip
    text = " ".join(
        f"{one.message} {one.evidence} {one.advice}" for run in (of_package, of_site) for one in run.findings
    )
    assert [secret for secret in secrets if secret in text] == []


def test_the_advisories_see_the_same_on_the_host_and_in_the_package(site: Path, package: Path) -> None:
    pack = products.load("aspect")
    for seen in (of_host(pack, Root(site)), of_bundle(pack, str(package))):
        rows = {one.advisory.id: one for one in answers(pack.advisories, seen)}
        assert seen.release == "3.07.01"
        assert rows["CVE-2024-51551"].because == "a published default password is still in place"
        assert [str(one) for one, _ in rows["ZSL-2024-5830"].evidence] == ["member phpMyAdmin/config.inc.php"]
        assert rows["ZSL-2024-5860"].status is Status.AFFECTED
        assert len(rows["ZSL-2024-5860"].evidence) == 3


def test_modes_are_those_that_the_site_asks_for(site: Path) -> None:
    assert stat.S_IMODE((site / "usr/local/bin/bash").stat().st_mode) == 0o4755
