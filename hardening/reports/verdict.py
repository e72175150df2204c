"""The one sentence every report for people ends with, and what was looked at in a few words."""

from __future__ import annotations

from collections import Counter

from hardening.errors import ExitCode
from hardening.findings import Examined, Run, Severity, Subject
from hardening.reports.plain import visible

_WORDS = {
    ExitCode.OK: "OK",
    ExitCode.NOTHING_EXAMINED: "NOTHING EXAMINED",
    ExitCode.PARTLY_EXAMINED: "INCOMPLETE",
    ExitCode.PENDING: "PENDING",
    ExitCode.ROLLED_BACK: "FAILED, UNCHANGED",  # rolled back, or never begun: a plan, a refusal
    ExitCode.HOSTS_FAILED: "HOSTS FAILED",
    ExitCode.FINDINGS: "FAIL",
    ExitCode.REFUSED: "REFUSED",
}
_NEXT = {ExitCode.PARTLY_EXAMINED: "; what to do: harden docs incomplete"}
_OPEN = frozenset({ExitCode.PENDING, ExitCode.PARTLY_EXAMINED})
"""Nothing failed, and something is left to be done or looked at."""
_KIB = 1024


def tone(run: Run, fail_on: Severity | None) -> str:
    """Return the colour of the verdict: `pass`, `open` or `fail`."""
    code = run.exit_code(fail_on)
    if code is ExitCode.OK:
        return "open" if _unknown(run) else "pass"
    return "open" if code in _OPEN else "fail"


def word(run: Run, fail_on: Severity | None) -> str:
    """Return the verdict in few words, upper case."""
    code = run.exit_code(fail_on)
    if code is ExitCode.OK and fail_on is None and any(one.counts for one in run.findings):
        return "DONE"  # nothing was asked that could fail
    if code is ExitCode.OK and _unknown(run):
        return "INCONCLUSIVE"
    return _WORDS.get(code, "ERROR")


def _unknown(run: Run) -> bool:
    """Return whether the verdict of a policy could not be settled; nobody asked for it, else the exit code would say so."""
    return any("unknown" in subject.policies.values() for subject in run.subjects)


def sentence(run: Run, fail_on: Severity | None) -> str:
    """Return one line: the verdict, how many findings count, what was looked at, the exit code."""
    counts = run.counts()
    tally = [f"{counts[s.label]} {s.label}" for s in reversed(Severity) if counts[s.label]]
    total = sum(counts[s.label] for s in Severity)
    found = f"{many(total, 'finding')} ({', '.join(tally)})" if total else "no findings"
    if counts["waived"]:
        found += f", {counts['waived']} waived"
    known = sum(f.known and f.waived is None for f in run.findings)
    if known:
        found += f", {known} in the baseline"
    left_out = Counter(f.left_out for f in run.findings if f.left_out and not f.known)
    found += "".join(f", {count} left out ({name})" for name, count in sorted(left_out.items()))
    past = earlier(run)
    if past:
        before = sum(f.counts and f.subject in past for f in run.findings)
        found += f", {before} of them before and {total - before} after" if total else " before or after"
    code = run.exit_code(fail_on)
    limit = f" threshold {'never' if fail_on is None else fail_on.label};"
    if fail_on is None and code is not ExitCode.OK:
        limit = ""  # not a finding but what happened made the exit code
    return f"{word(run, fail_on)}: {found} in {scope(run)};{limit} exit {int(code)}{_NEXT.get(code, '')}"


def earlier(run: Run) -> frozenset[str]:
    """Return the ids of subjects that another one names, in `stats["before"]`, as what it was before."""
    known = {subject.id for subject in run.subjects}
    named = {str(one.stats.get("before", "")): one.id for one in run.subjects}
    return frozenset(before for before, after in named.items() if before in known and before != after)


