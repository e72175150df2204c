"""Configuration files against policies, without network: which server it is, what it offers, what is wrong.

Where nobody says which version runs, every known release is asked, and what depends on the answer says so.
"""

from __future__ import annotations

import posixpath
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hardening.errors import InputError
from hardening.findings import (
    Confidence,
    Examined,
    Finding,
    Fix,
    InFile,
    Result,
    Subject,
    SubjectKind,
    Unanswered,
    Verdict,
    in_file,
)
from hardening.tls import clients
from hardening.tls.auditing import host_defaults, inert, mains, release_wording, remedies, shared, unread
from hardening.tls.auditing.mains import AuditInput, Main
from hardening.tls.auditing.problems import CLEARTEXT, NOT_PARTIAL, PROBLEMS
from hardening.tls.auditing.recognise import unlike
from hardening.tls.auditing.shared import Audited
from hardening.tls.judging import cleartext, readiness
from hardening.tls.judging.judge import Judgement, judge
from hardening.tls.judging.scan_command import hosts, scan_command
from hardening.tls.libraries import builds
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.targets import Target
from hardening.tls.targets.base import Reading
from hardening.tls.targets.reading.chroot import opened
from hardening.tls.targets.reading.tree import Tree, TreeProblem


def audit(
    paths: Sequence[Path],
    policies: Sequence[Policy],
    request: AuditInput | None = None,
    *,
    top: Path | None = None,
) -> Audited:
    """Audit files and folders; `top` is the `/` of the host they are of. Errors: InputError for one that is absent or may not be read."""
    found = Audited([], [], [])
    seen: set[tuple[str, str]] = set()
    for path in dict.fromkeys(paths):
        found.add(_path(path, policies, request or AuditInput(), seen, top))
    return found


def _path(
    path: Path, policies: Sequence[Policy], request: AuditInput, seen: set[tuple[str, str]], top: Path | None
) -> Audited:
    """Audit what a path holds, except the configurations in `seen`, and add them to `seen`."""
    try:
        folder = path.is_dir()
        if not folder:
            opened(str(path)).close()
        else:
            next(iter(path.iterdir()), None)
    except OSError as problem:
        raise InputError(
            f"{path}: {problem.strerror or problem}", hint="check the path and its permissions"
        ) from problem
    tree = Tree.on_disk(path, top)
    shown = str(path)
    every = mains.found(tree, path, request)
    if not every:
        return _nothing(shown, *(tree.problems or [_why_nothing(path, folder)]))
    found = Audited([], [], [])
    for closed in tree.taken("unreadable"):
        found.add(_nothing(closed.path, closed))  # whose configuration lies there, nobody knows
    looked = tuple(tree.problems)
    for main in every:
        if (key := (main.target.name, main.path)) not in seen:
            seen.add(key)
            tree.begin(looked)
            audited = audit_tree(tree, main, policies, request)
            found.add(audited if top is not None else _with_command(audited, main, request))
    return found


def _with_command(found: Audited, main: Main, request: AuditInput) -> Audited:
    """Return what was found with the command that prints the lines to change as the fix, where there is one."""
    if main.target.edits is None:
        return found
    name = f"{main.target.name}@{request.version}" if request.version else main.target.name
    options = f" --target {name}" * bool(request.target) + f" --openssl {request.build}" * bool(request.build)
    command = f"harden tls audit {shlex.quote(main.path)}{options} --policy {{}} --fix-diff"

    def fix(one: Finding) -> Fix | None:
        if one.fix is None or one.fix.operation != "set-directive" or not one.policies:
            return one.fix
        return replace(
            one.fix, action=f"run `{command.format(one.policies[0])}`: it prints the lines to change"
        )

    found.findings = [replace(one, fix=fix(one)) for one in found.findings]
    return found


def read(path: Path, target: Target, *, version: str | None = None, build: str | None = None) -> list[Offer]:
    """Return what one configuration offers under one release (default: the one assumed for the target)."""
    tree = Tree.on_disk(path)
    release, assumed = target.facts.release(version)
    way = host_defaults.with_defaults(
        tree, target, mains.reading(release, build, [assumed] if assumed else [])
    )
    return list(target.read(tree, posixpath.normpath(path.absolute().as_posix()), way))


_NO_SERVER = "no server we know writes its configuration like this"


def _why_nothing(path: Path, folder: bool) -> TreeProblem:
    if folder:
        return TreeProblem(
            "unknown-kind", str(path), None, "no server's main configuration file is in this folder"
        )
    size = path.stat().st_size
    return TreeProblem(
        "unknown-kind" if size else "empty", str(path), None,
        _NO_SERVER if size else "the file is empty",
    )  # fmt: skip


