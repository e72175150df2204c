"""Answers as VEX: valid documents, one statement for each vulnerability, the worst status, waivers as statements."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft202012Validator

from hardening import products
from hardening.cli import run
from tests.support.products import layout

PACK = products.load("aspect")
VULNERABILITIES = {name for one in PACK.advisories for name in one.cve or (one.id,)}
OPENVEX: dict[str, Any] = {
    "type": "object",
    "required": ["@context", "@id", "author", "timestamp", "version", "statements"],
    "additionalProperties": False,
    "properties": {
        "@context": {"const": "https://openvex.dev/ns/v0.2.0"},
        "@id": {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*:"},
        "author": {"type": "string", "minLength": 1},
        "role": {"type": "string"},
        "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
        "version": {"type": "integer", "minimum": 1},
        "tooling": {"type": "string"},
        "statements": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/statement"}},
    },
    "$defs": {
        "statement": {
            "type": "object",
            "required": ["vulnerability", "products", "status"],
            "additionalProperties": False,
            "properties": {
                "vulnerability": {
                    "type": "object",
                    "required": ["name"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string", "minLength": 1},
                        "description": {"type": "string"},
                        "aliases": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                    },
                },
                "products": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["@id"],
                        "properties": {"@id": {"type": "string", "pattern": "^pkg:generic/abb/aspect"}},
                    },
                },
                "status": {"enum": ["not_affected", "affected", "fixed", "under_investigation"]},
                "status_notes": {"type": "string"},
                "justification": {
                    "enum": [
                        "component_not_present",
                        "vulnerable_code_not_present",
                        "vulnerable_code_not_in_execute_path",
                        "vulnerable_code_cannot_be_controlled_by_adversary",
                        "inline_mitigations_already_exist",
                    ]
                },
                "impact_statement": {"type": "string"},
                "action_statement": {"type": "string", "minLength": 1},
            },
            "allOf": [
                {
                    "if": {"properties": {"status": {"const": "not_affected"}}},
                    "then": {"anyOf": [{"required": ["justification"]}, {"required": ["impact_statement"]}]},
                    "else": {"not": {"required": ["justification"]}},
                },
                {
                    "if": {"properties": {"status": {"const": "affected"}}},
                    "then": {"required": ["action_statement"]},
                },
            ],
        }
    },
}
"""What the specification of OpenVEX 0.2.0 requires of a document."""


@pytest.fixture
def documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, Any]]:
    """Return what writes both documents of a root and reads them: OpenVEX, CycloneDX."""

    def made(top: Path, *words: str) -> tuple[Any, Any]:
        first, second = tmp_path / "open.json", tmp_path / "cyclone.json"
        run(
            [
                "advisories",
                "--root",
                str(top),
                "--vex",
                f"openvex={first}",
                "--vex",
                f"cyclonedx={second}",
                *words,
            ]
        )
        capsys.readouterr()
        text = second.read_text("utf-8")
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
        body = json.loads(first.read_text("utf-8"))
        assert [one.message for one in Draft202012Validator(OPENVEX).iter_errors(body)] == []
        return body, json.loads(text)

    return made


def statuses(body: Any) -> dict[str, str]:
    return {one["vulnerability"]["name"]: one["status"] for one in body["statements"]}


def states(body: Any) -> dict[str, str]:
    return {one["id"]: one["analysis"]["state"] for one in body["vulnerabilities"]}


@pytest.mark.parametrize("release", ["3.07.00", "3.08.02", "3.08.04-s01", ""])
def test_both_documents_are_valid_and_name_every_vulnerability_once(
    tmp_path: Path, documents: Callable[..., tuple[Any, Any]], release: str
) -> None:
    pages = [page for page in layout.PAGES if page != "bbmdUpdate.php"]
    opened, cyclone = documents(layout.host(tmp_path / "host", release, pages=pages))
    assert len(opened["statements"]) == len(cyclone["vulnerabilities"]) == len(VULNERABILITIES)
    assert set(statuses(opened)) == set(states(cyclone)) == VULNERABILITIES
    words = {
        "affected": "exploitable",
        "fixed": "resolved",
        "not_affected": "not_affected",
        "under_investigation": "in_triage",
    }
    assert {name: words[status] for name, status in statuses(opened).items()} == states(cyclone)
    product = cyclone["components"][0]
    assert product.get("version", "") == release
    assert {row["affects"][0]["ref"] for row in cyclone["vulnerabilities"]} == {product["bom-ref"]}
    said = {one["name"]: one["value"] for one in cyclone["metadata"]["properties"]}
    assert "118 advisories as of 2026-08-07" in said["aspect-hardening:advisories"]
    assert "118 advisories as of 2026-08-07" in opened["tooling"]


def test_each_status_has_what_a_reader_needs(
    tmp_path: Path, documents: Callable[..., tuple[Any, Any]]
) -> None:
    pages = [page for page in layout.PAGES if page != "escDevicesUpdate.php"]
    opened, cyclone = documents(layout.host(tmp_path / "host", "3.08.02", pages=pages))
    rows = {one["vulnerability"]["name"]: one for one in opened["statements"]}
    found = {one["id"]: one for one in cyclone["vulnerabilities"]}
    assert rows["CVE-2024-4007"]["status"] == "fixed"
    assert rows["CVE-2024-48844"] | {"products": []} == {
        "vulnerability": {
            "name": "CVE-2024-48844",
            "description": "The page of access control devices reads past the end of a list",
            "aliases": ["ZSL-2025-5902"],
        },
        "products": [],
        "status": "not_affected",
        "status_notes": "ZSL-2025-5902: the pages that the advisory names are not in the web root",
        "justification": "vulnerable_code_not_present",
        "impact_statement": "ZSL-2025-5902: the pages that the advisory names are not in the web root",
    }
    assert found["CVE-2024-48844"]["analysis"]["justification"] == "code_not_present"
    assert rows["CVE-2024-13946"]["justification"] == "component_not_present"
    affected = rows["CVE-2024-48843"]
    assert affected["status"] == "affected"
    assert affected["action_statement"].startswith("Upgrade to 3.08.03 or later")
    assert found["CVE-2024-48843"]["analysis"]["response"] == ["update"]
    assert found["CVE-2024-48843"]["recommendation"] == affected["action_statement"]
    assert [one["id"] for one in found["CVE-2024-48843"]["references"]] == ["ZSL-2025-5899"]
    assert rows["ZSL-2024-5832"]["status"] == "under_investigation"


def test_of_several_advisories_on_one_record_the_worst_counts(
    tmp_path: Path, documents: Callable[..., tuple[Any, Any]]
) -> None:
    pages = [page for page in layout.PAGES if page != "syslogUpdate.php"]
    opened, _ = documents(layout.host(tmp_path / "host", "3.08.02", pages=pages))
    rows = {one["vulnerability"]["name"]: one for one in opened["statements"]}
    one = rows["CVE-2024-48839"]
    assert one["status"] == "affected"
    assert "ZSL-2025-5885" not in one["status_notes"]
    assert "ZSL-2024-5869" in one["status_notes"]
    assert "aliases" not in one["vulnerability"]


WAIVER = """
[[waiver]]
rule = "{rule}"
place = "*"
reason = "no calendars are used"
owner = "j.doe"
expires = 2099-01-31
"""


def test_a_waiver_becomes_a_statement(tmp_path: Path, documents: Callable[..., tuple[Any, Any]]) -> None:
    top = layout.host(tmp_path / "host", "3.08.02")
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(WAIVER.format(rule="advisory/zsl-2025-5899"))
    opened, cyclone = documents(top, "--waivers", str(waivers))
    row = {one["vulnerability"]["name"]: one for one in opened["statements"]}["CVE-2024-48843"]
    said = "Accepted by j.doe until 2099-01-31: no calendars are used"
    assert (row["status"], row["action_statement"]) == ("affected", said)
    assert said in row["status_notes"]
    analysis = {one["id"]: one["analysis"] for one in cyclone["vulnerabilities"]}["CVE-2024-48843"]
    assert analysis["response"] == ["will_not_fix"]
    assert said in analysis["detail"]


def test_a_record_is_accepted_when_each_of_its_advisories_is(
    tmp_path: Path, documents: Callable[..., tuple[Any, Any]]
) -> None:
    top = layout.host(tmp_path / "host", "3.08.02")
    waivers = tmp_path / "waivers.toml"
    names = [one.id.lower() for one in PACK.advisories if "CVE-2024-48840" in one.cve]
    assert len(names) == 2
    waivers.write_text(WAIVER.format(rule=f"advisory/{names[0]}"))
    opened, _ = documents(top, "--waivers", str(waivers))
    row = {one["vulnerability"]["name"]: one for one in opened["statements"]}["CVE-2024-48840"]
    assert "Accepted" not in row["action_statement"]
    waivers.write_text("".join(WAIVER.format(rule=f"advisory/{name}") for name in names))
    opened, _ = documents(top, "--waivers", str(waivers))
    row = {one["vulnerability"]["name"]: one for one in opened["statements"]}["CVE-2024-48840"]
    assert row["action_statement"].startswith("Accepted by j.doe")


def test_no_document_holds_a_published_password(
    tmp_path: Path, documents: Callable[..., tuple[Any, Any]]
) -> None:
    secret = layout.published("database-root")
    files = {"var/www/html/phpMyAdmin/config.inc.php": f"root {secret}"}
    for body in documents(layout.host(tmp_path / "host", "3.07.01", files=files)):
        assert secret not in json.dumps(body)
