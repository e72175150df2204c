"""What kind of text a member is, told by content first and by its name where content cannot tell."""

from __future__ import annotations

import re
from functools import lru_cache

from bundle.detect.credentials.texts.textview import MAPS
from bundle.detect.credentials.vocabulary import any_of
from bundle.detect.roles import by_path
from bundle.walk import scan
from bundle.walk.member import Content, Member
from hardening.findings import Role

CODE, CONFIG, SHELL, MARKUP, SQL, PROSE, OTHER = "code", "config", "shell", "markup", "sql", "prose", "other"

_BY_SUFFIX = {
    CODE: "pyi pyx vim el php php3 php4 php5 phtml inc java jsp jspx js jsx mjs cjs ts tsx mts cts py pl pm rb "
    "c h cc cpp hpp cs vb vbs bas frm asp aspx go groovy scala kt lua tcl as swift pas dpr dfm al scm ss rkt lisp clj cljs ex exs erl hrl hs ml rs m mm r dart cfm cfc awk",
    CONFIG: "properties ini conf cnf cfg env yaml yml toml json config rc pgpass netrc htpasswd passwd shadow ldif service reg prefs "
    "credentials settings local dist default template sample repo crontab cron my tf tfvars rsc users",
    SHELL: "sh bash ksh csh bat cmd ps1 psm1 exp spec expect run init",
    MARKUP: "xml xsl xslt html htm xhtml wsdl xsd jnlp plist svg resx csproj",
    SQL: "sql ddl dml mysql psql",
    PROSE: "md txt wiki rst adoc tex 1 2 3 4 5 6 7 8 man pod texi info me changelog news faq readme",
    OTHER: "iss nsi nsh",
}  # fmt: skip
_SUFFIX = {word: style for style, words in _BY_SUFFIX.items() for word in words.split()}
_BY_FORMAT = {
    "php": CODE,
    "python": CODE,
    "perl": CODE,
    "ruby": CODE,
    "node": CODE,
    "shell": SHELL,
    "xml": MARKUP,
    "html": MARKUP,
}
_NAMES = re.compile(f"(?i)^(?:{any_of('file/of-settings')})$")
_ACCOUNTS = re.compile(
    r"(?i)^[\w.-]*(?:users?|userlist|accounts?|logins?|passw(?:or)?ds?|psk|secrets|credentials|creds|auth(?![a-z])|virtual|userpass)[\w-]*\.(?:txt|list)$"
)
"""Lists of accounts, which a suffix does not make prose."""
_PROSE_NAMES = re.compile(
    rf"(?i)^(?:{any_of('file/of-prose')})\b(?!.*\.(?:der|key|pem|crt|cer|p8|pk8|p12|pfx|jks|ppk|keystore)$)"
)
_TRANSLATIONS = re.compile(
    rf"(?i)(?:^|/)(?:{any_of('folder/of-translations')})(?:/|$)"
    rf"|(?:{any_of('file/of-translations')})[_.-]?[a-z]{{2}}(?:[_-][a-z]{{2,4}})?\.(?:properties|php|json|js|xml|ini|lang|txt|yml|yaml)$"
    rf"|\.(?:{any_of('ending/of-translations')})$"
)
_NO_TEXTS = re.compile(
    r"(?i)\.(?:c|cc|cpp|h|hpp|go|rs|lua|pas|pl|pm|py|st|tcl|exp|sh|bat|cmd|ps1|vb|vbs)$|(?:^|/)languages/(?:[^/]+/)?[^/]+\.rb$"
)
"""Programs of languages that keep no texts for people in files of their own, in a folder `languages` too."""
_PAIR = re.compile(
    r"^[ \t]*['\"]?[\w.\-]+['\"]?[ \t]*(?:=>|[:=])[ \t]*['\"]?(.+?)['\"]?[,;]?[ \t\r]*$", re.MULTILINE
)
"""A name and its value on one line: what a list has on the lines below its name is no sentence."""
_PAIR_OF_CODE = re.compile(
    r"""^\s*(?:[$\w.>-]+(?:\[[^\]\n]{1,80}\])?|["'][^"'\n]{1,200}["'])\s*(?:=>|[:=])\s*(?P<q>["'])(?P<text>(?:\\.|(?!(?P=q))[^\\\n])*)(?P=q)\s*[,;]?\s*$""",
    re.MULTILINE,
)
"""A name and a literal that is all there is behind it: calls with literals in them are no texts."""
_DERIVED = {
    "constants": CODE,
    "pdf-text": PROSE,
    "office-text": PROSE,
    "rpm-scripts": SHELL,
    "rpm-notes": PROSE,
    "sqlite-text": SQL,
}
_MARKED = frozenset(("md", "rst", "adoc"))
"""Marks of texts with some form, which a name in front of them does not change."""
_PAGES = frozenset(("jsp", "jspx"))
_LISTS = frozenset(("txt", "list"))
_HEAD = 16 << 10
_LONGEST_NAME = 255
"""Letters of a name that are looked at, from its end: no file system of a host has longer ones (NAME_MAX)."""


