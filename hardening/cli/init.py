"""`harden init` and `harden recipe`: files to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.errors import UsageError

_SETTINGS = """\
# Defaults of harden's options, read from the folder in which it is called, or given with --config FILE.
# Report options of every command:
fail-on = "medium"
# waivers = "waivers.toml"       # harden waive FINGERPRINT adds a row
# baseline = "baseline.json"     # harden bundle audit ... --report json=baseline.json
# report = ["sarif=harden.sarif", "junit=harden.xml"]

# Options of one command:
# [bundle.audit]
# max-seconds = 300
# [tls.scan]
# policy = ["aspect", "mozilla-intermediate"]
"""
_FILES = {"settings": "hardening.toml", "inventory": "hosts.yml", "recipe": "upgrade.toml"}


@click.command("init")
@click.argument("what", type=click.Choice(tuple(_FILES)), default="settings")
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The file to write.  [default: hardening.toml, hosts.yml or upgrade.toml here]")  # fmt: skip
def command(what: str, target: Path | None) -> None:
    """Write a file to begin with: `settings` (hardening.toml), `inventory` (hosts.yml) or `recipe` (upgrade.toml).

    An existing file is not changed.
    """
    from hardening.cli.options import write_whole

    path = target or Path(_FILES[what])
    if path.exists():
        raise UsageError(f"{path} already exists", hint="choose another name with --to FILE")
    write_whole(path, _text(what).encode())
    click.echo(f"wrote {path}; edit it: each line says what it is")


@click.command("recipe")
@click.argument("product", default="aspect")
def recipe(product: str) -> None:
    """Print the upgrade recipe of PRODUCT, to copy and change: harden recipe > upgrade.toml."""
    click.echo(_recipe(product), nl=False)


def _text(what: str) -> str:
    from hardening import resources

    if what == "settings":
        return _SETTINGS
    if what == "inventory":
        return (resources.playbooks() / "inventories/example.yml").read_text("utf-8")
    return _recipe("aspect")


def _recipe(product: str) -> str:
    from hardening import products

    known = products.available()
    file = Path(products.__file__).parent / product.lower() / "upgrade.toml"
    if product.lower() not in known or not file.is_file():
        raise UsageError(f"no recipe for {product!r}", hint=f"known: {', '.join(known)}")
    return file.read_text("utf-8")
