"""Real hosts that boot: systemd-nspawn on one Debian tree, each in a network namespace of its own.

They are laid out like CentOS and run Debian's programs: `el7like` is not CentOS 7, and nothing here says it is.
Apache, lighttpd, MariaDB, sshd and the firewall (iptables on the SysV layout, firewalld on the others) are real; what
listens on the control engine's port is an invented stand-in, a Java program as the product's is.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

CACHE = Path(os.environ.get("HARDEN_HOSTS_CACHE", "/var/cache/aspect-hosts"))
CONTROL = f"harden-ctl-{os.getpid()}"
NETWORK = "10.77.0"
COMMON = (
    "apache2", "default-jre-headless", "iproute2", "iptables", "lighttpd", "lighttpd-mod-openssl", "mariadb-server",
    "openssh-server", "procps", "python3",
)  # fmt: skip
PACKAGES = {
    "systemd": (*COMMON, "dbus", "firewalld", "systemd", "systemd-sysv"),
    "sysv": (*COMMON, "initscripts", "insserv", "sysvinit-core"),
}
CGROUPS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup")
"""Where a host gets a group of its own: in one that hosts share, one host's services would be another's."""
ENTER = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
LEAVE = 'while [ "$1" != -- ]; do umount -l "$1"; shift; done; shift; exec "$@"'
"""A host does not see the others' disks, which could not be unmounted while it runs."""
NEEDED = ("systemd-nspawn", "mmdebstrap", "ip", "ssh", "ssh-keygen", "openssl", "javac")

HTTPD = """ServerRoot /etc/httpd
ServerName localhost
User www-data
Group www-data
PidFile /run/httpd.pid
ErrorLog /var/log/httpd-error.log
DefaultRuntimeDir /run
Listen 443
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
IncludeOptional conf.d/*.conf
"""
SSL = """<VirtualHost _default_:443>
SSLEngine on
SSLCertificateFile /etc/pki/tls/certs/localhost.crt
SSLCertificateKeyFile /etc/pki/tls/private/localhost.key
SSLProtocol all
SSLCipherSuite AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0
</VirtualHost>
"""
WRAPPER = '#!/bin/sh\nexec /usr/sbin/apache2 -f /etc/httpd/conf/httpd.conf "$@"\n'
HTTPD_UNIT = """[Unit]
After=network.target
[Service]
Type=forking
PIDFile=/run/httpd.pid
ExecStart=/usr/sbin/httpd -k start
ExecReload=/usr/sbin/httpd -k graceful
[Install]
WantedBy=multi-user.target
"""
LIGHTTPD = """server.modules = ( "mod_openssl" )
server.document-root = "/var/www/html"
server.username = "www-data"
server.groupname = "www-data"
server.port = 8443
server.pid-file = "/run/lighttpd.pid"
ssl.engine = "enable"
ssl.pemfile = "/etc/pki/tls/certs/localhost.crt"
ssl.privkey = "/etc/pki/tls/private/localhost.key"
ssl.openssl.ssl-conf-cmd = ( "MinProtocol" => "TLSv1",
  "CipherString" => "AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0" )
include "/etc/lighttpd/conf.d/*.conf"
"""
ENGINE = """// An invented stand-in for the product's control engine: it reads its port once, and listens.
import java.io.FileInputStream;
import java.net.ServerSocket;
import java.util.Properties;

public class EngineStandIn {
    public static void main(String[] words) throws Exception {
        Properties settings = new Properties();
        try (FileInputStream file = new FileInputStream("/home/MIX_CMIX/config/engine.properties")) {
            settings.load(file);
        }
        ServerSocket listener = new ServerSocket(Integer.parseInt(settings.getProperty("engine.port")));
        while (true) {
            listener.accept().close();
        }
    }
}
"""
ENGINE_RUN = "/usr/local/bin/engine-stand-in -Xshare:auto -Xmx32m -XX:TieredStopAtLevel=1 -cp /usr/local/lib EngineStandIn"
"""The name of the process is the name of the program: a link to the host's own `java`."""
ZONE = """<?xml version="1.0" encoding="utf-8"?>
<zone>
  <short>Public</short>
  <service name="ssh"/>
  <service name="https"/>
  <port port="8443" protocol="tcp"/>
  <port port="7226" protocol="tcp"/>
</zone>
"""
ENGINE_UNIT = f"""[Unit]
Description=Control engine (invented stand-in)
[Service]
ExecStart={ENGINE_RUN}
[Install]
WantedBy=multi-user.target
"""
NETWORK_UNIT = """[Unit]
DefaultDependencies=no
Before=network.target ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip link set lo up
[Install]
WantedBy=multi-user.target
"""
HTTPD_SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: httpd
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop:
### END INIT INFO
case "$1" in
  start) /usr/sbin/httpd -k start ;;
  stop) /usr/sbin/httpd -k stop ;;
  reload) /usr/sbin/httpd -k graceful ;;
  restart) /usr/sbin/httpd -k restart ;;
  status) pid=$(cat /run/httpd.pid 2>/dev/null) || exit 3; kill -0 "$pid" 2>/dev/null || exit 1 ;;
  *) exit 2 ;;
