"""Log lines, stored while a step runs."""

import threading
from contextlib import suppress

import pytest
from django.db import OperationalError, transaction
from hypothesis import given
from hypothesis import strategies as st

from deploy_core import errors
from deploy_core.ledger import journal, log
from deploy_core.models import LogChunk, StreamHead


@pytest.fixture
def step(deployment):
    journal.take_over(deployment.pk, "embedded")
    deployment.refresh_from_db()
    return deployment.steps.get(key="build")


def writer(step, **more):
    return log.LogWriter(step.pk, step.deployment.epoch, **more)


def texts(step, after=0, limit=1000):
    return [text for _, _, _, text in log.lines(step.pk, after, limit)]


def test_lines_come_back_numbered_in_order_with_their_stream(step):
    with writer(step) as out:
        out.write("m", "$ make")
        out.write("o", "one\ntwo")
        out.write("e", "three")

    found = log.lines(step.pk)
    assert [(number, stream, text) for number, _, stream, text in found] == [
        (1, "m", "$ make"),
        (2, "o", "one"),
        (3, "o", "two"),
        (4, "e", "three"),
    ]
    assert all(stamp > 1_700_000_000_000 for _, stamp, _, _ in found)


def test_what_was_stored_in_a_transaction_that_came_to_nothing_is_stored_by_the_next(step):
    out = writer(step)
    out.write("o", "one")
    with suppress(OperationalError), transaction.atomic():
        out.begin()
        out.flush()
        raise OperationalError("the database went away")
    out.write("o", "two")

    with transaction.atomic():
        out.begin()
        out.flush()
        out.write("o", "three")
        out.flush()
    out.commit()
    with transaction.atomic():
        out.begin()
        out.flush()

    assert texts(step) == ["one", "two", "three"]
    step.refresh_from_db()
    assert (out.last_line, step.log_lines) == (3, 3)


def test_any_span_can_be_read_across_chunks(step):
    with writer(step) as out:
        for number in range(1, 101):
            out.write("o", str(number))
            if not number % 7:
                out.flush()

    assert LogChunk.objects.count() > 10
    for after, limit in ((0, 3), (6, 1), (7, 1), (13, 30), (98, 50), (100, 5)):
        assert texts(step, after, limit) == [str(n) for n in range(after + 1, min(after + limit, 100) + 1)]


def test_a_flush_is_rung_once_with_its_newest_line(step, rung, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), writer(step) as out:
        out.write("o", "one\ntwo")

    step.refresh_from_db()
    assert rung == [(f"log:{step.pk}", 2)]
    assert (step.log_lines, StreamHead.objects.get(kind="log", stream_id=step.pk).number) == (2, 2)


def test_lines_are_stored_while_the_step_is_silent(step, settings):
    settings.LOG_FLUSH_S = 0.0
    out = writer(step)

    out.write("o", "still here")
    out.flush_if_due()

    assert texts(step) == ["still here"]


def test_nothing_is_stored_before_its_time(step, settings):
    settings.LOG_FLUSH_S = 60.0
    out = writer(step)

    out.write("o", "soon")
    out.flush_if_due()

    assert texts(step) == []


def test_a_writer_far_ahead_of_the_database_waits_for_it(step, settings):
    settings.LOG_FLUSH_S = 60.0
    lines = log.WAITING_BYTES // 1_000 + 10
    out = writer(step)
    thread = threading.Thread(target=lambda: [out.write("o", "x" * 1_000) for _ in range(lines)])

    thread.start()
    while thread.is_alive():
        out.flush_if_due()
        thread.join(0.001)
    out.flush()

    assert out.last_line == lines
    assert len(texts(step)) == lines


def test_a_closed_writer_lets_go_whoever_waits(step, settings):
    settings.LOG_FLUSH_S = 60.0
    out = writer(step)
    thread = threading.Thread(target=lambda: [out.write("o", "x" * 1_000) for _ in range(1_000)], daemon=True)
    thread.start()

    out.close()
    thread.join(20)

    assert not thread.is_alive()