def _nothing(subject: str, *why: TreeProblem) -> Audited:
    return Audited(
        [Subject(id=subject, kind=SubjectKind.FILE, examined=Examined.NONE, reason=why[0].reason)],
        [_problem(one, subject) for one in why],
        [],
    )


def _in_clear(path: str, problems: Sequence[TreeProblem], policies: Sequence[Policy]) -> Audited:
    """Return a subject for each service that speaks without TLS."""
    found = Audited([], [], [])
    kinds = Counter(one.kind for one in problems)
    for one in problems:
        service = one.reason.partition(":")[0] if kinds[one.kind] > 1 else ""
        at = in_file(one.path, one.line)
        subject, finding, result = cleartext.of_configuration(
            path, at, CLEARTEXT[one.kind], one.reason, policies, service
        )
        found.add(Audited([subject], [finding], [result]))
    return found


def _same(problem: TreeProblem, version: str) -> tuple[str, int | None, str]:
    """Return what tells one directive that a release does not know from another, for comparing releases."""
    return problem.path, problem.line, problem.reason.replace(version, "")


def audit_tree(tree: Tree, main: Main, policies: Sequence[Policy], request: AuditInput) -> Audited:
    """Audit one configuration in a tree."""
    ways = mains.readings(tree, main, request)
    offers_of: list[tuple[Reading, list[Offer]]] = []
    refused: dict[str, list[TreeProblem]] = {}
    for way in ways:
        try:
            offers = list(main.target.read(tree, main.path, way))
        except RecursionError:  # as deep as no server goes
            tree.say("syntax", main.path, None, "its blocks are nested too deeply to be read")
            offers = []
        unknown = tree.taken("unknown-directive")
        refused[way.release.version] = unknown
        offers_of.append((way, offers))
    everywhere = set.intersection(*({_same(p, v) for p in found} for v, found in refused.items()))
    fitting = [
        (w, o)
        for w, o in offers_of
        if all(_same(p, w.release.version) in everywhere for p in refused[w.release.version])
    ] or offers_of  # what no release knows says nothing about which one runs
    fitting = [(w, o) for w, o in fitting if not any(one.refused for one in o)] or fitting
    unknown = refused[fitting[0][0].release.version]
    if main.guessed and unlike(tree, main.target, main.path, (*tree.problems, *unknown)):
        return _nothing(main.path, TreeProblem("unknown-kind", main.path, None, _NO_SERVER))
    found = _judged(fitting, policies, main.target, tree, request)
    problems = [*tree.problems, *unknown]
    found.add(_in_clear(main.path, [p for p in problems if p.kind in CLEARTEXT], policies))
    problems = [p for p in problems if p.kind not in CLEARTEXT]
    if not found.subjects:
        why = next(iter(tree.problems), TreeProblem("empty", main.path, None, "nothing in it is about TLS"))
        found = _nothing(main.path, why)
        problems = [p for p in problems if p != why]
    partial = [p for p in problems if p.kind not in NOT_PARTIAL]
    if unseen := [p for p in partial if p.kind in unread.KINDS]:
        unread.unsettled(
            found, [o for _, offers in fitting for o in _unique(offers)], tree, _reason(unseen[0])
        )
    if partial:
        found.subjects = [
            replace(
                s,
                examined=Examined.PARTIAL,
                reason=s.reason if s.examined is not Examined.FULL else _reason(partial[0]),
                policies={key: "unknown" if value == "pass" else value for key, value in s.policies.items()},
            )
            if s.examined is not Examined.NONE
            else s
            for s in found.subjects
        ]
    subject = found.subjects[0].id
    found.findings += [_problem(p, subject, tree) for p in problems]
    return found


def _reason(problem: TreeProblem) -> str:
    if problem.reason.startswith(f"{problem.path}: "):
        return problem.reason
    line = f" line {problem.line}" if problem.line else ""
    return f"{problem.path}{line}: {problem.reason}"


def _problem(problem: TreeProblem, subject: str, tree: Tree | None = None) -> Finding:
    return Finding(
        rule=PROBLEMS[problem.kind],
        subject=subject,
        location=in_file(problem.path, problem.line),
        message=problem.reason,
        evidence=problem.reason,
        remedy=_lay_out(problem, tree) if tree is not None and not tree.in_memory else "",
    )


