"""What goes into a bill of materials: each file once, each place once, and configurations as servers would read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bundle.detect.components import Components
from bundle.sbom.configurations import Configurations
from bundle.sbom.contents import Contents, report, take
from bundle.sbom.crypto import evidence, inventory
from bundle.walk.digest import Digest
from bundle.walk.member import Member
from tests.bundle.sbom.test_sbom import CONFIGURATIONS, key_and_certificate

SSL = CONFIGURATIONS["etc/httpd/conf.d/ssl.conf"].encode()


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


@pytest.mark.parametrize("form", [Encoding.DER, Encoding.PEM])
def test_a_certificate_is_found_in_both_forms(form: Encoding) -> None:
    card = x509.load_pem_x509_certificate(key_and_certificate()[1])
    (asset,) = taken(a_member("a.crt", card.public_bytes(form))).assets
    assert (asset.kind, asset.name, asset.place) == ("certificate", "CN=engine.invalid", "a.crt")


def configured(*members: Member) -> list[tuple[str, str, str]]:
    kept = Configurations()
    for one in members:
        kept.take(one)
    return [(one.place, one.server, one.target) for one in kept.offers()]


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
    assert configured(stored) == [("etc/httpd/conf.d/ssl.conf", "_default_:443", "httpd")]
    assert configured(replace(stored, **unlike)) == []


def test_configurations_are_told_in_the_same_order_whatever_order_the_archives_came_in() -> None:
    members = [a_member("conf.d/ssl.conf", SSL, archive) for archive in ("b.tar", "a.tar")]
    told = configured(*members)
    assert [place for place, _, _ in told] == ["a.tar!/conf.d/ssl.conf", "b.tar!/conf.d/ssl.conf"]
    assert told == configured(*reversed(members))


def test_a_number_sign_in_a_files_name_is_a_part_of_it() -> None:
    """What followed it was taken for a server: the document named a folder that is in no bundle."""
    (told,) = configured(a_member("etc/#old/httpd/conf.d/ssl.conf", SSL))
    assert told == ("etc/#old/httpd/conf.d/ssl.conf", "_default_:443", "httpd")


def test_what_was_assumed_of_a_server_is_said_with_its_protocol() -> None:
    kept = Configurations()
    kept.take(a_member("etc/httpd/conf.d/ssl.conf", SSL))
    (one,) = kept.offers()
    assert one.assumptions == tuple(one.offer["assumptions"]) != ()
    protocols = [c for c in inventory([], [one]) if str(c.bom_ref).startswith("protocol:")]
    assert protocols
    for protocol in protocols:
        assert {p.value for p in protocol.properties} == set(one.assumptions[:5])


def test_files_are_listed_where_they_are_asked_for_and_a_folder_has_no_size_of_its_own() -> None:
    found, detector = Contents(Path("folder")), Components()
    take(found, Member(parts=("folder/a.bin",), kind="file", size=4, content=b"data"), detector)
    assert (found.files, found.members) == ([], 1)
    (subject,) = report(found, datetime.now(UTC)).subjects
    assert "bytes" not in subject.stats
    assert subject.stats["members"] == 1


def test_places_stand_in_one_order() -> None:
    places = [f"a.zip!/{number}" for number in range(40)]
    told = [str(one.location) for one in evidence(reversed(places)).occurrences]
    assert told == sorted(places)
