"""The wrapper around every command: as a value, and run by the shell of this machine."""

import subprocess

import pytest

from deploy_core.rules import shell


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A;id", "Ä", "A\n"])
def test_what_no_shell_can_export_is_no_variable(name):
    with pytest.raises(ValueError, match="not an environment variable"):
        shell.variable_lines({name: "x"})


def test_values_of_variables_are_in_no_argument():
    counts, ahead = shell.variable_lines({"TOKEN": "hunter2\nline two"})

    assert "hunter2" not in shell.wrapped("true", "MARK", counts)
    assert ahead == b"hunter2\nline two\n"


def test_a_summary_is_one_short_line():
    assert shell.summary(("ls", "a b")) == "ls 'a b'"
    assert shell.summary("set -e\nrm x") == "set -e…"
    assert shell.summary("x" * 500) == "x" * 120 + "…"


# --- the wrapper ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["sh", "bash"])
@pytest.mark.parametrize("value", ["plain", "", " lead and trail ", "a\\nb\\", "l1\nl2\n", "'\"$(id)`x`", "é\u4e2d"])
def test_a_variable_arrives_as_it_was(program, value):
    counts, ahead = shell.variable_lines({"VALUE": value, "AFTER": "next"})
    line = shell.wrapped('printf %s "$VALUE"; echo "|$AFTER"; cat', "MARK", counts, has_stdin=True)

    done = subprocess.run([program, "-c", line], input=ahead + b"stdin stays", capture_output=True, timeout=30)

    head, _, said = done.stdout.partition(b"\n")
    assert head.startswith(b"MARK ")
    assert said == value.encode() + b"|next\nstdin stays"


def test_without_stdin_a_command_reads_nothing():
    done = subprocess.run(["sh", "-c", shell.wrapped("cat; echo end", "M")], input=b"noise", capture_output=True)

    assert done.stdout.splitlines()[1:] == [b"end"]


@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -9 $$", 137), ("no-such-program", 127)])
def test_the_exit_status_is_the_commands(script, status):
    done = subprocess.run(["sh", "-c", shell.wrapped(script, "M")], capture_output=True)

    assert done.returncode == status


def test_a_group_is_ended_with_all_that_is_in_it():
    script = "trap '' TERM; echo up; sleep 300 & sleep 300"
    process = subprocess.Popen(["sh", "-c", shell.wrapped(script, "MARK")], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        group = int(process.stdout.readline().split()[1])
        assert process.stdout.readline() == b"up\n"

        subprocess.run(["sh", "-c", shell.kill_group(group, grace_s=0.2)], check=True, timeout=30)

        assert process.wait(30) != 0
        # The pipe ends when the last process that holds it does.
        assert process.stdout.read() == b""
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_ending_a_group_that_is_gone_is_no_failure():
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait()

    subprocess.run(["sh", "-c", shell.kill_group(process.pid)], check=True, timeout=30)
