"""How a server in Java is started: what its options enable, and what java.security takes from that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput, reading
from hardening.tls.auditing.recognise import recognised
from hardening.tls.auditing.shared import Audited
from hardening.tls.targets import find
from hardening.tls.targets.java.start import properties_of
from hardening.tls.targets.reading.tree import Tree

GCM = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
START = f"#!/bin/sh\nexec java {{}} -Djdk.tls.server.cipherSuites='{GCM},TLS_AES_256_GCM_SHA384' -jar engine.jar\n"


def _audit(path: Path, version: str = "17.0.18") -> Audited:
    return audit([path], [policy.load("aspect")], AuditInput(target=find("java"), version=version))


def _offer(path: Path, version: str = "17.0.18") -> dict[str, Any]:
    return next(dict(s.offer) for s in _audit(path, version).subjects if s.offer)


def _write(folder: Path, options: str) -> Path:
    path = folder / "engine.sh"
    path.write_text(START.format(options))
    return path


def test_options_say_versions_suites_and_groups(tmp_path: Path) -> None:
    path = _write(tmp_path, "-Djdk.tls.server.protocols=TLSv1.2,TLSv1.3 -Djdk.tls.namedGroups=secp384r1")
    protocols = _offer(path)["protocols"]
    assert {name: one["suites"] for name, one in protocols.items()} == {
        "TLSv1.2": [GCM],
        "TLSv1.3": ["TLS_AES_256_GCM_SHA384"],
    }
    assert protocols["TLSv1.2"]["groups"] == ["secp384r1"]


def test_what_java_security_disables_stays_off_unless_its_list_is_replaced(tmp_path: Path) -> None:
    more = tmp_path / "more.security"
    old = "-Djdk.tls.server.protocols=TLSv1.2,TLSv1.1"
    for text, expected in (
        ("jdk.tls.disabledAlgorithms=SSLv3, TLSv1.2\n", set()),
        ("jdk.tls.disabledAlgorithms=SSLv3\n", {"TLSv1.2"}),
    ):
        more.write_text(text)
        path = _write(tmp_path, f"{old} -Djava.security.properties={more}")
        assert set(_offer(path)["protocols"]) == expected
    assert set(_offer(_write(tmp_path, old))["protocols"]) == {"TLSv1.2"}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path, "-Djava.security.properties=/nowhere/x")
    assert "/nowhere/x is not there" in str([f.message for f in _audit(path).findings])


def test_properties_of_later_releases_are_not_believed_of_an_old_one(tmp_path: Path) -> None:
    path = _write(tmp_path, "-Djdk.tls.server.protocols=TLSv1.2")
    said = [f for f in _audit(path, "8.0.161").findings if f.rule.id == "tls/unknown-directive"]
    assert len(said) == 2
    assert "TLSv1.0" in _offer(path, "8.0.161")["protocols"], "an old Java offers what it has"


def test_a_start_script_is_recognised_and_never_edited(tmp_path: Path) -> None:
    path = _write(tmp_path, "-Djdk.tls.server.protocols=TLSv1.2")
    tree = Tree()
    target = recognised(tree, str(path))
    assert target is not None
    assert target.name == "java_security"
    assert target.edits is not None
    way = reading(target.facts.release("17.0.18")[0], None, ())
    assert list(target.edits(tree, str(path), way)) == []
    assert properties_of(tree, str(path))["jdk.tls.server.protocols"].value == "TLSv1.2"


def test_comments_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "jvm.options"
    path.write_text("# -Djdk.tls.server.protocols=TLSv1\n-Djdk.tls.server.protocols=TLSv1.3\n")
    assert set(_offer(path)["protocols"]) == {"TLSv1.3"}
