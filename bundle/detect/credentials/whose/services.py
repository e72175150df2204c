"""Where a password lets in, by its name, its line, an address beside it, or its file."""

from __future__ import annotations

import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SERVICES = {
    "mysql": "MySQL", "mariadb": "MariaDB", "postgres": "PostgreSQL", "postgresql": "PostgreSQL", "pgsql": "PostgreSQL", "pg": "PostgreSQL", "oracle": "Oracle",
    "mssql": "SQL Server", "sqlserver": "SQL Server", "sqlsrv": "SQL Server", "mongo": "MongoDB", "mongodb": "MongoDB", "redis": "Redis", "ldap": "LDAP", "ldaps": "LDAP",
    "smtp": "mail", "imap": "mail", "pop": "mail", "mail": "mail", "mailer": "mail", "email": "mail", "ftp": "FTP", "sftp": "SFTP", "ssh": "SSH", "snmp": "SNMP",
    "keystore": "key store", "truststore": "key store", "storepass": "key store", "keypass": "key store", "pkcs": "key store", "pfx": "key store",
    "db": "database", "database": "database", "jdbc": "database", "sql": "database", "datasource": "database",
    "radius": "RADIUS", "tacacs": "TACACS+", "vnc": "VNC", "mqtt": "MQTT", "amqp": "AMQP", "amqps": "AMQP", "mqtts": "MQTT", "rediss": "Redis",
    "mysqli": "MySQL", "ftps": "FTP", "smtps": "mail", "imaps": "mail", "rabbitmq": "AMQP",
    "wpa": "Wi-Fi", "wifi": "Wi-Fi", "wlan": "Wi-Fi", "ssid": "Wi-Fi",
    "vpn": "VPN", "ipsec": "IPsec", "pppoe": "PPP", "ppp": "PPP", "chap": "PPP", "ipmi": "IPMI", "idrac": "iDRAC", "ilo": "iLO", "http": "HTTP", "proxy": "proxy", "grub": "boot loader",
    "keycloak": "Keycloak", "grafana": "Grafana", "jenkins": "Jenkins", "minio": "MinIO", "zabbix": "monitoring", "nagios": "monitoring", "samba": "SMB", "smb": "SMB", "cifs": "SMB",
    "kerberos": "Kerberos", "krb": "Kerberos", "winrm": "Windows", "sip": "SIP",
}  # fmt: skip
_JOINED = re.compile(
    r"(?:^|[^a-z])(mysql|postgres|oracle|redis|ldap|smtp|imap|mail|ftp|ssh|snmp|keystore|truststore|store|key|trust|db|radius|vnc|proxy|wifi|ppp)(?:pass|pwd|pw|psw)"
)
"""Words of a service that are written together with the one for a password: `smtppass`, `keystorePass`."""
_STORES = frozenset(("store", "key", "trust"))
_DRIVER = re.compile(
    r"(?i)\b(?:jdbc:|driver\S{0,40}|dialect\S{0,40}|adapter\S{0,10})?(mysql|mariadb|postgres(?:ql)?|pgsql|oracle|sqlserver|sqlsrv|mongodb|redis|ldap|smtp|s?ftp|amqp|mqtt)\b[:\W]"
)
"""What an address or a driver beside a password says of the service."""
DATABASES = frozenset(("MySQL", "MariaDB", "PostgreSQL", "Oracle", "SQL Server", "MongoDB"))
_ON_A_LINE = tuple(
    (re.compile(pattern), service)
    for pattern, service in (
        (r"(?i)\b(?:r[ow](?:write)?community6?|r[ow]user|createuser|defcommunity|def(?:auth|priv)passphrase|com2sec6?|trapsink|snmp[\w-]*)\b|^\s{0,4}/?snmp", "SNMP"),
        (r"(?i)\b(?:py)?mysql(?:db|i|_\w{1,20}|\.connector)?\s?(?:\.|\(|->|::)|\bset\spassword\sfor\b", "MySQL"),
        (r"(?i)\bssh\w{0,8}\s?(?:\.|->|::)|\bparamiko\b", "SSH"),
        (r"(?i)\bs?ftp\w{0,8}\s?(?:\.|->|::)(?:login|connect)", "FTP"),
        (r"(?i)\bidentified\sby\svalues\b", "Oracle"),
        (r"(?i)\b(?:tacacs|tac_plus)", "TACACS+"),
        (r"(?i)\bradius|\b(?:auth|acct)_server_shared_secret\b|\b(?:Cleartext|NT|Crypt|User|MD5|SHA\d?|SSHA|LM)-Password\s{0,4}[:=+]", "RADIUS"),
        (r"(?i)\bipsec\b|\bxauth\b|\bisakmp\b|\bikev?\d|\bpsksecret\b|: (?:PSK|XAUTH|EAP)\s|\bpre-?shared-(?:secret|key)\b", "IPsec"),
        (r"(?i)\b(?:pppoe|pptp|l2tp|ppp_\w+|chap|pap)\b", "PPP"),
        (r"(?i)\b(?:wpa|sae_password|wep_key\d?|wl\d_\w+|ssid)|\bwpa\.psk\b", "Wi-Fi"),
        (r"(?i)\bneighbor\s\S{1,60}\spassword\b|\bbgp\b", "BGP"),
        (r"(?i)\b(?:requirepass|masterauth|redis-cli|redis-server)\b", "Redis"),
        (r"(?i)\bbootloader\b|\bgrub[\w-]*\b", "boot loader"),
        (r"(?i)\b(?:net\suser|sc\s(?:config|create)|schtasks|psexec|autologon\w*|objuser|sysprep|runas|cmdkey)\b", "Windows"),
        (r"(?i)\b(?:syncrepl|binddn|ldap\w*|olcrootpw|bindpw)\b|\buserpassword::?\s", "LDAP"),
        (r"(?i)\b(?:initial\scatalog|sqloledb|sqlncli\w*|sqlclient|msoledbsql)\b|\b(?:create|alter)\slogin\b|\btrustservercertificate\b", "SQL Server"),
        (r"(?i)\bPG(?:PASSWORD|USER)\b|\b(?:psycopg\w*|pg_connect|pg_pconnect|dblink\w*|libpq)\b|\bdbname=\S{1,80}\s|\b(?:create|alter)\s(?:role|user)\s[^\n]{1,80}\bpassword\s", "PostgreSQL"),
        (r"(?i)\b(?:smtp|imap|pop3|mailer|authinfo|e-mail)\b|\bproto(?:col)?\s(?:imap|pop3)\b", "mail"),
        (r"(?i)key-?store|trust-?store|\.(?:pfx|p12|jks)\b|\b(?:certutil|signtool|jarsigner)\b|\bx509certificate2?\b|-importpfx\b|\bpkcs12\b", "key store"),
        (r"(?i)\b(?:net\suse|smbclient|cifs|smbpasswd)\b", "SMB"),
        (r"(?i)\b(?:ipmitool|ipmiutil)\b", "IPMI"),
        (r"(?i)\bvnc", "VNC"),
    )
)  # fmt: skip
"""What a line says of the service by words that nothing else has."""
_OF_A_DEVICE = (
    r"(?i)^\s{0,8}(?:username\s\S{1,60}\s(?:privilege\s\d{1,2}\s)?(?:password|secret)\b|(?:enable|line)\s(?:password|secret)\b"
    r"|passwd\s\S{1,80}\sencrypted|set\ssystem\slogin\b|/user\s)"
)
_ON_A_LINE_BESIDE = tuple(
    (re.compile(pattern), service)
    for pattern, service in (
        (r"(?i)\brootpw\b|\b(?:useradd|usermod|adduser|chpasswd|newusers)\b|\bpasswd\s--stdin\b|\|\s{0,4}(?:sudo\s)?passwd\b|^\s{0,4}user\s--name\b", "host"),
        (_OF_A_DEVICE, "device"),
        (r"(?i)\bauthorization['\"]?\s?[:,]|\bx-api-key\b|\bcurl\s|\bwget\s|\brequests\.(?:get|post|put)\b", "HTTP"),
    )
)  # fmt: skip
"""The same of words that other services have as well: what the file is tells better."""
_BY_FILE = tuple(
    (re.compile(rf"(?:^|/)(?:{pattern})$"), service)
    for pattern, service in (
        (r"\.?my\.cnf|\.mylogin\.cnf|\.mysql_history|debian\.cnf", "MySQL"),
        (r"\.?pgpass(?:\.conf)?|\.psql_history|pg_hba\.conf", "PostgreSQL"),
        (r"tomcat-users\.xml", "Tomcat"),
        (r"(?:g?shadow|passwd|opasswd|master\.passwd)-?|user-data|(?:[\w.-]*[-_.])?ks\.cfg|preseed\.cfg|autoinst\.xml|autounattend\.xml|unattend\.xml", "host"),
        (r"\.?ht(?:passwd|digest)[\w.-]*|[\w.-]*\.htpasswd", "web server"),
        (r"snmp(?:trap)?d?\.conf", "SNMP"),
        (r"wpa_supplicant[\w.-]*|hostapd[\w.-]*|[\w .-]*\.nmconnection|etc/config/wireless|keys-\w+", "Wi-Fi"),
        (r"[\w.-]*\.ldif|slapd\.conf|(?:pam_)?ldap\.(?:conf|secret)|dovecot-ldap[\w.-]*|nslcd\.conf|sssd\.conf", "LDAP"),
        (r"redis[\w.-]*\.conf|sentinel\.conf|users\.acl", "Redis"),
        (r"mongod?\.conf|\.mongorc\.js", "MongoDB"),
        (r"sasl_passwd[\w.-]*|passwd\.client|\.?msmtprc|\.?fetchmailrc|\.?muttrc|\.?esmtprc|ssmtp\.conf|\.?mailrc|authinfo|dovecot[\w.-]*|exim[\w.-]*", "mail"),
        (r"(?:chap|pap)-secrets", "PPP"),
        (r"ipsec[\w.-]*\.secrets|swanctl\.conf|psk\.txt", "IPsec"),
        (r"wg\d{0,3}\.conf", "WireGuard"),
        (r"(?:radius|freeradius|raddb)/[\w./-]*(?:clients\.conf|users|authorize)|radiusclient[\w.-]*|server\.radius|clients\.conf", "RADIUS"),
        (r"tac_plus[\w.-]*", "TACACS+"),
        (r"smb\.conf|smbpasswd|\.?smbcredentials|\.?cifs[\w.-]*", "SMB"),
        (r"ntp\.keys|chrony\.keys", "NTP"),
        (r"(?:rndc|named|tsig)[\w.-]*\.(?:key|conf)|rndc\.key", "DNS"),
        (r"\.?vnc/passwd|\.vncpasswd", "VNC"),
        (r"grub\.(?:cfg|conf)|menu\.lst|lilo\.conf|40_custom", "boot loader"),
        (r"running-config|startup-config|config\.boot|[\w.-]*\.(?:rsc|nvram)", "device"),
        (r"kubeconfig|\.kube/config", "Kubernetes"),
        (r"\.?docker/config\.json|\.dockercfg", "Docker"),
        (r"\.npmrc", "npm"), (r"\.pypirc", "PyPI"), (r"gradle\.properties|[\w.-]*\.gradle", "Gradle"), (r"\.git-credentials|\.gitconfig", "Git"),
        (r"grafana\.ini", "Grafana"), (r"elasticsearch\.yml", "Elasticsearch"), (r"sip\.conf|pjsip\.conf|manager\.conf", "Asterisk"), (r"svnserve\.conf|svn/passwd", "Subversion"),
        (r"\.lftprc|vsftpd[\w.-]*|proftpd[\w.-]*|ftpusers", "FTP"), (r"squid[\w.-]*", "proxy"), (r"krb5[\w.-]*|kadm5[\w.-]*", "Kerberos"), (r"zabbix[\w.-]*|nagios[\w.-]*|icinga[\w.-]*", "monitoring"),
    )
)  # fmt: skip
"""Files of one service, by their names in lower case."""


