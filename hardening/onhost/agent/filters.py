"""The firewall of this host, as the programs that set it print it."""

import errno
import re
import socket
import struct
import sys

from hardening.onhost.shared.files import read
from hardening.onhost.shared.init import init_system
from hardening.onhost.shared.processes import run, which
from hardening.onhost.shared.texts import shown

FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
ZONES = (
    ["--get-default-zone"],
    ["--list-all-zones"],
    ["--permanent", "--list-all-zones"],
    ["--list-all-policies"],
    ["--permanent", "--list-all-policies"],
    ["--permanent", "--direct", "--get-all-rules"],
    ["--permanent", "--direct", "--get-all-passthroughs"],
)


def filters():
    """Return what filters on this host, as the programs that set it print it; nothing is loaded or changed.

    `said` is {command: [exit code, output]}; `tables` are those of nftables, asked of the kernel itself, and `legacy`
    those of the older iptables. Either is null where the kernel does not say.
    """
    names = {}

    def ask(*argv):
        code, output = run(argv, 20)
        if len(output) >= 196608:  # `run` cuts what is longer
            code, output = 125, "more than can be read"
        names[" ".join(argv)] = [code, output]
        return output if code == 0 else ""

    running = bool(which("firewall-cmd")) and "running" in ask("firewall-cmd", "--state").split()
    if running:
        ask_firewalld(ask)
    tables, legacy = nft_tables(), legacy_tables()
    if which("nft") and tables:
        ask("nft", "list", "ruleset")
    for name in ("iptables", "ip6tables"):
        if which(name):
            ask(name, "-V")
            ask(name + "-save")
        if legacy and legacy[name] and which(name + "-legacy-save"):
            ask(name + "-legacy-save")
    enabled = []
    if init_system() == "systemd":
        for name in ("firewalld", "nftables", "iptables", "ip6tables"):
            if run(["systemctl", "is-enabled", name + ".service"], 20)[1].strip() == "enabled":
                enabled.append(name)
    return {"firewalld": running, "tables": tables, "legacy": legacy, "said": names, "enabled": enabled}


def ask_firewalld(ask):
    """Ask firewalld for its zones and for every service that they name, with those that it includes."""
    listed = "".join(ask("firewall-cmd", *words) for words in ZONES)
    waiting = re.findall(r"(?m)^ +services: (.*)$|service name=\"([^\"]+)\"", listed)
    waiting, seen = " ".join(" ".join(pair) for pair in waiting).split(), set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            for scope in ([], ["--permanent"]):
                more = ask("firewall-cmd", *(scope + ["--info-service=" + name]))
                waiting += " ".join(re.findall(r"(?m)^ +includes: (.*)$", more)).split()


def legacy_tables():
    """Return the loaded tables of the older iptables, by program; None where this account may not know."""
    found = {}
    for name, path in (("iptables", "ip_tables_names"), ("ip6tables", "ip6_tables_names")):
        try:
            found[name] = shown(read("/proc/net/" + path)).split()
        except (OSError, IOError):
            if sys.exc_info()[1].errno != errno.ENOENT:
                return None
            found[name] = []
    return found


def nft_tables():
    """Return [[family, name]] of every table of nftables, by netlink: it takes no program; None where the kernel refuses to say."""
    found = []
    try:
        link = socket.socket(16, socket.SOCK_RAW, 12)  # AF_NETLINK, NETLINK_NETFILTER
    except socket.error:
        return found  # a kernel without it filters nothing by it
    try:
        link.settimeout(5)
        asked = struct.pack("=IHHII", 20, 10 << 8 | 1, 0x301, 1, 0)  # NFT_MSG_GETTABLE, all of them
        link.sendto(asked + struct.pack("=BBH", 0, 0, 0), (0, 0))
        while True:
            data = link.recv(262144)
            while len(data) >= 16:
                size, kind = struct.unpack("=IH", data[:6])
                if kind == 3 or size < 16:
                    return found
                if kind == 2:
                    code = -struct.unpack("=i", data[16:20])[0]
                    return found if code in (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT) else None
                family, rest = bytearray(data[16:17])[0], data[20:size]
                while len(rest) >= 4:
                    length, name = struct.unpack("=HH", rest[:4])
                    if name & 0x3FFF == 1:
                        found.append([FAMILIES.get(family, str(family)), shown(rest[4:length].rstrip(b"\0"))])
                    rest = rest[max(length + 3 & ~3, 4) :]
                data = data[size + 3 & ~3 :]
    except (socket.error, socket.timeout):
        return None
    finally:
        link.close()
