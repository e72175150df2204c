"""What may be replaced unasked: what proves itself at a known place; everything else stays, byte for byte."""

from __future__ import annotations

import base64
import random
import string
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bundle.audit import audit
from bundle.clean.run import clean
from bundle.detect.credentials.encodings import encoding_of
from bundle.detect.credentials.proof import is_random, is_usual, may_be_coded
from hardening.findings import MOST_SEVERE, Run
from tests.support.places import DATA
from tests.unit.bundle.rewrite.test_rewrite import a_zip

LISTED = tomllib.loads((DATA / "bundle/never_cleaned.toml").read_text("utf-8"))["file"]
DRAWN = "Kf83jx2Lq9ZmA"
OTHER = "Tq8wZ4nLk2VbR7"


def one(path: Path) -> Run:
    return audit([path], jobs=1)


def cleaned(tmp_path: Path, files: dict[str, str]) -> tuple[dict[str, str], Run]:
    old, new = tmp_path / "old.zip", tmp_path / "new.zip"
    old.write_bytes(a_zip({name: text.encode() for name, text in files.items()}))
    after = clean(old, new, one)
    with zipfile.ZipFile(new) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}, after


@pytest.mark.parametrize("file", LISTED, ids=[file["name"] for file in LISTED])
def test_what_is_no_credential_stays(tmp_path: Path, file: dict[str, str]) -> None:
    files = {file["name"]: file["text"].lstrip("\n")}
    assert cleaned(tmp_path, files)[0] == files


def test_what_is_no_credential_stays_in_one_bundle_too(tmp_path: Path) -> None:
    files = {file["name"]: file["text"].lstrip("\n") for file in LISTED}
    assert cleaned(tmp_path, files)[0] == files


NEVER = {
    "conf/refs.properties": (
        "db.password = bitwarden:3f2504e0-4f89-11d3-9a0c-0305e82c3301\n"
        "mail.password=ref#kv1#db2\n"
        "ldap.password=mysql-root-7d9f8c6b5x\n"
        "ftp.password=kv/db1/pw9x\n"
        "smtp.password=%Kx82_PLANT_9q%\n"
        "admin.password=5f4dcc3b5aa765d61d8327deb882cf99\n"
        "root.password=UKz9/dN3IwrQ5v8+AbT0hg==\n"
        "snmp.password=Ab%40cd9Kx2qZ7\n"
        "user=admin\npassword=changeme\n"
    ),
    "lib/page.php": (
        "<?php\n"
        f"if ($password == '{DRAWN}') {{ exit; }}\n"
        f"$this->setBase('password', '{DRAWN}', $id);\n"
        f"$password = '{DRAWN}' . $salt;\n"
        f"$password = decode('{DRAWN}');\n"
    ),
    "bin/test.sh": f'#!/bin/sh\nif [ "$PASSWORD" = "{DRAWN}" ]; then exit 2; fi\n',
    "old/login.asp": f'<%\nIf strPassword = "{DRAWN}" Then\nEnd If\n%>\n',
    "www/js/app.js": f"var password = '{DRAWN}';\n",
    "src/views/Login.vue": f"export default {{\n  username: 'admin',\n  password: '{DRAWN}',\n}}\n",
    "sql/cameras.sql": "INSERT INTO cameras (model, default_username, default_password) VALUES ('jpt3815w', 'admin', 'admin');\n",
    "composer.lock": f'{{"password": "{DRAWN}"}}\n',
    "i18n/en.json": '{"login": {"username": "User", "password": "Access", "admin": "Admin"}}\n',
    "sql/q.sql": f"UPDATE users SET active=1 WHERE password='{DRAWN}';\n",
    "etc/users": "admin:admin\nguest:guest\n",
    "jb/users.properties": "admin=admin\nroot: root\n",
    "etc/vault.yml": f"db:\n  a_password: ssm/{DRAWN}\n  b_password: kv9.{DRAWN}\n  c_password: bw://{DRAWN}\n",
    "etc/names.properties": f"password.alias={DRAWN}\npasswordRef={DRAWN}\npassword_from={DRAWN}\n",
    "bin/look.sh": f'#!/bin/sh\ngrep -q "password={DRAWN}" /etc/app.conf || exit 1\n',
    "bat/a.bat": f"if %PASSWORD%=={DRAWN} goto ok\n",
    "plc/a.st": f"IF sPassword = '{DRAWN}' THEN\nEND_IF\n",
    "README": f"Log in as admin with the password {DRAWN}.\n",
}
"""One line for each class that stays, whatever its spelling."""