esac
"""
"""As CentOS 6's own script does, `status` says 1 of one that left its file of the process, and 3 of one that was stopped."""
ENGINE_SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: control-engine
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop:
### END INIT INFO
start() { setsid @RUN@ </dev/null >/dev/null 2>&1 & }
case "$1" in
  start) start ;;
  stop) pkill -x engine-stand-in ;;
  restart) pkill -x engine-stand-in; sleep 0.3; start ;;
  status) pgrep -x engine-stand-in >/dev/null || exit 3 ;;
  *) exit 2 ;;
esac
""".replace("@RUN@", ENGINE_RUN)
IPTABLES = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 443 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 8443 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 7226 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
"""
IPTABLES_SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: iptables
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop:
### END INIT INFO
case "$1" in
  start|restart) iptables-restore /etc/sysconfig/iptables ;;
  save) iptables-save >/etc/sysconfig/iptables ;;
esac
"""
INITTAB = """id:2:initdefault:
si::sysinit:/etc/init.d/rcS
l2:2:wait:/etc/init.d/rc 2
"""
SSHD_SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: harden-sshd
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop:
### END INIT INFO
[ "$1" = start ] && { ip link set lo up; mkdir -p /run/sshd; /usr/sbin/sshd; }
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One layout: the first line of its release file, and the only Python it offers to management."""

    name: str
    release: str
    python: str
    init: str = "systemd"


KINDS = (
    Kind("el6like", "CentOS release 6.10 (Final)", "2.7", init="sysv"),
    Kind("el7like", "CentOS Linux release 7.9.2009 (Core)", "2.7"),
    Kind("el8like", "CentOS Linux release 8.5.2111", "3.6"),
)


def missing() -> list[str]:
    """Return what this machine lacks to boot hosts."""
    found = [name for name in NEEDED if shutil.which(name) is None]
    return found if os.getuid() == 0 else [*found, "root"]


def call(*argv: str | Path, check: bool = True, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=check, timeout=timeout)


