"""What files beside a server.xml say: the release in catalina.jar, the Java its start scripts name."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache

from hardening.tls.libraries import jsse
from hardening.tls.targets.base import ReleaseHint
from hardening.tls.targets.java import options as java_options
from hardening.tls.targets.reading.tree import Tree

_INFO = "org/apache/catalina/util/ServerInfo.properties"
_NUMBER = re.compile(r"^server\.(?:number\s*=\s*|info\s*=\s*Apache Tomcat/)(\d+(?:\.\d+)+)", re.MULTILINE)
_NOTES = re.compile(r"Apache Tomcat Version (\d+(?:\.\d+)+)")
_JAVA_HOME = re.compile(r"^\s*(?:export\s+)?JAVA_HOME=[\"']?([^\s\"'#]+)", re.MULTILINE)
_JAVA_VERSION = re.compile(r'^JAVA_VERSION="([^"]+)"', re.MULTILINE)
_LARGEST = 1 << 20
_JARS = ("lib/catalina.jar", "server/lib/catalina.jar")


def detect_release(tree: Tree, path: str) -> ReleaseHint:
    """Return which Tomcat and which Java run with this server.xml, as far as files there say."""
    version, build, notes = None, None, []
    for home in _homes(tree, path):
        if version is None and (found := _version(tree, home)):
            version, where = found
            notes.append(f"Tomcat {version}, for {where} says so")
        if build is None and (java := _java(tree, home)):
            build, note = java
            notes.append(note)
    return ReleaseHint(version=version, build=build, notes=tuple(notes))


def _homes(tree: Tree, path: str) -> list[str]:
    conf = posixpath.dirname(path)
    found = [posixpath.dirname(conf)] if posixpath.basename(conf) == "conf" else []
    name = posixpath.basename(conf)
    if re.fullmatch(r"tomcat\d*", name):
        found += [f"{tree.prefix}/usr/share/{name}", conf]
    return found


def _version(tree: Tree, home: str) -> tuple[str, str] | None:
    if tree.in_memory:
        return None
    for jar in _JARS:
        if number := _in_jar(f"{home}/{jar}"):
            return number, f"{home}/{jar}"
    notes = f"{home}/RELEASE-NOTES"
    source = tree.source(notes) if tree.exists(notes) else None
    if source and (found := _NOTES.search(source.text)):
        return found[1], notes
    return None


@lru_cache(maxsize=256)
def _in_jar(path: str) -> str | None:
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(path) as jar, jar.open(_INFO) as file:
            text = file.read(_LARGEST).decode("latin-1")
    except (OSError, BadZipFile, KeyError, NotImplementedError, RuntimeError):
        return None
    numbers = _NUMBER.findall(text)
    if not numbers:
        return None
    plain: str = max(numbers, key=len)
    return re.sub(r"^(\d+\.\d+\.\d+)\.0$", r"\1", plain)


def _scripts(tree: Tree, home: str) -> tuple[str, ...]:
    """Return where the start of a Tomcat says which Java it runs in, and how."""
    name = posixpath.basename(home)
    return (
        f"{home}/bin/setenv.sh", f"{home}/conf/tomcat.conf", f"{home}/{name}.conf", f"{home}/tomcat.conf",
        f"{tree.prefix}/etc/default/{name}", f"{tree.prefix}/etc/sysconfig/{name}",
    )  # fmt: skip


def dh_size(tree: Tree, path: str, jdk: jsse.Jdk) -> java_options.Size | None:
    """Return the size of DH parameters that the start scripts or catalina.properties say."""
    scripts = [script for home in _homes(tree, path) for script in _scripts(tree, home)]
    return java_options.dh_size(tree, jdk, scripts, (f"{posixpath.dirname(path)}/catalina.properties",))


def _java(tree: Tree, home: str) -> tuple[str, str] | None:
    for script in _scripts(tree, home):
        source = tree.source(script) if tree.exists(script) else None
        homes = _JAVA_HOME.findall(source.text) if source else []
        if not homes or not homes[-1].startswith("/"):
            continue
        where = tree.place(homes[-1], "/")
        for release in (f"{where}/release", f"{posixpath.dirname(where)}/release"):
            facts = tree.source(release) if tree.exists(release) else None
            version = _JAVA_VERSION.search(facts.text) if facts else None
            jdk = jsse.like(version[1]) if version else None
            if version and jdk:
                return jdk.name, f"JDK {version[1]}, for {script} names its home"
    return None
