"""Whose a password is, by what stands beside it."""

from __future__ import annotations

import re

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.rules.families import shipped
from bundle.detect.credentials.rules.rotation import rotate
from bundle.detect.credentials.whose.beside import _SETTING
from bundle.detect.credentials.whose.commands import _BY_AN_ADDRESS, _BY_AN_OPTION
from bundle.detect.credentials.whose.services import _SERVICES
from hardening.findings import Confidence, of_service
from tests.support.bundle.detect.credentials.plant.members import Look, member

SECRET = "Gr4velpit77"
BESIDE = {
    "a client's file": ("a.cnf", "[client]\nuser = feed\npassword = {s}\n", "'feed'"),
    "properties": ("a.properties", "db.username=feed\ndb.password={s}\n", "'feed' of a database"),
    "the driver tells the service": ("a.properties", "url=jdbc:postgresql://quay/x\nuser=feed\npassword={s}\n", "'feed' of PostgreSQL"),
    "and tells it better than a name": ("a.properties", "db.url=jdbc:mysql://quay/x\nsmtp.url=smtp://quay\ndb.user=feed\ndb.password={s}\n", "'feed' of MySQL"),
    "the address in a call": ("a.php", "<?php\n$c = new PDO('pgsql:host=quay;dbname=x', 'feed', '{s}');\n", "'feed' of PostgreSQL"),
    "one in a variable beside it": (
        "A.java", 'class A {{ String u = "jdbc:sqlserver://quay";\n Object c() {{ return DriverManager.getConnection(u, "feed", "{s}"); }} }}\n', "'feed' of SQL Server",
    ),
    "another one's on the line before": (
        "a.php", "<?php\n$old = 'mysql:host=quay';\n$c = new PDO('pgsql:host=quay;dbname=x', 'feed', '{s}');\n", "'feed' of PostgreSQL",
    ),
    "one of two": (
        "a.php", "<?php\n$old = 'mysql:host=quay'; $new = 'pgsql:host=quay';\n$c = new PDO($dsn, 'feed', '{s}');\n", "'feed' of a database",
    ),
    "YAML": ("a.yml", "smtp:\n  username: feed\n  password: {s}\n", "'feed' of a mail server"),
    "JSON": ("a.json", '{{"user": "feed", "password": "{s}"}}\n', "'feed'"),
    "behind it": ("a.json", '{{"password": "{s}", "user": "feed"}}\n', "'feed'"),
    "variables of PHP": ("a.php", "<?php\n$db_user = 'feed';\n$db_pass = '{s}';\n", "'feed' of a database"),
    "an attribute": ("context.xml", '<Resource name="x" username="feed" password="{s}"/>\n', "'feed'"),
    "elements": ("a.xml", "<c><username>feed</username>\n<password>{s}</password></c>\n", "'feed'"),
    "names with their values": (
        "a.xml", '<c><property name="user" value="feed"/>\n<property name="password" value="{s}"/></c>\n', "'feed'",
    ),
    "an option of MySQL": ("a.sh", "mysql -u feed -p'{s}' quay\n", "'feed' of MySQL"),
    "one that is joined": ("a.sh", "mysqldump -ufeed -p{s} quay\n", "'feed' of MySQL"),
    "on the next line of a command": ("a.sh", "mysql -p{s} \\\n  --user=feed quay\n", "'feed' of MySQL"),
    "another user runs it": ("a.sh", "sudo -u keeper mysql -u feed -p{s} quay\n", "'feed' of MySQL"),
    "an address of SSH": ("a.sh", "sshpass -p {s} ssh admin@quay ls\n", "'admin' of SSH"),
    "the environment": ("a.sh", "PGPASSWORD={s} psql -U feed -h quay\n", "'feed' of PostgreSQL"),
    "a name of LDAP": ("a.sh", "ldapsearch -D cn=feed,dc=quay -w {s} -b dc=quay\n", "'cn=feed,dc=quay' of LDAP"),
    "a share": ("a.bat", "net use z: \\\\quay\\x {s} /user:feed\n", "'feed' of SMB"),
}  # fmt: skip
NONE = {
    "another one's": ("a.ini", "smtp_user = feed\nsmtp_password = {s}\n\nldap_password = {s}9\n", "ldap_password"),
    "the account of a second password": ("a.ini", "user = feed\npassword = {s}\ntrend_password = {s}9\n", "trend_password"),
    "the one of a list before it": (
        "a.xml",
        '<c><property name="username" value="feed"/><property name="password" value="{s}8"/>\n<property name="service.password" value="{s}9"/></c>\n',
        "service.password",
    ),
    "a variable": ("a.sh", 'mysql -u "$USER" -p{s} quay\n', "an account of MySQL"),
    "a name of a program": ("a.py", "user = session\npassword = '{s}'\n", "password"),
    "the user of sudo alone": ("a.sh", "sudo -u keeper mysql -p{s} quay\n", "an account of MySQL"),
    "another command": ("a.sh", "mysql -u keeper; mysql -p{s} quay\n", "an account of MySQL"),
}  # fmt: skip


