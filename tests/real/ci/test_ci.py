"""Every step of the CI kit runs on a repository that is made for it, as the CI system would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

ROOT = Path(__file__).parents[3]
LIMIT = 3600
"""Seconds for a job that installs the package and compiles every pattern: it ends by itself, and only a job that hangs is ended."""
LEAK = "<?php $db_password = 'Kranich-7742-Ufer';\n"
WEAK = "events {}\nhttp { server { listen 443 ssl; ssl_protocols TLSv1; ssl_certificate a; ssl_certificate_key b; } }\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A repository with a credential in one file, and with a blank in the name of another."""
    top = tmp_path / "site"
    top.mkdir()
    (top / "settings.php").write_text(LEAK)
    (top / "a page.php").write_text("<?php echo 1;\n")
    return top


@pytest.fixture
def bin_(tmp_path: Path) -> Path:
    """A folder with `harden` alone, for the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "harden").write_text(f'#!/bin/sh\nexec {sys.executable} -m hardening "$@"\n')
    (folder / "harden").chmod(0o755)
    return folder


def shell(script: str, cwd: Path, variables: Mapping[str, str], *, bash: bool = True) -> subprocess.CompletedProcess[str]:  # fmt: skip
    clean = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"] if bash else ["sh", "-c"]
    return subprocess.run(
        [*command, script], cwd=cwd, env={**clean, **variables}, capture_output=True, text=True, check=False, timeout=LIMIT
    )  # fmt: skip


def on_path(bin_: Path) -> str:
    return f"{bin_}:/usr/bin:/bin"


def test_the_script_writes_every_report_and_keeps_the_exit_code(site: Path, bin_: Path) -> None:
    asked = {
        "PATH": on_path(bin_),
        "HARDEN_RUN": "bundle audit",
        "HARDEN_PATHS": "settings.php\na page.php\n",
    }
    done = shell(
        f"sh {ROOT}/ci/harden-ci",
        site,
        {**asked, "HARDEN_SUMMARY": "job.md", "HARDEN_FORMATS": "gitlab-sast"},
    )
    assert done.returncode == 10, done.stderr
    reports = {one.name for one in (site / "harden-reports").iterdir()}
    assert reports == {
        "report.json",
        "report.sarif",
        "junit.xml",
        "summary.md",
        "report.html",
        "gitlab-sast.json",
    }
    body = json.loads((site / "harden-reports/report.json").read_text())
    assert {row["id"] for row in body["subjects"]} == {"settings.php", "a page.php"}
    assert "credential/" in (site / "job.md").read_text()


def test_what_is_known_passes_and_what_is_new_is_listed(site: Path, bin_: Path) -> None:
    asked = {"PATH": on_path(bin_), "HARDEN_RUN": "bundle audit", "HARDEN_PATHS": "."}
    assert shell(f"sh {ROOT}/ci/harden-ci", site, {**asked, "HARDEN_OUT": "../old"}).returncode == 10
    known = {**asked, "HARDEN_OUT": "../new", "HARDEN_BASELINE": "../old/report.json"}
    assert shell(f"sh {ROOT}/ci/harden-ci", site, known).returncode == 0
    (site / "more.php").write_text(LEAK.replace("Ufer", "Deich"))
    done = shell(f"sh {ROOT}/ci/harden-ci", site, known)
    assert done.returncode == 10, done.stderr
    assert "more.php" in (site / "../new/new.md").read_text()


def test_a_run_that_fails_leaves_no_reports_of_an_earlier_one(site: Path, bin_: Path) -> None:
    variables = {"PATH": on_path(bin_), "HARDEN_RUN": "bundle audit", "HARDEN_FORMATS": "codequality"}
    script = f"sh {ROOT}/ci/harden-ci"
    assert shell(script, site, {**variables, "HARDEN_PATHS": "settings.php"}).returncode == 10
    assert len(list((site / "harden-reports").iterdir())) == 6
    summary = site / "summary.md"
    lost = shell(script, site, {**variables, "HARDEN_PATHS": "nowhere", "HARDEN_SUMMARY": str(summary)})
    assert lost.returncode not in (0, 10), lost.stderr
    assert list((site / "harden-reports").glob("*.sarif")) == []
    assert not summary.exists()


def test_words_are_not_run_and_a_missing_baseline_is_said(site: Path, bin_: Path) -> None:
    asked = {
        "PATH": on_path(bin_),
        "HARDEN_RUN": "bundle audit",
        "HARDEN_PATHS": "$(touch run)\n`touch run`\n; touch run",
    }
    done = shell(f"sh {ROOT}/ci/harden-ci", site, {**asked, "HARDEN_BASELINE": "none.json"})
    assert done.returncode == 2
    assert not (site / "run").exists()
    assert "no baseline yet: none.json" in done.stderr
    assert shell(f"sh {ROOT}/ci/harden-ci", site, {"PATH": on_path(bin_)}).returncode != 0


def filled(text: str, values: Mapping[str, str]) -> str:
    """Fill in the expressions of a CI system; one that has no value is an error of the test."""
    return re.sub(r"\$(?:\{\{|\[\[) *([\w.-]+) *(?:\}\}|\]\])", lambda found: values[found[1]], text)


def test_the_shell_steps_of_the_action(site: Path, tmp_path: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    inputs = {f"inputs.{name}": str(row.get("default", "")) for name, row in action["inputs"].items()}
    values = {
        **inputs, "inputs.paths": "settings.php", "github.action_path": str(ROOT), "runner.temp": str(tmp_path / "temp"),
        "inputs.package": "", "inputs.python": sys.executable,
    }  # fmt: skip
    (tmp_path / "temp").mkdir()
    files = {
        name: str(tmp_path / name.lower()) for name in ("GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
    }
    steps = {step["name"]: step for step in action["runs"]["steps"]}
    installed = shell(steps["Install"]["run"], site, {**files, **_env(steps["Install"], values)})
    assert installed.returncode == 0, installed.stderr
    path = Path(files["GITHUB_PATH"]).read_text().strip()
    environment = {
        **files,
        **_env(steps["Run"], values),
        "PATH": f"{path}:/usr/bin:/bin",
        "PYTHONPATH": "",
        "GITHUB_ACTIONS": "true",
    }
    done = shell(steps["Run"]["run"], site, environment)
    assert done.returncode == 10, done.stderr
    assert Path(files["GITHUB_OUTPUT"]).read_text() == "exit-code=10\n"
    assert "credential/" in Path(files["GITHUB_STEP_SUMMARY"]).read_text()
    assert re.search(r"^::error file=.*settings\.php", done.stdout, re.MULTILINE)
    sarif = json.loads(
        (site / filled(steps["Upload to code scanning"]["with"]["sarif_file"], values)).read_text()
    )
    assert sarif["version"] == "2.1.0"
    assert not [name for name, step in steps.items() if "${{" in step.get("run", "")], (
        "an input is pasted into a script"
    )


def _env(step: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    return {name: filled(str(text), values) for name, text in step["env"].items()}


def test_the_job_of_the_gitlab_template(site: Path) -> None:
    settings, jobs = yaml.safe_load_all((ROOT / "ci/gitlab/harden.yml").read_text())
    values = {
        f"inputs.{name}": str((row or {}).get("default", ""))
        for name, row in settings["spec"]["inputs"].items()
    }
    values |= {"inputs.paths": "settings.php", "inputs.package": str(ROOT)}
    job = jobs["harden"]
    variables = {
        name: filled(text, values).replace("$CI_PROJECT_DIR", str(site))
        for name, text in job["variables"].items()
    }
    lines = "\n".join([*job["before_script"], *job["script"]])
    done = shell(lines, site, {**variables, "PIP_CACHE_DIR": os.environ["HOME"] + "/.cache/pip", "PYTHONPATH": "", "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"})  # fmt: skip
    assert done.returncode == 10, done.stderr
    for path in job["artifacts"]["reports"].values():
        assert (site / path).stat().st_size > 0
    assert json.loads((site / "harden-reports/gitlab-secrets.json").read_text())["vulnerabilities"]


def test_the_step_of_the_azure_template(site: Path, tmp_path: Path) -> None:
    template = yaml.safe_load((ROOT / "ci/azure/harden.yml").read_text())
    values = {f"parameters.{row['name']}": row.get("default", "") for row in template["parameters"]}
    values |= {"parameters.paths": "settings.php", "parameters.package": str(ROOT)}
    step = template["steps"][0]
    staging = str(tmp_path / "staging")
    variables = {
        name: text.replace("$(Build.ArtifactStagingDirectory)", staging)
        for name, text in _env(step, values).items()
    }
    variables |= {
        "AGENT_TEMPDIRECTORY": str(tmp_path / "agent"),
        "PYTHONPATH": "",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    done = shell(step["bash"], site, variables)
    assert done.returncode == 10, done.stderr
    assert f"##vso[task.uploadsummary]{staging}/harden/summary.md" in done.stdout
    assert (tmp_path / "staging/harden/junit.xml").exists()


def test_the_shell_of_the_jenkins_step(site: Path) -> None:
    text = (ROOT / "ci/jenkins/vars/harden.groovy").read_text()
    script = text.split("script: '''", 1)[1].split("'''", 1)[0]
    names = re.findall(r'"(HARDEN_\w+)=\$\{settings\.(\w+)\}"', text)
    given = {
        "paths": "settings.php",
        "package": str(ROOT),
        "run": "bundle audit",
        "failOn": "medium",
        "baseline": "",
        "out": "out",
    }
    variables = {name: given[key] for name, key in names}
    done = shell(
        script,
        site,
        {**variables, "PYTHONPATH": "", "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        bash=False,
    )
    assert done.returncode == 10, done.stderr
    assert (site / "out/junit.xml").exists()


@pytest.mark.skipif(shutil.which("git") is None, reason="not installed: git")
def test_pre_commit_runs_the_hooks(site: Path, tmp_path: Path) -> None:
    """pre-commit clones what is committed here, installs it, and stops a commit with a credential or weak TLS."""
    home, hooks = tmp_path / "home", tmp_path / "hooks"
    hooks.mkdir()
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    names = [
        one
        for one in tracked.rstrip("\0").split("\0")
        if not one.startswith(("tests/", "bench/")) and (ROOT / one).is_file()
    ]
    for name in (
        *names,
        ".pre-commit-hooks.yaml",
        *(str(one.relative_to(ROOT)) for one in (ROOT / "tests/infra").glob("*.py")),
    ):
        (hooks / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, hooks / name)
    variables = {
        "PRE_COMMIT_HOME": str(home), "PYTHONPATH": "", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@localhost",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@localhost", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
    }  # fmt: skip
    made = shell("git init -q . && git add -A && git commit -q -m all && git tag v1", hooks, variables)
    assert made.returncode == 0, made.stderr
    (site / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks}\n  rev: v1\n  hooks:\n  - id: harden-credentials\n  - id: harden-tls\n"
    )
    (site / "nginx.conf").write_text(WEAK)
    (site / "main.txt").write_text("nothing\n")
    (site / "picture").write_bytes(bytes(range(256)) * 9)
    assert shell("git init -q . && git add -A", site, variables).returncode == 0
    program = f"{sys.executable} -m pre_commit run"
    done = shell(program, site, variables)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "credential/assignment" in done.stdout
    assert "tls/protocol" in done.stdout
    clean = shell(f"{program} --files 'a page.php' main.txt picture", site, variables)
    assert clean.returncode == 0, clean.stdout
