"""docs/benchmarks.md: one part per bench, each rewritten whole by its own."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def put(home: Path, name: str, text: str) -> None:
    """Write `text` as part `name`, in the place of what that bench wrote before, or at the end."""
    path = home / "docs/benchmarks.md"
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    known = path.read_text() if path.exists() else ""
    before, found, rest = known.partition(begin)
    if found:
        rest = rest.partition(end)[2]
    elif before:
        before = before.rstrip("\n") + "\n\n"
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest}")


def about(home: Path, versions: list[str]) -> dict[str, str]:
    """When, of which commit and where something was measured: `commit`, `date`, `machine`, `versions`."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=home, check=True, capture_output=True, text=True)
    load = ", ".join(f"{it:.1f}" for it in os.getloadavg())
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    return {
        "commit": commit.stdout.strip(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} x {cpu}, {system}, load {load} at the end",
        "versions": ", ".join([f"Python {platform.python_version()}", *versions]),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
