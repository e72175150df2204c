"""What a target server is: what its releases know, a template to write with, a reader, its own checker."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field

from hardening.errors import UsageError
from hardening.findings import Finding
from hardening.records import dataclass
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.release import Directives, Release, directives
from hardening.tls.targets.reading.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one release can express, linked with one build."""

    protocols: frozenset[str]
    """Versions it can switch on and off one by one (or as a range)."""
    stuck: Mapping[str, str] = field(default_factory=dict)
    """Versions it cannot switch off, each with the way out."""
    ciphersuites: bool = True
    """Whether the TLS 1.3 suites can be chosen."""
    ciphers: bool = True
    """Whether the suites of TLS 1.2 and older can be chosen."""
    groups: str = "list"
    """`list`, `one`, or `none` where the groups cannot be chosen."""
    signatures: bool = False
    """Whether the signature schemes can be chosen."""
    preference: str = "settable"
    """`settable`, or whose order always decides: `server` or `client`."""
    finite_field: bool = True
    """Whether DHE suites can be used with the parameters of the job."""
    dh_bits: int | None = None
    """The size of the parameters DHE suites would use, where it cannot be chosen."""
    elliptic: bool = True
    unreachable: frozenset[str] = frozenset()
    """Suites (the library's names) that it supports and no setting here can switch on."""
    ordered: bool = True
    """Whether the order of what is written is the server's; otherwise the library has an order of its own."""
    ways_out: Mapping[str, str] = field(default_factory=dict)
    """For `ciphersuites`, `groups`, `signatures`, `preference`, `finite_field`, `elliptic`, `unreachable`: what would lift the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One configuration to write: a policy narrowed to what a build has, for one release of a target."""

    policy: Policy
    release: Release
    build: str
    protocols: tuple[str, ...]
    """Weakest first, without gaps between them."""
    ciphers: tuple[str, ...]
    """OpenSSL's names on that build, in order of preference; for TLS 1.2 and older."""
    ciphersuites: tuple[str, ...]
    """For TLS 1.3; empty where the build has none."""
    groups: tuple[str, ...]
    """OpenSSL's names."""
    signatures: tuple[str, ...] = ()
    """Signature schemes in OpenSSL's words; empty: the library's own."""
    priority: str = ""
    """The priority string of a release that is linked with GnuTLS; the lists above are then empty."""
    server_preference: bool
    params: Mapping[str, str]
    level: int | None = None
    """The security level that the list has to name; None: the build's own."""

    @property
    def cipher_string(self) -> str:
        """The names as an OpenSSL cipher list."""
        return ":".join((*self.ciphers, *(() if self.level is None else (f"@SECLEVEL={self.level}",))))

    @property
    def signature_string(self) -> str:
        """The signature schemes as OpenSSL's command SignatureAlgorithms takes them; empty: the library's own."""
        return ":".join(self.signatures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is known beside the configuration itself when it is read."""

    release: Release
    build: str
    assumptions: tuple[str, ...] = ()
    sole: bool = True
    """Whether it is known that this release runs; else it is one of several that may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHint:
    """What files beside a configuration say of the server that reads it; None: nothing."""

    version: str | None = None
    build: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One server's place for TLS settings: what is there goes, and the rendered settings come."""

    path: str
    """The file that gets the new settings (a real path)."""
    at: int
    """The offset in its text where they go."""
    remove: tuple[tuple[str, int, int], ...]
    """Old settings: file, first and last offset."""
    params: Mapping[str, str] = field(default_factory=dict)
    """What of the old settings the template has to be told, such as the file of DH parameters."""
    write: Callable[[Job], str] | None = None
    """Says the exact text that goes there, where the template's own lines would not do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One server program we can write for and read."""

    name: str
    title: str
    template: str
    main: tuple[str, ...]
    """Where the main file lies below a folder that is audited, first match first; a pattern with `*` means all that fit."""
    capabilities: Callable[[Release, str, Mapping[str, str]], Capabilities]
    """What a release can do with an OpenSSL build and these parameters."""
    context: Callable[[Job], Mapping[str, object]]
    """The template's variables."""
    read: Callable[[Tree, str, Reading], Iterable[Offer]]
    """The tree, the real path of its main file, and what else is known; one offer per name and port."""
    fingerprint: re.Pattern[str]
    """What this server's configuration has and others have not; the target with most of it is it."""
    edits: Callable[[Tree, str, Reading], Iterable[Edit]] | None = None
    """Where settings would go to make every server of a configuration clean; None: not known."""
    fits: Callable[[Tree, str, Release], bool] = lambda _tree, _path, _release: True
    """Whether a release may read a configuration (the real path of its main file) where nobody names the release."""
    detect_release: Callable[[Tree, str], ReleaseHint] | None = None
    """Asks the files beside the main file (a real path) which release and which library run."""
    libraries: Callable[[Tree, str, Release], tuple[str, ...]] | None = None
    """The builds a release may run with where neither the release nor the host decides; each is a way to read."""
    remedy: Callable[[Finding, Reading], str] | None = None
    """Says what to do about a finding where the common words do not fit; empty: they do."""
    check: tuple[str, ...]
    """The server's own syntax check; `{path}` is the configuration file."""
    ssh: str = ""
    """`server` or `client` for a target that speaks SSH and no TLS."""
    writer: str = ""
    """The module of `hardening.tls.rendering` that renders for it, where the common way does not fit."""
    place: str
    """Where the rendered file belongs on a host."""
    params: Mapping[str, str] = field(default_factory=dict)
    """What `--param` takes, each with one line of help."""

    @property
    def facts(self) -> Directives:
        """What each release knows."""
        return directives(self.name)

    def has(self, feature: str, release: Release) -> bool:
        """Tell whether a release knows a directive or has a feature."""
        return self.facts.has(feature, release)

    def checked(self, params: Mapping[str, str]) -> Mapping[str, str]:
        """Return the parameters. Errors: UsageError for one the target does not take, or that would begin a line of its own."""
        for name, value in params.items():
            if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in value):
                raise UsageError(
                    f"the parameter {name!r} has a control character or the end of a line in it",
                    hint="one line each: what follows would be a directive of its own",
                )
            if name not in self.params:
                raise UsageError(
                    f"{self.name} takes no parameter {name!r}",
                    hint="known: " + ", ".join(self.params),
                )
        return params
