"""Fleets on one machine: 500 and 1,000 endpoints (addresses of 127/8 on one nginx), one Python process.

Usage: python bench/scan_fleet.py [COUNT...]
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from scan_peers import COMPLIANT, measure, nginx

from hardening.tls import policy
from hardening.tls.scan.run import ScanSettings, scan

TWELVE = (
    "ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:"
    "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384;"
    " ssl_ecdh_curve X25519:prime256v1;"
)


def addresses(count: int, port: int) -> list[str]:
    return [f"127.1.{i // 250}.{i % 250 + 1}:{port}" for i in range(count)]


def main() -> None:
    counts = [int(word) for word in sys.argv[1:]] or [500, 1000]
    chosen = [policy.load("aspect")]
    with nginx(COMPLIANT, TWELVE, host="0.0.0.0") as (good, twelve):
        scan(addresses(1, good), chosen)
        print(f"{'':28}{'wall s':>8}{'CPU ms/endpoint':>17}{'connections':>13}")
        runs = [(f"{n} verdicts", addresses(n, good), ScanSettings()) for n in counts]
        runs.append(("200 inventories, 12 suites", addresses(200, twelve), ScanSettings(full=True)))
        for name, endpoints, settings in runs:
            wall, cpu = time.monotonic(), time.process_time()
            run = scan(endpoints, chosen, settings)
            wall, cpu = time.monotonic() - wall, time.process_time() - cpu
            asked = {subject.stats["connections"] for subject in run.subjects}
            assert all(subject.examined == "full" for subject in run.subjects)
            spread = f"{min(asked)}-{max(asked)}" if len(asked) > 1 else str(*asked)
            print(f"{name:28}{wall:>8.2f}{1000 * cpu / len(endpoints):>17.2f}{spread:>13}")
        if shutil.which("sslscan"):
            few = addresses(50, good)
            pairs = [measure(["sslscan", at]) for at in few]
            ours = time.monotonic()
            scan(few, chosen)
            ours = time.monotonic() - ours
            theirs = sum(wall for wall, _, _ in pairs)
            print(
                f"50 endpoints: sslscan one after the other {theirs:.2f} s, ours {ours:.2f} s, {theirs / ours:.1f} times"
            )


if __name__ == "__main__":
    main()
