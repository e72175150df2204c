"""Whether a value can be a secret, and how sure that is."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise

from bundle.detect.credentials.judging.keyword import ascii_name, spelt
from bundle.detect.credentials.judging.letters import are_no_names, is_gibberish, is_odd


class Strength(IntEnum):
    """What a value says for itself, apart from where it stands."""

    NO = 0
    """A placeholder, a variable, an identifier, a sentence: no secret."""
    WORD = 1
    """A plain word: a secret only where the place says so."""
    COMMON = 2
    """One of the passwords everybody tries first: a shipped default."""
    MIXED = 3
    """Letters with digits or signs, as people choose and generators make."""


_PLACEHOLDER = re.compile(
    r"""(?ix)^(?:
      \$.*\{.*\}.* | \$p\$[a-z_]\w* | \w{2,12}\(\?\) | \$[A-Za-z_][\w.\[\]'"{}>-]*[,;)]{0,2}$ | .*\$\{[^}]*\}.* | .*\$\([^)]*\).* | (?:%[A-Za-z_]\w*%[@:;.,/_-]?){1,4} | .*%\([A-Za-z_]\w*\).* | %[-+\d.]*[sdvqn@]
    | @[A-Za-z_][\w.:-]*@ | @[A-Z_][A-Z0-9_]*$ | @\{.* | .*\{\$.* | %\{.* | `.*`? | ['"]\s*[.+].* | ["']["'] | .*\{\{.*\}\}.* | \{[\w.:-]*\} | <[A-Za-z_/!?%].* | .*<[A-Za-z_/!?%][^>]*>.* | .*\#\{.* | __\w+__ | !\w+!?$ | &\w+;
    | \*[A-Za-z_][\w-]*$ | (?:Read-Host|Get-Credential|Get-Content|New-Object|ConvertTo-SecureString|ConvertFrom-SecureString|Import-Clixml)$ | [*xX.\-_?\#]{2,} | .*\*{4,}.* | \*\*.*\*\* | .*x{8,}.* | .*(?:012345|1234567890|abcdefg?h?(?![g-z])|abcdefgh|hgfedcba).* | utf-?\d+ | \$[{(].* | .*\\[1-9(){}].* | [A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,4}(?:\[[^\]]*\]){1,4},? | scram-sha-\d+(?:-plus)? | [a-z_]*(?:sha|md|aes)[_-]?\d+_[a-z_]+ | iso-\d{4}-\d+ | windows-\d{4} | [•●]+ | \[.*\] | \.{3}.* | .*\.{3}[`'"]?$ | .*\[\.{3}\].* | (?:this|self)\.[A-Za-z_][\w.]* | \d+(?:\.\d+){3,12}:=.* | :['"]\w+['"]? | \(.*\) | &[a-z]+;.*
    | (?:dword|hex(?:\(\w\))?):.* | (?:null|nil|none|true|false)[)\]}},:;]* | (?:null|nil|none|debug|info|warn|warning|error|trace|fatal|undefined|empty|blank|true|false|yes|no|on|off|same-origin|always|never|once|on_create|void|nan|unset|unprovisioned|disabled?|enabled?|required|optional|hidden|masked|encrypted|redacted|removed|ask|prompt|default|any|all|auto|string|u?int\d{0,2}|integer|boolean|bool|text|n?varchar2?|char|object|array|function|new|this|self|return|var|let|const)
    | (?:your|my|the|some|any|new|old|a|an|insert|enter|put|type|set|add|use|replace|change|fill)[ _.-][A-Za-z _.'-]*
    | your.* | my_?(?:pass(?:word|wd)?|secret|token|key|pwd)$ | .*(?:change[ _-]?(?:me|this)|replace[ _-]?(?:me|with|this)|fill[ _-]?me|(?<![a-z0-9])(?:fixme|todo|tbd)(?![a-z0-9])|placeholder|goes[ _-]?here|[ _-]here(?![a-z])|(?-i:[a-z]Here$)|not[ _-]?set|not[ _-]?a[ _-]?secret).*
    | (?:example|sample|dummy|foo|bar|baz|foobar|lorem|ipsum|xyz|abc|asdf|blah|value|something|whatever|username|user|userid|login|email|name|host|hostname|localhost|database|dbname|db)$
    | https?://\S* | ftp://\S* | file:\S* | exec:\S* | \[?(?:String|ID|Int|Float|Boolean)!?\]?!? | (?:var|vars|local|data|module|each|params|values|secrets)\.[A-Za-z_][\w.]* | classpath:\S* | pkcs11:\S* | jdbc:\S* | urn:\S* | \./\S* | \.\./\S* | /(?:etc|var|usr|home|opt|tmp|root|run|srv|proc|dev|mnt|bin|sbin|lib|path|data|config|conf|app|api|v\d|user|users|auth|login|admin|account|[\w.-]+/[\w./-]+)\S* | [A-Z]:\\\S*
    | (?:some|any|random|another|new|old|other)[_-]?(?:user)?[_-]?(?:pass(?:word|wd|phrase)?|pwd|secret|token|key)\d? | .*%\{[\w.]+\}.* | unix:\S* | [\w.+-]+@[\w-]+\.(?:com|org|net|edu|gov|io|eu|de|at|ch|fr|it|es|nl|uk|cz|pl|local|lan|home|corp|internal|invalid)
    | (?:pbkdf2|bcrypt|argon2\w{0,3}|scrypt|yescrypt|sha-?\d{1,3}\w{0,8}|md5(?:crypt|sum|hash)?|des3?|3des|aes(?:-?\d+)?(?:-\w+)*|hmac[\w-]*|ssha\d*|crypt|ntlm(?:v2)?|kerberos\w*|cram-?md5|digest-?md5|gssapi|base-?\d\d|pkcs\d+|jks|x509|rsa|dsa)
    | [\w./-]+\.(?:php|html?|jspx?|aspx?|py|js|mjs|css|txt|key|pem|jks|p12|pfx|crt|cer|conf|cfg|xml|properties|ini|sh|cgi|do|action|pl|json|ya?ml|log|dat|db|sqlite|png|gif|svg)(?:\?\S*)?
    | \s*[+.]\s*[A-Za-z_$][\w$.()\[\]'"-]*\s*[+.]\s*
    | (?P<sign>[@%#~|^$])(?P=sign){0,2}[A-Za-z_][A-Za-z_.-]*(?P=sign){1,3} | @\(.* | \[[\w.]+\]::.* | [A-Z][a-z]+-[A-Z]\w+\s+\S.*
    | (?:ref\+)?(?:vault|key-?vault|akv|sops|aws-?sm|secrets-?manager|ssm|gcp-?sm|env|conjur|keyring|keychain)s?:[\w./#@:-]+ | (?:ref\+)?[a-z]{2,12}://\S* | arn:aws:\S+
    | (?:ENC|SEC|KMS|CRYPT)[\[(].*[\])] | \{(?:cipher|AES|AES256|KMS|secret|vault)\}.* | @Microsoft\.KeyVault\(.* | [!*]{1,2} | projects/[\w-]+/secrets/\S+
    | \d{1,3} | 0x[0-9a-f]{1,8} | \\[nrt0] | .*\\[nrt]$
    )$"""
)
_STANDS_FOR_ONE = re.compile(
    r"""(?ix)^(?:
      ['"]{1,2}\$\{?[a-z_]\w*\}?['"]{1,2} | %[-+\d.]*[sdv@][;,&|]
    | (?:[\^~]|[<>]=?)v?\d+(?:\.(?:\d+|x|\*)){1,3}(?:-[\w.]+)?
    | [a-z][\w.-]{1,80}:v?\d+(?:\.\d+){1,3}(?:[-.:][\w.-]{1,40})?['"]?
    | oauth2 | private-token | gitlab-ci-token | x-(?:oauth-(?:basic|token)|token-auth|access-token)
    | \w{0,12}(?:encoded|encrypted|hashed)[_.-]?(?:key|secret|token|password|credentials?|string|value)
    | (?:pbkdf2|bcrypt|scrypt|argon2\w{0,2})[_:-](?:hmac[_-])?(?:sha-?\d{1,3}|md5)(?:-v\d)?[:$]{0,3}
    | \d{1,5}/(?:tcp|udp|sctp|dccp) | (?:required|nullable|sometimes|bail|confirmed|string|(?:min|max|size|between|regex|same|digits):[^|\s]{1,40})\|\S.*
    | fd:\d{1,3} | env:\w{1,60} | file:\S+ | stdin | <\#.*\#> | (?:files|compat)(?:\s+\[?[a-z!][\w=]{1,20}\]?)* | (?:[-+]?anonymous|none|nobody|guest)\\?@\S* | [-+]anonymous
    | \{AQAAABAAAA[\w+/]+={0,2}\} | pk\.eyJ[\w.-]+ | &{1,2}[a-z_]{2,40}\.?
    | (?:md5|sha-?\d{0,3}|s?sha|bcrypt|pbkdf2|scrypt|crypt)[$:]{1,3} | (?:utf-?\d{1,2}(?:-?[lb]e)?(?:-sig)?|latin-?\d)
    | (?:ssh-\w{2,12}\s+)?AAAA(?:B3NzaC1(?:yc2E|kc3M)|C3NzaC1lZDI1|E2VjZHNh)\S* | (?-i:\S*EXAMPLE\S*) | .*(?:redacted|censored|obfuscated).*
    | \*{1,2}[a-z][\w\ -]*\*{1,2} | not[-_ ]?(?:needed|used|required|applicable|available) | unknown | please | a?ssword:?
    | (?:my|your)[-_.][\w.-]*(?:key|token|secret|password) | my(?:auth|priv)(?:phrase|pass\w{0,6}) | x(?:-[a-z][a-z0-9]{1,14}){2,}
    | (?:true|false|null)\s*[}\],].* | (?:\d{1,3}\.){3}\d{1,3} | \W{1,3}%[a-z_]\w*% | --[\w-]{2,40}[=\ ]["']?\$.*
    | [<>!@]?\d{0,4}[a-z]=(?:b?["'].*|0x[0-9a-f]+) | (?=\D*\d)(?:e[0-9a-f]{3}|f[0-8][0-9a-f]{2})
    | \\f(?:\(\w\w|\[\w*\]|[a-z])\$.* | .*&(?:\#\d{3,5}|[a-z](?:acute|grave|circ|uml|tilde|cedil|caron|ring|slash));.*
    | \(\[.* | \)?\.\(?[a-z_]\w*\(.* | [)\]}]{2,}[,;.:].* | ={1,2}[`'"].* | [a-z_$][\w$.]*\[\w*\][).;,:?].* | \{/\w+\}
    | \*[|)].* | --[a-z][a-z-]{2,40} | \{\{.* | \\{1,3}\$[({a-z].* | [a-z_][\w.]*\[ | &[\w.-]+; | [^\w\s]{1,3} | (?:yes|no)[)\]},.;]+ | \d{4}_[a-z]+(?:_[a-z0-9]+)*
    | (?-i:[A-Z0-9]{5}\.[A-Z](?:\.\d)?|[A-Z]\d{3}) | (?:digest|uuid|datetime|timestamp|references|jsonb?|bytea|float|double|decimal)[`'":,.]*
    | [a-z][\w.]*\.\$[a-z_]\w* | \.\$?[A-Z_]{3,40}[);]{0,3}
    | (?-i:\${2}(?:[a-z]+(?:_[a-z]+)+|[A-Z]+(?:_[A-Z]+)+)) | \\["']\\?\$[({a-z_].* | (?:[a-z]+[.-])+\$s?\d(?:[.-].*)? | (?-i:@[a-z_]+(?:\.[a-z_]+)+) | \\\*\((?:aq|[dlrocr]q).*
    | (?:\$\w{1,20}){1,3}\$hash(?:ed)? | [a-z_][\w-]*:[x*!]{1,2}:\d+:.* | x{3,}[,;].* | (?-i:_[A-Z][A-Z0-9_]*[A-Z0-9]_) | 0{20,}[0-9a-f]{1,6} | (?-i:(?:FILE|COMBO|NET|RANGE|PROG|MOD)\d{1,2}(?::COMBO\d{1,2})?|FUZ\dZ|FUZZ) | \\[tnr](?:none|null|nil) | flags\d?\.\d{1,2}\?\S+ | (?:key|token)_?(?:123|1234) | (?-i:[a-z]\d{1,2}-[a-z]\d{1,2}) | (?-i:RW[A-Za-z0-9+/]{54}) | (?-i:%[A-Z]{2,}(?:[-_][A-Z]{2,})+) | (?-i:[+-][A-Z][A-Z\d.-]*(?:-[A-Z\d.]+|:[+-][A-Z].*)) | (?:local|neighbor)-as(?::.*)? | (?-i:phc_\w{43}|[HRPE]S(?:256|384|512)|[a-z_]\w*(?:\.[a-z_]\w*){2,8}:[A-Za-z_]\w*|[A-Za-z]\w*(?:::[A-Za-z]\w*){2,}|cpan:[A-Z]+) | \{[\w.]+(?:\[[^\]{}]{1,30}\])+\} | (?:\\n)*%\[\d\][sdvq].*
    | __[a-z][\w-]*[a-z\d]__ | (?-i://[A-Z][A-Z_]+//) | [\w-]{1,40}\.{3,4}[\w-]{1,40} | [a-z]{2,}(?=\S*:v\d)(?::(?:[a-z]{2,}|v\d{1,2})){2,} | \$\{?\w{1,40}\}?&[\w%.-]{1,40}=\S* | \$2[aby]\$\d\d\$
    | (?-i:(?:String|ID|Int|Float|Boolean)![,):]{1,3}) | (?:\w{0,12}[-_])?(?:secret|token|id|key)[-_][\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12} | .*[-_](?:dummy|something)[-_].* | (?-i:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE) | (?-i:/[a-z][a-z-]{2,20}\d{0,2}) | %0\d{1,2}[xdu] | \w{1,12}[|:$}]%s
    | \{[a-z_][\w.]*\[["']?.* | (?P<unit>\S{1,6}?)(?P=unit){5,}\S{0,5} | [a-z]{0,20}(?:\\u(?!00[2-7])[\da-f]{4}[a-z]{0,20}){1,20}[.,:;!?]?
    | (?:password|passphrase|passwd|username|secret|token)\s?\*:? | wpa\d?[-_](?:personal|enterprise|psk|eap|sae)\w{0,12} | [&?]\w{1,20}=
    | (?:insert|enter|put|set|use|replace|change|fill)[_-](?:a|an|your|the|this|some|me|in)[_-][a-z_-]+!{0,3} | id=[\w.-]+(?:,[a-z]+=[^\s,]+){1,6} | ![a-z]{3,20}\s.*
    | (?-i:[a-z][\w-]*_[a-z\d]{4,6}_[a-z\d]{4,6}_\d{1,4}|[A-Za-z][\w-]*_[A-Za-z][\w-]*__[\w-]{5}|--[a-z]+(?:-[a-z]+)+-[a-z\d]{4,8}|(?:[A-Z]{1,2}|[a-z]+\.)String) | character | binary
    | xsd?:[a-z]\w* | crwdns\d+:.* | ![a-z]\w*(?:\.\w+)+ | (?:auto-?)?generated? | (?-i:[a-z][a-z\d]{1,10}(?:[_-][a-z\d]{2,10}){1,3}[_-])
    | (?-i:(?:Description|Choices|Default)-[a-z]{2,3}(?:_[A-Z]{2})?(?:@\w{1,12})?\.UTF-8) | \w+\#/[\w/]+ | [a-z][\w.-]*\.\* | \#[0-9a-f]{6}(?:[0-9a-f]{2})? |
     \w*(?:sha|md|blf)-?\d{1,3}-crypt | (?:[a-z_$][\w$]{2,40}\.){1,5}[a-z_$][\w$]{2,40}\(.*
    )$"""
)
"""A shell's variable between its quotes, a text to fill in, a range of versions, an artifact with its version, the word that stands for a password beside a token (GitHub, GitLab, Bitbucket), what it says of itself, the name of a digest, what Jenkins sealed, and Mapbox's token for everybody.

Then: rules that a form is checked by, a port, where OpenSSL takes a password from, a mark, sources of a name service, the address that anonymous FTP is given; a digest without what it made, the name of a code, a public key, AWS's and others' examples, what was blotted out; a word between
stars, words that say that there is none, the end of a prompt, the name of a header; the rest of a line of JSON, an address, a variable of
a batch file, an option with a variable; a format of fields, the number of a glyph; a variable in troff, a text with a letter as HTML
writes it; the rest of a pattern, of a call or of an expression in packed code, and the end of a template's block; the rest of a case
of a shell, the option behind one without a value, the beginning of a template, of a shell's call and of an index; an entity, signs, an answer,
a step of Django's between two states of a database, the number of a message (`XBM06.D`, `C012`), a type,
and a name that a variable, or a constant, goes on with; a variable's variable, one that a script writes down, what a lexer calls the group it found
(`keyword.$0`), a member of Ruby's, quotes of a manual page, a line of the accounts of a system, what was blotted out before another
setting, a mark (`_DBWORD_`), a number of a test, what tools that try passwords put them in for (`FILE0`, `FUZZ`), an encrypted password's kind, registers of a processor, minisign's public key, a community of BGP, PostHog's token for everybody, ways to sign,
a class behind its module (`a.b:C`, `a::b::c`), who wrote a module, a text to fill in, a type of Slack's,
a pattern of names, a colour, a picture of a hash (`$6$salt$hash`), and a call. A mark that a program knows its own values by (`__A-B__`, `//IMPLICIT//`), what was
shortened (`sk-...xyz1`), the name of what a cache keeps (`a:b:v1:c`), the head of a hash, a type of GraphQL's
before the next argument, and what a test makes up with its own name (`SECRET_<uuid>`). A method of HTTP, a route of one word, a
format with its number, the word that asks for one to be made, and the head of tokens (`n8n_api_`); a text of Python that is
filled in, one part over and over, and words with accents that JSON writes by their number; a label with the mark of what has to be filled in,
a kind of wireless network, a field of debconf's texts, the head of an address that goes on, a text that is not yet translated, a member that is turned over, the mark of an installer (`%SETUP-NAME`), and ciphers (`+PSK:+AEAD`)."""
_OF_A_PATTERN = re.compile(
    r"\[\^?[^\]\s]{0,20}(?:a-z|A-Z|0-9)[^\]\s]{0,30}\]|\(\?(?:P?<\w+>|:)|\\[sdwSDW](?:[+*?]|\{\d)"
)
"""A class of characters with a range, a group, and a class that repeats, as patterns have them."""
_COMMAND = re.compile(r"^`.*`$|\$\([a-z][\w./-]* [^)]*\)")
"""What a shell runs to get at a value."""
_CAMEL = re.compile(r"^(?:[a-z]{2,})?(?:[A-Z][a-z]{2,})*$")
_IDENTIFIER = re.compile(r"^[A-Za-z_]+(?:[.:-]{1,2}[A-Za-z_]+)*$")
SECRET_WORD = re.compile(
    r"(?i)(?<!com)(?<!tres)pass(?!enger|ion|age)|pwd|secret|token|credential|kennwort|mot_?de|clave|senha|heslo|parole|wachtwoord|adgangskode|kodeord|jelsz|parool|senord|contrase|salasana|lozinka|auth|login|api_?key|required|field|input|label|prompt"
)
_SELECTOR = re.compile(
    r"^[.#](?!\d)|^\[|^\*?\[|[a-z\])]>[a-z.#\[]|[a-z_]{2,}\|[A-Za-z_]{2,}|\w=\w+&|^(?:cn|ou|dc|uid|o)=|(?<![\w@])[A-Za-z_$][\w$]*\((?![!@#$%^&*?+-]+\))|^@\w+\(|::|->|=>|==(?!$)|&&|\|\|"
)
_PROMPT = re.compile(r"[^\W\d_]{2,30}\s?:$")
"""A word that asks for something: `Adgangskode:`."""
_DOTTED = re.compile(r"^[\w-]+\.[\w-]+\.[\w.-]+$")
_PART_OF_A_NAME = re.compile(r"^(?:[A-Za-z_-]+(?:\d[A-Za-z_-]*)?|[A-Z]\d\d|\d|v\d+)$")
_PHRASE = re.compile(
    r"^(?!.*\.(?:json|ya?ml|txt|pem|key|crt|xml|ini|conf|cfg|log|php|sql|csv|html)$)[A-Za-z]{3,}(?:[-._][A-Za-z]{3,}){2,}$"
)
_PIN = 4
"""Digits that are a number to type in rather than a count."""
_MIME = re.compile(r"^[a-z]+/[a-z0-9.+-]+$")
_DATE = re.compile(
    r"^\d{4}-\d\d-\d\d|^\d\d?[./]\d\d?[./]\d{2,4}$|^\d+(?:\.\d+){1,20}$|^\d+(?:px|em|pt|ms|s|kb|mb|%)$|^\d{2,5}x\d{2,5}$",
    re.IGNORECASE,
)
_HEXHASH = re.compile(r"^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$", re.IGNORECASE)
_UUID = re.compile(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_LONGEST = 512
_ESCAPED = re.compile(r"%(?!3\d|[46][1-9A-Fa-f]|[57][\dAa])[0-9A-Fa-f]{2}")
_FEWEST = 2
"""Different letters and digits that a value has at least: zzzz and 0000-0000 are room for one."""
_RUNS = re.compile(r"([A-Za-z0-9])\1{3,}\W{0,2}([A-Za-z0-9])\2{7,}$")
"""One character over and over, and another: `00000000:aaaaaaaaaaaa`."""
_LATIN = 0x24F
"""The last of the Latin letters."""
_MARKS = frozenset(("CHANGE_ME", "change_me"))
"""What a template has where somebody has to put something; `changeme` without the sign is what products ship with."""
_NEVER = frozenset("default enable test user service setup".split())
"""Tried first by everybody, and yet more often a word of the program."""


@cache
def common() -> frozenset[str]:
    """Return the passwords everybody tries first, lower case."""
    text = (files("bundle") / "data" / "credentials" / "common.txt").read_text("utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


_FILE = re.compile(r".+(?=\.[A-Za-z]{2,4}$)")
_PADDED = re.compile(
    r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=\D*\d)(?:[A-Za-z0-9+/]{4}){5,}[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=)$|(?=(?:[^A-Z]*[A-Z]){5})(?=(?:[^a-z]*[a-z]){5})(?=(?:\D*\d){3})[A-Za-z0-9+/]{40}$"
)
"""Base64 that begins like a path: none ends with the signs that fill it up, or has 40 letters of all kinds as AWS's secrets have."""
_CODE_BETWEEN = re.compile(
    r"\+[A-Za-z_$][\w$.]*(?:\)+[;,}].*\b(?:function|throw|return|var|if)\b|,(?:null|void 0|![01]|[A-Za-z_$])[,)])"
)
"""What packed code has between two of its literals, of all signs though it is: `"Bad token: "+a);}function b(c){throw Error("...`."""
_PUBLISHED = frozenset(
    "dpf43f3p2l4k3l03 kd94hf93k423kf44 hh5s93j4hdidpola hdhd0244k9j7ao03 nnch734d00sl2jdk pfkkdhi9sl3r4s00 9djdj82h48djs9d2 j49sk3j29djd kkk9d7dh3k39sjv7 dh893hdasih9 "
    "xxj31ZMTZzkVA 2YotnFZFEjr1zCsicMWpAA tGzv3JOkF0XG5Qx2TlKWIA 7Fjfp0ZBr1KtDRbnfVdmIw gX1fBat3bV mF_9.B5f-4.1JqM SlAV32hkKG 8xLOxBtZp8 0685bd9184jfhq22 ad180jjd733klru7 JBSWY3DPEHPK3PXP "
    "1/fFAGRNJru1FTz70BzhT3Zg 1/xEoDL4iW3cxlI7yDbSRFYNG01kVKM2C-259HOF2aQbI ya29.AHES6ZSiArSow0zeKokajrri5gMBpGc6Sq".split()
)
"""Tokens and secrets that the standards of OAuth and OpenID Connect (RFC 5849, 6749, 6750), mod_ssl's configuration and a maker's manual show, which everybody copies from there."""


@lru_cache(maxsize=256)  # asked several times for each value
def is_placeholder(value: str) -> bool:
    """Whether the value stands for one that comes from elsewhere, or for none."""
    value = value.strip()
    if value.lower() in common() and value.lower() not in _NEVER and value not in _MARKS:
        return False
    stem = value if value[:1] in ("@", "!", "*") else (_FILE.match(value) or [""])[0]
    if _is_random(stem) or (value[:1] == "/" and _PADDED.match(value)):
        return False
    signs = {c for c in _ESCAPED.sub("", value).lower() if c.isalnum()}
    return (
        value in _PUBLISHED
        or bool(_CODE_BETWEEN.match(value) or _OF_A_PATTERN.search(value))
        or not any(map(str.isascii, value))
        or len(value) > _LONGEST
        or (len(signs) < _FEWEST and len(value) > _PIN - 1)
        or (len(signs) == _FEWEST and _RUNS.match(value) is not None)
        or (bool(_PLACEHOLDER.match(value) or _STANDS_FOR_ONE.match(value)) and not _is_of_all_signs(value))
    )


_WITH_A_NUMBER = re.compile(r"(?i)oauth\d|ec2|s3|ssh2|x509|md5|sha\d{1,3}|base64|b64|utf-?8|v\d(?!\d)")
"""Names of protocols and codes that have a number in them, which makes no password of a name: `oauth2_credential`."""
_STEPS = re.compile(
    r"(?:[A-Za-z][A-Za-z_-]+(?:\d[a-z]?)?/){2,}[A-Za-z][A-Za-z_-]+(?:\d[a-z]?)?$|[a-z]{3,}[A-Z][A-Za-z]+/[a-z]{3,}[A-Z][A-Za-z]+$"
)
_FEWEST_IN_AN_ALPHABET = 8
WORDS_FOR_ONE = frozenset("passwort kennwort motdepasse contrasena senha haslo heslo wachtwoord".split())
"""What others than English people try first; with a great letter each is a label."""
_SETTING = re.compile(r"[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*\.[A-Za-z_-]+$")


def _is_an_alphabet(value: str) -> bool:
    """Whether every character comes after the one before it: what passwords are drawn from."""
    return len(value) >= _FEWEST_IN_AN_ALPHABET and all(a < b for a, b in pairwise(value))


def _is_a_setting(value: str) -> bool:
    """Whether the value is the name of a setting, behind the name of what it is of: `plant2.keyStorePassword`."""
    return bool(_SETTING.match(value)) and bool(SECRET_WORD.search(value.rsplit(".", 1)[1]))


def _is_a_path(value: str) -> bool:
    """Whether the value is names behind each other with slashes: the way to a setting or a member."""
    return bool(_STEPS.match(value)) and not any(
        is_gibberish(step) or _odd_case(step) for step in value.split("/")
    )


_LETTER, _DIGIT_OR_SIGN = re.compile(r"[A-Za-z]"), re.compile(r"[\d@!#$%^&*+?]")


@lru_cache(maxsize=1024)
def strength(value: str) -> Strength:  # noqa: C901, PLR0911, PLR0912 - one return for each kind of value
    """Return what the value says for itself."""
    value = value.strip().removeprefix("{noop}")  # of Spring: what follows is not hashed
    if " " in value and value.lower() not in common() and not _is_of_all_signs(value):
        return Strength.NO  # a sentence, which most texts are: before anything that takes longer
    if value in WORDS_FOR_ONE:
        return Strength.COMMON
    if is_placeholder(value) or "\n" in value:
        return Strength.NO
    if value.lower() in common():
        return Strength.COMMON
    if _is_of_all_signs(value):
        return Strength.MIXED
    if _PROMPT.match(value) or _is_an_alphabet(value) or _is_a_path(value) or _is_a_setting(value):
        return Strength.NO
    selects = _SELECTOR.search(value) and not _is_noise(value) and not _is_random(value)
    if len(value) < 4 or selects or _MIME.match(value) or _DATE.match(value):  # noqa: PLR2004 - shorter is no password
        return Strength.NO
    named = _DOTTED.match(value) and all(_PART_OF_A_NAME.match(part) for part in value.split("."))
    if named and not _is_random(value) and not are_no_names(value.split(".")):
        return Strength.NO
    if " " in value or sum(ord(c) > _LATIN for c in value) * 3 > len(value):
        return Strength.NO  # a sentence, in whatever script
    if not value.isascii() and spelt(value).isalpha():  # with accents: `Categorías`, `Contraseña`
        return Strength.NO if SECRET_WORD.search(ascii_name(value)) else Strength.WORD
    if value.endswith(".") and value[:-1].isalpha():
        return Strength.WORD  # the last one of a sentence
    if _IDENTIFIER.match(value):
        if SECRET_WORD.search(value):
            return Strength.NO
        word = Strength.NO if ":" in value else Strength.WORD  # a name with the space it is of: `xs:string`
        return Strength.MIXED if _odd_case(value) or is_gibberish(value) else word
    if not _LETTER.search(value):
        return Strength.MIXED if len(value) > _PIN else Strength.WORD if value.isdigit() else Strength.NO
    if SECRET_WORD.search(value) and not _DIGIT_OR_SIGN.search(_WITH_A_NUMBER.sub("", value)):
        return Strength.NO
    return Strength.MIXED


def is_generated(value: str) -> bool:
    """Whether the value is of letters with digits, of many digits, or of letters that make no word: what no text says by itself."""
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    mixed = mixed or (value.isdigit() and len(value) > _PIN + 1)
    return len(value) > _PIN and (mixed or is_gibberish(value)) and strength(value) is Strength.MIXED


def is_no_word(value: str) -> bool:
    """Whether letters that may be a word have among them what no word has, and are no name of a program's: `eockfp`."""
    joined = any(c.isupper() for c in value[1:]) and _CAMEL.match(value)
    return strength(value) is Strength.WORD and not joined and is_odd(value)


def is_chosen(value: str) -> bool:
    """Whether the value is generated, or a usual password that has digits and letters: no word of a program."""
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return is_generated(value) or (mixed and strength(value) is Strength.COMMON)


_TEMPLATE = re.compile(
    r"\{\w*(?:![rsa])?(?::[^{}\s]{0,12})?\}|%(?:\(\w+\))?[srd](?![a-z0-9])|\{[a-z_][\w.]*\([^{}]*(?:\}|$)"
)
"""What a program formats: `v2/users/{id}`, `storage/%s/keys`."""
_FEW_LEFT = 6


def _is_short(rest: str) -> bool:
    """Whether so few letters and digits are left that they do no more than name or part what is filled in: `GUID:{x};{y};2`."""
    return sum(c.isalnum() for c in rest) < _FEW_LEFT


def is_template(value: str) -> bool:
    """Whether a program fills the value in before it uses it: a path, or what is no more than words without that."""
    if not (("{" in value or "%" in value) and _TEMPLATE.search(value)):
        return False
    rest = _TEMPLATE.sub("", value)
    headed = value[-1] == "}" and rest[-1:] in tuple("._:-")  # f"k8s-v1.{token}"
    return "/" in value or headed or not is_generated(rest) or _is_short(rest)


def is_phrase(value: str) -> bool:
    """Whether the value is three and more words joined by signs, as people are told to choose them."""
    return bool(_PHRASE.match(value)) and not SECRET_WORD.search(value)


_NOISE = 30
_NOISY = 18
_LONG = 40
"""Letters of a value in which no word is: without digits it is noise, too."""


_CALLED = re.compile(r"\w\([\w$, ]*\)(?:\.|->)\w")
"""A call on whose result another one is made."""


_RUN_OF_A_WORD = re.compile(r"[a-z]{6}|[A-Z]{7}")
"""Letters of one case in a row, as the names of programs have and generated values hardly ever."""


def _is_noise(value: str) -> bool:
    """Whether a long value has as many kinds of characters as a generator uses, signs among them: Django's keys."""
    return (
        len(value) >= _NOISE
        and " " not in value
        and len(set(value)) >= _NOISY
        and (
            sum(c.isdigit() for c in value) > _FEWEST
            or (len(value) > _LONG and not _RUN_OF_A_WORD.search(value))
        )
        and (sum(not c.isalnum() for c in value) > _PIN or not _RUN_OF_A_WORD.search(value))
        and not _CALLED.search(value)
    )


_SIGNS = 9


def _is_of_all_signs(value: str) -> bool:
    """Whether a generator drew the value from all that a keyboard has, blanks too, as it does WordPress's keys and salts."""
    signs = [c for c in value if not c.isalnum() and c != " "]
    return (
        len(value) >= _NOISE
        and len(signs) * 5 >= len(value)
        and len(set(signs)) >= _SIGNS
        and len(set(value)) * 2 >= len(value)
        and any(c.isdigit() for c in value)
        and any(c.isupper() for c in value)
        and any(c.islower() for c in value)
        and not _COMMAND.search(value)
    )


_WORD_WITHIN = re.compile(r"[a-z]{4}|[A-Z]{4}|[(){}\[\]<>$ ]")
_SHORTEST_RANDOM = 10


def _is_random(value: str) -> bool:
    """Whether letters of both cases and digits alternate so often that no name or word is among them."""
    kinds = (
        any(c.isdigit() for c in value),
        any(c.isupper() for c in value),
        any(c.islower() for c in value),
    )
    return len(value) >= _SHORTEST_RANDOM and all(kinds) and not _WORD_WITHIN.search(value)


_COMPOUND = re.compile(
    r"^(?!(?:user|my|your|db|new|old|some|the|field|input|type|test|com|by|sur|tres|encom|com)(?:pass|pw))[a-z]{2,12}[_-]?(?:pass|passwd|passw0rd|pwd|pw|secret)\d{0,4}$"
)


def is_compound(value: str) -> bool:
    """Whether the value is a name with a word for a secret behind it, as products are shipped: `zenpass`, `radsecret1`."""
    return bool(_COMPOUND.match(value))


_LEET = str.maketrans("013457@$!", "oieastasi")
_COMIC = re.compile(r"(?i)correct.?horse.?battery.?staple")
_LONGEST_EXAMPLE = 20
_EXAMPLE = re.compile(
    r"(?i)secret|pass|phrase|example|sample|dummy|hunter2|test|demo|your|123|abc|xyz|(?<![a-z])(?:foo|bar)(?![a-z])|foobar|correct.?horse"
)


def is_example(value: str) -> bool:
    """Whether the value is of those that explanations are written with, digits for letters included."""
    if len(value) > _LONGEST_EXAMPLE:
        return bool(_COMIC.match(value))
    return bool(_EXAMPLE.search(value) or _EXAMPLE.search(value.translate(_LEET)))


def _odd_case(value: str) -> bool:
    """Whether upper and lower case change as in generated text rather than in words."""
    changes = sum(a.islower() != b.islower() for a, b in pairwise(value) if a.isalpha() and b.isalpha())
    return len(value) >= 8 and changes >= len(value) // 3 and not _CAMEL.match(value)  # noqa: PLR2004 - shorter ones are words


def is_digest_or_id(value: str) -> bool:
    """Whether the value has the form of a checksum or a UUID, which many harmless things have."""
    return bool(_HEXHASH.match(value) or _UUID.match(value))
