"""Where things are: project, warehouse, target, configuration, templates, archive, from options and environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import yaml

from settle.errors import InputError

PROJECT_NAME = "settlement_warehouse"
PROFILE_NAME = "settlement"
SHIPPED_PROFILE = "profiles.example.yml"


@dataclass(frozen=True)
class Settings:
    """One call's surroundings. Paths are absolute; `archive_dir` need not exist yet."""

    project_dir: Path
    warehouse_path: Path
    target: str | None
    config_dir: Path
    template_dirs: tuple[Path, ...]
    archive_dir: Path
    time_zone: str
    schema_prefix: str
    profiles_dir: Path | None

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] | None = None) -> Settings:
        """Read the SETTLE_* variables (of the process, if none are given). Raises InputError on what cannot be."""
        env = os.environ if variables is None else variables
        project_dir = _project_dir(env)
        warehouse_path = Path(env.get("SETTLE_WAREHOUSE") or Path("warehouse") / "settlement.duckdb").absolute()
        target = env.get("SETTLE_TARGET") or None
        time_zone = env.get("SETTLE_TIME_ZONE") or "Asia/Shanghai"
        _check_time_zone(time_zone)
        schema_prefix = env.get("SETTLE_SCHEMA_PREFIX") or ""
        if schema_prefix and not (schema_prefix.replace("_", "a").isalnum() and schema_prefix == schema_prefix.lower()):
            raise InputError(
                f"SETTLE_SCHEMA_PREFIX: {schema_prefix!r} is no schema prefix. Use lower-case letters, digits and _."
            )
        template_dirs = [project_dir / "seeds" / "templates"]
        if env.get("SETTLE_TEMPLATES"):
            own = Path(env["SETTLE_TEMPLATES"]).absolute()
            if not own.is_dir():
                raise InputError(f"SETTLE_TEMPLATES: the folder {own} does not exist. Make it or unset the variable.")
            template_dirs.insert(0, own)
        config_dir = Path(env["SETTLE_CONFIG"]).absolute() if env.get("SETTLE_CONFIG") else None
        if config_dir is not None and not config_dir.is_dir():
            raise InputError(f"--config: the folder {config_dir} does not exist. Name the folder of the configuration.")
        profiles_dir = _profiles_dir(env, project_dir)
        settings = cls(
            project_dir=project_dir,
            warehouse_path=warehouse_path,
            target=target,
            config_dir=config_dir or project_dir / "seeds" / "config",
            template_dirs=tuple(template_dirs),
            archive_dir=warehouse_path.parent / "archive",
            time_zone=time_zone,
            schema_prefix=schema_prefix,
            profiles_dir=profiles_dir,
        )
        return replace(settings, archive_dir=_archive_dir(env, settings))

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone."""
        return ZoneInfo(self.time_zone)

    def environment(self) -> dict[str, str]:
        """The variables that dbt and a child process need to see the same surroundings."""
        variables = {
            "SETTLE_PROJECT": str(self.project_dir),
            "SETTLE_WAREHOUSE": str(self.warehouse_path),
            "SETTLE_CONFIG": str(self.config_dir),
            "SETTLE_TIME_ZONE": self.time_zone,
            "SETTLE_SCHEMA_PREFIX": self.schema_prefix,
            "SETTLE_ARCHIVE": str(self.archive_dir),
        }
        if len(self.template_dirs) > 1:
            variables["SETTLE_TEMPLATES"] = str(self.template_dirs[0])
        if self.target:
            variables["SETTLE_TARGET"] = self.target
        if self.profiles_dir:
            variables["DBT_PROFILES_DIR"] = str(self.profiles_dir)
        return variables

    @property
    def profile_file(self) -> Path:
        """The profiles.yml in use: the reader's own, else the shipped example."""
        return self.profiles_dir / "profiles.yml" if self.profiles_dir else self.project_dir / SHIPPED_PROFILE

    def connection(self) -> dict[str, Any]:
        """The output of the dbt profile that `target` chooses, rendered, with `target_name` added.

        Raises InputError when the profile, the target or a variable that it asks for is missing.
        """
        return _profile_output(self)


def _project_dir(env: Mapping[str, str]) -> Path:
    if env.get("SETTLE_PROJECT"):
        named = Path(env["SETTLE_PROJECT"]).absolute()
        if not _is_project(named):
            raise InputError(f"SETTLE_PROJECT: {named} holds no dbt_project.yml of {PROJECT_NAME}.")
        return named
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if _is_project(folder):
            return folder
    raise InputError(f"no dbt project {PROJECT_NAME} found above {here}. Go to the checkout or set SETTLE_PROJECT.")


