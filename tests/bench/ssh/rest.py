"""A worker with nothing to do: what it costs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(__file__).parents[3]
SETTLE_S = 5
WATCH_S = 20


def measure(data: Path) -> dict[str, float]:
    """`cpu_percent` of a core and `memory_mb` of `manage.py worker` on an installation of its own in `data`."""
    around = {**os.environ, "SHIPROOM_DATA": str(data), "SHIPROOM_ENGINE_POLL_S": "1.0", "SHIPROOM_TICK_S": "1.0"}
    around.pop("DATABASE_URL", None)
    manage = [sys.executable, "manage.py"]
    data.mkdir(parents=True)
    subprocess.run([*manage, "migrate"], cwd=HOME, env=around, check=True, capture_output=True)
    worker = subprocess.Popen(
        [*manage, "worker"], cwd=HOME, env=around, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert worker.stdout
        while "is ready" not in (line := worker.stdout.readline()):
            if not line:
                raise RuntimeError(f"the worker ended with {worker.wait()}")
        time.sleep(SETTLE_S)
        used, began = _cpu_s(worker.pid), time.perf_counter()
        time.sleep(WATCH_S)
        percent = 100 * (_cpu_s(worker.pid) - used) / (time.perf_counter() - began)
        status = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        held_kb = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait()
    return {"cpu_percent": round(percent, 1), "memory_mb": round(held_kb / 1024, 1)}


def _cpu_s(pid: int) -> float:
    """User and system time (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
