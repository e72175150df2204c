"""Real TLS servers of the distribution, started on loopback with a configuration of the test's.

with running("nginx", text, folder) as port: ...
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest
import trustme

from hardening.tls.targets import Target, find
from tests.support.ports import free_port
from tests.support.tls import gnutls_slapd, java_servers

KEYS = ("rsa", "ec")
_START_SECONDS = 60.0
UNPACKED = "/opt/harden-servers"
"""Where .ci/install-packages unpacks servers whose packages cannot be installed beside the others."""


@dataclass(frozen=True)
class Pair:
    """A certificate file, its key file, and both in one file."""

    certificate: Path
    key: Path
    both: Path


@dataclass(frozen=True, kw_only=True)
class Server:
    """How to run one server program in the foreground."""

    program: str
    whole: Callable[[str, Path, int, Pair], str]
    """Rendered text, folder, port, certificate: the main configuration file."""
    command: Callable[[Path, Path], list[str]]
    """The folder and the main file: what to run."""
    main: str
    """The main file's name below the folder."""
    check: Callable[[Path, Path], list[str]] | None = None
    params: Callable[[int, Pair], Mapping[str, str]] = lambda _port, _pair: {}
    starttls: str | None = None
    patience: float = 5.0
    """Seconds without a byte after which a scan takes the server for silent."""
    waits: bool = False
    """Whether a scan of it takes minutes and does nothing but wait, so that many may go on at once."""
    environment: Mapping[str, str] = field(default_factory=dict)
    port_of: Callable[[int], int] = lambda port: port
    prepare: Callable[[Path, Pair], None] = lambda _folder, _pair: None
    release: Callable[[], str | None] = lambda: None
    """Which release of the target is installed; None: the one assumed."""
    target: str = ""
    """The target it is for, where another name tells it from another build of the same server."""
    library: Callable[[], str | None] = lambda: None
    """Which build it runs with; None: the one of its release."""


def _httpd(rendered: str, folder: Path, _port: int, _pair: Pair) -> str:
    modules = "/usr/lib/apache2/modules"
    load = "".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "socache_shmcb", "ssl")
    )
    return (
        f'ServerRoot "{folder}"\nPidFile {folder}/pid\nErrorLog {folder}/error.log\nServerName localhost\n'
        f"User www-data\nGroup www-data\nDefaultRuntimeDir {folder}\n{load}{rendered}"
    )


def _nginx(rendered: str, folder: Path, _port: int, _pair: Pair) -> str:
    return (
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{rendered}}}\n"
    )


def _lighttpd(rendered: str, folder: Path, port: int, _pair: Pair) -> str:
    other = free_port() if port else 0
    return (
        f'server.document-root = "{folder}"\nserver.port = {other}\nserver.bind = "127.0.0.1"\n'
        f'server.errorlog = "{folder}/error.log"\n{rendered}'
    )


def _web(port: int, pair: Pair) -> dict[str, str]:
    return {"listen": f"127.0.0.1:{port}", "certificate": str(pair.certificate), "key": str(pair.key)}


SERVERS: dict[str, Server] = {
    "httpd": Server(
        program="apache2",
        whole=_httpd,
        command=lambda _folder, main: ["apache2", "-X", "-f", str(main)],
        check=lambda _folder, main: ["apache2", "-t", "-f", str(main)],
        main="httpd.conf",
        params=_web,
    ),
    "nginx": Server(
        program="nginx",
        whole=_nginx,
        command=lambda folder, main: ["nginx", "-p", str(folder), "-c", str(main)],
        check=lambda folder, main: ["nginx", "-t", "-p", str(folder), "-c", str(main)],
        main="nginx.conf",
        params=_web,
    ),
    "lighttpd": Server(
        program="lighttpd",
        whole=_lighttpd,
        command=lambda _folder, main: ["lighttpd", "-D", "-f", str(main)],
        check=lambda _folder, main: ["lighttpd", "-tt", "-f", str(main)],
        main="lighttpd.conf",
        params=_web,
    ),
}

