"""Whatever a member holds, no detector fails on it: it has findings or none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.detect import Detector, detectors
from bundle.walk.digest import Digest
from bundle.walk.member import Member

NAMES = ("a", "id_rsa", "x.php", "app.properties", "web.xml", "setup.sh", "dump.sql", "X.class", "k.jks", "k.p12", "shadow",
         ".my.cnf", "tomcat-users.xml", "x.yml", "x.json", "x.js", "lib.jar", "Dockerfile", "sudoers", "x.ini")  # fmt: skip
HEADS = (b"", b"0", b"0\x82", b"0\x82\x00\x04", b"0\x03\x02\x01", b"\xfe\xed\xfe\xed", b"\xca\xfe\xba\xbe\x00\x00\x004", b"<?php ",
         b"PK\x03\x04", b"\x7fELF", b"-----BEGIN RSA PRIVATE KEY-----\n", b"PuTTY-User-Key-File-2: ", b"openssh-key-v1\x00",
         b"$6$", b"#!/bin/sh\n", b"mysql -uroot -p", b"password=", b'<Resource password="', b"SQLite format 3\x00")  # fmt: skip
KINDS = ("", "text", "php", "class", "data", "elf", "xml")


def asked(content: bytes, name: str, kind: str, everyone: tuple[Detector, ...]) -> None:
    member = Member(
        parts=("u.zip", name),
        kind="file",
        size=len(content),
        format=kind,
        digest=Digest(content),
        content=content,
    )
    for one in everyone:
        list(one.check(member, "u.zip"))


@pytest.mark.parametrize("head", HEADS)
def test_every_beginning_alone_and_cut(head: bytes) -> None:
    everyone = detectors()
    for kind in KINDS:
        for end in range(len(head) + 1):
            asked(head[:end], "a", kind, everyone)


@settings(max_examples=150)
@given(st.sampled_from(HEADS), st.binary(max_size=400), st.sampled_from(NAMES), st.sampled_from(KINDS))
def test_any_bytes_behind_any_beginning(head: bytes, rest: bytes, name: str, kind: str) -> None:
    asked(head + rest, name, kind, detectors())