def base(init: str) -> Path:
    """Return the tree that every host of one init system shares, made once and kept between runs."""
    names = ",".join(PACKAGES[init])
    tree = CACHE / f"{init}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"
    if (tree / ".made").exists():
        return tree
    CACHE.mkdir(parents=True, exist_ok=True)
    with tree.with_name(f"{tree.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another checkout's run may be making it
        if (tree / ".made").exists():
            return tree
        shutil.rmtree(tree, ignore_errors=True)
        archive = tree.with_name(f"{tree.name}.tar")
        if not archive.exists():
            part = tree.with_name(f"{tree.name}.part.tar")
            call("mmdebstrap", "--variant=minbase", f"--include={names}", "trixie", part, timeout=1800)
            part.rename(archive)
        tree.mkdir()
        call("tar", "-xf", archive, "-C", tree, "--numeric-owner")
        (tree / ".made").touch()
    return tree


def engine() -> bytes:
    """Return the stand-in's class, compiled once and kept between runs."""
    kept = CACHE / f"engine-{hashlib.sha256(ENGINE.encode()).hexdigest()[:8]}" / "EngineStandIn.class"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="engine") as name:
            source = Path(name, "EngineStandIn.java")
            source.write_text(ENGINE)
            call("javac", "--release", "17", "-d", name, source)
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_suffix(f".{os.getpid()}")
            shutil.copyfile(Path(name, kept.name), part)
            part.rename(kept)
    return kept.read_bytes()


