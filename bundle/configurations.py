"""TLS and SSH configurations inside a bundle, read as servers would read them, without a file of this machine's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from bundle.detect.components.packages import listed_packages
from bundle.detect.roles import by_path
from bundle.walk import walk
from bundle.walk.member import Member
from bundle.walk.problem import unseen
from hardening.findings import (
    NESTING,
    Confidence,
    Examined,
    Finding,
    InFile,
    Role,
    Severity,
    Subject,
    SubjectKind,
)
from hardening.tls.auditing.problems import NOT_PARTIAL, PROBLEMS
from hardening.tls.judging import rules

if TYPE_CHECKING:
    from pathlib import Path

    from bundle.detect.components.packages import Package
    from hardening.tls.auditing.mains import AuditInput, Main
    from hardening.tls.auditing.shared import Audited
    from hardening.tls.cbom import InventoriedServer
    from hardening.tls.policies.ruleset import Policy
    from hardening.tls.targets import Target
    from hardening.tls.targets.reading.tree import Tree

_ENDINGS = "conf|cnf|cfg|cf|vhost|ini|properties|pmod"
_OF_JAVA_SERVERS = r"(?:server|jetty[\w-]*|standalone[\w-]*)\.xml"
_WHOLE_NAMES = r"sshd?_config|java\.security|cn=config\.ldif|exim4?\.conf\.template|crypto-policies/config"
_SERVER_FOLDERS = "/sites-(?:available|enabled)/|/cn=config/"
_NAMES = re.compile(
    rf"\.(?:{_ENDINGS})$|(?:^|/){_OF_JAVA_SERVERS}$|(?:^|/)(?:{_WHOLE_NAMES})$|{_SERVER_FOLDERS}",
    re.IGNORECASE,
)
_INCLUDED = re.compile(
    r"/etc/(?:apache2|dovecot|exim4?|haproxy|httpd|lighttpd|nginx|postfix|proftpd|squid|stunnel)/"
)
_OPTIONS = re.compile(r"\.(?:sh|options|service|opts|vmoptions|env)$|/default/\w+$", re.IGNORECASE)
_OF_JAVA = re.compile(rb"-Djdk\.tls\.")
"""What an option of Java about TLS looks like in a file that starts a server."""
_OF_TLS = re.compile(rb"ssl|tls|cipher", re.IGNORECASE)
_OF_JAVA_TLS = re.compile(rb"jdk\.(?:tls|certpath)|javax\.net\.ssl")
_RELEASE = re.compile(r"/(?:etc/(?:os|centos|redhat|system)-release|usr/lib/os-release)$")
_CARDS = re.compile(r"\.(?:pem|crt|cer|der|cert|dh|dhparams?|key)$|/dhparams?[\w.-]*$", re.IGNORECASE)
_SECRET = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----\n?|\Z)", re.DOTALL
)
_SERVERS = frozenset(
    "dovecot exim haproxy httpd lighttpd mod_ssl nginx openssh openssh-server openssl openssl-libs postfix proftpd "
    "stunnel vsftpd".split()
)
_BUILT_FOR = re.compile(r"\.el(\d+)")
_LARGEST = 1 << 20
_KEY_STORE = b"\xfe\xed\xfe\xed"
"""How a key store of Java begins, whose private keys are encrypted."""
_BEFORE_A_CARD = 32 << 10
"""Bytes in which a certificate begins, with the text that OpenSSL writes before it."""
_MOST = 2000
"""Configuration files of one bundle that are read."""
_ROOT = "/bundle"


@dataclass(frozen=True, slots=True)
class JudgedConfiguration:
    """One configuration of a bundle, with what an audit says of it."""

    around: tuple[str, ...]
    """The archives that it lies in, outermost first."""
    target: Target
    known: bool
    """Whether the bundle says which release it is for."""
    usual: bool
    """Whether a server looks there: on a host that the bundle holds, a configuration may lie elsewhere, and nothing reads it."""
    audited: Audited
    texts: Mapping[str, str]
    main: Main
    fresh: Callable[[], Tree]
    """Makes the files of the host that it is for, as they are read."""

    @property
    def unread(self) -> bool:
        """Whether it is one that a server reads, and a part of it that lies in the bundle was not read."""
        path = self.audited.subjects[0].id.removeprefix(f"{_ROOT}/")
        lost = {each.rule.id for each in self.audited.findings} & _OF_THE_BUNDLE
        return self.usual and bool(lost) and by_path(path)[0] not in _NOT_THE_PRODUCT


def wanted(member: Member) -> bytes | None:
    """Return the content of a member that says how a server is configured, or whose it is; None for any other.

    Of a private key only the public half is in it: what is kept of a bundle holds no secret that nobody asked for.
    """
    if (
        member.kind != "file"
        or member.derived
        or member.container
        or member.offset
        or not 0 < member.size <= _LARGEST
    ):
        return None
    path = f"/{member.parts[-1]}"
    if _is_text(path):
        content = bytes(member.content)
        other = path.lower().endswith(".properties") and not _OF_JAVA_TLS.search(content)
        return None if other or b"\0" in content else content
    if _OPTIONS.search(path):
        content = bytes(member.content)
        return content if _OF_JAVA.search(content) else None
    head = bytes(member.content[:_BEFORE_A_CARD])
    card = (
        b"-----BEGIN " in head or head.startswith(_KEY_STORE) or (head[:1] == b"\x30" and _CARDS.search(path))
    )
    if card:
        return _SECRET.sub(_without_secret, bytes(member.content))
    return None


def _is_text(path: str) -> bool:
    """Return whether a file of this name is a server's configuration, may be included in one, or names a release."""
    return any(one.search(path) for one in (_NAMES, _RELEASE)) or (
        _INCLUDED.search(path) is not None and not _CARDS.search(path)
    )


