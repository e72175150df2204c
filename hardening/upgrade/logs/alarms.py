"""Detect lines that report a failure which no known message explains."""

from __future__ import annotations

import re

_BEGIN, _END = r"(?<![\w/])(?<!\w[-=.(])", r"(?![\w/]|[-=.]\w)"
"""A word by itself: not a part of a package's, a file's or an option's name (`perl-Error`, `error.html`, `errors=...`)."""
_WORDS = (
    r"errors?|fatal|fail(?:ed|ures?|s)?|exception|panic|traceback|segfault|cannot|can't|denied|abort(?:ed|ing)?"
    r"|corrupt(?:ed)?|err(?=:)|severe(?=[: ])|critical(?=[:\]])|alert(?=:)|killed|invalid(?! user \S+ from)|incomplete"
    r"|insufficient|mismatch|refused|unable to|could ?n(?:o|')t|unsuccessful(?:ly)?|unrecogni[sz]ed|unexpected(?:ly)?"
    r"|timed out|not enough|busy(?=\.?$)|malformed|crashed|inconsistent|corruption|masked|undefined|unerwartet\w*|inattendue?|abbruch|abgebrochen"
    r"|fallado|interrotto|[a-z]{0,20}fehler|fehlgeschlagen|erreurs?|introuvable|impossible|errore|impossibile|erro"
)
_PHRASES = (
    r"no such file or directory|: (?:command )?not found|not found \(required|no module named|not successful"
    r"|did(?: not|n't) (?:match|complete|succeed|start|stop|finish|respond)|does(?: not|n't) (?:exist|look like|match)"
    r"|(?:is|are) missing\b|lost connection|core dumped|segmentation fault|got signal \d|terminated by signal"
    r"|unknown (?:directive|option|command|variable|column|database)|unbound variable|unary operator expected"
    r"|too many (?:arguments|open files)|argument list too long|bad (?:interpreter|superblock|minute|hour|crc|magic|signature)"
    r"|no space left|must have a tty|unhandled sense code|blocked for more than|soft lockup|bytes exhausted"
    r"|(?<![\w?&-])(?:failed|errors?|failures?|unreachable)=[1-9]|giving up\b|rolling back to|not continuing"
    r"|will not overwrite|stopping here|upgrade stopped|needed to run this program|check that mysqld is"
    r"|(?:device|resource)(?: or resource)?(?: is)? busy|double free|oom-killer|memory trap|dumped core|died at \S+ line|user \S+ unknown"
    r"|\w\.\w+(?:error|exception)$|[^\x00-\x7f]{1,3}chec d|: missing(?![\w-])|file not found|premature end| conflicts with "
    r"|bad address|ssh_exchange_identification|inesperad[oa]|skipping to next header|version problems found"
    r"|iptables-restore v[\d.]+: |repeated too quickly|selinux is preventing|were not met\b|restoring (?:the )?previous"
    r"|already mounted or|\[(?:\w+:)?(?:emerg|alert|crit)\]"
    r"|(?:exit|return)(?:ed)?[ -](?:with )?(?:code|status|value)\W{0,3}[1-9]|returned status [1-9]|\brc ?= ?[1-9]"
    r"|status=\d+/(?!success)|[a-z](?:exception|error)[:;] |\berror=\"[^\"]"
    r"|\b(?:status|state|result|level|severity)[\"']?[=:] ?[\"']?(?:fail|error|fatal|crit|abort)"
    r"|nicht gefunden|keine berechtigung|aucun fichier|permission non accord|code d'[^\x00-\x7f]{1,3}chec"
    r"|no existe el|permiso denegado|no se (?:puede|encontr)|con fallos|sint[^\x00-\x7f]{1,3}ctico"
)
ALARM = re.compile(rf"(?i){_BEGIN}(?:{_WORDS}){_END}|{_PHRASES}")
"""What a line that speaks of trouble holds."""
_NOUNS = r"(?:errors?|failures?|failed|fehler|erreurs?|errores|error|warnings?)"
_PROBLEM = "errors?|fail(?:ed|ures?)?|fatal|unreachable|denied|fehler|erreurs?|errores"
_NONE = r"0(?=\s*(?:$|[,;.)|\]])|\s+\w+ ?[:=])|none\b|empty\b"
_THINGS = r"e-?mails?|reports?|pages?|handl\w+|documents?|reporting|detection|correction|codes|texts|thresholds?|limits?|lists?|records?|tables?"
_CALM_FORMS = (
    # nothing went wrong
    rf"\b(?:0|no|without|zero|keine|ohne|aucune?|sans|sin) (?:any |fatal )?{_NOUNS}\b(?! ?[:=])",
    r"\b(?:0|none) of \d+ [\w ]{0,20}failed\b|\bnothing failed\b",
    # what to do when something does
    r"\bin case of (?:an? )?(?:error|failure)s?\b|\bon (?:error|failure)\b",
    # a counter at zero
    rf"\b(?:{_PROBLEM})\b[\w() ]{{0,30}}[:=] ?(?:{_NONE})",
    r"\bfail(?:ed|ures?) 0\b|\b(?:errors?|failed|failures?)\b[\w ]{0,30}\.{2,} ?(?:none|0)\b",
    # names of files and of settings
    r"error[._-]?log|failed=0|ignore_errors|\bloglevel \w+|\b(?:abort|exit|stop) on error\b|`[\w.$-]+`",
    # things that are about errors
    rf"\b(?:error|failure) (?:{_THINGS})\b",
    # conditions, and errors that are corrected or only written about
    r"\bif (?:\w+ ){1,3}(?:fails?|failed)\b|\bdoes not exist[,;:]? (?:creating|skipping)\b",
    r"\bcorrect(?:ed|able) errors\b|\b(?:log(?:ging)?|report(?:ing)?|show(?:ing)?|send(?:ing)?) errors\b|\berrors will be\b",
)
_CALM = re.compile("(?i)" + "|".join(_CALM_FORMS))
"""What such words say where nothing is wrong; it is taken out, and what else the line says counts."""
_NO_MESSAGES = (
    # a shell that shows what it is about to do
    r"\++ (?!error|fail|fatal|cannot|unable|could)(?:[a-z_./\['\"{(]|[a-z_]+=)[^\n]",
    # a program of a shell
    r"(?:if|elif|while|until) [^\n]*; *(?:then|do)\b|[^\n]*\|\| *(?:\{|exit|die|return|echo)|echo |trap ['\"]",
    # a comment of a script or a settings file, not a banner
    r"# +[^\n]{0,80}\b(?:if|when|unless|in case)\b",
    r"case [\"$][^\n]* in\b|(?:function +)?\w+ ?\(\) *\{",
    # SQL, and the comments of a dump
    r"mysql>[ ]|(?:insert|replace) into [^\n]*\bvalues\b|(?:create|alter|drop) table [^\n]*[;,(]\s*$|update `[\w.]+` set\b",
    r"-- (?:dumping|table|host|server)\b",
    r"[^\n]{0,80}\b(?:can|may) (?:be )?safely (?:be )?ignored?\b",
)
_NO_MESSAGE = re.compile("(?i)" + "|".join(_NO_MESSAGES))
"""How lines begin that are a program's or a table's text and tell nothing that happened."""
_CALM_LEVEL = re.compile(
    r"\[?(?:INFO|DEBUG|TRACE|NOTICE|FINE|CONFIG)\b|[^\[]{0,60}\[(?:\w+:)?(?:[Nn]ote|notice|info|debug)\]"
)
_NAMES = re.compile(
    rf"(?i){_BEGIN}(?:errors?|fatal|failures?|exceptions?|panic|denied|invalid|critical)\b(?!:)|\w\.\w+(?:error|exception)$"
)
"""What counts for nothing where the program itself gave the line a level of no concern: the name of a thing."""
_GOOD_END = re.compile(r"(?i)\b(?:done|ok|imported|kept|updated|created|saved|enabled|removed)\.?\s*$")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")


def alarming(text: str) -> bool:
    """Return whether a line, without its prefix, says that something went wrong."""
    if _NO_MESSAGE.match(text):
        return False
    rest = _CALM.sub("", text)
    if _CALM_LEVEL.match(text):
        rest = _NAMES.sub("", rest)
    if _GOOD_END.search(rest):  # what was done well, to a thing of that name
        rest = _QUOTED.sub("", rest)
    return ALARM.search(rest) is not None
