"""How dbt is run: what comes back, what is raised, and what must stay untouched. On a project of three nodes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from settle.dbt import run_dbt, state_folder
from settle.errors import InputError, TryAgainError
from settle.settings import Settings
from settle.warehouse import open_warehouse

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = """
name: settlement_warehouse
version: "1.0.0"
config-version: 2
profile: settlement
model-paths: [models]
seed-paths: ["{{ env_var('SETTLE_CONFIG', 'seeds') }}"]
flags: {send_anonymous_usage_stats: false}
"""
TABLE = "{{ config(materialized='table') }}"
COLORS = "color,rank\nred,1\nblue,2\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one seed, one model and one data test, in a folder of its own; nothing of the user's is seen."""
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "seeds" / "config").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.example.yml").write_text((CHECKOUT / "profiles.example.yml").read_text())
    (folder / "models" / "ranked.sql").write_text("select color, rank + 1 as rank from {{ ref('colors') }}")
    (folder / "models" / "ranked.yml").write_text(
        "models:\n  - name: ranked\n    columns:\n      - name: rank\n"
        "        data_tests: [{not_null: {name: ranked__every_color_has_a_rank}}]\n"
    )
    (folder / "seeds" / "config" / "colors.csv").write_text(COLORS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    return folder


def settings_for(project: Path, **more: str) -> Settings:
    variables = {"SETTLE_PROJECT": str(project), "SETTLE_WAREHOUSE": str(project.parent / "data" / "w.duckdb"), **more}
    return Settings.from_environment(variables)


def test_a_good_build_says_what_it_did_and_leaves_the_process_as_it_was(project: Path) -> None:
    settings = settings_for(project)
    before, here = dict(os.environ), Path.cwd()
    outcome = run_dbt(settings, ["build"])
    assert (outcome.success, outcome.exit_code, outcome.failures) == (True, 0, [])
    assert (outcome.models_built, outcome.tests_passed) == (1, 1)
    assert dict(os.environ) == before
    assert Path.cwd() == here
    with open_warehouse(settings) as warehouse:
        assert warehouse.execute("select * from main.ranked order by 2") == [("red", 2), ("blue", 3)]


def test_a_failing_test_is_named_with_its_file_and_is_exit_1(project: Path) -> None:
    (project / "models" / "ranked.sql").write_text("select color, nullif(rank, 2) as rank from {{ ref('colors') }}")
    outcome = run_dbt(settings_for(project), ["build"])
    assert (outcome.success, outcome.exit_code) == (False, 1)
    assert outcome.failures == ["test ranked__every_color_has_a_rank (models/ranked.yml): 1 failing row"]


def test_a_model_that_does_not_run_is_exit_1(project: Path) -> None:
    (project / "models" / "ranked.sql").write_text("select color, no_such_column as rank from {{ ref('colors') }}")
    outcome = run_dbt(settings_for(project), ["build"])
    assert outcome.exit_code == 1
    assert outcome.failures[0].startswith("model ranked (models/ranked.sql): ")
    assert "no_such_column" in outcome.failures[0]


def test_a_configuration_file_that_does_not_load_is_exit_2_and_named_as_the_user_named_it(
    project: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "colors.csv").write_text("color,rank\nred,1,surplus\n")
    outcome = run_dbt(settings_for(project, SETTLE_CONFIG=str(own)), ["build"])
    assert (outcome.success, outcome.exit_code) == (False, 2)
    assert outcome.failures[0].startswith(f"seed colors ({own / 'colors.csv'}): ")


def test_dbt_does_not_write_over_the_users_configuration_folder(project: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "colors.csv").write_text(COLORS)
    for _ in range(2):
        assert run_dbt(settings_for(project, SETTLE_CONFIG=str(own)), ["build"]).success
    assert (own / "colors.csv").read_text() == COLORS
    assert (project / "seeds" / "config" / "colors.csv").read_text() == COLORS


def test_a_locked_warehouse_is_try_again_and_says_who_holds_it(project: Path) -> None:
    settings = settings_for(project)
    settings.warehouse_path.parent.mkdir()
    hold = "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(settings.warehouse_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(TryAgainError, match=rf"locked by process {holder.pid} \(python") as caught:
            run_dbt(settings, ["build"])
        assert caught.value.exit_code == 3
        assert holder.stdin is not None
        holder.stdin.close()


def test_a_server_that_is_not_there_is_try_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETTLE_PG_HOST", "127.0.0.1")
    monkeypatch.setenv("SETTLE_PG_PORT", "1")
    with pytest.raises(TryAgainError, match="cannot be reached"):
        run_dbt(settings_for(project, SETTLE_TARGET="postgres"), ["build"])


def test_an_unknown_target_is_an_input_error_that_lists_the_known_ones(project: Path) -> None:
    with pytest.raises(InputError, match=r"no target 'oracle'\. It has: duckdb, postgres\."):
        run_dbt(settings_for(project, SETTLE_TARGET="oracle"), ["build"])


@pytest.mark.parametrize(
    "message",
    [
        'IO Error: Could not write file "w.duckdb": File too large',
        "could not extend file: No space left on device",
        "Disk quota exceeded",
        "Out of Memory Error: failed to offload data block of size 256.0 KiB",
    ],
)
def test_every_sign_of_a_full_disk_is_try_again(project: Path, message: str) -> None:
    (project / "models" / "ranked.sql").write_text(f"{TABLE} select error('{message}') as color, 1 as rank")
    with pytest.raises(TryAgainError, match=r"no room left: .*\. Free disk space near .* then run again") as caught:
        run_dbt(settings_for(project), ["build"])
    assert message in str(caught.value)


def test_a_warehouse_that_may_not_grow_is_try_again(project: Path) -> None:
    """`ulimit -f` while the model writes 80 million bytes."""
    (project / "models" / "ranked.sql").write_text(
        f"{TABLE} select hash(range) as color, range as rank from range(10000000)"
    )
    settings = settings_for(project)
    call = (
        "from settle.dbt import run_dbt; from settle.settings import Settings\n"
        "try: run_dbt(Settings.from_environment(), ['build'], show_progress=False)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", call],
        env={**os.environ, **settings.environment(), "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, resource.RLIM_INFINITY)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("TryAgainError no room left: "), done.stdout + done.stderr
    assert "File too large" in done.stdout


def test_a_log_that_cannot_be_written_prints_no_tracebacks_of_its_own(project: Path, tmp_path: Path) -> None:
    """On a full disk our one sentence must not stand under hundreds of lines about the log file."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "dbt.log").symlink_to("/dev/full")
    settings = settings_for(project)
    here = {"DBT_LOG_PATH": str(logs), "PYTHONPATH": os.pathsep.join(sys.path)}
    call = (
        "import logging; from settle.dbt import run_dbt; from settle.settings import Settings\n"
        "outcome = run_dbt(Settings.from_environment(), ['build'], show_progress=False)\n"
        "print(outcome.success, logging.raiseExceptions)"
    )
    done = subprocess.run(
        [sys.executable, "-c", call],
        env={**os.environ, **settings.environment(), **here},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True\n", "")


def test_warehouses_have_dbt_folders_of_their_own(project: Path, tmp_path: Path) -> None:
    one = settings_for(project)
    two = settings_for(project, SETTLE_WAREHOUSE=str(tmp_path / "data" / "other.duckdb"))
    assert state_folder(one) != state_folder(two)
    assert state_folder(one) == state_folder(settings_for(project))