TOLD = {
    # by its own line
    "a statement of SQL Server": ("a.sql", "CREATE LOGIN [feed] WITH PASSWORD = N'{s}', CHECK_POLICY = OFF;\n", "feed", "SQL Server"),
    "one of PostgreSQL": ("a.sql", "ALTER ROLE feed WITH LOGIN PASSWORD '{s}';\n", "feed", "PostgreSQL"),
    "one of Oracle": ("a.sql", 'ALTER USER feed IDENTIFIED BY "{s}";\n', "feed", ""),
    "a connection string": ("web.config", '<add name="x" connectionString="Data Source=q;Initial Catalog=y;User ID=feed;Password={s}"/>\n', "feed", "SQL Server"),
    "one in a program": ("a.py", 'c = psycopg2.connect("dbname=x user=feed password={s}")\n', "feed", "PostgreSQL"),
    "an argument of a call": ("a.py", "c = pymysql.connect(host='q', user='feed', password='{s}')\n", "feed", "MySQL"),
    "a user of a device": ("q.txt", "username feed password {s} privilege 15\n", "feed", "device"),
    "a peer of a router": ("q.conf", "router bgp 65001\n neighbor 10.0.0.2 password {s}\n", "", "BGP"),
    "an agent's community": ("q.conf", "rocommunity {s}\n", "", "SNMP"),
    "a kickstart's account": ("ks.cfg", "user --name=feed --password={s} --plaintext\n", "feed", "host"),
    "a new account": ("a.sh", 'echo "{s}" | passwd --stdin feed\n', "feed", "host"),
    "an account of RADIUS": ("users", 'feed\tCleartext-Password := "{s}"\n', "feed", "RADIUS"),
    "an element": ("a.xml", '<users><user name="feed" password="{s}"/></users>\n', "feed", ""),
    "a mailbox": (".fetchmailrc", "poll quay proto imap user feed pass {s} ssl\n", "feed", "mail"),
    "a task of Windows": ("a.bat", "schtasks /create /tn x /tr y /ru QUAY\\feed /rp {s}\n", "QUAY\\feed", "Windows"),
    "a user of Windows": ("a.bat", "net user feed {s} /add\n", "feed", "Windows"),
    "a store in an option": ("a.sh", 'OPTS="-Djavax.net.ssl.keyStorePassword={s}"\n', "", "key store"),
    # by its name
    "the name of the account": ("a.env", "MYSQL_ROOT_PASSWORD={s}\n", "root", "MySQL"),
    "a name in one word": ("a.yml", "rootPassword: {s}\n", "root", ""),
    "a service in one word": ("a.php", "<?php\n$smtppass = '{s}';\n", "", "mail"),
    # by its entry
    "a list of YAML": ("a.yml", "users:\n  - name: feed\n    groups: x\n    password: {s}\n  - name: other\n", "feed", ""),
    "an entry of LDIF": ("a.ldif", "dn: uid=feed,dc=quay\nobjectClass: person\nuserPassword: {s}\n", "feed", "LDAP"),
    "and one without uid": ("a.ldif", "dn: cn=feed,dc=quay\nobjectClass: person\nuserPassword: {s}\n", "cn=feed,dc=quay", "LDAP"),
    "an account of a firewall": ("a.conf", 'config system admin\n    edit "feed"\n        set accprofile "x"\n        set password "{s}"\n    next\nend\n', "feed", ""),
    # by its file
    "a client's own file": (".my.cnf", "[client]\nuser=feed\npassword={s}\n", "feed", "MySQL"),
    "users of a server": ("conf/tomcat-users.xml", '<tomcat-users><user username="feed" password="{s}" roles="x"/></tomcat-users>\n', "feed", "Tomcat"),
    "a network": ("wpa_supplicant.conf", 'network={{\n  ssid="quay"\n  psk="{s}"\n}}\n', "", "Wi-Fi"),
    "a directory's root": ("slapd.conf", 'rootdn "cn=feed,dc=quay"\nrootpw {s}\n', "cn=feed,dc=quay", "LDAP"),
}  # fmt: skip
"""File, text, account, service."""
UNTOLD = {
    "an account that is a variable": ("a.py", "c = connect(user=session, password='{s}')\n"),
    "the word in a sentence of code": ("a.py", "# every user should have one\npassword = '{s}'\n"),
    "a value that is a service's name": ("a.ini", "password = postgres\n"),
    "another entry": ("a.yml", "users:\n  - name: feed\n    groups: x\n\nother:\n    password: {s}\n"),
    "a key of a program": ("a.py", 'config = dict(user="feed", api_secret="q7ZkWm2xVtR9pLc4YbNs8D")\n'),
}
"""What nothing tells of, or what would be wrong."""


