"""What the calls and comparisons of a Java method say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bundle.detect.credentials.java.known import COMMAND, Items, Name, Said, State, literal
from bundle.detect.credentials.java.methods import Around
from bundle.detect.credentials.java.pool import Call

_STATIC = 184
_VAGUE = frozenset("given input line entered provided candidate answer text word typed supplied".split())
"""Names of variables that say no more than none."""
_PLAIN = re.compile(r"[a-z]{3,12}")
_PAIR = 2
_ENTRY = 3
"""The arguments of `setKeyEntry` up to the password."""
_OF_OWNER = ("load", "store", "getKey", "init", "setKeyEntry")
NAMES_OF_OWNER = frozenset(name.encode() for name in _OF_OWNER)
_STORES = ("java/security/KeyStore", "javax/net/ssl/KeyManagerFactory")
_SAME_VALUE = frozenset(
    "toCharArray getBytes trim intern valueOf toLowerCase toString strip requireNonNull ofNullable asList toByteArray".split()
)
_DECODES = frozenset(
    "decode decodeHex decodeBase64 decodeBase64String parseBase64Binary parseHexBinary".split()
)
_BUILDERS = ("java/lang/StringBuilder", "java/lang/StringBuffer")
_COPIES = frozenset(
    ("java/lang/String", "java/math/BigInteger", *_BUILDERS, *(f"java/util/{name}" for name in "HashSet LinkedHashSet TreeSet ArrayList LinkedList Vector".split()))
)  # fmt: skip
_LISTS = frozenset(f"java/util/{name}" for name in "ArrayList LinkedList Vector".split())
_LISTED = ("java/util/List", "java/util/Set")
COMPARES = frozenset(
    (b"equals", b"equalsIgnoreCase", b"contentEquals", b"compareTo", b"deepEquals", b"isEqual")
)
_EQUALS_OF_TWO = ("java/util/Objects", "java/util/Arrays", "java/security/MessageDigest")
EQUALS = frozenset(name.encode() for name in ("java/lang/String", *_EQUALS_OF_TWO))
WITH_OWNER = ("basic", "getCredential")
"""Methods whose name says nothing without that of their class."""
MAP, PAIRS, DEFAULT = b"java/util/Map", ("of", "entry"), "orElse"
_INSTEAD = frozenset("requireNonNullElse defaultString defaultIfEmpty defaultIfBlank firstNonNull".split())
"""Methods that return the second of two where there is no first."""
ASKS = re.compile(
    r"(?i)(?:^|[\s\W])(?:[Pp]?assword|passwd|passphrase|passwort|kennwort|passcode|pin)\s{0,2}[:>?]\s{0,2}$|^\W{0,2}assword:?\W{0,3}$"
)
_LONGEST_PROMPT = 60
SENDS = frozenset(
    "send sendLine println print write writeBytes writeln sendln sendCommand expect waitFor type enter".split()
)
ENDS_IN_A_NAME = re.compile(r"(?:^|[?&;,\s{(])([\w.-]{0,30}(?:password|passwd|pwd|pass))=$", re.IGNORECASE)
"""What a text ends with to which a password is joined: `&password=`."""
JOINS = frozenset(("append", "format"))
_FORMATS = re.compile(r"%(?:\d+\$)?[-#+ 0,(]*\d*(?:\.\d+)?[a-zA-Z]")
_COMMAND = re.compile(r"(?:/[\w./-]+/|\./)?[a-z][\w.-]{1,30}")
_LEAST_COMMAND = 3
_KEYS_OF_SNMP = 5
_MOST_ITEMS, _MOST_KEPT = 40, 8
_OF_KEY = frozenset("get getParameter getProperty getAttribute getString getHeader getField getenv".split())
"""Methods that return what their argument names."""
_TABLE = frozenset(("put", "add", "putIfAbsent", "setProperty"))
ACCOUNTS = frozenset(
    "admin administrator root service operator guest support manager supervisor superuser maintenance sysadmin engineer technician installer".split()
)
"""Accounts that many systems have, by which a comparison tells that what follows it is a password."""
_ACCOUNT = re.compile(r"(?i)user|login|account|benutzer|usuario|utilisateur")


def invoked(state: State, op: int, called: Call, around: Around) -> Iterator[Said]:
    """Say a call, and leave what it returns."""
    owner, name, descriptor, _ = called
    stack, wanted = state.stack, len(called.types)
    raw = stack[len(stack) - wanted :] if 0 < wanted <= len(stack) else []
    given = [literal(v) for v in raw]
    receiver = stack[-wanted - 1] if op != _STATIC and len(stack) > wanted else None
    if wanted == 1 and name.encode() in COMPARES:
        yield from _compared(state, [receiver, *raw])
    elif wanted == _PAIR and name.encode() in COMPARES and owner in _EQUALS_OF_TWO:
        if descriptor.startswith("([C[C"):  # letters are kept apart for passwords alone
            raw = [Name("password") if isinstance(one, Name) or one is None else one for one in raw]
        yield from _compared(state, raw)
    elif raw:
        yield from _with(state, called, raw, given, receiver, around)
    value = _left_by(called, op, raw, given, receiver)
    if isinstance(value, Items) and name == "<init>":
        del stack[len(stack) - wanted - 2 :]  # what `new` made, and its copy
        stack.append(value)
    elif name == "<init>" and _copies(owner, wanted):
        state.pop(wanted + 2)
        stack.append(value)
    else:
        result(state, descriptor, wanted if op == _STATIC else wanted + 1, value)


def _copies(owner: str, wanted: int) -> bool:
    return (wanted == 1 and (owner in _COPIES or owner.endswith("/OctetString"))) or (
        wanted == _PAIR and owner == "java/math/BigInteger"
    )


def _left_by(  # noqa: PLR0911 - one return for each kind of call
    called: Call, op: int, raw: list[str | None], given: list[str | None], receiver: str | None
) -> str | None:
    """Return what a call leaves on the stack: what it was given, a list of it, or a name."""
    owner, name, _, kinds = called
    if name == "<init>":
        if not kinds and owner in _LISTS:
            return Items()
        return raw[0] if raw and _copies(owner, len(kinds)) else None
    if name == "of" and owner in _LISTED:
        listed = raw[0] if len(raw) == 1 and isinstance(raw[0], Items) else Items()
        if not listed.texts:
            listed.texts.extend(given)
        return listed
    if name in PAIRS and owner.encode() == MAP:
        table = Items()
        for key, value in zip(given[::2], given[1::2], strict=False):
            pair = Items()
            pair.texts.extend((key, value))
            table.texts.append(pair)
        return table
    if name in _INSTEAD and len(raw) == _PAIR:
        return raw[1]
    if name in _SAME_VALUE:
        return raw[0] if raw and op == _STATIC else receiver
    if name in _DECODES:
        return raw[0] if raw else None
    return _named_by(name, given)


def _with(  # noqa: C901 - one branch for each kind of call
    state: State,
    called: Call,
    raw: list[str | None],
    given: list[str | None],
    receiver: str | None,
    around: Around,
) -> Iterator[Said]:
    """Say what a call is given."""
    owner, name, descriptor, _ = called
    for one in raw:
        yield from command(one)
    if any(v is not None for v in given):
        yield from _given(owner, name, given, receiver)
        if owner == around.own:
            yield from _kept(
                given, (around.kept if name == "<init>" else around.taken).get(name + descriptor, {})
            )
        yield from _answered(state, name, given)
        if name in _INSTEAD and len(given) == _PAIR and isinstance(raw[0], Name) and given[1]:
            yield "getProperty", [str(raw[0]), given[1]]
    if name == "exec" and given[0] and " -" in given[0]:
        yield COMMAND, [*given[0].split()]
    if (
        name in _TABLE
        and len(raw) == _PAIR
        and given[0]
        and isinstance(raw[1], Items)
        and len(raw[1].texts) == _PAIR
    ):
        yield f"@{given[0].rsplit('.', 1)[-1]}", raw[1].texts
    if name == "append" and owner in _BUILDERS:
        if given[0] and (found := ENDS_IN_A_NAME.search(state.joined)):
            yield f"={found[1]}", [given[0]]
        state.joined = given[0] or ""
    if name == "add" and isinstance(receiver, Items) and len(raw) == 1:
        receiver.texts.append(given[0])
    if name == "format" and given[0] and isinstance(raw[-1], Items):
        ends = [given[0][: one.start()] for one in _FORMATS.finditer(given[0])]
        for before, value in zip(ends, raw[-1].texts, strict=False):
            if value and not isinstance(value, Name) and (found := ENDS_IN_A_NAME.search(before)):
                yield f"={found[1]}", [value]


def _answered(state: State, name: str, given: list[str | None]) -> Iterator[Said]:
    """Say what is sent after a password was asked for, as programs do that talk to a terminal."""
    text = given[0] if len(given) == 1 else None
    if text is None or (name not in SENDS and not state.prompt and len(text) > _LONGEST_PROMPT):
        return
    if state.prompt and name in SENDS and name != state.prompt:
        yield ">password", [text]
        state.prompt = ""
    elif len(text) <= _LONGEST_PROMPT and ASKS.search(text):
        state.prompt = name


def command(value: str | None) -> Iterator[Said]:
    """Say a list of texts that may be a command, after `$`: a program and its arguments."""
    if not isinstance(value, Items) or len(value.texts) < _LEAST_COMMAND:
        return
    if value.run == len(value.texts):
        return
    value.run = len(value.texts)
    first = value.texts[0]
    if first is None or isinstance(first, Items) or not _COMMAND.fullmatch(first):
        return
    yield COMMAND, [None if isinstance(one, Items) else one for one in value.texts[:_MOST_ITEMS]]


def _given(owner: str, name: str, given: list[str | None], receiver: str | None) -> Iterator[Said]:
    """Say a call that is given literals, by its name or by its class."""
    if name in PAIRS and owner.encode() == MAP:
        yield from (("put", list(pair)) for pair in zip(given[::2], given[1::2], strict=False))
        return
    named = isinstance(receiver, Name) and receiver[:1] != "#"
    if name == DEFAULT and named:
        yield "getProperty", [str(receiver), given[0]]
        return
    made = name == "<init>" or (name in _OF_OWNER and owner.startswith(_STORES))
    last = owner.rsplit("/", 1)[-1]
    if made and name == "setKeyEntry":
        given = given[:_ENTRY]
    yield (last if made else f"{last}.{name}" if name in WITH_OWNER else name), given
    if last == "UsmUser" and len(given) == _KEYS_OF_SNMP and given[-1]:
        yield "setPassphrase", [given[-1]]  # the other one, of the encryption
    if name in _TABLE and named and len(given) == _PAIR:
        yield f"@{receiver}", given


def _kept(given: list[str | None], fields: Mapping[int, str]) -> Iterator[Said]:
    """Say what a constructor of the class keeps in which field; a constant of an enumeration names what it holds."""
    account = next((given[n] for n, name in fields.items() if n < len(given) and _ACCOUNT.search(name)), None)
    for number, name in fields.items():
        if number < len(given) and given[number] is not None:
            yield f"={name}", [given[number], account]
    texts = [value for value in given[_PAIR:] if value is not None]
    if (
        given[0] and given[0].isupper() and texts
    ):  # its key, and what it is where nobody sets it; or one of these
        yield f"{'=' if len(texts) >= _PAIR else '!'}{given[0]}", [texts[-1]]


def result(state: State, descriptor: str, taken: int, value: str | None) -> None:
    """Take the arguments of a call from the stack, and put its result there."""
    state.pop(taken)
    if not descriptor.endswith(")V"):
        state.stack.append(value)


def _named_by(name: str, given: list[str | None]) -> str | None:
    """Return the name of what a method returns: its own behind `get`, or the key that it is asked for."""
    if name in _OF_KEY and given and given[0]:
        return Name(given[0])
    return Name(name[3:]) if name.startswith("get") and not given else None


def _compared(state: State, pair: list[str | None]) -> Iterator[Said]:
    """Say a comparison of a literal with something else: its name, where it has one, after `?`, the text, and the account."""
    texts = [v for v in pair if v and not isinstance(v, Name)]
    names = [v for v in pair if isinstance(v, Name)]
    if len(texts) == 1 and state.prompt:
        yield "?password", [texts[0], None]
        state.prompt = ""
    if len(texts) != 1 or len(names) != 1:
        return
    nameless = names[0].startswith("#") or names[0].lower() in _VAGUE
    yield f"?#{state.method}" if nameless else f"?{names[0]}", [texts[0], state.account or None]
    if _ACCOUNT.search(names[0]) or texts[0].lower() in ACCOUNTS or (nameless and _PLAIN.fullmatch(texts[0])):
        state.account = texts[0]


def listed(name: str, items: Items) -> Iterator[Said]:
    """Say the elements of a list that is kept, and the pairs in a list of lists."""
    items.kept += 1
    texts = items.texts[:_MOST_ITEMS] if items.kept <= _MOST_KEPT else []
    if len(texts) == _PAIR and not any(isinstance(one, Items) for one in texts):
        yield f"@{name}", texts
    for one in texts:
        if isinstance(one, Items):
            if len(one.texts) >= _PAIR:
                yield f"@{name}", one.texts[:_PAIR]
        elif one is not None:
            yield f"*{name}", [one, *(other for other in texts if other is not one)]
    yield from command(items)
