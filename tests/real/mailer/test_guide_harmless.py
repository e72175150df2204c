"""No command that this program prints can lose a setting of the customer.

PowerShell names a command Verb-Noun, and Azure CLI ends one with its verb. A verb that is not known here as
harmless counts as a setter, so a new command has to be judged before it can be printed.
"""

from __future__ import annotations

import itertools
import re
import sys
import tomllib
from datetime import date
from html import unescape
from pathlib import Path

import pytest

from hardening.mailer.clouds import clouds
from hardening.mailer.guide import guide
from hardening.mailer.guide_text import FORMS, guide_document
from hardening.mailer.settings import load
from tests.support.mailer.fixtures import Site

HARMLESS = {"Get", "Test", "Connect", "Install", "New", "Add", "Read", "Write", "Select", "Where", "ForEach", "Format",
            "Export", "Import", "Join"}  # fmt: skip
"""Verbs of PowerShell that read, print, or add a new object beside the others."""
RESTRICTING = {"New-ApplicationAccessPolicy"}
"""Adds an object, and takes access away from what it does not name."""
CMDLET = re.compile(r"(?<![\w./'-])([A-Z][A-Za-z]+)-([A-Z][A-Za-z]+)(?![\w']|: )")
AZ = re.compile(r"\baz ((?:[a-z][a-z-]+ )+)")
AZ_HARMLESS = {"show", "list", "login", "create", "add", "admin-consent"}
PACKAGE = Path(sys.modules["hardening.mailer"].__path__[0])
ROOT = Path(__file__).parents[3]


def setters(text: str) -> list[str]:
    """Return the commands of a text that overwrite or remove something."""
    found = [f"{verb}-{noun}" for verb, noun in CMDLET.findall(text)
             if verb in POWERSHELL and (verb not in HARMLESS or f"{verb}-{noun}" in RESTRICTING)]  # fmt: skip
    for line in text.splitlines():
        for command in AZ.findall(line):
            verb = command.split()[-1]
            appended = command.startswith("ad app credential reset") and "--append" in line
            if verb not in AZ_HARMLESS and not appended:
                found.append("az " + command.strip())
    return found


POWERSHELL = HARMLESS | {"Set", "Remove", "Disable", "Enable", "Clear", "Update", "Reset", "Start", "Stop", "Revoke", "Grant",
                         "Move", "Rename", "Restore", "Undo", "Unregister", "Uninstall", "Invoke", "Disconnect", "Out"}  # fmt: skip
"""Approved verbs: other words with a hyphen are prose."""


def variants(site: Site) -> list[str]:
    """Return every script that the guide can print."""
    from hardening.mailer.settings import MailerSettings

    rooms = {"mailboxes": ["rooms@example.com"]}
    made = []
    transports = [
        list(some) for n in (1, 2, 3) for some in itertools.combinations(("graph", "smtp", "ews"), n)
    ]
    for names, permission, calendars in itertools.product(
        transports, ("auto", "rbac", "entra"), (None, {**rooms, "via": "graph"}, {**rooms, "via": "ews"})
    ):
        more = {} if calendars is None else {"calendars": calendars}
        for cloud in clouds() if permission == "auto" else ("public",):
            site.write(transports=names, permission=permission, cloud=cloud, **more)
            settings: MailerSettings = load(site.config)
            for release_notes, form in itertools.product((False, True), FORMS):
                made.append(
                    unescape(
                        guide_document(guide(settings, date(2026, 12, 1), release_notes=release_notes), form)
                    )
                )
    return made


def blocks(text: str) -> list[list[str]]:
    """Return the script blocks of a guide, each as its lines."""
    found: list[list[str]] = []
    inside = False
    for line in (one.strip().removeprefix("<pre>") for one in text.splitlines()):
        if line == "& {":
            inside = True
            found.append([])
        if inside:
            found[-1].append(line)
            inside = line != "}"
    return found


def first(lines: list[str], pattern: str, start: int = 0) -> int:
    return next((n for n, line in enumerate(lines[start:], start) if re.search(pattern, line)), -1)


def unsafe(text: str) -> list[str]:
    """Return the setters of a printed guide that are not read, saved, compared and confirmed."""
    wrong = []
    outside = text
    for lines in blocks(text):
        for line in lines:
            outside = outside.replace(line, "", 1)
        changing = [n for n, line in enumerate(lines) if setters(line)]
        for at in changing:
            noun = setters(lines[at])[0].partition("-")[2]
            reading = rf"= Get-{noun}\b.*" + (
                "-RetrieveEwsOperationAccessPolicy" if noun == "OrganizationConfig" else ""
            )
            read, checked = first(lines, reading), first(lines, r"^if \(-not \$before.*throw ")
            saved, again = (
                first(lines, r"\$before \| Select-Object .*Export-Clixml .*-NoClobber"),
                first(lines, reading, at),
            )
            compared = first(lines, r"^if \(-not \(\$after.*throw ", at)
            stops = lines[1] == "$ErrorActionPreference = 'Stop'"
            if not (stops and 0 < read < checked < saved < at < again < compared):
                wrong.append(lines[at])
    for line in outside.splitlines():
        going_back = "Import-Clixml" in line
        clouded = line.strip().startswith("az cloud set ") and "az cloud show" in text[: text.index(line)]
        noted = "go back with az cloud set" in line and "az cloud show" in line
        if setters(line) and not (going_back or clouded or noted):
            wrong.append(line)
    return wrong