def _without_secret(found: re.Match[bytes]) -> bytes:
    """Return the public half of a private key, by which an audit sees whether a certificate belongs to it."""
    from hardening.tls.certificate import half_alone, half_of_private

    return half_alone(half_of_private(found[0]) or b"")


def too_large(member: Member) -> bool:
    """Return whether a member is a configuration of more bytes than are read, and speaks of TLS as far as it was looked at."""
    whole = member.kind == "file" and not member.derived and not member.container and not member.offset
    path = f"/{member.parts[-1]}"
    if not whole or member.size <= _LARGEST or not _NAMES.search(path):
        return False
    words = _OF_JAVA_TLS if path.lower().endswith(".properties") else _OF_TLS
    return words.search(bytes(member.content)) is not None


def built_for(packages: Iterable[Package]) -> set[str]:
    """Return the major versions of Red Hat's family that packages of servers and of OpenSSL are built for."""
    named = (one for one in packages if one.name in _SERVERS)
    return {found[1] for one in named if (found := _BUILT_FOR.search(one.full))}


@dataclass(slots=True)
class Configurations:
    """Configuration files by the archive they lie in, kept until the whole bundle was seen."""

    trees: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)
    cards: dict[tuple[str, ...], dict[str, bytes]] = field(default_factory=dict)
    """Files of certificates and of Diffie-Hellman parameters, likewise."""
    count: int = 0
    left: list[str] = field(default_factory=list)
    """Places of files that are too large, or too many, to be read."""

    def take(self, member: Member, within: tuple[str, ...]) -> None:
        """Keep what a member says of a server's configuration, by its path `within` the bundle."""
        if not within:
            return
        if too_large(member):
            self.left.append(NESTING.join(within))
        elif (content := wanted(member)) is not None:
            self.keep(within, content)

    def keep(self, within: tuple[str, ...], content: bytes) -> None:
        """Keep what `wanted` returned of a member."""
        path = f"{_ROOT}/{within[-1].lstrip('/')}"
        if not (_is_text(path) or _OPTIONS.search(path)):
            self.cards.setdefault(within[:-1], {})[path] = content
            return
        if not _RELEASE.search(path):
            if self.count >= _MOST:
                self.left.append(NESTING.join(within))
                return
            self.count += 1
        self.trees.setdefault(within[:-1], {})[path] = content.decode("utf-8", "replace")

    def examined(
        self, policies: Sequence[Policy], asked: AuditInput | None = None, packages: str = ""
    ) -> Iterator[JudgedConfiguration]:
        """Yield what an audit says of each server's configuration, with what it includes.

        The release is the one that the bundle's own files name, else the one that its `packages` are built for, such as `7`.
        """
        from hardening.tls.auditing.audit import audit_tree
        from hardening.tls.auditing.mains import AuditInput, Main, outermost
        from hardening.tls.auditing.recognise import distribution, recognised

        asked = asked or AuditInput()
        for around, texts in sorted(self.trees.items()):
            for root, paths in self._hosts(around, texts, packages):
                files = texts if root.inside else {**texts, **root.texts}
                fresh = partial(_tree, files, root, self.cards.get(around, {}))
                tree = fresh()
                own = (path for path in paths if _NAMES.search(path) or _OPTIONS.search(path))
                every = ((asked.target or recognised(tree, path), path) for path in own)
                for main in outermost(
                    tree, [Main(target, path, guessed=True) for target, path in every if target]
                ):
                    tree.begin(())
                    known = (
                        asked.version is not None
                        or len(main.target.facts.releases) > 1
                        or bool(distribution(tree))
                    )
                    usual = not root.inside or _is_usual(main.path.removeprefix(root.prefix), main.target)
                    found = audit_tree(tree, main, policies, asked)
                    yield JudgedConfiguration(around, main.target, known, usual, found, texts, main, fresh)

    def offers(self, distribution_of_packages: str = "") -> Iterator[InventoriedServer]:
        """Yield what the servers offer that each of the files is for."""
        from hardening.tls.auditing.named import with_files

        for one in self.examined((), packages=distribution_of_packages):
            for subject in one.audited.subjects:
                if subject.offer:
                    file, server = _apart(subject.id, one.texts)
                    place = NESTING.join((*one.around, file.removeprefix(f"{_ROOT}/")))
                    before = NESTING.join((*one.around, ""))
                    offer = with_files(subject.offer, _own(before))
                    yield _server(one.target, place, server, replace(subject, offer=offer), known=one.known)

    def judged(self, policies: Sequence[Policy]) -> Iterator[Subject]:
        """Yield each server of the configurations as a subject with the verdicts of policies; its id is the place in the bundle."""
        for one in self.examined(policies):
            for subject in one.audited.subjects:
                file, server = _apart(subject.id, one.texts)
                place = NESTING.join((*one.around, file.removeprefix(f"{_ROOT}/")))
                yield replace(subject, id=f"{place}#{server}" if server else place)

    def audited(
        self,
        policies: Sequence[Policy],
        asked: AuditInput | None = None,
        packages: str = "",
        *,
        strict: bool = False,
        required: bool = False,
    ) -> Iterator[Audited]:
        """Yield what an audit of each configuration that speaks of TLS or SSH, or was not read, found, with its places in the bundle.

        `strict`: as an audit of the unpacked folder; else what hangs on a release that nobody names, or lies where no
        server looks, is information. What only a site has (its certificate, its release, a file of its own that is included)
        leaves the verdict unknown, and does not make the bundle partly examined, but where the verdict is `required`.
        """
        from bundle.sources import of_configuration

        for one in self.examined(policies, asked, packages):
            if one.unread or any(subject.offer for subject in one.audited.subjects):
                placed = _placed(one, strict=strict, required=required)
                before = NESTING.join((*one.around, ""))
                placed.sources += of_configuration(one, policies, asked, _own(before))
                yield placed

    def _hosts(
        self, around: tuple[str, ...], texts: Mapping[str, str], packages: str
    ) -> Iterator[tuple[_Host, list[str]]]:
        """Yield each host of an archive with its configurations: the nearest folder above them with files that name a release.

        Where the archive names none, the one that an archive around it names holds, if it names just one.
        """
        own = _releases(texts)
        outer: dict[str, str] = {}
        for depth in range(len(around) - 1, -1, -1):
            beyond = _releases(self.trees.get(around[:depth], {}))
            if beyond:
                outer = next(iter(beyond.values())) if len(beyond) == 1 else {}
                break
        if packages and not own and not outer:
            outer = {f"{_ROOT}/etc/centos-release": f"release {packages}"}
        shared: dict[str, list[str]] = {}
        for path in sorted(texts):
            if not _RELEASE.search(path):
                above = [one for one in own if path.startswith(f"{one}/")]
                shared.setdefault(max(above, key=len, default=_above(path)), []).append(path)
        for prefix, paths in shared.items():
            inside = prefix in own
            there = (
                own[prefix] if inside else {f"{prefix}{p.removeprefix(_ROOT)}": t for p, t in outer.items()}
            )
            yield _Host(prefix, there, inside=inside), paths


