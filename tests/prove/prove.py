"""The proof matrix: every target whose server is installed x every policy x RSA and ECDSA certificates.

Each combination starts the real server with what was rendered and compares rendered, audited and scanned,
set for set. Run by `make prove`; writes docs/proof-measured.md and a JSON report. Exit 1 on any mismatch.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hardening.errors import UsageError
from hardening.tls import policy as policies
from tests.prove import library_stacks, old_stacks
from tests.support.docs.prose import contents
from tests.support.tls import compared, servers

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Row:
    """One combination and what came of it."""

    target: str
    policy: str
    key: str
    outcome: str
    """`equal`, `refused`, `mismatch` or `error`."""
    detail: str
    protocols: tuple[str, ...] = ()
    suites: int = 0
    groups: str = ""
    """`set` where the groups that were written were seen, `own` where the library's own were, empty where none show."""
    signed: bool = False
    """Whether a list of signature schemes was written and seen."""


def say(text: str, *, flush: bool = True) -> None:
    """Print one line of progress."""
    sys.stdout.write(text + "\n")
    if flush:
        sys.stdout.flush()


def combinations(targets: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield target, policy and key for every server that is installed."""
    for target in targets:
        for policy in policies.available():
            loaded = policies.load(policy)
            if not (loaded.ssh_lists if servers.target_of(target).ssh else loaded.rules):
                continue  # a policy about SSH alone says nothing to a web server, nor the other way round
            for key in servers.KEYS:
                yield target, policy, key


def end_with_parent() -> None:
    """Let a worker end, and its servers with it, when the run it belongs to is killed, however that is done."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGALRM, _end)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))


def _end(*_: object) -> None:
    signal.alarm(6)  # once more, where the exit is raised in a place that swallows it, as a finalizer does
    sys.exit(_KILLED)


_PR_SET_PDEATHSIG = 1
_KILLED = 143


def one(combination: tuple[str, str, str]) -> Row:
    """Start one server and compare."""
    try:
        return _compared(combination)
    except SystemExit:  # its servers are stopped by now; the pool would go on with the next combination
        os._exit(_KILLED)


def _compared(combination: tuple[str, str, str]) -> Row:
    target, policy, key = combination
    with tempfile.TemporaryDirectory(prefix="prove-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101 - servers drop their privileges
        try:
            views = compared.compare(target, policies.load(policy), key, Path(folder) / "server")
            again = not views.equal and _busy(views, target)
            if again:
                views = compared.compare(target, policies.load(policy), key, Path(folder) / "again")
        except UsageError as refused:
            return Row(target, policy, key, "refused", f"{refused}; next: {refused.hint}")
        except Exception as problem:  # noqa: BLE001 - the table has to be complete
            last = traceback.format_exc().strip().splitlines()[-3:]
            return Row(target, policy, key, "error", f"{problem} {' '.join(last)}"[:2000])
    protocols = tuple(views.scanned)
    count = len({s for suites in views.scanned.values() for s in suites})
    if not views.scanned and not views.rendered:
        return Row(
            target, policy, key, "refused", f"no suite of the policy works with a certificate of kind {key}"
        )
    if views.equal:
        said = "asked again" if again else ""
        signed = any(views.signatures.rendered.values())
        return Row(target, policy, key, "equal", said, protocols, count, _groups(views.groups), signed)
    return Row(target, policy, key, "mismatch", views.difference(), protocols, count)


def _busy(views: compared.Views, target: str) -> bool:
    """Tell whether a busy machine may have left questions unanswered: all of them, or some where silence is a refusal."""
    return bool(views.rendered) and (not views.scanned or servers.SERVERS[target].waits)


def old(question: tuple[old_stacks.Stack, str, Path]) -> Row:
    """Start one old library or program as a server with one cipher string and compare."""
    try:
        return _old_compared(question)
    except SystemExit:
        os._exit(_KILLED)


def _old_compared(question: tuple[old_stacks.Stack, str, Path]) -> Row:
    stack, string, keys = question
    try:
        seen = old_stacks.compare(stack, string, keys)
    except Exception as problem:  # noqa: BLE001 - the table has to be complete
        last = traceback.format_exc().strip().splitlines()[-3:]
        return Row(stack.name, string, "", "error", f"{problem} {' '.join(last)}"[:2000])
    count = len({s for suites in seen.scanned.values() for s in suites})
    if not seen.equal:
        return Row(stack.name, string, "", "mismatch", f"predicted {seen.predicted}\nscanned {seen.scanned}")
    if seen.refused:
        return Row(stack.name, string, "", "refused", "the library refuses the string, as predicted")
    return Row(stack.name, string, "", "equal", "", tuple(seen.scanned), count)


def old_table(rows: list[Row]) -> list[str]:
    """Return what the old stacks showed as Markdown."""
    tally = Counter(r.outcome for r in rows)
    names = sorted({r.target for r in rows})
    lines = [
        "## Real old stacks",
        "",
        "The servers are the OpenSSL libraries of `make oracles` (through ctypes, with RSA, ECDSA and DSA certificates), and Node.js builds with 1.0.1e, 1.0.1u, 1.0.2r and 1.1.1g.",
        "The suites that a scan saw are those predicted from the cipher string, version for version.",
        "",
        f"**{len(rows)} combinations: {tally['equal']} equal, {tally['refused']} refused by the library as predicted,",
        f"{tally['mismatch']} mismatch, {tally['error']} error.**",
        "",
        "| server | " + " | ".join(f"`{s}`" for s in old_stacks.STRINGS) + " |",
        "| --- |" + " --- |" * len(old_stacks.STRINGS),
    ]
    for name in names:
        cells = [
            str(r.suites) if r.outcome == "equal" else "-" if r.outcome == "refused" else r.outcome
            for r in rows
            if r.target == name
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, "", "Node.js is given each string with `:!EXP:!IDEA` at its end. `-`: refused."]


def library(question: tuple[library_stacks.Told, Path]) -> Row:
    """Start one server of a library without a target and compare what a scan sees with what it was told."""
    one, keys = question
    try:
        seen = library_stacks.scanned(one, keys)
    except SystemExit:
        os._exit(_KILLED)
    except Exception as problem:  # noqa: BLE001 - the table has to be complete
        return Row(one.name, one.words, "", "error", str(problem)[:2000])
    if seen != one.expected:
        return Row(one.name, one.words, "", "mismatch", f"told {one.expected}\nscanned {seen}")
    return Row(one.name, one.words, "", "equal", "", tuple(seen), sum(map(len, seen.values())))


def library_table(rows: list[Row]) -> list[str]:
    """Return what the libraries without a target showed as Markdown."""
    tally = Counter(r.outcome for r in rows)
    return [
        "## Libraries without a target",
        "",
        "No server whose settings are written or read here uses Go, rustls or BoringSSL. A scan of each sees exactly the suites that it was told, or that it has by itself.",
        "",
        f"**{len(rows)} servers: {tally['equal']} equal, {tally['mismatch']} mismatch, {tally['error']} error.**",
        "",
        "| server | told | suites |",
        "| --- | --- | --- |",
        *(f"| {r.target} | {r.policy} | {r.suites if r.outcome == 'equal' else r.outcome} |" for r in rows),
    ]


def _groups(seen: compared.Groups) -> str:
    return "" if not any(seen.scanned.values()) else "set" if seen.rendered else "own"


_OTHERS = """## Configurations of others

`make test-corpora CORPORA=DIR` reads what others publish and compares verdict by verdict. A disagreement needs a decided reason in `tests/data/tls/corpora`, or the test fails.

| corpus | what is compared | rows | agree | disagree, decided |
| --- | --- | --- | --- | --- |
| mozilla/ssl-config-generator (858f8f7) | output for each server, release and level, by the `mozilla-*` policy of the level | 395 | 169 | 226: 42 that it cannot write, 8 faults of the generator, in most others a release has no directive for groups or order |
| fedora-crypto-policies (snapshot 2026-02-17) | the golden files of 16 policies and modules for OpenSSL, ssh, sshd and Java, by the policy's own settings | 64 | 22 | 42: what sshd, ssh and Java have by themselves |
| chromium/badssl.com (6e53ae0) | each domain, with certificates and parameters from its own makefile, by what its dashboard expects | 97 | 92 | 5 |

Of badssl.com's bad certificates 8 of 8 are found, of those that no authority would issue (RSA 512, RSA 1024, MD5) 3 of 3, of its bad Diffie-Hellman parameters 5 of 5.
""".split("\n")
_UNPROVED = """## Not proved here

These are rendered, read back and judged, and not started:

- **MySQL.** Neither Debian nor the package indexes of Python and Node.js have a MySQL or Percona server. The column `mariadb` is MariaDB only. What MySQL does with its settings is from its documentation and source.
- **slapd of Debian 11 and 12** itself. The column `slapd_gnutls` is slapd 2.6.10 with the library of its own source package, linked with GnuTLS 3.8.9 (`make gnutls-slapd`).
- **Exim with OpenSSL.** Debian links Exim with GnuTLS. The column `exim` shows that.
- **Older releases** than those installed. Their library is proved (real old stacks, below). What each directive means is from the sources that `harden tls targets` names.
- **crypto_policies**: no program here reads it. It is compared with what the generator made of seven policies. **openssh_client** is checked by `ssh -G`.""".split(
    "\n"
)


def table(rows: list[Row], olds: list[Row], libraries: list[Row]) -> str:
    """Return the matrix as Markdown."""
    tally = Counter(r.outcome for r in rows)
    counts = ", ".join(f"{tally[w]} {w}" for w in ("equal", "refused", "mismatch", "error"))
    shown = Counter(r.groups for r in rows)
    again = sum(r.outcome == "equal" and bool(r.detail) for r in rows)
    names = sorted({r.target for r in rows})
    lines = [
        "# Proof, measured",
        "",
        "Written by `make prove`. Each cell is the real server of this distribution, started on loopback with the rendered configuration.",
        "The suites rendered, the suites read back from its files, and the suites that a scan saw are compared set for set, with an RSA and an ECDSA certificate.",
        "",
        f"**{len(rows)} combinations: {counts}.**",
        "",
        f"- In {shown['set']} of them the written groups are the groups seen. In {shown['own']} the target cannot set groups, and the library's own were read back and seen.",
        f"- In {sum(r.signed for r in rows)} of them a list of signature schemes was written, read back and seen.",
        "- Before TLS 1.3, groups are compared with the RSA certificate only, because a client names the curve of an ECDSA one.",
        f"- {again} were asked a second time, because the busy machine had left questions unanswered.",
        "",
        "A cell shows RSA / ECDSA: the number of suites that agreed, or `-` for a refusal (listed below).",
        "",
        "| policy | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    by_cell = {(r.target, r.policy, r.key): r for r in rows}
    for policy in sorted({r.policy for r in rows}):
        cells = []
        for name in names:
            if (name, policy, servers.KEYS[0]) not in by_cell:
                cells.append("")
                continue
            pair = [by_cell[name, policy, key] for key in servers.KEYS]
            cells.append(
                " / ".join(
                    str(r.suites) if r.outcome == "equal" else "-" if r.outcome == "refused" else r.outcome
                    for r in pair
                )
            )
        lines.append(f"| {policy} | " + " | ".join(cells) + " |")
    refused: dict[str, list[str]] = {}
    for r in rows:
        if r.outcome == "refused":
            refused.setdefault(r.detail, []).append(f"{r.target} {r.policy} {r.key}")
    lines += ["", "## Refused", ""]
    lines += [f"- `{why}` ({len(who)}: {', '.join(who)})" for why, who in sorted(refused.items())] or [
        "None."
    ]
    lines += ["", *_OTHERS, *_UNPROVED]
    if olds:
        lines += ["", *old_table(olds)]
    if libraries:
        lines += ["", *library_table(libraries)]
    text = "\n".join(lines) + "\n"
    return text.replace("\n\n", f"\n\n{contents(text)}\n\n", 1)


def _resumed(path: Path | None) -> dict[tuple[str, str, str], Row]:
    """Return what an interrupted run has settled."""
    if path is None or not path.exists():
        return {}
    rows = [Row(**json.loads(line)) for line in path.read_text().splitlines()]
    return {(r.target, r.policy, r.key): r for r in rows if r.outcome in {"equal", "refused"}}


def _tried(work: list[tuple[str, str, str]], jobs: int, waiting: int) -> Iterator[Row]:
    """Yield each combination as it is settled; those that mostly wait go on beside the others, many at once."""
    slow = [c for c in work if servers.SERVERS[c[0]].waits]
    quick = [c for c in work if not servers.SERVERS[c[0]].waits]
    with (
        ProcessPoolExecutor(jobs, initializer=end_with_parent) as pool,
        ProcessPoolExecutor(waiting, initializer=end_with_parent) as patient,
    ):
        asked = [patient.submit(one, c) for c in slow] + [pool.submit(one, c) for c in quick]
        for settled in as_completed(asked):
            yield settled.result()


def _stack_rows(jobs: int) -> tuple[list[Row], list[Row]]:
    """Return what old stacks showed, and what libraries without a target did."""
    stacks, told = list(old_stacks.stacks()), list(library_stacks.told())
    if not stacks:
        say("no old library is here, so none was tried: make oracles")
    with tempfile.TemporaryDirectory(prefix="prove-", ignore_cleanup_errors=True) as folder:
        keys = old_stacks.keys(Path(folder) / "keys")
        work = [(stack, string, keys) for stack in stacks for string in old_stacks.strings(stack)]
        with ProcessPoolExecutor(jobs, initializer=end_with_parent) as pool:
            rows = list(pool.map(old, work))
        # One after another: the folder with the keys is also where these servers write their settings.
        libraries = [library((one, keys)) for one in told]
    for row in (*rows, *libraries):
        if row.outcome in {"mismatch", "error"}:
            say(f"{row.outcome}: {row.target} {row.policy}\n  {row.detail[:600]}")
    return rows, libraries


def main() -> int:
    """Run the matrix and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="default: every server that is installed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--waiting", type=int, default=24, help="how many servers to wait for at once")
    parser.add_argument("--table", type=Path, default=ROOT / "docs" / "proof-measured.md")
    parser.add_argument("--report", type=Path, default=ROOT / ".cache" / "proof.json")
    parser.add_argument(
        "--resume", type=Path, help="note each row here, and begin after those that are there"
    )
    asked = parser.parse_args()
    installed = tuple(n for n in sorted(servers.SERVERS) if servers.program(servers.SERVERS[n].program))
    missing = sorted(set(asked.targets or servers.SERVERS) - set(installed))
    if missing:
        say(f"not installed, so not tried: {', '.join(missing)}")
        if os.environ.get("CI") == "true":
            return 1
    done = _resumed(asked.resume)
    every = list(combinations(tuple(asked.targets) or installed))
    rows = [done[c] for c in every if c in done]
    began = time.monotonic()
    for row in _tried([c for c in every if c not in done], asked.jobs, asked.waiting):
        rows.append(row)
        if asked.resume is not None:
            with asked.resume.open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")
        if row.outcome in {"mismatch", "error"}:
            say(f"{row.outcome}: {row.target} {row.policy} {row.key}\n  {row.detail}")
        if len(rows) % 100 == 0:
            say(f"{len(rows)} of {len(every)} after {time.monotonic() - began:.0f} s")
    rows.sort(key=lambda r: (r.target, r.policy, servers.KEYS.index(r.key)))
    olds, libraries = ([], []) if asked.targets else _stack_rows(asked.jobs)
    every_row = (*rows, *olds, *libraries)
    tally = Counter(r.outcome for r in every_row)
    say(
        f"tried {len(every_row)}, equal {tally['equal']}, refused with a reason {tally['refused']}, "
        f"mismatches {tally['mismatch']}, errors {tally['error']}"
    )
    asked.table.write_text(table(rows, olds, libraries))
    asked.report.parent.mkdir(parents=True, exist_ok=True)
    report = {"schema": "harden-proof/1", "tally": dict(tally), "rows": [asdict(r) for r in every_row]}
    asked.report.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if tally["mismatch"] or tally["error"] else 0


if __name__ == "__main__":
    sys.exit(main())
