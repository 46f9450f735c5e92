"""The project's own files, as git knows them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def tracked() -> list[Path]:
    """Every file that is committed, or would be by `git add`, and is there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted(path for name in set(listed.split("\0")) - {""} if (path := ROOT / name).is_file())


def under(folder: str, ending: str) -> list[Path]:
    """Tracked files below `folder` whose name ends so."""
    return [path for path in tracked() if path.is_relative_to(ROOT / folder) and path.name.endswith(ending)]


def product() -> list[Path]:
    """Tracked Python files of the three packages."""
    return [path for package in ("chatops", "bot", "deploy_core") for path in under(package, ".py")]


def rows_of(page: str) -> dict[str, list[str]]:
    """First cell without backticks → the other cells, of every table row of a Markdown page that starts with code."""
    found = {}
    for line in (ROOT / page).read_text().splitlines():
        if row := re.match(r"\| `([^`]+)` \|(.*)\|$", line):
            found[row[1]] = [cell.strip() for cell in row[2].split(" | ")]
    return found
