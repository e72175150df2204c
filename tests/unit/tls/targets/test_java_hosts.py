"""Which release and which Java run where a server.xml, a Jetty or a java.security lies, and XML that is hostile."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing.mains import AuditInput, Main
from hardening.tls.auditing.shared import Audited
from hardening.tls.rendering.render import render
from hardening.tls.targets import find
from hardening.tls.targets.jetty import target as jetty
from hardening.tls.targets.reading import xml_syntax
from hardening.tls.targets.reading.tree import Tree

SERVER = """<?xml version="1.0" encoding="UTF-8"?>
<Server port="8005">
  <Service name="Catalina">
    <Connector port="8443" SSLEnabled="true" {}
               sslEnabledProtocols="TLSv1.2" ciphers="TLS_RSA_WITH_AES_128_CBC_SHA" useServerCipherSuitesOrder="true" />
  </Service>
</Server>
"""


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _catalina(home: Path, number: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(home / "catalina.jar", "w") as jar:
        said = f"server.info=Apache Tomcat/{number}\nserver.number={number}.0\n"
        jar.writestr("org/apache/catalina/util/ServerInfo.properties", said)


def _audit(path: Path, *, target: str | None = None, version: str | None = None) -> Audited:
    asked = AuditInput(target=find(target) if target else None, version=version)
    return audits.audit([path], [policies.load("aspect")], asked)


def test_catalina_jar_and_setenv_say_which_tomcat_and_java_run(tmp_path: Path) -> None:
    home = tmp_path / "tomcat"
    _write(home / "conf/server.xml", SERVER.format('scheme="https"'))
    _catalina(home / "lib", "7.0.76")
    _write(home / "bin/setenv.sh", f'# Java\nJAVA_HOME="{tmp_path}/jdk"\n')
    _write(tmp_path / "jdk/release", 'JAVA_VERSION="1.8.0_302"\n')
    (subject,) = _audit(home).subjects
    assert subject.stats == {"release": "7.0.76", "openssl": "jdk-8u292"}
    assert subject.offer is not None
    notes = " ".join(subject.offer["assumptions"])
    assert "catalina.jar says so" in notes
    assert "setenv.sh names its home" in notes


def test_what_no_file_tells_is_asked_of_every_java(tmp_path: Path) -> None:
    home = tmp_path / "tomcat"
    _write(home / "conf/server.xml", SERVER.format("").replace("TLSv1.2", "TLSv1"))
    _catalina(home / "lib", "9.0.31")
    found = _audit(home)
    said = next(f for f in found.findings if f.evidence == "TLS_RSA_WITH_AES_128_CBC_SHA")
    assert "; depends on the Java: so with 2 of 5 (JDK 8u201, JDK 11.0.3)" in said.message
    (subject,) = found.subjects
    assert subject.offer is not None
    assert "asked were JDK 8u201, JDK 8u432, " in subject.offer["assumptions"][0]
    assert "--openssl BUILD" in said.remedy


def test_a_copied_host_tells_the_release_of_its_distribution(tmp_path: Path) -> None:
    _write(tmp_path / "etc/centos-release", "CentOS Linux release 7.9.2009 (Core)\n")
    _write(tmp_path / "etc/tomcat/server.xml", SERVER.format(""))
    _write(tmp_path / "etc/tomcat/tomcat.conf", 'JAVA_HOME="/usr/lib/jvm/jre"\n')
    _write(tmp_path / "usr/lib/jvm/jre/release", 'JAVA_VERSION="1.8.0_412"\n')
    (subject,) = _audit(tmp_path / "etc/tomcat").subjects
    assert subject.stats == {"release": "7.0.76-el7", "openssl": "jdk-8u312"}


def test_a_java_home_tells_its_own_version(tmp_path: Path) -> None:
    home = tmp_path / "jdk"
    path = _write(home / "jre/lib/security/java.security", "jdk.tls.disabledAlgorithms=SSLv3\n")
    _write(home / "release", 'JAVA_VERSION="1.8.0_181"\n')
    (subject,) = _audit(path).subjects
    assert subject.stats == {"release": "8.0.171", "openssl": "jdk-8u171"}


def test_the_crypto_policy_of_red_hat_comes_on_top(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "etc/java/java-11-openjdk/conf/security/java.security",
        "security.provider.1=SUN\nsecurity.useSystemPropertiesFile=true\njdk.tls.disabledAlgorithms=SSLv3\n",
    )
    system = "etc/crypto-policies/back-ends/java.config"
    (before,) = _audit(path, target="java_security", version="11.0.25").subjects
    assert before.offer is not None
    assert "TLSv1.0" in before.offer["protocols"]
    assert any("is not there" in note for note in before.offer["assumptions"])
    _write(
        tmp_path / system, "jdk.tls.disabledAlgorithms=SSLv3, TLSv1, TLSv1.1, DHE_DSS, 3DES_EDE_CBC, RC4\n"
    )
    (after,) = _audit(path, target="java_security", version="11.0.25").subjects
    assert after.offer is not None
    assert set(after.offer["protocols"]) == {"TLSv1.2", "TLSv1.3"}


def test_what_properties_stand_for_is_filled_in_or_said(tmp_path: Path) -> None:
    text = SERVER.format('scheme="${my.scheme}"').replace("TLSv1.2", "${my.protocols}")
    path = _write(tmp_path / "conf/server.xml", text.replace("TLS_RSA_WITH_AES_128_CBC_SHA", "${my.ciphers}"))
    _write(tmp_path / "conf/catalina.properties", "my.protocols=TLSv1.2\n")
    found = audits.audit(
        [path],
        [policies.load("aspect")],
        AuditInput(target=find("tomcat"), version="9.0.31", build="jdk-8u272"),
    )
    said = [(f.location.line, f.message) for f in found.findings if f.rule.id == "walk/config-conditional"]  # type: ignore[union-attr]  # every location here is in a file
    assert said == [(5, "ciphers is ${my.ciphers}, which the start of Java says")]
    (subject,) = found.subjects
    assert subject.examined.name == "PARTIAL"
    with_all = _write(
        tmp_path / "conf/catalina.properties",
        "my.protocols=TLSv1.2\nmy.ciphers=TLS_RSA_WITH_AES_128_CBC_SHA\n",
    )
    assert with_all.exists()
    found = audits.audit(
        [path],
        [policies.load("aspect")],
        AuditInput(target=find("tomcat"), version="9.0.31", build="jdk-8u272"),
    )
    assert "TLS_RSA_WITH_AES_128_CBC_SHA" in {f.evidence for f in found.findings}


def test_a_jetty_home_tells_its_release(tmp_path: Path) -> None:
    text = '<Configure id="sslContextFactory" class="org.eclipse.jetty.util.ssl.SslContextFactory$Server" />'
    _write(tmp_path / "etc/jetty-ssl-context.xml", text)
    _write(tmp_path / "lib/jetty-server-9.4.31.v20200723.jar", "")
    told = jetty.detect_release(Tree.on_disk(tmp_path), f"{tmp_path}/etc/jetty-ssl-context.xml")
    assert told.version == "9.4.31"


def test_an_entity_outside_the_file_is_said_and_never_followed(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    secret = _write(tmp_path / "secret.txt", "never to be shown")
    text = f'<!DOCTYPE Server [\n<!ENTITY x SYSTEM "{secret.as_uri()}">\n]>\n<Server>&x;\n{SERVER.partition("<Server port")[2]}'
    path = _write(tmp_path / "server.xml", text.replace('="8005">', "<Server>", 1).format(""))
    run(["tls", "audit", str(path), "--target", "tomcat@9.0.31", "--format", "json"])
    out = capfdbinary.readouterr().out
    assert b"never to be shown" not in out
    findings = [f for f in json.loads(out)["findings"] if f["rule"] == "walk/config-unreadable"]
    assert [f["location"]["line"] for f in findings] == [2]


def test_entities_that_grow_without_end_are_refused_with_their_line() -> None:
    bombs = "".join(f'<!ENTITY b{n + 1} "{f"&b{n};" * 10}">\n' for n in range(12))
    text = f'<!DOCTYPE Server [\n<!ENTITY b0 "{"x" * 100}">\n{bombs}]>\n<Server>&b12;</Server>'
    tree = Tree.of_text(text, "server.xml")
    xml_syntax.read(tree, "server.xml")
    assert [p.kind for p in tree.problems] == ["syntax"]
    assert tree.problems[0].line


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("<Server>\n<Service>\n<Connector port='1'>\n", "unclosed", 3),
        ("<Server>\n<Service>\n</Server>\n", "unclosed", 2),
        ("<Server>\n<Connector port=8443 />\n</Server>\n", "syntax", 2),
        ("Listen 443\n", "syntax", 1),
        ("<Server>\n" + "<a>\n" * 300, "syntax", 257),
    ],
)
def test_xml_a_server_would_refuse_is_said_with_its_line(text: str, kind: str, line: int) -> None:
    tree = Tree.of_text(text, "/etc/tomcat/server.xml")
    xml_syntax.read(tree, "/etc/tomcat/server.xml")
    assert (kind, line) in {(p.kind, p.line) for p in tree.problems}


def test_a_name_a_release_lacks_is_said() -> None:
    text = '<Connector port="8443" SSLEnabled="true">\n<SSLHostConfig cipherSuites="TLS_AES_128_GCM_SHA256"\ngroups="x25519" /></Connector>'
    tree = Tree.of_text(text, "server.xml")
    target = find("tomcat")
    asked = AuditInput(target=target, version="8.5.100", build="jdk-8u432")
    found = audits.audit_tree(tree, Main(target, "server.xml"), [policies.load("aspect")], asked)
    said = {(f.location.line, f.message) for f in found.findings if f.rule.id == "tls/unknown-directive"}  # type: ignore[union-attr]  # every location here is in a file
    assert said == {(2, "tomcat 8.5.100 has no cipherSuites"), (3, "tomcat 8.5.100 has no groups")}


def test_jetty_refuses_an_openssl_build(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "render", "jetty", "--openssl", "3.5.9-debian13"]) == 2
    assert "Java's own TLS" in capfd.readouterr().err


def test_a_jdk_is_refused_where_openssl_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "render", "nginx", "--openssl", "jdk-8u292"]) == 2
    path = _write(tmp_path / "nginx.conf", "server { listen 443 ssl; }\n")
    assert run(["tls", "audit", str(path), "--target", "nginx", "--openssl", "jdk-8u292"]) == 2
    assert capfd.readouterr().err.count("the server uses OpenSSL") == 2


@pytest.mark.parametrize("version", ["8u292", "1.8.0_292", "8.0.292"])
def test_a_jdk_is_named_as_people_do(version: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "render", f"java_security@{version}"]) == 0
    assert "JDK build: jdk-8u292" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("target", "version", "name"),
    [("tomcat", "9.0.62-el8", "server.xml"), ("jetty", "9.4.57-debian13", "jetty-ssl-context.xml")],
)
def test_what_is_rendered_for_no_java_in_particular_is_clean_on_every_java(
    tmp_path: Path, target: str, version: str, name: str
) -> None:
    made = render(find(target), policies.load("aspect"), version=version)
    assert "_DHE_" not in made.text
    bare = "\n".join(line for line in made.text.splitlines() if "build:" not in line)
    found = _audit(_write(tmp_path / name, bare), target=target, version=version)
    assert len({s.policies["aspect"] for s in found.subjects}) == 1
    assert found.subjects[0].policies == {"aspect": "pass"}


DHE = SERVER.format('scheme="https"').replace(
    "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"
)


def _dh_bits(path: Path) -> list[str]:
    return [f.evidence for f in _audit(path, version="9.0.62-el8").findings if f.rule.id == "tls/dh-bits"]


def test_dhe_rendered_for_a_named_java_stays_and_passes_on_it(tmp_path: Path) -> None:
    aspect = policies.load("aspect")
    made = render(find("tomcat"), aspect, version="9.0.62-el8", build="jdk-11.0.25")
    assert "_DHE_" in made.text
    path = _write(tmp_path / "server.xml", made.text)
    asked = AuditInput(target=find("tomcat"), version="9.0.62-el8", build="jdk-11.0.25")
    assert audits.audit([path], [aspect], asked).subjects[0].policies == {"aspect": "pass"}


def test_small_dh_parameters_of_an_unknown_java_name_what_to_give(tmp_path: Path) -> None:
    found = _audit(_write(tmp_path / "conf/server.xml", DHE), version="9.0.62-el8")
    (small,) = [f for f in found.findings if f.rule.id == "tls/dh-bits"]
    assert "-Djdk.tls.ephemeralDHKeySize=2048" in small.remedy
    assert "--openssl BUILD" in small.remedy
    assert found.subjects[0].policies == {"aspect": "unknown"}


@pytest.mark.parametrize(
    ("where", "line", "small"),
    [
        ("bin/setenv.sh", 'CATALINA_OPTS="$CATALINA_OPTS -Djdk.tls.ephemeralDHKeySize=2048"', []),
        ("bin/setenv.sh", '# CATALINA_OPTS="-Djdk.tls.ephemeralDHKeySize=2048"', ["1024"]),
        ("bin/setenv.sh", "JAVA_OPTS=-Djdk.tls.ephemeralDHKeySize=matched", []),
        ("bin/setenv.sh", "JAVA_OPTS=-Djdk.tls.ephemeralDHKeySize=many", ["1024"]),
        ("bin/setenv.sh", "JAVA_OPTS=-Djdk.tls.ephemeralDHKeySize=1024", ["1024"]),
        ("conf/catalina.properties", "jdk.tls.ephemeralDHKeySize=2048", []),
    ],
)
def test_the_start_of_a_tomcat_says_the_size_of_dh_parameters(
    tmp_path: Path, where: str, line: str, small: list[str]
) -> None:
    path = _write(tmp_path / "conf/server.xml", DHE)
    _write(tmp_path / where, line + "\n")
    assert _dh_bits(path) == small


def test_the_start_of_a_jetty_says_the_size_of_dh_parameters(tmp_path: Path) -> None:
    made = render(find("jetty"), policies.load("aspect"), version="9.2.26", build="jdk-11.0.25")
    bare = "\n".join(line for line in made.text.splitlines() if "build:" not in line)
    path = _write(tmp_path / "etc/jetty-ssl.xml", bare)
    assert [f for f in _audit(path, target="jetty", version="9.2.26").findings if f.rule.id == "tls/dh-bits"]
    _write(tmp_path / "start.ini", "--exec\n-Djdk.tls.ephemeralDHKeySize=2048\n")
    found = _audit(path, target="jetty", version="9.2.26")
    assert not [f for f in found.findings if f.rule.id == "tls/dh-bits"]
