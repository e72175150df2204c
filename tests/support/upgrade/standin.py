"""An INVENTED stand-in product: a web part, an engine, a database, an installer; a good release and bad ones.

Nothing of it resembles the real product but the shape of an upgrade. Its services are sleeping processes that hold
what they loaded, its database is SQLite behind a tool that talks like a database client.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bundle.trust import dsse, keys, statement
from bundle.trust.inventory import inventory
from bundle.trust.policy import TrustPolicy
from bundle.trust.verify import signature_of
from hardening.host import onhost_request, session
from hardening.upgrade import admission, recipe
from hardening.upgrade.logs import patterns
from hardening.upgrade.orchestrator import Orchestrator
from tests.support.host.little import digest
from tests.support.upgrade.quick import Quick

NAME = "standin"
OLD, NEW = "1.0", "2.0"
DATABASE = """PRAGMA foreign_keys=OFF;
CREATE TABLE trend (id INTEGER PRIMARY KEY, value TEXT);
INSERT INTO trend VALUES (1,'one'),(2,'two'),(3,'drei');
"""
MIGRATE = "ALTER TABLE trend ADD COLUMN unit TEXT; UPDATE trend SET unit='K'; CREATE TABLE audit (at TEXT);"

SERVICE = """#!/bin/sh
# INVENTED stand-in for a service: a process that holds what it loaded
R=@ROOT@; N=$1; P=$R/run/$N.pid
up() { read p <$P && [ -n "$(tr -d '\\0' </proc/$p/cmdline)" ]; } 2>/dev/null
case $2 in
start)
  up && exit 0
  [ -e $R/opt/standin/bin/no-start ] && { echo "$N: failed to start" >&2; exit 1; }
  cp $R/opt/standin/htmlroot/runtime.ver $R/run/$N.loaded || exit 1
  life=@LIFE@
  [ -e $R/opt/standin/bin/dies ] && life=0.3
  setsid sleep $life </dev/null >/dev/null 2>&1 &
  echo $! >$P ;;
stop) up && kill "$p"; rm -f $P ;;
restart) $0 $N stop; $0 $N start ;;
status) up ;;
esac
"""
DB = """#!/bin/sh
# INVENTED stand-in for a database client
R=@ROOT@; D=$R/var/lib/standin/data.db
[ -e $R/run/db-refuses ] && { echo "ERROR 2002 (HY000): Can't connect to local MySQL server" >&2; exit 1; }
case $1 in
dump)
  [ -e $R/run/db-locked ] && { echo "mysqldump: Got error: 1556: You can't use locks with log tables. when using LOCK TABLES" >&2; }
  [ -e $R/run/db-cut ] && { sqlite3 $D .dump | head -n 3; exit 0; }
  sqlite3 $D .dump ;;
