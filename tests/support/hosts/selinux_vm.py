"""A virtual machine whose kernel enforces SELinux, emulated in software: no right of this machine's kernel is needed.

It is Debian with Debian's policy, not CentOS: port types and the programs that manage them are the same, domains differ.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.hosts.fleet import CACHE, call
from tests.support.hosts.selinux_guest import MARK

PACKAGES = (
    "linux-image-cloud-amd64", "initramfs-tools", "systemd", "systemd-sysv", "selinux-policy-default", "selinux-utils",
    "policycoreutils", "policycoreutils-python-utils", "python3", "apache2", "procps", "iproute2", "login",
)  # fmt: skip
NEEDED = ("qemu-system-x86_64", "mmdebstrap", "mke2fs", "chroot")
BOOT = "root=/dev/vda rw console=ttyS0 security=selinux selinux=1 enforcing=1 systemd.show_status=false quiet"
LOGIN = (
    "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I linux\n"
)
PROFILE = (
    "[ -e /root/asked ] || { touch /root/asked; python3 /opt/selinux_guest.py; systemctl poweroff -ff; }\n"
)


def missing() -> list[str]:
    """Return what this machine lacks to make and emulate the guest."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = [one for one in NEEDED if shutil.which(one, path=path) is None]
    return found if os.getuid() == 0 else [*found, "root"]


def archive() -> Path:
    """Return the guest's packages as an archive, made once and kept between runs."""
    kept, part = CACHE / "selinux.tar", CACHE / "selinux.part.tar"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        call(
            "mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "trixie", part, timeout=1800
        )
        part.rename(kept)
    return kept


def disk(folder: Path, package: Path) -> Path:
    """Return a labelled file system with the guest's question in it; `package` is the toolkit."""
    tree, image = folder / "tree", folder / "disk.img"
    tree.mkdir(parents=True)
    call("tar", "-xf", archive(), "-C", tree, "--numeric-owner")
    shutil.copytree(package, tree / "opt/hardening", ignore=shutil.ignore_patterns("__pycache__", "_shipped"))
    shutil.copy(Path(__file__).with_name("selinux_guest.py"), tree / "opt/selinux_guest.py")
    dropin = tree / "etc/systemd/system/serial-getty@ttyS0.service.d/login.conf"
    dropin.parent.mkdir(parents=True)
    dropin.write_text(LOGIN)
    (tree / "root/.profile").write_text(PROFILE)
    (tree / "etc/hostname").write_text("selinux\n")
    (tree / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 0\n")
    (tree / "etc/selinux/config").write_text("SELINUX=enforcing\nSELINUXTYPE=default\n")
    contexts = "/etc/selinux/default/contexts/files/file_contexts"
    call("chroot", tree, "/usr/sbin/setfiles", "-F", contexts, "/")
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(next((tree / "boot").glob(f"{name}-*")), folder / name)
    call("mke2fs", "-q", "-t", "ext4", "-d", tree, image, "3G", timeout=900)
    shutil.rmtree(tree)
    return image


def asked(folder: Path, package: Path, seconds: float = 1200) -> dict[str, Any]:
    """Boot the guest and return what it saw. Errors: AssertionError with its console when it says nothing in time."""
    image, console = disk(folder, package), folder / "console"
    guest = subprocess.Popen(
        ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024", "-nographic", "-no-reboot",
         "-nodefaults", "-nic", "none", "-kernel", folder / "vmlinuz", "-initrd", folder / "initrd.img", "-append", BOOT,
         "-drive", f"file={image},if=virtio,format=raw,cache=unsafe", "-serial", f"file:{console}", "-monitor", "none"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            text = console.read_text("utf-8", "replace") if console.exists() else ""
            _, mark, tail = text.partition(MARK)
            if mark and "\n" in tail:
                found: dict[str, Any] = json.loads(tail.splitlines()[0])
                return found
            if guest.poll() is not None:
                break
            time.sleep(1)
        raise AssertionError(f"the guest said nothing: {text[-3000:]}")
    finally:
        if guest.poll() is None:
            os.killpg(guest.pid, signal.SIGKILL)
        guest.communicate()
