"""openssl.cnf: the host's default for every program that sets nothing itself ([system_default_sect])."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from hardening.findings import InFile
from hardening.tls.offer import Located, Offer
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import flat_edits, flat_syntax, protocol_ranges, served, ssl_conf_cmd
from hardening.tls.targets.reading.flat_syntax import Grammar, Line, Section
from hardening.tls.targets.reading.interpolation import OVERGROWN, OvergrownError, filled
from hardening.tls.targets.reading.tree import Tree

_GRAMMAR = Grammar(
    backslash="",
    separator=r"(?:\s*=\s*|(?<=\.include)\s+)",
    comment="#",
    section=r"\[\s*(?P<section>[^\]]*?)\s*\]",
    trailing_comments=True,
    fold=str,
    include=lambda name, value: (value,) if name == ".include" else (),
)


def capabilities(_release: Release, _build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express with a build."""
    return Capabilities(
        protocols=frozenset(PROTOCOLS) - {"SSLv2"},
        signatures=True,
        dh_bits=2048,
        ways_out={
            "finite_field": "each program has parameters of its own, sized by its key where OpenSSL chooses"
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    return {
        "least": protocol_ranges.older(job.protocols[0]),
        "greatest": protocol_ranges.older(job.protocols[-1]),
        "options": ("" if job.server_preference else "-") + "ServerPreference",
    }


_DEFAULT = "default"
"""The section of what stands before any."""
_VARIABLE = (
    r"\$(?:(?P<brace>\{)|(?P<round>\())?(?:(?P<section>[\w.\-]+)::)?(?P<name>\w+)(?(brace)\})(?(round)\))"
)
_PIECE = re.compile(
    rf""""(?P<double>[^"]*)"|'(?P<single>[^']*)'|\\(?P<escaped>.)|(?P<remark>\#.*)|{_VARIABLE}"""
)
"""What a value is made of beside plain text: quotes, escapes, a remark, and variables (`$x`, `${x}`, `$(section::x)`)."""


class _Values:
    """What names have been given so far, and which of them the environment has a say in."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], str] = {}
        self.open: dict[tuple[str, str], str] = {}
        """The variable of the environment, by section and name."""
        self.doubts: dict[tuple[str, int], str] = {}
        """The same, by the place of the line."""

    def give(self, line: Line, here: str, value: str, variable: str) -> None:
        self.known[here, line.name] = value
        if variable:
            self.open[here, line.name] = self.doubts[line.path, line.line] = variable
        else:
            self.open.pop((here, line.name), None)


def _sections(tree: Tree, path: str) -> tuple[list[Section], _Values]:
    """Return the sections of a file with what their values mean, variables filled in from what stands before them."""
    sections, values = flat_syntax.read(tree, path, _GRAMMAR), _Values()
    for section in sections:
        here = section.name or _DEFAULT
        for number, line in enumerate(section.lines):
            value, variable = _meant(tree, line, here, values)
            section.lines[number] = replace(line, value=value)
            values.give(line, here, value, variable)
    return sections, values


def _meant(tree: Tree, line: Line, here: str, values: _Values) -> tuple[str, str]:
    """Return what a value means, and the variable of the environment that decides it, if one does."""
    names: list[str] = []

    def piece(found: re.Match[str]) -> str:
        if found["name"] is None:
            return found["double"] or found["single"] or found["escaped"] or ""
        section, name = found["section"] or here, found["name"]
        at = (section, name) if (section, name) in values.known else (_DEFAULT, name)
        value = values.known.get(at)
        names.append(name if section == "ENV" else values.open.get(at, ""))
        if section != "ENV" and value is None:
            why = f"{found[0]} has no value before this line, and OpenSSL refuses the whole file"
            tree.say("syntax", line.path, line.line, why)
        return value or ""

    if not re.search(r"[\\\"'#$]", line.value):
        return line.value, ""
    try:
        return filled(_PIECE, line.value, piece).strip(), next(filter(None, names), "")
    except OvergrownError:
        tree.say("syntax", line.path, line.line, f"{OVERGROWN}, and OpenSSL refuses the whole file")
        return "", ""


def _say_doubts(tree: Tree, sections: Iterable[Section], chosen: Section | None, values: _Values) -> None:
    """Say which lines on the way to the TLS commands, and of these, take their value from the environment."""
    on_the_way = [x for s in sections for x in s.lines if x.name in _STEPS]
    for line in (*on_the_way, *(chosen.lines if chosen else ())):
        if variable := values.doubts.get((line.path, line.line)):
            tree.say(
                "conditional", line.path, line.line, f"{line.name} takes {variable} from the environment"
            )


_STEPS = ("openssl_conf", "ssl_conf", "system_default")


def _chosen(sections: list[Section]) -> Section | None:
    """Follow openssl_conf -> ssl_conf -> system_default, as the library does."""
    by_name: dict[str, Section] = {}
    for one in sections:
        name = one.name or _DEFAULT
        by_name.setdefault(name, Section(name, one.path, one.line)).lines += one.lines
    here = by_name.get(_DEFAULT)
    for step in _STEPS:
        line = here.last(step) if here else None
        here = by_name.get(line.value.strip()) if line else None
    return here


def commands_of(tree: Tree, path: str) -> dict[str, str]:
    """Return the last value of each command (lower case) that programs start from; nothing where the file has none."""
    section = _chosen(_sections(tree, path)[0])
    lines = section.lines if section else []
    return {
        _names(x): x.value
        for x in lines
        if x.value and x.name != ".include" and not x.value.startswith("DTLS")
    }


def range_of(least: str | None, greatest: str | None) -> tuple[str, ...]:
    """Return the versions between two words of MinProtocol and MaxProtocol; a word that says none bounds nothing."""
    return tuple(
        s.value
        for s in protocol_ranges.between(
            protocol_ranges.named(least or "") or PROTOCOLS[0],
            protocol_ranges.named(greatest or "") or PROTOCOLS[-1],
            InFile(("",), 1),
        )
    )


def _names(line: Line) -> str:
    return line.name.rpartition(".")[2].lower()


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a program that sets nothing itself."""
    sections, values = _sections(tree, path)
    section = _chosen(sections)
    _say_doubts(tree, sections, section, values)
    if section is None:
        return
    lines = [x for x in section.lines if x.name != ".include" and not x.value.startswith("DTLS")]
    names = [Line(x.name.rpartition(".")[2], x.value, x.path, x.line) for x in lines]
    flat_syntax.unknown_directives(tree, names, directives("openssl_cnf"), reading.release)
    at = InFile((section.path,), section.line)
    settings_of = {_names(x): Located(x.value, InFile((x.path,), x.line)) for x in lines if x.value}
    least, greatest = settings_of.get("minprotocol"), settings_of.get("maxprotocol")
    between = protocol_ranges.between(
        least.value if least else "SSLv3",
        greatest.value if greatest else PROTOCOLS[-1],
        (least or greatest or Located("", at)).at,
    )
    if (
        switched := settings_of.get("protocol")
    ) is not None:  # it switches within the least and the greatest version
        on = protocol_ranges.commanded(switched.value, {s.value for s in between})
        between = tuple(s for s in between if s.value in on)
    settings = served.ServedSettings(
        subject=path,
        at=at,
        protocols=between,
        ciphers=Located(directives("openssl_cnf").default_of("ciphers", reading.release), at),
        groups=settings_of.get("groups") or settings_of.get("curves"),
        dh_bits=2048,
        dh_key=2048,  # OpenSSL 3 sizes its parameters by the key and by the level
        compression=False,
        assumptions=(*reading.assumptions, "a program that sets nothing itself"),
    )
    given = [x for x in lines if x.value or _names(x) == "ciphersuites"]  # an empty list of these is none
    others = [(_names(x), Located(x.value, InFile((x.path,), x.line))) for x in given]
    settings = ssl_conf_cmd.with_commands(settings, (x for x in others if x[0] in _LISTS))
    yield served.offer(settings, reading.build)


_LISTS = frozenset({"cipherstring", "ciphersuites", "options", ssl_conf_cmd.SIGNATURES})
"""The commands that are carried out one after the other, whatever is said of versions."""
_OWNED = frozenset(
    {
        "protocol",
        "minprotocol",
        "maxprotocol",
        "cipherstring",
        "ciphersuites",
        "groups",
        "curves",
        "options",
        ssl_conf_cmd.SIGNATURES,
    }
)


def _section_text(job: Job) -> str:
    values = context(job)
    lines = {
        "MinProtocol": values["least"], "MaxProtocol": values["greatest"], "CipherString": job.cipher_string,
        "Ciphersuites": ":".join(job.ciphersuites), "Groups": ":".join(job.groups),
        "SignatureAlgorithms": job.signature_string, "Options": values["options"],
    }  # fmt: skip
    return "".join(f"{name} = {value}\n" for name, value in lines.items() if value)


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the section that programs take their defaults from."""
    section = _chosen(_sections(tree, path)[0])
    if section is not None and section.lines:
        own = [
            x for x in section.lines if x.path == section.path
        ]  # what is included is often the host's policy
        old = [x for x in own if _names(x) in _OWNED and not x.value.startswith("DTLS")]
        yield replace(flat_edits.after(tree, own, old, {}), write=_section_text)


TARGET = Target(
    name="openssl_cnf",
    title="the OpenSSL configuration file",
    template="tls/openssl.cnf.j2",
    main=("ssl/openssl.cnf", "pki/tls/openssl.cnf", "openssl.cnf"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^\s*(?:openssl_conf|ssl_conf|system_default|MinProtocol|CipherString|Ciphersuites)\s*=",
        re.MULTILINE,
    ),
    check=(),
    place="/etc/ssl/openssl.cnf",
)
