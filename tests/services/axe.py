"""axe-core, which finds what a page withholds from people: in node_modules, fetched by the project's own npm set-up."""

import shutil
from pathlib import Path

from chatops import assets
from tests.services import Missing

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def script() -> str:
    """Its source."""
    said: list[str] = []
    if not HERE.exists() and not assets.by_npm("axe-core", _keep, said.append):
        raise Missing(" ".join(said) or "axe-core is not there: run `npm ci`.")
    return HERE.read_text()


def _keep(modules: Path) -> str:
    fetched = modules / "axe-core" / "axe.min.js"
    if not fetched.is_file():
        return "the package has no axe.min.js."
    HERE.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(fetched, HERE)
    return ""