SERVERS |= {
    "haproxy": Server(
        program="haproxy",
        whole=lambda rendered, _folder, _port, _pair: (
            rendered + "defaults\n    timeout client 20s\n    timeout server 20s\n    timeout connect 5s\n"
        ),
        command=lambda _folder, main: ["haproxy", "-db", "-f", str(main)],
        check=lambda _folder, main: ["haproxy", "-c", "-f", str(main)],
        main="haproxy.cfg",
        params=lambda port, pair: {"listen": f"127.0.0.1:{port}", "certificate": str(pair.both)},
    ),
    "stunnel": Server(
        program="stunnel4",
        whole=lambda rendered, _folder, _port, _pair: f"foreground = yes\npid =\nsyslog = no\n{rendered}",
        command=lambda _folder, main: ["stunnel4", str(main)],
        main="stunnel.conf",
        params=_web,
    ),
    "redis": Server(
        program="redis-server",
        whole=lambda rendered, folder, _port, _pair: (
            f'{rendered}port 0\nbind 127.0.0.1\nsave ""\ndir {folder}\ntls-auth-clients no\n'
        ),
        command=lambda _folder, main: ["redis-server", str(main)],
        main="redis.conf",
        params=lambda port, pair: {
            "listen": str(port),
            "certificate": str(pair.certificate),
            "key": str(pair.key),
        },
    ),
}


def _give(user: str) -> Callable[[Path, Pair], None]:
    """Hand the key and the folder to the user the server becomes, where the test is root."""

    def hand(folder: Path, certificate: Pair) -> None:
        if os.geteuid() == 0:
            for one in (certificate.key, certificate.both, folder):
                shutil.chown(one, user)

    return hand


def _as(user: str) -> list[str]:
    return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"] if os.geteuid() == 0 else []


@cache
def _postgres_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else Path("/usr/lib/postgresql")


