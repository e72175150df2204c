"""A TUF repository of releases as a folder: who may sign, what the newest release is, and until when that holds.

    metadata/N.root.json targets.json snapshot.json timestamp.json      targets/NAME

Root and targets keys stay offline; the snapshot and timestamp key says each few days that this is still the newest.
python-tuf (the extra `tuf`) writes and checks the metadata; a host needs the folder, on whatever carries it, and no
network.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from bundle import onefile
from bundle.trust import keys
from hardening import atomic, inputs
from hardening.errors import InputError, RefusedError, UsageError, install_extra

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata, Root

_LARGEST_ROOT = 512_000
"""Bytes of a root, as python-tuf bounds those that follow it."""
_RAW = re.compile(r"[0-9A-Fa-f]{64}")
"""An Ed25519 public key in metadata."""
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
        raise UsageError("python-tuf is not installed", hint=install_extra("tuf")) from problem


def init(folder: Path, signers: Signers, *, threshold: Mapping[str, int], now: datetime) -> Path:
    """Make an empty repository and return its first root. Errors: UsageError (it exists, too few keys)."""
    _tuf()
    from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

    if (folder / "metadata").exists():
        raise UsageError(f"{folder} is a repository already", hint="choose another folder")
    root = Root(version=1, expires=_end("root", now), consistent_snapshot=False)
    for role in ROLES:
        public = [key.public_key() for key in signers.of(role)]
        _enough(role, public, threshold.get(role, 1))
        for key in public:
            root.add_key(_public(key), role)
        root.roles[role].threshold = threshold.get(role, 1)
    made = [
        _signed(root, role, Metadata(first), signers)
        for role, first in (
            ("root", root),
            ("targets", Targets(version=1, expires=_end("targets", now))),
            ("snapshot", Snapshot(version=1, expires=_end("snapshot", now))),
            ("timestamp", Timestamp(version=1, expires=_end("timestamp", now))),
        )
    ]
    with _writing(folder):
        for name in ("metadata", "targets"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    return _write(folder, made)[0]


def add(folder: Path, files: Sequence[Path], signers: Signers, *, now: datetime) -> None:
    """Publish files (a bundle with what lies signed beside it) as the newest release.

    Nothing is changed before every key is seen to be the repository's. Errors: UsageError, InputError.
    """
    _tuf()
    from tuf.api.metadata import TargetFile

    if len({file.name for file in files}) != len(files):
        raise UsageError("two files have the same name", hint="publish each under a name of its own")
    for file in files:
        onefile.required(file)
    root, listed = _read(folder, "root").signed, _read(folder, "targets")
    _again(listed, "targets", now)
    _signed(root, "targets", listed, signers)
    _signed_anew(folder, root, listed.signed.version, signers, now=now)
    with _writing(folder), ExitStack() as parts:
        for file in files:
            part = parts.enter_context(atomic.part(folder / "targets" / file.name))
            shutil.copyfile(file, part)
            listed.signed.targets[file.name] = TargetFile.from_file(file.name, str(part), ["sha256"])
    made = _signed(root, "targets", listed, signers)
    _write(folder, [made, *_signed_anew(folder, root, listed.signed.version, signers, now=now)])


def refresh(folder: Path, signers: Signers, *, now: datetime) -> None:
    """Say that what is published is still the newest: snapshot and timestamp, again."""
    _tuf()
    root, targets = _read(folder, "root").signed, _read(folder, "targets").signed.version
    _write(folder, _signed_anew(folder, root, targets, signers, now=now))


def _signed_anew(
    folder: Path, root: Root, targets: int, signers: Signers, *, now: datetime
) -> list[tuple[str, bytes]]:
    """Return snapshot and timestamp that name this version of the list of releases as the newest."""
    from tuf.api.metadata import MetaFile

    snapshot, timestamp = (_read(folder, r) for r in ("snapshot", "timestamp"))
    snapshot.signed.meta["targets.json"] = MetaFile(targets)
    _again(snapshot, "snapshot", now)
    timestamp.signed.snapshot_meta = MetaFile(snapshot.signed.version)
    _again(timestamp, "timestamp", now)
    return [
        _signed(root, role, one, signers) for role, one in (("snapshot", snapshot), ("timestamp", timestamp))
    ]


def rotate(
    folder: Path, role: str, new: Sequence[keys.PublicKey], signers: Signers, *, threshold: int, now: datetime
) -> Path:
    """Give a role these keys alone, by a new root that the old root's keys sign; return the new root.

    For the role root itself the new keys have to sign too. What the lost key signed does not hold any more.
    Errors: UsageError (too few keys, or not the root's).
    """
    _tuf()
    root, before = _read(folder, "root"), _read(folder, "root").signed
    _enough(role, new, threshold)
    signed: Root = root.signed
    for keyid in list(signed.roles[role].keyids):
        signed.revoke_key(keyid, role)
    for key in new:
        signed.add_key(_public(key), role)
    signed.roles[role].threshold = threshold
    _again(root, "root", now)
    made = _signed(signed, "root", root, signers)
    _missing(before, "root", root)
    return _write(folder, [made])[0]


def resign(folder: Path, role: str, signers: Signers, *, now: datetime) -> None:
    """Write the metadata of a role again with its new keys, after a rotation, and what names them."""
    _tuf()
    root = _read(folder, "root").signed
    if role == "snapshot":
        refresh(folder, signers, now=now)
        return
    metadata = _read(folder, role)
    _again(metadata, role, now)
    made = [_signed(root, role, metadata, signers)]
    if role == "targets":
        made += _signed_anew(folder, root, metadata.signed.version, signers, now=now)
    _write(folder, made)


def fit(folder: Path, role: str, new: Sequence[keys.PublicKey], signers: Signers, *, threshold: int) -> None:
    """See that `resign` will be able to sign once `rotate` gave a role its new keys. Errors: UsageError."""
    _tuf()
    _enough(role, new, threshold)
    root: Root = _read(folder, "root").signed
    for one in {"targets": ("targets", "snapshot", "timestamp"), "snapshot": ("snapshot", "timestamp")}.get(
        role, (role,)
    ):
        known = {keys.keyid(key) for key in new} if one == role else set(root.roles[one].keyids)
        given = {keys.keyid(key.public_key()) for key in signers.of(one)}
        wanted = threshold if one == role else root.roles[one].threshold
        if len(given & known) < wanted:
            raise _no_key(one, given & known, wanted)


def fetch(
    folder: Path, name: str, *, root: Path, state: Path, out: Path, now: datetime | None = None
) -> Path:
    """Return the file `name` of the newest release, once the chain from `root` to its digest is seen to hold.

    `state` keeps what this host has seen, so that nothing older is taken; the file is there whole or not at all.
    Errors: RefusedError, InputError, UsageError (nothing can be written).
    """
    _tuf()
    from tuf.api.exceptions import DownloadError, RepositoryError
    from tuf.api.metadata import Metadata
    from tuf.api.serialization import DeserializationError
    from tuf.ngclient import Updater, UpdaterConfig

    try:
        bootstrap = inputs.read(root, _LARGEST_ROOT)
        with suppress(DeserializationError):  # the updater reports it
            _refuse_weak(root, Metadata.from_bytes(bootstrap).signed)
        state.mkdir(parents=True, exist_ok=True)
        out.mkdir(parents=True, exist_ok=True)
        owners = {folder.stat().st_uid for folder in (state, out)}
    except OSError as problem:
        raise InputError(f"{problem.filename}: {problem.strerror}", hint="check the path") from problem
    if owners - {0, os.geteuid()}:
        raise UsageError(
            f"{out} or {state} belongs to another account, which may change what is fetched into it",
            hint="name folders of your own",
        )
    try:
        updater = Updater(
            str(state), _url(folder / "metadata"), str(out), _url(folder / "targets"), fetcher=_fetcher(),
            config=UpdaterConfig(prefix_targets_with_hash=False), bootstrap=bootstrap,
        )  # fmt: skip
        if now is not None:
            cast(Any, updater)._trusted_set.reference_time = now  # noqa: SLF001 - python-tuf has no door for a clock
        updater.refresh()
        found = updater.get_targetinfo(name)
        for known in sorted((state / "root_history").glob("*.root.json")):  # each root of the chain
            _refuse_weak(known, Metadata.from_file(str(known)).signed)
        for one in cast(Any, updater)._trusted_set:  # noqa: SLF001 - targets name keys, too
            _refuse_weak(folder / "metadata" / f"{one.type}.json", one)
        if found is None:
            raise RefusedError(f"{name} is not in the newest release", hint="name a file that is published")
        place = out / quote(name, safe="")
        with atomic.part(place) as part:
            updater.download_target(found, str(part))
        return place  # noqa: TRY300 - what is refused is so on the way
    except OSError as problem:
        where = problem.filename or f"{out} or {state}"
        raise UsageError(
            f"cannot write {where}: {problem.strerror or problem}",
            hint="choose folders that are writable and have room",
        ) from problem
    except (RepositoryError, DownloadError, ValueError) as problem:
        why = next(iter(str(problem).splitlines()), "") or type(problem).__name__
        raise RefusedError(
            f"{name}: {type(problem).__name__}: {why}",
            hint="get the repository again from the release engineer",
        ) from problem


def _refuse_weak(path: Path, signed: Any) -> None:
    """Refuse metadata that trust an Ed25519 key for which anybody can sign. Errors: RefusedError."""
    named = getattr(signed, "keys", None) or getattr(getattr(signed, "delegations", None), "keys", None) or {}
    for name, key in named.items():
        text = str(key.keyval.get("public", ""))
        if key.keytype == "ed25519" and not (_RAW.fullmatch(text) and not keys.weak(bytes.fromhex(text))):
            raise RefusedError(
                f"{path}: the key {name[:16]} is a weak Ed25519 key (small order): anybody can sign for it",
                hint="do not trust it; get the repository again from the release engineer",
            )


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
    from securesystemslib.exceptions import StorageError
    from tuf.api.metadata import Metadata
    from tuf.api.serialization import DeserializationError

    found = folder / "metadata" / f"{role}.json"
    try:
        if role == "root":
            known = sorted((folder / "metadata").glob("*.root.json"), key=lambda p: int(p.name.split(".")[0]))
            found = known[-1] if known else found
        made: Metadata[Any] = Metadata.from_file(str(found))
    except (OSError, StorageError, DeserializationError, ValueError) as problem:
        raise InputError(
            f"{found}: not the metadata of a repository", hint="harden bundle tuf init"
        ) from problem
    _refuse_weak(found, made.signed)
    return made


def _enough(role: str, given: Sequence[keys.PublicKey], wanted: int) -> None:
    """Refuse fewer different keys than a role needs."""
    found = len({keys.keyid(key) for key in given})
    if found < wanted:
        option = f"--{role}-key" if role in ("root", "targets") else "--online-key"
        raise UsageError(
            f"not enough keys for {role}: {wanted} needed, {found} given",
            hint=f"give each with {option} FILE",
        )


def _signed(root: Root, role: str, metadata: Metadata[Any], signers: Signers) -> tuple[str, bytes]:
    """Return the name and the bytes of metadata, once enough keys of the role by `root` signed. Errors: UsageError."""
    from securesystemslib.signer import CryptoSigner
    from tuf.api.serialization.json import JSONSerializer

    metadata.signatures.clear()
    for key in signers.of(role):
        metadata.sign(CryptoSigner(key, _public(key.public_key())), append=True)
    _missing(root, role, metadata)
    name = f"{metadata.signed.version}.root.json" if role == "root" else f"{role}.json"
    return name, metadata.to_bytes(JSONSerializer(compact=False))


def _missing(root: Root, role: str, metadata: Metadata[Any]) -> None:
    """Refuse metadata that no host would take. Errors: UsageError."""
    found = set(metadata.signatures) & set(root.roles[role].keyids)
    if len(found) < root.roles[role].threshold:
        raise _no_key(role, found, root.roles[role].threshold)


def _no_key(role: str, found: set[str], wanted: int) -> UsageError:
    return UsageError(
        f"{len(found)} of {wanted} needed keys of {role} in this repository were given",
        hint=f"name the keys that the repository has for {role}; nothing was changed",
    )


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise UsageError(
            f"cannot write {folder}: {problem.strerror or problem}", hint="choose a writable folder"
        ) from problem


def _write(folder: Path, made: Sequence[tuple[str, bytes]]) -> list[Path]:
    """Write metadata that are all signed, each file whole or not at all. Errors: UsageError."""
    targets = [folder / "metadata" / name for name, _ in made]
    with _writing(folder):
        for target, (_, body) in zip(targets, made, strict=True):
            atomic.replace(target, body)
    return targets
