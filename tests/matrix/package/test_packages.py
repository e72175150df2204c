"""Every package, installed in an empty root without network, does its work there: wheelhouse, one file, DEB, RPM, OCI, collection."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYTHON = "/usr/bin/python3"
NEEDED = ("mmdebstrap", "dpkg-deb", "rpm", "rpmbuild", "unshare", "chroot", "ip")
PARTS = ("wheel", "wheelhouse", "pyz", "deb", "rpm", "oci", "collection", "ee")
SMOKE = """set -e
cd /work
harden --version
harden playbooks upgrade
harden docs trust | head -n 1
harden tls render nginx@1.20.1-el7 --quiet | grep ssl_protocols
harden demo --keep kept | tail -n 1
harden bundle audit kept/upgrade-3.07.01-clean.zip --quiet
"""
ANSIBLE = """cd /work
printf 'here ansible_connection=local\\n' >hosts
harden host audit -i hosts --format text --fail-on never || true
"""


def _missing() -> str:
    if os.geteuid():
        return "needs root"
    absent = [one for one in NEEDED if shutil.which(one) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


pytestmark = pytest.mark.skipif(bool(_missing()), reason=_missing() or "-")


def call(*words: object, **more: str) -> str:
    done = subprocess.run(
        [str(one) for one in words], capture_output=True, text=True, check=False, timeout=1800, env={**os.environ, **more}
    )  # fmt: skip
    assert done.returncode == 0, f"{words[:4]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, ROOT / "packaging/packages.py", *PARTS, "--out", folder, "--python", PYTHON)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Debian root with Python, Debian's Ansible and nothing of ours, as a tar."""
    tar = tmp_path_factory.mktemp("base") / "root.tar"
    names = "python3,python3-venv,libarchive13t64,ansible-core"
    call("mmdebstrap", "--variant=minbase", f"--include={names}", "trixie", tar)
    return tar


@pytest.fixture
def empty(base: Path, tmp_path: Path) -> Iterator[Path]:
    top = tmp_path / "root"
    top.mkdir()
    call("tar", "-C", top, "-xf", base)
    (top / "work").mkdir()
    yield top
    shutil.rmtree(top)


def inside(top: Path, script: str, *, user: str = "0:0", read_only: bool = False) -> str:
    """Run a script below a root that has loopback alone; `read_only`: only /tmp and /work can be written."""
    locked = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; ' if read_only else ""
    steps = (
        f"set -e; ip link set lo up; {locked}"
        'mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"; '
        'mount -t tmpfs -o mode=1777 tmpfs "$1/work"; '
        'exec chroot --userspec="$2" "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 $4 /bin/sh -c "$3"'
    )
    cache = "HARDEN_CACHE_DIR=/var/cache/harden" if read_only else ""
    return call("unshare", "--net", "--mount", "sh", "-c", steps, "sh", top, user, script, cache)


def good(said: str) -> None:
    lines = [line for line in said.splitlines() if line]
    assert lines[0].startswith("harden, version ")
    assert lines[1].endswith("/_shipped/playbooks/upgrade.yml")
    assert lines[2].startswith("# ")
    assert "ssl_protocols TLSv1.2" in lines[3]
    assert lines[4].startswith("done in ")
    assert "OK: no findings" in said


def asked_by_ansible(top: Path) -> None:
    """The Ansible of the system finds the plugins, and they find the package."""
    assert "1 host" in inside(top, ANSIBLE)


def test_the_root_has_neither_our_program_nor_a_network(empty: Path) -> None:
    assert inside(empty, "command -v harden || echo absent") == "absent\n"
    said = inside(
        empty, "python3 -c \"import socket; socket.create_connection(('192.0.2.1', 9), 3)\" 2>&1 || true"
    )
    assert "unreachable" in said