_KEPT = re.compile(rf"(?i)(?<=[\w)])(?:~|[._](?:{any_of('ending/of-an-old-copy')})){{1,3}}$")
"""What editors, packages and people put behind the name of a file that they keep a copy of."""
_ROTATED = re.compile(r"(?i)(?<=\.)(?:xml|conf|cfg|ini|properties|sql|env|ya?ml|json|php|inc|sh)\.[1-9]$")
"""The same as a number, which sections of manuals have too."""
_AS_TEXT = re.compile(r"(?i)(?<=\w)(\.(?:ldif|sql|conf|cfg|ini|properties|ya?ml|php|inc|sh))\.txt$")
"""A file that got a further ending so that it may be read, or sent."""
_MACROS = (b".", b"'", b"\\")
"""What a manual page begins with."""


@lru_cache(maxsize=4096)
def unkept(name: str) -> str:
    """Return the name that a file had before a copy of it was kept, or handed on as a text, under a longer one."""
    name = _KEPT.sub("", name)
    return _AS_TEXT.sub(r"\1", name) if name.endswith((".txt", ".TXT")) else name


def is_manual(name: str, content: Content) -> bool:
    """Tell whether a file is a page of the manual: its section ends the name, and a macro of roff begins the text."""
    return name[-1:].isdigit() and name[-2:-1] == "." and bytes(content[:1]) in _MACROS


def style(member: Member) -> str:
    """Return the kind of text: code, config, shell, markup, sql, prose or other."""
    return by_name(member) or of_content(member)


def by_name(member: Member) -> str:
    """Return the kind of text where a member's format or name tells it, else an empty text."""
    if member.derived:
        return _DERIVED.get(member.derived, "")
    name = member.name[-_LONGEST_NAME:]
    if name[-1:].isdigit() and _ROTATED.search(name) and not is_manual(name, member.content):
        name = name[:-2]
    return _by_name(member.format, unkept(name))


@lru_cache(maxsize=4096)  # many folders have files of one name
def _by_name(form: str, name: str) -> str:  # noqa: PLR0911 - one return for each way to tell
    if _NAMES.match(name):
        return SHELL if name.lower().startswith("dockerfile") else CONFIG
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    known = _BY_FORMAT.get(form)
    told = suffix in _SUFFIX or suffix == "log" or form in ("php", "shell")
    if not told and _PROSE_NAMES.match(name):
        return PROSE
    if suffix in _MARKED:
        return PROSE
    if known and not (known == MARKUP and suffix in _PAGES):
        return known
    if name == "CMakeLists.txt":
        return CODE
    if name.endswith("_history"):
        return SHELL
    if name.endswith(MAPS):
        return CODE
    if suffix not in _LISTS:
        return _SUFFIX.get(suffix, "")
    return CONFIG if _ACCOUNTS.match(name) else ""


def is_prose_by_name(name: str) -> bool:
    """Return whether the name of a file says that it is a text for people, whatever was decoded from it."""
    return _by_name("", unkept(name[-_LONGEST_NAME:])) == PROSE


def of_content(member: Member) -> str:
    """Return the kind of text where its name does not tell it."""
    found = _of_content(member)
    if member.derived or "." not in member.name or member.name.rsplit(".", 1)[-1].lower() not in _LISTS:
        return found
    return found if found in (CONFIG, SHELL) else PROSE  # a list of accounts as well as a letter


_LINE = re.compile(rb"^[^\n]*\S", re.MULTILINE)
_SETTING = re.compile(
    rb"^[ \t]*(?:export[ \t]+)?(?!\d\d?:\d\d[:. ])[\w.\-]{1,60}[ \t]*[=:][ \t]*\S", re.MULTILINE
)
"""A name and its value, no time of day that something is written down for."""


