"""Java libraries: as Debian ships them, without META-INF, merged, unpacked in an archive; and learned ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bundle.detect.java.learn import learn
from bundle.detect.java.prints import Library, LibraryPrints, sure
from bundle.walk.member import ContainerEntry
from hardening.errors import NothingExaminedError
from tests.real.bundle.detect.components.test_java import PACKAGES, entries


def test_two_hundred_jars_learned_and_several_hundred_others(
    pypi: Callable[[str], Path], debian: Callable[[str], Path]
) -> None:
    """At least 95 % exact without META-INF and merged; not one hit in jars that are something else."""
    learned: dict[str, Library] = {}
    shapes: dict[str, list[tuple[str, ContainerEntry]]] = {}
    for path in sorted(pypi("pyspark==2.4.8").rglob("*.jar")):
        name, _, version = path.stem.rpartition("-")
        try:
            learned[path.name] = learn(path, name=name or path.stem, version=version)
        except NothingExaminedError:
            continue
        shapes[path.name] = [(e.name, e) for e in entries(path.read_bytes()) if "META-INF/" not in e.name]
    assert len(learned) > 200
    index = LibraryPrints(learned.values())

    def exact(name: str, found: dict[str, tuple[str, ...]]) -> bool:
        return found.get(learned[name].name) == (learned[name].version,)

    alone = [
        n
        for n in learned
        if exact(n, {m.library.name: m.versions for m in index.matches(e for _, e in shapes[n]) if sure(m)})
    ]
    assert len(alone) >= 0.95 * len(learned)
    names = sorted(learned)
    merged_exact = 0
    for start in range(0, len(names), 10):
        group = names[start : start + 10]
        merged = dict(pair for n in reversed(group) for pair in shapes[n])
        found = {m.library.name: m.versions for m in index.matches(merged.values()) if sure(m)}
        merged_exact += sum(exact(n, found) for n in group)
    assert merged_exact >= 0.95 * len(names)
    others = [p for package in CROSS for p in debian(package).rglob("*.jar") if not p.is_symlink()]
    assert len(others) > 100
    wrong = [(p.name, m.library.name) for p in others for m in index.matches(entries(p.read_bytes()))]
    assert wrong == []


CROSS = (*PACKAGES, "libguava-java", "libcommons-lang3-java", "libhttpclient-java", "libspring-core-java",
         "libtomcat10-java", "libjetty9-java", "libxerces2-java", "libxalan2-java", "libactivemq-java",
         "libnetty-java", "libzookeeper-java", "libquartz2-java", "velocity", "libhibernate3-java",
         "libderby-java", "libthrift-java", "libjackson2-databind-java", "libyaml-snake-java",
         "libmaven3-core-java", "libecj-java", "libbatik-java", "libfop-java", "libjgit-java",
         "libwoodstox-java", "libeclipse-core-runtime-java", "ant", "libpdfbox-java", "libplexus-utils2-java",
         "libasm-java", "libjaxen-java", "libhsqldb-java", "libpostgresql-jdbc-java", "libmariadb-java")  # fmt: skip
