"""What is committed, and what must not be."""

import json
import re
import tomllib

from tests.house.checkout import ROOT, product, rows_of, tracked, under

PINNED = re.compile(r"^[a-z0-9][a-z0-9.-]*==\S+( ; python_version [<>=]+ \"[\d.]+\")? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def test_the_requirements_are_exact_pins_with_hashes_and_name_no_host():
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-fuzz.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if not line.lstrip().startswith("#")]

        strange = [line for line in lines if line and not PINNED.match(line) and not HASH.match(line)]

        assert lines
        assert strange == []


def test_the_development_pins_repeat_the_runtime_pins():
    pins = {
        name: set(re.findall(r"^\S+==\S+", (ROOT / name).read_text(), re.M))
        for name in ("requirements.txt", "requirements-dev.txt")
    }

    assert pins["requirements.txt"] <= pins["requirements-dev.txt"]


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        "requirements.txt": project["dependencies"],
        "requirements-dev.txt": project["dependencies"] + project["optional-dependencies"]["dev"],
    }

    for name, dependencies in wanted.items():
        pins = set(re.findall(r"^(\S+)==", (ROOT / name).read_text(), re.M))
        assert {re.split(r"[\[><=~]", each)[0].lower() for each in dependencies} <= pins


def test_the_npm_lock_has_integrity_and_names_no_host():
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert [name for name, package in packages.items() if not package.get("dev")] == ["node_modules/gojs"]
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert all("resolved" not in package for package in packages.values())


def test_nothing_fetched_built_or_private_is_committed():
    names = [str(path.relative_to(ROOT)) for path in tracked()]
    forbidden = re.compile(
        r"(^|/)(node_modules|vendor|\.venv|__pycache__|var)/|(^|/)(go\.js|uv\.lock|secret_key|keys\.json|id_[a-z0-9]+)$"
        r"|\.(mo|pyc|pem|key|db|sqlite3|p12|log)$"
    )

    assert [name for name in names if forbidden.search(name)] == []


def test_no_committed_file_holds_a_private_key():
    marker = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")

    assert [str(path) for path in tracked() if marker.search(path.read_bytes())] == []


def test_no_committed_file_is_large():
    large = {str(path.relative_to(ROOT)): path.stat().st_size for path in tracked() if path.stat().st_size > 1_000_000}

    assert large == {}


def test_what_convention_wants_at_the_top_is_there():
    wanted = ("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", ".ci/run")

    assert [name for name in wanted if not (ROOT / name).is_file()] == []
    assert "the Shiproom authors" in (ROOT / "LICENSE").read_text()


def test_templates_hold_no_inline_code():
    """The Content-Security-Policy would refuse it, in the browser only."""
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|<style\b|\sstyle=[\"']|\son[a-z]+=[\"']|href=[\"']javascript:",
        re.I,
    )
    found = [
        f"{path.name}: {match[0]}"
        for path in under("templates", ".html")
        for match in inline.finditer(path.read_text())
    ]

    assert found == []


def test_only_the_doorbell_talks_to_the_channel_layer():
    """import-linter does not look inside packages of others."""
    users = {
        str(path.relative_to(ROOT)) for path in product() if re.search(r"\bchannels\.layers import", path.read_text())
    }

    assert users <= {"chatops/room/doorbell.py"}


def test_no_setting_is_read_past_the_settings():
    """The demo's shop is a program of its own, and the bootstrap runs before there are settings."""
    names = "|".join(rows_of("docs/settings.md"))
    reads = re.compile(rf"(environ\.get\(|environ\[|getenv\()[\"']({names})[\"']|getattr\(settings,")
    ours = [path for path in product() if not path.is_relative_to(ROOT / "chatops" / "demo" / "shop")]

    assert [str(path.relative_to(ROOT)) for path in ours if reads.search(path.read_text())] == []
