"""From a fresh clone to a running Shiproom: `python3 -m chatops.bootstrap VERB`, which is all that the Makefile calls.

Only the standard library, because nothing is installed yet. Whatever `python3` is reads this file first, so it parses
on Python 3.6, and down to the version check it runs there too.
"""

import os
import subprocess
import sys

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _newer_python():  # type: () -> str
    """A Python of PATH that is new enough, "" if there is none. A name may be there and still not start (pyenv)."""
    probe = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for name in ("python3.14", "python3.13", "python3.12", "python3.11"):
            python = os.path.join(folder, name)
            if not os.path.exists(python):
                continue
            if subprocess.call([python, "-c", probe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
                return python
    return ""


def _leave_old_python():  # type: () -> None
    """Go on with a newer Python, or say that one is needed."""
    newer = _newer_python()
    if newer:
        os.chdir(ROOT)
        os.execv(newer, [newer, "-m", "chatops.bootstrap", *sys.argv[1:]])
    found = f"{sys.version_info[0]}.{sys.version_info[1]} ({sys.executable})"
    line = f"Python 3.11 or newer is needed, found {found}. Name one: make PYTHON=/path/to/python3.11 ...\n"
    sys.stderr.write(line)
    sys.exit(2)


if sys.version_info < OLDEST:
    _leave_old_python()

import hashlib
import importlib.util
import json
import platform
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

HOME = Path(ROOT)
VENV = HOME / ".venv"
PYTHON = str(VENV / "bin" / "python")
#: Which requirements files are installed, by the hash of their text.
STAMP = VENV / "shiproom.json"
RUNTIME = ("requirements.txt",)
#: The second repeats the first's pins, so one run of pip installs both.
EVERYTHING = ("requirements.txt", "requirements-dev.txt")
#: And one more for `make fuzz`, where there is a wheel of it.
FUZZ = ("requirements-fuzz.txt",)
TRIES = 3


def main(verb: str, words: list[str]) -> int:
    """Do what `make VERB` says; the exit status."""
    os.chdir(HOME)
    verbs = {
        "setup": setup,
        "run": run,
        "demo-check": demo_check,
        "test": test,
        "soak": soak,
        "mutants": mutants,
        "fuzz": fuzz,
        "proof-list": proof_list,
        "bench": bench,
        "bench-ssh": bench_ssh,
        "bench-room": bench_room,
        "screenshots": screenshots,
        "check": check,
        "fix": fix,
        "lock": lock,
    }
    if verb not in verbs:
        print(f"Verbs: {' '.join(verbs)}", file=sys.stderr)
        return 2
    return verbs[verb](words)


# --- verbs ------------------------------------------------------------------------------------------------------------
def setup(words: list[str]) -> int:
    """Everything installed, fetched and migrated; nothing started."""
    install(RUNTIME)
    return _run(_manage("assets")) or _run(_manage("migrate", "--verbosity", "0"))


def run(words: list[str]) -> int:
    """The demo, which migrates and serves. It takes the place of this process, so that Ctrl-C is its own affair."""
    install(RUNTIME)
    return _run(_manage("assets")) or _become(_manage("demo", *words))


def demo_check(words: list[str]) -> int:
    """The whole road without a browser: exit status 0 or 1."""
    install(RUNTIME)
    return _run(_manage("assets")) or _become(_manage("demo", "--check", *words))


def test(words: list[str]) -> int:
    """The tests; `words` go to pytest."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin:/sbin"  # where sshd and useradd are
    install(EVERYTHING)
    # One more than there are processors: many tests wait. tests/side_by_side.py says what stays together.
    workers = min((os.cpu_count() or 1) + 1, 4)
    return _run(_manage("assets")) or _become(_module("pytest", f"--numprocesses={workers}", *words))


def soak(words: list[str]) -> int:
    """The sweeps in their full form, which takes long."""
    os.environ["SHIPROOM_SOAK"] = "1"
    return test(words)


def mutants(words: list[str]) -> int:
    """Take each control away, one after the other (tests/mutants): a test must fail each time."""
    os.environ["SHIPROOM_MUTANTS"] = "1"
    install(EVERYTHING)
    return _become(_module("pytest", "tests/mutants", *words))


def fuzz(words: list[str]) -> int:
    """Feed the readers of frames, lines, deploy.yml and manifests with what nobody thought of; `words`: tests/fuzz."""
    install(EVERYTHING)
    if sys.platform == "linux" and platform.machine() == "x86_64":
        install(FUZZ)
    return _become(_module("tests.fuzz", *words))


def proof_list(words: list[str]) -> int:
    """Which test proves which row of bad_inputs.tsv, failpoint, mutant and entry point."""
    install(EVERYTHING)
    return _become(_module("pytest", "--collect-only", "--quiet", "--no-header", "--proof-list", *words))


def bench(words: list[str]) -> int:
    """Measurements; `words` name some of tests/bench, none means all."""
    install(EVERYTHING)
    _run(_manage("assets"))
    names = words or sorted(path.stem for path in HOME.glob("tests/bench/[a-z]*.py"))
    return max([_run(_module(f"tests.bench.{name}")) for name in names], default=0)


def bench_ssh(words: list[str]) -> int:
    """Our deploy core against other tools, on servers of this machine; `words` are those of tests/bench/ssh."""
    install(EVERYTHING)
    return _become(_module("tests.bench.ssh", *words))


def bench_room(words: list[str]) -> int:
    """Our room against other servers, with members on this machine; `words` are those of tests/bench/room."""
    install(EVERYTHING)
    return _run(_manage("assets")) or _become(_module("tests.bench.room", *words))


def screenshots(words: list[str]) -> int:
    """README's picture, and the pages in every state that matters, in var/screenshots."""
    install(EVERYTHING)
    return _run(_manage("assets")) or _become(_module("tests.browser.screenshots"))


def check(words: list[str]) -> int:
    """Everything that can be said about the code without running it; each finding is printed, all are run."""
    install(EVERYTHING)
    _run(_manage("assets"))
    production = {"PUBLIC_URL": "https://shiproom.example.org", "SHIPROOM_KEY_FILE": str(HOME.parent / "keys.json")}
    checks = {
        "types": (_module("mypy"), {}),
        "format": (_module("ruff", "format", "--check", "--quiet"), {}),
        "lint": (_module("ruff", "check", "--quiet"), {}),
        "imports": ([_tool("lint-imports"), "--no-logo"], {}),
        "templates": ([_tool("djade"), "--check", *_templates()], {}),
        "migrations": (_manage("makemigrations", "--check", "--dry-run"), {}),
        "deploy settings": (_manage("check", "--deploy", "--fail-level", "WARNING"), production),
        "javascript": (["node", "--test", *(str(path) for path in sorted(HOME.glob("tests/js/**/*.test.js")))], {}),
    }
    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        results = {name: pool.submit(_said, argv, more) for name, (argv, more) in checks.items()}
        failed = []
        for name, result in results.items():
            status, output = result.result()
            print(f"{'ok  ' if status == 0 else 'FAIL'}  {name}", flush=True)
            if status != 0:
                failed.append(name)
                print(output, flush=True)
    took = time.monotonic() - started
    print(f"check: {', '.join(failed)} failed" if failed else f"check: all {len(checks)} fine in {took:.0f} s")
    return 1 if failed else 0


def fix(words: list[str]) -> int:
    """Format, and mend what can be mended without thinking."""
    install(EVERYTHING)
    mended = _run(_module("ruff", "check", "--fix"))
    formatted = _run(_module("ruff", "format"))
    _said([_tool("djade"), *_templates()], {})  # its exit status says whether it changed something
    return mended or formatted


def lock(words: list[str]) -> int:
    """Write the pins anew. Run it with the oldest Python supported: what only that one needs must be pinned too."""
    install(EVERYTHING)
    compile_ = [*_module("piptools", "compile"), "--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe"]
    compile_ += ["--no-header", "--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host", *words]
    return _run([*compile_, "--output-file=requirements.txt", "pyproject.toml"]) or _run(
        [
            *compile_,
            "--extra=dev",
            "--constraint=requirements.txt",
            "--output-file=requirements-dev.txt",
            "pyproject.toml",
        ]
    )


# --- installing -------------------------------------------------------------------------------------------------------
def install(files: tuple[str, ...]) -> None:
    """`.venv` with what `files` pin; quick when it is there already."""
    if shutil.which("git") is None:
        _stop("git is needed: install it (apt install git, brew install git) and run this again.")
    wanted = {name: hashlib.sha256((HOME / name).read_bytes()).hexdigest() for name in files}
    installed = _installed()
    if not installed and not _works():
        _make_venv()
    if all(installed.get(name) == text for name, text in wanted.items()):
        return
    print(f"Installing what {files[-1]} pins into .venv …", flush=True)
    pip = _module("pip", "install", "-qq", "--disable-pip-version-check", "--no-input", "--require-hashes")
    pip += ["--retries", "5", "--timeout", "60", "-r", files[-1]]
    for attempt in range(1, TRIES + 1):
        if _run(pip, PIP_USER="0") == 0:
            break
        if attempt == TRIES:
            _stop("pip could not install them; its own words are above. Nothing else was changed.")
        time.sleep(2 * attempt)
    STAMP.write_text(json.dumps(installed | wanted))


def _installed() -> dict[str, str]:
    try:
        found = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and os.access(PYTHON, os.X_OK) else {}


def _works() -> bool:
    """Whether `.venv` is whole: it was made by hand, or a first `make` was interrupted."""
    return os.access(PYTHON, os.X_OK) and _said([PYTHON, "-m", "pip", "--version"], {})[0] == 0


def _make_venv() -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        _stop(
            "This Python has no venv module: install it (Debian, Ubuntu: apt install python3-venv) and run this again."
        )
    shutil.rmtree(VENV, ignore_errors=True)
    print(f"Making .venv with {sys.executable} …", flush=True)
    status, output = _said([sys.executable, "-m", "venv", str(VENV)], {})
    if status != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        last = output.strip().splitlines()[-1:] or ["no reason given"]
        _stop(f"Python could not make .venv: {last[0]} (Debian, Ubuntu: apt install python3-venv)")


# --- starting programs ------------------------------------------------------------------------------------------------
def _manage(*words: str) -> list[str]:
    return [PYTHON, "manage.py", *words]


def _module(name: str, *words: str) -> list[str]:
    return [PYTHON, "-m", name, *words]


def _tool(name: str) -> str:
    return str(VENV / "bin" / name)


def _templates() -> list[str]:
    return [str(path) for path in sorted(HOME.glob("templates/**/*.html"))]


def _run(argv: list[str], **more: str) -> int:
    """The exit status of a program that talks to this terminal."""
    return subprocess.run(argv, env={**os.environ, **more}, check=False).returncode


def _said(argv: list[str], more: dict[str, str]) -> tuple[int, str]:
    """Exit status and output of a program that talks to nobody."""
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        return 127, f"{argv[0]} is not on PATH: install it and run this again."
    return done.returncode, done.stdout


def _become(argv: list[str]) -> NoReturn:
    sys.stdout.flush()
    os.execv(argv[0], argv)


def _stop(line: str) -> NoReturn:
    print(line, file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