restore) rm -f $D && sqlite3 $D ;;
sql) sqlite3 $D ;;
esac
"""
RECIPE = """# INVENTED
name = "standin"
paths = ["/opt/standin", "/etc/standin"]
noise = ["/var/lib/standin", "/run"]
headroom = 1
settle = @SETTLE@
[installer]
argv = ["/bin/sh", "install.sh"]
timeout = @TIMEOUT@
silence = @SILENCE@
[version]
path = "/opt/standin/htmlroot/runtime.ver"
regex = '^(\\S+)'
[database]
dump = ["{root}/usr/bin/standin-db", "dump"]
restore = ["{root}/usr/bin/standin-db", "restore"]
complete = '^COMMIT;'
[maintenance]
flag = "/opt/maintenance"
[[service]]
name = "web"
start = ["{root}/etc/init/standin", "web", "start"]
stop = ["{root}/etc/init/standin", "web", "stop"]
status = ["{root}/etc/init/standin", "web", "status"]
pidfile = "/run/web.pid"
[[service]]
name = "engine"
during = "running"
restart = "manual"
start = ["{root}/etc/init/standin", "engine", "start"]
stop = ["{root}/etc/init/standin", "engine", "stop"]
status = ["{root}/etc/init/standin", "engine", "status"]
pidfile = "/run/engine.pid"
[[probe]]
kind = "command"
argv = ["grep", "-q", "release @RELEASE@", "{root}/opt/standin/htmlroot/index.html"]
wait = 0
"""
INSTALL = """#!/bin/sh
# INVENTED installer of the stand-in product
set -e
R=$ASPECT_ROOT
echo "stand-in installer, release @RELEASE@"
@EARLY@
rm -rf $R/opt/standin/htmlroot/old
cp -R payload/htmlroot/. $R/opt/standin/htmlroot/
@HALF@
cp payload/bin/engine $R/opt/standin/bin/engine
echo "mode=@RELEASE@" >>$R/etc/standin/standin.conf
echo "aspect.general                                     OK"
@DATABASE@
$R/usr/bin/standin-db sql <migrate.sql
echo "@RELEASE@" >$R/etc/standin.release
@LATE@
echo "installed @RELEASE@"
"""
FATAL = "mysqldump: Got error: 1556: You can't use locks with log tables. when using LOCK TABLES"
BENIGN = (
    "printf 'mysql.general_log\\nError    : You can'\"'\"'t use locks with log tables.\\nstatus   : OK\\n'"
)
FAULTS: dict[str, dict[str, str]] = {
    "good": {},
    "benign-log": {"@EARLY@": BENIGN},
    "fails-early": {"@EARLY@": "exit 3"},
    "fails-half": {"@HALF@": "echo 'cp: cannot create file: No such device' >&2; exit 4"},
    "fails-database": {"@DATABASE@": "echo 'ALTER TABLE broken (' | $R/usr/bin/standin-db sql"},
    "fails-late": {"@LATE@": "exit 5"},
    "killed": {"@HALF@": "kill -9 $$"},
    "hangs": {"@LATE@": "sleep 600"},
    "waits": {"@LATE@": "while [ ! -e $R/run/go-on ]; do sleep 0.05; done"},
    "fatal-log": {"@DATABASE@": f'echo "{FATAL}"; sleep 600'},
    "unknown-log": {"@LATE@": "echo 'Error: the flux capacitor is denied'"},
    "restore-log": {"@LATE@": 'echo "ERROR 1556 (HY000) at line 12: You can\'t use locks with log tables."'},
    "daemon": {
        "@HALF@": "setsid sh -c 'while :; do echo torn >$0; sleep 0.02; done' $R/opt/standin/htmlroot/index.html </dev/null >/dev/null 2>&1 & sleep 0.1; exit 6"
    },
    "daemon-su": {
        "@HALF@": "env -i sh -c 'while :; do echo torn >$0; sleep 0.02; done' $R/opt/standin/htmlroot/index.html </dev/null >/dev/null 2>&1 & sleep 0.1; exit 6"
    },
    "service-dies": {"@LATE@": "touch $R/opt/standin/bin/dies"},
    "service-never": {"@LATE@": "touch $R/opt/standin/bin/no-start"},
    "wrong-release": {"@LATE@": "echo 9.9 >$R/opt/standin/htmlroot/runtime.ver"},
    "wrong-page": {"@LATE@": "echo nothing >$R/opt/standin/htmlroot/index.html"},
    "wipes": {"@HALF@": "rm -rf $R/opt/standin $R/etc/standin; exit 7"},
    "drops-database": {"@LATE@": "rm -f $R/var/lib/standin/data.db; exit 8"},
}
"""What each release of the stand-in does wrong, as shell at a place in its installer."""


@dataclass
class Signer:
    """A release engineer: a key and the bundles signed with it."""

    folder: Path
    private: keys.PrivateKey = field(default_factory=keys.generate)

    @property
    def public_file(self) -> Path:
        path = self.folder / "release.pub"
        if not path.exists():
            keys.write(self.private, self.folder / "release", passphrase=None)
        return path

    @property
    def trusted(self) -> TrustPolicy:
        return TrustPolicy.of([self.private.public_key()])

    def sign(
        self, path: Path, *, release: str = NEW, product: str = NAME, created: datetime | None = None
    ) -> None:
        said = statement.state(
            path, inventory(path), created=created or datetime.now(UTC), product=product, release=release,
            expires=datetime.now(UTC) + timedelta(days=30),
        )  # fmt: skip
        signature_of(path).write_bytes(dsse.seal(said.to_bytes(), self.private).to_bytes())

    def bundle(
        self,
        fault: str = "good",
        *,
        release: str = NEW,
        product: str = NAME,
        more: dict[str, str] | None = None,
    ) -> Path:
        """Build and sign a bundle of the stand-in product."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{product}-{release}-{fault}.tar.gz"
        if more is None and signature_of(path).exists():
            return path
        files = {
            "install.sh": installer(release, fault),
            "migrate.sql": MIGRATE,
            **payload(release),
            **(more or {}),
        }
        with tarfile.open(path, "w:gz") as out:
            for name, text in sorted(files.items()):
                item = tarfile.TarInfo(name)
                item.size, item.mode, item.mtime = len(text.encode()), 0o755, 1_700_000_000
                out.addfile(item, io.BytesIO(text.encode()))
        self.sign(path, release=release, product=product)
        return path


