"""`harden playbooks`: where the shipped Ansible playbooks, roles and the collection are."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the shipped Ansible playbooks, or print the path of one: ansible-playbook "$(harden playbooks harden)".

    NAME `collections` is the folder for ANSIBLE_COLLECTIONS_PATH.
    """
    from hardening import resources
    from hardening.cli.shipped import chosen, listed

    folder = resources.playbooks()
    known = {path.stem: path for path in sorted(folder.glob("*.yml"))}
    known["collections"] = folder / "collections"
    if name is None:
        listed(folder, known)
    else:
        click.echo(chosen(known, name, "playbook"))
