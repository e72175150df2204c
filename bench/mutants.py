"""Change one operator or constant at a time, and count which changes the folded tests notice.

python bench/mutants.py [--count 60] [--seed 35] [--at COMMIT]...

Tests that check a whole group in one item must notice what single items noticed. The draw takes lines of functions which those
tests run, and which every COMMIT (default: HEAD) has once, word for word. Each change is made in a worktree of its own; only
the tests of its group run on it. A survivor is printed with its line: write a test for it, or see that nothing depends on it.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parents[1]
# The folders whose tests were folded, and those tests.
GROUPS = {
    "bundle/detect/credentials": "tests/unit/bundle/detect/credentials/test_classes.py",
    "bundle/detect/components": "tests/unit/bundle/detect/components/test_examples.py",
    "hardening/tls": "tests/unit/tls/targets/test_golden.py",
}
SWAPS = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
SECONDS = 120


class Mutant(NamedTuple):
    """One change: in which file, which line, what it becomes, and the group whose tests have to notice it."""

    path: str
    old: str
    new: str
    group: str


def changes(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yield the expressions that a node changes, each with its new text."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPS:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        yield node, f"({left}) {SWAPS[type(node.ops[0])]} ({right})"
    elif isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield node, "(" + word.join(f"({ast.unparse(value)})" for value in node.values) + ")"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield node.test, f"not ({ast.unparse(node.test)})"
    elif isinstance(node, ast.Constant) and type(node.value) in {bool, int}:
        yield node, str(not node.value if isinstance(node.value, bool) else node.value + 1)


def lines_run(root: Path, group: str, folder: str) -> dict[str, set[int]]:
    """Return the lines of each file below the group's folder which its tests run."""
    data, report = f"{folder}/cover", f"{folder}/cover.json"
    common = [sys.executable, "-m", "coverage"]
    plain = ["--rcfile=/dev/null", f"--data-file={data}"]
    subprocess.run(
        [*common, "run", *plain, f"--source={group}", "-m", "pytest", "-n0", "-q", "--no-cov", GROUPS[group]],
        cwd=root, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run([*common, "json", "-q", *plain, "-o", report], cwd=root, check=True)
    files = json.loads(Path(report).read_text("utf-8"))["files"]
    return {name: set(one["executed_lines"]) for name, one in files.items()}


def mutants(roots: list[Path], group: str, folder: str) -> Iterator[Mutant]:
    """Yield every change of one line inside a function that the tests run and each checkout has once."""
    for name, ran in sorted(lines_run(roots[0], group, folder).items()):
        texts = [path.read_text("utf-8") if (path := root / name).exists() else "" for root in roots]
        rows = texts[0].splitlines()
        inner = {
            id(node): node
            for function in ast.walk(ast.parse(texts[0]))
            if isinstance(function, ast.FunctionDef)
            for statement in function.body
            for node in ast.walk(statement)
        }
        for node in inner.values():
            for place, text in changes(node):
                if place.lineno != place.end_lineno or place.lineno not in ran:
                    continue
                old = rows[place.lineno - 1]
                raw = old.encode()
                new = raw[: place.col_offset] + text.encode() + raw[place.end_col_offset :]
                if all(one.splitlines().count(old) == 1 for one in texts):
                    yield Mutant(name, old, new.decode(), group)


def passes(root: Path, group: str) -> bool:
    """Return whether the group's tests pass in a checkout; what does not end in time does not pass."""
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-x", "--no-cov", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, GROUPS[group]], cwd=root, check=False, timeout=SECONDS,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def survives(root: Path, mutant: Mutant, times: Iterator[int]) -> bool:
    """Return whether the tests pass although the change was made; the file is as before afterwards."""
    path = root / mutant.path
    before = path.read_text("utf-8")
    changed = [mutant.new if line == mutant.old else line for line in before.splitlines()]
    try:
        for text in ("\n".join(changed) + "\n", before):
            path.write_text(text, "utf-8")
            # Compiled modules are kept by time in seconds and by size: each text gets a time of its own.
            os.utime(path, (moment := next(times), moment))
            if text is not before:
                result = passes(root, mutant.group)
    finally:
        path.write_text(before, "utf-8")
        os.utime(path, (moment := next(times), moment))
    return result


def main() -> None:
    """Print one line for each change and one with the sums."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=35)
    parser.add_argument("--at", action="append", metavar="COMMIT")
    given = parser.parse_args()
    commits = given.at or ["HEAD"]
    times = itertools.count(1_000_000_000)
    draw = random.Random(given.seed)
    killed = dict.fromkeys(commits, 0)
    with tempfile.TemporaryDirectory() as folder:
        roots = [Path(folder, f"at-{number}") for number in range(len(commits))]
        for root, commit in zip(roots, commits, strict=True):
            subprocess.run(["git", "worktree", "add", "-q", "--detach", root, commit], cwd=HERE, check=True)
        try:
            for group, tests in GROUPS.items():
                if not all(passes(root, group) for root in roots):
                    sys.exit(f"{tests}: does not pass without a change in each of {', '.join(commits)}")
                found = sorted(set(mutants(roots, group, folder)))
                for one in draw.sample(found, min(len(found), given.count // len(GROUPS))):
                    words = []
                    for root, commit in zip(roots, commits, strict=True):
                        survivor = survives(root, one, times)
                        killed[commit] += not survivor
                        words.append("survived" if survivor else "killed")
                    print(*words, one.path, one.old.strip(), "->", one.new.strip(), sep="\t", flush=True)
        finally:
            for root in roots:
                subprocess.run(["git", "worktree", "remove", "--force", root], cwd=HERE, check=True)
    print(*(f"{commit}: {number} killed" for commit, number in killed.items()), sep="; ")


if __name__ == "__main__":
    main()