@cache
def _template_folder(user: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="harden-data-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if os.geteuid() == 0:
        shutil.chown(folder, user)
    return folder / "data"


@cache
def _postgres_data() -> Path:
    """Make one empty cluster per process; each server gets a copy."""
    data = _template_folder("postgres")
    initdb = [str(_postgres_bin() / "initdb"), "-D", str(data), "-A", "trust", "--no-sync"]
    subprocess.run([*_as("postgres"), *initdb], check=True, capture_output=True, timeout=120)
    return data


@cache
def _mariadb_data() -> Path:
    data = _template_folder("mysql")
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    make = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", *user]
    for pause in (1, 4, 10, 20, 0):  # its bootstrap gives up on a busy machine now and then
        done = subprocess.run(make, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode == 0:
            break
        assert pause, done.stdout + done.stderr
        shutil.rmtree(data, ignore_errors=True)
        time.sleep(pause)
    return data


def _copy_data(source: Callable[[], Path], user: str) -> Callable[[Path, Pair], None]:
    def copy(folder: Path, certificate: Pair) -> None:
        subprocess.run(["cp", "-a", str(source()), str(folder / "data")], check=True, timeout=120)
        _give(user)(folder, certificate)

    return copy


def _postgres_command(folder: Path, main: Path) -> list[str]:
    data = folder / "data"
    binary = str(_postgres_bin() / "postgres")
    return [*_as("postgres"), binary, "-D", str(data), "-c", f"config_file={main}"]


def _postfix(rendered: str, folder: Path, port: int, _pair: Pair) -> str:
    smtpd = f"127.0.0.1:{port}"
    others = "".join(
        f"{name} unix {'n' if name == 'postlog' else '-'} - n - {limit} {command}\n"
        for name, limit, command in (
            ("pickup", "1", "pickup"),
            ("cleanup", "0", "cleanup"),
            ("rewrite", "-", "trivial-rewrite"),
            ("tlsmgr", "1", "tlsmgr"),
            ("anvil", "1", "anvil"),
            ("scache", "1", "scache"),
            ("proxymap", "-", "proxymap"),
            ("error", "-", "error"),
        )
    )
    postlog = "postlog unix-dgram n - n - 1 postlogd\n"
    (folder / "master.cf").write_text(f"{smtpd} inet n - n - - smtpd\n{others}{postlog}")
    return (
        f"compatibility_level = 3.6\nqueue_directory = {folder}/queue\ndata_directory = {folder}/data\n"
        f"maillog_file = {folder}/mail.log\nmaillog_file_prefixes = {folder}\nmyhostname = localhost.example\n"
        f"local_recipient_maps =\nalias_maps =\nsmtpd_client_connection_count_limit = 0\n"
        f"mydestination =\nmynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\n{rendered}"
    )


def _postfix_folders(folder: Path, _pair: Pair) -> None:
    folder.chmod(0o755)
    for name in ("queue", "data"):
        (folder / name).mkdir(exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(folder / "data", "postfix")


SERVERS |= {
    "postgresql": Server(
        program=str(_postgres_bin() / "postgres"),
        whole=lambda rendered, folder, _port, _pair: (
            f"listen_addresses = '127.0.0.1'\nunix_socket_directories = '{folder}'\nfsync = off\n{rendered}"
        ),
        command=_postgres_command,
        main="postgresql.conf",
        params=lambda port, pair: {"listen": str(port), "certificate": str(pair.certificate), "key": str(pair.key)},
        starttls="postgres",
        prepare=_copy_data(_postgres_data, "postgres"),
    ),
    "mariadb": Server(
        program="mariadbd",
        whole=lambda rendered, folder, _port, _pair: (
            f"{rendered}bind-address = 127.0.0.1\ndatadir = {folder}/data\nsocket = {folder}/data/s\n"
            f"pid-file = {folder}/data/pid\ninnodb_flush_log_at_trx_commit = 0\n"
        ),
        command=lambda _folder, main: [
            "mariadbd", f"--defaults-file={main}", *(["--user=mysql"] if os.geteuid() == 0 else [])
        ],
        main="my.cnf",
        params=lambda port, pair: {"listen": str(port), "certificate": str(pair.certificate), "key": str(pair.key)},
        starttls="mysql",
        prepare=_copy_data(_mariadb_data, "mysql"),
    ),
    "postfix": Server(
        program="postfix",
        whole=_postfix,
        command=lambda folder, _main: ["postfix", "-c", str(folder), "start-fg"],
        check=lambda folder, _main: ["postfix", "-c", str(folder), "check"],
        main="main.cf",
        params=lambda _port, pair: {"listen": "on", "certificate": str(pair.certificate), "key": str(pair.key)},
        starttls="smtp",
        prepare=_postfix_folders,
    ),
}  # fmt: skip


def _proftpd(rendered: str, folder: Path, port: int, _pair: Pair) -> str:
    return (
        f"LoadModule mod_tls.c\nServerType standalone\nUseIPv6 off\nDefaultAddress 127.0.0.1\nPort {port}\n"
        f"ServerName test\nUser proftpd\nGroup nogroup\nPidFile {folder}/pid\nScoreboardFile {folder}/scoreboard\n"
        f"SystemLog {folder}/system.log\nTLSLog {folder}/tls.log\nWtmpLog off\nUseReverseDNS off\n"
        f"TLSOptions NoSessionReuseRequired\n{rendered}"
    )


def _squid(rendered: str, folder: Path, _port: int, _pair: Pair) -> str:
    return (
        f"pid_filename {folder}/pid\naccess_log none\ncache_log {folder}/cache.log\ncache deny all\n"
        f"visible_hostname localhost\ncoredump_dir {folder}\nhttp_port 127.0.0.1:{free_port()}\n"
        f"netdb_filename none\npinger_enable off\nshutdown_lifetime 0 seconds\n{rendered}"
    )


SERVERS |= {
    "proftpd": Server(
        program="proftpd",
        whole=_proftpd,
        command=lambda _folder, main: ["proftpd", "-n", "-c", str(main)],
        check=lambda _folder, main: ["proftpd", "-t", "-c", str(main)],
        main="proftpd.conf",
        params=lambda _port, pair: {"listen": "on", "certificate": str(pair.certificate), "key": str(pair.key),
                                    "kind": pair.certificate.stem},
        starttls="ftp",
        prepare=lambda folder, _pair: folder.chmod(0o755),
    ),
    "squid": Server(
        program="squid",
        whole=_squid,
        command=lambda _folder, main: ["squid", "-N", "-f", str(main)],
        check=lambda _folder, main: ["squid", "-k", "parse", "-f", str(main)],
        main="squid.conf",
        params=_web,
        prepare=_give("proxy"),
    ),
}  # fmt: skip


def _s_server(rendered: str, folder: Path, port: int, pair: Pair) -> str:
    """`openssl s_server` sets nothing itself, so it is what the file makes of a program."""
    (folder / "run.sh").write_text(
        f"OPENSSL_CONF={folder}/openssl.cnf exec openssl s_server -accept 127.0.0.1:{port} -quiet -www "
        f"-cert {pair.certificate} -key {pair.key}\n"
    )
    return rendered


def _dovecot(rendered: str, folder: Path, port: int, _pair: Pair) -> str:
    return (
        "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\nprotocols = imap\nlisten = 127.0.0.1\n"
        f"base_dir = {folder}/run\nstate_dir = {folder}/state\nlog_path = {folder}/dovecot.log\n"
        f"mail_driver = maildir\nmail_path = {folder}/mail\n{rendered}"
        f"service imap-login {{\n  inet_listener imap {{\n    port = 0\n  }}\n  inet_listener imaps {{\n"
        f"    port = {port}\n    ssl = yes\n  }}\n  chroot =\n}}\n"
    )


SERVERS |= {
    "dovecot": Server(
        program="dovecot",
        whole=_dovecot,
        command=lambda _folder, main: ["dovecot", "-F", "-c", str(main)],
        check=lambda _folder, main: ["doveconf", "-c", str(main), "-n"],
        main="dovecot.conf",
        params=lambda _port, pair: {"listen": "on", "certificate": str(pair.certificate), "key": str(pair.key)},
        prepare=lambda folder, _pair: folder.chmod(0o755),
    ),
    "openssl_cnf": Server(
        program="openssl",
        whole=_s_server,
        command=lambda folder, _main: ["sh", str(folder / "run.sh")],
        main="openssl.cnf",
    ),
}  # fmt: skip


def _sshd_folders(folder: Path, certificate: Pair) -> None:
    """Make a host key of the kind of the certificate's, and what sshd wants to find."""
    kind = _SSH_KEYS[certificate.certificate.stem]
    path = folder / f"ssh_host_{kind}_key"
    if not path.exists():
        make = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)]
        subprocess.run(make, check=True, timeout=60, stdin=subprocess.DEVNULL)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


_SSH_KEYS = {"rsa": "rsa", "ec": "ecdsa"}
SERVERS |= {
    "openssh": Server(
        program="sshd",
        whole=lambda rendered, folder, _port, pair: (
            f"{rendered}HostKey {folder}/ssh_host_{_SSH_KEYS[pair.certificate.stem]}_key\nPidFile none\n"
            "UsePAM no\nMaxStartups 100\nPerSourcePenalties no\n"
        ),
        command=lambda _folder, main: ["sshd", "-D", "-e", "-f", str(main)],
        check=lambda _folder, main: ["sshd", "-t", "-f", str(main)],
        main="sshd_config",
        params=lambda port, _pair: {"listen": f"127.0.0.1:{port}"},
        prepare=_sshd_folders,
    ),
}

SERVERS |= {
    "vsftpd": Server(
        program="vsftpd",
        whole=lambda rendered, folder, _port, _pair: (
            f"listen=YES\nlisten_address=127.0.0.1\nbackground=NO\nanonymous_enable=YES\nlocal_enable=NO\n"
            f"run_as_launching_user=YES\nseccomp_sandbox=NO\nsecure_chroot_dir={folder}\nallow_anon_ssl=YES\n"
            f"vsftpd_log_file={folder}/vsftpd.log\n{rendered}"
        ),
        command=lambda _folder, main: ["vsftpd", str(main)],
        main="vsftpd.conf",
        params=lambda port, pair: {"listen": str(port), "certificate": str(pair.certificate), "key": str(pair.key)},
        starttls="ftp",
    ),
    "mosquitto": Server(
        program="mosquitto",
        whole=lambda rendered, _folder, port, _pair: (
            f"user {pwd.getpwuid(os.geteuid()).pw_name}\n"
            + rendered.replace(f"listener {port}\n", f"listener {port} 127.0.0.1\nallow_anonymous true\n", 1)
        ),
        command=lambda _folder, main: ["mosquitto", "-c", str(main)],
        main="mosquitto.conf",
        params=lambda port, pair: {"listen": str(port), "certificate": str(pair.certificate), "key": str(pair.key)},
    ),
    "coturn": Server(
        program="turnserver",
        whole=lambda rendered, folder, _port, _pair: (
            f"listening-ip=127.0.0.1\nlistening-port={free_port()}\nno-udp\nno-dtls\nno-cli\nrealm=test\n"
            f"userdb={folder}/turndb\npidfile={folder}/pid\nlog-file={folder}/turn.log\nsimple-log\n"
            f"relay-ip=127.0.0.1\nlt-cred-mech\n{rendered}"
        ),
        command=lambda _folder, main: ["turnserver", "-c", str(main)],
        main="turnserver.conf",
        patience=0.4,  # it meets a hello it does not like with silence, which a scan is patient with
        waits=True,
        params=lambda port, pair: {"listen": str(port), "certificate": str(pair.certificate), "key": str(pair.key)},
    ),
}  # fmt: skip


def _slapd(rendered: str, folder: Path, port: int, _pair: Pair) -> str:
    (folder / "run.sh").write_text(
        f"exec slapd -d 1 -f {folder}/slapd.conf -h ldaps://127.0.0.1:{port} 2>{folder}/slapd.log\n"
    )
    return f"pidfile {folder}/pid\n{rendered}"


SERVERS |= {
    "slapd": Server(
        program="slapd",
        whole=_slapd,
        command=lambda folder, _main: ["sh", str(folder / "run.sh")],
        check=lambda _folder, main: ["slaptest", "-u", "-f", str(main)],
        main="slapd.conf",
        params=lambda port, pair: {"listen": str(port), "certificate": str(pair.certificate), "key": str(pair.key)},
    ),
}  # fmt: skip
SERVERS |= {
    "slapd_gnutls": replace(
        SERVERS["slapd"],
        target="slapd",
        program=str(gnutls_slapd.LIBRARY),
        environment={"LD_LIBRARY_PATH": str(gnutls_slapd.LIBRARIES)},
        release=lambda: "2.5.13-debian12",
    ),
}
SERVERS |= java_servers.made()


def _exim(rendered: str, folder: Path, _port: int, _pair: Pair) -> str:
    return (
        f"primary_hostname = localhost.example\nlocal_interfaces = 127.0.0.1\nspool_directory = {folder}/spool\n"
        f"log_file_path = {folder}/%s.log\npid_file_path = {folder}/spool/pid\nhost_lookup =\nkeep_environment =\n"
        f"smtp_accept_max = 0\nsmtp_max_unknown_commands = 1000\n{rendered}"
    )


def _exim_folders(folder: Path, certificate: Pair) -> None:
    (folder / "spool").mkdir(exist_ok=True)
    _give("Debian-exim")(folder / "spool", certificate)
    if os.geteuid() == 0:
        shutil.chown(folder, "Debian-exim")


SERVERS |= {
    "exim": Server(
        program="exim4",
        whole=_exim,
        command=lambda _folder, main: ["exim4", "-C", str(main), "-bdf"],
        check=lambda _folder, main: ["exim4", "-C", str(main), "-bV"],
        main="exim.conf",
        params=lambda port, pair: {"listen": str(port), "certificate": str(pair.certificate), "key": str(pair.key)},
        starttls="smtp",
        prepare=_exim_folders,
    ),
}  # fmt: skip


WITHOUT_A_SERVER = {
    "crypto_policies": "no program loads a module by itself: the generator's own output is the judge (test_crypto_policies)",
    "mysql": "Debian has no MySQL server: the reader of its files is that of MariaDB, which is started",
    "openssh_client": "a client offers nothing to connect to: `ssh -G` is asked what it reads (test_openssh)",
}
"""Targets that no real server proves, each with the reason. A new target has a row in SERVERS or one here."""


def target_of(name: str) -> Target:
    """Return the target that a server is for."""
    return find(SERVERS[name].target or name)


def program(name: str) -> str | None:
    """Return where a program is; server programs lie in sbin, which a user's PATH may lack."""
    places = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin:{UNPACKED}/usr/sbin"
    return shutil.which(name, path=places)


def needed(name: str) -> Server:
    """Return a server, or skip the test where its program is not installed (fail in CI)."""
    server = SERVERS[name]
    if program(server.program) is None:
        message = f"{server.program} is not installed; `make servers` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return server


@cache
def _authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@cache
def pair(kind: str, folder: Path) -> Pair:
    """Return a fresh certificate with a key of the kind `rsa` or `ec`, for localhost."""
    key_type = {"rsa": trustme.KeyType.RSA, "ec": trustme.KeyType.ECDSA}[kind]
    issued = _authority().issue_cert("localhost", "127.0.0.1", key_type=key_type)
    folder.mkdir(parents=True, exist_ok=True)
    found = Pair(folder / f"{kind}.crt", folder / f"{kind}.key", folder / f"{kind}.pem")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    found.certificate.write_bytes(chain)
    found.key.write_bytes(issued.private_key_pem.bytes())
    found.key.chmod(0o600)
    found.both.write_bytes(issued.private_key_pem.bytes() + chain)
    found.both.chmod(0o600)
    return found


def write(name: str, rendered: str, folder: Path, port: int, certificate: Pair) -> Path:
    """Write the main configuration file around what was rendered."""
    server = SERVERS[name]
    folder.mkdir(parents=True, exist_ok=True)
    main = folder / server.main
    main.parent.mkdir(parents=True, exist_ok=True)
    server.prepare(folder, certificate)
    main.write_text(server.whole(rendered, folder, port, certificate))
    return main


def check(name: str, main: Path) -> subprocess.CompletedProcess[str]:
    """Let the server itself judge a configuration."""
    server = SERVERS[name]
    assert server.check is not None
    return _run(server.check(main.parent, main), server)


def _run(command: list[str], server: Server) -> subprocess.CompletedProcess[str]:
    found = program(command[0])
    assert found is not None
    return subprocess.run(
        [found, *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | dict(server.environment),
    )


@contextmanager
def running(name: str, main: Path, port: int) -> Iterator[int]:
    """Run a server in the foreground until the block ends; yield the port once it answers."""
    server = SERVERS[name]
    folder = main.parent
    command = server.command(folder, main)
    found = program(command[0])
    assert found is not None
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen(
            [found, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | dict(server.environment),
            start_new_session=True,
        )
    try:
        _await(process, port, folder)
        yield port
    finally:
        _stop(process)


def _await(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    logs = "".join(p.read_text(errors="replace")[-2000:] for p in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the server did not start: {logs}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server with all it started, sessions of their own included (Postfix's master has one)."""
    import signal

    every = [process.pid, *descendants(process.pid)]
    for signum in (signal.SIGTERM, signal.SIGKILL):
        for pid in every:
            with suppress(ProcessLookupError):
                os.kill(pid, signum)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        end = time.monotonic() + 5
        while any(lives(pid) for pid in every) and time.monotonic() < end:
            time.sleep(0.01)


def lives(pid: int) -> bool:
    """Return whether the process is there and no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def descendants(pid: int) -> list[int]:
    """Return the processes that this one started, and those that they did."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found