@dataclass(frozen=True, slots=True)
class _Host:
    """The `/` of a host inside a bundle, and the files that name its release."""

    prefix: str
    texts: Mapping[str, str]
    inside: bool
    """Whether those files lie below it."""


def _tree(files: Mapping[str, str], root: _Host, cards: Mapping[str, bytes]) -> Tree:
    """Return the files of a host that a bundle holds."""
    from hardening.tls.targets.reading.tree import Tree

    tree = Tree(files, prefix=root.prefix, binary=cards)
    tree.of_host = bool(root.texts)
    return tree


_OF_THE_SITE = frozenset({"missing-include", "conditional", "empty", "unknown-kind"})
"""What a bundle cannot answer (a file that the site adds, an option that it starts the server with), and files that set up no TLS."""
_OF_THE_BUNDLE = frozenset(
    rule.id for kind, rule in PROBLEMS.items() if kind not in NOT_PARTIAL | _OF_THE_SITE
)
"""Rules about a file of the bundle that was not read as a whole."""
_NOT_THE_PRODUCT = frozenset((Role.DOCUMENTATION, Role.TEST, Role.CI))
_FOLDERS = ("/etc/", "/usr/local/")


def _is_usual(path: str, target: Target) -> bool:
    """Return whether a path of a host is below the folders of its configurations, or a usual one of the target's."""
    from hardening.tls.auditing.mains import OF_A_HOST

    usual = (f"{folder}/{main}" for folder in OF_A_HOST for main in target.main)
    deep = path.count("/")
    return path.startswith(_FOLDERS) or any(
        fnmatchcase(path, one) and one.count("/") == deep for one in usual
    )