@dataclass
class Box:
    """One host: its overlay, its namespace, its process."""

    kind: Kind
    number: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    boots: int = 0

    @property
    def machine(self) -> str:
        """Return the name of this boot; what a killed nspawn leaves behind bars its name."""
        return f"{self.name}-{os.getpid()}-{self.boots}"

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def address(self) -> str:
        return f"{NETWORK}.{10 + self.number}"

    @property
    def namespace(self) -> str:
        return f"harden-{os.getpid()}-{self.number}"

    @property
    def groups(self) -> list[Path]:
        """Return the control groups of this host, the one that counts the processor's time first."""
        found = [Path(one) for one in CGROUPS if Path(one, "cgroup.procs").exists()]
        return [one / self.namespace for one in found]

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def used(self) -> float:
        """Return the seconds of the processor that this host has used since it was made."""
        return int((self.groups[0] / "cpu.stat").read_text().split()[1]) / 1e6

    @property
    def managed(self) -> Path | None:
        """Return this machine's Python of the host's age; it is shown to the host where it lies here."""
        found = sorted(
            Path(os.environ.get("PYENV_ROOT", "~/.pyenv"), "versions")
            .expanduser()
            .glob(f"{self.kind.python}.*")
        )
        return found[0] if found else None

    @property
    def python(self) -> str:
        return f"{self.managed}/bin/python" if self.managed else "/usr/bin/python3"

    def mount(self) -> None:
        """Lay what this host writes over the tree that all hosts share."""
        options = f"lowerdir={base(self.kind.init)},upperdir={self.folder}/upper,workdir={self.folder}/work"
        call("mount", "-t", "overlay", "overlay", "-o", options, self.root)

    def lay_out(self, key: Path) -> None:
        """Mount the overlay and write the layout into it."""
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        self.mount()
        put = self.put
        put("etc/centos-release", self.kind.release + "\n")
        put("etc/redhat-release", self.kind.release + "\n")
        put("etc/hostname", self.name + "\n")
        put("etc/motd", "")
        put("etc/httpd/conf/httpd.conf", HTTPD)
        put("etc/httpd/conf.d/ssl.conf", SSL)
        put("usr/sbin/httpd", WRAPPER, 0o755)
        put("etc/lighttpd/lighttpd.conf", LIGHTTPD)
        (self.root / "etc/lighttpd/conf.d").mkdir()
        (self.root / "usr/local/lib/EngineStandIn.class").write_bytes(engine())
        (self.root / "usr/local/bin/engine-stand-in").symlink_to("/usr/bin/java")
        put("home/MIX_CMIX/config/engine.properties", "# invented\nname=site\nengine.port=7226\n")
        put("home/MIX_CMIX/config/client.properties", "engine.url=tcp://127.0.0.1:7226\n")
        if self.kind.init == "systemd":
            self.systemd_services()
        else:
            self.sysv_services()
        put("root/.ssh/authorized_keys", key.with_suffix(".pub").read_text(), 0o600)
        (self.root / "root/.ssh").chmod(0o700)
        tls = self.root / "etc/pki/tls"
        for leaf in ("certs", "private"):
            (tls / leaf).mkdir(parents=True)
        call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={self.name}",
             "-keyout", tls / "private/localhost.key", "-out", tls / "certs/localhost.crt")  # fmt: skip
        for old in (self.root / "etc/ssh").glob("ssh_host_*"):
            old.unlink()
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.root / "etc/ssh/ssh_host_ed25519_key")

    def systemd_services(self) -> None:
        system = self.root / "etc/systemd/system"
        self.put("etc/firewalld/zones/public.xml", ZONE)
        for name, text in (("httpd", HTTPD_UNIT), ("control-engine", ENGINE_UNIT), ("lo", NETWORK_UNIT)):
            self.put(f"etc/systemd/system/{name}.service", text)
            (system / f"multi-user.target.wants/{name}.service").symlink_to(
                f"/etc/systemd/system/{name}.service"
            )
        for name in ("apache2.service", "ssh.socket", "systemd-networkd.service", "apt-daily.timer"):
            (system / name).unlink(missing_ok=True)
            (system / name).symlink_to("/dev/null")

    def sysv_services(self) -> None:
        for old in self.root.glob("etc/rc[2345S].d/S*"):
            old.unlink()  # nspawn has mounted everything; checking and remounting the disk would hang
        (self.root / "usr/lib/systemd/systemd").unlink(
            missing_ok=True
        )  # nspawn would start it rather than init
        self.put("etc/inittab", INITTAB)
        self.put("etc/default/rcS", "CONCURRENCY=none\n")
        for order in self.root.glob("etc/init.d/.depend.*"):
            order.unlink()
        for name, text in (
            ("httpd", HTTPD_SCRIPT),
            ("control-engine", ENGINE_SCRIPT),
            ("harden-sshd", SSHD_SCRIPT),
            ("iptables", IPTABLES_SCRIPT),
        ):
            self.put(f"etc/init.d/{name}", text, 0o755)
        self.put("etc/sysconfig/iptables", IPTABLES)
        for name in ("harden-sshd", "iptables", "httpd", "lighttpd", "control-engine", "mariadb"):
            (self.root / f"etc/rc2.d/S20{name}").symlink_to(f"../init.d/{name}")

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def others(self) -> list[str]:
        """Return the mounts of the fleet's other hosts, the innermost first."""
        places = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        fleet, mine = f"{self.folder.parent}/", (str(self.folder), f"{self.folder}/")
        return [
            one
            for one in reversed(places)
            if one.startswith(fleet) and one != mine[0] and not one.startswith(mine[1])
        ]

    def boot(self) -> None:
        """Start the host; its first process is a real systemd."""
        self.boots += 1
        bind = [f"--bind-ro={self.managed}"] if self.managed else []
        for group in self.groups:
            group.mkdir(exist_ok=True)
        with (self.folder / "console").open("ab") as console:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", LEAVE, "sh", *self.others(), "--",
                 "sh", "-c", ENTER, "sh", *self.groups, "--",
                 "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe",
                 f"--network-namespace-path=/run/netns/{self.namespace}", "--capability=CAP_NET_ADMIN",
                 f"--machine={self.machine}", f"--hostname={self.name}", *bind, f"--directory={self.root}"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """End the host as a power cut would."""
        if self.process is None:
            return
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        self.process.wait(20)
        for child in children:
            try:
                os.kill(int(child), signal.SIGKILL)  # the host's first process takes every other with it
            except ProcessLookupError:
                continue
        self.process = None
        time.sleep(0.3)
        for kind in ("unix-export", "propagate"):
            left = Path("/run/systemd/nspawn") / kind / self.machine
            call("umount", "-l", left, check=False)
            call("rmdir", left, check=False)
        for group in self.groups:
            call("find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";", check=False)


@dataclass
class Fleet:
    """A control namespace with a bridge, and hosts that nothing but it can reach."""

    folder: Path
    kinds: Sequence[Kind] = KINDS
    boxes: list[Box] = field(default_factory=list)

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        call("ip", "netns", "add", CONTROL)
        inside = ("ip", "-n", CONTROL)
        call(*inside, "link", "add", "br0", "type", "bridge")
        call(*inside, "addr", "add", f"{NETWORK}.1/24", "dev", "br0")
        call(*inside, "link", "set", "br0", "up")
        call(*inside, "link", "set", "lo", "up")
        for number, kind in enumerate(self.kinds, 1):
            box = Box(kind, number, self.folder / kind.name)
            self.boxes.append(box)
            call("ip", "netns", "add", box.namespace)
            call(
                *inside,
                "link",
                "add",
                f"v{number}",
                "type",
                "veth",
                "peer",
                "name",
                "host0",
                "netns",
                box.namespace,
            )
            call(*inside, "link", "set", f"v{number}", "master", "br0", "up")
            call("ip", "-n", box.namespace, "addr", "add", f"{box.address}/24", "dev", "host0")
            call("ip", "-n", box.namespace, "link", "set", "host0", "up")
            box.lay_out(self.key)
            public = (box.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()
            with self.known_hosts.open("a") as out:
                out.write(f"{box.address} {public[0]} {public[1]}\n")
            box.boot()
        for box in self.boxes:
            self.wait(box)

    def wait(self, box: Box, seconds: float = 60) -> None:
        """Wait until the host answers over ssh."""
        deadline = time.monotonic() + seconds
        while self.ssh(box, "true", check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{box.name} does not answer:\n{(box.folder / 'console').read_text()[-3000:]}"
                )
            time.sleep(0.2)

    def here(
        self, *argv: str | Path, check: bool = True, timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of this machine in the control namespace."""
        return call("ip", "netns", "exec", CONTROL, *argv, check=check, timeout=timeout)

    def ssh(self, box: Box, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command on a host."""
        return self.here("ssh", *self.options, f"root@{box.address}", command, check=check, timeout=120)

    @property
    def options(self) -> list[str]:
        return [
            "-i", str(self.key), "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "StrictHostKeyChecking=yes",
            "-o", "ConnectTimeout=3", "-o", "BatchMode=yes", "-F", "none",
        ]  # fmt: skip

    def inventory(self, **variables: str) -> Path:
        """Write the inventory of all hosts."""
        lines = ["[all]"]
        lines += [
            f"{box.name} ansible_host={box.address} ansible_python_interpreter={box.python}"
            for box in self.boxes
        ]
        common = " ".join(self.options).replace("-F none ", "")
        lines += ["[all:vars]", "ansible_user=root", f"ansible_ssh_common_args={common}"]
        lines += [f"{key}={value}" for key, value in variables.items()]
        path = self.folder / "inventory"
        path.write_text("\n".join(lines) + "\n")
        return path

    def scan(self, box: Box, *ports: int) -> int:
        """Return 0 where these ports (443) keep the policy (certificates aside), 10 where not, 3 where one is silent."""
        harden = Path(sys.executable).with_name("harden")
        endpoints = [f"{box.address}:{port}" for port in ports or (443,)]
        done = self.here(
            harden,
            "tls",
            "scan",
            *endpoints,
            "--policy",
            "aspect",
            "--format",
            "json",
            check=False,
        )
        report = json.loads(done.stdout)
        if any(subject["examined"] == "none" for subject in report["subjects"]):
            return 3
        bad = [one for one in report["findings"] if one["severity"] in ("medium", "high", "critical")]
        return 10 if any(not one["rule"].startswith("tls/certificate") for one in bad) else 0

    def stop(self) -> None:
        """End every host and take every mount and namespace away."""
        for box in self.boxes:
            box.kill()
        for box in self.boxes:
            call("umount", "-l", box.root, check=False)
            call("ip", "netns", "del", box.namespace, check=False)
        call("ip", "netns", "del", CONTROL, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
