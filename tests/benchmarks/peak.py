"""`python -m tests.benchmarks.peak URL`: rebuilds the pipeline view and prints the peak of its own memory in MB."""

import re
import sys
from pathlib import Path

from crm_core import CRM
from projections import pipeline


def peak_mb() -> float:
    """Since this program began, which `ru_maxrss` does not say: it counts from the fork."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None, "only Linux tells"
    return int(found[1]) / 1024


if __name__ == "__main__":
    with CRM.open(sys.argv[1], follow=[pipeline]) as crm:
        crm.rebuild(pipeline)
    print(f"{peak_mb():.1f}")
