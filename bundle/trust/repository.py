"""A TUF repository of releases as a folder: who may sign, what the newest release is, and until when that holds.

    metadata/N.root.json targets.json snapshot.json timestamp.json      targets/NAME

Root and targets keys stay offline; the snapshot and timestamp key says each few days that this is still the newest.
python-tuf (the extra `tuf`) writes and checks the metadata; a host needs the folder, on whatever carries it, and no
network.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bundle import onefile
from bundle.trust import keys
from hardening.errors import InputError, RefusedError, UsageError

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata, Root

ROLES = ("root", "targets", "snapshot", "timestamp")
DAYS: Mapping[str, int] = {"root": 730, "targets": 365, "snapshot": 31, "timestamp": 31}
"""How long metadata of each role hold."""


@dataclass(frozen=True, slots=True)
class Signers:
    """The private keys of one occasion, by role; a role that is not written again needs none."""

    root: Sequence[keys.PrivateKey] = ()
    targets: Sequence[keys.PrivateKey] = ()
    online: Sequence[keys.PrivateKey] = ()
    """Of snapshot and timestamp."""

    def of(self, role: str) -> Sequence[keys.PrivateKey]:
        """Return the keys that sign a role."""
        return {"root": self.root, "targets": self.targets}.get(role, self.online)


def _tuf() -> None:
    try:
        import tuf  # noqa: F401 - asked for, so that its absence is said in one place
    except ImportError as problem:
        raise UsageError(
            "python-tuf is not installed", hint="pip install 'aspect-hardening[tuf]'"
        ) from problem


def init(folder: Path, signers: Signers, *, threshold: Mapping[str, int], now: datetime) -> Path:
    """Make an empty repository and return its first root. Errors: UsageError (it exists, too few keys)."""
    _tuf()
    from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

    if (folder / "metadata").exists():
        raise UsageError(f"{folder} is a repository already", hint="choose another folder")
    root = Root(version=1, expires=_end("root", now), consistent_snapshot=False)
    for role in ROLES:
        wanted = threshold.get(role, 1)
        if len(signers.of(role)) < wanted:
            raise UsageError(
                f"{role} needs {wanted} keys, {len(signers.of(role))} were given", hint="name more keys"
            )
        for key in signers.of(role):
            root.add_key(_public(key.public_key()), role)
        root.roles[role].threshold = wanted
    for made in ("metadata", "targets"):
        (folder / made).mkdir(parents=True)
    _write(folder, "root", Metadata(root), signers)
    _write(folder, "targets", Metadata(Targets(version=1, expires=_end("targets", now))), signers)
    _write(folder, "snapshot", Metadata(Snapshot(version=1, expires=_end("snapshot", now))), signers)
    _write(folder, "timestamp", Metadata(Timestamp(version=1, expires=_end("timestamp", now))), signers)
    return folder / "metadata" / "1.root.json"


def add(folder: Path, files: Sequence[Path], signers: Signers, *, now: datetime) -> None:
    """Publish files (a bundle with what lies signed beside it) as the newest release."""
    _tuf()
    from tuf.api.metadata import TargetFile

    listed = _read(folder, "targets")
    for file in files:
        onefile.required(file)
        listed.signed.targets[file.name] = TargetFile.from_file(file.name, str(file), ["sha256"])
        shutil.copyfile(file, folder / "targets" / file.name)
    _again(listed, "targets", now)
    _write(folder, "targets", listed, signers)
    refresh(folder, signers, now=now)


def refresh(folder: Path, signers: Signers, *, now: datetime) -> None:
    """Say that what is published is still the newest: snapshot and timestamp, anew."""
    _tuf()
    from tuf.api.metadata import MetaFile

    snapshot, timestamp, targets = (_read(folder, r) for r in ("snapshot", "timestamp", "targets"))
    snapshot.signed.meta["targets.json"] = MetaFile(targets.signed.version)
    _again(snapshot, "snapshot", now)
    _write(folder, "snapshot", snapshot, signers)
    timestamp.signed.snapshot_meta = MetaFile(snapshot.signed.version)
    _again(timestamp, "timestamp", now)
    _write(folder, "timestamp", timestamp, signers)


def rotate(
    folder: Path, role: str, new: Sequence[keys.PublicKey], signers: Signers, *, threshold: int, now: datetime
) -> Path:
    """Give a role these keys alone, by a new root that the old root's keys sign; return the new root.

    For the role root itself the new keys have to sign too. What the lost key signed does not hold any more.
    Errors: UsageError (too few keys).
    """
    _tuf()
    root = _read(folder, "root")
    if len(new) < threshold:
        raise UsageError(f"{role} needs {threshold} keys, {len(new)} were given", hint="name more keys")
    signed: Root = root.signed
    for keyid in list(signed.roles[role].keyids):
        signed.revoke_key(keyid, role)
    for key in new:
        signed.add_key(_public(key), role)
    signed.roles[role].threshold = threshold
    _again(root, "root", now)
    return _write(folder, "root", root, signers)


def resign(folder: Path, role: str, signers: Signers, *, now: datetime) -> None:
    """Write the metadata of a role anew with its new keys, after a rotation."""
    _tuf()
    metadata = _read(folder, role)
    _again(metadata, role, now)
    _write(folder, role, metadata, signers)
    if role == "targets":
        refresh(folder, signers, now=now)


def fetch(
    folder: Path, name: str, *, root: Path, state: Path, out: Path, now: datetime | None = None
) -> Path:
    """Return the file `name` of the newest release, once the chain from `root` to its digest is seen to hold.

    `state` keeps what this host has seen, so that nothing older is taken. Errors: RefusedError, InputError.
    """
    _tuf()
    from tuf.api.exceptions import DownloadError, RepositoryError
    from tuf.ngclient import Updater, UpdaterConfig

    try:
        bootstrap = root.read_bytes()
        state.mkdir(parents=True, exist_ok=True)
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"{problem.filename}: {problem.strerror}", hint="check the path") from problem
    try:
        updater = Updater(
            str(state), _url(folder / "metadata"), str(out), _url(folder / "targets"), fetcher=_fetcher(),
            config=UpdaterConfig(prefix_targets_with_hash=False), bootstrap=bootstrap,
        )  # fmt: skip
        if now is not None:
            cast(Any, updater)._trusted_set.reference_time = now  # noqa: SLF001 - python-tuf has no door for a clock
        updater.refresh()
        found = updater.get_targetinfo(name)
        if found is None:
            raise RefusedError(f"{name} is not in the newest release", hint="name a file that is published")
        return Path(updater.download_target(found))
    except (RepositoryError, DownloadError, ValueError) as problem:
        why = str(problem).splitlines()[0] or type(problem).__name__
        raise RefusedError(
            f"{name}: {type(problem).__name__}: {why}",
            hint="get the repository again from the release engineer",
        ) from problem


def _fetcher() -> Any:
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient.fetcher import FetcherInterface

    class Local(FetcherInterface):
        """Files instead of a network."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            path = Path(url.removeprefix("file://"))
            try:
                with path.open("rb") as source:
                    while chunk := source.read(1 << 20):
                        yield chunk
            except FileNotFoundError as problem:
                raise DownloadHTTPError(f"{path}: no such file", 404) from problem

    return Local()