def _lay_out(problem: TreeProblem, tree: Tree) -> str:
    """Return where to put an included file, by its full name, so that it is read; nothing for another problem."""
    path, absent, _ = problem.reason.partition(" is not there")
    if problem.kind != "missing-include" or not absent:
        return ""
    if tree.prefix and path.startswith(f"{tree.prefix}/"):
        return f"Copy it to {path} as well, or remove the include."
    if not path.startswith("/") or Path(path).is_relative_to(Path.cwd()):
        return ""  # a file of this checkout is missing; its folder is in no report
    return (
        f"It was looked for on this machine. Of another host, lay the files out as they lie there (COPY{path}), "
        "and audit the copy: `harden tls audit COPY`."
    )


def _judged(
    offers_of: Sequence[tuple[Reading, list[Offer]]],
    policies: Sequence[Policy],
    target: Target,
    tree: Tree,
    request: AuditInput,
) -> Audited:
    found = Audited([], [], [])

    def named(offer: Offer) -> Judgement:
        names = hosts((offer.subject, *offer.also)) if target.name in _NAMED_BY_CLIENTS else ()
        found = judge(
            offer,
            *policies,
            now=request.now,
            hostnames=names,
            required=request.required,
            expiry_days=request.expiry_days,
        )
        if request.store is None or not offer.certificates:
            return found
        from hardening.tls.judging import trust  # OpenSSL, for those who ask alone

        more = trust.of_files(offer, request.store, request.now or datetime.now(UTC))
        return replace(found, findings=(*found.findings, *more))

    if len(offers_of) == 1:
        way, offers = offers_of[0]
        for offer in _unique(offers):
            judgement = named(offer)
            findings = (*judgement.findings, *inert.found(offer, tree, policies))
            shown = [*remedies.fitting(findings, target, way), *_locked_out(offer)]
            found.add(
                shared.every_name(
                    offer,
                    Audited([_subject(offer, judgement, way, policies)], shown, list(judgement.results)),
                )
            )
    else:
        by_subject: dict[str, list[tuple[Reading, Offer, Judgement]]] = {}
        for way, offers in offers_of:
            for offer in _unique(offers):
                judgement = named(offer)
                more = tuple(inert.found(offer, tree, policies))
                judgement = replace(judgement, findings=(*judgement.findings, *more)) if more else judgement
                by_subject.setdefault(offer.subject, []).append((way, offer, judgement))
        for ways in by_subject.values():
            found.add(shared.every_name(ways[-1][1], _every_way(ways, target, policies)))
    found.findings = shared.brought_together(found.findings) if len(found.subjects) > 1 else found.findings
    return found


def _unique(offers: Iterable[Offer]) -> Iterator[Offer]:
    """Two servers may share a name and a port; the second then carries its line."""
    seen: set[str] = set()
    for offer in offers:
        names = []
        for name in (offer.subject, *offer.also):
            one, number = name, 1
            while one in seen:
                at = offer.at
                where = f"{at.path.rpartition('/')[2]}:{at.line}" if isinstance(at, InFile) else ""
                one = f"{name} ({where})" if number == 1 else f"{name} ({where}, {number})"
                number += 1
            seen.add(one)
            names.append(one)
        subject, *also = names
        yield (
            offer
            if subject == offer.subject and tuple(also) == offer.also
            else replace(offer, subject=subject, also=tuple(also))
        )


_NAMED_BY_CLIENTS = frozenset({"httpd", "lighttpd", "nginx", "tomcat"})
"""The servers whose configurations name the hosts that clients ask for, so that a certificate has to name them."""
DEPENDS = "; depends on the "
"""What a message ends with, and the releases, where not every release that may run has it."""
_SCOPE = "configuration"


def _extent(offer: Offer, gap: str) -> tuple[Examined, str]:
    """Return how much of an offer is settled, and what is not."""
    reason = offer.inconclusive[0] if offer.inconclusive else gap
    return (Examined.PARTIAL, reason) if reason else (Examined.FULL, "")


def _unanswered(
    offer: Offer, judgements: Iterable[Judgement], policies: Sequence[Policy]
) -> tuple[Unanswered, ...]:
    """Return the binding rules that files cannot answer, each once, with the command that does."""
    of_signatures = {p.result_rules[r.id].id for p in policies for r in p.rules if r.signatures is not None}
    found = {(one.policy, one.rule): one for judgement in judgements for one in judgement.unanswered}
    deep = {name for name, rule in found if rule in of_signatures}
    return tuple(
        replace(one, command=scan_command(offer, (one.policy,), deep=one.policy in deep))
        for one in found.values()
    )


def _subject(offer: Offer, judgement: Judgement, way: Reading, policies: Sequence[Policy]) -> Subject:
    examined, reason = _extent(offer, judgement.gap)
    return Subject(
        id=offer.subject,
        kind=SubjectKind.FILE,
        examined=examined,
        reason=reason,
        policies=judgement.verdicts,
        scope=_SCOPE,
        unanswered=_unanswered(offer, (judgement,), policies),
        offer=readiness.inventory(offer),
        stats={"release": way.release.version, "openssl": builds.plain(way.build)},
    )