_ROUTER = re.compile(
    rf"^(?:{any_of('command/of-a-router')})\b[^.!?\n]*$|^(?:{any_of('command/of-a-firewall')})\b[^!?\n]*$".encode(),
    re.MULTILINE,
)
"""Lines of a router's configuration, which has no signs between names and values."""
_LINES_OF_A_ROUTER = 2
_WIKI = re.compile(
    rb"^(?:(={1,5}) [^=\n]{2,80} \1(?: #\S{1,40})?|\{\{\{(?:#!\w{1,20})?)[ \t\r]*$", re.MULTILINE
)
"""Headings of a wiki's page, and what it shows as it is: MoinMoin, Trac, MediaWiki."""
_LINES_OF_A_WIKI = 3
_MANUAL = re.compile(rb"^\.(?:TH|Dd|SH|Sh)[ \t]+\S", re.MULTILINE)
"""The title and the headings of a manual page, which programs pack into themselves too."""
_LINES_OF_A_MANUAL = 2
_TRANSFER = re.compile(
    rf"(?im)^(?:open \S+(?: \S+){{0,2}}|user \S+(?: \S+)?|option \w+ \w+|(?:{any_of('command/of-a-file-transfer')})(?: [^\n]{{0,120}})?)[ \t\r]*$".encode()
)
"""Lines of what is given to FTP's clients and to WinSCP."""
_STATEMENTS = re.compile(rb"(?im)^\s*(?:insert\s+into|create\s+(?:table|user)|grant\s+\w+)")
_PROGRAM = re.compile(rb"(?m)^\s*(?:import java|package [\w.]+;|public class|function\s+\w+\s*\(|def \w+\()")
_TELLING = (
    rb"(?m)^(hostname|interface|line |enable |snmp-server|ip |no ip|crypto|vlan|version \d|username |aaa|router|access-list|logging|sysname|local-user|set [sipvrd]|config [suvrf]|/[isupr])",
    rb"(?m)^(={1,5} |\{\{\{)",
    rb"(?m)^\.(TH|Dd|SH|Sh)[ \t]",
    rb"(?m)^[ \t]*(export[ \t]+)?[\w.\-]{1,60}[ \t]*[=:]",
    rb"(?im)^\s*(insert\s|create\s|grant\s)",
    rb"(?m)^\s*(import java|package |public class|function\s|def )",
    rb"(?im)^(open|user) \S",
)
"""What the patterns above begin with: most texts hold little of it, and one pass tells which."""
_ROUTED, _HEADED, _FORMATTED, _SET, _STATED, _PROGRAMMED, _CONNECTED = range(len(_TELLING))


def _of_content(member: Member) -> str:  # noqa: PLR0911 - one return for each kind of text
    head = bytes(member.content[:_HEAD])
    if b"<?php" in head:
        return CODE
    held = scan.held(_TELLING, head)
    if _ROUTED in held and len(_ROUTER.findall(head)) >= _LINES_OF_A_ROUTER:
        return CONFIG
    if _HEADED in held and len(_WIKI.findall(head)) >= _LINES_OF_A_WIKI:
        return PROSE
    if _FORMATTED in held and len(_MANUAL.findall(head)) >= _LINES_OF_A_MANUAL:
        return PROSE
    pairs = len(_SETTING.findall(head)) if _SET in held else 0
    if pairs and pairs * 2 >= len(_LINE.findall(head)):
        return CONFIG
    if _CONNECTED in held and len(_TRANSFER.findall(head)) == len(_LINE.findall(head)) > 1:
        return SHELL
    if _STATED in held and _STATEMENTS.search(head):
        return SQL
    return CODE if _PROGRAMMED in held and _PROGRAM.search(head) else OTHER


_COMMENT = re.compile(
    r"^\s*(?:>>>|\.{3}[ \t]+\S|#(?!!|[ \t]*define\s)|//(?!\S+/\S*[ \t]+(?:/\S|[\w.-]+%))|\*(?!\.)(?!(?:/\d+)?[ \t]+[\d*][\d*/,-]*[ \t])|/\*|--(?:\s|\w{1,40}\s=\s)|;#|;|<!--|rem\s|::\s|dnl\s)|\s//\s",
    re.IGNORECASE,
)


def is_comment(before: str, kind: str) -> bool:
    """Whether what stands before a value on its line makes the line a comment."""
    found = _COMMENT.search(before)
    if found is None:
        said = (
            before.rpartition("\\n")[2] if "\\n" in before else ""
        )  # a program within a literal, as maps of sources hold it
        return bool(said) and _COMMENT.match(said) is not None
    mark = found[0].strip().lower()
    if mark == "*":
        return kind in (CODE, OTHER)
    if mark == ";":
        return kind in (CONFIG, OTHER)
    return True


