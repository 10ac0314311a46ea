"""`settle pull`: from an SFTP server on loopback, a folder and a zip; what is refused, what breaks, what goes on."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from typer.testing import CliRunner, Result

from settle.cli import app
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.scripts.sftp_server import PASSWORD, USER, Served, serving


@pytest.fixture
def served(duckdb_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that is known here, and the account's password in the environment."""
    with serving(tmp_path / "server") as server:
        (tmp_path / "known_hosts").write_text(server.known_hosts())
        monkeypatch.setenv("SETTLE_KNOWN_HOSTS", str(tmp_path / "known_hosts"))
        monkeypatch.setenv("SETTLE_PULL_PASSWORD", PASSWORD)
        yield server


def pull(*words: str, code: int = 0) -> Result:
    """The call, with its exit code; no message may hold the password."""
    result = CliRunner().invoke(app, ["pull", *words])
    assert result.exit_code == code, result.output
    assert PASSWORD not in result.output
    return result


def outcome(*words: str, code: int = 0) -> dict[str, str]:
    files = json.loads(pull(*words, "--json", code=code).stdout)["files"]
    return {each["file"]: each["status"] for each in files}


def ledger(here: Settings) -> list[tuple[object, ...]]:
    with open_warehouse(here, read_only=True) as warehouse:
        return warehouse.execute(
            "select source, file_name, byte_count, inbox_name from raw.pulled_files order by pulled_at, file_name"
        )


def test_each_file_comes_once(served: Served, duckdb_settings: Settings) -> None:
    out = served.folder / "out"
    (out / "spv_1.csv").write_text("first\n")
    (out / "notes.txt").write_text("not wanted\n")
    (out / "spv_2.csv.part").write_text("not whole\n")
    (out / "folder").mkdir()
    assert outcome(served.url, "--pattern", "spv_*") == {"spv_1.csv": "pulled"}
    assert outcome(served.url, "--pattern", "spv_*") == {"spv_1.csv": "known"}
    # Touched, not changed: the same bytes do not come again. Changed: they do, under a name of their own.
    os.utime(out / "spv_1.csv", (1_700_000_000, 1_700_000_000))
    assert outcome(served.url, "--pattern", "spv_*") == {"spv_1.csv": "known"}
    (out / "spv_1.csv").write_text("second\n")
    assert outcome(served.url, "--pattern", "spv_*") == {"spv_1.csv": "pulled"}
    assert {file.name: file.read_text() for file in Path("inbox").iterdir()} == {
        "spv_1.csv": "first\n", "spv_1~2.csv": "second\n",
    }  # fmt: skip
    shown = f"sftp://{USER}@127.0.0.1:{served.port}/out"
    assert [(row[0], *row[2:]) for row in ledger(duckdb_settings)] == [
        (shown, 6, "spv_1.csv"), (shown, 6, ""), (shown, 7, "spv_1~2.csv"),
    ]  # fmt: skip
    # What was loaded and moved away does not come back.
    Path("inbox/spv_1.csv").unlink()
    assert outcome(served.url, "--pattern", "spv_*") == {"spv_1.csv": "known"}


def test_what_broke_goes_on_where_it_broke(served: Served) -> None:
    content = os.urandom(5_000_000)
    (served.folder / "out" / "big.csv").write_bytes(content)
    served.break_after = 3_500_000
    told = pull(served.url, code=3).stderr
    assert "big.csv: the connection broke" in told and "pull again to go on" in told
    (partial,) = Path("inbox").iterdir()
    came = partial.stat().st_size
    assert (
        partial.name.endswith(".part") and 2_000_000 < came < len(content) and content.startswith(partial.read_bytes())
    )
    served.break_after = 0
    served.offsets.clear()
    assert outcome(served.url) == {"big.csv": "pulled"}
    assert Path("inbox/big.csv").read_bytes() == content and len(list(Path("inbox").iterdir())) == 1
    assert min(served.offsets) == came