@pytest.mark.parametrize("name", NEVER)
def test_a_class_stays(tmp_path: Path, name: str) -> None:
    files, after = cleaned(tmp_path, {name: NEVER[name]})
    assert files == {name: NEVER[name]}
    assert not [f for f in after.findings if f.fix and f.fix.safe]


REPLACED = {
    "www/db.php": "<?php\n$c = mysqli_connect('localhost', 'root', '{}');\n",
    "db/own.sql": "GRANT ALL ON ocs.* TO 'ocs'@'localhost' IDENTIFIED BY '{own}';\n",
    "pma/config.inc.php": "<?php\n$cfg['Servers'][$i]['controluser'] = 'pma';\n$cfg['Servers'][$i]['controlpass'] = '{}';\n",
    "conf/application.properties": "db.username=app\ndb.password={}\n",
    "conf/compose.yml": "services:\n  db:\n    environment:\n      - MYSQL_USER=app\n      - MYSQL_PASSWORD={}\n",
    "conf/list.yml": "db:\n  - user: app\n    password: '{}'\n",
    "db/grant.sql": "GRANT ALL ON bms.* TO 'app'@'localhost' IDENTIFIED BY '{}';\n",
    "conf/wsdd.xml": '<service><parameter username="admin" password="{usual}"/></service>\n',
    "conf/app.ini": "[login]\nuser = admin\npassword = {usual}\n",
    "bin/setup.sh": "#!/bin/sh\nexport DB_PASSWORD='{}'\nmysql -u root -p{} bms < x.sql\n",
    "src/Db.java": 'class Db {{ static final String PASSWORD = "{}"; }}\n',
    "conf/proxy.conf": "proxy = http://feed:{}@10.0.0.9:3128/\n",
    "conf/db.properties": "jdbc.username=bms\njdbc.password={}\n",
    "conf/smtp.ini": "[smtp]\nuser = relay\npassword = {}\n",
    "conf/context.xml": '<Context><Resource name="jdbc/bms" username="bms" password="{}"/></Context>\n',
    "conf/tomcat-users.xml": '<tomcat-users><user username="admin" password="{}" roles="manager-gui"/></tomcat-users>\n',
    "conf/persistence.xml": '<property name="javax.persistence.jdbc.user" value="bms"/>\n<property name="javax.persistence.jdbc.password" value="{}"/>\n',
    "conf/hibernate.cfg.xml": '<property name="connection.username">bms</property>\n<property name="connection.password">{}</property>\n',
    "www/settings.py": "DATABASES = {{'default': {{'USER': 'bms', 'PASSWORD': '{}'}}}}\n",
    "lib/login.py": "import ftplib\nf = ftplib.FTP('10.0.0.9')\nf.login('backup', '{}')\n",
    "lib/mail.php": "<?php\n$mail->Username = 'relay';\n$mail->Password = '{}';\n",
    "lib/pdo.php": "<?php\n$db = new PDO('mysql:host=localhost', 'bms', '{}');\n",
    "lib/define.php": "<?php\ndefine('DB_USER', 'bms');\ndefine('DB_PASSWORD', '{}');\n",
    "lib/Job.java": 'class Job {{ void a() throws Exception {{ DriverManager.getConnection("jdbc:mysql://localhost/bms", "bms", "{}"); }} }}\n',
    "etc/my.cnf": "[client]\nuser = backup\npassword = {}\n",
    "etc/app.env": "DB_USER=bms\nDB_PASSWORD={}\n",
    "etc/cron.sh": "#!/bin/sh\ncurl -u feed:{} https://10.0.0.9/export\n",
    "db/user.sql": "CREATE USER 'bms'@'localhost' IDENTIFIED BY '{}';\n",
    "etc/redis.conf": "requirepass {}\n",
    "etc/fstab": "//nas/share /mnt cifs username=backup,password={} 0 0\n",
}
"""Thirty places that are known, and what makes the value of each sure: drawn, usual, the account's own name."""


