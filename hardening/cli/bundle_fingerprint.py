"""`harden bundle fingerprint JAR...`: rules that recognise a library renamed, merged or unpacked."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.options import STDOUT, keep_apart, write_file


@click.command()
@click.argument("jars", nargs=-1, required=True, metavar="JAR...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the rules. [default: standard output]",
)
@click.option("--name", default="", help="Name of the library, if the jar has no usable one.")
@click.option("--library-version", "version", default="", help="Its version, if the jar has no usable one.")
def command(jars: tuple[Path, ...], output: Path | None, name: str, version: str) -> int:
    """Write rules that recognise Java libraries by their classes.

    `harden bundle audit --rules FILE` then finds them without a manifest, merged or unpacked. Add [[deny]] with the package URL to the file to have a library reported as a fault.
    """
    from bundle.detect.components.own import rules_text
    from bundle.detect.java.learn import learn
    from hardening.errors import UsageError

    if len(jars) > 1 and (name or version):
        raise UsageError(
            "--name and --library-version are for one jar", hint="run the command once for each jar"
        )
    keep_apart([output] if output else [], jars)
    text = rules_text(learn(jar, name=name, version=version) for jar in jars)
    if output is None or output == STDOUT:
        click.echo(text, nl=False)
    else:
        write_file(output, text.encode("utf-8"))
    return 0