ON_ONE_LINE = {
    "an element and an attribute": (
        "a.xml",
        '<c><n><username>alarms@quay</username><password>{s}</password></n><ldap bindDn="cn=svc" bindPassword="{s}9"/></c>\n',
        [("alarms@quay", ""), ("cn=svc", "LDAP")],
    ),
    "an account that has no password": (
        "a.xml",
        '<c><ldap bindDn="cn=svc" port="1"/><n><password>{s}</password><username>alarms@quay</username></n></c>\n',
        [("alarms@quay", "")],
    ),
    "three elements": (
        "a.xml",
        '<c><db user="feed" password="{s}"/><smtp user="mailer" password="{s}8"/><n><username>alarms@quay</username><password>{s}9</password></n></c>\n',
        [("feed", ""), ("mailer", "mail"), ("alarms@quay", "")],
    ),
    "objects": (
        "a.json",
        '{{"smtp": {{"username": "alarms", "password": "{s}"}}, "ldap": {{"bindDn": "cn=svc", "bindPassword": "{s}8"}}, "x": {{"user": "feed", "password": "{s}9"}}}}\n',
        [("alarms", "mail"), ("cn=svc", "LDAP"), ("feed", "")],
    ),
    "an account around a password": ("a.xml", '<user name="feed"><auth><password>{s}</password></auth></user>\n', [("feed", "")]),
}  # fmt: skip
"""Files that a program wrote in one line: file, text, account and service of each password."""


EITHER = {
    "two settings before it": ("a.ini", "[db]\nuser = admin\nlogin = root\npassword = {s}\n", "'root' or 'admin'"),
    "one on each side": ("a.yml", "db:\n  user: admin\n  password: {s}\n  login: root\n", "'admin' or 'root'"),
    "attributes": ("a.xml", '<db user="admin" login="root" password="{s}"/>\n', "'root' or 'admin'"),
    "an object on one line": ("a.json", '{{"user": "admin", "account": "root", "password": "{s}"}}\n', "'root' or 'admin'"),
}  # fmt: skip
ONE = {
    "another password between": ("a.ini", "user = admin\ntrend_password = {s}9\nlogin = root\npassword = {s}\n", "root"),
    "the next entry's": ("a.yml", "user: admin\npassword: {s}\nlogin: root\npass: {s}9\n", "admin"),
    "the same again": ("a.ini", "user = admin\nlogin = admin\npassword = {s}\n", "admin"),
    "another service's": ("a.ini", "smtp_user = admin\ndb_user = root\ndb_password = {s}\n", "root"),
    "two on one line, each with its own": ("a.conf", "first user=admin password={s}9 then user=root password={s}\n", "root"),
}  # fmt: skip


