"""What goes into a bill of materials: each file once, each place once, and configurations as servers would read them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from packageurl import PackageURL

from bundle.configurations import Configurations
from bundle.detect.components import Components
from bundle.sbom import cyclonedx, spdx
from bundle.sbom.contents import Archive, Contents, Known, report, take
from bundle.walk.digest import Digest
from bundle.walk.member import Member
from bundle.walk.problem import Problem
from hardening import __version__
from hardening.demo import specimen
from hardening.tls.cbom import InventoriedServer, Inventory, evidence
from tests.unit.bundle.sbom.test_sbom import CONFIGURATIONS, key_and_certificate

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SSL = CONFIGURATIONS["etc/httpd/conf.d/ssl.conf"].encode()
SSHD = CONFIGURATIONS["opt/x/sshd_config"].encode()


def a_member(name: str, content: bytes, *around: str, **more: Any) -> Member:
    said: dict[str, Any] = {"kind": "file", "size": len(content), "digest": Digest(content)} | more
    return Member(parts=("u.zip", *around, name), content=content, **said)


def taken(*members: Member, files: bool = True) -> Contents:
    found, detector = Contents(Path("u.zip")), Components()
    for one in members:
        take(found, one, detector, files=files)
    return found


@pytest.mark.parametrize(
    "again",
    [
        {"offset": 32 << 20},
        {"derived": "strings"},
        {"kind": "listing"},
    ],
    ids=["its second window", "text made of it", "what lay in it"],
)
def test_a_file_is_counted_once_however_often_it_is_seen(again: dict[str, Any]) -> None:
    stored = a_member("a.bin", b"data")
    found = taken(stored, replace(stored, **again))
    assert (found.members, [one.path for one in found.files]) == (1, ["a.bin"])


def test_what_lies_at_several_places_is_one_component_with_each_of_them_once() -> None:
    package = b'{"name":"left-pad","version":"1.3.0"}'
    found = taken(*(a_member(f"{folder}/package.json", package) for folder in ("a", "b", "b")))
    (known,) = found.known.values()
    assert known.places == ["a/package.json", "b/package.json"]


def test_a_component_without_a_package_url_gets_none_with_its_version() -> None:
    code = b"<?php\nclass ADOConnection {}\n$ADODB_vers = 'v5.20.0';\n"
    (known,) = taken(a_member("adodb.inc.php", code, format="php")).known.values()
    assert (known.name, known.version, known.purl) == ("ADOdb", "5.20.0", "")


@pytest.mark.parametrize(
    ("code", "version", "flawed"),
    [
        ('$VERSION = "4.6.2";', "4.6.2", True),
        ('$VERSION = "4.6.3";', "4.6.3", False),
        ("", "", False),
    ],
)
def test_a_component_has_the_flaws_of_its_own_version_alone(code: str, version: str, flawed: bool) -> None:
    page = specimen.tool("x").replace('$VERSION = "4.6.2";', code).encode()
    (known,) = taken(a_member("db.php", page)).known.values()
    assert (known.name, known.version, "CVE-2021-43008" in known.cves) == ("Adminer", version, flawed)


@pytest.mark.parametrize("form", [Encoding.DER, Encoding.PEM])
def test_a_certificate_is_found_in_both_forms(form: Encoding) -> None:
    card = x509.load_pem_x509_certificate(key_and_certificate()[1])
    (asset,) = taken(a_member("a.crt", card.public_bytes(form))).assets
    assert (asset.kind, asset.name, asset.place) == ("certificate", "CN=engine.invalid", "a.crt")


def configured(*members: Member) -> list[tuple[str, str]]:
    kept = Configurations()
    for one in members:
        kept.take(one, one.parts[1:])
    return [(one.place, one.name) for one in kept.offers()]


@pytest.mark.parametrize(
    "unlike",
    [
        {"kind": "symlink"},
        {"derived": "strings"},
        {"container": True},
        {"offset": 32 << 20},
        {"size": 0},
        {"size": 32 << 20},
        {"content": SSL + b"\0"},
        {"parts": ("u.zip", "etc/httpd/conf.d/ssl.txt")},
    ],
    ids=lambda unlike: next(iter(unlike)),
)
def test_only_a_whole_text_with_a_configurations_name_is_one(unlike: dict[str, Any]) -> None:
    stored = a_member("etc/httpd/conf.d/ssl.conf", SSL)
    assert configured(stored) == [("etc/httpd/conf.d/ssl.conf", "httpd _default_:443")]
    assert configured(replace(stored, **unlike)) == []


def test_configurations_are_told_in_the_same_order_whatever_order_the_archives_came_in() -> None:
    members = [a_member("conf.d/ssl.conf", SSL, archive) for archive in ("b.tar", "a.tar")]
    told = configured(*members)
    assert [place for place, _ in told] == ["a.tar!/conf.d/ssl.conf", "b.tar!/conf.d/ssl.conf"]
    assert told == configured(*reversed(members))


def test_configurations_of_a_folder_are_told_by_their_paths_below_it() -> None:
    """They were passed over: a bill of materials of what lay unpacked named no protocol."""
    found = Contents(Path("new/folder"))
    stored = replace(a_member("", SSL), parts=("new/folder/etc/httpd/conf.d/ssl.conf",))
    take(found, stored, Components())
    assert [one.place for one in found.configurations.offers()] == ["etc/httpd/conf.d/ssl.conf"]
    alone = Contents(Path("ssl.conf"))
    take(alone, replace(stored, parts=("ssl.conf",)), Components())
    assert list(alone.configurations.offers()) == []


@pytest.mark.parametrize(
    ("place", "text", "name"),
    [
        ("etc/#old/httpd/conf.d/ssl.conf", SSL, "httpd _default_:443"),
        ("etc/#old/sshd_config", SSHD, "openssh sshd:22"),
        ("sshd_config", SSHD, "openssh sshd:22"),
    ],
)
def test_a_configuration_has_its_whole_place_and_its_server(place: str, text: bytes, name: str) -> None:
    """What followed a number sign was taken for a server: the document named a folder that is in no bundle."""
    assert configured(a_member(place, text)) == [(place, name)]


def test_what_was_assumed_of_a_server_is_said_with_its_protocol() -> None:
    kept = Configurations()
    kept.take(a_member("etc/httpd/conf.d/ssl.conf", SSL), ("etc/httpd/conf.d/ssl.conf",))
    kept.take(a_member("etc/centos-release", EL6), ("etc/centos-release",))
    (one,) = kept.offers()
    assert "httpd 2.2.15-el6, for the host is CentOS 6" in one.offer["assumptions"]
    protocols = Inventory().add(one)
    assert protocols
    for protocol in protocols:
        assert {p.value for p in protocol.properties} == set(one.offer["assumptions"][:5])


EL6 = b"CentOS release 6.10 (Final)\n"
EL7 = b'ID="centos"\nVERSION_ID="7"\n'
CONF = "etc/httpd/conf.d/ssl.conf"


def offered(files: dict[tuple[str, ...], bytes]) -> dict[str, set[str] | None]:
    """Return the versions that each configuration offers by its place; None where its release is not known."""
    kept = Configurations()
    for within, content in files.items():
        kept.take(a_member(within[-1], content), within)
    return {one.place: None if one.candidates else set(one.offer["protocols"]) for one in kept.offers()}


def test_the_release_that_the_bundle_names_decides_what_is_offered() -> None:
    """Every bundle was resolved for the newest release, whatever it named: TLS 1.3 for CentOS 6."""
    old, newer = {"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2"}, {"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2"}
    assert offered({("etc/centos-release",): EL6, (CONF,): SSL}) == {CONF: old}
    assert offered({("usr/lib/os-release",): EL7, (CONF,): SSL}) == {CONF: newer}
    assert offered({("root.tar", "etc/redhat-release"): EL6, ("root.tar", CONF): SSL}) == {
        f"root.tar!/{CONF}": old
    }


def test_the_nearest_release_counts_and_one_around_it_where_there_is_none() -> None:
    two = offered({
        ("etc/centos-release",): EL6, (f"a/{CONF}",): SSL,
        ("b/etc/os-release",): b'ID=debian\nVERSION_ID="13"\n', (f"b/{CONF}",): SSL,
        ("c.tar", CONF): SSL,
    })  # fmt: skip
    assert "SSLv3" in (two[f"a/{CONF}"] or ())
    assert "SSLv3" not in (two[f"b/{CONF}"] or ())
    assert two[f"c.tar!/{CONF}"] is None  # of two releases around it nobody knows which
    assert offered({("etc/centos-release",): EL6, ("c.tar", CONF): SSL})[f"c.tar!/{CONF}"] is not None


def test_packages_of_servers_name_the_release_where_no_file_does() -> None:
    found = Contents(Path("u"))
    listed = b"httpd\t2.2.15-69.el6.centos\tx86_64\tCentOS\nopenssl\t1.0.1e-58.el6_10\tx86_64\tCentOS\nvim\t8-1.el8\tx86_64\t\n"
    database = replace(a_member("var/lib/rpm/Packages", listed), derived="rpm-packages")
    take(found, database, Components())
    assert found.distribution == "6"
    take(found, a_member(CONF, SSL), Components())
    (one,) = found.configurations.offers(found.distribution)
    assert "SSLv3" in one.offer["protocols"]
    assert not one.candidates
    newer = replace(database, content=b"nginx\t1.14.1-9.el8\tx86_64\t\n")
    take(found, newer, Components())
    assert found.distribution == ""


def test_nothing_is_a_fact_where_the_bundle_names_no_release() -> None:
    """It listed what the newest release would offer."""
    kept = Configurations()
    kept.take(a_member(CONF, SSL), (CONF,))
    kept.take(a_member("etc/centos-release", b"something else\n"), ("etc/centos-release",))
    (one,) = kept.offers()
    rows = Inventory().add(one)
    assert [str(row.bom_ref) for row in rows] == ["protocol:0:TLS"]
    said = {p.name: p.value for p in rows[0].properties}
    assert said["aspect-hardening:release"].startswith("not known")
    assert "2.2.15-el6" in {p.value for p in rows[0].properties}
    assert "--target httpd@VERSION" in said["aspect-hardening:next"]
    protocol = rows[0].crypto_properties.protocol_properties  # type: ignore[union-attr]  # it is a protocol
    assert (protocol.version, list(protocol.cipher_suites)) == (None, [])  # type: ignore[union-attr]  # as above


def test_files_are_listed_where_they_are_asked_for_and_a_folder_has_no_size_of_its_own() -> None:
    found, detector = Contents(Path("folder")), Components()
    take(found, Member(parts=("folder/a.bin",), kind="file", size=4, content=b"data"), detector)
    assert (found.files, found.members) == ([], 1)
    (subject,) = report(found, datetime.now(UTC)).subjects
    assert subject.stats == {"members": 1, "components": 0, "archives": 0, "assets": 0}


def test_places_stand_in_one_order() -> None:
    places = [f"a.zip!/{number}" for number in range(40)]
    told = [str(one.location) for one in evidence(reversed(places)).occurrences]
    assert told == sorted(places)


ODD = ["", "@", "@/x", "a/b/c", "@a/b/c", "%zz", "a b", "a#b", "a?b", "\0x", "é", "a@1", "@@@", "..", "/", "\n", "pkg:npm/x", "\u202e", "<x>"]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_whatever_a_package_calls_itself_the_documents_are_written(name: str) -> None:
    for version in ("1.0", "", "1 0", "a/b", "1@2", "\n1", "%zz"):
        said = {"name": name, "version": version}
        metadata = {
            "package.json": json.dumps(said),
            "vendor/composer/installed.json": json.dumps({"packages": [said]}),
            "package-lock.json": json.dumps(
                {"lockfileVersion": 2, "packages": {f"node_modules/{name}": said}}
            ),
            "x-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            "META-INF/maven/g/a/pom.properties": f"groupId={name}\nartifactId={name}\nversion={version}\n",
        }
        found = taken(*(a_member(path, text.encode()) for path, text in metadata.items()))
        value = json.loads(cyclonedx.document(found, now=MOMENT))
        references = [one["bom-ref"] for one in value.get("components", ())]
        assert len(set(references)) == len(references) == len(found.known)
        for url in (one["purl"] for one in value.get("components", ()) if "purl" in one):
            assert PackageURL.from_string(url).name
            assert url.isascii()
            assert url.isprintable()
        assert len(json.loads(spdx.document(found, now=MOMENT))["packages"]) == len(found.known) + 1


def a_document(found: Contents) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(cyclonedx.document(found, now=MOMENT))
    return value


def test_cyclonedx_says_of_each_component_all_that_is_known() -> None:
    found = Contents(Path("u.zip"), sha256="ab" * 32)
    for key, one in {
        ("b", "", ""): Known("com.acme/util", "1.2", "pkg:maven/com.acme/util@1.2", "its manifest", ["b.jar", ""], ("CVE-2", "CVE-1")),
        ("a", "", ""): Known("Tool", "", "", "the words of its code", ["a.php"], ("CVE-2",)),
    }.items():  # fmt: skip
        found.known[key] = one
    found.archives = [
        Archive("x.zip", "zip", 3, "cd" * 32), Archive("x.zip!/in/y.zip", "zip", 2, ""), Archive("z.zip!/deep.zip", "zip", 1, ""),
    ]  # fmt: skip
    found.gaps = [Problem("truncated", ("u.zip", f"m{n}"), "ends too early") for n in range(25)]
    value = a_document(found)
    tool, util = sorted(value["components"], key=lambda one: str(one["name"]))
    assert (tool["name"], tool["type"], tool["bom-ref"]) == ("Tool", "library", "component:Tool@")
    assert not {"group", "version", "purl"} & tool.keys()
    assert tool["properties"] == [
        {"name": "aspect-hardening:recognised-by", "value": "the words of its code"}
    ]
    assert [util[key] for key in ("group", "name", "version", "purl", "bom-ref")] == [
        "com.acme", "util", "1.2", "pkg:maven/com.acme/util@1.2", "pkg:maven/com.acme/util@1.2",
    ]  # fmt: skip
    assert {one["location"] for one in util["evidence"]["occurrences"]} == {"b.jar", "."}
    subject = value["metadata"]["component"]
    assert (subject["name"], subject["type"], subject["bom-ref"]) == ("u.zip", "file", "bundle")
    assert subject["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    nested = {one["name"]: one for one in subject["components"]}
    assert nested.keys() == {"x.zip", "deep.zip"}  # what holds the latter is not listed, so it is at the top
    assert nested["x.zip"]["hashes"] == [{"alg": "SHA-256", "content": "cd" * 32}]
    assert [(one["name"], one["bom-ref"]) for one in nested["x.zip"]["components"]] == [
        ("in/y.zip", "file:x.zip!/in/y.zip")
    ]
    (incomplete,) = value["metadata"]["properties"]
    assert incomplete["name"] == "aspect-hardening:incomplete"
    told = [f"u.zip!/m{n}: ends too early" for n in range(20)]
    assert incomplete["value"].split("; ") == [*told, "5 more"]
    assert [(v["id"], v["source"]["name"], v["analysis"]["state"]) for v in value["vulnerabilities"]] == [
        ("CVE-1", "NVD", "in_triage"), ("CVE-2", "NVD", "in_triage"),
    ]  # fmt: skip
    assert [{a["ref"] for a in v["affects"]} for v in value["vulnerabilities"]] == [
        {util["bom-ref"]}, {util["bom-ref"], tool["bom-ref"]},
    ]  # fmt: skip
    assert value["metadata"]["tools"] == [{"name": "aspect-hardening", "version": __version__}]
    (depends,) = [row for row in value["dependencies"] if row["ref"] == "bundle"]
    assert set(depends["dependsOn"]) == {util["bom-ref"], tool["bom-ref"]}
    assert value["serialNumber"] == a_document(found)["serialNumber"]
    assert value["serialNumber"] != a_document(replace(found, sha256="cd" * 32))["serialNumber"]


def test_spdx_says_of_each_package_all_that_is_known() -> None:
    found = Contents(Path("dir/u v.zip"))
    found.known["b", "", ""] = Known(
        "com.acme/util", "1.2", "pkg:maven/com.acme/util@1.2", "its manifest", ["b.jar", "c.jar"]
    )
    found.known["a", "", ""] = Known("Tool", "", "", "its code", ["a.php"])
    found.gaps = [Problem("truncated", ("u.zip", f"m{n}"), "ends too early") for n in range(25)]
    value = json.loads(spdx.document(found, now=MOMENT.astimezone(timezone(timedelta(hours=5)))))
    common = {"downloadLocation": "NOASSERTION", "filesAnalyzed": False}
    assert value.pop("packages") == [
        {"SPDXID": "SPDXRef-bundle", "name": "u v.zip", **common},
        {"SPDXID": "SPDXRef-0-Tool", "name": "Tool", "comment": "recognised by its code; at a.php", **common},
        {
            "SPDXID": "SPDXRef-1-com.acme-util", "name": "com.acme/util", "versionInfo": "1.2",
            "comment": "recognised by its manifest; at b.jar; at c.jar", **common,
            "externalRefs": [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:maven/com.acme/util@1.2"}
            ],
        },
    ]  # fmt: skip
    assert value.pop("relationships") == [
        {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}
        for one, how, other in (
            ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-bundle"),
            ("SPDXRef-bundle", "CONTAINS", "SPDXRef-0-Tool"),
            ("SPDXRef-bundle", "CONTAINS", "SPDXRef-1-com.acme-util"),
        )
    ]
    assert value == {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "u v.zip",
        "documentNamespace": "urn:aspect-hardening:spdx:" + "0" * 64,
        "creationInfo": {
            "created": "2026-01-02T03:04:05Z",
            "creators": [f"Tool: aspect-hardening-{__version__}"],
        },
        "comment": "incomplete: " + "; ".join(f"u.zip!/m{n}: ends too early" for n in range(20)) + "; 5 more",
    }
    known = json.loads(spdx.document(replace(found, sha256="ab" * 32), now=MOMENT))
    assert known["packages"][0]["checksums"] == [{"algorithm": "SHA256", "checksumValue": "ab" * 32}]
    assert known["documentNamespace"] == "urn:aspect-hardening:spdx:" + "ab" * 32


@pytest.mark.parametrize(
    ("suite", "uses"),
    [
        ("TLS_RSA_WITH_RC4_128_SHA", {"RSA:pke", "RSA:signature", "RC4-128:stream-cipher"}),
        ("TLS_DH_anon_WITH_AES_128_CBC_SHA", {"DHE:key-agree", "AES-128-CBC:block-cipher"}),
        ("TLS_RSA_WITH_NULL_MD5", {"RSA:pke", "RSA:signature"}),
        ("TLS_AES_128_CCM_SHA256", {"AES-128-CCM:ae"}),
        ("TLS_GOSTR341112_256_WITH_MAGMA_MGM_L", {"MAGMA-256-MGM:ae"}),
        ("of no registry", set()),
    ],
)
def test_a_suite_names_each_algorithm_by_what_it_is_used_for(suite: str, uses: set[str]) -> None:
    """One name has two uses, so that neither is told by the suite that happens to come first."""
    offer = {"protocols": {"TLSv1.0": {"suites": [suite]}}, "ssh": {"ciphers": ["none"], "macs": ["none"]}}
    made = Inventory()
    made.add(InventoriedServer(name="a", place="etc/a.conf", offer=offer))
    assert {ref for one in made.all() if (ref := str(one.bom_ref)).startswith("algorithm:")} == {
        f"algorithm:{one}" for one in uses
    }


def test_a_server_in_an_included_file_is_told_with_the_file_that_includes_it() -> None:
    main = b"events {}\nhttp {\n  ssl_protocols TLSv1.2;\n  include conf.d/*.conf;\n}\n"
    part = b"server {\n  listen 443 ssl;\n  server_name a;\n}\n"
    found = taken(a_member("etc/nginx/conf.d/a.conf", part), a_member("etc/nginx/nginx.conf", main))
    (one,) = found.configurations.offers()
    assert (one.place, one.name, list(one.offer["protocols"])) == (
        "etc/nginx/nginx.conf", "nginx a:443", ["TLSv1.2"]
    )  # fmt: skip


@pytest.mark.parametrize("lack", ["size", "number"])
def test_configurations_that_are_left_out_are_named(lack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sshd = SSHD
    if lack == "number":
        monkeypatch.setattr("bundle.configurations._MOST", 1)
    else:
        sshd += b"#ssl" * (256 << 10)
    found = taken(a_member("etc/httpd/conf.d/ssl.conf", SSL), a_member("opt/sshd_config", sshd, "x.zip"))
    bill = json.loads(cyclonedx.document(found, now=MOMENT))
    assert {p["name"]: p["value"] for p in bill["metadata"]["properties"]} == {
        "aspect-hardening:configurations-not-read": "x.zip!/opt/sshd_config"
    }
