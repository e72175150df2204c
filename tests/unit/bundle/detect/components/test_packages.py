"""Packages by their own metadata: real rpms, Debian control files; and programs by what is in them."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from bundle.detect.components import Components
from bundle.detect.components.packages import Package, packages, upstream
from bundle.walk.member import Member
from hardening.findings import Finding, Severity

TODAY = date(2026, 11, 24)


def member(path: str, content: bytes) -> Member:
    return Member(parts=("u.zip", path), kind="file", size=len(content), content=content)


def said(components: Components, path: str, content: bytes) -> dict[str, Finding]:
    return {f.rule.id.removeprefix("component/"): f for f in components.check(member(path, content), "u.zip")}


def test_dpkg_status_counts_what_is_installed_and_says_the_line(components: Components) -> None:
    status = (
        b"Package: telnetd\nStatus: install ok installed\nVersion: 0.17-42\n\n"
        b"Package: rsh-server\nStatus: deinstall ok config-files\nVersion: 0.17-20\n\n"
        b"Package: tftpd-hpa\nStatus: install ok installed\nVersion: 5.2+20150808-1.2\n"
    )
    found = said(components, "var/lib/dpkg/status", status)
    assert set(found) == {"telnetd", "tftpd"}
    assert found["tftpd"].where == "u.zip!/var/lib/dpkg/status"
    assert "5.2," in found["tftpd"].message


def test_upstream_part_of_debian_versions() -> None:
    said = {v: upstream(v) for v in ("4:5.2.2-really+dfsg-1+deb13u1", "5.2.1+dfsg-1", "1.2.30+ds1-1", "0.17")}
    assert list(said.values()) == ["5.2.2", "5.2.1", "1.2.30", "0.17"]


def test_package_json_names_its_package() -> None:
    (package,) = packages(member("node_modules/x/package.json", b'{"name": "@a/x", "version": "1.2.3"}'))
    assert package == Package("npm", "@a/x", "1.2.3", "1.2.3")
    assert package.purl == "pkg:npm/@a/x@1.2.3"
    for broken in (b"{", b"[" * 100_000, b'{"name": 1, "version": []}', b"[]"):
        assert not list(packages(member("package.json", broken)))


def test_this_distribution_is_supported(components: Components) -> None:
    """Programs of the machine the tests run on: none is out of range."""
    looked = [
        Path(p)
        for name in ("openssl", "bash", "sudo", "curl", "perl", "nginx", "sshd")
        if (p := shutil.which(name))
    ]
    looked += [p for p in Path("/usr/lib").rglob("lib*.so.*") if p.is_file() and not p.is_symlink()][:150]
    assert len(looked) > 20
    bad = [
        (p.name, f.message)
        for p in looked
        for f in said(components, str(p), p.read_bytes()).values()
        if f.level > Severity.INFO
    ]
    assert bad == []


def test_later_windows_of_a_large_program_are_read_with_care(components: Components) -> None:
    """The marks of a distribution's build lie at the end of the file, so a part of one is reported as info."""
    banner = b"\0X-Powered-By: PHP/5.6.40\0zend_"
    part = Member(
        parts=("u", "bin/php"), kind="file", format="elf", size=90 << 20, offset=32 << 20, content=banner
    )
    (finding,) = components.check(part, "u")
    assert (finding.rule.id, finding.level) == ("component/php", Severity.INFO)
    linked = b"\0part of OpenSSL 1.0.2u  20 Dec 2019\0EVP_CIPHER OpenSSL 1.0.2u  20 Dec 2019"
    part = Member(
        parts=("u", "bin/x"), kind="file", format="elf", size=90 << 20, offset=32 << 20, content=linked
    )
    assert not list(components.check(part, "u"))  # what it links to stands in the first window


LOCKS = {
    "composer.lock": {"packages": [{"name": "phpmailer/phpmailer", "version": "v5.2.9"},
                                   {"name": "vrana/adminer", "version": "4.8.1"},
                                   {"name": "smarty/smarty", "version": "v99.0"}]},
    "vendor/composer/installed.json": [{"name": "phpmailer/phpmailer", "version": "5.2.9"},
                                       {"name": "vrana/adminer", "version": "4.8.1"}],
    "package-lock.json": {"lockfileVersion": 3, "packages": {
        "": {"name": "own", "version": "1.0.0"}, "node_modules/jquery": {"version": "1.8.3"},
        "node_modules/a/node_modules/lodash": {"version": "4.17.4"},
        "node_modules/old": {"name": "moment", "version": "2.10.6"},
        "node_modules/vue": {"version": "file:../vue"}, "node_modules/axios": {"version": "99.0.0"}}},
    "node_modules/.package-lock.json": {"dependencies": {
        "a": {"version": "1.0.0", "dependencies": {"lodash": {"version": "4.17.4"}}},
        "jquery": {"version": "1.8.3"}, "moment": {"version": "2.10.6"}, "b": 3}},
}  # fmt: skip


@pytest.mark.parametrize("path", LOCKS)
def test_what_a_lock_lists_is_judged_and_is_low(components: Components, path: str) -> None:
    """The code weighs as it does where it lies in the bundle; a list alone is no reason to refuse one."""
    found = said(components, path, json.dumps(LOCKS[path]).encode())
    assert set(found) == ({"phpmailer", "adminer"} if "composer" in path else {"jquery", "lodash", "moment"})
    assert {f.level for f in found.values()} == {Severity.LOW}
    assert all(f"what {path.rpartition('/')[2]} lists: " in f.message for f in found.values())
    assert all(f.fix is not None and not f.fix.safe for f in found.values())


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'"x"', b'{"packages":[]}', b'{"packages":{"node_modules/a":3,"b":{"version":3}}}', b"[" * 100_000,
     b'{"dependencies":' + b'{"a":{"version":"1","dependencies":' * 900 + b"3" + b"}}" * 900 + b"}"],
)  # fmt: skip
def test_a_lock_of_any_shape_is_harmless(content: bytes) -> None:
    assert len(list(packages(member("package-lock.json", content)))) <= 1


@pytest.mark.parametrize("path", ["a/Jinja2-2.10.dist-info/METADATA", "EGG-INFO/PKG-INFO"])
def test_python_packages_are_named_by_their_metadata(path: str) -> None:
    text = (
        b"Metadata-Version: 2.0\r\nName: Ruamel.Yaml_x\r\nVersion: 2.10\r\nSummary: a\r\n\r\nName: other\r\n"
    )
    (package,) = packages(member(path, text))
    assert package.purl == "pkg:pypi/ruamel-yaml-x@2.10"
    assert not list(packages(member(path, text[1:])))
    assert not list(packages(member("METADATA", text)))
