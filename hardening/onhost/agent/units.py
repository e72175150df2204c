"""Unit files and start scripts of what stays on the host."""

import sys

from hardening.onhost.shared.init import init_system

UNIT = """[Unit]
Description=Undo an interrupted hardening transaction (%(what)s)
DefaultDependencies=no
After=local-fs.target%(after)s
Before=%(before)s
ConditionPathExists=%(state)s/tx

[Service]
Type=oneshot
ExecStart=%(python)s %(state)s/agent.pyz recover --state %(state)s%(flag)s

[Install]
WantedBy=%(wanted)s
"""
WATCH_UNIT = """[Unit]
Description=Close the port that a restarted engine has left (hardening)
ConditionPathExists=%(state)s/pending

[Service]
Type=oneshot
ExecStart=%(python)s %(state)s/agent.pyz watch --state %(state)s
"""
WATCH_TIMER = """[Unit]
Description=Look every minute whether the engine was restarted (hardening)

[Timer]
OnActiveSec=20
OnUnitInactiveSec=60
AccuracySec=5

[Install]
WantedBy=timers.target
"""
WATCH_SCRIPT = """#!/bin/sh
# chkconfig: 2345 99 01
# description: close the port that a restarted engine has left (hardening)
### BEGIN INIT INFO
# Provides: aspect-watch
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: close the port that a restarted engine has left
### END INIT INFO
mine=%(state)s/watch.pid
runs() { test -f $mine && grep -q agent.pyz "/proc/$(cat $mine)/cmdline" 2>/dev/null; }
case "$1" in
  start)
    if test -d %(state)s/pending && ! runs; then
      %(python)s %(state)s/agent.pyz watch --state %(state)s --stay 30 </dev/null >/dev/null 2>&1 &
      echo $! >$mine
    fi ;;
  stop) if runs; then kill "$(cat $mine)"; fi; rm -f $mine ;;
  status) runs ;;
  *) : ;;
esac
"""
SCRIPT = """#!/bin/sh
# chkconfig: 2345 %(order)s 99
# description: undo an interrupted hardening transaction (%(what)s)
### BEGIN INIT INFO
# Provides: %(name)s
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop:
# Short-Description: undo an interrupted hardening transaction
### END INIT INFO
case "$1" in
  start) %(python)s %(state)s/agent.pyz recover --state %(state)s%(flag)s >/dev/null || exit 1 ;;
  *) : ;;
esac
"""


def boot_files(host, state):
    """Return {path: (content, mode)} of the boot-time recovery for this host's init system."""
    base = {"python": sys.executable, "state": state}
    early = dict(base, what="files, before services start", flag=" --boot", name="aspect-recover", order="01")
    late = dict(base, what="services and commands", flag="", name="aspect-settle", order="99")
    early.update(after="", before="basic.target", wanted="basic.target")
    late.update(after=" multi-user.target", before="shutdown.target", wanted="multi-user.target")
    files = {}
    for one in (early, late):
        if init_system(host.root) == "systemd":
            files["/etc/systemd/system/%s.service" % one["name"]] = ((UNIT % one).encode("ascii"), 0o644)
        else:
            files["/etc/init.d/%s" % one["name"]] = ((SCRIPT % one).encode("ascii"), 0o755)
    if init_system(host.root) == "systemd":
        files["/etc/systemd/system/aspect-watch.service"] = ((WATCH_UNIT % base).encode("ascii"), 0o644)
        files["/etc/systemd/system/aspect-watch.timer"] = (WATCH_TIMER.encode("ascii"), 0o644)
    else:
        files["/etc/init.d/aspect-watch"] = ((WATCH_SCRIPT % base).encode("ascii"), 0o755)
    return files