@pytest.mark.parametrize("name", EITHER)
def test_where_two_accounts_are_possible_both_are_named(look: Look, name: str) -> None:
    path, text, accounts = EITHER[name]
    (found,) = (f for f in look(path, text.format(s=SECRET)) if f.confidence >= Confidence.MEDIUM)
    assert accounts in found.message
    assert accounts in found.owner
    assert accounts in found.remedy
    assert accounts.split(" of ")[0] == " or ".join(map(repr, found.accounts))
    assert found.account == found.accounts[0]


@pytest.mark.parametrize("name", ONE)
def test_where_one_account_is_nearer_it_alone_is_named(look: Look, name: str) -> None:
    path, text, account = ONE[name]
    found = [
        f
        for f in look(path, text.format(s=SECRET))
        if f.evidence.startswith(("password", "db_password", "value"))
    ]
    assert [(f.account, f.accounts) for f in found][-1] == (account, ())


@pytest.mark.parametrize("name", ON_ONE_LINE)
def test_each_of_several_accounts_on_one_line_has_its_own_password(look: Look, name: str) -> None:
    path, text, told = ON_ONE_LINE[name]
    found = [f for f in look(path, text.format(s=SECRET)) if f.confidence >= Confidence.MEDIUM]
    assert [(f.account, f.service) for f in found] == told


@pytest.mark.parametrize("name", TOLD)
def test_account_and_service_are_told_by_what_a_place_says_of_them(look: Look, name: str) -> None:
    path, text, account, service = TOLD[name]
    found = [f for f in look(path, text.format(s=SECRET)) if f.confidence >= Confidence.MEDIUM]
    assert [(f.account, f.service) for f in found] == [(account, service)]
    assert SECRET not in found[0].message + found[0].remedy + found[0].evidence


@pytest.mark.parametrize("name", UNTOLD)
def test_what_a_place_does_not_say_is_not_told(look: Look, name: str) -> None:
    path, text = UNTOLD[name]
    found = [f for f in look(path, text.format(s=SECRET)) if f.confidence >= Confidence.LOW]
    assert [(f.account, f.service) for f in found] == [("", "")]


def test_services_that_are_known_by_their_kind_alone_have_an_article() -> None:
    names = set(_SERVICES.values())
    names |= {net.service for f in shipped() for net in f.nets} | {
        sink.service for f in shipped() for sink in f.sinks
    }
    kinds = {name for name in names if name.islower() and "." not in name}
    assert len(kinds) > 15
    assert {name for name in kinds if of_service(name) == f" of {name}"} <= {"age", "dbt", "memcached", "npm"}


def test_a_key_to_data_is_no_account_to_change() -> None:
    assert rotate("", "signature", "Change it.").startswith("The key of what is signed: change it")
    assert rotate("", "host", "Change it.").startswith("The account of the host (with passwd): change it")


@pytest.mark.parametrize("name", BESIDE)
def test_the_account_beside_a_password_is_named(look: Look, name: str) -> None:
    path, text, said = BESIDE[name]
    (found,) = (f for f in look(path, text.format(s=SECRET)) if f.confidence >= Confidence.MEDIUM)
    assert f"the account {said}" in found.message
    assert re.match(rf"The account {re.escape(said)}( \(.+\))?: [a-z]", found.remedy)
    assert SECRET not in found.message + found.remedy + found.evidence


