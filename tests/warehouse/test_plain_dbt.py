"""`dbt` alone, without `settle`, on a configuration folder outside the project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

from settle.settings import Settings


def test_plain_dbt_reads_a_configuration_folder_and_leaves_it_as_it_is(
    duckdb_settings: Settings, tmp_path: Path
) -> None:
    # dbt writes the SQL of a node below its run folder, and an absolute path ends at the user's own file.
    config = tmp_path / "config"
    shutil.copytree(duckdb_settings.project_dir / "seeds" / "config", config)
    (config / "fx_rates.csv").unlink()
    before = {path.name: path.read_bytes() for path in config.iterdir()}
    profiles = tmp_path / "plain_profiles"
    profiles.mkdir()
    shutil.copy(duckdb_settings.project_dir / "profiles.example.yml", profiles / "profiles.yml")
    warehouse = tmp_path / "plain.duckdb"
    environment = {
        **os.environ,
        "SETTLE_CONFIG": str(config),
        "SETTLE_WAREHOUSE": str(warehouse),
        "SETTLE_SPILL": str(tmp_path / "spill"),
        "SETTLE_TARGET": "duckdb",
    }
    command = [sys.executable, "-m", "dbt.cli.main", "seed"]
    command += ["--profiles-dir", str(profiles), "--target-path", str(tmp_path / "target")]
    for _ in range(2):
        done = subprocess.run(
            [*command, "--log-path", str(tmp_path / "logs")],
            cwd=duckdb_settings.project_dir,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
    assert {path.name: path.read_bytes() for path in config.iterdir()} == before
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.execute("select count(*) from config.products").fetchone()
        shipped = connection.execute(
            "select count(*) from config_defaults.currencies where currency = 'CNY'"
        ).fetchone()
    assert rows is not None and rows[0] == len((config / "products.csv").read_text().splitlines()) - 1
    assert shipped == (1,)