def test_chunks_hold_at_most_16_kb(step, settings):
    settings.LOG_FLUSH_S = 60.0
    with writer(step) as out:
        for _ in range(50):
            out.write("o", "x" * 1000)

    sizes = [len(chunk.text) for chunk in LogChunk.objects.all()]
    assert len(sizes) == 4
    assert max(sizes) <= log.CHUNK_BYTES


def test_a_full_log_stops_the_step_and_keeps_what_it_has(step, settings):
    settings.LOG_LIMIT_BYTES = 1_000
    with writer(step) as out:
        with pytest.raises(errors.OutputLimit):
            out.write("o", "\n".join(f"line {number}" for number in range(1_000)))
        out.write("m", "stopped")

    found = texts(step)
    assert found[0] == "line 0"
    assert found[-1] == "stopped"
    assert sum(len(text) for text in found) < 1_000


def test_a_second_attempt_writes_on_and_shares_the_limit(step, settings):
    with writer(step) as out:
        out.write("o", "first")
    settings.LOG_LIMIT_BYTES = 50
    with writer(step) as out, pytest.raises(errors.OutputLimit):
        out.write("o", "x" * 20)

    assert texts(step) == ["first"]


def test_an_overtaken_writer_stores_nothing(step, deployment):
    out = writer(step)
    out.write("o", "late")
    journal.take_over(deployment.pk, "another")

    with pytest.raises(journal.Fenced), transaction.atomic():
        out.flush()

    assert texts(step) == []


def test_text_is_masked_before_it_is_kept_anywhere(step):
    with writer(step, mask=lambda text: text.replace("hunter2", "***")) as out:
        out.write("e", "password: hunter2")

    assert texts(step) == ["password: ***"]
    assert list(out.tail) == ["password: ***"]


def test_the_tail_is_the_last_lines_that_the_command_printed(step):
    with writer(step) as out:
        for number in range(9):
            out.write("e", f"line {number}")
        out.write("m", "our own word")

    assert list(out.tail) == [f"line {number}" for number in range(4, 9)]


def test_an_endless_line_goes_on_in_the_next(step):
    with writer(step) as out:
        out.write("o", "x" * 9_000)

    assert [len(text) for text in texts(step)] == [4_000, 4_000, 1_000]


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b]52;c;x\x07", "\\x1b]52;c;x\\x07"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("nul\x00", "nul\\x00"),
        ("lone \ud800", "lone \\xd800"),
        ("tab\tstays", "tab\tstays"),
        ("progress 1\rprogress 2\r", "progress 1\\x0dprogress 2"),
        ("</script>", "</script>"),
        ("", ""),
    ],
)
def test_nothing_that_steers_a_terminal_is_kept_but_colours(step, printed, kept):
    with writer(step) as out:
        out.write("o", printed)

    assert texts(step) == [kept]


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_is_made_fit_for_every_database(text):
    harmless = log.harmless(text)

    harmless.encode()
    assert "\x00" not in harmless


def test_text_is_found_in_the_whole_log_whatever_its_case_and_colours(step, monkeypatch):
    monkeypatch.setattr(log, "CHUNK_BYTES", 64)
    with writer(step) as out:
        out.write("o", "\n".join(["start", *["x" * 30] * 9, "\x1b[31mNo SPACE\x1b[0m left", "no space again"]))

    found = log.find(step.pk, "no space", limit=1)

    assert LogChunk.objects.filter(step=step).count() > 3
    assert (found.total, [line[0] for line in found.lines]) == (2, [11])
    assert log.find(step.pk, "31m").total == 0
    assert log.find(step.pk, "").total == 0


def test_the_last_line_of_any_moment_is_known(step):
    for first, text in ((1, "10 o a\n20 o b"), (3, "20 o c\n40 o d"), (5, "50 o e")):
        LogChunk.objects.create(step=step, first_line=first, count=text.count("\n") + 1, text=text)

    assert [log.last_line_by(step.pk, ms) for ms in (9, 10, 19, 20, 39, 40, 49, 50, 99)] == [0, 1, 1, 3, 3, 4, 4, 5, 5]
    assert log.last_line_by(step.pk + 1, 99) == 0
