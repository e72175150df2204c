"""SELinux: its mode, and the context of a new file."""

from hardening.onhost.shared.files import read
from hardening.onhost.shared.processes import run, which
from hardening.onhost.shared.texts import shown


def selinux():
    """Return `enforcing`, `permissive` or `disabled`."""
    for place in ("/sys/fs/selinux/enforce", "/selinux/enforce"):
        try:
            return "enforcing" if read(place).strip() == b"1" else "permissive"
        except (OSError, IOError):
            continue
    return "disabled"


def default_context(path):
    """Return the context the host's policy gives a new file at `path`, as bytes, or None."""
    if selinux() == "disabled" or not which("matchpathcon"):
        return None
    code, output = run(["matchpathcon", "-n", shown(path)], 20)
    word = output.strip()
    return None if code or not word or word == "<<none>>" else word.encode("ascii") + b"\0"