def scope(run: Run) -> str:
    """Return how many subjects of which kinds, and how many of them were not seen in full."""
    kinds: dict[str, int] = {}
    for subject in run.subjects:
        kinds[subject.kind.value] = kinds.get(subject.kind.value, 0) + 1
    text = ", ".join(many(kinds[kind], kind) for kind in sorted(kinds)) or "nothing"
    part = sum(s.examined is Examined.PARTIAL for s in run.subjects)
    none = sum(s.examined is Examined.NONE for s in run.subjects)
    gaps = [f"{part} partial"] * bool(part) + [f"{none} not examined"] * bool(none)
    left = sum(int(s.stats.get("packed_bytes_not_opened", 0)) for s in run.subjects)
    if left:
        packed = sum(int(s.stats.get("packed_bytes", 0)) for s in run.subjects)
        gaps.append(f"{size(left)} of {size(packed)} packed not opened to the end")
    return f"{text} ({', '.join(gaps)})" if gaps else text


_COUNTED = frozenset(
    "archives assets components connections lines members places releases servers statements tasks".split()
)
_UNSAID = frozenset(
    "bytes_examined packed_bytes packed_bytes_opened packed_bytes_not_opened packed_files packed_files_not_opened".split()
)
"""What the rest tells, or the reason of the subject."""
_ORDER = ("members", "lines", "connections", "bytes", "bytes_not_examined")
"""What comes first, whatever else was counted; the time it took comes last."""


def looked_at(subject: Subject) -> str:
    """Return the kind of a subject and its simple statistics: `bundle, 12 members, 34.0 KiB, 0.06 s`."""
    words = [subject.kind.value, *["forbidden settings only"] * requested_in_part(subject)]
    for key in sorted(subject.stats, key=_rank):
        value = subject.stats[key]
        if value == "" or key in _UNSAID or (key == "bytes_not_examined" and not value):
            continue
        if key == "bytes_not_examined" and isinstance(value, int):
            words.append(f"{size(value)} of it not examined")
        elif key == "bytes" and isinstance(value, int):
            words.append(size(value))
        elif key == "signers" and isinstance(value, list | tuple) and value:
            words.append(f"signed by {' and '.join(visible(str(one)) for one in value)}")
        elif key == "seconds" and isinstance(value, float | int):
            words.append(f"{value:.2f} s")
        elif isinstance(value, float):
            words.append(f"{visible(key).replace('_', ' ')} {value:.2f}")
        elif key in _COUNTED and isinstance(value, int):
            words.append(many(value, key.removesuffix("s")))
        elif isinstance(value, int | str) and not isinstance(value, bool):
            words.append(f"{visible(key).replace('_', ' ')} {visible(str(value))}")
    return ", ".join(words)


def unanswered(subject: Subject) -> list[tuple[str, list[str]]]:
    """Return the rules that a pass does not cover, by the command that answers them."""
    found: dict[str, list[str]] = {}
    for one in subject.unanswered:
        found.setdefault(one.command, []).append(one.rule)
    return list(found.items())


def unanswered_words(subject: Subject) -> list[str]:
    """Return the same in one line for each command."""
    return [
        f"not answered from here: {', '.join(rules)}" + (f"; answer: {command}" if command else "")
        for command, rules in unanswered(subject)
    ]


def readiness(subject: Subject) -> list[str]:
    """Return what is to be known for the years to come, a line each: key agreement, then each certificate's days and key."""
    return [visible(str(line)) for line in (subject.offer or {}).get("readiness", ())]


def requested_in_part(subject: Subject) -> bool:
    """Whether only what the policies forbid was asked for, so that the offer is not a list of all there is."""
    return (subject.offer or {}).get("coverage") == "forbidden-only"


def _rank(key: str) -> tuple[int, str]:
    if key == "seconds":
        return len(_ORDER) + 1, key
    return _ORDER.index(key) if key in _ORDER else len(_ORDER), key


def size(count: float) -> str:
    """Return a number of bytes for people, in binary units."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < _KIB:
            return many(round(count), "byte") if unit == "bytes" else f"{count:.1f} {unit}"
        count /= _KIB
    return f"{count:.1f} TiB"


def many(count: int, noun: str) -> str:
    """Return `1 finding`, `2 findings`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
