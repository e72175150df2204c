"""Hundreds of megabytes of real packages of a supported distribution: what must not be found is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bundle.detect.components import Components
from bundle.detect.components.model import ReportReason
from bundle.walk.member import Member
from hardening.findings import Severity

SUPPORTED = (
    "apache2-bin", "nginx", "lighttpd", "php8.4-cli", "php8.4-fpm", "php8.4-common", "libssl3t64", "openssl", "openssh-server",
    "openssh-client", "libcurl4t64", "curl", "zlib1g", "busybox", "bash", "sudo", "mariadb-server-core", "mariadb-client-core",
    "postgresql-17", "bind9", "samba", "vsftpd", "proftpd-core", "squid", "exim4-daemon-light", "libtomcat10-java",
    "python3.13", "libpython3.13-stdlib", "libpython3.13-minimal", "perl-modules-5.40", "git", "vim-runtime",
    "php-symfony-http-kernel", "php-twig", "ansible-core", "libjs-jquery", "libreoffice-common", "gcc-14", "libc6", "systemd",
    "openjdk-21-jre-headless", "python3-sphinx", "dokuwiki", "debian-policy",
)  # fmt: skip
"""Programs, libraries, texts and documentation of Debian 13."""


def judged(components: Components, root: Path) -> tuple[list[tuple[str, str]], int, Counter[str]]:
    kinds = {c.rule.id: c.kind for c in components.components}
    wrong, size, infos = [], 0, Counter[str]()
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        size += len(content)
        for finding in components.check(Member(parts=(str(path),), kind="file", content=content), "u"):
            if finding.level is Severity.INFO and kinds[finding.rule.id] is ReportReason.OUT_OF_RANGE:
                infos[finding.rule.id] += 1
            else:
                wrong.append((str(path.relative_to(root)), finding.message))
    return wrong, size, infos


def test_nothing_is_found_in_supported_packages(
    debian: Callable[[str], Path], components: Components, record_property: Callable[[str, object], None]
) -> None:
    total, wrong, infos = 0, [], Counter[str]()
    for package in SUPPORTED:
        found, size, said = judged(components, debian(package))
        total += size
        infos += said
        wrong += [(package, *one) for one in found]
    record_property("megabytes", total / 1e6)
    record_property("infos", dict(infos))
    assert total > 300e6
    assert wrong == []
