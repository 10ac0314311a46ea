"""The inbox: a folder whose files find their template by their name."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from settle.errors import InputError
from settle.load.catalog import all_templates
from settle.load.datasets import DATASETS
from settle.load.loader import FileJob
from settle.settings import Settings

# What transfer programs and editors leave beside the files.
NOT_FILES = (".*", "*.part", "*.tmp", "*.filepart", "*~")


def inbox_jobs(settings: Settings, folder: Path) -> list[FileJob]:
    """The files of a folder with their templates, orders first. Raises InputError for names that no template takes.

    A file that was loaded before stays in the list: loading says so and changes nothing.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder. Name the folder that holds the files.")
    templates = all_templates(settings)
    order = list(DATASETS)
    jobs, strangers = [], []
    for path in sorted(folder.iterdir()):
        if path.is_dir() or any(fnmatchcase(path.name, pattern) for pattern in NOT_FILES):
            continue
        fitting = [each for each in templates if any(fnmatchcase(path.name, name) for name in each.file_names)]
        if len(fitting) == 1:
            canonical = fitting[0].name == "canonical"
            jobs.append(FileJob(fitting[0].dataset, path, None if canonical else fitting[0].name))
        else:
            known = " and ".join(each.name for each in fitting) or "no template"
            strangers.append(
                f"{path}: {known} takes a file of this name. Rename it, or load it by settle load DATASET."
            )
    if strangers:
        raise InputError("\n".join([*strangers, "Nothing was loaded."]))
    return sorted(jobs, key=lambda job: order.index(job.dataset))