_PACKED_ALONE = (".gz", ".bz2", ".xz", ".zst", ".lzma", ".Z")


def inside(member: Member, subject: str) -> str:
    """Return a member's path inside what is looked at: the folders above that say nothing about it.

    A file that was packed alone lies where its package lay: `usr/share/doc/x/NEWS.gz`; a page of a book is one of the book's.
    """
    *above, path = member.parts
    if above and above[-1].lower().endswith(".epub"):
        path = f"{above.pop()}/{path}"
    if above and "/" not in path and above[-1].endswith(_PACKED_ALONE):
        path = f"{above.pop().rpartition('/')[0]}/{path}"
    return path if above else path.removeprefix(subject)


def around(member: Member, subject: str) -> str:
    """Return the path below what is looked at of the archives that hold a member, read as folders; empty: none is known."""
    first, *between = member.parts[:-1] or ("",)
    within = [first.removeprefix(subject)] if first.startswith(subject) else []
    return "".join(f"{one.strip('/')}/" for one in (*within, *between) if one.strip("/"))


def whole(member: Member, subject: str) -> str:
    """Return a member's whole path below what is looked at, archives read as folders."""
    return "/".join(member.parts).removeprefix(subject).lstrip("/")


_LARGEST_BARE = 4096


def is_documentation(path: str, kind: str, content: Content = b"") -> bool:
    """Whether the text explains rather than configures: what stands in it is an example."""
    return (kind == PROSE and not _is_bare(content)) or by_path(path)[0] is Role.DOCUMENTATION


def _is_bare(content: Content) -> bool:
    """Whether a short text has no line of several words but comments and the ends of a key: it holds a secret and explains none."""
    if not 0 < len(content) <= _LARGEST_BARE:
        return False
    lines = bytes(content).splitlines()
    return all(line.lstrip().startswith((b"#", b"-----")) or len(line.split()) <= 1 for line in lines)


_TEXT_FOR_PEOPLE = re.compile(
    r"""(?i)(?P<q>["'])(?:documentation|description|summary|help|help_?text|notes?|code_?example)(?P=q)\s{0,4}(?:=>|:)\s{0,4}"(?:\\.|[^"\\])*\Z"""
)


_HELP = re.compile(
    r"""\b(?:help|epilog|usage)\s{0,4}=\s{0,4}[(rfuL]{0,2}(?P<q>["'])(?:\\.|(?!(?P=q))[^\\])*\Z"""
)
"""The same as an argument that says what an option is for."""
_AT_A_PROMPT = re.compile(r"^\s*(?:\\?\$|(?:mysql|sqlite|sql|mongo|psql)>|\w{1,20}[=-]#)\s[a-zA-Z./]")
"""A command with what asked for it: of those who show how something is used."""
_CELL = re.compile(r"\s*\|\s*[{\"'`]")
"""A row of a table in a text, whose first cell is written as code."""
_USAGE = re.compile(r"""["'`]\s*(?:#\{(?:file_?name|prog\w*|\$0)\}|%prog|%\(prog\)s|\{prog\}|\$0)\s""")
"""A program's own name in the place of which its language puts it, before what it is given: what it says of its use."""
_PRINTED = re.compile(r"""^\s*console\.log\((?:\w{1,40}\()?["'`]\s*[\w./ -]{1,60}\s--?[a-z]""")


def explains(before: str) -> bool:
    """Whether what stands before a value on its line begins a text for people: `"description": "...`, or a command shown to them."""
    if _AT_A_PROMPT.match(before) or _PRINTED.match(before) or _CELL.match(before) or _USAGE.search(before):
        return True
    return ('"' in before or "'" in before) and bool(_TEXT_FOR_PEOPLE.search(before) or _HELP.search(before))


def is_translation(member: Member, path: str, kind: str) -> bool:
    """Whether the file holds texts for people: by its path, or because most of its values are sentences."""
    if _TRANSLATIONS.search(path) and not _NO_TEXTS.search(path):
        return True
    if kind not in (CONFIG, CODE):
        return False
    head = bytes(member.content[:_HEAD]).decode("utf-8", "replace")
    values = (
        [m["text"] for m in _PAIR_OF_CODE.finditer(head)]
        if kind == CODE
        else [m[1] for m in _PAIR.finditer(head)]
    )
    if len(values) < 12:  # noqa: PLR2004 - too few to tell
        return False
    sentences = sum(" " in v.strip() and not re.search(r"[/\\${}]|\d{3}", v) for v in values)
    return sentences * 2 > len(values)
