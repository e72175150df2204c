"""Adminer and phpMyAdmin as Debian ships them, renamed, and named only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bundle.detect.components import Components
from bundle.walk.member import Member
from hardening.findings import Finding, Severity


def test_adminer_package_compiled_and_source_tree(
    debian: Callable[[str], Path], look: Callable[[Path], list[Finding]]
) -> None:
    root = debian("adminer")
    found = {f.where.removeprefix(f"{root}/usr/share/adminer/"): f for f in look(root)}
    assert set(found) == {"adminer.php", "editor.php", "adminer", "editor"}
    assert {f.rule.id for f in found.values()} == {"component/adminer"}
    compiled = found["adminer.php"]
    assert compiled.fix is not None
    assert compiled.message.startswith("Adminer 5.2.1, recognised by ")
    assert "CVE-2026-25892" in compiled.message
    assert compiled.level is Severity.HIGH
    assert (compiled.fix.safe, compiled.fix.operation) == (True, "remove-member")
    tree = found["adminer"]
    assert tree.fix is not None
    assert (tree.fix.safe, tree.fix.operation, tree.fix.target) == (True, "remove-member", tree.where)


def test_adminer_is_found_renamed_and_without_comments(
    debian: Callable[[str], Path], components: Components
) -> None:
    content = (debian("adminer") / "usr/share/adminer/adminer.php").read_bytes()
    bare = content[:5] + content[content.index(b"*/") + 2 :]
    for parts in (("u.zip", "a.tar.gz", "www/status.php"), ("u.zip", "logo.png")):
        (finding,) = components.check(Member(parts=parts, kind="file", size=len(bare), content=bare), "u.zip")
        assert finding.where == "!/".join(parts)
        assert finding.message.startswith("Adminer 5.2.1, ")


def test_phpmyadmin_is_one_finding_at_its_folder(
    debian: Callable[[str], Path], look: Callable[[Path], list[Finding]]
) -> None:
    root = debian("phpmyadmin")
    assert sum(1 for _ in root.rglob("*")) > 2000
    (finding,) = (f for f in look(root) if f.rule.id == "component/phpmyadmin")
    assert finding.where == f"{root}/usr/share/phpmyadmin"
    assert finding.message.startswith("phpMyAdmin 5.2.2, ")
    assert finding.fix is not None
    assert (finding.fix.safe, finding.fix.operation, finding.fix.target) == (
        True,
        "remove-member",
        finding.where,
    )


def test_a_folder_that_is_not_named_like_the_component_is_not_removed_unasked(
    debian: Callable[[str], Path], components: Components
) -> None:
    path = debian("phpmyadmin") / "usr/share/phpmyadmin/libraries/classes/Version.php"
    content = path.read_bytes()
    (finding,) = components.check(
        Member(parts=("u.zip", "var/www/libraries/classes/Version.php"), kind="file", content=content),
        "u.zip",
    )
    assert finding.where == "u.zip!/var/www"
    assert finding.fix is not None
    assert not finding.fix.safe
