"""The set-up for one configuration as numbered steps: least privilege first, as of today.

The writers are templates (templates/mailer/guide.*.j2); this module decides what has to be done.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from urllib.parse import quote

from hardening.mailer.secret import masked
from hardening.mailer.service_facts import ground
from hardening.mailer.settings import MailerSettings, Permission, Transport
from hardening.mailer.showing import ADDRESS, DOMAIN, GUID, SERVER_VERSION, shown

SCOPE = "ASPECT alarm mailbox"
_WHO_IN_EXCHANGE = (
    "Who may: Exchange Administrator (role group Organization Management) or Global Administrator."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideStep:
    """One thing to do: in the portal (`clicks`), in a shell (`az`) or in Exchange PowerShell (`exchange`)."""

    title: str
    why: str = ""
    clicks: tuple[str, ...] = ()
    az: tuple[str, ...] = ()
    exchange: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """The whole recipe."""

    title: str
    today: date
    warnings: tuple[str, ...]
    steps: tuple[GuideStep, ...]
    consent: str
    settings: MailerSettings


def guide(settings: MailerSettings, today: date, *, release_notes: bool = False) -> Guide:
    """Return the recipe for these settings; `release_notes` is the product's own path (EWS)."""
    settings = _printable(settings)
    transports = (Transport.EWS,) if release_notes else settings.transports
    steps = [_register(settings), _secret(settings)]
    if Transport.GRAPH in transports:
        steps += _graph(settings)
    if Transport.SMTP in transports:
        steps += _smtp(settings, scoped=Transport.GRAPH in transports)
    over_ews = Transport.EWS in transports or (
        settings.calendars != () and settings.calendars_via is Transport.EWS
    )
    if over_ews:
        steps += _ews(settings, release_notes=release_notes)
    if settings.calendars:
        steps.append(_calendars(settings))
    if over_ews or _needs_consent(settings, transports):
        steps.append(_consent(settings, transports))
    if Transport.EWS in transports:
        steps.append(_product(settings))
    own_way = (
        ()
        if transports == settings.transports
        else (
            f"In {settings.source}: transports = ['ews']   # what the product itself uses; the doctor examines what this key names",
        )
    )
    steps.append(
        GuideStep(
            title="Prove it",
            clicks=(
                *own_way,
                f"harden mailer doctor --config {settings.source} --dry-run",
                f"harden mailer doctor --config {settings.source} --send",
            ),
            notes=(
                "Permissions take a while to spread: half an hour to two hours are usual, allow-list changes up to 24 hours.",
            ),
        )
    )
    _connect(settings, steps)
    return Guide(
        title=f"OAuth2 mail for {settings.mailbox.strip()} ({settings.cloud.title})",
        today=today,
        warnings=tuple(_warnings(settings, today, over_ews=over_ews)),
        steps=tuple(steps),
        consent=consent_link(settings),
        settings=settings,
    )


def _printable(settings: MailerSettings) -> MailerSettings:
    """Return the settings with a word in capitals for each value that is missing or wrong: a command needs something there."""

    def known(value: str, form: re.Pattern[str], word: str) -> str:
        good = form.match(value.strip()) and masked(value) == value
        return value.strip() if good else word

    tenant = known(settings.tenant, GUID, "") or known(settings.tenant, DOMAIN, "TENANT")
    return replace(
        settings,
        tenant=tenant,
        client_id=known(settings.client_id, GUID, "CLIENT-ID"),
        mailbox=known(settings.mailbox, ADDRESS, "MAILBOX"),
        service_principal=known(settings.service_principal, GUID, ""),
        server_version=known(settings.server_version, SERVER_VERSION, "EXCHANGE_2016"),
        calendars=tuple(known(one, ADDRESS, "CALENDAR") for one in settings.calendars),
    )


def _file(path: Path | None, word: str) -> str:
    """Return a file's path, or a word in capitals where the value may be a secret."""
    return str(path) if path is not None and shown(path) == str(path) else word


def _connect(settings: MailerSettings, steps: list[GuideStep]) -> None:
    """Let the first step in Exchange sign in there, and ask for the object id that nobody has said yet."""
    first = next((n for n, step in enumerate(steps) if step.exchange), None)
    if first is None:
        return
    opening = [
        "Install-Module ExchangeOnlineManagement -Scope CurrentUser   # once",
        f"Connect-ExchangeOnline -ExchangeEnvironmentName {settings.cloud.exchange}",
    ]
    if any("$principal" in line for step in steps for line in step.exchange):
        prompt = "Read-Host 'Object ID of the enterprise application'"
        opening.append(f"if (-not $principal) {{ $principal = {prompt} }}   # step 1 shows it")
    steps[first] = replace(steps[first], exchange=(*opening, *steps[first].exchange))