def spoken(service: str) -> str:
    """Return a service by its usual name: an address has it in lower case, and a list may say that it is for any."""
    service = service.strip("*:/")
    return service if service in ("http", "https") else _SERVICES.get(service.partition("+")[0], service)


def of_a_name(name: str) -> str:
    """Return the service that a word of a name tells, as `smtp_password` does."""
    words = [w.lower() for w in _WORDS.findall(name)]
    if told := next((_SERVICES[w] for w in words if w in _SERVICES), ""):
        return told
    joined = _JOINED.search(name.lower())
    if joined is None:
        return ""
    return "key store" if joined[1] in _STORES else _SERVICES[joined[1]]


def of_a_driver(text: str, among: frozenset[str] = frozenset()) -> str:
    """Return the one service that addresses and drivers of a text tell; `among` names those that are asked for."""
    found = {_SERVICES.get(m[1].lower(), m[1].upper()) for m in _DRIVER.finditer(text)}
    found = found & among if among else found
    return found.pop() if len(found) == 1 else ""


def of_a_line(line: str) -> str:
    """Return the service whose own words are on a line."""
    return next((service for pattern, service in _ON_A_LINE if pattern.search(line)), "")


def of_common_words(line: str) -> str:
    """Return the service that a line is of where its file is none's."""
    return next((service for pattern, service in _ON_A_LINE_BESIDE if pattern.search(line)), "")


def of_a_file(path: str) -> str:
    """Return the service that a file is of by its name."""
    small = path.lower().removesuffix(".bak").removesuffix(".orig").removesuffix(".old").removesuffix("~")
    return next((service for pattern, service in _BY_FILE if pattern.search(small)), "")
