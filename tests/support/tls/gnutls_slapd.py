"""OpenLDAP's library linked with GnuTLS, as slapd of Debian 12 and before has it: made from the source package of this Debian.

`python tests/support/tls/gnutls_slapd.py` makes it once, in .cache; the slapd that is installed then runs with it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / ".cache" / "gnutls-slapd"
LIBRARIES = FOLDER / "lib"
LIBRARY = LIBRARIES / "libldap.so.2"
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_PACKAGES = ("gcc", "libgnutls28-dev", "libsasl2-dev", "make", "xz-utils")


def build() -> None:
    """Bring the source of the slapd that is installed, and build its libraries with GnuTLS."""
    run = subprocess.run
    version = run(
        ["dpkg-query", "-W", "-f=${source:Version}", "slapd"], check=True, capture_output=True, text=True
    ).stdout
    lists = FOLDER / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    sources = FOLDER / "source.sources"
    sources.write_text(_SOURCES.read_text().replace("Types: deb\n", "Types: deb-src\n"))
    options = [
        f"-oDir::Etc::sourcelist={sources}", "-oDir::Etc::sourceparts=/dev/null", f"-oDir::State::lists={lists}",
        "-oAPT::Sandbox::User=root", "-qq",
    ]  # fmt: skip
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *_PACKAGES], check=True, cwd=FOLDER)
    run(["apt-get", *options, "update"], check=True, cwd=FOLDER)
    run(["apt-get", *options, "source", "--download-only", f"openldap={version}"], check=True, cwd=FOLDER)
    source = FOLDER / "source"
    source.mkdir(exist_ok=True)
    (archive,) = FOLDER.glob("openldap_*.orig.tar.xz")
    run(["tar", "-xJf", str(archive), "-C", str(source), "--strip-components=1"], check=True)
    configure = ["./configure", "--disable-slapd", "--with-tls=gnutls", "--enable-shared", "--disable-static"]
    with (FOLDER / "build.log").open("w") as log:
        for command, where in (
            (configure, source),
            (["make", "depend"], source),
            (["make"], source / "libraries"),
        ):
            run(command, check=True, cwd=where, stdout=log, stderr=subprocess.STDOUT)
    LIBRARIES.mkdir(exist_ok=True)
    for name in ("libldap", "liblber"):
        made = (source / "libraries" / name / ".libs" / f"{name}.so.2").resolve()
        shutil.copy(made, LIBRARIES / f"{name}.so.2")
    shutil.rmtree(source)


if __name__ == "__main__":
    if not LIBRARY.exists():
        build()
    sys.stdout.write(f"{LIBRARY}\n")
