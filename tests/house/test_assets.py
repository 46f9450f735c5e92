"""go.js, translations and hashed static files: made when missing or old, else left alone."""

import gettext
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from chatops import assets
from tests.house.checkout import ROOT

#: Every form of import, without semicolons as our modules are written.
PAGE = """import {
  feed,
} from "./feed.js"
import "./feed.js"
export { feed } from "./feed.js"
const later = () => import("./feed.js")
"""


@pytest.fixture
def project(tmp_path, settings) -> Path:
    """A project folder with the npm files and nothing fetched."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(ROOT / name, tmp_path)
    settings.ROOT = tmp_path
    return tmp_path


def _npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `script` the only npm on PATH."""
    bin_ = folder / "bin"
    bin_.mkdir()
    (bin_ / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (bin_ / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}{os.pathsep}/usr/bin{os.pathsep}/bin")


def _npm_that_brings(text: str) -> str:
    folder = "node_modules/gojs/release"
    return f'[ "$1" = --version ] && echo 10.2.0 && exit\nmkdir -p {folder} && echo {text} > {folder}/go.js'


def _no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_npm_of_a_wheel", lambda folder, *options: "no wheel here.")


def test_a_go_js_that_is_not_the_pinned_one_is_not_kept(project, monkeypatch):
    _npm(project, _npm_that_brings("evil"), monkeypatch)
    _no_wheel(monkeypatch)
    said: list[str] = []

    fetched = assets.fetch_go_js(said.append)

    assert not fetched
    assert not assets.go_js().exists()
    assert "not the pinned one" in said[0]


def test_the_pinned_go_js_is_kept_and_not_fetched_again(project, monkeypatch):
    _npm(project, _npm_that_brings("library"), monkeypatch)
    monkeypatch.setattr(assets, "GO_JS_SHA256", hashlib.sha256(b"library\n").hexdigest())
    said: list[str] = []

    first = assets.fetch_go_js(said.append)
    (project / "bin" / "npm").unlink()
    second = assets.fetch_go_js(said.append)

    assert (first, second) == (True, True)
    assert said == ["go.js: fetched by npm."]
    assert not (project / "node_modules").exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 6.14.18", "version 7 or newer is needed, found 6.14.18"),
        (
            '[ "$1" = --version ] && echo 10.2.0 && exit\necho npm error code ECONNREFUSED >&2\nexit 1',
            "npm error code ECONNREFUSED",
        ),
    ],
    ids=["too old", "no network"],
)
def test_without_go_js_one_line_says_why_and_one_what_follows(project, monkeypatch, script, reason):
    _npm(project, script, monkeypatch)
    _no_wheel(monkeypatch)
    said: list[str] = []

    fetched = assets.fetch_go_js(said.append)

    assert not fetched
    assert reason in said[0]
    assert "list of steps without the graph" in said[-1]


def test_a_translation_is_compiled_once_and_again_when_it_changed(tmp_path, settings):
    source = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Ship"\nmsgstr "%s"\n'
    source.write_text(text % "发布")
    settings.LOCALE_PATHS = [tmp_path]

    first, second = assets.compile_translations(), assets.compile_translations()
    source.write_text(text % "上线")
    os.utime(source, ns=(2**62, 2**62))
    third = assets.compile_translations()

    assert (len(first), len(second), len(third)) == (1, 0, 1)
    with third[0].open("rb") as compiled:
        assert gettext.GNUTranslations(compiled).gettext("Ship") == "上线"


@pytest.fixture
def static(tmp_path, settings) -> Path:
    """Two modules, one importing the other, and the storage that installations use."""
    folder = tmp_path / "files"
    (folder / "js").mkdir(parents=True)
    (folder / "js" / "page.js").write_text(PAGE)
    (folder / "js" / "feed.js").write_text("export const feed = () => 1\n")
    settings.STATICFILES_DIRS = [folder]
    settings.STATIC_ROOT = str(tmp_path / "collected")
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "chatops.assets.HashedStaticFilesStorage"}}
    return folder


def test_modules_import_each_other_by_their_hashed_names(static, settings):
    assets.collect_static()

    root = Path(settings.STATIC_ROOT)
    hashed = json.loads((root / "staticfiles.json").read_text())["paths"]
    page, feed = root / hashed["js/page.js"], root / hashed["js/feed.js"]
    assert feed.exists()
    assert page.read_text() == PAGE.replace("feed.js", feed.name)


def test_static_files_are_collected_when_one_changed_and_not_otherwise(static):
    first, second = assets.collect_static(), assets.collect_static()
    (static / "js" / "feed.js").write_text("export const feed = () => 22\n")
    third = assets.collect_static()

    assert (first, second, third) == (True, False, True)