@pytest.mark.parametrize("name", REPLACED)
def test_what_is_plainly_right_is_replaced(tmp_path: Path, name: str) -> None:
    text = REPLACED[name].format(DRAWN, DRAWN, usual="admin", own="ocs")
    files, after = cleaned(tmp_path, {name: text})
    assert DRAWN not in files[name]
    assert "@secret:" in files[name]
    assert not [f for f in after.findings if f.fix and f.fix.safe]
    (secret, *_) = after.subjects[0].stats["secrets"]
    filled = files[name].replace(f"@secret:{secret['name']}@", "VALUE")
    assert filled == REPLACED[name].format("VALUE", "VALUE", usual="VALUE", own="VALUE")


def test_a_quote_never_becomes_part_of_the_value_in_a_list_of_yaml(tmp_path: Path) -> None:
    files, _ = cleaned(tmp_path, {"c.yml": REPLACED["conf/compose.yml"].format(DRAWN)})
    assert files["c.yml"].endswith("      - MYSQL_PASSWORD=@secret:mysql-app@\n")


def test_one_value_of_one_account_is_one_placeholder(tmp_path: Path) -> None:
    """Across files, calls and codes; the code is recorded, so that the host writes it again."""
    files, after = cleaned(
        tmp_path,
        {
            "www/config.php": f"<?php\n$c = mysqli_connect($host, $user, '{OTHER}');\n",
            "conf/app.properties": f"db.user=matrixac1\ndb.password={base64.b64encode(OTHER.encode()).decode()}\n",
            "conf/hex.properties": f"db.user=matrixac1\ndb.password={OTHER.encode().hex()}\n",
            "db/grant.sql": f"GRANT ALL ON a.* TO 'matrixac1'@'%' IDENTIFIED BY '{OTHER}';\n",
            "conf/another.properties": f"db.user=matrixac1\ndb.password={DRAWN}\n",
        },
    )
    rows: list[dict[str, Any]] = after.subjects[0].stats["secrets"]
    shared, own = sorted(rows, key=lambda row: -len(row["places"]))
    assert [at["path"] for at in own["places"]] == ["conf/another.properties"]
    assert {at["path"]: at.get("encoding") for at in shared["places"]} == {
        "www/config.php": None,
        "conf/app.properties": "base64",
        "conf/hex.properties": "hex",
        "db/grant.sql": None,
    }
    assert shared["account"] == "matrixac1"
    assert all(f"@secret:{shared['name']}@" in files[at["path"]] for at in shared["places"])


def test_two_accounts_with_one_usual_password_are_two_secrets(tmp_path: Path) -> None:
    _, after = cleaned(
        tmp_path,
        {
            "a.php": "<?php\n$c = mysqli_connect('h', 'root', 'admin123');\n",
            "b.php": "<?php\n$c = ftp_login($f, 'backup', 'admin123');\n",
        },
    )
    assert len(after.subjects[0].stats["secrets"]) == 2