def test_wheelhouse(dist: Path, empty: Path) -> None:
    (archive,) = dist.glob("*-wheelhouse-*.tar.gz")
    call("tar", "-C", empty / "opt", "-xzf", archive)
    (folder,) = (empty / "opt").iterdir()
    install = f"/opt/{folder.name}/install.sh /tmp/env ansible; PATH=/tmp/env/bin:$PATH\n"
    good(inside(empty, install + SMOKE + "ansible-galaxy --version >/dev/null\n").partition("\n")[2])
    wheel = next((folder / "wheels").glob("rich-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    assert "is not as it was packed" in inside(empty, f"/opt/{folder.name}/install.sh /tmp/env 2>&1 || true")


TOOLS = {
    "pipx": "pipx install --python /usr/bin/python3 wheels/aspect_hardening-*.whl",
    "uv": "uv tool install --python /usr/bin/python3 --offline --no-index --find-links wheels aspect-hardening",
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_of_its_own(dist: Path, tmp_path: Path, tool: str) -> None:
    """pipx and uv install it from the folder of wheels, the first time on this account and without network."""
    if shutil.which(tool) is None:
        pytest.skip(f"not installed: {tool}")
    (archive,) = dist.glob("*-wheelhouse-*.tar.gz")
    call("tar", "-C", tmp_path, "--strip-components=1", "-xzf", archive)
    bin_ = str(tmp_path / "bin")
    own = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": bin_, "UV_TOOL_DIR": str(tmp_path / "uv"), "UV_TOOL_BIN_DIR": bin_}  # fmt: skip
    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    script = f'ip link set lo up; cd "$1"; {TOOLS[tool]} >&2; bin/harden demo | tail -n 1; bin/harden docs incomplete'
    said = call("unshare", "--net", "sh", "-ec", script, "sh", tmp_path, **own, **wheels)
    assert said.startswith("done in ")
    assert "# INCOMPLETE" in said


def test_one_file(dist: Path, empty: Path) -> None:
    (file,) = dist.glob("harden-*.pyz")
    shutil.copy(file, empty / "usr/bin/harden")
    good(inside(empty, SMOKE))
    asked_by_ansible(empty)


def test_deb(dist: Path, empty: Path) -> None:
    (file,) = dist.glob("*.deb")
    shutil.copy(file, empty / "opt")
    good(inside(empty, f"dpkg --install /opt/{file.name} >/dev/null\n{SMOKE}"))
    asked_by_ansible(empty)
    inside(empty, "dpkg --purge aspect-hardening")
    assert [one.name for one in (empty / "opt").iterdir()] == [file.name]
    assert not (empty / "usr/bin/harden").exists()


def test_rpm(dist: Path, empty: Path) -> None:
    """Debian has no package of RPM that provides Python: what is required is compared, and then installed without asking."""
    (file,) = dist.glob("*.rpm")
    assert "python(abi) = 3." in call("rpm", "-qpR", file)
    call("rpm", "--root", empty, "--nodeps", "--install", file)
    good(inside(empty, SMOKE))
    asked_by_ansible(empty)
    assert "/usr/bin/harden" in call("rpm", "--root", empty, "-ql", "aspect-hardening")
    call("rpm", "--root", empty, "--erase", "aspect-hardening")
    assert not list((empty / "opt").iterdir())


def _unpacked(archive: Path, top: Path) -> dict[str, object]:
    """Unpack an OCI archive below `top` and return its configuration; every blob is what its name says."""
    layout = top.with_name("layout")
    with tarfile.open(archive) as tar:
        tar.extractall(layout, filter="tar")
    for one in (layout / "blobs/sha256").iterdir():
        assert hashlib.sha256(one.read_bytes()).hexdigest() == one.name

    def blob(row: dict[str, str]) -> Path:
        return layout / "blobs" / row["digest"].replace(":", "/")

    manifest = json.loads(blob(json.loads((layout / "index.json").read_text())["manifests"][0]).read_text())
    top.mkdir()
    for layer in manifest["layers"]:
        call("tar", "-C", top, "-xzpf", blob(layer))
    config: dict[str, object] = json.loads(blob(manifest["config"]).read_text())["config"]
    return config


def test_oci(dist: Path, tmp_path: Path) -> None:
    (archive,) = dist.glob("*.oci.tar")
    top = tmp_path / "root"
    config = _unpacked(archive, top)
    user = str(config["User"])
    assert user.partition(":")[0] not in ("", "0")
    kept = sorted((top / "var/cache/harden").rglob("*"))
    assert {one.stat().st_uid for one in kept} == {0}
    assert [one for one in kept if one.is_file() and one.stat().st_size > 100_000]
    said = inside(top, SMOKE + "ls -d /tmp/aspect-hardening-* 2>/dev/null || echo nothing was compiled\n", user=user, read_only=True)  # fmt: skip
    good(said)
    assert said.endswith("nothing was compiled\n")
    assert sorted((top / "var/cache/harden").rglob("*")) == kept
    shutil.rmtree(top)


@pytest.mark.skipif(shutil.which("umoci") is None, reason="not installed: umoci")
def test_another_reader_of_oci_takes_it(dist: Path, tmp_path: Path) -> None:
    (archive,) = dist.glob("*.oci.tar")
    layout = tmp_path / "layout"
    with tarfile.open(archive) as tar:
        tar.extractall(layout, filter="tar")
    version = json.loads((layout / "index.json").read_text())["manifests"][0]["annotations"]
    tag = version["org.opencontainers.image.ref.name"]
    call("umoci", "unpack", "--image", f"{layout}:{tag}", tmp_path / "bundle")
    runtime = json.loads((tmp_path / "bundle/config.json").read_text())
    assert runtime["process"]["user"]["uid"] != 0
    assert runtime["process"]["args"][0] == "/usr/bin/harden"


def test_collection(dist: Path, tmp_path: Path) -> None:
    archive = next(one for one in dist.glob("aspect-hardening-*.tar.gz") if "wheelhouse" not in one.name and "-ee" not in one.name)  # fmt: skip
    galaxy = Path(sys.executable).parent / "ansible-galaxy"
    call("unshare", "--net", galaxy, "collection", "install", "--offline", archive, "-p", tmp_path)
    doc = Path(sys.executable).parent / "ansible-doc"
    said = call(doc, "--list", "aspect.hardening", ANSIBLE_COLLECTIONS_PATH=str(tmp_path))
    assert {"aspect.hardening.tls", "aspect.hardening.upgrade"} <= set(said.split())


CONTAINERS = ("podman", "buildah", "runc")
containers = pytest.mark.skipif(
    any(shutil.which(one) is None for one in CONTAINERS), reason=f"not installed: {', '.join(CONTAINERS)}"
)


@pytest.fixture
def storage(tmp_path: Path) -> dict[str, str]:
    """The environment of podman and buildah, with a store of their own."""
    file = tmp_path / "storage.conf"
    file.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/store"\nrunroot = "{tmp_path}/store-run"\n'
    )
    return {"CONTAINERS_STORAGE_CONF": str(file), "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}


RUN = "podman --runtime runc --cgroup-manager cgroupfs run --rm --network none".split()


@containers
def test_podman_runs_the_image(dist: Path, storage: dict[str, str]) -> None:
    (archive,) = dist.glob("*.oci.tar")
    image = call("podman", "pull", "--quiet", f"oci-archive:{archive}", **storage).strip()
    locked = [*RUN, "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/work:mode=1777", image]
    assert call(*locked, "--version", **storage).startswith("harden, version ")
    assert "done in " in call(*locked, "demo", **storage).splitlines()[-1]


@containers
def test_buildah_builds_the_execution_environment(
    dist: Path, tmp_path: Path, storage: dict[str, str]
) -> None:
    """`ansible-builder build` would start the same build: here buildah has no network."""
    (archive,) = dist.glob("*-ee.tar.gz")
    call("tar", "-C", tmp_path, "--strip-components=1", "-xzf", archive)
    call("sh", tmp_path / "base.sh", tmp_path / "base.tar", **storage)
    builder, context = Path(sys.executable).parent / "ansible-builder", tmp_path / "context"
    definition = tmp_path / "execution-environment.yml"
    call(builder, "create", "-f", definition, "-c", context, "--output-filename", "Containerfile")
    limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
    build = ["buildah", "build", *limits, "--isolation", "chroot", "--network", "host", "-t", "ee"]
    call("unshare", "--net", *build, "-f", context / "Containerfile", context, **storage)
    said = call(*RUN, "ee", "sh", "-c", f"id -u; harden --version; ansible-doc --list aspect.hardening\n{ANSIBLE.replace('/work', '/tmp')}", **storage)  # fmt: skip
    assert said.startswith("1000\nharden, version ")
    assert "aspect.hardening.tls" in said
    assert "1 host" in said


def test_the_wheel_is_clean(dist: Path) -> None:
    checker = Path(sys.executable).parent / "check-wheel-contents"
    (wheel,) = dist.glob("*.whl")
    assert "OK" in call(checker, "--config", ROOT / "pyproject.toml", wheel)