def installer(release: str, fault: str) -> str:
    """Return the installer of one release, with what is wrong with it."""
    text = INSTALL.replace("@RELEASE@", release)
    for place in ("@EARLY@", "@HALF@", "@DATABASE@", "@LATE@"):
        text = text.replace(place, FAULTS[fault].get(place, ":"))
    return text


def payload(release: str) -> dict[str, str]:
    """Return the files of one release."""
    return {
        "payload/htmlroot/index.html": f"<p>release {release}</p>\n",
        "payload/htmlroot/runtime.ver": release + "\n",
        "payload/htmlroot/new.html": "<p>new</p>\n",
        "payload/bin/engine": f"#!/bin/sh\n# INVENTED engine {release}\n",
    }


@dataclass
class Site:
    """One host under a temporary root, with the old release of the stand-in product running on it."""

    root: Path
    python: str = sys.executable
    settle: int = 0
    timeout: int = 60
    silence: int = 30
    life: float = 3600
    quick: Quick | None = None

    def lay_out(self) -> Site:
        """Write the old release and start its services."""
        base = self.root / "opt/standin"
        for name, text in payload(OLD).items():
            if "new.html" not in name:
                self.put("opt/standin/" + name.removeprefix("payload/"), text)
        self.put("opt/standin/htmlroot/old/help.html", "<p>old help</p>\n")
        self.put("opt/standin/htmlroot/adminer.php", "<?php // INVENTED: not Adminer\n")
        (base / "htmlroot/home.html").symlink_to("index.html")
        self.put("etc/standin/standin.conf", "engine.port=7226\n", 0o640)
        self.put(
            "etc/init/standin",
            SERVICE.replace("@ROOT@", str(self.root)).replace("@LIFE@", str(self.life)),
            0o755,
        )
        self.put("usr/bin/standin-db", DB.replace("@ROOT@", str(self.root)), 0o755)
        for folder in ("run", "var/lib/standin", "tmp"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        subprocess.run([self.root / "usr/bin/standin-db", "sql"], input=DATABASE, text=True, check=True)
        for name in ("web", "engine"):
            self.service(name, "start")
        return self

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def service(self, name: str, action: str) -> int:
        return subprocess.run([self.root / "etc/init/standin", name, action], check=False).returncode

    @property
    def state(self) -> str:
        return "/var/lib/aspect-hardening"

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        """Ask the host's program, as a control machine does over a connection."""
        request = {"verb": verb, "root": str(self.root), "state": self.state, **more}
        if self.quick is not None and self.python == sys.executable:  # other Pythons get it streamed
            return self.quick.ask(request)
        done = subprocess.run(
            [self.python, "-"],
            input=onhost_request.program(request, onhost_request.UPGRADER, local=True),
            capture_output=True,
            check=False,
            timeout=120,
        )
        return onhost_request.answer(
            done.stdout.decode(), complaint=done.stderr.decode(), where=self.root.name
        )

    def agent(self, verb: str, **more: Any) -> dict[str, Any]:
        """Ask the agent beside it."""
        return session.here(state=self.state, python=self.python).ask(verb, root=str(self.root), **more)

    def recipe(self, changes: dict[str, str] | None = None) -> recipe.Recipe:
        """Return the recipe as a control machine reads it."""
        return recipe.load(self.recipe_file(changes))

    def recipe_file(self, changes: dict[str, str] | None = None) -> Path:
        """Write the recipe; it belongs to the control machine."""
        text = RECIPE.replace("@SETTLE@", str(self.settle)).replace("@RELEASE@", NEW)
        text = text.replace("@TIMEOUT@", str(self.timeout)).replace("@SILENCE@", str(self.silence))
        for old, new in (changes or {}).items():
            text = text.replace(old, new)
        path = self.root.parent / f"{self.root.name}.recipe.toml"
        path.write_text(text)
        return path

    def declared(self) -> str:
        """Return one digest over what an upgrade promises to restore, times of files included."""
        exact = "2.7" not in self.python  # Python 2 cannot set times to the nanosecond
        parts = [digest(self.root / one, times=exact) for one in ("opt", "etc/standin")]
        return "\n".join([*parts, self.dump()])

    def dump(self) -> str:
        done = subprocess.run(
            ["sqlite3", self.root / "var/lib/standin/data.db", ".dump"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def release(self) -> str:
        return (self.root / "opt/standin/htmlroot/runtime.ver").read_text().strip()

    def loaded(self, name: str = "web") -> str:
        """Return the release that a service loaded, or an empty text when it does not run."""
        if self.service(name, "status") != 0:
            return ""
        return (self.root / f"run/{name}.loaded").read_text().strip()

    def whole(self, before: str) -> str:
        """Return `old` or `new`; anything between the two fails."""
        maintenance = (self.root / "opt/maintenance").exists()
        assert not maintenance
        if self.release() == OLD:
            assert self.declared() == before
            assert (self.loaded(), self.loaded("engine")) == (OLD, OLD)
            return "old"
        assert self.release() == NEW
        assert "CREATE TABLE audit" in self.dump()
        assert "release 2.0" in (self.root / "opt/standin/htmlroot/index.html").read_text()
        assert "mode=2.0" in (self.root / "etc/standin/standin.conf").read_text()
        assert self.loaded() == NEW
        assert self.loaded("engine")
        return "new"

    def upgrades(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.ask("status")["upgrades"]
        return rows

    def until(self, *states: str, seconds: float = 60) -> dict[str, Any]:
        """Wait, without asking the host anything that would help it, until its newest upgrade is in a state."""
        deadline = time.monotonic() + seconds
        while True:
            rows = self.upgrades()
            if rows and rows[-1]["state"] in states:
                return rows[-1]
            assert time.monotonic() < deadline, rows
            time.sleep(0.05)

    def stop(self) -> None:
        """End everything that runs for this host."""
        for name in ("web", "engine"):
            self.service(name, "stop")


def job(path: Path, site: Site, changes: dict[str, str] | None = None) -> admission.AdmittedUpgrade:
    """Return the job for a signed bundle without auditing it again, which has tests of its own."""
    said = statement.parse(dsse.parse(signature_of(path).read_bytes()).payload)
    return admission.AdmittedUpgrade(
        bundle=str(path), sha256=said.sha256, size=said.size, unpacked=said.size, product=said.product,
        release=said.release, created=said.created.isoformat(timespec="seconds"),
        recipe=site.recipe(changes).body, stop=admission.stoppers(patterns.shipped()),
    )  # fmt: skip


def conductor(site: Site, path: Path, **more: Any) -> Orchestrator:
    """Return a control machine for one host and one bundle."""
    made = more.pop("job", None) or job(path, site)
    given = {
        "log": site.root.parent / f"{site.root.name}.log",
        "by": "tests",
        "install_agent": False,
        "poll": 5.0,
    }
    return Orchestrator(ask=site.ask, job=made, **{**given, **more})


def whole_run(site: Site, path: Path, **more: Any) -> dict[str, Any]:
    """Install and finish, as the role does."""
    control = conductor(site, path, **more)
    found = control.install()
    return control.finish(found["id"]) if found["state"] == "installed" else found


def runners(site: Site) -> list[int]:
    """Return the processes that hold the host's runner lock: the supervisor and its worker."""
    lock, found = str(site.root) + site.state + "/runner.lock", []
    for entry in Path("/proc").iterdir():
        try:
            held = [str(one.readlink()) for one in (entry / "fd").iterdir()] if entry.name.isdigit() else []
        except OSError:
            continue  # it ended while we looked
        if lock in held:
            found.append(int(entry.name))
    return sorted(set(found))


def begin(site: Site, path: Path, **more: Any) -> str:
    """Begin an upgrade as a control machine does that dies right after it; return the upgrade's name."""
    control = conductor(site, path, **more)
    answer = site.ask("begin", **control.request(control.look()), uploaded=str(path))
    assert not answer["failed"], answer
    return str(answer["id"])


def left(site: Site, seconds: float = 30) -> list[int]:
    """Return the host's processes that are still there once they had time to tidy up."""
    deadline = time.monotonic() + seconds
    while (found := runners(site)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
