"""What was measured, as a table of docs/benchmarks.md and as rows of docs/benchmarks/room.json."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import report

Row = dict[str, Any]
OURS = "shiproom"
#: In which figure a scenario compares, and whether more of it is better.
MEASURE = {
    "single": ("per_cpu_s", True),
    "saturated": ("deliveries_per_s", True),
    "rate-60": ("p99_ms", False),
    "rate-5": ("p99_ms", False),
}
FIGURES = ("deliveries_per_s", "per_cpu_s", "p50_ms", "p99_ms")
COLUMNS = (
    "server", "scenario", "members", "deliveries_per_s", "per_cpu_s", "p50_ms", "p99_ms", "kb_per_connection", "ratio",
)  # fmt: skip
WORDS = {
    "single": "One message at a time",
    "rate-5": "5 messages a second",
    "rate-60": "60 messages a second",
    "saturated": "32 messages under way",
}
#: What the reader of the tables has to know.
ABOUT = """\
One process per server, all members in one room, server and load client on the same machine. A message has 120 letters.
Shiproom is `manage.py serve` as installed, its engine inside, on SQLite with `synchronous=FULL`: each member is a
person with a session of their own, comes in by `/rt/ws` and sends no more than ten lines in five seconds; each line is
checked, stored and numbered before anybody gets it. The others give on what comes and keep nothing; their Redis' own
CPU is not counted. `tutorial` is the chat of the Channels tutorial with its Redis layer. The milliseconds are from the
sender to each member.

One message at a time and 60 a second are measured in short turns, server after server, while all of them are up: a
machine that is faster in one minute than in the next favours nobody. Figures and ratios are the medians of the turns.

Ratio: how many times better Shiproom is in the same run: by deliveries per second of the server's CPU for one message
at a time, by deliveries per second under load, by p99 at a fixed rate. A server that could not keep up left messages
undelivered when the time was over; its milliseconds are of those that came."""
POLLS = """\
Of {parked:,} long polls parked in one process, {kb_per_poll:.0f} KB each, {answered:,} had a line that was written
then, half of them after {p50_ms:,} ms, the last after {last_ms:,} ms."""


def compare(rows: list[Row]) -> None:
    """Give each row its `ratio`: how many times better Shiproom is than this server, in the scenario's own measure.

    Where both were measured in turns, it is the median of the turns' ratios.
    """
    for row in rows:
        ours = [it for it in rows if it["server"] == OURS and _place(it) == _place(row)]
        pairs = zip(ours[0].get("turns", ours[:1]), row.get("turns", [row]), strict=False) if ours else ()
        ratios = [_ratio(one, other) for one, other in pairs]
        row["ratio"] = round(median(ratios), 2) if ratios else None


def _ratio(ours: Row, other: Row) -> float:
    figure, is_more_better = MEASURE[ours["scenario"]]
    better, worse = (ours, other) if is_more_better else (other, ours)
    return float(better[figure]) / float(worse[figure] or 1)


def _place(row: Row) -> tuple[str, int]:
    return row["scenario"], row["members"]


def line(row: Row) -> str:
    """A row for the terminal."""
    late = f"  {row['missing']} undelivered" if row["missing"] else ""
    return (
        f"C={row['members']:<5}{row['scenario']:10} {row['server']:15} {row['deliveries_per_s']:>10,}/s"
        f" {row['per_cpu_s']:>10,}/CPU-s  p50 {row['p50_ms']:>8.1f}  p99 {row['p99_ms']:>8.1f} ms"
        f" {row['kb_per_connection']:>6.1f} KB  {row['ratio'] or 0:>7.2f}x{late}"
    )


def write(home: Path, rows: list[Row], beside: Row, versions: list[str]) -> None:
    """Write both files; the rows are all of this run, and `beside` is what has no row."""
    about = report.about(home, versions)
    told = [{name: row[name] for name in COLUMNS} for row in rows]
    (home / "docs/benchmarks/room.json").write_text(json.dumps({**about, **beside, "rows": told}, indent=1) + "\n")
    report.put(home, "room", _text(about, rows, beside))


def _text(about: dict[str, str], rows: list[Row], beside: Row) -> str:
    parts = [
        "# The room",
        "",
        f"Written by `make bench-room` on {about['date']}, commit `{about['commit'][:12]}`.",
        f"Machine: {about['machine']}. {about['versions']}.",
        "",
        ABOUT,
    ]
    if beside:
        parts += [
            "",
            f"One process stores {beside['lines_per_s']:,} lines a second when more are always waiting.",
            POLLS.format(**beside["polls"]),
        ]
    for size in sorted({row["members"] for row in rows}):
        for scenario, words in WORDS.items():
            found = [row for row in rows if _place(row) == (scenario, size)]
            if not found:
                continue
            parts += [
                "",
                f"## {words}, {size:,} members",
                "",
                "| server | deliveries/s | per CPU second | p50 ms | p99 ms | KB per member | ratio |",
                "|---|---:|---:|---:|---:|---:|---:|",
            ]
            parts += [
                f"| {row['server']}{' (could not keep up)' if row['missing'] else ''} | {row['deliveries_per_s']:,} "
                f"| {row['per_cpu_s']:,} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['kb_per_connection']:.0f} "
                f"| {row['ratio'] or 0:.2f} |"
                for row in found
            ]
    return "\n".join(parts) + "\n"
