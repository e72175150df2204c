"""The README of a role, made of its argument specification."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it comes with ansible-core, without stubs

from hardening import resources

CHECKS = {
    "upgrade": "Check mode looks whether the host is fit and says what would be copied; what the installer does, it alone knows.",
    "verify": "Check mode is the same: nothing is ever changed.",
}
"""What check mode is worth, for the roles where it does not foretell the change."""
_SERVERS = {"tls_servers": [{"target": "httpd", "endpoints": ["{{ ansible_host }}:443"]}]}
EXAMPLES: dict[str, dict[str, Any]] = {
    "components": {"components_absent": ["/var/www/html/adminer.php"]},
    "control_engine": {"control_engine_port": 7300},
    "credentials": {
        "credentials_list": "files/secrets.json",
        "credentials_secrets": "{{ vault_passwords }}",
        "credentials_places": [{"bundle": "www/", "path": "/var/www/html/", "group": "apache"}],
    },
    "tls": _SERVERS,
    "trust": {"trust_file": "files/trust.toml"},
    "upgrade": {},
    "verify": {"verify_tls_servers": _SERVERS["tls_servers"]},
}
"""The least that makes each role do something."""
APPLY = "harden upgrade apply BUNDLE -i inventory --key release.pub --recipe site.toml --logs logs"
ROLES = resources.playbooks() / "collections/ansible_collections/aspect/hardening/roles"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def plain(text: str) -> str:
    """Return a description with Markdown's marks for Ansible's."""
    return re.sub(r"[A-Z]\((.*?)\)", r"`\1`", text)


def readme(role: Path) -> str:
    """Return the README's text."""
    spec = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]
    defaults = load(role / "defaults" / "main.yml")
    lines = [
        f"# aspect.hardening.{role.name}",
        "",
        f"{spec['short_description']}.",
        "",
        *spec["description"],
        "",
    ]
    lines += ["| variable | default | what it is |", "| --- | --- | --- |"]
    for name, option in spec["options"].items():
        default = defaults[name]
        shown = f"`{default}`" if default not in ("", []) else "" if default == "" else "`[]`"
        shown = shown.replace("|", r"\|")  # a cell would end there
        kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
        lines.append(f"| `{name}` | {shown} | {plain(option['description'])} ({kind}) |")
    check = CHECKS.get(role.name, "Check mode and `--diff` say exactly what would happen.")
    lines += ["", f"Tag: `{role.name}`. {check}", ""]
    if role.name == "upgrade":
        return "\n".join([*lines, "```sh", APPLY, "```", ""])
    play = {
        "hosts": "all",
        "gather_facts": False,
        "roles": [{"role": f"aspect.hardening.{role.name}"}],
        "vars": EXAMPLES[role.name],
    }
    return "\n".join([*lines, "```yaml", yaml.safe_dump([play], sort_keys=False).rstrip(), "```", ""])
