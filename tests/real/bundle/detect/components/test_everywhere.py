"""Every component that a file can show, renamed where its name does not matter, two archives deep; and rules of one's own."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle import audit
from bundle.detect import all_rules
from bundle.detect.components import Components, detector, load_rules
from bundle.detect.components.load import shipped
from bundle.detect.components.model import Component, ReportReason
from bundle.detect.components.phpcode import is_command_shell, is_phpinfo_page, tokens
from bundle.detect.java.zipread import directory, read
from bundle.walk.digest import Digest
from bundle.walk.member import Member
from hardening.errors import DataError
from hardening.findings import Severity

if TYPE_CHECKING:
    from typing_extensions import Buffer

TODAY = date(2026, 11, 24)
NAMED = {s.tree or s.path for c in shipped() for s in c.contents if s.tree or s.path}


def test_at_least_eighty_components_of_both_kinds() -> None:
    kinds = [c.kind for c in shipped()]
    assert len(kinds) >= 80
    assert set(kinds) == set(ReportReason)
    assert {r.id for r in all_rules()} >= {c.rule.id for c in shipped()}


def test_each_one_is_found_two_archives_deep(tmp_path: Path) -> None:
    inner, expected = io.BytesIO(), {}
    with tarfile.open(fileobj=inner, mode="w:xz", preset=0) as out:
        for component in shipped():
            for number, example in enumerate(e for e in component.examples if e.flagged and not e.entries):
                keeps_name = any(sign.search(example.path) for sign in NAMED if sign)
                name = f"{component.id}/{number}/" + (example.path if keeps_name else "x.dat")
                about = tarfile.TarInfo(name)
                about.size = len(example.content)
                out.addfile(about, io.BytesIO(example.content))
                expected[f"{component.id}/{number}/"] = component.rule.id
    bundle = tmp_path / "release.zip"
    with zipfile.ZipFile(bundle, "w") as packed:
        packed.writestr("payload/data.bin", inner.getvalue())
    run = audit(bundle, detectors=[Components(today=TODAY)], jobs=1)
    found = {(f.rule.id, "/".join(f.where.split("!/")[-1].split("/")[:2]) + "/") for f in run.findings}
    assert [k for k, rule in expected.items() if (rule, k) not in found] == []


def test_wrapped_in_base64_and_deflate(debian: Callable[[str], Path], tmp_path: Path) -> None:
    import base64
    import zlib

    content = (debian("adminer") / "usr/share/adminer/adminer.php").read_bytes()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = content.removeprefix(b"<?php")
    packed = base64.b64encode(packer.compress(body) + packer.flush())
    bundle = tmp_path / "u.zip"
    with zipfile.ZipFile(bundle, "w") as out:
        out.writestr("www/cache.php", b"<?php eval(gzinflate(base64_decode('" + packed + b"')));")
    run = audit(bundle, detectors=[Components(today=TODAY)], jobs=1)
    found = [f for f in run.findings if f.rule.id == "component/adminer"]
    assert [(f.where, f.message.split(",")[0]) for f in found] == [
        (f"{bundle}!/www/cache.php", "Adminer 5.2.1")
    ]


def test_a_shell_that_is_wrapped_is_found_in_what_was_unwrapped(tmp_path: Path) -> None:
    import base64

    wrapped = base64.b64encode(b"@system($_REQUEST['cmd']);" + b"// padding" * 30)
    bundle = tmp_path / "u.zip"
    with zipfile.ZipFile(bundle, "w") as out:
        out.writestr("www/a.php", b"<?php eval(base64_decode('" + wrapped + b"'));")
    run = audit(bundle, detectors=[Components(today=TODAY)], jobs=1)
    assert [(f.rule.id, f.where) for f in run.findings if f.rule.id.startswith("component/")] == [
        ("component/webshell", f"{bundle}!/www/a.php")
    ]


def test_the_plain_engine_finds_the_same(debian: Callable[[str], Path]) -> None:
    quick, plain = Components(today=TODAY), Components(today=TODAY, engine="plain")
    for path in sorted((debian("adminer") / "usr/share/adminer").rglob("*"))[:80]:
        if path.is_file() and not path.is_symlink():
            member = Member(parts=(str(path),), kind="file", content=path.read_bytes())
            assert list(quick.check(member, "u")) == list(plain.check(member, "u"))


OWN = """
id = "acme-agent"
name = "Acme Agent"
kind = "out-of-range"
severity = "high"
why = "It talks to a service that is gone."
remedy = "Remove it."
[[content]]
scope = "any"
needs = ["acme-agent", "acme_main"]
version = ['agent (\\d+\\.\\d+)']
[[eol]]
below = "3"
date = 2020-01-01
verified = true
"""


def test_a_component_and_a_deny_list_of_ones_own(tmp_path: Path) -> None:
    one, deny = tmp_path / "acme.toml", tmp_path / "deny.toml"
    one.write_text(OWN)
    digest = "ab" * 32
    deny.write_text(
        f'[[deny]]\nsha256 = ["{digest}"]\nreason = "withdrawn"\n[[deny]]\npurls = ["pkg:npm/left"]\nreason = "no"\nseverity = "low"\n'
    )
    found = detector((one, deny))
    (old,) = found.check(Member(parts=("a",), kind="file", content=b"acme-agent acme_main agent 2.9"), "u")
    assert (old.rule.id, old.level) == ("component/acme-agent", Severity.HIGH)
    assert not list(
        found.check(Member(parts=("a",), kind="file", content=b"acme-agent acme_main agent 3.0"), "u")
    )
    (banned,) = found.check(Member(parts=("b",), kind="file", content=b"x", digest=Digest(b"", digest)), "u")
    assert (banned.rule.id, banned.message) == ("component/denied", f"SHA-256 {digest}: withdrawn")
    (npm,) = found.check(
        Member(parts=("n/package.json",), kind="file", content=b'{"name":"left","version":"1.0.0"}'), "u"
    )
    assert (npm.level, npm.evidence) == (Severity.LOW, "pkg:npm/left@1.0.0")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (OWN.replace('id = "acme-agent"', 'id = "Acme"'), "id: 'Acme'"),
        (OWN.replace('kind = "out-of-range"', 'kind = "odd"'), "kind: 'odd'"),
        (OWN + "colour = 1\n", "colour"),
        (OWN.replace('needs = ["acme-agent", "acme_main"]', 'needs = ["acme-agent"]'), "two independent signs"),
        (OWN.replace("(\\d+\\.\\d+)", "(\\d+"), "not a regular expression"),
        (OWN.replace("(\\d+\\.\\d+)", "x"), "no group"),
        (OWN.split("[[eol]]", maxsplit=1)[0], "needs [[cves]] or [[eol]]"),
        (OWN.split("[[content]]", maxsplit=1)[0], "needs [[content]]"),
        (OWN.replace('scope = "any"', 'scope = "any"\nany = ["a"]\nleast = 2'), "asks for 2 of 1"),
        ('[[deny]]\npurls = ["left"]\nreason = "x"', "not a package URL"),
        ('[[deny]]\nsha256 = ["12"]\nreason = "x"', "not a SHA-256"),
        ('[[library]]\nname = "a"\nversion = "1"\npurl = "p"\nclasses = "!!"', "not Base64"),
        ('[[library]]\nname = "a"\nversion = "1"\npurl = "p"\nclasses = "AAAA"', "not a row of 8"),
        ('[[library]]\nname = "a"\nversion = "1"\npurl = "p"', "holds no class"),
        (OWN.replace('name = "Acme Agent"', 'name = "Acme Agent"\nscheme = "roman"'), "'roman' is not one of"),
    ],
)  # fmt: skip
def test_a_wrong_rule_file_is_refused_naming_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(DataError) as refused:
        load_rules([path])
    assert str(path) in str(refused.value)
    assert says in str(refused.value)


@given(st.binary(max_size=300))
def test_php_reading_never_fails(body: bytes) -> None:
    content = b"<?php " + body
    assert isinstance(tokens(content), list)
    assert is_phpinfo_page(content) in (True, False)
    assert is_command_shell(content) in (True, False)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_zip_reading_never_fails(noise: bytes, cut: int) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a/B.class", noise)
    content = made.getvalue()
    for damaged in (noise, content[:cut], content[cut:], content[:cut] + noise + content[cut:]):
        for row in directory(damaged):
            assert isinstance(read(damaged, row), bytes)
    (row,) = directory(content)
    assert (row.name, read(content, row)) == ("a/B.class", noise)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_first_window_of_a_large_zip_is_read_by_its_local_headers(streamed: bool) -> None:
    made = io.BytesIO()
    target = Unseekable(made) if streamed else made
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for name in ("a", "b", "c"):
            out.writestr(name, name.encode() * 1000)
    content = made.getvalue()
    cut = content[: content.index(b"PK\x01\x02")]
    rows = {row.name: read(cut, row) for row in directory(cut)}
    assert rows["a"] == b"a" * 1000
    assert rows["b"] == b"b" * 1000
    assert ("c" in rows) is not streamed


class Unseekable(io.RawIOBase):
    """A pipe as zipfile sees it: entries' sizes follow their content."""

    def __init__(self, target: io.BytesIO) -> None:
        self._target = target

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: Buffer) -> int:
        return self._target.write(data)

    def tell(self) -> int:
        raise io.UnsupportedOperation


def test_findings_are_the_same_whoever_asks_twice(components: Components) -> None:
    def said(component: Component) -> list[str]:
        return [
            f.message
            for e in component.examples
            for f in components.check(Member(parts=("u", e.path), kind="file", content=e.content), "u")
        ]

    assert [said(c) for c in shipped()] == [said(c) for c in shipped()]
