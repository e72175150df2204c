"""Roots of other products: what an audit finds there never names this product, and no advisory is answered for them.

Each root is a few Debian packages, unpacked beside each other. `ROOTS=all` takes every row, else the first six.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hardening import products
from hardening.cli import run
from hardening.errors import ExitCode
from hardening.host import gather
from hardening.tls import policy
from tests.support.bundle.detect.components.fixtures import debian

__all__ = ["debian"]

ROOTS = {
    "phpmyadmin": ("phpmyadmin", "mariadb-server", "apache2", "php8.4-common"),
    "tomcat": ("tomcat10", "tomcat10-common", "libtomcat10-java", "openjdk-21-jre-headless"),
    "monitoring": ("nagios4", "nagios4-cgi", "snmpd", "apache2"),
    "router": ("ppp", "strongswan-starter", "dnsmasq", "openvpn"),
    "files": ("vsftpd", "proftpd-core", "samba", "samba-common-bin"),
    "mail": ("postfix", "dovecot-core", "roundcube-core"),
    "adminer": ("adminer", "apache2", "postgresql-17"),
    "zabbix": ("zabbix-frontend-php", "snmpd", "mariadb-server"),
    "cacti": ("cacti", "snmpd", "apache2"),
    "wordpress": ("wordpress", "apache2", "mariadb-server"),
    "mediawiki": ("mediawiki", "nginx", "nginx-common"),
    "dokuwiki": ("dokuwiki", "lighttpd"),
    "broker": ("activemq", "openjdk-21-jre-headless"),
    "jetty": ("jetty12", "openjdk-21-jre-headless"),
    "zookeeper": ("zookeeper", "libzookeeper-java"),
    "mosquitto": ("mosquitto", "redis-server"),
    "radius": ("freeradius", "openssh-server"),
    "exim": ("exim4-config", "exim4-base"),
    "proxy": ("squid", "bind9"),
    "icinga": ("icinga2-common", "apache2-data", "php8.4-cli"),
    "ssh": ("openssh-server",),
    "lighttpd": ("lighttpd", "php8.4-common"),
}
CHOSEN = list(ROOTS) if os.environ.get("ROOTS") == "all" else list(ROOTS)[:6]
OWN_RULES = ("engine/", "advisory/", "mailer/", "host/engine-", "host/component-visited")


def words() -> re.Pattern[str]:
    """Return what names the product: its names, its vendor, its folders."""
    pack = products.load("aspect")
    paths = [
        row.text("path")
        for row in pack.sheets["layout"]
        if "aam" in row.text("path") or "MIX" in row.text("path")
    ]
    named = [
        "cylon",
        "abb",
        "aspect-(?:enterprise|matrix|nexus)",
        "mix_cmix",
        "control engine",
        *map(re.escape, paths),
    ]
    return re.compile(rf"(?i)\b(?:{'|'.join(named)})\b|{'|'.join(map(re.escape, paths))}")


@pytest.mark.parametrize("name", CHOSEN)
def test_another_product_is_not_taken_for_this_one(
    name: str, debian: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    for package in ("base-files", *ROOTS[name]):
        shutil.copytree(debian(package), root, symlinks=True, dirs_exist_ok=True)
    found = gather.audited(root, [policy.load("aspect")])
    assert found.subjects
    wrong = [
        f"{one.rule.id} {one.where}: {one.message}"
        for one in found.findings
        if one.rule.id.startswith(OWN_RULES) or words().search(f"{one.message} {one.advice}")
    ]
    assert wrong == []
    assert found.findings or found.results
    capsys.readouterr()
    assert run(["advisories", "--root", str(root), "--format", "json"]) == ExitCode.NOTHING_EXAMINED
    said = json.loads(capsys.readouterr().out)["findings"]
    assert [one["rule"] for one in said] == ["advisory/table"]  # the day of the table, for information