@pytest.mark.parametrize("name", NONE)
def test_nobody_else_is_named(look: Look, name: str) -> None:
    path, text, said = NONE[name]
    found = [f.message for f in look(path, text.format(s=SECRET)) if f.confidence >= Confidence.MEDIUM]
    assert "the account" not in found[-1]
    assert said in found[-1]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.sh", "curl -u {t} --proxy-user feed -d x --password={s} https://quay\n"),
        ("a.ini", "user = {t}\npassword = {s}\n"),
    ],
)
def test_a_token_in_the_place_of_an_account_is_not_told(look: Look, path: str, text: str) -> None:
    token = "q7ZkWm2xVtR9pLc4YbNs8D"
    found = look(path, text.format(s=SECRET, t=token))
    assert found
    assert not any(token in f.message + f.remedy + f.evidence for f in found)


def test_what_identifies_a_finding_stays_the_same(credentials: Credentials) -> None:
    alone, named = "password = {s}\n", "user = feed\npassword = {s}\n"
    made = [
        next(iter(credentials.check(member("a.ini", t.format(s=SECRET)), "b.zip"))) for t in (alone, named)
    ]
    assert made[0].evidence == made[1].evidence == "password = ***"
    assert made[0].fingerprint == made[1].fingerprint


@pytest.mark.parametrize("pattern", [_SETTING, _BY_AN_OPTION, _BY_AN_ADDRESS])
def test_a_name_is_no_longer_than_an_account_s(pattern: re.Pattern[str]) -> None:
    text = "user = " + "x" * 400 + " -u " + "y" * 400 + " z" * 200 + "@quay"
    assert all(len(m["v"]) <= 130 for m in pattern.finditer(text))


DATABASE = "aspect"
CALLS = {
    "a.php": (
        'mysqli_connect("quay", "feed", "{s}", "aspect");',
        "mysql_pconnect('quay', 'feed', '{s}', 'aspect') or die('x');",
        '$db->real_connect("quay", "feed", "{s}", "aspect");',
        'DB::connect("quay", "feed", "{s}", "aspect");',
        'my_connect("feed", "{s}", "aspect");',
        'oci_connect("feed", "{s}", "//quay/XE");',
        'pg_connect("quay", "feed", "{s}", "aspect");',
    ),
    "a.py": ('connect("quay", 3306, "feed", "{s}", "aspect")', 'MySQLdb.connect("quay", "feed", "{s}", "aspect")'),
    "A.java": ('class A {{ void f() {{ Db.connect("quay", "feed", "{s}", "aspect"); }} }}',),
}  # fmt: skip


@pytest.mark.parametrize("secret", [SECRET, "wRnYLFyFiaKA", "Xk9vQ2mL77pz", "sunshine7", "letmein"])
@pytest.mark.parametrize(("path", "call"), [(p, c) for p, calls in CALLS.items() for c in calls])
def test_a_password_before_a_database_is_not_told_as_its_account(
    look: Look, path: str, call: str, secret: str
) -> None:
    text = ("<?php\n" if path.endswith("php") else "") + call.format(s=secret) + "\n"
    for found in look(path, text):
        assert secret not in f"{found.message} {found.remedy} {found.evidence}"


def test_a_password_elsewhere_is_nobodys_account(look: Look) -> None:
    text = 'xhr.open("GET", url, true, "user", "abc123");\ndb.password = "Gr4velpit77";\n'
    first, second = look("app.js", text)
    assert first.location.line == 1  # type: ignore[union-attr]  # it is in a file
    assert "abc123" not in f"{first.message}{second.message}{second.remedy}"


@pytest.mark.parametrize("secret", [SECRET, "wRnYLFyFiaKA", "letmein"])
def test_a_database_behind_a_password_is_no_second_password(look: Look, secret: str) -> None:
    (found,) = look("a.php", f'<?php\nmysqli_connect("quay", "feed", "{secret}", "{DATABASE}");\n')
    assert "the account 'feed' of MySQL" in found.message