def test_every_setter_of_every_guide_is_read_saved_and_read_back(site: Site) -> None:
    scripts = variants(site)
    assert len(scripts) > 500
    assert {line for text in scripts for line in unsafe(text)} == set()
    assert any("EwsAllowedAppIDs" in text for text in scripts)


@pytest.mark.parametrize(
    "line",
    ["Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs ($allowed -join ',')", "Remove-ManagementRoleAssignment X",
     "Set-TransportConfig -SmtpClientAuthenticationDisabled $false", "New-ApplicationAccessPolicy -AppId X -AccessRight RestrictAccess",
     "az ad app update --id X --required-resource-accesses @f.json", "az ad app credential reset --id X",
     "az ad app permission delete --id X", "Disable-Mailbox X"],
)  # fmt: skip
def test_a_bare_setter_is_found(line: str) -> None:
    assert unsafe("x\n" + line + "\n") == [line]


def test_a_block_without_one_of_its_parts_is_found(site: Site) -> None:
    site.write(transports=["ews"])
    text = guide_document(guide(load(site.config), date(2026, 12, 1)), "script")
    assert unsafe(text) == []
    for part in (
        "-RetrieveEwsOperationAccessPolicy",
        "Export-Clixml",
        "if (-not $before",
        "if (-not ($after",
        "$ErrorActionPreference = 'Stop'",
    ):
        without = "\n".join(line for line in text.splitlines() if part not in line)
        assert unsafe(without) != [], part


def test_the_list_is_split_extended_and_an_empty_one_is_confirmed(site: Site) -> None:
    site.write(transports=["ews"])
    (lines,) = blocks(guide_document(guide(load(site.config), date(2026, 12, 1)), "script"))
    text = "\n".join(lines)
    assert "-split ','" in text
    assert text.index("Read-Host") < text.index("Set-OrganizationConfig -EwsEnabled")
    assert "'EMPTY'" in text
    assert f"+ '{site.app.client_id}'" in text
    assert "$now -notcontains $_" in text


def unbalanced(lines: list[str]) -> list[str]:
    """Return the brackets that are open at the end; text in quotes does not count, except for $( ) in double ones."""
    closing, open_ones = {")": "(", "}": "{", "]": "["}, []
    for line in lines:
        for char in re.sub(r"'[^']*'|\"[^\"]*\"", "", line):
            if char in closing.values():
                open_ones.append(char)
            elif char in closing and (not open_ones or open_ones.pop() != closing[char]):
                return [line]
    return open_ones


@pytest.mark.parametrize("transport", ["smtp", "ews"])
def test_the_brackets_of_a_block_are_balanced(site: Site, transport: str) -> None:
    site.write(transports=[transport])
    (lines,) = blocks(guide_document(guide(load(site.config), date(2026, 12, 1)), "script"))
    assert unbalanced(lines) == []
    assert unbalanced(lines[:-1]) == ["{"]


def test_no_remedy_and_no_page_holds_a_bare_setter() -> None:
    """Remedies are one line each and cannot read back: they name the guide's block or the portal."""
    table = tomllib.loads((PACKAGE / "data" / "answers.toml").read_text())
    said = [row["remedy"] for rows in table.values() for row in rows]
    said += [
        line
        for path in PACKAGE.glob("*.py")
        if path.name != "guide.py"
        for line in path.read_text().splitlines()
    ]
    said += (ROOT / "docs" / "mailer.md").read_text().splitlines()
    said += (ROOT / "README.md").read_text().splitlines()
    bare = [line for line in said if setters(line)]
    # the one removal that is wanted: `rotate --retire` lists the credentials first
    assert [line.strip() for line in bare] == [
        'f" az ad app credential delete --id {client}{cert} --key-id OLD"'
    ]


def test_the_release_notes_guide_names_the_transport_that_the_doctor_examines(site: Site) -> None:
    made = guide(load(site.config), date(2026, 12, 1), release_notes=True)
    assert "transports = ['ews']" in made.steps[-1].clicks[0]
    site.write(transports=["ews"])
    own = guide(load(site.config), date(2026, 12, 1), release_notes=True)
    assert "transports" not in own.steps[-1].clicks[0]
    assert "harden mailer doctor" in own.steps[-1].clicks[0]
