"""What one pass over the head of a text tells of its kind is what all patterns by themselves tell."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.walk import scan
from tests.unit.bundle.detect.credentials.test_place import kind

LINE = st.sampled_from(
    (
        b"", b" ", b"\x0b", b"words of a text", b"hostname core", b"interface eth0", b"line vty 0", b"enable secret 5 x", b"ip route 0.0.0.0", b"no ip http", b"version 12", b"version x", b"username keeper privilege 15", b"usernames", b"aaa new-model", b"logging on.", b"router",
        b"== Title ==", b"= One =", b"=== not a title", b"{{{", b"{{{#!sh", b"{{{ x", b".TH X 1", b".SH\tNAME", b".Sh", b".SHx",
        b"a=b", b" export A = b", b"a.b-c: d", b"a=", b":x", b"=x", b"a" * 61 + b"=b", b"\xc3\xa9=x",
        b"INSERT INTO t", b" insert\tinto t", b"insert", b"Create Table t", b"create view", b"GRANT all", b"grant",
        b"import java.util", b"package a.b;", b"package a", b"public class A", b"function a (", b"function(", b"def a(", b"  def a", b"<?php",
    )
)  # fmt: skip


TEXT = st.lists(st.tuples(LINE, st.sampled_from((b"\n", b"\r\n", b"\n\n", b"\x0b", b""))), max_size=12).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@settings(max_examples=3000, deadline=None, derandomize=True)
@given(TEXT)
def test_one_pass_tells_what_every_pattern_would(data: bytes) -> None:
    quick = kind(data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scan, "database", lambda *_, **__: None)
        assert quick == kind(data)
