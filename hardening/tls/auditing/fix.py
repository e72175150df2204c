"""What would make an audit clean, as one unified diff: old settings out, the rendered ones in.

The new text is read and judged again before it is shown; what stays wrong is said, not hidden.
"""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hardening.errors import UsageError
from hardening.findings import Finding, Severity
from hardening.records import dataclass
from hardening.tls.auditing import audit, mains
from hardening.tls.auditing.mains import AuditInput, Main
from hardening.tls.judging import rules
from hardening.tls.libraries import builds, jsse
from hardening.tls.policies.ruleset import Policy
from hardening.tls.rendering import kept_level, new_texts, render, rendered
from hardening.tls.targets.base import Reading, Target
from hardening.tls.targets.reading.tree import Tree


@dataclass(frozen=True, slots=True)
class Changed:
    """One file of a configuration, and its change without lines that stay."""

    main: str
    """The configuration: all its files are changed together."""
    path: str
    diff: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """The diff, whose head says how to apply it, and what it leaves."""

    diff: str
    left: tuple[Finding, ...]
    shut: tuple[str, ...] = ()
    """Under which library the policy leaves nothing that could be offered, and the way out."""
    files: tuple[Changed, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The directives with a secret that the diff shows, each with its file; a masked value would keep the diff from applying."""
        files = re.split(r"^--- .*\n\+\+\+ b/(.*)\n", self.diff, flags=re.MULTILINE)
        return tuple(
            dict.fromkeys(
                f"{directive} of {name}"
                for name, lines in zip(files[1::2], files[2::2], strict=True)
                for directive in _SECRET.findall(lines)
            )
        )


_SECRET = re.compile(
    r"^[-+ ].*?\b((?:[\w.-]*(?:passwd|password|passphrase|storepass|keypass|requirepass|secret|pw)|masterauth|stats auth))"
    r"[\"']?(?:[ \t]*[=:>][ \t]*|[ \t]+)[\"']?[^\s\"'<=]",
    re.IGNORECASE | re.MULTILINE,
)
"""A directive with its value, in a line of a diff; the name of a file with a password ends otherwise (`ssl_password_file`)."""


def fix(
    paths: Sequence[Path],
    policies: Sequence[Policy],
    request: AuditInput,
    place: str | None = None,
    top: Path | None = None,
) -> Fixed:
    """Return the diff for files and folders; with `place`, the settings go to that file as the playbook does it.

    `top` is the `/` of the host they are of.

    Written for the first policy and judged by all. Written for the newest way a configuration may be read, judged
    under every one: where nobody names the Java or the release, what stays under one of them is left. Errors: as `audit.audit`, and UsageError where nothing
    would do.
    """
    changed: list[tuple[Tree, str, str, str]] = []
    left: list[Finding] = []
    shut: list[str] = []
    for path in paths:
        tree = Tree.on_disk(path, top)
        for main in mains.found(tree, path, request):
            one = _of_main(tree, Tree.on_disk(path, top), main, policies, request, place)
            changed += [(tree, main.path, name, text) for name, text in sorted(one.new.items())]
            left += one.left
            shut += one.shut
    here = not any(path.is_absolute() for path in paths) and all(
        _below_here(tree.file(name)) for tree, _, name, _ in changed
    )
    whole = "".join(dict.fromkeys(_diff(tree, name, text, here) for tree, _, name, text in changed))
    head = _HEAD[here] + whole if whole else ""
    files = tuple(
        Changed(main, name, _diff(tree, name, text, here, around=0)) for tree, main, name, text in changed
    )
    return Fixed(head, tuple(left), tuple(dict.fromkeys(shut)), files)


def changed_texts(
    tree: Tree, after: Tree, main: Main, policies: Sequence[Policy], request: AuditInput
) -> dict[str, str]:
    """Return the change of each file of one configuration as a diff without lines that stay; `after` is the same tree once more.

    Errors: UsageError where nothing would do.
    """
    new = _of_main(tree, after, main, policies, request, None).new
    return {name: _diff(tree, name, text, from_here=False, around=0) for name, text in sorted(new.items())}


@dataclass(frozen=True, slots=True)
class _Fixed:
    """The new texts of one configuration, what stays wrong, and what is shut."""

    new: dict[str, str]
    left: list[Finding]
    shut: list[str]


def _of_main(
    tree: Tree, after: Tree, main: Main, policies: Sequence[Policy], request: AuditInput, place: str | None
) -> _Fixed:
    policy, *others = policies
    tree.begin(())
    ways = mains.readings(tree, main, request)
    findings = audit.audit_tree(tree, main, [policy], request).findings
    if not _to_change(findings, main, ways):
        left = [_with_way_out(one, main.target, ways) for one in _wrong(tree, main, others, request)]
        return _Fixed({}, left, [])
    kept = kept_level.of(tree, main.target, main.path, ways[-1])
    new = _rewritten(tree, main, ways[-1], policy, place, request, kept.level if kept else None)
    after.overlay = new
    found = audit.audit_tree(after, main, policies, request).findings
    before = audit.audit_tree(tree, main, policies, request).findings if others else findings
    left = [_with_way_out(one, main.target, ways) for one in _of_settings(found)]
    shut = [*_shut(main.target, policy, ways), *([_level_note(kept)] if kept else [])]
    mends = place is not None or _counted(before) != _counted(found)
    return _Fixed(new if mends else {}, left, shut)


_HEAD = {
    True: "# Apply it in the folder it was made in:  patch -p1 < FILE   or  git apply FILE\n"
    "# Try it first:  patch -p1 --dry-run < FILE   or  git apply --check FILE\n",
    False: "# Apply it from anywhere:  patch -p1 -d / < FILE   or in /:  git apply FILE\n"
    "# Try it first:  patch -p1 -d / --dry-run < FILE   or in /:  git apply --check FILE\n",
}
"""What stands before the diff, by whether its paths are named from here; `patch` and `git apply` pass over it,
and `patch` shows it where it cannot find a file."""


def _below_here(path: str) -> bool:
    return not os.path.relpath(path, os.path.realpath(".")).startswith("..")


def _wrong(tree: Tree, main: Main, policies: Sequence[Policy], request: AuditInput) -> list[Finding]:
    return _of_settings(audit.audit_tree(tree, main, policies, request).findings) if policies else []


def _of_settings(found: Iterable[Finding]) -> list[Finding]:
    return [one for one in found if one.level >= Severity.LOW and one.rule.id in rendered.CONFIGURABLE]


def _counted(found: Iterable[Finding]) -> Counter[tuple[str, str]]:
    """What a diff is to mend, wherever it stands: one that leaves all of it is not worth its change."""
    return Counter(
        (f.rule.id, f.message) for f in found if f.rule.id in {rules.INCONCLUSIVE.id, *rendered.CONFIGURABLE}
    )


def _to_change(found: Sequence[Finding], main: Main, ways: Sequence[Reading]) -> bool:
    """Tell whether settings are wrong, or a list could not be resolved where it is known what runs: that is no pass."""
    if _of_settings(found):
        return True
    settled = len(ways) > 1 or main.target.edits is None
    return not settled and any(one.rule.id == rules.INCONCLUSIVE.id for one in found)


def _with_way_out(one: Finding, target: Target, ways: Sequence[Reading]) -> Finding:
    """Say who decides on the groups, where the configuration of a server in Java has no word for them."""
    way, java = ways[-1], [way.build for way in ways if way.build.startswith(builds.JDK)]
    capabilities = target.capabilities(way.release, way.build, {})
    if one.rule.id != rules.GROUP.id or capabilities.groups != "none" or not java:
        return one
    old = any(one.evidence in jdk.groups and not jdk.named_groups for jdk in map(jsse.jdk, java))
    remedy = (
        "update Java: one this old has no setting that takes a group out"
        if old
        else capabilities.ways_out.get("groups", one.remedy)
    )
    return replace(one, remedy=remedy)


def _shut(target: Target, policy: Policy, ways: Sequence[Reading]) -> Iterator[str]:
    if len({way.release.version for way in ways}) > 1:
        return  # then the diff is for one release, and the others are only possible
    for way in ways:
        try:
            render.plan(target, policy, version=way.release.version, build=way.build)
        except UsageError as problem:
            yield f"{problem}; remedy: {problem.hint or 'update it'}"


def _level_note(kept: kept_level.Kept) -> str:
    return (
        f"{kept.certificate} is refused by OpenSSL above security level {kept.level}, so @SECLEVEL={kept.level} stays "
        "in the lists; remedy: a certificate with a larger key, signed over SHA-2, and a new diff"
    )


def _rewritten(
    tree: Tree, main: Main, way: Reading, policy: Policy, place: str | None, request: AuditInput, level: int | None
) -> dict[str, str]:  # fmt: skip
    if place is None:
        return new_texts.in_place(tree, main.target, main.path, way, policy, level)
    params = new_texts.parameters(tree, main.target, main.path, way)
    own = builds.plain(way.build)
    shipped = request.build is None and own == way.release.openssl
    build = None if shipped else own  # said in the header as an assumption, where nobody named it
    rendered = render.render(
        main.target,
        policy,
        version=way.release.version,
        build=build,
        params=params,
        level=level,
    )
    return new_texts.separate(tree, main.target, main.path, way, rendered, place)


def _diff(tree: Tree, path: str, new: str, from_here: bool, around: int = 3) -> str:
    """Return one file's part with so many lines around each change, named from here or from the root; a link stands for its file, for `patch` follows none."""
    file = tree.file(path)
    name = os.path.relpath(file, os.path.realpath(".")) if from_here else file
    source = tree.source(path) if tree.exists(path) else None
    old = "" if source is None else source.written or source.text
    return "".join(_unified(old, new, name, around, there=tree.exists(path)))


def _unified(old: str, new: str, name: str, around: int, *, there: bool) -> Iterator[str]:
    plain = name.lstrip("/")
    tab = "\t" if " " in plain else ""  # ends a name that has blanks, as diff writes it
    before, after = new_texts.lines_of(old), new_texts.lines_of(new)
    first = f"a/{plain}{tab}" if there else "/dev/null"
    for line in difflib.unified_diff(before, after, first, f"b/{plain}{tab}", n=around):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