def test_a_file_that_changes_while_it_is_read_is_left(served: Served, duckdb_settings: Settings) -> None:
    (served.folder / "out" / "a.csv").write_text("whole\n")
    (served.folder / "out" / "b.csv").write_text("growing\n")
    served.grow = "b.csv"
    assert "b.csv: changed while it was read" in pull(served.url, code=3).stderr
    assert [file.name for file in Path("inbox").iterdir()] == ["a.csv"] and len(ledger(duckdb_settings)) == 1
    served.grow = ""
    assert outcome(served.url) == {"a.csv": "known", "b.csv": "pulled"}


def test_a_key_opens_too(duckdb_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / "key"), password="pass-of-key")
    with serving(tmp_path / "server", key) as server:
        (tmp_path / "known_hosts").write_text(server.known_hosts())
        monkeypatch.setenv("SETTLE_KNOWN_HOSTS", str(tmp_path / "known_hosts"))
        monkeypatch.setenv("SETTLE_PULL_KEY", str(tmp_path / "key"))
        told = pull(server.url, code=2).stderr
        assert "the key of SETTLE_PULL_KEY cannot be read (TypeError)" in told
        monkeypatch.setenv("SETTLE_PULL_PASSPHRASE", "pass-of-key")
        assert "0 files pulled" in pull(server.url).stdout
        monkeypatch.setenv("SETTLE_PULL_KEY", str(tmp_path / "none"))
        assert "cannot be read (FileNotFoundError)" in pull(server.url, code=2).stderr


def test_a_server_that_cannot_be_trusted_gets_nothing(served: Served, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("")
    told = pull(served.url, code=2).stderr
    assert f"the server is not in {known}. Nothing was sent to it." in told and f"ssh-keyscan -p {served.port}" in told
    assert known.read_text() == ""
    known.write_text(served.known_hosts(paramiko.ECDSAKey.generate()))
    assert f"the server's key is not the one in {known}" in pull(served.url, code=2).stderr


def test_what_cannot_be_right_says_so(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no such folder or file" in pull(served.url.replace("/out", "/in"), code=2).stderr
    with_secret = served.url.replace(USER, f"{USER}:{PASSWORD}")
    assert "Take it out and set SETTLE_PULL_PASSWORD" in pull(with_secret, code=2).stderr
    assert "ftp://x/y: is no address to pull from." in pull("ftp://x/y", code=2).stderr
    assert "no-such: is no folder and no zip file." in pull("no-such", code=2).stderr
    monkeypatch.setenv("SETTLE_PULL_PASSWORD", "wrong-word")
    told = pull(served.url, code=2).stderr
    assert "the server refuses the account" in told and "wrong-word" not in told
    closed = served.url.replace(str(served.port), "1")
    assert "cannot be reached" in pull(closed, code=3).stderr


def test_a_folder_and_a_zip_are_places_too(duckdb_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "orders_1.csv").write_text("o\n")
    assert outcome(str(tmp_path / "drop")) == {"orders_1.csv": "pulled"}
    assert outcome(str(tmp_path / "drop")) == {"orders_1.csv": "known"}
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as archive:
        archive.writestr("day/payments_1.csv", "p\n")
        archive.writestr("day/orders_1.csv", "o\n")
    assert outcome(str(tmp_path / "day.zip")) == {"orders_1.csv": "pulled", "payments_1.csv": "pulled"}
    # The same bytes are in the inbox already, from the folder.
    assert sorted(file.name for file in Path("inbox").iterdir()) == ["orders_1.csv", "payments_1.csv"]
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a/x.csv", "1")
        archive.writestr("b/x.csv", "2")
    assert "two files in it have the same name" in pull(str(tmp_path / "twice.zip"), code=2).stderr
    (tmp_path / "torn.zip").write_bytes((tmp_path / "day.zip").read_bytes()[:-30])
    assert "is no zip file, or is cut short" in pull(str(tmp_path / "torn.zip"), code=2).stderr
