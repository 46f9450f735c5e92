"""How long the grammar takes for the worst lines of each kind, up to 10 kB: `python -m tests.bench.grammar`."""

import os
import statistics
import sys
import time

import django

LENGTH, ROUNDS, LIMIT_MS = 10_240, 30, 1.0


def _times_ms(line: str, surface: str) -> list[float]:
    from bot import context_file
    from bot.grammar import parse
    from bot.mistakes import Mistake
    from tests.cases.proven import CASES

    context = context_file.read(CASES.with_name("phrases_context.json").read_text())
    taken = []
    for _ in range(ROUNDS):
        begin = time.thread_time()
        try:
            parse(line, context, surface=surface, room="general")
        except Mistake as mistake:
            mistake.as_json()
        taken.append((time.thread_time() - begin) * 1000)
    return taken


def main() -> int:
    """Print the slowest kinds, in time of the processor; 1 if one of them takes longer than it should."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatops.settings")
    django.setup()
    from tests.bot.test_linear import FAMILIES, line_of

    found = []
    for family in FAMILIES:
        for surface in ("web", "slack"):
            taken = _times_ms(line_of(LENGTH, family), surface)
            found.append((statistics.median(taken), max(taken), family, surface))
    print(f"reading a line of {LENGTH:,} characters, median and worst of {ROUNDS}, the slowest kinds")
    for median, worst, family, surface in sorted(found, reverse=True)[:6]:
        print(f"  {median:6.3f} ms  {worst:6.3f} ms  {family} ({surface})")
    return int(max(found)[0] > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
