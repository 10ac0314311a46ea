"""`settle pull`: fetch files into the inbox."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from settle.errors import TryAgainError
from settle.output import progress, say, say_json
from settle.settings import Settings
from settle.warehouse import open_warehouse


def pull(
    url: Annotated[str, typer.Argument(help="sftp://USER@HOST[:PORT]/FOLDER, a folder, or a zip file.")],
    inbox: Annotated[Path, typer.Option(help="The folder that takes the files.")] = Path("inbox"),
    pattern: Annotated[list[str] | None, typer.Option(help="Only files of such names, such as 'spv_*.csv'.")] = None,
    json: Annotated[bool, typer.Option("--json", help="What became of each file, as JSON.")] = False,
) -> None:
    """Fetch each file once into the inbox; after a break the next call goes on where it broke.

    The key's file or the password come from SETTLE_PULL_KEY (with SETTLE_PULL_PASSPHRASE) or SETTLE_PULL_PASSWORD; the
    server must be in SETTLE_KNOWN_HOSTS (else ~/.ssh/known_hosts).

    Example: settle pull sftp://settle@files.spv.example/out --inbox inbox --pattern 'spv_*.csv'
    """
    from settle.pull.puller import Ledger, Pulled, wanted_files
    from settle.pull.puller import pull as fetch
    from settle.pull.remote import open_remote

    pulled: list[Pulled] = []
    try:
        with open_warehouse(Settings.from_environment()) as warehouse, warehouse.exclusive():
            warehouse.ensure_raw_tables()
            with open_remote(url, os.environ) as remote:
                files = wanted_files(remote, pattern or [])
                with progress("pulling", len(files)) as reporter:
                    fetch(remote, files, inbox, Ledger(warehouse, remote.shown), reporter, pulled)
    finally:
        if json:
            say_json({"files": [each.as_dict() for each in pulled]})
        else:
            for each in pulled:
                if each.status == "pulled":
                    say(f"{each.name}: {each.byte_count:,} bytes, {inbox / each.inbox_name}")
            known = sum(each.status == "known" for each in pulled)
            say(f"{sum(each.status == 'pulled' for each in pulled)} files pulled, {known} taken before.")
    growing = [each.name for each in pulled if each.status == "growing"]
    if growing:
        raise TryAgainError(f"{', '.join(growing)}: changed while it was read, so it was not taken. Pull again later.")