def _is_project(folder: Path) -> bool:
    file = folder / "dbt_project.yml"
    if not file.is_file():
        return False
    lines = file.read_text(encoding="utf-8").splitlines()
    return any(line.split("#")[0].replace('"', "").split() == ["name:", PROJECT_NAME] for line in lines)


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"SETTLE_TIME_ZONE: {name!r} is no time zone. Use a name such as Asia/Shanghai.") from error


def _profiles_dir(env: Mapping[str, str], project_dir: Path) -> Path | None:
    if env.get("DBT_PROFILES_DIR"):
        named = Path(env["DBT_PROFILES_DIR"]).absolute()
        if not (named / "profiles.yml").is_file():
            raise InputError(
                f"DBT_PROFILES_DIR: {named} holds no profiles.yml. Copy {SHIPPED_PROFILE} there as profiles.yml, "
                "or unset the variable to use the shipped one."
            )
        return named
    for folder in (Path.cwd(), project_dir, Path.home() / ".dbt"):
        file = folder / "profiles.yml"
        # A profiles.yml of other projects in the home folder must not stop the first run here.
        if file.is_file() and (folder != Path.home() / ".dbt" or PROFILE_NAME in _read_profiles(file)):
            return folder
    return None


def _archive_dir(env: Mapping[str, str], settings: Settings) -> Path:
    if env.get("SETTLE_ARCHIVE"):
        return Path(env["SETTLE_ARCHIVE"]).absolute()
    try:
        output = settings.connection()
    except InputError:
        # Who opens the warehouse is told what is wrong with the profile; listing templates needs none.
        return settings.archive_dir
    if output["type"] == "duckdb" and output.get("path"):
        return Path(str(output["path"])).absolute().parent / "archive"
    return Path("archive").absolute()


def _read_profiles(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: is not readable as YAML: {error}") from error
    return content if isinstance(content, dict) else {}


def _profile_output(settings: Settings) -> dict[str, Any]:
    file = settings.profile_file
    if not file.is_file():
        raise InputError(f"no profile: {file} does not exist. Copy {SHIPPED_PROFILE} of the project to profiles.yml.")
    profile = _read_profiles(file).get(PROFILE_NAME)
    if not isinstance(profile, dict) or not isinstance(profile.get("outputs"), dict):
        raise InputError(
            f"{file}: has no profile {PROFILE_NAME!r} with outputs. Copy it from {SHIPPED_PROFILE} of the project."
        )
    variables = {**os.environ, **settings_variables(settings)}
    target = settings.target or str(_render(profile.get("target", "default"), variables, file))
    output = profile["outputs"].get(target)
    if not isinstance(output, dict):
        known = ", ".join(sorted(profile["outputs"]))
        raise InputError(f"{file}: profile {PROFILE_NAME!r} has no target {target!r}. It has: {known}.")
    rendered = {str(key): _render(value, variables, file) for key, value in output.items()}
    if rendered.get("type") not in ("duckdb", "postgres"):
        raise InputError(f"{file}: target {target!r} has type {rendered.get('type')!r}; use duckdb or postgres.")
    return {**rendered, "target_name": target}


def settings_variables(settings: Settings) -> dict[str, str]:
    """The variables a profile may ask for that come from options and not from the process."""
    variables = {"SETTLE_WAREHOUSE": str(settings.warehouse_path), "SETTLE_SCHEMA_PREFIX": settings.schema_prefix}
    return {**variables, "SETTLE_TARGET": settings.target} if settings.target else variables


def _render(value: Any, variables: Mapping[str, str], file: Path) -> Any:
    """Render dbt's own Jinja subset of profiles: env_var() and the filters as_number, as_bool, as_text, as_native."""
    if isinstance(value, dict):
        return {key: _render(entry, variables, file) for key, entry in value.items()}
    if isinstance(value, list):
        return [_render(entry, variables, file) for entry in value]
    if not isinstance(value, str) or "{" not in value:
        return value

    def env_var(name: str, default: str | None = None) -> str:
        if name in variables:
            return variables[name]
        if default is None:
            raise InputError(f"{file}: the environment variable {name} is not set. Set it, or give it a default there.")
        return default

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    for name in ("as_number", "as_bool", "as_text", "as_native"):
        environment.filters[name] = _same
    try:
        text = environment.from_string(value).render(env_var=env_var)
    except jinja2.TemplateError as error:
        raise InputError(f"{file}: {value!r} cannot be rendered: {error}") from error
    return int(text) if "as_number" in value and text.isdigit() else text


def _same(value: Any) -> Any:
    return value
