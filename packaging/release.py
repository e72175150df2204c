"""Makes a release of what is committed: `python packaging/release.py 0.2.0 [--key release.key]`.

In a copy of HEAD it writes the version and CHANGELOG (from changes/), commits them, and builds the packages of that commit. Beside
them in dist/VERSION it writes SHA256SUMS, an SBOM, SLSA provenance over every file, signatures, and notes. With --key the commit is
on the branch release-VERSION, and at the end it is tagged vVERSION; nothing is pushed. Without --key this is a rehearsal: a key is
drawn, signs, and is forgotten, and so is the commit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from bundle.trust import attest, keys
from bundle.trust.statement import STATEMENT
from hardening.errors import ExitCode

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("wheel", "wheelhouse", "pyz", "deb", "rpm", "oci", "collection", "ee")
MARKER = "<!-- towncrier release notes start -->\n"
NAME = "aspect-hardening"


def run(*command: object, cwd: Path) -> str:
    """Run a program and return what it printed. Errors: SystemExit naming it."""
    words = [str(one) for one in command]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f"release: {' '.join(words[:5])} failed with {done.returncode}")
    return done.stdout


def copied(version: str, *, branch: bool) -> Path:
    """Return a new work tree of HEAD. Errors: SystemExit where the tag is taken."""
    if run("git", "tag", "--list", f"v{version}", cwd=ROOT).strip():
        raise SystemExit(f"release: v{version} is tagged already: choose the next version")
    source = ROOT / "build/release/source"
    subprocess.run(
        ["git", "worktree", "remove", "--force", source], cwd=ROOT, capture_output=True, check=False
    )
    shutil.rmtree(source, ignore_errors=True)
    run("git", "worktree", "prune", cwd=ROOT)
    how = ["-B", f"release-{version}"] if branch else ["--detach"]
    run("git", "worktree", "add", *how, source, "HEAD", cwd=ROOT)
    return source


def set_version(source: Path, version: str) -> None:
    """Write the version where it is stated."""
    for name, pattern, text in (
        ("hardening/__init__.py", r'^__version__ = ".*"$', f'__version__ = "{version}"'),
        ("playbooks/collections/ansible_collections/aspect/hardening/galaxy.yml", r"^version: .*$", f"version: {version}"),
    ):  # fmt: skip
        path = source / name
        body, count = re.subn(pattern, text, path.read_text("utf-8"), count=1, flags=re.MULTILINE)
        if count != 1:
            raise SystemExit(f"release: {name} states no version")
        path.write_text(body, "utf-8")


def changelog(source: Path, version: str, day: str) -> str:
    """Join the fragments into CHANGELOG, and return the section of this version."""
    towncrier = Path(sys.executable).parent / "towncrier"
    draft = run(towncrier, "build", "--draft", "--version", version, "--date", day, cwd=source)
    news = draft[draft.index(f"## {version}") :].partition("\n")[2].strip()
    path = source / "CHANGELOG.md"
    text = path.read_text("utf-8")
    head, marker, rest = text.partition(MARKER)
    head = re.sub(r"Nothing was released yet\. The first release is [\d.]+\. ", "", head)
    open_ = f"## {version} (not released)\n"
    rest = rest.replace(open_, "", 1).lstrip() if open_ in rest else rest.lstrip()
    own, sign, older = rest.partition("\n## ")
    if not text.count(open_):
        own, sign, older = "", "", rest
    section = "\n\n".join(filter(None, (f"## {version} ({day})", own.strip(), news)))
    path.write_text(
        f"{head}{marker}\n{section}\n" + (f"\n## {older}" if sign else f"\n{older}" if older else ""), "utf-8"
    )
    for fragment in (source / "changes").glob("+*.md"):
        fragment.unlink()
    return section


def committed(source: Path, version: str, *, rehearsal: bool) -> str:
    """Commit the version and CHANGELOG, and return the commit."""
    run("git", "add", "--all", cwd=source)
    who = ["-c", "user.name=rehearsal", "-c", "user.email=rehearsal@localhost"] if rehearsal else []
    run("git", *who, "commit", "--quiet", "--message", f"Release {version}", cwd=source)
    return run("git", "rev-parse", "HEAD", cwd=source).strip()


def sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every package by name."""
    return {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(folder.iterdir())
        if one.is_file()
    }


