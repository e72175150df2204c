"""gRPC's server, whose TLS is BoringSSL: folder with rsa.crt and rsa.key, port."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # it has no types of its own


def main(folder: Path, port: str) -> None:
    """Serve until it is ended; no method is there."""
    server = grpc.server(ThreadPoolExecutor(2))
    pair = ((folder / "rsa.key").read_bytes(), (folder / "rsa.crt").read_bytes())
    server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([pair]))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
