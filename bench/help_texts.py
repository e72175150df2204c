"""Help pages and rules as they were at an earlier commit beside today's: `python bench/help_texts.py COMMIT [--out build/help-texts.md]`.

For a reader who judges whether a rewrite is clearer. Both sides are what the program prints, not what the sources hold.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ASKED = (
    ("bundle", "audit", "--help"),
    ("bundle", "clean", "--help"),
    ("upgrade", "apply", "--help"),
    ("upgrade", "rollback", "--help"),
    ("engine", "set-port", "--help"),
    ("host", "apply", "--help"),
    ("tls", "scan", "--help"),
    ("logs", "triage", "--help"),
    ("rules", "tls/inconclusive"),
    ("rules", "engine/restart-pending"),
)


def printed(tree: Path, words: tuple[str, ...]) -> str:
    """Return what the program of a tree prints for a command."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hardening", *words],
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True, text=True, check=False, cwd=tree,
    )  # fmt: skip
    return (done.stdout or done.stderr).rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("commit")
    parser.add_argument("--out", type=Path, default=ROOT / "build/help-texts.md")
    given = parser.parse_args()
    parts = [f"# Help and rules at {given.commit}, and today\n"]
    with tempfile.TemporaryDirectory() as name:
        before = Path(name) / "before"
        subprocess.run(["git", "worktree", "add", "--detach", "--quiet", before, given.commit], cwd=ROOT, check=True)  # fmt: skip
        try:
            for words in ASKED:
                old, new = printed(before, words), printed(ROOT, words)
                parts.append(
                    f"## harden {' '.join(words)}\n\nBefore:\n\n```\n{old}\n```\n\nToday:\n\n```\n{new}\n```\n"
                )
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", before], cwd=ROOT, check=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("\n".join(parts), "utf-8")
    print(given.out)


if __name__ == "__main__":
    main()
