"""Python compiled by every version that is here: where it holds passwords, and where it does not."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bundle.detect.credentials import Credentials
from bundle.walk import Member, walk
from hardening.findings import Confidence
from tests.support.bundle.detect.credentials.plant.members import made
from tests.support.bundle.walk import pythons
from tests.support.bundle.walk.pythons import Version

HOLDS = {
    "a constant of a module": "DB_PASSWORD = '{secret}'",
    "a constant in bytes": "DB_PASSWORD = b'{secret}'",
    "a constant of a class": "class Feed(object):\n    api_secret = '{secret}'",
    "a local variable": "def feed():\n    password = '{secret}'\n    return connect(password)",
    "an attribute": "class Feed(object):\n    def __init__(self):\n        self.db_password = '{secret}'",
    "a global variable": "def feed():\n    global ADMIN_PASSWORD\n    ADMIN_PASSWORD = '{secret}'",
    "a variable that is shared": "def feed():\n    password = '{secret}'\n    def inner():\n        return password\n    return inner",
    "one of several": "user, password = 'feed', '{secret}'",
    "a value under a key": "def feed(to):\n    to['password'] = '{secret}'",
    "a dictionary of one": "FEED = {'password': '{secret}'}",
    "a dictionary of several": "FEED = {'user': 'feed', 'password': '{secret}', 'port': 5}",
    "a dictionary with variables": "def feed(user):\n    return {'user': user, 'password': '{secret}'}",
    "a dictionary in another": "DATABASES = {'default': {'USER': 'feed', 'PASSWORD': '{secret}'}}",
    "a list of passwords": "PASSWORDS = ['{secret}', 'other']",
    "a keyword argument": "def feed(to):\n    to.connect(host='db', user='feed', password='{secret}')",
    "a keyword argument of who knows what": "def feed(to):\n    to()(user='feed', password='{secret}')",
    "a keyword argument beside others that are unpacked": "def feed(more):\n    connect('db', 'feed', password='{secret}', **more)",
    "a default": "def feed(user, password='{secret}'):\n    return user",
    "positional arguments": "def feed():\n    return MySQLdb.connect('db.local', 'feed', '{secret}')",
    "a login": "def feed(to):\n    to.login('feed', '{secret}')",
    "a login in a list": "def feed(many):\n    return [one.login('feed', '{secret}') for one in many]",
    "a login in a lambda": "FEED = lambda to: to.login('feed', '{secret}')",
    "a pair": "def feed(url):\n    return requests.get(url, auth=('feed', '{secret}'))",
    "an object of a pair": "def feed(url):\n    return requests.get(url, auth=HTTPBasicAuth('feed', '{secret}'))",
    "a comparison": "def feed(password):\n    if password == '{secret}':\n        return True",
    "a comparison the other way": "def feed(password):\n    return '{secret}' != password",
    "a comparison of a field": "def feed(request):\n    return request.form['password'] == '{secret}'",
    "a comparison of what is asked for": "def feed(given):\n    return given.get('password') == '{secret}'",
    "what nobody set": "import os\ndb_password = os.environ.get('DB_PASSWORD') or '{secret}'",
    "what no environment has": "import os\ndb_password = os.environ.get('DB_PASSWORD', '{secret}')",
    "one of two": "def feed(given):\n    password = '{secret}' if given else given.other\n    return password",
    "the other of two": "def feed(given):\n    password = given if given else '{secret}'\n    return password",
    "in a statement within others": "def feed(many):\n    for one in many:\n        with one as it:\n            try:\n                password = '{secret}'\n            except ValueError:\n                raise",
    "behind many others": "\n".join(f"v{n} = 'x{n}'" for n in range(300)) + "\nDB_PASSWORD = '{secret}'",
    "an address": "URL = 'postgresql://feed:{secret}@db/x'",
}  # fmt: skip
TYPED = {
    "a keyword's default": "def feed(user: str, *, password: str = '{secret}') -> str:\n    return user",
    "a variable with a type": "password: str = '{secret}'",
}
DECOYS = '''"""The password of the module is none: password = hunter.

    db_password = "Marble44gate"
"""
EXAMPLES = """
- feed:
    password: Marble44gate
"""
class Fed(object):
    """What is fed.

    db_password = "Marble44gate"
    """
PASSWORD_KEY = "password"
PASSWORD_SETTING = "db.password.default"
PASSWORD_FIELD = "user_password"
PROMPT = "Password: "
MESSAGE = "The password must not be empty"
def feed(password=None, token="", secret="secret"):
    """Say what password = hunter does.

    {"access_token": "2XotnGZFEks1zCsicNWpAB", "password": "Marble44gate"}
    curl -u feeder:Marble44gate http://feed/
    """
    log("Wrong password for %s" % password)
    getpass.getpass("Enter your password: ")
    parser.add_argument("--password", dest="password", help="the password to log in with", metavar="PASSWORD")
    d = {"password": password, "type": "password", "help_text": "Your password"}
    d["password_file"] = "/etc/feed/password"
    d["token_type"] = "bearer"
    if password == "":
        raise ValueError("password is empty")
    if token == "token":
        return config.get("auth", "password")
    log.info("login", user=None, password="***")
    return d, connect(host="localhost", password=None)
'''


def _found(credentials: Credentials, path: Path) -> Iterator[str]:
    for event in walk(str(path)):
        if isinstance(event, Member):
            for finding in credentials.check(event, str(path)):
                if finding.confidence >= Confidence.MEDIUM:
                    yield finding.evidence


def _said(
    credentials: Credentials, version: Version, sources: Mapping[str, str], folder: Path
) -> dict[str, list[str]]:
    said = {}
    for number, (title, data) in enumerate(pythons.compiled(version, sources, folder).items()):
        (folder / f"p{number}.pyc").write_bytes(data)
        said[title] = list(_found(credentials, folder / f"p{number}.pyc"))
    return said


@pytest.mark.parametrize("version", pythons.READ, ids=pythons.name)
def test_what_a_program_holds_is_found_when_it_is_compiled(
    version: Version, credentials: Credentials, tmp_path: Path
) -> None:
    pick = random.Random(5)
    holds = HOLDS | TYPED if version >= (3,) else HOLDS
    sources = {title: source.replace("{secret}", made(pick)) + "\n" for title, source in holds.items()}
    said = _said(credentials, version, sources, tmp_path)
    assert [title for title, found in said.items() if len(found) != 1] == []


@pytest.mark.parametrize("version", pythons.READ, ids=pythons.name)
def test_what_is_no_password_is_none_when_it_is_compiled(
    version: Version, credentials: Credentials, tmp_path: Path
) -> None:
    assert _said(credentials, version, {"none": DECOYS}, tmp_path) == {"none": []}
