"""Runs fuzz.py under atheris for as many seconds as the argument says, from its seeds."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Fuzz until time is up; a crash leaves its bytes in the working directory."""
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        sys.exit("atheris is not here; test_fuzz.py exercises the same parsers with hypothesis")
    with atheris.instrument_imports(include=["hardening.tls.scan"]):
        fuzz = importlib.import_module("tests.support.tls.scan.fuzz")
    with tempfile.TemporaryDirectory() as name:
        for number, seed in enumerate(fuzz.seeds()):
            (Path(name) / str(number)).write_bytes(seed)
        arguments = [
            sys.argv[0],
            name,
            f"-max_total_time={sys.argv[1]}",
            "-max_len=8192",
            "-print_final_stats=1",
        ]
        atheris.Setup(arguments, fuzz.exercise)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
