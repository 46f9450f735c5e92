"""`manage.py explain`, as a program."""

import json
import os
import subprocess
import sys

from django.core.management import call_command

from tests import factories
from tests.bot.conftest import CASES, ROOT

CONTEXT = str(CASES / "phrases_context.json")


def explain(*arguments, stdin="", tmp_path):
    command = [sys.executable, "manage.py", "explain", *arguments]
    environment = {**os.environ, "SHIPROOM_DATA": str(tmp_path / "var")}
    return subprocess.run(
        command, input=stdin.encode(), capture_output=True, cwd=ROOT, env=environment, timeout=60, check=False
    )


def test_it_answers_every_case_on_stdin_with_one_line_and_needs_no_database(tmp_path):
    rows = [line.split("\t") for line in (CASES / "phrases.tsv").read_text().splitlines()]
    asked, wanted = [], []
    for line, expected in rows:
        answer = json.loads(expected)
        asked.append({"text": line, "room": answer.pop("_room", "general"), "surface": answer.pop("_surface", "web")})
        wanted.append(answer)
    stdin = "\n".join(json.dumps(each) for each in asked)

    done = explain("--stdin", "--context", CONTEXT, stdin=stdin, tmp_path=tmp_path)

    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == wanted
    assert not (tmp_path / "var" / "app.db").exists()


def test_a_line_that_is_no_question_is_answered_and_the_next_one_too(tmp_path):
    stdin = 'no json\n[1]\n{"text": 5}\n{"text": "/status", "surface": null}\n'

    done = explain("--stdin", "--context", CONTEXT, stdin=stdin, tmp_path=tmp_path)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == [{"error": "bad_frame"}] * 3 + [{"cmd": "status"}]


def test_a_wrong_call_says_how_to_call_it(tmp_path):
    nothing = explain(tmp_path=tmp_path)
    nowhere = explain("/status", "--context", str(tmp_path / "none.json"), tmp_path=tmp_path)

    assert nothing.returncode == nowhere.returncode == 1
    assert b"Example: manage.py explain" in nothing.stderr
    assert b"is no context file" in nowhere.stderr


def test_without_a_file_it_knows_the_names_of_the_database(shop, capsys):
    factories.app("billing")

    call_command("explain", "/deploy acme-inc/shop to prod")
    call_command("explain", "/deploy bil to prod")
    call_command("explain", "/deploy to prod", room="demo", default_app="shop")

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"cmd": "deploy", "app": "shop", "env": "production"},
        {"error": "unknown_app", "given": "bil", "suggest": ["billing"]},
        {"cmd": "deploy", "env": "production"},
    ]