def consent_link(settings: MailerSettings) -> str:
    """Return the address at which an administrator grants what the registration asks for."""
    tenant, client = quote(settings.tenant.strip(), safe=""), quote(settings.client_id.strip(), safe="")
    return f"https://{settings.cloud.authority}/{tenant}/adminconsent?client_id={client}"


def principal(settings: MailerSettings) -> str:
    """Return the enterprise application's object id, or a shell variable the script fills."""
    return settings.service_principal.strip() or "$principal"


def _warnings(settings: MailerSettings, today: date, *, over_ews: bool) -> list[str]:
    facts, lines = ground(), []
    if over_ews:
        left = facts.ews_days(today)
        when = f"in {left} days" if left > 0 else f"{-left} days ago"
        lines += [
            f"EWS is blocked by default since {facts.ews_blocked} and ends for good on {facts.ews_ends} ({when}).",
            "Prefer graph or smtp to EWS; for calendars, Graph.",
            "full_access_as_app opens EVERY mailbox of the organisation to whoever holds the credential.",
        ]
    lines.append(
        f"SMTP AUTH with a password is off by default from {facts.basic_off} on; OAuth2 as set up here stays."
    )
    if settings.cloud.verified != "source":
        lines.append(
            f"Host names of this cloud are {settings.cloud.verified}, not read in Microsoft's documentation."
        )
    return lines


def _register(settings: MailerSettings) -> GuideStep:
    return GuideStep(
        title="Register the application (or open the one you have)",
        why="An alarm mailer signs in as an application, not as a person: the registration is its account.",
        clicks=(
            f"{settings.cloud.portal}, menu Entra ID, App registrations, New registration: a name such as 'ASPECT mailer'; accounts in this organisation only; no redirect URI",
            "On its Overview: copy 'Application (client) ID' to client_id and 'Directory (tenant) ID' to tenant, then print this guide again",
            "Menu Entra ID, Enterprise apps, the same name: copy 'Object ID' to service_principal. It differs from the registration's own Object ID; Exchange wants this one",
            "Only if certificates are to be renewed automatically: copy 'Object ID' of the registration's Overview to application",
        ),
        az=(
            "az cloud show --query name -o tsv   # the cloud that this CLI uses now: note it, to go back with az cloud set",
            f"az cloud set --name {settings.cloud.az}",
            f"az login --tenant {settings.tenant.strip()} --allow-no-subscriptions",
            f"az ad sp create --id {settings.client_id.strip()}   # changes nothing if it exists",
            f"$principal = az ad sp show --id {settings.client_id.strip()} --query id -o tsv   # service_principal",
            f"az ad app show --id {settings.client_id.strip()} --query id -o tsv   # application",
        ),
        notes=(
            "Who may: Application Developer or above. Use either the portal or the commands; both do the same.",
            "The mailbox has to exist. A shared mailbox needs no licence: New-Mailbox -Shared -Name NAME -PrimarySmtpAddress "
            + settings.mailbox.strip(),
        ),
    )


def _secret(settings: MailerSettings) -> GuideStep:
    first = settings.credentials[0]
    certificate = _file(first.certificate_file, "CERTIFICATE-FILE")
    if first.is_certificate:
        return GuideStep(
            title="Upload the certificate",
            why="The private key stays on this machine; only the certificate travels.",
            clicks=(
                f"harden mailer rotate --make-certificate {certificate}   # if the file does not exist yet",
                f"Certificates & secrets, Certificates, Upload: {certificate}",
            ),
            notes=(
                "Later ones need no portal: harden mailer rotate --certificate registers each by the one before it.",
            ),
            az=(
                f"az ad app credential reset --id {settings.client_id.strip()} --append --cert '@{certificate}'",
            ),
        )
    return GuideStep(
        title="Make a client secret",
        why=f"It is valid for at most {ground().longest_months} months; a certificate is better.",
        clicks=(
            "In the registration: Certificates & secrets, Client secrets, New client secret",
            "Copy the column Value at once: it is shown this once. The column Secret ID, a GUID, is not the secret",
            f"On this machine: (umask 077; cat > {shlex.quote(_file(first.secret_file, 'SECRET-FILE'))})   then paste, Enter, Ctrl-D"
            if first.secret_file
            else f"Put it in these settings as secret under [{first.place}], and encrypt them: harden mailer seal",
            f"Write its end date (column Expires) as expires under [{first.place}]: expires = YYYY-MM-DD",
        ),
        notes=("The script does not make the secret: it would pass through a shell's history.",),
    )


