"""How long rendering and auditing take: one server in process, ten thousand hosts, and the whole command.

python bench/render_audit.py [--hosts 10000]; exits 1 where a claim does not hold.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hardening.tls import policy
from hardening.tls.auditing import audit, mains
from hardening.tls.rendering.render import render
from hardening.tls.targets import find

SSL_CONF = """ServerRoot "{root}"
Listen 443
SSLPassPhraseDialog builtin
SSLSessionCache shmcb:/var/cache/mod_ssl/scache(512000)
<VirtualHost _default_:443>
ServerName host{number}.example
ErrorLog logs/ssl_error_log
SSLEngine on
SSLProtocol all -SSLv2{extra}
SSLCipherSuite {ciphers}
SSLCertificateFile /nowhere/{number}.crt
<Files ~ "\\.(cgi|shtml|phtml|php3?)$">
    SSLOptions +StdEnvVars
</Files>
</VirtualHost>
"""
CIPHERS = (
    "DEFAULT:!EXP:!SSLv2:!DES:!IDEA:!SEED:+3DES",
    "HIGH:3DES:!aNULL:!MD5:!SEED:!IDEA",
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384",
)


def best(action: Callable[[], object], rounds: int, clock: Callable[[], float] = time.process_time) -> float:
    """Return the median of several timings in seconds; of this process's own time, unless a clock is given."""
    found = []
    for _ in range(rounds):
        start = clock()
        action()
        found.append(clock() - start)
    return statistics.median(found)


def hosts(folder: Path, count: int) -> list[Path]:
    """Write one configuration per host, no two alike."""
    paths = []
    for number in range(count):
        path = folder / f"host{number}.conf"
        extra = (" -SSLv3", "", " -SSLv3 -TLSv1")[number % 3]
        path.write_text(
            SSL_CONF.format(root=folder, number=number, extra=extra, ciphers=CIPHERS[number // 3 % 3])
        )
        paths.append(path)
    return paths


def command_seconds(arguments: list[str]) -> float:
    """Return the median processor time of a whole command, its modules compiled once as an installation has them."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return best(
        lambda: subprocess.run(arguments, check=False, capture_output=True, env=environment),
        15,
        children_time,
    )


def children_time() -> float:
    """Return the processor time of every command that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    asked = parser.parse_args()
    aspect = policy.load("aspect")
    fine = True
    for name in ("httpd", "lighttpd", "nginx"):
        target = find(name)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rendered.conf"
            path.write_text(render(target, aspect).text)
            version = target.facts.default
            how = mains.AuditInput(target=target, version=version)
            audit.audit([path], [aspect], how)
            rendering = best(lambda: render(target, aspect), 200)  # noqa: B023 - called at once
            auditing = best(lambda: audit.audit([path], [aspect], how), 200)  # noqa: B023 - as above
        total = (rendering + auditing) * 1000
        fine = fine and total <= 1.0
        print(
            f"{name}: render {rendering * 1000:.3f} ms + audit {auditing * 1000:.3f} ms = {total:.3f} ms (limit 1)"
        )
    with tempfile.TemporaryDirectory() as folder:
        paths = hosts(Path(folder), asked.hosts)
        how = mains.AuditInput(target=find("httpd"), version="2.2.15-el6")
        gc.collect()
        start = time.process_time()
        found = audit.audit(paths, [aspect], how)
        seconds = time.process_time() - start
    fine = fine and seconds < 10 * asked.hosts / 10_000
    print(f"{asked.hosts} hosts: {seconds:.2f} s, {len(found.findings)} findings (limit 10 s for 10000)")
    bare = command_seconds([sys.executable, "-c", "pass"])
    harden = str(Path(sys.executable).with_name("harden"))
    for arguments in (["--help"], ["tls", "render", "nginx"]):
        ratio = command_seconds([harden, *arguments]) / bare
        fine = fine and ratio <= 8
        print(f"harden {' '.join(arguments)}: {ratio:.1f} x `python -c pass` ({bare * 1000:.1f} ms; limit 8)")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