def _above(path: str) -> str:
    """Return the `/` of the host that a configuration would lie on: what stands before `/etc/` in its path."""
    head, etc, _ = path.rpartition("/etc/")
    return head if etc and head.startswith(_ROOT) else _ROOT


def _own(before: str) -> Callable[[str], str]:
    """Return what gives a text of the tree the places of the bundle."""
    return lambda text: text.replace(f"{_ROOT}/", before)


def _placed(one: JudgedConfiguration, *, strict: bool, required: bool) -> Audited:
    """Return what an audit found with the places of the bundle for those of the tree."""
    before = NESTING.join((*one.around, ""))
    whole = strict or required or one.unread

    own = _own(before)

    def finding(original: Finding) -> Finding:
        place = original.location
        if isinstance(place, InFile):
            place = replace(place, parts=(*one.around, place.parts[0].removeprefix(f"{_ROOT}/")))
            path = place.parts[-1]
            if strict:
                pass
            elif not one.usual:
                original = replace(original, severity=Severity.INFO, confidence=Confidence.LOW)
            elif by_path(path)[0] in _NOT_THE_PRODUCT:
                low = min(original.level, Severity.LOW)
                original = replace(original, severity=low, confidence=Confidence.LOW)
        return replace(
            original, location=place, subject=own(original.subject), also=tuple(map(own, original.also)),
            message=own(original.message), evidence=own(original.evidence), remedy=own(original.remedy),
            fix=original.fix and replace(original.fix, action=own(original.fix.action)), ordinal=0,
        )  # fmt: skip

    def subject(original: Subject) -> Subject:
        open_to_the_site = original.examined is Examined.PARTIAL and not whole
        verdicts = {name: "unknown" if word == "pass" else word for name, word in original.policies.items()}
        return replace(
            original, id=own(original.id), same_as=own(original.same_as), reason=own(original.reason),
            examined=Examined.FULL if open_to_the_site else original.examined,
            policies=verdicts if open_to_the_site else original.policies,
            offer=with_files(original.offer, own),
        )  # fmt: skip

    from hardening.tls.auditing.audit import DEPENDS
    from hardening.tls.auditing.named import with_files
    from hardening.tls.auditing.shared import Audited

    open_ = {each.id for each in one.audited.subjects if "verdicts" in each.stats and not strict}
    findings = [
        each for each in one.audited.findings if each.subject not in open_ or DEPENDS not in each.message
    ]
    findings += (_not_known(each, one) for each in one.audited.subjects if each.id in open_)
    return Audited(
        [subject(each) for each in one.audited.subjects],
        [finding(each) for each in findings],
        [
            replace(
                each,
                subject=own(each.subject),
                reason=own(each.reason),
                because=tuple((rule, own(evidence)) for rule, evidence in each.because),
            )
            for each in one.audited.results
        ],
    )