def _changed(
    read: str, keep: str, *, change: tuple[str, ...], proof: tuple[str, ...] = (), good: str, missing: str = "",
) -> tuple[str, ...]:  # fmt: skip
    """Return one PowerShell block that reads a setting into $before, saves it, changes it, and reads it back into $after.

    `read` is the command that returns the setting, `keep` the properties to save, `good` the condition that holds
    afterwards, `missing` one that holds when the setting was not returned. Nothing is written unless it was read and
    saved. It is one block, because a `throw` between lines that somebody pastes stops none of the later lines.
    """
    return (
        "& {",
        "  $ErrorActionPreference = 'Stop'",
        f"  $before = {read}",
        f"  if (-not $before{missing}) {{ throw 'The setting cannot be read. Nothing was changed.' }}",
        f"  $file = Join-Path $HOME ('{keep.rpartition(' ')[2]}-{{0:yyyyMMdd-HHmmss}}.xml' -f (Get-Date))",
        f"  $before | Select-Object {keep} | Export-Clixml -Path $file -NoClobber",
        *(f"  {line}" for line in change),
        f"  $after = {read}",
        *(f"  {line}" for line in proof),
        f'  if (-not ({good})) {{ throw "The setting does not read back as written. Wait some minutes and read it again: {read}. The earlier value is in $file" }}',
        '  Write-Host "Done, and read back. The earlier value is in $file"',
        "}",
    )


def _smtp_auth(mailbox: str) -> tuple[str, ...]:
    """Return the lines that let the mailbox submit by SMTP."""
    return _changed(
        f"Get-CASMailbox -Identity {mailbox}",
        "Identity, SmtpClientAuthenticationDisabled",
        change=(f"Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false",),
        good="$after.SmtpClientAuthenticationDisabled -eq $false",
    )


def _allow_list(client: str) -> tuple[str, ...]:
    """Return the lines that add the application to the EWS allow list.

    Without the switch `Get-OrganizationConfig` returns the list as empty. It is one string with commas, and
    `Set-OrganizationConfig` replaces all of it.
    """
    listed = "@((@(${}.EwsAllowedAppIDs) -join ',') -split ',' | ForEach-Object {{ $_.Trim() }} | Where-Object {{ $_ }})"
    return _changed(
        "Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy",
        "EwsEnabled, EwsAllowedAppIDs",
        missing=" -or -not $before.PSObject.Properties['EwsAllowedAppIDs']",
        change=(
            f"$old = {listed.format('before')}",
            "if ($old -notmatch '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$') { throw 'The list holds an entry that is not an application ID. Nothing was changed.' }",
            f"$new = @($old | Where-Object {{ $_ -ne '{client}' }}) + '{client}'",
            "Write-Host \"Saved in $file. EwsEnabled is now: $($before.EwsEnabled). $($old.Count) applications are listed: $($old -join ', ')\"",
            "$word = if ($old.Count) { 'YES' } else { 'EMPTY' }",
            "if (-not $old.Count) { Write-Host 'The list came back empty: either no application is listed, or this account cannot see the list. Ask who else uses EWS here (backup, room panels, CRM) before you go on.' }",
            "if ((Read-Host \"Type $word to write EwsEnabled = True and these $($new.Count) applications: $($new -join ', ')\") -cne $word) { throw 'Nothing was changed.' }",
            "Set-OrganizationConfig -EwsEnabled $true -EwsAllowedAppIDs ($new -join ',')",
        ),
        proof=(
            f"$now = {listed.format('after')}",
            "$lost = @($new | Where-Object { $now -notcontains $_ })",
        ),
        good="$after.EwsEnabled -eq $true -and $lost.Count -eq 0",
    )


def _scope(settings: MailerSettings) -> tuple[str, ...]:
    return (
        _service_principal(settings),
        f"New-ManagementScope -Name '{SCOPE}' -RecipientRestrictionFilter \"PrimarySmtpAddress -eq '{settings.mailbox.strip()}'\"",
    )


def _service_principal(settings: MailerSettings) -> str:
    return f"New-ServicePrincipal -AppId {settings.client_id.strip()} -ObjectId {principal(settings)} -DisplayName 'ASPECT mailer'"


