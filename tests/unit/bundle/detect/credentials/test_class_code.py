"""Java classes compiled here: where their bytecode and annotations hold passwords, and where they do not."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.detect import keys
from bundle.detect.credentials import Credentials
from bundle.detect.credentials.java import annotated
from bundle.walk.derive.bytecode import class_constants, worth_it
from bundle.walk.member import Member
from hardening.findings import Confidence
from tests.support.bundle.detect.credentials.plant.members import member

WORD = "Quay#7714"


def _compile(folder: Path, sources: Mapping[str, str], *flags: str) -> dict[str, list[bytes]]:
    """Return the classes of each source, by its name; in each the main class is X."""
    if shutil.which("javac") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("javac is missing: install a JDK")
        pytest.skip("javac is missing: install a JDK")
    for number, body in enumerate(sources.values()):
        (folder / f"p{number}").mkdir()
        (folder / f"p{number}" / "X.java").write_text(f"package p{number}; import java.util.*; {body}")
    files = [f"p{number}/X.java" for number in range(len(sources))]
    subprocess.run(["javac", *flags, *files], cwd=folder, check=True, capture_output=True)
    return {
        name: [one.read_bytes() for one in sorted((folder / f"p{number}").glob("X*.class"))]
        for number, name in enumerate(sources)
    }


def _said(credentials: Credentials, classes: Iterable[bytes]) -> list[str]:
    return [
        f.evidence
        for data in classes
        for f in credentials.check(member("lib/X.class", data), "b.zip")
        if f.confidence >= Confidence.MEDIUM
    ]


HOLDS = {
    "a variable on the way to a login": 'class X { void a(String h) throws Exception { String u = "feed", w = "%s"; java.sql.DriverManager.getConnection(h, u, w); } }',
    "joined when it runs, before a login": 'class X { void a(String h) throws Exception { java.sql.DriverManager.getConnection("jdbc:x://" + h + "/d", "feed", "%s"); } }',
    "a pair of a map": 'class X { Object a() { return Map.of("login", "feed", "password", "%s"); } }',
    "an entry of a map": 'class X { Object a() { return Map.entry("feed.passwd", "%s"); } }',
    "what nobody set": 'class X { Object a(Properties p) { return p.getProperty("feed.password", "%s"); } }',
    "what no map has": 'class X { Object a() { return System.getenv().getOrDefault("FEED_PASSWORD", "%s"); } }',
    "instead of what is not there": 'class X { Object a() { return Optional.ofNullable(System.getenv("FEED_PASSWORD")).orElse("%s"); } }',
    "a method of a builder": 'class X { interface B { B user(String u); B password(String p); } void a(B b) { b.user("feed").password("%s"); } }',
    "an account and its password in one call": 'class X { interface B { B withCredentials(String u, String p); } void a(B b) { b.withCredentials("feed", "%s"); } }',
    "a key in a field": 'class X { static final byte[] KEY = "%s".getBytes(); Object a() { return new javax.crypto.spec.SecretKeySpec(KEY, "AES"); } }',
    "a field that never changes": 'class X { private final String adminPass = "%s"; String a() { return adminPass; } }',
    "a setter of an own name": 'class X { void setFeedKennwort(String w) { } void a() { setFeedKennwort("%s"); } }',
    "a case of a switch": 'class X { int a(String password) { switch (password) { case "%s": return 9; default: return 0; } } }',
    "two texts held against each other": 'class X { boolean a(String password) { return Objects.equals(password, "%s"); } }',
    "letters held against each other": 'class X { boolean a(char[] passwd) { return Arrays.equals(passwd, "%s".toCharArray()); } }',
    "a constant of an enumeration, kept by its constructor": 'enum X { ONE("feed", "%s"); final String user, passwd; X(String u, String p) { user = u; passwd = p; } }',
    "a constant of an enumeration that names its only text": 'enum X { FEED_PASSWORD("%s"), FEED_USER("feeder2"); final String a; X(String a) { this.a = a; } }',
    "a constant of an enumeration that names it": 'enum X { FEED_PASSWORD("feed", "%s"); final String a, b; X(String a, String b) { this.a = a; this.b = b; } }',
    "a getter": 'class X { String getFeedPassword() { return "%s"; } }',
    "an account and its password, as HTTP wants them": 'class X { String a() { return Base64.getEncoder().encodeToString("feed:%s".getBytes()); } }',
    "a table of accounts": 'class X { static final Map<String, String> USERS = new HashMap<>(); static { USERS.put("service", "%s"); } }',
    "an element of an annotation": '@interface In { String user(); String password(); } class X { @In(user = "feed", password = "%s") void a() { } }',
    "a name and a value of an annotation": '@interface In { String name(); String value(); } @In(name = "feed.password", value = "%s") class X { }',
    "a default in an annotation": '@interface In { String value(); } class X { @In("${feed.password:%s}") String a; }',
    "a default at a parameter": '@interface In { String value(); } class X { X(@In("${feed.password:%s}") String a) { } }',
    "what a lambda returns": 'class X { java.util.function.Supplier<String> feedPassword = () -> "%s"; }',
    "in a lambda of a method that lets somebody in": 'class X { java.util.function.Predicate<String> login() { return w -> w.equals("%s"); } }',
    "two joined words": 'class X { private String password = "marble-gate"; String a() { return password; } }',
    "a word kept beside an account": 'enum X { ONE("feed", "marblegate"); final String user, password; X(String u, String p) { user = u; password = p; } }',
    "what a directory is asked with": 'class X { Object a() { Hashtable<String, String> h = new Hashtable<>(); h.put("java.naming.security.credentials", "marble-gate"); return h; } }',
    "an account of an own kind": 'class X { static class FeedAccount { FeedAccount(String n, String p) { } } static FeedAccount A = new FeedAccount("feed", "%s"); }',
    "a list of passwords": 'class X { static final String[] PASSWORDS = {"%s"}; }',
    "a list of somebody's passwords": 'class X { List<String> feedPasswords = Arrays.asList("%s"); }',
    "an object of an account and its password": 'class X { record FeedCred(String u, String p) { } FeedCred a() { return new FeedCred("feed", "%s"); } }',
    "beside an account that is compared": 'class X { boolean a(String u, String password) { return u.equals("operator") && password.equals("%s"); } }',
    "in a method that is asked about an account, whatever the account": 'class X { boolean check(String u, String w) { return "feed".equals(u) && "%s".equals(w); } }',
    "in a method that lets somebody in": 'class X { static boolean login(String u, String w) { return "%s".equals(w); } }',
    "a name in another language": 'class X { static String sqlKennwort = "%s"; }',
    "one of two": 'class X { String password; void a(boolean b) { password = b ? "%s" : ""; } }',
    "instead of what is not set": 'class X { String a() { String v = System.getenv("FEED_PASSWORD"); return v == null ? "%s" : v; } }',
    "instead of nothing": 'class X { String password; void a(String p) { password = Objects.requireNonNullElse(p, "%s"); } }',
    "letters of a password": "class X { static final char[] PASSWORD = {'Q', 'u', 'a', 'y', '#', '7', '7', '1', '4'}; }",
    "bytes of a key": "class X { static final byte[] AES_KEY = {-126, 23, 101, -32, 126, 95, 125, 120, 78, -112, 96, -89, 33, -54, -128, 125}; }",
    "what a method of that name returns": 'class X { String feedPassword(int n) { switch (n) { case 1: return "%s"; default: return ""; } } }',
    "in Base64, returned": 'class X { String password() { return new String(Base64.getDecoder().decode("UXVheSM3NzE0")); } }',
    "pairs in a list": 'class X { static final String[][] LOGINS = {{"feed", "%s"}}; }',
    "pairs of a map": 'class X { static final Map<String, String> CREDS = Map.of("feed", "%s"); }',
    "a pair for a key": 'class X { void a(Map<String, Object> m) { m.put("jmx.remote.credentials", new String[] {"feed", "%s"}); } }',
    "a set of passwords": 'class X { static final Set<String> MASTER_PASSWORDS = new HashSet<>(Arrays.asList("%s", "%s")); }',
    "words in a list of passwords": 'class X { static final String[] PASSWORDS = {"marblegate", "marblegate"}; }',
    "an option of a command": 'class X { void a() throws Exception { new ProcessBuilder("mysql", "-u", "feed", "-pQuay7714").start(); } }',
    "an option of a command that is put together": 'class X { void a() throws Exception { List<String> c = new ArrayList<>(); c.add("mysql"); c.add("-ufeed"); c.add("-pQuay7714"); new ProcessBuilder(c).start(); } }',
    "a command in one text": 'class X { void a() throws Exception { Runtime.getRuntime().exec("keytool -list -storepass Quay7714"); } }',
    "a header of a key": 'class X { void a(java.net.URLConnection c) { c.setRequestProperty("X-Api-Key", "9c1f0a7be24d5538c6b0d4417ee2fa93"); } }',
    "sent where it is asked for": 'class X { interface S { void expect(String s); void send(String s); } void a(S s) { s.expect("assword:"); s.send("%s"); } }',
    "joined to its name": 'class X { String a(String h) { return new StringBuilder("x://").append(h).append("?password=").append("%s").toString(); } }',
    "in a format": 'class X { String a(String h) { return String.format("x://%1$s?user=%2$s&password=%3$s", h, "feed", "%s"); } }',
    "a source of connections": 'class X { void a(javax.sql.DataSource s) throws Exception { s.getConnection("feed", "%s"); } }',
    "two small words": 'class X { boolean login(String u, String w) { return u.equals("feed") && w.equals("blue lantern"); } }',
    "held against the parameter of an interface": 'class X { String passwd; interface A { boolean is(String u, String w); } A a = (u, w) -> "feed".equals(u) && w.equals("Zq7vHk2mWp"); }',
    "another one of two": 'class X { String passwd; boolean is(String licenseKey) { return licenseKey.equals("Zq7vHk2mWp4nTd"); } }',
    "letters held against letters": 'class X { String passwd; boolean is(char[] c) { return Arrays.equals(c, "Quay#7714".toCharArray()); } }',
    "the answer to a question": 'class X { boolean is(Scanner in) { System.out.print("Maintenance password: "); return in.nextLine().trim().equals("%s"); } }',
    "a setting in lines of text": 'class X { static final String FEED = "feed:\\n  password: %s\\n  host: x\\n"; }',
    "a line for a switch": 'class X { String passwd; void a(java.io.Writer w) throws Exception { w.write("username feed privilege 15 password 0 Quay7714\\n"); } }',
    "the default of an element": '@interface X { String password() default "%s"; }',
    "an option of OpenSSL": 'class X { void a() throws Exception { new ProcessBuilder("openssl", "pkcs12", "-passout", "pass:Quay7714").start(); } }',
    "a scheme of an own": 'class X { void a(java.net.URLConnection c) { c.setRequestProperty("Authorization", "ApiKey 9c1f0a7be24d5538c6b0d4417ee2fa93"); } String token; }',
    "an account and its password for one key": 'class X { String passwd; void a(Properties p) { p.setProperty("x.security.user", "feed:Quay7714"); } }',
    "two small words of somebody": 'class X { static final String DEFAULT_PASSWORD = "blue lantern"; }',
    "a word to read with": 'class X { private String readCommunity = "Storage7"; String a() { return readCommunity; } }',
    "a record of a user": 'class X { record User(String n, String p, int r) { } static final List<User> ALL = List.of(new User("feed", "%s", 1)); }',
    "a usual password in a method that checks one": 'class X { boolean checkPassword(String given) { return given.equals("letmein1"); } }',
    "who signs in": 'class X { interface C { void signIn(String u, String w); } void a(C c) { c.signIn("feed", "%s"); } }',
    "a set of tokens": 'class X { static final Set<String> API_TOKENS = Set.of("9c1f0a7be24d5538c6b0d4417ee2fa93"); }',
    "the password of an entry of a key store": 'class X { void a(java.security.KeyStore k, java.security.Key y) throws Exception { k.setKeyEntry("feed", y, "%s".toCharArray(), null); } }',
}  # fmt: skip
HOLDS_NOT = {
    "a way to keep a password": 'class X { boolean a(String password) { return "encrypted".equals(password) || "password".equals(password); } }',
    "an enumeration of settings": 'enum X { DB_PASSWORD("db.password2"), ADMIN_PASSWORD("adminPassword"), WRONG_PASSWORD("E4711"); final String a; X(String a) { this.a = a; } }',
    "keys of a map": 'class X { Object a(String p) { return Map.of("password", p, "user", "Quay#7714"); } }',
    "a label": 'class X { Object a(Properties p) { return p.getProperty("password.label", "Passwort"); } }',
    "a column": 'class X { String getPasswordColumn() { return "user_password"; } String getPassword() { return "password"; } }',
    "a case of something else": 'class X { int a(String type) { switch (type) { case "Quay#7714": return 9; default: return 0; } } String passwd; }',
    "a prompt": 'class X { void setPasswordPrompt(String s) { } void a() { setPasswordPrompt("Quay#7714"); } }',
    "a table of something else": 'class X { static final Map<String, String> MIME = new HashMap<>(); static { MIME.put("html", "Quay#7714"); } String passwd; }',
    "texts of a table of users": 'class X { static final Map<String, String> USERS = new HashMap<>(); static { USERS.put("html", "text/html"); } }',
    "a setting without a default": '@interface In { String value(); } class X { @In("${feed.password}") String a; @In("${feed.password:}") String b; }',
    "the name of an entry of a key store": 'class X { Object a(java.security.KeyStore k, char[] w) throws Exception { return k.getKey("Quay#7714", w); } }',
    "a field of another class": 'class X { static class In { byte[] key; } static byte[] key = "Quay#7714".getBytes(); Object a(In i) { return new javax.crypto.spec.SecretKeySpec(i.key, "AES"); } }',
    "a text in Base64": 'class X { String a() { return Base64.getEncoder().encodeToString("image:png".getBytes()); } String passwd; }',
    "a list of passwords that nobody may choose": 'class X { static final String[] WEAK_PASSWORDS = {"Quay#7714"}; }',
    "a word of a program": 'class X { private String password = "auto-generated"; String a() { return password; } }',
    "a list of fields": 'class X { static final String[] PASSWORDS = {"password", "passwd"}; String passwd; }',
    "what a lambda of no password returns": 'class X { String passwd; java.util.function.Supplier<String> title = () -> "Quay#7714"; }',
    "a state of a password": 'class X { boolean a(String user, String password) { return user.equals("feed") && password.equals("unset"); } }',
    "a state beside an account": 'class X { String passwd; boolean a(String u, String r) { return u.equals("operator") && r.equals("delete-entry"); } }',
    "a text in a method that lets nobody in": 'class X { boolean draws(String u, String w) { return "Quay#7714".equals(w); } String passwd; }',
    "a variable of another name": 'class X { String passwd; int a() { String shown = "Quay#7714"; return shown.length(); } }',
    "the character set of a password": 'class X { byte[] oemPassword; void a(String password) throws Exception { oemPassword = password.getBytes("UTF-16LE"); } }',
    "bytes of a salt": "class X { static final byte[] salt = {-126, 23, 101, -32, 126, 95, 125, 120}; String passwd; }",
    "a command without a password": 'class X { String passwd; void a() throws Exception { new ProcessBuilder("mkdir", "-p", "/var/lib/feed8").start(); } }',
    "what follows a question": 'class X { void a() { System.out.println("Password:"); System.out.println("Quay#7714"); } }',
    "a state instead of another": 'class X { String passwd; String a(String state) { return state == null ? "Quay#7714" : state; } }',
    "a message of two words": 'class X { boolean a(String password) { return password.equals("wrong password") || password.equals("please enter"); } }',
    "a list with the name of a field": 'class X { static final String[] PASSWORDS = {"marblegate", "password"}; }',
    "lines that explain": 'class X { static final String USAGE = "Usage: x [options]\\nPassword Hashing: one way\\n -p: password entry\\n"; }',
    "usual passwords that a rule forbids": 'class X { String passwd; boolean validatePassword(String given) { return !given.equals("letmein1"); } boolean isWeakPassword(String given) { return given.equals("hunter2"); } }',
    "two directives": 'class X { String passwd; boolean is(String a, String b) { return a.equals("ifdef") || b.equals("ifndef"); } }',
    "tokens of a grammar": 'class X { static final String[] CIPHER_TOKENS = {"rc4-56", "rc4-40"}; }',
    "what is joined to a setting": 'class X { String a(String p, String h) { return "Driver=x;Server=" + h + ";Uid=feed;Pwd=" + p + ";"; } }',
}  # fmt: skip


JOINED = {
    "an address": 'class X { String a(String h, int n) { return "mysql://feed:Quay7714@" + h + ":" + n + "/d"; } }',
    "no password": 'class X { String a(String h) { return "password=" + h + "&user=x"; } }',
    "no password of a database": 'class X { String a(String h) { return "Driver=x;Server=s;Uid=feed;Pwd=" + h + ";"; } }',
    "a command": 'class X { String a(String h) { return "sshpass -p Quay7714 scp " + h + " feed@a:/b"; } }',
    "a command with an option": 'class X { String[] a() { return new String[] {"sh", "-c", "mysql -ufeed -pQuay7714 x"}; } }',
    "the digest of a usual password": 'class X { static final String ADMIN_HASH = "5f4dcc3b5aa765d61d8327deb882cf99"; }',
    "a header": 'class X { String a() { return "Basic ZmVlZDpRdWF5Izc3MTQ="; } }',
}  # fmt: skip
"""What is found in the text that the walk makes of a class."""
DOORS = {
    "beside an account": 'class X { boolean a(String user, String pass) { return user.equals("feed") && "letmein1".equals(pass); } }',
    "alone": 'class X { boolean a(String user, String pass) { return "letmein1".equals(pass); } }',
    "what stores have until somebody changes it": 'class X { boolean a(String password) { return "changeit".equals(password); } }',
}  # fmt: skip


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[bytes]]]:
    """All of them, compiled with the names of variables and without."""
    made = {name: body.replace("%s", WORD) for name, body in (HOLDS | NAMED_ONLY).items()}
    every = {**made, **HOLDS_NOT, **JOINED, **DOORS}
    return {flag: _compile(tmp_path_factory.mktemp("java"), every, flag) for flag in ("-g", "-g:none")}


Classes = dict[str, dict[str, list[bytes]]]


NAMED_ONLY = {
    "a word beside an account": 'class X { boolean a(String user, String password) { return user.equals("feed") && password.equals("marblegate"); } }',
    "a word where a parameter is called a password": 'class X { boolean a(String password) { return "quarry".equals(password); } }',
    "a usual password where a parameter is called one": 'class X { boolean a(String password) { return password.equals("letmein1"); } }',
    "in a variable that has a name": 'class X { int a() { String passwd = "%s"; return passwd.length(); } }',
}
"""What is found where the compiler kept the names of variables."""
NAMELESS = [
    n
    for n, body in HOLDS.items()
    if "operator" in body or ("String password)" not in body and "[] passwd)" not in body)
]
"""What is found without the names of parameters too."""


@pytest.mark.parametrize(
    ("flag", "name"), [("-g", n) for n in HOLDS | NAMED_ONLY] + [("-g:none", n) for n in NAMELESS]
)
def test_passwords_of_classes(credentials: Credentials, classes: Classes, name: str, flag: str) -> None:
    assert len(_said(credentials, classes[flag][name])) == 1


@pytest.mark.parametrize("flag", ["-g", "-g:none"])
@pytest.mark.parametrize("name", HOLDS_NOT)
def test_no_passwords_of_classes(credentials: Credentials, classes: Classes, name: str, flag: str) -> None:
    assert _said(credentials, classes[flag][name]) == []


def test_a_usual_password_is_a_back_door_beside_an_account(
    credentials: Credentials, classes: Classes
) -> None:
    assert [len(_said(credentials, classes["-g"][name])) for name in DOORS] == [1, 0, 0]


def _constants(data: bytes) -> Member:
    text, _ = class_constants(data)
    return Member(parts=("b", "X.class"), kind="file", size=len(text), content=text, derived="constants")


@pytest.mark.parametrize("name", JOINED)
def test_what_a_program_joins_to_a_literal(credentials: Credentials, classes: Classes, name: str) -> None:
    (data,) = classes["-g"][name]
    assert worth_it(data)
    said = [f for f in credentials.check(_constants(data), "b") if f.confidence >= Confidence.MEDIUM]
    assert len(said) == (0 if name.startswith("no ") else 1)


def test_a_type_without_an_end_ends_the_reading(credentials: Credentials, classes: Classes) -> None:
    (data,) = classes["-g"]["a variable on the way to a login"]
    broken = data.replace(b"java/lang/String;)", b"java/lang/String:)")
    assert broken != data
    assert _said(credentials, [broken]) == []


def test_a_constant_is_said_once(tmp_path: Path, credentials: Credentials) -> None:
    """By the text that the walk makes of the class, or else by the class itself."""
    sources = {
        "text": 'class X { static final String DB_USER = "feed", DB_PASSWORD = "letmein"; }',
        "class": f'class X {{ static final String FEED_PW = "{WORD}"; }}',
    }
    compiled = _compile(tmp_path, sources)
    for name, (data,) in compiled.items():
        assert worth_it(data) == (name == "text")
        members = (member("X.class", data), _constants(data))
        said = [f.evidence for m in members[: 1 + worth_it(data)] for f in credentials.check(m, "b")]
        assert len(said) == 1


def test_a_key_in_a_class_is_said_once_and_without_a_line(tmp_path: Path) -> None:
    key = subprocess.run(["openssl", "genrsa", "1024"], check=True, capture_output=True, text=True).stdout
    literal = key.strip().replace("\n", "\\n")
    ((data,),) = _compile(tmp_path, {"": f'class X {{ static final String K = "{literal}"; }}'}).values()
    detector = keys.detector()
    said = [f for m in (member("X.class", data), _constants(data)) for f in detector.check(m, "b")]
    assert [getattr(f.location, "line", 0) for f in said] == [None]


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_annotations_that_are_damaged_end(data: bytes) -> None:
    pool = dict.fromkeys(range(4), (1, b"password"))
    for parameters in (False, True):
        try:
            assert all(
                isinstance(text, str)
                for pair in annotated.written(data, pool, parameters=parameters)
                for text in pair
            )
        except (IndexError, KeyError):
            continue


def test_annotations_within_annotations_have_an_end() -> None:
    one = struct.pack(">HHH", 1, 1, 1) + b"@"
    data = struct.pack(">H", 1) + one * 5000
    with pytest.raises(IndexError):
        list(annotated.written(data, {1: (1, b"a")}, parameters=False))
