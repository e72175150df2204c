"""PHP read as tokens, as far as it takes to tell a phpinfo page and a command shell from a mention."""

from __future__ import annotations

import re

from bundle.walk.member import Content

_LARGEST = 64 << 10
_PAGE_STATEMENTS = 20
"""A file of at most so many statements that calls phpinfo() is a probe; a larger one is a program."""

_PAGE = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:#![^\n]*php[^\n]*\n\s*)?<|\AGIF8|\A\x89PNG|\A\xff\xd8\xff")
"""How a file starts that a web server would run: as a page, or as a picture that hides one."""

_COMMENT = rb"/\*.*?(?:\*/|\Z)|(?://|\#(?!\[))[^\n]*?(?=\n|\?>|\Z)"
_LITERAL = rb"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`"
_HEREDOC = rb"<<<[ \t]*['\"]?(?P<label>\w+)['\"]?\r?\n.*?\n[ \t]*(?P=label)\b"
_WORD = rb"\$?[A-Za-z_\x80-\xff][\w\x80-\xff]*"
_TOKEN = re.compile(
    rb"(?P<skip>%b|\s+)|(?P<text>%b)|(?P<heredoc>%b)|(?P<close>\?>)|(?P<word>%b)|(?P<other>->|::|.)"
    % (_COMMENT, _LITERAL, _HEREDOC, _WORD),
    re.DOTALL,
)
_OPEN = re.compile(rb"<\?(?:php\b|=|(?=\s))", re.IGNORECASE)
_NO_CALL_AFTER = frozenset({b"function", b"->", b"::", b"new", b"\\"})


_MAYBE_PHPINFO = re.compile(rb"phpinfo\s*(?:/\*.*?\*/\s*)?\(", re.IGNORECASE | re.DOTALL)
_REQUESTED = re.compile(rb"\$(?:_GET|_POST|_REQUEST|_COOKIE|HTTP_RAW)")
_BEFORE = re.compile(
    rb"(?:system|exec|passthru|popen|proc_open|eval|assert|create_function)\s*\([^;{}$]*\Z", re.IGNORECASE
)
_CALLED = re.compile(rb"\$_\w+\s*\[[^\]]{0,80}\]\s*\(")
_LOOK_BACK = 160


def is_page(content: Content) -> bool:
    """Whether a file with PHP in it is a page, and not a text or a script that only writes about one."""
    return _PAGE.match(content) is not None


def tokens(content: Content) -> list[bytes]:
    """Return the PHP tokens of a file without HTML, comments and white space; strings keep their quotes."""
    source = bytes(content[:_LARGEST])
    found: list[bytes] = []
    at = 0
    while (start := _OPEN.search(source, at)) is not None:
        at = start.end()
        while at < len(source):
            match = _TOKEN.match(source, at)
            if match is None:
                return found
            at = match.end()
            if match.group("close"):
                found.append(b";")
                break
            if match.group("skip") is None:
                found.append(match.group())
    return found


def is_phpinfo_page(content: Content) -> bool:
    """Whether a PHP file is there to show phpinfo(): it calls it and does little else."""
    if len(content) > _LARGEST or not is_page(content) or _MAYBE_PHPINFO.search(content) is None:
        return False
    found = tokens(content)
    calls = any(
        word.lower() == b"phpinfo"
        and found[at + 1 : at + 2] == [b"("]
        and (
            at == 0
            or found[at - 1].lower() not in _NO_CALL_AFTER
            or (found[at - 1] == b"\\" and found[at - 2 : at - 1] in ([], [b";"]))
        )
        for at, word in enumerate(found)
    )
    return calls and sum(token == b";" for token in found) <= _PAGE_STATEMENTS and b"class" not in found


_RUNS = frozenset(
    {
        b"system",
        b"exec",
        b"shell_exec",
        b"passthru",
        b"popen",
        b"proc_open",
        b"pcntl_exec",
        b"eval",
        b"assert",
        b"create_function",
    }
)
_REQUEST = frozenset({b"$_GET", b"$_POST", b"$_REQUEST", b"$_COOKIE", b"$HTTP_RAW_POST_DATA"})
_WRAP = frozenset(
    {
        b"@",
        b"(",
        b"base64_decode",
        b"stripslashes",
        b"gzinflate",
        b"gzuncompress",
        b"str_rot13",
        b"urldecode",
        b"trim",
        b"strrev",
        b"hex2bin",
    }
)


def is_command_shell(content: Content) -> bool:
    """Whether a PHP file hands what a request says straight to a shell or to eval."""
    if not is_page(content) or not _may_be_shell(content):
        return False
    found = tokens(content)
    return any(_runs_request(found, at) or _calls_request(found, at) for at in range(len(found)))


def _may_be_shell(content: Content) -> bool:
    """Whether it is worth reading the file as tokens: somewhere a request is near a call."""
    return any(
        _CALLED.match(content, one.start())
        or _BEFORE.search(bytes(content[max(0, one.start() - _LOOK_BACK) : one.start()]))
        for one in _REQUESTED.finditer(content)
    )


def _runs_request(found: list[bytes], at: int) -> bool:
    """`system($_GET['c'])`, `eval(base64_decode($_POST['x']))`."""
    if found[at].lower() not in _RUNS or found[at + 1 : at + 2] != [b"("]:
        return False
    if at and found[at - 1].lower() in _NO_CALL_AFTER - {b"\\"}:
        return False
    after = at + 2
    while after < len(found) and found[after].lower() in _WRAP:
        after += 1
    return after < len(found) and found[after] in _REQUEST


def _calls_request(found: list[bytes], at: int) -> bool:
    """`$_GET['f']($_POST['a'])`."""
    shape = found[at : at + 6]
    return (
        len(shape) == len("v[k](v")
        and shape[0] in _REQUEST
        and (shape[1], shape[3], shape[4]) == (b"[", b"]", b"(")
        and shape[5] in _REQUEST
    )