def _graph(settings: MailerSettings) -> list[GuideStep]:
    mailbox = settings.mailbox.strip()
    if settings.permission is Permission.ENTRA:
        return [
            GuideStep(
                title="graph: tick Mail.Send",
                why="As an Entra permission it lets the application send as EVERY mailbox; permission = 'rbac' is narrower.",
                clicks=(
                    "In the registration: API permissions, Add a permission, Microsoft Graph, Application permissions (not Delegated), Mail.Send, Add permissions",
                ),
                az=_add_permission(settings, ground().graph_resource, "Mail.Send"),
            )
        ]
    return [
        GuideStep(
            title=f"graph: allow Mail.Send on {mailbox} alone",
            why="Application RBAC in Exchange gives the right on one mailbox. Tick nothing in Entra (API permissions): both rights add up.",
            exchange=(
                *_scope(settings),
                f"New-ManagementRoleAssignment -App {principal(settings)} -Role 'Application Mail.Send' -CustomResourceScope '{SCOPE}'",
                f"Test-ServicePrincipalAuthorization -Identity {principal(settings)} -Resource {mailbox} | Format-Table",
            ),
            notes=(
                "The last command proves it: InScope has to be True for the mailbox and False for any other.",
                _WHO_IN_EXCHANGE,
            ),
        )
    ]


def _smtp(settings: MailerSettings, *, scoped: bool) -> list[GuideStep]:
    mailbox = settings.mailbox.strip()
    if settings.permission is Permission.RBAC:
        return [
            GuideStep(
                title=f"smtp: allow SMTP.SendAsApp on {mailbox} alone",
                why="Application RBAC gives the right on one mailbox, without opening the mailbox to be read.",
                exchange=(
                    *(() if scoped else _scope(settings)),
                    f"New-ManagementRoleAssignment -App {principal(settings)} -Role 'Application SMTP.SendAsApp' -CustomResourceScope '{SCOPE}'",
                    *_smtp_auth(mailbox),
                ),
                notes=(
                    "Do not tick SMTP.SendAsApp in Entra as well: with that claim the service asks for mailbox permissions too.",
                    "From and Username have to be this mailbox.",
                    _WHO_IN_EXCHANGE,
                ),
            )
        ]
    return [
        GuideStep(
            title="smtp: tick SMTP.SendAsApp",
            why="It does nothing by itself: the mailbox has to be opened in the next step.",
            clicks=(
                "In the registration: API permissions, Add a permission, APIs my organization uses, search Office 365 Exchange Online, Application permissions, SMTP.SendAsApp, Add permissions",
            ),
            az=_add_permission(settings, ground().exchange_resource, "SMTP.SendAsApp"),
        ),
        GuideStep(
            title=f"smtp: open {mailbox} to the application",
            why="Without these two, every token is answered with 535 5.7.3 Authentication unsuccessful.",
            exchange=(
                _service_principal(settings) + "   # ignore an error that it already exists",
                f"Add-MailboxPermission -Identity {mailbox} -User {principal(settings)} -AccessRights FullAccess",
                *_smtp_auth(mailbox),
            ),
            notes=("From and Username have to be this mailbox.", _WHO_IN_EXCHANGE),
        ),
    ]


def _ews(settings: MailerSettings, *, release_notes: bool) -> list[GuideStep]:
    client = settings.client_id.strip()
    roles = ("full_access_as_app", *(("SMTP.SendAsApp",) if release_notes else ()))
    return [
        GuideStep(
            title=f"ews: tick {' and '.join(roles)}"
            + (" (the release notes' path)" if release_notes else ""),
            why="Needed for the product's own EWS client only; it opens every mailbox.",
            clicks=(
                "In the registration: API permissions, Add a permission, APIs my organization uses, search Office 365 Exchange Online, Application permissions, "
                + ", ".join((*roles, "Add permissions")),
            ),
            az=tuple(
                line for role in roles for line in _add_permission(settings, ground().exchange_resource, role)
            ),
            notes=(
                "SMTP.SendAsApp, which the release notes tick too, does nothing until New-ServicePrincipal and Add-MailboxPermission are run: transports = ['smtp'] shows both.",
            )
            if release_notes
            else (),
        ),
        GuideStep(
            title="ews: put the application on the allow list",
            why=f"Without it Exchange Online refuses EWS since {ground().ews_blocked}; nothing helps after {ground().ews_ends}.",
            exchange=(
                *_allow_list(client),
                f"Get-CASMailbox -Identity {settings.mailbox.strip()} | Format-List Ews*",
                "Get-OrganizationConfig | Format-List EwsApplicationAccessPolicy,EwsAllowList,EwsBlockList",
            ),
            notes=(
                "The change takes up to 24 hours.",
                "The last two commands only read. EwsEnabled of the mailbox must not be False. If EwsApplicationAccessPolicy is EnforceAllowList, the product's user agent must be in EwsAllowList too.",
                "To go back: $saved = Import-Clixml FILE; Set-OrganizationConfig -EwsEnabled $saved.EwsEnabled -EwsAllowedAppIDs (@($saved.EwsAllowedAppIDs) -join ',')   # FILE is the one that the block named; entries that somebody added since are lost",
                _WHO_IN_EXCHANGE,
            ),
        ),
    ]


