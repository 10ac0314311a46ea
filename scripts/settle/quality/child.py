"""`python -m settle.quality.child`: checks batches in a process of its own; a request on stdin, findings on stdout."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from settle.errors import SettleError
from settle.quality.suites import read_suites, suite_folders
from settle.settings import Settings


def main() -> None:
    """Answer the request of `settle.quality.start`, and leave without the clean-up that engines print remarks about."""
    request = json.load(sys.stdin)
    # Libraries print what they like; the answer has stdout for itself.
    answer, sys.stdout = sys.stdout, sys.stderr
    try:
        from settle.quality.checkpoint import Batch, check_batch
        from settle.quality.data_docs import make_offline

        settings = Settings.from_environment()
        suites = read_suites(suite_folders(settings))
        findings = []
        for batch_id, day in request["batches"]:
            docs = Path(request["docs"]) / f"batch-{batch_id}"
            findings += check_batch(settings, suites, Batch(batch_id, date.fromisoformat(day)), docs)
            make_offline(docs)
        reply: dict[str, Any] = {"findings": [asdict(finding) for finding in findings]}
    except SettleError as error:
        reply = {"error": str(error), "exit_code": error.exit_code}
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    json.dump(reply, answer, default=str)
    answer.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
