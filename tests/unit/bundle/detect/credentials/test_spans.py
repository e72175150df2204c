"""Documentation inside of sources, and comments over several lines: no line of theirs says what it is."""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from hardening.findings import Confidence, InFile, Severity
from tests.support.bundle.detect.credentials.plant.members import member

MODULE = '''#!/usr/bin/python
# Copyright of somebody
"""Log in.

password = "Kv7pQ2wXz9L"
"""
DOCUMENTATION = r"""
options:
  password: Kv7pQ2wXz9L
"""
EXAMPLES = """
- login:
    password: "changeme"
"""


def create(db):
    """Create the account.

    password = "Kv7pQ2wXz9L"
    """
    db.execute("""
      CREATE USER app@localhost IDENTIFIED BY 'Harbour77x';
    """)
    db.execute(
        """
      CREATE USER web@localhost IDENTIFIED BY 'Kv7pQ2wXz9L';
    """
    )
    db_password = "Harbour77x"
'''
PERL = """my $password = "Kv7pQ2wXz9L";

=head1 SYNOPSIS

  my $dbh = DBI->connect("dbi:mysql:x", "root", "changeme");

=cut

my $dbh = DBI->connect("dbi:mysql:x", "root", "changeme");
"""
JAVA = """class A {
 /*
   DriverManager.getConnection("jdbc:mysql://h/d", "scott", "tiger");
   String password = "Kv7pQ2wXz9L";
 */
 String accept = "text/html,*/*";
 String password = "Kv7pQ2wXz9L";
}
"""
USERS = """<tomcat-users>
<!--
  <user username="tomcat" password="tomcat" roles="tomcat"/>
  <user username="both" password="Kv7pQ2wXz9L" roles="tomcat"/>
-->
  <user username="site" password="tomcat" roles="tomcat"/>
</tomcat-users>
"""
SIDECAR = """DOCUMENTATION:
  module: user
EXAMPLES: |
  - user:
      password: changeme

  - user:
      password: Kv7pQ2wXz9L
admin_password: Harbour77x
"""


def graded(credentials: Credentials, path: str, text: str) -> dict[int, tuple[Severity, Confidence]]:
    """Return severity and confidence of the finding on each line."""
    return {
        f.location.line: (f.rule.severity if f.severity is None else f.severity, f.confidence)
        for f in credentials.check(member(path, text), "b.zip")
        if isinstance(f.location, InFile) and f.location.line
    }


def test_what_a_python_module_explains_is_an_example_and_what_it_runs_is_not(
    credentials: Credentials,
) -> None:
    said = graded(credentials, "plugins/user.py", MODULE)
    assert {n for n, (severity, _) in said.items() if severity is Severity.INFO} == {5, 13, 20}
    assert {n for n, (severity, _) in said.items() if severity >= Severity.MEDIUM} == {23, 27, 30}


def test_pod_is_documentation(credentials: Credentials) -> None:
    said = graded(credentials, "x.pl", PERL)
    assert said == {
        1: (Severity.HIGH, Confidence.HIGH),
        5: (Severity.INFO, Confidence.LOW),
        9: (Severity.HIGH, Confidence.HIGH),
    }


def test_a_comment_over_several_lines_does_nothing(credentials: Credentials) -> None:
    said = graded(credentials, "x.java", JAVA)
    assert said[3] == (Severity.INFO, Confidence.LOW)
    assert said[4][1] is Confidence.MEDIUM
    assert said[7] == (Severity.HIGH, Confidence.HIGH)


@pytest.mark.parametrize(
    ("above", "confidence"),
    [
        ("", Confidence.MEDIUM),
        ("// or, where it is not hashed:\n", Confidence.LOW),
        ("// now hashed\n", Confidence.MEDIUM),
    ],
)
def test_what_was_in_use_is_more_than_an_example(
    credentials: Credentials, above: str, confidence: Confidence
) -> None:
    said = graded(credentials, "x.java", f'class A {{\n{above}// ds.setPassword("welcome1");\n}}\n')
    level = Severity.MEDIUM if confidence is Confidence.MEDIUM else Severity.INFO
    assert list(said.values()) == [(level, confidence)]


def test_a_comment_of_markup_does_nothing(credentials: Credentials) -> None:
    said = graded(credentials, "conf/tomcat-users.xml", USERS)
    assert said[3] == (Severity.INFO, Confidence.LOW)
    assert said[4][1] is Confidence.MEDIUM
    assert said[6] == (Severity.HIGH, Confidence.HIGH)


def test_the_examples_beside_a_module_are_examples(credentials: Credentials) -> None:
    said = graded(credentials, "plugins/user.yml", SIDECAR)
    assert said[5] == (Severity.INFO, Confidence.LOW)
    assert said[8] == (Severity.INFO, Confidence.MEDIUM)
    assert said[9][0] is Severity.HIGH


def test_an_example_in_a_comment_that_documents_is_an_example(credentials: Credentials) -> None:
    said = graded(
        credentials,
        "x.php",
        '<?php\n/**\n * Such as\n *   $password = "Kv7pQ2wXz9L";\n */\n/*\n $password = "Kv7pQ2wXz9L";\n*/\n',
    )
    assert said[4] == (Severity.INFO, Confidence.MEDIUM)
    assert said[7] == (Severity.MEDIUM, Confidence.MEDIUM)