def _calendars(settings: MailerSettings) -> GuideStep:
    whom = ", ".join(settings.calendars)
    if settings.calendars_via is Transport.EWS:
        return GuideStep(
            title=f"Calendars: reading of {whom} over EWS",
            why="The same OAuth2 settings as the product's mail: full_access_as_app and the allow list open every calendar.",
            notes=(
                f"It ends with EWS on {ground().ews_ends}; [calendars] via = 'graph' is the way that stays.",
            ),
        )
    return GuideStep(
        title=f"Calendars: allow reading of {whom}",
        why="Graph Calendars.Read, scoped like the mailbox; over EWS it ends with EWS.",
        exchange=(
            _service_principal(settings) + "   # ignore an error that it already exists",
            *(
                f"New-ManagementScope -Name 'ASPECT calendar {n}' -RecipientRestrictionFilter \"PrimarySmtpAddress -eq '{one}'\""
                for n, one in enumerate(settings.calendars, 1)
            ),
            *(
                f"New-ManagementRoleAssignment -App {principal(settings)} -Role 'Application Calendars.Read' -CustomResourceScope 'ASPECT calendar {n}'"
                for n, _ in enumerate(settings.calendars, 1)
            ),
            *(
                f"Test-ServicePrincipalAuthorization -Identity {principal(settings)} -Resource {one} | Format-Table"
                for one in settings.calendars
            ),
        ),
        notes=("InScope has to be True for these mailboxes and False for any other.", _WHO_IN_EXCHANGE),
    )


def _needs_consent(settings: MailerSettings, transports: tuple[Transport, ...]) -> bool:
    if settings.permission is Permission.RBAC:
        return Transport.EWS in transports
    return (
        settings.permission is Permission.ENTRA or Transport.SMTP in transports or Transport.EWS in transports
    )


def _consent(settings: MailerSettings, transports: tuple[Transport, ...]) -> GuideStep:
    of_graph = Transport.GRAPH in transports and settings.permission is Permission.ENTRA
    return GuideStep(
        title="Grant admin consent",
        why="A tick only requests a permission; an administrator must grant it. Without that the token carries no roles.",
        clicks=(
            "In the registration: API permissions, Grant admin consent for (your organisation), Yes",
            "Every row then says 'Granted for (your organisation)', with a green tick",
        ),
        az=(f"az ad app permission admin-consent --id {settings.client_id.strip()}",),
        notes=(
            f"Or open this link as an administrator: {consent_link(settings)}",
            "Who may: Privileged Role Administrator or Global Administrator"
            + (
                "; for application permissions of Microsoft Graph nobody else."
                if of_graph
                else "; here, without a permission of Microsoft Graph, Cloud Application Administrator or Application Administrator too."
            ),
            "Is the button disabled (grey)? Either nothing is ticked yet, or the account that is signed in has none of these roles: send the link to somebody who has, who signs in, reads what is asked for, and accepts.",
            "After accepting, a page that says there is no redirect or reply address (AADSTS500113, AADSTS900971) is the end of it, and fine. Proof: harden mailer doctor, step mailer/claims.",
        ),
    )


def _product(settings: MailerSettings) -> GuideStep:
    return GuideStep(
        title="Fill in the Email Notification Service",
        why="The product's own client; Calendars use the same OAuth2 settings.",
        clicks=(
            f"Server Version: {settings.server_version.strip()}",
            f"From and Username: {settings.mailbox.strip()} (the same in both)",
            f"Tenant: {settings.tenant.strip()} (generally the mail domain)",
            f"Client ID: {settings.client_id.strip()}; Client Secret: the Value, from its file",
        ),
    )


def _add_permission(settings: MailerSettings, resource: str, role: str) -> tuple[str, ...]:
    client = settings.client_id.strip()
    return (
        f"$role = az ad sp show --id {resource} --query \"appRoles[?value=='{role}'].id\" -o tsv",
        f'az ad app permission add --id {client} --api {resource} --api-permissions "$role=Role"',
    )
