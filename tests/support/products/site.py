"""A site as the public advisories describe it: places that an audit has to find, each with an invented secret or a bad setting.

No place holds an exploit. What only looks the same and is in order stands in `DECOYS`.
"""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bundle.detect.settings import shipped
from hardening import products

WEB = "home/MIX_CMIX/htmlroot"
PMA = "var/www/html/phpMyAdmin"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One thing to find: a file, the line of it (0: any), and the family of the rule."""

    name: str
    path: str
    family: str
    source: str
    line: int = 0
    content: bytes = b""
    """Content of the file; places of one file share it."""
    mode: int = 0o644
    folder: str = ""
    """Where the finding is told, where that is a folder of the file."""

    @property
    def where(self) -> str:
        """The path at which the finding has to be."""
        return self.folder or self.path


def _stored(account: str) -> str:
    return products.load("aspect").fact("accounts", account).text("stored")


def _published(account: str) -> str:
    return bytes.fromhex(_stored(account)).decode()


def _basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _mail_database() -> bytes:
    record = {
        "host": "smtp.example.net", "smtpLocalhost": "site.example.net", "starttls": 1, "tlsVersions": "",
        "from": "alarms@example.net", "username": "alarms@example.net", "password": "Wisla-Krakow.71", "port": 587,
        "logDebugInfo": False, "authMode": 0, "enabled": 1, "serviceName": "EmailNotificationServer", "debugLevel": 0,
    }  # fmt: skip
    name = "com.aamatrix.topology.services.notification.EmailNotificationServer"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE Services (id INTEGER, class TEXT, body TEXT)")
        connection.execute("INSERT INTO Services VALUES (1, ?, ?)", (name, json.dumps(record)))
        connection.commit()
        return connection.serialize()


def _project() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("Skyline/project.properties", "db.user=matrixac1\ndb.password=Zakopane.4Gory\n")
    return out.getvalue()


@cache
def _key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _credentials() -> Iterator[Place]:
    """Yield the places of the accounts, where the advisories print them."""
    users = f"#Users\n#Mon Mar 20 13:30:00 EDT 2016\nguest={_stored('guest')}\naamuser={_stored('aamuser')}\n".encode()
    for line, name in ((3, "guest"), (4, "aamuser")):
        yield Place(name=f"web-account-{name}", path=f"{WEB}/user.properties", line=line, content=users,
                    family="credential/", source="ZSL-2024-5840")  # fmt: skip
    rows = [
        ("phpmyadmin-control", f"{PMA}/config.inc.php", "ZSL-2024-5830", 3,
         "<?php\n$cfg['Servers'][$i]['controluser'] = 'root';\n$cfg['Servers'][$i]['controlpass'] = 'Jaskinia-52.Smok';\n"),
        ("web-account-changed", "home/MIX_CMIX/persist/user.properties", "ZSL-2024-5840", 2,
         f"#Users\noperator={b'Rynek.Glowny-8'.hex()}\n"),
        ("basic-header-shell", "usr/local/aam/bin/status.sh", "ZSL-2025-5938", 2,
         f"#!/bin/sh\ncurl -s -H 'Authorization: Basic {_basic('aamuser:' + _published('aamuser'))}' http://127.0.0.1:7226/servlets/StatusServlet\n"),
        ("basic-header-php", f"{WEB}/supervisor.php", "ZSL-2025-5938", 2,
         f"<?php\n$opts = array('http' => array('header' => 'Authorization: Basic {_basic('aamuser:Planty-Wawel.77')}'));\n"),
        ("cookie-authdata", f"{WEB}/app/login.js", "ZSL-2025-5895", 1,
         f"var currentUser = {{username: 'aamuser', authdata: '{_basic('aamuser:Planty-Wawel.77')}'}};\n"),
        ("pair-java", "usr/local/aam/src/WDSupervisor.java", "ZSL-2025-5896", 2,
         'class WDSupervisor {\n  static final String LOGIN = "aamservletuser:Nowa-Huta.1949";\n}\n'),
        ("pair-java-published", "usr/local/aam/src/BrokerURL.java", "ZSL-2025-5896", 2,
         f'class BrokerURL {{\n  String user = "aamuser:{_published("aamuser")}";\n}}\n'),
        ("pair-php", f"{WEB}/lib/db.php", "ZSL-2025-5896", 2,
         "<?php\n$credentials = 'matrixac1:Kazimierz.22x';\n"),
        ("pair-javascript", f"{WEB}/calendar/caldav.js", "ZSL-2025-5896", 1,
         "var auth = 'calendar:Sukiennice-9k';\n"),
        ("cipher-key", "usr/local/aam/src/AESCipher.java", "ZSL-2025-5896", 2,
         'class AESCipher {\n  private static final String SECRET_KEY = "q8Zt3vLw0pXn5bKd";\n}\n'),
        ("calendar-password", "home/MIX_CMIX/calendar-password", "ZSL-2024-5879", 1, "Barbakan-1499.mur\n"),
        ("ppp-users", "usr/local/aam/etc/pppusers.txt", "ZSL-2024-5879", 1, "dialin Floriańska.45x 10.0.0.2\n"),
        ("chap-secrets", "etc/ppp/chap-secrets", "ZSL-2024-5879", 2, '# client server secret\n"dialin" * "Mariacki.81-hejnal" *\n'),
        ("coded-base64", "usr/local/aam/etc/override.properties", "ZSL-2024-5884", 3,
         f"Override.enabled=true\ndb.user=matrixac1\ndb.password={_basic('Wieliczka-Sol.13')}\n"),
        ("coded-hex", "home/MIX_CMIX/mix.properties", "ZSL-2024-5884", 2,
         f"servlet.user=aamservletuser\nservlet.password={b'Wieliczka-Sol.13'.hex()}\n"),
        ("upgrade-mysql", "usr/local/aam/bin/upgrade-bundle.sh", "ZSL-2024-5871", 2,
         "#!/bin/sh\nmysql -u root -pPodgorze.17Most aam < upgrade.sql\n"),
        ("grant", "usr/local/aam/var/schema.sql", "ZSL-2025-5896", 1,
         "GRANT ALL ON aam.* TO 'matrixac1'@'localhost' IDENTIFIED BY 'Tyniec-Abbey.44';\n"),
        ("mysql-connect", f"{WEB}/lib/connect.php", "ZSL-2025-5896", 2,
         "<?php\n$link = mysql_connect('localhost', 'matrixac1', 'Tyniec-Abbey.44');\n"),
        ("jdbc", "usr/local/aam/etc/hibernate.properties", "ZSL-2025-5896", 1,
         "connection.url=jdbc:mysql://localhost/aam?user=matrixac1&password=Tyniec-Abbey.44\n"),
        ("my-cnf", "root/.my.cnf", "ZSL-2024-5830", 3, "[client]\nuser=root\npassword=Podgorze.17Most\n"),
        ("netrc", "home/aamtech/.netrc", "ZSL-2024-5831", 1, "machine updates.example.net login aamtech password Skalka-88.rok\n"),
        ("back-door", "usr/local/aam/bin/runtimeSetup.sh", "ZSL-2025-5914", 2,
         "#!/bin/sh\nuseradd -o -u 0 -p '$1$k7Qe2xWp$0ZrYV1m6sXyQ3cT9uJ4Ha/' support\n"),
        ("snmp-community", "etc/snmp/snmpd.local.conf", "ZSL-2024-5879", 1, "rocommunity Gubalowka-71x 10.0.0.0/8\n"),
    ]  # fmt: skip
    for name, path, source, line, text in rows:
        yield Place(
            name=name, path=path, line=line, content=text.encode(), family="credential/", source=source
        )
    yield Place(name="mail-record", path=f"{WEB}/database/MyMapData.db", content=_mail_database(), family="credential/",
                source="ZSL-2024-5843")  # fmt: skip
    yield Place(name="project-archive", path=f"{WEB}/mix/VIBProject.zip", content=_project(), family="credential/",
                source="ZSL-2024-5855")  # fmt: skip
    for name, path in (
        ("key-of-account", "home/aamtech/.ssh/id_rsa"),
        ("key-of-web-server", "usr/local/aam/etc/server.pem"),
    ):
        yield Place(name=name, path=path, content=_key(), family="key/", source="ZSL-2024-5831", mode=0o644)


def _components() -> Iterator[Place]:
    yield Place(
        name="phpmyadmin", path=f"{PMA}/libraries/Config.class.php", family="component/phpmyadmin", source="ZSL-2024-5830", folder=PMA,
        content=b"<?php\nclass PMA_Config {\n function load() { $this->set('PMA_VERSION', '2.11.9'); $this->checkWebServerOs();"
        b" $this->set('PMA_USR_BROWSER_AGENT', 'x'); }\n}\n",
    )  # fmt: skip
    yield Place(
        name="adminer", path=f"{WEB}/tools/db.php", family="component/adminer", source="release notes 3.07.02",
        content=b'<?php\n$VERSION="4.2.5";session_name("adminer_sid");function selectColumnsPrint($a){}function '
        b'backwardKeysPrint($a){}function rowDescriptions($r){}cookie("adminer_permanent","x");setcookie("adminer_version",0);',
    )  # fmt: skip
    yield Place(name="centos-6", path="etc/centos-release", family="component/centos-6", source="ZSL-2024-5830",
                content=b"CentOS release 6.10 (Final)\n")  # fmt: skip


PATHS = {
    "php-allow-url-include": "etc/php.ini", "php-display-errors": "etc/php.d/errors.ini", "php-register-globals": "usr/local/lib/php.ini",
    "request-debug": f"{WEB}/auth/changePassword.php", "request-skips-check": f"{WEB}/caldavUpload.php", "md5-integrity": "usr/local/aam/bin/copyFile.sh",
    "mysql-skip-grant-tables": "etc/my.cnf", "mysql-old-passwords": "etc/my.cnf.d/old.cnf", "mysql-bind-everywhere": "etc/my.cnf.d/bind.cnf",
    "sshd-root-login": "etc/ssh/sshd_config.d/root.conf", "sshd-empty-passwords": "etc/ssh/sshd_config", "ftp-anonymous-upload": "etc/vsftpd/vsftpd.conf",
    "telnet": "etc/xinetd.d/telnet", "inetd-telnet": "etc/inetd.conf", "snmp-default-community": "etc/snmp/snmpd.conf",
    "snmp-write": "usr/local/etc/snmp/snmpd.conf", "jmx-open": "home/MIX_CMIX/runjava.NEXUS", "jdwp-open": "home/MIX_CMIX/runjava.ENTERPRISE",
    "jdwp-port": "etc/sysconfig/mix",
    "pipe-to-shell": "usr/local/aam/bin/reconfigureMix.sh", "tls-verification-off": "usr/local/aam/bin/verifylicense.sh",
    "repository-unchecked": "etc/yum.repos.d/site.repo", "listener-at-boot": "etc/rc.d/rc.local",
}  # fmt: skip
"""Where the first flagged example of each setting lies on the site."""


def _settings() -> Iterator[Place]:
    for row in shipped():
        ident = row.rule.id.partition("/")[2]
        flagged = [one for one in row.examples if one.flagged]
        yield Place(
            name=ident,
            path=PATHS[ident],
            content=flagged[0].content.encode(),
            family=row.rule.id,
            source=row.rule.id,
        )
    yield Place(name="request-expert-mode", path=f"{WEB}/caldavInstall.php", family="setting/request-debug", source="ZSL-2024-5860",
                content=b'<?php\n$expert = false;\nif (isset($_GET["EXPERTMODE"])) {\n  $expert = true;\n}\n')  # fmt: skip
    yield Place(name="md5-of-upload", path=f"{WEB}/caldavInstallAgendav.php", family="setting/md5-integrity", source="ZSL-2024-5860",
                content=b"<?php\nif (md5_file($archive) != $expected) { exit(1); }\n")  # fmt: skip
    yield Place(name="rsh", path="etc/xinetd.d/rsh", family="setting/telnet", source="setting/telnet",
                content=b"service shell\n{\n  socket_type = stream\n  disable = no\n}\n")  # fmt: skip
    yield Place(name="setuid-shell", path="usr/local/bin/bash", family="setting/setuid-shell", source="setting/setuid-shell",
                content=b"\x7fELF" + bytes(60), mode=0o4755)  # fmt: skip
    yield Place(name="start-script", path="etc/init.d/mix", family="setting/root-script-writable", source="ZSL-2024-5879",
                content=b"#!/bin/sh\n/home/MIX_CMIX/runjava.ENTERPRISE &\n", mode=0o777)  # fmt: skip
    yield Place(name="cron-job", path="etc/cron.daily/backup", family="setting/root-script-writable", source="ZSL-2024-5890",
                content=b"#!/bin/sh\ntar cf /usr/local/aam/var/backup.tar /home/MIX_CMIX\n", mode=0o757)  # fmt: skip


def _tls() -> Iterator[Place]:
    yield Place(name="tls-httpd", path="etc/httpd/conf.d/ssl.conf", family="tls/", source="ASP-6335",
                content=b"Listen 443\n<VirtualHost _default_:443>\nSSLEngine on\nSSLProtocol all -SSLv2\nSSLCipherSuite RC4+RSA:+HIGH:+MEDIUM\n"
                b"SSLCertificateFile /etc/pki/tls/certs/localhost.crt\n</VirtualHost>\n")  # fmt: skip
    yield Place(name="tls-lighttpd", path="etc/lighttpd/lighttpd.conf", family="tls/", source="ASP-6335",
                content=b'server.port = 8443\nssl.engine = "enable"\nssl.pemfile = "/usr/local/aam/etc/server.pem"\nssl.use-sslv3 = "enable"\n'
                b'ssl.cipher-list = "ALL:RC4-SHA"\n')  # fmt: skip


@cache
def places() -> tuple[Place, ...]:
    """Return every place, by name."""
    found = [*_credentials(), *_components(), *_settings(), *_tls()]
    return tuple(sorted(found, key=lambda one: one.name))


DECOYS = {
    f"opt/decoy{number}/{example.path}": example.content
    for number, (row, example) in enumerate((row, one) for row in shipped() for one in row.examples if not one.flagged)
} | {
    "opt/quiet/user.properties": "#Users\nguest=\naamuser=!\n",
    "opt/quiet/status.sh": '#!/bin/sh\ncurl -s -H "Authorization: Basic $TOKEN" http://127.0.0.1:7226/servlets/StatusServlet\n',
    "opt/quiet/login.js": "var authdata = window.btoa(username + ':' + password);\n",
    "opt/quiet/Login.java": 'class Login {\n  String login(String u, String p) { return u + ":" + p; }\n}\n',
    "opt/quiet/db.php": "<?php\n$credentials = getenv('DB_CREDENTIALS');\n",
    "opt/quiet/override.properties": "Override.enabled=true\ndb.user=matrixac1\ndb.password=${DB_PASSWORD}\n",
    "opt/quiet/upgrade.sh": "#!/bin/sh\nmysql --defaults-extra-file=/root/.my.cnf aam < upgrade.sql\n",
    "opt/quiet/ports.txt": "WEB=80\nBACNET=47808\n",
    "opt/quiet/mix.properties": "debug.level=1\npassword.length=12\npassword.expires=90\n",
    "opt/quiet/ssl.conf": "SSLEngine on\nSSLProtocol -all +TLSv1.2\n",
    "opt/labels/messages_de.properties": "label.password=Passwort\nlabel.user=Benutzer\nlogin.password.hint=Ihr Passwort\n",
    "opt/labels/messages.json": '{"password": "Password", "confirmPassword": "Confirm password", "token": "Token"}\n',
    "opt/labels/form.html": '<label for="password">Password</label><input type="password" name="password" placeholder="Password">\n',
    "opt/labels/strings.xml": '<resources><string name="password">Password</string><string name="api_key">API key</string></resources>\n',
    "opt/labels/lang.php": "<?php\n$lang['password'] = 'Password';\n$lang['pass'] = 'Pass';\n",
    "opt/docs/README.md": "Log in with the account and the password that you chose. `password = <your password>`\n",
    "opt/docs/install.txt": "Set the password of the database: mysql -u root -p aam\n",
    "opt/docs/api.md": "Authorization: Basic <base64 of user:password>\n",
    "opt/docs/user.properties.md": "The file holds one account a line, the password in hexadecimal digits.\n",
    "opt/tests/login_test.py": "def test_login(client):\n    assert client.login(user='alice', password=password()) is True\n",
    "opt/tests/LoginTest.java": 'class LoginTest {\n  void refuses() { assertFalse(login("alice", null)); }\n}\n',
    "opt/tests/auth.spec.js": "it('asks for a password', () => expect(form.password).toBe(''));\n",
    "opt/other/pppusers.txt": "# account secret address\n",
    "opt/other/chap-secrets": "# client server secret addresses\n",
    "opt/other/users.properties": "# accounts are kept in the directory\n",
    "opt/other/user.properties": "language=de\ntheme=dark\nsize=12\n",
    "opt/other/tomcat-users.xml": "<tomcat-users>\n  <!-- no account -->\n</tomcat-users>\n",
    "opt/other/snmpd.conf": "rouser operator authPriv\n",
    "opt/other/pg_hba.conf": "host all all 127.0.0.1/32 scram-sha-256\n",
    "opt/other/netrc.example": "machine HOST login NAME password PASSWORD\n",
    "opt/other/keys.properties": "key.size=2048\nkeystore.type=PKCS12\nkeystore.path=/etc/pki/app.p12\n",
    "opt/other/token.js": "const token = localStorage.getItem('token');\nif (token === 'undefined') logout();\n",
    "opt/other/compare.php": "<?php\nif ($options['pass'] === 'folders') { list_folders(); }\n",
    "opt/other/package-lock.json": '{"dependencies": {"minipass": {"version": "7.0.4", "integrity": "sha512-abc"}}}\n',
    "opt/other/checksums.txt": "d41d8cd98f00b204e9800998ecf8427e  password.c\n",
    "opt/other/install.sh": "#!/bin/sh\nread -r -s -p 'Password: ' PASSWORD\nexport PGPASSWORD=$PASSWORD\n",
}  # fmt: skip
"""Files that look the same and are in order."""


def write(top: Path) -> Path:
    """Write the site and its decoys as a host's root."""
    for one in places():
        path = top / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.content)
        path.chmod(one.mode)
    for name, text in DECOYS.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    release = top / f"{WEB}/runtime/release.properties"
    release.parent.mkdir(parents=True, exist_ok=True)
    release.write_text("runtime.ver=v3.07.01\nrelease.version=v3.07.01\n")
    return top


def pack(root: Path, path: Path) -> Path:
    """Pack the site as an install package."""
    with tarfile.open(path, "w:gz") as archive:
        archive.add(root, arcname="max")
    return path
