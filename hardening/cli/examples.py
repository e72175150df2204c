"""Examples in the help of every command: what is typed, and what it does. A test parses each."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "ci": (("harden ci", "the CI files that ship"), ("harden ci harden-ci", "where the script is")),
    "docs": (("harden docs", "the pages that ship"), ("harden docs trust", "one page")),
    "playbooks": (
        ("harden playbooks", "the playbooks that ship"),
        ("harden playbooks harden", "where the playbook is"),
    ),
    "advisories": (
        ("harden advisories", "which advisories are open on this host"),
        ("harden advisories upgrade.zip --format json", "the same of a bundle"),
    ),
    "baseline": (("harden baseline base.json new.json", "what is new, known and gone"),),
    "bundle audit": (
        ("harden bundle audit upgrade.zip", "one bundle"),
        ("harden bundle audit packages/ --report out.html", "every archive of a folder"),
        ("git diff --name-only | harden bundle audit . --changed -", "changed files"),
        ("harden bundle audit upgrade.zip --baseline base.json", "what is new"),
    ),
    "bundle clean": (
        ("harden bundle clean upgrade.zip --dry-run", "list what would change"),
        ("harden bundle clean upgrade.zip -o clean.zip", "write the cleaned bundle"),
    ),
    "bundle diff": (("harden bundle diff old.zip new.zip", "what changed between two"),),
    "bundle envelope": (("harden bundle envelope x.dsse.json --export to-sign", "what another key signs"),),
    "bundle explain": (
        ("harden bundle explain config.php:12", "why a credential is reported at a line"),
        ("harden bundle explain 'upgrade.zip!/web/config.php:12'", "the same in an archive"),
    ),
    "bundle fingerprint": (("harden bundle fingerprint library.jar", "rules for a library"),),
    "bundle keygen": (("harden bundle keygen --out release.key", "a key, encrypted"),),
    "bundle sbom": (
        ("harden bundle sbom upgrade.zip -o upgrade.cdx.json", "CycloneDX"),
        ("harden bundle sbom upgrade.zip --format spdx", "SPDX"),
    ),
    "bundle sign": (("harden bundle sign clean.zip --key release.key", "clean.zip.dsse.json"),),
    "bundle tuf add": (
        ("harden bundle tuf add repo clean.zip --targets-key t.key --online-key o.key", "publish a release"),
    ),
    "bundle tuf fetch": (
        (
            "harden bundle tuf fetch repo clean.zip --root root.json --state s -o out",
            "the newest release",
        ),
    ),
    "bundle tuf init": (
        (
            "harden bundle tuf init repo --root-key r.key --targets-key t.key --online-key o.key",
            "an empty one",
        ),
    ),
    "bundle tuf refresh": (
        ("harden bundle tuf refresh repo --online-key o.key", "sign its time stamp again"),
    ),
    "bundle tuf rotate": (
        (
            "harden bundle tuf rotate repo targets --new-key new.pub --root-key r.key --online-key o.key",
            "replace a role's key",
        ),
    ),
    "bundle verifier": (("harden bundle verifier --out verifier.pyz", "for Python 2.6 or newer"),),
    "bundle verify": (
        ("harden bundle verify clean.zip --key release.key.pub", "exit 11 if it is not as signed"),
    ),
    "bundle verify-clean": (("harden bundle verify-clean upgrade.zip clean.zip", "prove what was removed"),),
    "claims check": (
        ("harden claims check claims.toml old.zip new.zip", "what the release notes claim, checked"),
    ),
    "claims example": (("harden claims example -o claims.toml", "a file to begin with"),),
    "completion": (('eval "$(harden completion bash)"', "in ~/.bashrc"),),
    "demo": (("harden demo --keep practice", "keep the files to practise on"),),
    "doctor": (("harden doctor", "what is missing, and how to get it"),),
    "engine set-port": (
        ("harden engine set-port 7300 --check --config FILE --key KEY", "what would happen"),
        ("harden engine set-port 7300 --local --config FILE --key KEY", "change it"),
    ),
    "engine show": (("harden engine show", "configured, listening, firewall"),),
    "help": (("harden help bundle audit", "the same as harden bundle audit --help"),),
    "host apply": (
        ("harden host apply -i hosts.yml --limit web1", "one host of an inventory"),
        ("harden host apply --local", "this machine"),
    ),
    "host audit": (
        ("harden host audit", "this machine"),
        ("harden host audit --root /mnt/image", "a mounted image"),
        ("harden host audit -i hosts.yml", "every host of an inventory"),
    ),
    "init": (
        ("harden init", "hardening.toml"),
        ("harden init inventory", "hosts.yml"),
    ),
    "logs triage": (("harden logs triage MIX.log", "what a failed upgrade says"),),
    "mailer check": (("harden mailer check --config mailer.toml", "the settings"),),
    "mailer doctor": (("harden mailer doctor --config mailer.toml", "find what is wrong"),),
    "mailer guide": (("harden mailer guide", "the steps in Exchange and on the host"),),
    "mailer record": (("harden mailer record", "the mail settings of the product on this host"),),
    "mailer relay": (("harden mailer relay --config mailer.toml", "run the relay"),),
    "mailer render": (("harden mailer render relay -o relay", "files for a host"),),
    "mailer rotate": (("harden mailer rotate --config mailer.toml", "change the secret"),),
    "mailer seal": (
        ("harden mailer seal secret.txt --key-file key --new-key", "make a key, encrypt a secret"),
    ),
    "mailer send": (("harden mailer send --subject test", "send standard input"),),
    "mailer unseal": (("harden mailer unseal secret.txt --key-file key", "decrypt it"),),
    "products": (("harden products aspect", "facts, each with its source"),),
    "recipe": (("harden recipe > upgrade.toml", "copy, then check each line"),),
    "report render": (
        (
            "harden report render audit.json --format html -o audit.html",
            "write another format of a stored report",
        ),
    ),
    "report merge": (
        ("harden report merge reports/ --format html -o fleet.html", "one report for many hosts"),
    ),
    "report diff": (("harden report diff monday.json tuesday.json", "list what is new, known and gone"),),
    "report trend": (("harden report trend reports/", "count findings for each day of a history"),),
    "report site": (("harden report site reports/ -o site", "pages for a web server, and metrics"),),
    "report sign": (("harden report sign report.html --key release.key", "sign a report"),),
    "report verify": (("harden report verify report.html --key release.key.pub", "verify it"),),
    "rules": (
        ("harden rules", "every rule"),
        ("harden rules component/adminer", "why it matters, and what to do"),
    ),
    "tls audit": (
        ("harden tls audit /etc/nginx/nginx.conf", "one configuration"),
        ("harden tls audit . --policy pci --policy bsi", "two policies"),
    ),
    "tls builds": (("harden tls builds", "names for --openssl"),),
    "tls explain": (("harden tls explain 'HIGH:!aNULL' --openssl 1.0.2k-el7", "its suites"),),
    "tls policies": (("harden tls policies pci-dss-4.0.1", "its rules"),),
    "tls render": (
        ("harden tls render nginx --policy mozilla-intermediate", "settings to include"),
        ("harden tls render apache@2.4.6-el7 -o tls.conf", "for one release"),
    ),
    "tls scan": (
        ("harden tls scan www.example.org mail.example.org:25 --starttls smtp", "two endpoints"),
        ("harden tls scan --endpoints list.txt --full --report out.html", "a fleet"),
    ),
    "tls targets": (("harden tls targets", "servers and their releases"),),
    "upgrade apply": (
        (
            "harden upgrade apply clean.zip --recipe upgrade.toml --key release.key.pub -i hosts.yml",
            "upgrade, verify, or roll back",
        ),
    ),
    "upgrade plan": (
        (
            "harden upgrade plan clean.zip --recipe upgrade.toml --key release.key.pub -i hosts.yml",
            "what would happen; nothing changes",
        ),
    ),
    "upgrade receipt": (("harden upgrade receipt receipt.json --key release.key.pub", "read it"),),
    "upgrade rollback": (
        ("harden upgrade rollback -i hosts.yml --check", "what would be undone"),
        ("harden upgrade rollback -i hosts.yml --limit web1", "undo it on one host"),
    ),
    "upgrade status": (("harden upgrade status -i hosts.yml", "done, and pending"),),
    "upgrade verify": (("harden upgrade verify -i hosts.yml", "hold each host to its plan"),),
    "version": (("harden version -v", "of libraries and programs, too"),),
    "waive": (
        (
            "harden waive 1f3a5b7c --from base.json --reason R --owner me --expires 2027-01-31",
            "add a row to waivers.toml",
        ),
    ),
    "warm": (("harden warm", "once, before the first audit"),),
}


_WIDTH = 74
"""Letters of a command that fit into 80 columns, with its indent and a backslash."""


def epilog(verb: str) -> str:
    """Return what stands below the help of a command; empty where it has no examples."""
    rows = EXAMPLES.get(verb, ())
    lines = [part for command, does in rows for part in (*_typed(command), f"      {does}")]
    return "\n".join(("\b", "Examples:", *lines)) if lines else ""


def _typed(command: str) -> list[str]:
    """Return the lines of a command, broken before an option where one line is too short."""
    if len(command) <= _WIDTH:
        return [f"  {command}"]
    at = max(command.rfind(mark, 0, _WIDTH) for mark in (" --", " -i"))
    return [f"  {command[:at]} \\", *(f"      {line.strip()}" for line in _typed(command[at + 1 :]))]
