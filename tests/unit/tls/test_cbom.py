"""One inventory of cryptography for files, hosts, bundles and endpoints, and the key agreement of a fleet."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from hardening.cli import run
from hardening.findings import Examined, Run, Subject, SubjectKind
from hardening.reports import render
from hardening.reports.key_agreement import hosts
from hardening.tls.judging import readiness
from tests.support.bundle.walk.hostile import zipped
from tests.support.tls.policy_offers import certificate, offer, protocol

NEW = "TLS_AES_256_GCM_SHA384"
NGINX = (
    "events {}\nhttp { server { listen 443 ssl; server_name a.example; ssl_certificate /c; ssl_certificate_key /k;\n"
    "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM; } }\n"
)
DEBIAN = 'ID=debian\nVERSION_ID="13"\n'
OAKLEY_2 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16
)  # fmt: skip
NOON = datetime(2026, 12, 3, 12, tzinfo=UTC)


def document(text: str) -> dict[str, Any]:
    """Return a document that CycloneDX's own schema accepts."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    made: dict[str, Any] = json.loads(text)
    return made


def of_kind(made: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [c for c in made["components"] if c.get("cryptoProperties", {}).get("assetType") == kind]


def facts(component: dict[str, Any]) -> dict[str, str]:
    return {p["name"].removeprefix("aspect-hardening:"): p["value"] for p in component.get("properties", ())}


def seen(name: str, *groups: str, kind: SubjectKind = SubjectKind.ENDPOINT, **more: Any) -> Subject:
    said = offer(protocol("TLSv1.3", NEW, groups=list(groups)), **more)
    return Subject(id=name, kind=kind, offer=readiness.inventory(said))


def of(*subjects: Subject) -> Run:
    return Run.of(subjects, (), started=NOON, finished=NOON)


def test_an_endpoint_has_its_protocols_its_groups_and_its_certificate() -> None:
    card = certificate(key="rsa:2048")
    made = document(render("cbom", of(seen("a:443", "X25519MLKEM768", "x25519", certificates=(card,)), seen("b:443", "x25519", certificates=(card,))), fail_on=None).decode())  # fmt: skip
    server = next(c for c in made["components"] if c["bom-ref"] == "server:a:443")
    assert facts(server) == {"host": "a", "seen-by": "wire", "key-agreement": "hybrid"}
    one, _ = of_kind(made, "protocol")
    properties = one["cryptoProperties"]["protocolProperties"]
    assert (one["name"], properties["version"]) == ("TLSv1.3 of a:443", "1.3")
    assert set(properties["cryptoRefArray"]) == {
        "algorithm:X25519MLKEM768:combiner", "algorithm:x25519:key-agree", f"certificate:{card.sha256}",
    }  # fmt: skip
    levels = {
        c["name"]: c["cryptoProperties"]["algorithmProperties"].get("nistQuantumSecurityLevel")
        for c in of_kind(made, "algorithm")
    }
    assert (levels["X25519MLKEM768"], levels["x25519"]) == (3, 0)
    (shared,) = of_kind(made, "certificate")  # of two endpoints, once
    assert [p["location"] for p in shared["evidence"]["occurrences"]] == ["a:443", "b:443"]
    assert "disallowed after 2035 (NIST IR 8547" in str(shared["properties"])
    depends = {row["ref"]: row.get("dependsOn", []) for row in made["dependencies"]}
    assert depends["server:a:443"] == [shared["bom-ref"], "protocol:0:TLSv1.3"]


def test_what_was_not_seen_is_said() -> None:
    lost = Subject(
        id="down:443", kind=SubjectKind.ENDPOINT, examined=Examined.NONE, reason="connection refused"
    )
    made = document(
        render("cbom", of(lost, seen("a:443", "x25519", coverage="forbidden-only")), fail_on=None).decode()
    )
    (gap,) = made["metadata"]["properties"]
    assert gap == {"name": "aspect-hardening:incomplete", "value": "down:443: connection refused"}
    (server,) = (c for c in made["components"] if c["type"] == "application")
    assert "--full" in facts(server)["coverage"]
    assert facts(server)["key-agreement"] == "unknown"


def test_the_same_verb_of_files_a_host_and_a_bundle(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"etc/nginx/nginx.conf": NGINX, "etc/os-release": DEBIAN}
    for name, text in files.items():
        place = tmp_path / "root" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (tmp_path / "u.zip").write_bytes(zipped({name: text.encode() for name, text in files.items()}))
    names = []
    for verb in (
        ["tls", "audit", str(tmp_path / "root/etc/nginx"), "--target", "nginx@1.26.3-debian13"],
        ["tls", "audit", str(tmp_path / "u.zip")],
        ["host", "audit", "--root", str(tmp_path / "root")],
        ["bundle", "audit", str(tmp_path / "u.zip")],
    ):
        out = tmp_path / "cbom.json"
        run([*verb, "--report", f"cbom={out}", "--fail-on", "never"])
        made = document(out.read_text())
        protocols = {
            c["name"].partition(" of ")[0]: c["cryptoProperties"]["protocolProperties"]
            for c in of_kind(made, "protocol")
        }
        assert protocols.keys() == {"TLSv1.2", "TLSv1.3"}, verb
        names.append(sorted(s["name"] for p in protocols.values() for s in p["cipherSuites"]))
        (server,) = (c for c in made["components"] if c["type"] == "application")
        assert facts(server)["key-agreement"] == "hybrid"
        assert facts(server)["seen-by"] == "configuration"
    out = tmp_path / "sbom.json"
    run(["bundle", "sbom", str(tmp_path / "u.zip"), "-o", str(out)])
    protocols = {c["name"]: c for c in of_kind(document(out.read_text()), "protocol")}
    assert protocols.keys() == {"TLSv1.2 of nginx a.example:443", "TLSv1.3 of nginx a.example:443"}
    names.append(
        sorted(
            s["name"]
            for p in protocols.values()
            for s in p["cryptoProperties"]["protocolProperties"]["cipherSuites"]
        )
    )
    assert names == [names[0]] * 5
    capfd.readouterr()


def test_files_of_parameters_are_assets_of_a_folder_and_of_a_bundle(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    number = b"\x02\x81\x81" + OAKLEY_2.to_bytes(129, "big") + b"\x02\x01\x02"  # the prime and the generator
    body = base64.encodebytes(b"\x30\x81" + bytes([len(number)]) + number)
    text = NGINX.replace("server {", "ssl_dhparam /etc/dh; server {", 1).replace(
        "ECDHE+AESGCM", "DHE+AESGCM:@SECLEVEL=0", 1
    )
    files = {
        "etc/nginx/nginx.conf": text.encode(),
        "etc/os-release": DEBIAN.encode(),
        "etc/dh": b"-----BEGIN DH PARAMETERS-----\n" + body + b"-----END DH PARAMETERS-----\n",
    }
    for name, content in files.items():
        place = tmp_path / "root" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (tmp_path / "u.zip").write_bytes(zipped(files))
    for verb in (["tls", "audit", str(tmp_path / "root")], ["bundle", "audit", str(tmp_path / "u.zip")]):
        out = tmp_path / "cbom.json"
        run([*verb, "--report", f"cbom={out}", "--fail-on", "never"])
        (asset,) = of_kind(document(out.read_text()), "related-crypto-material")
        assert asset["name"] == "Diffie-Hellman parameters of 1024 bits"
        assert asset["cryptoProperties"]["relatedCryptoMaterialProperties"] == {"size": 1024, "type": "other"}
        assert facts(asset)["known-prime"] == "Oakley group 2 (RFC 2409)"
        assert asset["evidence"]["occurrences"][0]["location"].endswith("etc/dh"), verb
    capfd.readouterr()


def test_nothing_is_a_fact_where_nobody_says_which_release_runs(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(NGINX)
    out = tmp_path / "cbom.json"
    run(["tls", "audit", str(tmp_path / "nginx.conf"), "--report", f"cbom={out}", "-o", str(tmp_path / "t")])
    made = document(out.read_text())
    (one,) = of_kind(made, "protocol")
    assert one["cryptoProperties"]["protocolProperties"] == {"type": "tls"}
    assert facts(one)["release"].startswith("not known")
    assert "1.20.1-el7" in {p["value"] for p in one["properties"]}


def test_keys_that_were_found_are_assets(tmp_path: Path) -> None:
    from tests.unit.bundle.sbom.test_sbom import key_and_certificate

    (tmp_path / "u.zip").write_bytes(zipped({"k.pem": key_and_certificate()[0]}))
    out = tmp_path / "cbom.json"
    run(["bundle", "audit", str(tmp_path / "u.zip"), "--report", f"cbom={out}", "-o", str(tmp_path / "t")])
    (key,) = of_kind(document(out.read_text()), "related-crypto-material")
    assert key["cryptoProperties"]["relatedCryptoMaterialProperties"] == {"type": "private-key"}
    assert key["evidence"]["occurrences"][0]["location"].endswith("u.zip!/k.pem")
    assert "PRIVATE KEY-----" not in out.read_text()


def fleet() -> Run:
    """Return two hosts of an inventory that were audited and scanned, and one that was scanned alone."""
    file = "web1:/etc/nginx/nginx.conf"
    return of(
        Subject(id="web1", kind=SubjectKind.HOST),
        Subject(id="web2", kind=SubjectKind.HOST),
        seen(f"{file}#a:443", "X25519MLKEM768", kind=SubjectKind.FILE),
        seen(f"{file}#b:443", "x25519", kind=SubjectKind.FILE, hybrid=False),
        replace(seen(f"{file}#c:443", "x25519", kind=SubjectKind.FILE), same_as=f"{file}#b:443"),
        seen("web2:/etc/httpd/conf/httpd.conf#x:443", "x25519", kind=SubjectKind.FILE),
        seen("web1:443", "X25519MLKEM768"),
        seen("https://web2:443", "x25519", coverage="forbidden-only"),
        seen("[2001:db8::1]:443", "x25519"),
    )


def test_the_table_has_each_host_by_configuration_and_by_wire() -> None:
    text = render("text", fleet(), fail_on=None).decode()
    table = text[text.index("Key agreement") :].splitlines()
    rows = [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in table[1:5]]
    assert rows == [
        ["Host", "by configuration", "by wire"],
        ["[2001:db8::1]", "-", "classical"],
        ["web1", "1 cannot, 1 hybrid", "hybrid"],
        ["web2", "classical", "not known"],
    ]
    found = json.loads(render("json", fleet(), fail_on=None))
    assert found["key_agreement"] == [
        {"host": "[2001:db8::1]", "wire": {"classical": 1}},
        {"host": "web1", "configuration": {"cannot": 1, "hybrid": 1}, "wire": {"hybrid": 1}},
        {"host": "web2", "configuration": {"classical": 1}, "wire": {"unknown": 1}},
    ]


def test_a_lone_endpoint_has_no_table() -> None:
    assert "Key agreement" not in render("text", of(seen("a:443", "x25519")), fail_on=None).decode()


def test_a_file_is_of_the_host_that_a_scan_asked_by_its_name() -> None:
    found = hosts(
        of(
            seen("/etc/nginx/nginx.conf#a.example:443", "x25519", kind=SubjectKind.FILE),
            seen("/etc/nginx/nginx.conf#b.example:443", "x25519", kind=SubjectKind.FILE),
            seen("192.0.2.1:443#a.example", "x25519"),
        )
    )
    assert found == {
        "/etc/nginx/nginx.conf#a.example:443": "192.0.2.1",
        "/etc/nginx/nginx.conf#b.example:443": "/etc/nginx/nginx.conf",
        "192.0.2.1:443#a.example": "192.0.2.1",
    }


def test_a_fleet_is_one_document_and_a_stored_report_makes_the_same(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = fleet(), of(seen("late:443", "x25519"))
    for name, one in (("one.json", first), ("two.json", second)):
        (tmp_path / name).write_bytes(render("json", one, fail_on=None))
    run(["report", "merge", str(tmp_path / "one.json"), str(tmp_path / "two.json"), "--format", "cbom"])
    told = capfd.readouterr().out
    assert told.encode() == render("cbom", first.merged(second), fail_on=None)
    named = {facts(c)["host"] for c in document(told)["components"] if c["type"] == "application"}
    assert named == {"web1", "web2", "late", "[2001:db8::1]"}
