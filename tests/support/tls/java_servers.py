"""Servers that run in a JVM: Java's own TLS, Tomcat and Jetty of the distribution; `tests.support.tls.servers` takes them in."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from cryptography.x509 import load_pem_x509_certificates

from hardening.tls.libraries import jsse

if TYPE_CHECKING:
    from tests.support.tls.servers import Pair, Server

JAVA = Path(__file__).parent / "java"
PASSWORD = secrets.token_hex(12)
"""Of the key stores the tests make; new in every process."""


@cache
def java() -> Path | None:
    """Return the home of the Java on the PATH, or None."""
    found = shutil.which("java")
    return Path(found).resolve().parents[1] if found else None


def homes() -> list[Path]:
    """Return the home of every JDK that is installed and has a compiler."""
    places = sorted({p.resolve() for p in Path("/usr/lib/jvm").glob("*") if (p / "bin/javac").exists()})
    return [p for p in places if (p / "release").exists()]


def version(home: Path) -> str:
    """Return what a Java home says of itself, such as `21.0.10`."""
    found = re.search(r'^JAVA_VERSION="([^"]+)"', (home / "release").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def known(home: Path) -> str:
    """Return the name of the JDK in our data that stands for an installed one."""
    one = jsse.like(version(home))
    assert one is not None, f"nothing is known of JDK {version(home)}"
    return one.name


def jdk_release() -> str | None:
    """Return the release of java_security that stands for the Java on the PATH."""
    home = java()
    return None if home is None else ".".join(map(str, jsse.jdk(known(home)).numbers))


def store(folder: Path, pair: Pair) -> Path:
    """Write a PKCS12 key store with the certificate and its key."""
    chain = load_pem_x509_certificates(pair.certificate.read_bytes())
    key = load_pem_private_key(pair.key.read_bytes(), None)
    made = folder / "keys.p12"
    lock = BestAvailableEncryption(PASSWORD.encode())
    made.write_bytes(pkcs12.serialize_key_and_certificates(b"server", key, chain[0], chain[1:], lock))  # type: ignore[arg-type]  # an RSA or EC key, both of which it takes
    (folder / "password").write_text(PASSWORD)
    return made


def _options(rendered: str, folder: Path, port: int, pair: Pair) -> str:
    """Write the script that starts the server with the options that were rendered."""
    keys = store(folder, pair)
    (folder / "run.sh").write_text(
        f"exec java -Xshare:auto @{folder}/harden.options {JAVA}/JsseServer.java {port} {keys} {folder}/password\n"
    )
    return rendered


def _jsse(rendered: str, folder: Path, port: int, pair: Pair) -> str:
    keys = store(folder, pair)
    (folder / "run.sh").write_text(
        f"exec java -Xshare:auto -Djava.security.properties={folder}/java.security "
        f"{JAVA}/JsseServer.java {port} {keys} {folder}/password\n"
    )
    return rendered


TOMCAT = Path("/usr/share/tomcat10")


def java_build() -> str | None:
    """Return the build that stands for the Java on the PATH."""
    home = java()
    return None if home is None else known(home)


def _tomcat(rendered: str, folder: Path, _port: int, _pair: Pair) -> str:
    for name in ("logs", "temp", "webapps", "work"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "conf/run.sh").write_text(
        f"export CATALINA_BASE={folder} CATALINA_HOME={TOMCAT} JAVA_HOME={java()}\n"
        f'export JAVA_OPTS="-Djava.library.path=/usr/lib/{os.uname().machine}-linux-gnu"\n'
        f"exec {TOMCAT}/bin/catalina.sh $1\n"
    )
    return (
        f'<?xml version="1.0"?>\n<Server port="-1">\n<Listener className="{_LIFECYCLE}" SSLEngine="on" />\n'
        f'<Service name="Catalina">\n{rendered}<Engine name="Catalina" defaultHost="localhost">\n'
        f'<Host name="localhost" appBase="webapps" autoDeploy="false" />\n</Engine>\n</Service>\n</Server>\n'
    )


_LIFECYCLE = "org.apache.catalina.core.AprLifecycleListener"


def tomcat(folder: Path) -> list[str]:
    """Return what runs a Tomcat whose server.xml lies in this folder."""
    return ["sh", str(folder / "run.sh"), "run"]


def tomcat9(folder: Path, _main: Path) -> list[str]:
    """Return what runs a Tomcat 9 of the distribution's jars, which takes Tomcat Native 1.3 as 10.1.60 does not."""
    jars = ":".join(
        str(p) for p in sorted(Path("/usr/share/java").glob("tomcat9-*.jar")) if "-9." not in p.name
    )
    home = folder.parent
    native = f"-Djava.library.path=/usr/lib/{os.uname().machine}-linux-gnu"
    places = [f"-Dcatalina.home={home}", f"-Dcatalina.base={home}", "-cp", jars]
    return ["java", native, *places, "org.apache.catalina.startup.Bootstrap", "start"]