def bill(what: Path, to: Path, source: Path) -> None:
    """Write the CycloneDX SBOM of the wheels; what is found in them is for `harden bundle audit` to report. Errors: SystemExit."""
    command = [sys.executable, "-m", "hardening", "bundle", "sbom", what, "-o", to, "--fail-on", "never"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    if done.returncode not in (ExitCode.OK, ExitCode.PARTLY_EXAMINED):
        raise SystemExit(f"release: no SBOM: {done.stderr}")


def provenance(
    version: str, parts: tuple[str, ...], commit: str, wheels: Path, begun: datetime
) -> dict[str, object]:
    """Return SLSA provenance v1: built from which commit, with which wheels of others."""
    others = [
        {"name": one.name, "digest": {"sha256": hashlib.sha256(one.read_bytes()).hexdigest()}}
        for one in sorted(wheels.glob("*.whl"))
        if not one.name.startswith("aspect_hardening")
    ]
    source: dict[str, object] = {"name": NAME, "digest": {"gitCommit": commit}}
    url = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["aspect-hardening"]["url"]
    if url:
        source["uri"] = f"git+{url}"
    return {
        "buildDefinition": {
            "buildType": "urn:aspect-hardening:release:v1",
            "externalParameters": {"version": version, "parts": list(parts)},
            "internalParameters": {},
            "resolvedDependencies": [source, *others],
        },
        "runDetails": {
            "builder": {"id": "urn:aspect-hardening:packaging"},
            "metadata": {"startedOn": _stamp(begun), "finishedOn": _stamp(datetime.now(UTC))},
        },
    }


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def attested(digests: dict[str, str], predicate: dict[str, object], key: keys.PrivateKey) -> bytes:
    """Return the signed statement about every package."""
    value = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()],
        "predicateType": attest.KINDS["provenance"].predicate_type,
        "predicate": predicate,
    }
    return attest.envelope(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), key)


def notes(version: str, section: str, digests: dict[str, str], public: str) -> str:
    """Return the release notes: what changed, what there is, how to verify it."""
    rows = "\n".join(f"| {name} | `{digest}` |" for name, digest in digests.items())
    verify = (
        f"sha256sum --check SHA256SUMS\n"
        f"harden report verify SHA256SUMS --key {public}\n"
        f"cosign verify-blob-attestation --key {public} --signature provenance.dsse.json --insecure-ignore-tlog "
        f"--type slsaprovenance1 FILE"
    )
    return (
        f"# {NAME} {version}\n\n{section.partition(chr(10))[2].strip()}\n\n## Files\n\n| file | SHA-256 |\n| --- | --- |\n"
        f"{rows}\n\n## Verify\n\n```\n{verify}\n```\n"
    )


def release(version: str, parts: tuple[str, ...], python: str, key_file: Path | None) -> Path:
    """Make the release and return its folder."""
    begun = datetime.now(UTC)
    key = keys.load_private(key_file) if key_file else keys.generate()
    source = copied(version, branch=key_file is not None)
    set_version(source, version)
    section = changelog(source, version, f"{begun:%Y-%m-%d}")
    commit = committed(source, version, rehearsal=key_file is None)
    out = ROOT / "dist" / version
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    run(
        sys.executable, source / "packaging/packages.py", *parts, "--out", out, "--python", python, cwd=source
    )
    digests = sums(out)
    (out / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    wheels = source / "build/packaging/wheels"
    bill(wheels if wheels.is_dir() else next(out.glob("*.whl")), out / f"{NAME}-{version}.cdx.json", source)
    private = source / "release.key"
    public = keys.write(key, private, passphrase=None)
    private.unlink()
    shutil.move(public, out / "release.pub")
    predicate = provenance(version, parts, commit, wheels, begun)
    (out / "provenance.dsse.json").write_bytes(attested(digests, predicate, key))
    for name in ("SHA256SUMS", f"{NAME}-{version}.cdx.json"):
        path = out / name
        said = {"size": path.stat().st_size, "created": _stamp(datetime.now(UTC))}
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        attest.beside(path, "report").write_bytes(attest.sealed(name, digest, "report", said, key))
    (out / "NOTES.md").write_text(notes(version, section, digests, "release.pub"), "utf-8")
    patch = run("git", "format-patch", "-1", "--stdout", "--no-signature", commit, cwd=source)
    (out / "release.patch").write_text(patch, "utf-8")
    if key_file:
        run("git", "tag", "--annotate", f"v{version}", "--message", f"{NAME} {version}", commit, cwd=source)
    run("git", "worktree", "remove", "--force", source, cwd=ROOT)
    return out


def main() -> None:
    """Make the release that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--python", default="/usr/bin/python3", help="the Python that will run the packages")
    parser.add_argument(
        "--key",
        type=Path,
        help="the signing key, without a passphrase; without one this is a rehearsal, not tagged",
    )
    given = parser.parse_args()
    if not re.fullmatch(r"\d+\.\d+\.\d+", given.version):
        raise SystemExit(f"release: {given.version!r} is not a version such as 0.2.0")
    out = release(given.version, tuple(given.parts), given.python, given.key)
    print(f"{'release' if given.key else 'rehearsal'} of {given.version} in {out}")


if __name__ == "__main__":
    main()
