"""Bundles on a real scheduler with real workers, from a real S3 server; one worker is killed while it works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode
from tests.support.ports import free_port
from tests.support.waiting import listens, until

PATIENCE = 60


@dataclass
class Cluster:
    """A scheduler, its workers and a store."""

    folder: Path
    endpoint: str
    environment: dict[str, str]
    scheduler: str = ""
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        log = (self.folder / "log").open("ab")
        one = subprocess.Popen(
            [sys.executable, "-m", *command], env=self.environment, stdout=log, stderr=log, cwd=self.folder
        )
        log.close()
        self.running.append(one)
        return one

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start(
            "distributed.cli.dask_worker", self.scheduler, "--no-nanny", "--nthreads", "1", "--no-dashboard",
            "--host", "127.0.0.1", "--local-directory", str(self.folder),
        )  # fmt: skip

    def harden(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "hardening", "bundle", "audit", *arguments, "--format", "json"]
        return subprocess.run(command, env=self.environment, capture_output=True, check=False, timeout=300)

    def put(self, key: str, body: bytes) -> None:
        request = urllib.request.Request(f"{self.endpoint}/{key}", data=body, method="PUT")
        request.add_header("Content-Type", "application/octet-stream")
        urllib.request.urlopen(request, timeout=20).close()


def children(pid: int) -> list[str]:
    """The command lines of the processes that this one started."""
    made = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                made.append(stat.with_name("cmdline").read_text())
        except OSError:
            continue
    return made


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    s3, scheduler = free_port(), free_port()
    environment = {
        **os.environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}", "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "*",
        "PYTHONPATH": str(Path(__file__).parents[4]),
    }  # fmt: skip
    made = Cluster(tmp_path_factory.mktemp("cluster"), f"http://127.0.0.1:{s3}", environment)
    made.scheduler = f"tcp://127.0.0.1:{scheduler}"
    try:
        made.start("moto.server", "-H", "127.0.0.1", "-p", str(s3))
        made.start(
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(scheduler),
            "--no-dashboard",
        )
        until(lambda: listens(s3), PATIENCE)
        until(lambda: listens(scheduler), PATIENCE)
        made.put("bucket", b"")
        yield made
    finally:
        for one in made.running:
            one.kill()
            one.wait(20)


def comparable(report: bytes) -> object:
    """What two runs must have in common: all but times, and the order of work."""
    read = json.loads(report)
    for subject in read["subjects"]:
        subject["stats"].pop("seconds")
    return {key: value for key, value in read.items() if key not in ("started", "finished")}


def bundles(folder: Path, count: int) -> dict[str, bytes]:
    made = {}
    for number in range(count):
        path = folder / f"release-{number}.zip"
        path.write_bytes(specimen.bundle())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("number", str(number))
            archive.writestr("ballast.txt", f"line {number} of some text\n" * 20_000)
        made[path.name] = path.read_bytes()
    return made


def test_objects_are_audited_and_a_killed_worker_costs_nothing(cluster: Cluster, tmp_path: Path) -> None:
    for name, body in bundles(tmp_path, 6).items():
        cluster.put(f"bucket/releases/{name}", body)
    cluster.put("bucket/releases/broken.zip", b"PK\x03\x04 and no more")
    workers = [cluster.worker(), cluster.worker()]
    command = [sys.executable, "-m", "hardening", "bundle", "audit", "--dask", cluster.scheduler,
               "s3://bucket/releases/*.zip", "--format", "json"]  # fmt: skip
    with subprocess.Popen(
        command, env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asked:
        until(
            lambda: asked.poll() is not None or any("bundle.cluster.work" in one for one in children(workers[0].pid)),
            PATIENCE, 0.01, "work of the first worker",
        )  # fmt: skip
        assert asked.poll() is None, asked.communicate()
        workers[0].send_signal(signal.SIGKILL)
        out, err = asked.communicate(timeout=300)
    assert asked.returncode == ExitCode.FINDINGS, err.decode()
    read = json.loads(out)
    ids = [subject["id"] for subject in read["subjects"]]
    assert ids == [
        f"s3://bucket/releases/{name}" for name in ["broken.zip", *(f"release-{n}.zip" for n in range(6))]
    ]
    assert [subject["examined"] for subject in read["subjects"]] == ["none", *["full"] * 6]
    places = {
        finding["location"]["path"] for finding in read["findings"] if finding["rule"] == "component/adminer"
    }
    assert places == {
        f"s3://bucket/releases/release-{n}.zip!/payload/web.tar.gz!/{specimen.TOOL}" for n in range(6)
    }
    assert workers[1].poll() is None


def test_the_report_is_that_of_one_machine(cluster: Cluster, tmp_path: Path) -> None:
    cluster.worker()
    paths = [str(tmp_path / name) for name in bundles(tmp_path, 2)]
    here, there = cluster.harden(*paths), cluster.harden("--dask", cluster.scheduler, *paths)
    assert here.returncode == there.returncode == ExitCode.FINDINGS, there.stderr.decode()
    assert comparable(here.stdout) == comparable(there.stdout)


@pytest.mark.parametrize(
    "what", ["s3://bucket/absent/*.zip", "s3://bucket/absent.zip", "s3://no-such-bucket/x", "nowhere://x/y"]
)
def test_addresses_with_nothing_behind_them(cluster: Cluster, what: str) -> None:
    said = cluster.harden("--dask", cluster.scheduler, what)
    assert said.returncode == ExitCode.USAGE, said.stderr.decode()
    assert what.encode() in said.stderr
    assert b"Traceback" not in said.stderr


def test_no_scheduler_no_workers_and_secrets_in_clear(
    cluster: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(specimen.bundle())
    passwords = tmp_path / "passwords"
    passwords.write_text("building\n")
    assert (
        run(
            [
                "bundle",
                "audit",
                str(path),
                "--dask",
                "tcp://192.0.2.1:8786",
                "--password-file",
                str(passwords),
            ]
        )
        == ExitCode.USAGE
    )
    assert "in clear" in capfd.readouterr().err
    absent = cluster.harden("--dask", f"tcp://127.0.0.1:{free_port()}", str(path))
    assert absent.returncode == ExitCode.USAGE
    assert b"no scheduler answers" in absent.stderr