@pytest.mark.parametrize(
    "value", ["OBF:1xtv1xtx1xtv1xtx", "Ab%40cd9Kx2qZ7", "c2VjcmV0", "UKz9/dN3IwrQ5v8+AbT0hg=="]
)
def test_a_code_that_cannot_be_written_again_stays_and_is_said(tmp_path: Path, value: str) -> None:
    text = f"db.user=app\ndb.password={value}\n"
    files, after = cleaned(tmp_path, {"app.properties": text})
    assert files["app.properties"] == text
    (found,) = [f for f in after.findings if f.rule.id.startswith("credential/")]
    assert found.fix is not None
    assert "a person decides, since" in found.fix.action


NOT_DRAWN = (
    "see_runbook_4.2 TO_BE_SET_BY_INSTALLER_2 REPLACE_IN_CI_7 pg-creds-7x2 site7/ldap/bind9 mysql-root-9 U1F1F5-U1F1FC "
    "kv2-db1-pw9 k8s-ns1-s3 mysql-7d9f8c6b5x-q2w3e CS2_KV9_DB1 REF-2024-001-PW akv-1x2-db3 A1-B2-C3-D4 PWD_4_DB_1_HERE "
    "p4ssw0rd-f0r-s1t3 PBKDF2WithHmacSHA1 AES256GCM a1b2c3d4 1a2b3c4d5e6f7g8h 001A2B3C4D5E Marble77gate Copper42lamp"
).split()


@pytest.mark.parametrize("value", NOT_DRAWN)
def test_what_no_generator_drew(value: str) -> None:
    assert not is_random(value)


def test_most_of_what_a_generator_draws_is_known() -> None:
    pick = random.Random(34)
    letters = string.ascii_letters + string.digits
    drawn = ["".join(pick.choice(letters) for _ in range(16)) for _ in range(1000)]
    assert sum(map(is_random, drawn)) > 950
    assert sum(map(may_be_coded, drawn)) == 0


@pytest.mark.parametrize(
    ("value", "account", "sink", "expected"),
    [
        ("admin", "admin", False, True),
        ("Admin", "admin", False, False),
        ("access", "login", False, False),
        ("toor", "root", True, True),
        ("toor", "root", False, False),
        ("admin123", "admin", False, True),
        ("password1", "admin", False, False),
        ("changeme", "admin", True, False),
        ("ocs", "ocs", True, True),
        ("admin", "", True, False),
        ("password", "username", True, False),
    ],
)
def test_a_usual_password_needs_an_account(value: str, account: str, sink: bool, expected: bool) -> None:
    assert is_usual(value, account, sink=sink) is expected


def test_a_code_is_known_by_what_it_says() -> None:
    assert encoding_of(base64.b64encode(OTHER.encode()).decode()) == ("base64", OTHER)
    assert encoding_of(OTHER.encode().hex()) == ("hex", OTHER)
    assert encoding_of(OTHER) == ("", "")
    assert encoding_of(OTHER.encode().hex().upper()) == ("hex-upper", OTHER)
    assert encoding_of(quote(OTHER + "/+", safe="")) == ("url", OTHER + "/+")
    assert encoding_of("kR7%2bw%2fZq9tLm") == ("", "")  # the host would write capitals
    assert encoding_of("6B5237" + OTHER.encode().hex()) == ("", "")


def test_what_is_in_doubt_is_never_high(tmp_path: Path) -> None:
    path = tmp_path / "old.zip"
    path.write_bytes(a_zip({file["name"]: file["text"].encode() for file in LISTED}))
    found = one(path).findings
    assert found
    assert all(f.level <= MOST_SEVERE[f.confidence] for f in found)


def test_a_comment_of_an_archive_is_fixed_by_hand(tmp_path: Path) -> None:
    """No rewriter changes it: called safe, it would stop the cleaning of all files beside it."""
    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "nothing\n")
        archive.comment = b"db_password = " + DRAWN.encode()
    (found,) = [f for f in audit([path], jobs=1).findings if f.rule.id.startswith("credential/")]
    assert found.fix is not None
    assert not found.fix.safe
    assert "in no file of the archive" in found.fix.action