def unread_together(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings of one bundle with those about files that were not read as a single one, which names each file and its servers."""
    lost = [one for one in findings if one.rule is rules.CERTIFICATE_UNREAD]
    if not lost:
        return list(findings)
    servers: dict[str, dict[str, None]] = {}
    for one in lost:
        names = servers.setdefault(one.message, {})
        names.update(dict.fromkeys(name.rpartition("#")[2] for name in (one.subject, *one.also)))
    first = lost[0]
    words = "; ".join(f"{message} (server {', '.join(names)})" for message, names in servers.items())
    also = dict.fromkeys(name for one in lost for name in (one.subject, *one.also) if name != first.subject)
    places = dict.fromkeys(one.location for one in lost if isinstance(one.location, InFile))
    together = replace(
        first,
        message=f"not examined: {words}",
        evidence="; ".join(sorted({one.evidence for one in lost})),
        policies=tuple(sorted({name for one in lost for name in one.policies})),
        confidence=max(one.confidence for one in lost),
        remedy=first.advice if len(lost) == 1 else "",
        also=tuple(also),
        further=tuple(at for at in places if at != first.location),
    )
    return [*(one for one in findings if one.rule is not rules.CERTIFICATE_UNREAD), together]


def _not_known(judged: Subject, one: JudgedConfiguration) -> Finding:
    """Return the verdicts of a configuration under each release that may run, where the bundle names none."""
    from hardening.tls.auditing import release_wording

    words = release_wording.verdicts(judged.stats["verdicts"], judged.policies)
    file = judged.id.partition("#")[0]
    command = (
        f"harden tls audit {shlex.quote(next(iter(one.around), 'BUNDLE'))} --target {one.target.name}@VERSION"
    )
    return Finding(
        rule=rules.INCONCLUSIVE,
        subject=judged.id,
        location=InFile((file,)),
        message=f"which release of {one.target.title} runs is not known. {words}",
        evidence="release",
        remedy=f"Name the release: `{command}`.",
        policies=tuple(sorted(judged.policies)),
    )


def _releases(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the files that name a release, by the `/` of the host they are of and below `_ROOT`."""
    found: dict[str, dict[str, str]] = {}
    for path, text in texts.items():
        if name := _RELEASE.search(path):
            found.setdefault(path[: name.start()], {})[f"{_ROOT}{name[0]}"] = text
    return found


def _server(target: Target, place: str, server: str, subject: Subject, *, known: bool) -> InventoriedServer:
    from hardening.tls.cbom import InventoriedServer

    candidates: tuple[str, ...] = ()
    if not known or "release" not in subject.stats:
        one = f"{target.name} {subject.stats.get('release', '')}"
        candidates = tuple(subject.stats.get("verdicts", ())) or (one,)
    return InventoriedServer(
        name=f"{target.name} {server}".strip(),
        place=place,
        offer=subject.offer or {},
        candidates=candidates,
        command=f"harden tls audit BUNDLE --target {target.name}@VERSION",
    )


def _apart(subject: str, files: Iterable[str]) -> tuple[str, str]:
    """Return the file and the server that a subject's name is made of; the names of both may hold a `#`."""
    whole = (one for one in files if subject == one or subject.startswith(f"{one}#"))
    file = max(whole, key=len, default=subject.partition("#")[0])
    return file, subject.removeprefix(file).removeprefix("#")


def of_archive(path: Path, policies: Sequence[Policy], asked: AuditInput) -> Audited:
    """Return what an audit of the configurations in an archive finds, as if it were unpacked. Errors: InputError."""
    from hardening.tls.auditing.shared import Audited

    kept, builds, subject = Configurations(), set[str](), str(path)
    found = Audited([], [], [])
    for seen in walk(subject):
        if isinstance(seen, Member):
            kept.take(seen, seen.parts)
            builds |= built_for(listed_packages(seen))
        elif seen.partial:
            found.findings.append(seen.finding(subject))
    gaps = len(found.findings)
    for one in kept.audited(policies, asked, builds.pop() if len(builds) == 1 else "", strict=True):
        found.add(one)
    left = [f"{place}: too large, or one of too many" for place in kept.left]
    found.findings += (unseen(subject, "nothing", why) for why in left)
    reason = found.findings[0].message if gaps else left[0] if left else ""
    if not found.subjects:
        reason = reason or "no server's configuration that speaks of TLS is in it"
        found.findings.append(unseen(subject, "nothing", reason))
    if reason:
        state = Examined.PARTIAL if found.subjects else Examined.NONE
        found.subjects.insert(0, Subject(id=subject, kind=SubjectKind.BUNDLE, examined=state, reason=reason))
    return found