def _url(folder: Path) -> str:
    return f"file://{folder.resolve()}/"


def _public(key: keys.PublicKey) -> Any:
    from securesystemslib.signer import SSlibKey

    return SSlibKey.from_crypto(key, keys.keyid(key))


def _end(role: str, now: datetime) -> datetime:
    return (now.astimezone(UTC) + timedelta(days=DAYS[role])).replace(microsecond=0)


def _again(metadata: Metadata[Any], role: str, now: datetime) -> None:
    metadata.signed.version += 1
    metadata.signed.expires = _end(role, now)


def _read(folder: Path, role: str) -> Metadata[Any]:
    from tuf.api.metadata import Metadata
    from tuf.api.serialization import DeserializationError

    found = folder / "metadata" / f"{role}.json"
    if role == "root":
        known = sorted((folder / "metadata").glob("*.root.json"), key=lambda p: int(p.name.split(".")[0]))
        found = known[-1] if known else found
    try:
        return Metadata.from_file(str(found))
    except (OSError, DeserializationError, ValueError) as problem:
        raise InputError(
            f"{found}: not the metadata of a repository", hint="harden bundle tuf init"
        ) from problem


def _write(folder: Path, role: str, metadata: Metadata[Any], signers: Signers) -> Path:
    from securesystemslib.signer import CryptoSigner
    from tuf.api.serialization.json import JSONSerializer

    metadata.signatures.clear()
    used = signers.of(role)
    if not used:
        raise UsageError(f"no key to sign {role} with", hint=f"name the key of {role}")
    for key in used:
        metadata.sign(CryptoSigner(key, _public(key.public_key())), append=True)
    name = f"{metadata.signed.version}.root.json" if role == "root" else f"{role}.json"
    target = folder / "metadata" / name
    part = target.with_name(f".{name}.{os.getpid()}")
    part.write_bytes(metadata.to_bytes(JSONSerializer(compact=False)))
    part.replace(target)
    return target
