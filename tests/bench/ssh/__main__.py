"""Runs every tool in every scenario, prints a table, and writes docs/benchmarks.md and docs/benchmarks/ssh.json whole.

`--quick`: N = 10 only. `--times 3`: the best of so many runs of every tool. `--servers 2`: so many instead, and
`--tools a,b`: only these (ours is always there); neither of these two writes anything.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import report
from tests.bench.ssh import lab, peers, rest
from tests.bench.ssh.lab import Lab

HOME = Path(__file__).parents[3]
SCENARIOS = ("connect", "full", "incremental", "incremental-hardlink")
RELEASE = {"connect": "", "full": "A", "incremental": "B", "incremental-hardlink": "B"}
#: Scenario, tool, and how many times as long as ours it should take.
GOALS = (
    ("connect", "rawssh", 0.91),
    ("full", "rawssh", 1.0),
    ("full", "fabric", 1.5),
    ("full", "parallel-ssh", 1.5),
    ("full", "pyinfra", 1.5),
    ("full", "ansible", 5.0),
    ("incremental", "rsync", 4.0),
    ("incremental", "fabric", 6.0),
    ("incremental", "pyinfra", 6.0),
    ("incremental-hardlink", "rsync", 2.5),
)
#: The same of the client's CPU: raw ssh as OpenSSH comes, and with the cheapest ciphers it has.
CPU_GOALS = (("full", "rawssh-default", 2.0), ("full", "rawssh", 2.0))
#: Two processes of ours that share the servers.
SHARED = "shiproom-2-processes"
LIMIT_S = 300
Row = dict[str, Any]


def main() -> int:
    asked = argparse.ArgumentParser(prog="make bench-ssh", description=__doc__)
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--times", type=int, default=1)
    asked.add_argument("--servers", type=int)
    asked.add_argument("--tools", default="")
    words = asked.parse_args()
    os.environ["PATH"] += os.pathsep + "/usr/sbin:/sbin"
    data = Path(os.environ.get("SHIPROOM_DATA", HOME / "var"))
    tools = peers.install(data / "bench-ssh")
    names = [
        name
        for name in (words.tools.split(",") if words.tools else peers.SCRIPTS)
        if name in peers.SCRIPTS and _is_here(name)
    ]
    rows: list[Row] = []
    more: dict[str, Any] = {"load_before": {}}
    for count in (words.servers,) if words.servers else (10,) if words.quick else (10, 50):
        more["load_before"][str(count)] = round(os.getloadavg()[0], 1)
        with lab.running(count) as servers:
            for scenario in SCENARIOS:
                rows += _scenario(
                    servers,
                    tools,
                    scenario,
                    [name for name in names if _takes_part(name, scenario, count)],
                    words.times,
                )
            if "large" not in more:
                more["large"] = _large(servers)
                more["rest"] = rest.measure(servers.top / "rest")
                print(f"large: {more['large']}\nat rest: {more['rest']}", flush=True)
        if not (words.servers or words.tools):
            _write(rows, more)
    return 1 if any(row["fault"] for row in rows) else 0


def _is_here(tool: str) -> bool:
    program = {"rsync-c": "rsync", "rawssh": "zstd", "rawssh-default": "zstd"}.get(tool, tool)
    if program in ("rsync", "zstd") and not shutil.which(program):
        print(f"{tool} does not take part: apt-get install {program}")
        return False
    return True


def _takes_part(tool: str, scenario: str, count: int) -> bool:
    if tool == "ansible" and count > 10:
        return False
    if tool == "rawssh-default":
        return scenario in ("connect", "full")
    if tool.startswith("rsync"):
        return scenario != "connect"
    # The others do the same as in the incremental scenario: they send everything.
    return scenario != "incremental-hardlink"


def _scenario(servers: Lab, tools: Path, scenario: str, names: list[str], times: int) -> list[Row]:
    rows: list[Row] = []
    ours = ("shiproom", SHARED) if scenario == "full" else ("shiproom",)
    for tool in (*ours, *names):
        for row in _best([_attempt(servers, tools, tool, scenario) for _ in range(times)]):
            first_s = (rows or [row])[0]["wall_s"]
            row |= {"scenario": scenario, "n": len(servers.servers), "ratio": round(row["wall_s"] / first_s, 2)}
            rows.append(row)
            print(
                f"N={row['n']:<3} {scenario:21} {row['tool']:20} {row['wall_s']:7.2f} s"
                f"  CPU {row['client_cpu_s']:6.2f} s  {row['ratio']:6.2f}x  {row['fault']}",
                flush=True,
            )
    return rows


def _attempt(servers: Lab, tools: Path, tool: str, scenario: str) -> list[Row]:
    """One run, on servers as they were before, and what is wrong with what it left there."""
    if scenario in ("connect", "full") or tool == "shiproom":
        servers.empty()
    else:
        servers.lay_out()
    parts = {"shiproom": 1, SHARED: 2}.get(tool, 0)
    rows = _ours(servers, scenario, parts) if parts else [_peer(servers, tools, tool, scenario)]
    for row in rows:
        if not row["fault"] and RELEASE[scenario]:
            faults = servers.faults(RELEASE[scenario], "A" if RELEASE[scenario] == "B" else "")
            row["fault"] = "; ".join(faults[:3])
    return rows


def _best(runs: list[list[Row]]) -> list[Row]:
    """Of each row the fastest; a run with a fault is not hidden by a better one."""
    return [max(found, key=lambda row: (bool(row["fault"]), -row["wall_s"])) for found in zip(*runs, strict=True)]


def _large(servers: Lab) -> dict[str, float]:
    """A release that does not compress, to all servers at once: how much of it is in memory."""
    lab.make_large(servers.top)
    servers.empty()
    [row] = _ours(servers, "large")
    servers.empty()
    shutil.rmtree(servers.top / "L")
    return {
        "n": len(servers.servers),
        "release_mb": lab.LARGE_MB,
        "wall_s": row["wall_s"],
        "memory_mb": row.get("memory_mb", 0.0),
    }


def _ours(servers: Lab, scenario: str, parts: int = 1) -> list[Row]:
    """A warm worker, or `parts` that share the servers; for `connect` a row of its own for one that starts first."""
    shutil.rmtree(servers.top / "artifacts", ignore_errors=True)
    began, used = time.perf_counter(), _children_cpu_s()
    argv = [sys.executable, "-m", "tests.bench.ssh.ours", str(servers.top), scenario]
    # Django's settings are asked for nothing but defaults.
    around = {**os.environ, "DJANGO_SETTINGS_MODULE": "chatops.settings", "SHIPROOM_DATA": str(servers.top / "var")}
    workers = [
        subprocess.Popen(
            [*argv, str(part), str(parts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HOME,
            env=around,
        )
        for part in range(parts)
    ]
    for worker in workers:
        assert worker.stdout
        worker.stdout.readline()
    started_s = time.perf_counter() - began
    for worker in workers:
        assert worker.stdin
        with contextlib.suppress(BrokenPipeError):  # it ended: its answer will be empty
            worker.stdin.write("go\n")
            worker.stdin.flush()
    answers = [worker.stdout.readline() for worker in workers if worker.stdout]
    for worker in workers:
        worker.wait()
    name = "shiproom" if parts == 1 else f"shiproom-{parts}-processes"
    if not all(answers):
        return [_row(name, 0.0, 0.0, f"exit status {[worker.returncode for worker in workers]}")]
    told = [json.loads(answer) for answer in answers]
    row = _row(name, max(it["wall_s"] for it in told), sum(it["client_cpu_s"] for it in told), "")
    if told[0]["sent_bytes"]:
        row["sent_bytes"] = told[0]["sent_bytes"]
    row["memory_mb"] = round(sum(it["memory_mb"] for it in told), 1)
    cold = [_row("shiproom-cold", started_s + row["wall_s"], _children_cpu_s() - used, "")]
    return [row, *(cold if scenario == "connect" else [])]


def _peer(servers: Lab, tools: Path, tool: str, scenario: str) -> Row:
    began, used = time.perf_counter(), _children_cpu_s()
    process = peers.start(tool, servers.top, tools, scenario, RELEASE[scenario])
    try:
        status = process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    wall_s = time.perf_counter() - began
    fault = ""
    if status:
        log = (servers.top / tool / "log").read_text(errors="replace").strip().splitlines()
        fault = f"exit status {status}: {' / '.join(log[-3:])[-300:]}"
    return _row(tool, wall_s, _children_cpu_s() - used, fault)


def _row(tool: str, wall_s: float, cpu_s: float, fault: str) -> Row:
    return {"tool": tool, "wall_s": round(wall_s, 3), "client_cpu_s": round(cpu_s, 3), "fault": fault}


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(rows: list[Row], more: dict[str, Any]) -> None:
    good = [{key: value for key, value in row.items() if key != "fault"} for row in rows if not row["fault"]]
    about = _about()
    folder = HOME / "docs/benchmarks"
    folder.mkdir(exist_ok=True)
    (folder / "ssh.json").write_text(json.dumps({**about, **more, "rows": good}, indent=1) + "\n")
    report.put(HOME, "ssh", _page(about, good, more))


def _about() -> dict[str, str]:
    ssh = subprocess.run(["ssh", "-V"], check=True, capture_output=True, text=True).stderr.strip()
    return report.about(HOME, [ssh, *peers.PINS])


def _goal(rows: list[Row], scenario: str, tool: str, ratio: float) -> str:
    said = ", ".join(f"{row['ratio']:.2f} at N = {row['n']}" for row in _rows(rows, scenario, tool))
    return f"| {scenario} | {tool} | {ratio:.2f} | {said or 'not measured'} |"


def _cpu_goal(rows: list[Row], scenario: str, tool: str, ratio: float) -> str:
    ours = {row["n"]: row["client_cpu_s"] for row in _rows(rows, scenario, "shiproom")}
    found = [
        (row["n"], row["client_cpu_s"] / ours[row["n"]]) for row in _rows(rows, scenario, tool) if row["n"] in ours
    ]
    said = ", ".join(f"{measured:.2f} at N = {count}" for count, measured in found)
    return f"| {scenario}, client CPU | {tool} | {ratio:.2f} | {said or 'not measured'} |"


def _rows(rows: list[Row], scenario: str, tool: str) -> list[Row]:
    return [row for row in rows if (row["scenario"], row["tool"]) == (scenario, tool)]


def _page(about: dict[str, str], rows: list[Row], more: dict[str, Any]) -> str:
    large, idle = more["large"], more["rest"]
    parts = [
        "# The deploy core",
        "",
        f"Written by `make bench-ssh` on {about['date']}, commit `{about['commit'][:12]}`.",
        f"Machine: {about['machine']}. {about['versions']}.",
        "",
        "The servers are OpenSSH on the same machine and share its processors with the tools. A release is",
        f"up to {lab.FILES:,} source files of {lab.LIMIT_BYTES // 2**20} MB; for the next one {lab.EDITED} files",
        "are edited, one is added and one removed. Every result was compared by hash, and so was the release",
        "before. Ratio: their wall time over ours in the same run, so more than 1 means that ours was faster.",
        "CPU is the client's. `shiproom` is a worker that runs already, `shiproom-cold` one that starts its",
        "interpreter first; `shiproom-2-processes` are two that share the servers. `rawssh` is ssh, tar and zstd,",
        "sixteen at a time, with the cheapest key exchange and cipher that OpenSSH has; `rawssh-default` is the same",
        "as OpenSSH comes. `incremental` uses up the oldest release, `incremental-hardlink` links the current one.",
        "rsync has `--link-dest` in both; tools without an increment of their own send everything. Of all of them",
        "only ours verifies on the server what came there. The machine's load before the runs was "
        + ", ".join(f"{load} (N = {count})" for count, load in more["load_before"].items())
        + ".",
        "",
        f"A release of {large['release_mb']} MB that does not compress, sent to {large['n']} servers at once, made the",
        f"worker grow by {large['memory_mb']} MB. A worker with nothing to do, that asks for work once a second, used",
        f"{idle['cpu_percent']} % of a core and {idle['memory_mb']} MB.",
        "",
        "## Goals",
        "",
        "| scenario | against | ratio wanted | measured |",
        "|---|---|---:|---|",
        *[_goal(rows, *goal) for goal in GOALS],
        *[_cpu_goal(rows, *goal) for goal in CPU_GOALS],
    ]
    for count in sorted({row["n"] for row in rows}):
        for scenario in SCENARIOS:
            found = [row for row in rows if (row["n"], row["scenario"]) == (count, scenario)]
            if found:
                parts += [
                    "",
                    f"## {scenario}, N = {count}",
                    "",
                    "| tool | wall s | client CPU s | ratio | bytes per server | memory grew by, MB |",
                ]
                parts.append("|---|---:|---:|---:|---:|---:|")
            for row in sorted(found, key=lambda it: float(it["wall_s"])):
                sent = f"{row['sent_bytes']:,}" if "sent_bytes" in row else ""
                parts.append(
                    f"| {row['tool']} | {row['wall_s']:.2f} | {row['client_cpu_s']:.2f} | {row['ratio']:.2f} | {sent} |"
                    f" {row.get('memory_mb', '')} |"
                )
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
