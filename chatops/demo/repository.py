"""The shop's git repository, made by git from shop/ and the patches in history/: the same commits everywhere."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIRST = ("Serve the front page", "2026-03-02T09:00:00+0000")

#: What happens after the first commit, in order: `git` and the arguments.
HISTORY = (
    ("tag", "v1.0.0"),
    ("am", "1-prices.patch"),
    ("tag", "v1.1.0"),
    ("am", "2-visits.patch"),
    ("checkout", "-b", "feature/banner", "main"),
    ("am", "banner.patch"),
    ("checkout", "-b", "broken", "main"),
    ("am", "broken.patch"),
    ("checkout", "main"),
)


def make(path: Path) -> None:
    """Make the bare repository `path` unless it is there: it appears whole or not at all."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".shop-") as work:
        _git(work, "init", "--initial-branch=main", "--template=", ".")
        shutil.copytree(HERE / "shop", work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        _git(work, "add", "--all")
        _git(work, "update-index", "--chmod=+x", "bin/restart")  # an unpacked archive may have lost the bit
        _git(work, "commit", f"--message={FIRST[0]}", date=FIRST[1])
        for verb, *words in HISTORY:
            if verb == "am":
                _git(work, "am", "--committer-date-is-author-date", str(HERE / "history" / words[0]))
            else:
                _git(work, verb, *words)
        _git(work, "config", "core.bare", "true")
        Path(work, ".git").rename(path)


def _git(folder: str, *words: str, date: str = "") -> None:
    """Run git in `folder` with no settings but these, so that every machine makes the same commits."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Shop demo",
        "GIT_AUTHOR_EMAIL": "demo@example.invalid",
        "GIT_COMMITTER_NAME": "Shop demo",
        "GIT_COMMITTER_EMAIL": "demo@example.invalid",
    }
    if date:
        environment |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"git {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
