"""Builds every package of the project into a folder: `python packaging/packages.py PART... [--out dist] [--python python3]`.

wheel        wheel and source archive
wheelhouse   every wheel for one Python, with install.sh: installs without network
pyz          one file that Python runs
deb, rpm     below /opt/aspect-hardening, with /usr/bin/harden
oci          an OCI archive: not root, nothing to write but the cache of patterns, which is filled
collection   the Ansible collection
ee           the definition of an execution environment, with the wheelhouse

Each part makes what it needs. `--python` names the Python that will run the program: packages with machine code are for it alone.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packaging"
NAME = "aspect-hardening"
PREFIX = f"opt/{NAME}"
USER = 10001
"""Account of the container: no root, no name of the host."""
SUITE = "trixie"
EE_NEEDS = ("ansible-runner", "bindep", "dumb-init==1.2.5", "pyyaml", "packaging")
"""What ansible-builder installs in an execution environment."""


def run(*command: object, cwd: Path = ROOT, **more: object) -> str:
    """Run a program and return what it printed. Errors: SystemExit naming it."""
    words = [str(one) for one in command]
    environment = {**os.environ, **{key: str(value) for key, value in more.items()}}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f"packaging: {words[0]} failed with {done.returncode}: {' '.join(words[:6])} ...")
    return done.stdout


class Builder:
    """Makes the parts, each once."""

    def __init__(self, out: Path, python: str) -> None:
        self.out = out
        self.python = python
        self.version = re.search(r'__version__ = "([^"]+)"', (ROOT / "hardening/__init__.py").read_text())[1]
        self.epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or self._committed())
        self.work = ROOT / "build/packaging"
        out.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def _committed() -> str:
        done = subprocess.run(
            ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or "1700000000"

    @cached_property
    def wheel(self) -> Path:
        """The wheel; the source archive lies beside it."""
        run(
            sys.executable, "-m", "build", "--wheel", "--sdist", "--no-isolation", "-o", self.out, ".",
            SOURCE_DATE_EPOCH=self.epoch,
        )  # fmt: skip
        return self.out / f"aspect_hardening-{self.version}-py3-none-any.whl"

    @cached_property
    def wheels(self) -> Path:
        """A folder with the wheel and all that it needs, those of the extra `ansible` too."""
        folder = self._fresh("wheels")
        self._download(
            folder, f"{self.wheel}[ansible,tuf]", "pip>=25.1"
        )  # pip itself is what pipx asks for first
        return folder

    def _download(self, folder: Path, *names: str) -> None:
        """Bring wheels and all that they need."""
        run(
            sys.executable, "-m", "pip", "--python", self.python, "download", "--quiet", "--disable-pip-version-check",
            "--only-binary=:all:", "--dest", folder, *names,
        )  # fmt: skip

    @cached_property
    def python_version(self) -> str:
        """Of the Python that will run the program: `3.13`."""
        return run(self.python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()

    @cached_property
    def tree(self) -> Path:
        """A folder with the program and what it needs, unpacked, for one Python."""
        folder = self._fresh("tree")
        run(
            sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet", "--disable-pip-version-check",
            "--no-index", "--find-links", self.wheels, "--no-compile", "--target", folder, NAME,
        )  # fmt: skip
        shutil.rmtree(folder / "bin", ignore_errors=True)
        return folder

    @cached_property
    def root(self) -> Path:
        """What DEB and RPM install, below `/`."""
        top = self._fresh("root")
        shutil.copytree(self.tree, top / PREFIX / "lib")
        launcher = top / "usr/bin/harden"
        launcher.parent.mkdir(parents=True)
        launcher.write_text(self._filled("harden.sh"))
        launcher.chmod(0o755)
        licence = top / f"usr/share/doc/{NAME}/copyright"
        licence.parent.mkdir(parents=True)
        shutil.copyfile(ROOT / "LICENSE", licence)
        return top

    def _filled(self, script: str) -> str:
        """Return a script of the packages for this Python."""
        return (HERE / script).read_text().replace("@PYTHON@", self.python_version)

    def wheelhouse(self) -> Path:
        """Make the archive of every wheel, with install.sh."""
        made = self.out / f"{NAME}-{self.version}-wheelhouse-py{self.python_version}.tar.gz"
        folder = self._fresh("wheelhouse") / f"{NAME}-{self.version}"
        shutil.copytree(self.wheels, folder / "wheels")
        shutil.copyfile(HERE / "install.sh", folder / "install.sh")
        (folder / "install.sh").chmod(0o755)
        sums = [f"{_sha256(one)}  wheels/{one.name}" for one in sorted((folder / "wheels").iterdir())]
        (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
        made.write_bytes(gzip.compress(self._tar(folder.parent), mtime=self.epoch))
        return made

    def pyz(self) -> Path:
        """Make the one file; it unpacks itself into the user's cache at its first run."""
        made = self.out / f"harden-{self.version}-py{self.python_version}.pyz"
        run(
            Path(sys.executable).parent / "shiv", "--site-packages", self.tree, "--reproducible", "--compressed",
            "--extend-pythonpath",
            "-e", "hardening.cli:main", "-p", f"/usr/bin/env python{self.python_version}", "-o", made,
            SOURCE_DATE_EPOCH=self.epoch,
        )  # fmt: skip
        return made

    def deb(self) -> Path:
        """Make the Debian package."""
        top = self._fresh("deb")
        shutil.copytree(self.root, top, dirs_exist_ok=True)
        arch = run("dpkg", "--print-architecture").strip()
        major, minor = self.python_version.split(".")
        text = (HERE / "control").read_text()
        for mark, value in (
            ("@VERSION@", self.version), ("@ARCH@", arch), ("@PYTHON@", self.python_version),
            ("@NEXT@", f"{major}.{int(minor) + 1}"), ("@SIZE@", str(_size(self.root) >> 10)),
        ):  # fmt: skip
            text = text.replace(mark, value)
        (top / "DEBIAN").mkdir()
        (top / "DEBIAN/control").write_text(text)
        for script, name in (("compile.sh", "postinst"), ("uncompile.sh", "prerm")):
            (top / "DEBIAN" / name).write_text(self._filled(script))
            (top / "DEBIAN" / name).chmod(0o755)
        made = self.out / f"{NAME}_{self.version}_{arch}.deb"
        run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", top, made, SOURCE_DATE_EPOCH=self.epoch)
        return made

    def rpm(self) -> Path:
        """Make the RPM."""
        top = self._fresh("rpm")
        for script in ("compile.sh", "uncompile.sh"):
            (top / script).write_text(self._filled(script))
        run(
            "rpmbuild", "-bb", "--quiet", "--define", f"_topdir {top}", "--define", f"version_ {self.version}",
            "--define", f"python_ {self.python_version}", "--define", f"root_ {self.root}",
            "--define", f"scripts_ {top}",
            HERE / "aspect-hardening.spec",
            SOURCE_DATE_EPOCH=self.epoch,
        )  # fmt: skip
        (package,) = (top / "RPMS").rglob("*.rpm")
        return Path(shutil.copy(package, self.out))

    def oci(self) -> Path:
        """Make the OCI archive out of a Debian root with the Debian package in it; needs root."""
        package, root = self.deb(), self._fresh("oci")
        tar = root / "root.tar"
        run(
            "mmdebstrap", "--variant=minbase", f"--include=python{self.python_version},python3,libarchive13t64",
            "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
            f"--customize-hook=copy-in {package} /var/tmp", f"--customize-hook=sh {HERE / 'oci-prepare.sh'} \"$1\" {USER} {package.name}",
            SUITE, tar, SOURCE_DATE_EPOCH=self.epoch,
        )  # fmt: skip
        made = self.out / f"{NAME}-{self.version}.oci.tar"
        made.write_bytes(self._image(tar.read_bytes()))
        return made

    def _image(self, layer: bytes) -> bytes:
        """Return an OCI archive (image-spec 1.1) of one layer."""
        packed = gzip.compress(layer, 6, mtime=self.epoch)
        arch = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        config = {
            "architecture": arch,
            "os": "linux",
            "config": {
                "User": f"{USER}:{USER}",
                "Entrypoint": ["/usr/bin/harden"],
                "Cmd": ["--help"],
                "Env": [
                    "PATH=/usr/bin:/bin",
                    "LANG=C.UTF-8",
                    "HOME=/tmp",
                    "HARDEN_CACHE_DIR=/var/cache/harden",
                ],
                "WorkingDir": "/work",
                "Labels": {
                    "org.opencontainers.image.title": NAME,
                    "org.opencontainers.image.version": self.version,
                    "org.opencontainers.image.licenses": "Apache-2.0",
                },
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
        blobs: list[bytes] = []

        def described(kind: str, data: bytes) -> dict[str, object]:
            blobs.append(data)
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": len(data)}

        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described("config.v1+json", _json(config)),
            "layers": [described("layer.v1.tar+gzip", packed)],
        }
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {
                    **described("manifest.v1+json", _json(manifest)),
                    "platform": {"architecture": arch, "os": "linux"},
                    "annotations": {"org.opencontainers.image.ref.name": self.version},
                }
            ],
        }
        folder = self._fresh("layout")
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
        (folder / "index.json").write_bytes(_json(index))
        for blob in blobs:
            (folder / "blobs/sha256" / hashlib.sha256(blob).hexdigest()).write_bytes(blob)
        return self._tar(folder)

    def collection(self) -> Path:
        """Make the archive of the Ansible collection."""
        source = ROOT / "playbooks/collections/ansible_collections/aspect/hardening"
        run(
            Path(sys.executable).parent / "ansible-galaxy", "collection", "build", "--force", "--output-path", self.out, source,
        )  # fmt: skip
        return max(self.out.glob("aspect-hardening-*.tar.gz"), key=lambda one: "wheelhouse" not in one.name)

    def ee(self) -> Path:
        """Make the archive with which `ansible-builder build` makes an execution environment."""
        folder = self._fresh("ee") / f"{NAME}-{self.version}-ee"
        shutil.copytree(HERE / "ansible", folder)
        shutil.copytree(self.wheels, folder / "wheels")
        self._download(folder / "wheels", *EE_NEEDS)
        shutil.copy(self.collection(), folder / "aspect-hardening.tar.gz")
        made = self.out / f"{NAME}-{self.version}-ee.tar.gz"
        made.write_bytes(gzip.compress(self._tar(folder.parent), mtime=self.epoch))
        return made

    def _fresh(self, name: str) -> Path:
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _tar(self, folder: Path) -> bytes:
        """Return the files of a folder as a tar whose bytes depend on them alone."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(folder.rglob("*")):
                info = archive.gettarinfo(path, path.relative_to(folder).as_posix())
                info.uid = info.gid = 0
                info.uname = info.gname = ""
                info.mtime = self.epoch
                if info.isfile():
                    with path.open("rb") as file:
                        archive.addfile(info, file)
                else:
                    archive.addfile(info)
        return out.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


PARTS = ("wheel", "wheelhouse", "pyz", "deb", "rpm", "oci", "collection", "ee")


def main() -> None:
    """Build the parts that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="+", choices=PARTS, metavar="PART")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--python", default="/usr/bin/python3", help="the Python that will run the program")
    given = parser.parse_args()
    builder = Builder(given.out.resolve(), given.python)
    for part in dict.fromkeys(given.parts):
        made = getattr(builder, part)
        print(f"{part:<11}{made if part == 'wheel' else made()}", flush=True)


if __name__ == "__main__":
    main()
