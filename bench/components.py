"""The component detectors over unpacked text, programs and jars: megabytes for each second of one core.

python bench/components.py [FOLDER ...]      default: the Debian packages the tests keep in .cache
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from bundle.detect.components import Components
from bundle.detect.java.zipread import directory
from bundle.walk.member import ContainerEntry, Member

CACHE = Path(__file__).parents[1] / ".cache" / "components" / "debian"


def members(folder: Path) -> list[Member]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            jar = content[:4] == b"PK\x03\x04"
            rows = directory(content) if jar else ()
            entries = tuple(ContainerEntry(row.name, row.size, row.crc32) for row in rows)
            found.append(Member(parts=(str(path),), kind="file", size=len(content), content=content,
                                entries=entries, container=jar))  # fmt: skip
    return found


def measure(name: str, components: Components, looked: list[Member], repeat: int) -> None:
    started, findings = time.process_time(), 0
    for _ in range(repeat):
        findings = sum(1 for member in looked for _ in components.check(member, "bench"))
    spent = (time.process_time() - started) / repeat
    size = sum(member.size for member in looked) / 1e6
    print(f"{name:24} {len(looked):7} members {size:8.1f} MB {spent:7.2f} s {size / spent:8.0f} MB/s "
          f"{spent / len(looked) * 1e6:6.0f} us/member {findings:4} findings")  # fmt: skip


def main() -> None:
    folders = [Path(a) for a in sys.argv[1:]] or sorted(p for p in CACHE.glob("*") if p.is_dir())
    if not folders:
        sys.exit("nothing to read: run the tests once, or name folders")
    started = time.process_time()
    quick = Components()
    print(f"prepared {len(quick.components)} components in {time.process_time() - started:.2f} s")
    looked = [member for folder in folders for member in members(folder)]
    text = [m for m in looked if not m.container and b"\0" not in m.content[:2048]]
    jars = [m for m in looked if m.container]
    other = [m for m in looked if not m.container and b"\0" in m.content[:2048]]
    for name, some in (("text", text), ("jars, by directory", jars), ("programs and data", other)):
        if some:
            measure(name, quick, some, 3)
    sample = text[:: max(1, len(text) // 400)]
    measure("sample, hyperscan", quick, sample, 3)
    measure("sample, without it", Components(engine="plain"), sample, 1)
    print(
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, the bench's own files included"
    )


if __name__ == "__main__":
    main()