def _every_way(
    ways: Sequence[tuple[Reading, Offer, Judgement]], target: Target, policies: Sequence[Policy]
) -> Audited:
    """Bring together what the same server would be under every release it may be."""
    facts = target.facts
    shown_way, offer, judgement = next((w for w in ways if w[0].release.version == facts.default), ways[-1])
    known = len({w.release.version for w, _, _ in ways}) == 1  # then it is the library that nobody names
    # what tells the ways apart: the library where all are one release, or both
    describe = release_wording.named
    if known:
        describe = release_wording.library
    elif len({w.release.version for w, _, _ in ways}) == len(ways):
        describe = release_wording.release
    holders: dict[tuple[str, str, str], list[tuple[Reading, Finding]]] = {}
    for way, _, judged in ways:
        for one in judged.findings:
            holders.setdefault((one.rule.id, str(one.location), one.evidence), []).append((way, one))
    findings = []
    for held in holders.values():
        (one,) = remedies.fitting((held[-1][1],), target, held[-1][0])
        having = {release_wording.named(w) for w, _ in held}
        without = [describe(w) for w, _, _ in ways if release_wording.named(w) not in having]
        if without:
            which = release_wording.which(list(dict.fromkeys(describe(w) for w, _ in held)), without)
            also = f"{DEPENDS}{'Java' if known else 'release'}: {which}"
            one = replace(
                one,
                message=one.message + also,
                confidence=Confidence.MEDIUM,
                remedy=(one.remedy or one.rule.remedy)
                + (
                    " Or name the JDK that runs: --openssl BUILD."
                    if known
                    else f" Or name the release that runs: --target {target.name}@VERSION."
                ),
            )
        findings.append(one)
    verdicts = {
        name: word if all(j.verdicts[name] == word for _, _, j in ways) else "unknown"
        for name, word in judgement.verdicts.items()
    }
    what, which = (
        ("Java", builds.shown(shown_way.build)) if known else (target.name, shown_way.release.version)
    )
    ways_text = release_wording.listed(
        (release_wording.library if known else release_wording.named)(w) for w, _, _ in ways
    )
    note = f"nothing says which {what} runs; asked were {ways_text}; the offer shown is that of {which}"
    shown = readiness.inventory(replace(offer, assumptions=(note, *offer.assumptions)))
    shown = readiness.of_releases(shown, {describe(w): o for w, o, _ in ways})
    name_it = "--openssl BUILD" if known else f"--target {target.name}@VERSION"
    gaps = [next((j.gap for _, _, j in ways if j.gap), "")]
    by_release = {describe(way): dict(judged.verdicts) for way, _, judged in ways}
    differing = [name for name in verdicts if len({one[name] for one in by_release.values()}) > 1]
    if differing:
        listed = release_wording.verdicts(by_release, differing)
        gaps.append(f"the verdict depends on which {what} runs ({listed}): name it with {name_it}")
    examined, reason = _extent(offer, "; ".join(filter(None, gaps)))
    subject = Subject(
        id=offer.subject,
        kind=SubjectKind.FILE,
        examined=examined,
        reason=reason,
        policies=verdicts,
        scope=_SCOPE,
        unanswered=_unanswered(offer, (j for _, _, j in ways), policies),
        offer=shown,
        stats={"releases": len(ways), "verdicts": by_release},
    )
    results = [
        _in_every_way(one, [j for _, _, j in ways], f"depends on which {what} runs: {name_it}")
        for one in judgement.results
    ]
    return Audited([subject], [*findings, *_locked_out(offer)], results)


def _in_every_way(result: Result, judgements: Sequence[Judgement], why: str) -> Result:
    """Return a rule's result, or that it is open where it fails in some ways alone."""
    verdicts = {
        one.verdict for judged in judgements for one in judged.results if one.rule.id == result.rule.id
    }
    broken = verdicts & {Verdict.FAIL, Verdict.ADVICE}
    if not broken and Verdict.SKIPPED in verdicts:  # some release's library settles it, and no line does
        return next(
            one
            for judged in judgements
            for one in judged.results
            if one.rule.id == result.rule.id and one.verdict is Verdict.SKIPPED
        )
    if not broken or verdicts == broken:
        return result
    return replace(result, verdict=Verdict.INCONCLUSIVE, reason=why)


def _locked_out(offer: Offer) -> tuple[Finding, ...]:
    found = clients.warning(offer)
    return () if found is None else (found,)
