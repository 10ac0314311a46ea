"""Run one command and write what it took: `python launch.py REPORT COMMAND…`. Standard library only.

The kernel counts what a process was forked from into its peak memory. Between the benchmark, which may have grown, and
the measured command there must be a process that is small: this one.
"""

import json
import os
import subprocess
import sys
import time


def main() -> int:
    """Run the command, write seconds, CPU seconds and peak bytes to REPORT, and end with the command's exit code."""
    report, command = sys.argv[1], sys.argv[2:]
    started = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    peak_bytes = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
    measured = {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": peak_bytes}
    with open(report, "w", encoding="utf-8") as file:
        json.dump(measured, file)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main())