JETTY = Path("/usr/share/jetty12")


def _jetty(rendered: str, folder: Path, port: int, pair: Pair) -> str:
    keys = store(folder, pair)
    (folder / "start.d").mkdir(exist_ok=True)
    said = (
        f"jetty.base={folder}\njetty.ssl.host=127.0.0.1\njetty.ssl.port={port}\njetty.sslContext.keyStorePath={keys}\n"
        f"jetty.sslContext.keyStorePassword={PASSWORD}\n"
    )
    for name in ("start.d/harden.ini", "harden.properties"):  # one to be audited, one to be started with
        (folder / name).write_text(said)
        (folder / name).chmod(0o600)
    return rendered


_JARS = (*(f"jetty12-{name}" for name in ("server", "http", "io", "util", "xml", "slf4j-impl")), "slf4j-api")


def _jetty_command(folder: Path, _main: Path) -> list[str]:
    """What Jetty's start.jar runs for `--module=https`; Debian's own names no version of a library it asks for."""
    etc = JETTY / "etc"
    own = ("bytebufferpool", "threadpool", "", "ssl", "ssl-context")
    files = [etc / f"jetty-{name}.xml" if name else etc / "jetty.xml" for name in own]
    files += [folder / "tweak-ssl.xml", etc / "jetty-https.xml"]
    jars = ":".join(f"/usr/share/java/{name}.jar" for name in _JARS)
    start = "org.eclipse.jetty.xml.XmlConfiguration"
    return ["java", "-cp", jars, start, str(folder.parent / "harden.properties"), *map(str, files)]


def _web(port: int, pair: Pair) -> dict[str, str]:
    return {"listen": f"127.0.0.1:{port}", "certificate": str(pair.certificate), "key": str(pair.key)}


def made() -> dict[str, Server]:
    """Return the servers that run in a JVM."""
    from tests.support.tls.servers import Server

    return {
        "java_security": Server(
            program="javac",
            whole=_jsse,
            command=lambda folder, _main: ["sh", str(folder / "run.sh")],
            main="java.security",
            release=jdk_release,
        ),
        "java_options": Server(
            target="java_security",
            program="javac",
            whole=_options,
            command=lambda folder, _main: ["sh", str(folder / "run.sh")],
            main="harden.options",
            params=lambda _port, _pair: {"options": "yes"},
            release=jdk_release,
        ),
        "jetty": Server(
            program=str(JETTY / "bin/jetty.sh"),
            whole=_jetty,
            command=_jetty_command,
            main="etc/tweak-ssl.xml",
            library=java_build,
        ),
        "tomcat": Server(
            program=str(TOMCAT / "bin/catalina.sh"),
            whole=_tomcat,
            command=lambda folder, _main: tomcat(folder),
            check=lambda folder, _main: ["sh", str(folder / "run.sh"), "configtest"],
            main="conf/server.xml",
            params=_web,
            library=java_build,
        ),
    }
