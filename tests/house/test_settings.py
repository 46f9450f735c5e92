"""Each setting: documented, with a default, and that default safe."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.checkout import ROOT, rows_of

SHOWN = "from chatops import settings as s; import json; print(json.dumps({n: repr(getattr(s, n)) for n in %r}))"


def _reads() -> dict[str, ast.Call]:
    """Every `env.kind("NAME", …)` of settings.py by NAME."""
    tree = ast.parse((ROOT / "chatops" / "settings.py").read_text())
    return {
        call.args[0].value: call
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "env"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def _default(call: ast.Call) -> Any:
    """The expression that stands for "not set", None if there is none."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "default"]
    return call.args[1] if len(call.args) > 1 else next(iter(named), None)


def _environment(data: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(data), "SHIPROOM_DATA": str(data / "var"), **more}


def _settings(data: Path, *names: str, **environment: str) -> dict[str, Any]:
    """The values that a process with just this environment sees."""
    done = subprocess.run(
        [sys.executable, "-c", SHOWN % (names,)],
        cwd=ROOT,
        env=_environment(data, **environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: ast.literal_eval(text) for name, text in json.loads(done.stdout).items()}


def _check(data: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", *words],
        cwd=ROOT,
        env=_environment(data, **environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_setting_is_documented_and_every_documented_one_exists():
    assert set(rows_of("docs/settings.md")) == set(_reads())


def test_every_setting_has_a_default():
    assert [name for name, call in _reads().items() if _default(call) is None] == []


def test_the_documented_defaults_are_the_real_ones():
    documented = rows_of("docs/settings.md")
    wrong = {}
    for name, call in _reads().items():
        try:
            default = eval(compile(ast.Expression(_default(call)), "settings", "eval"), {"__builtins__": {}})
        except NameError:  # made from other settings; the page says from which
            continue
        if default in ("", []):  # none, or made; the page says which
            continue
        said = documented[name][0].strip("`").replace(",", "")
        meant = {"False": "off", "True": "on"}.get(str(default), default)
        if said != meant and (isinstance(meant, str) or float(said) != meant):
            wrong[name] = (said, meant)

    assert wrong == {}


def test_an_empty_environment_gives_safe_values(tmp_path):
    seen = _settings(
        tmp_path,
        "DEBUG",
        "BIND",
        "IS_PRODUCTION",
        "SESSION_COOKIE_HTTPONLY",
        "SHIPROOM_UNSAFE_BUILDS",
        "SHIPROOM_GIT_FILE_URLS",
        "ALLOWED_HOSTS",
    )

    assert seen == {
        "DEBUG": False,
        "BIND": "127.0.0.1",
        "IS_PRODUCTION": False,
        "SESSION_COOKIE_HTTPONLY": True,
        "SHIPROOM_UNSAFE_BUILDS": False,
        "SHIPROOM_GIT_FILE_URLS": False,
        "ALLOWED_HOSTS": ["127.0.0.1", "127.0.0.1", "localhost", "[::1]"],
    }


def test_the_secret_key_is_made_once_and_for_this_user_only(tmp_path):
    first = _settings(tmp_path, "SECRET_KEY")
    second = _settings(tmp_path, "SECRET_KEY")

    kept = tmp_path / "var" / "secret_key"
    assert first == second
    assert len(first["SECRET_KEY"]) > 50
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_an_https_address_brings_host_cookies_and_strict_transport(tmp_path):
    names = (
        "SESSION_COOKIE_NAME",
        "CSRF_COOKIE_NAME",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECURE_SSL_REDIRECT",
        "SECURE_HSTS_SECONDS",
        "CSRF_TRUSTED_ORIGINS",
    )
    seen = _settings(tmp_path, *names, PUBLIC_URL="https://ship.example.org:8443/")

    assert seen == {
        "SESSION_COOKIE_NAME": "__Host-session",
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "CSRF_TRUSTED_ORIGINS": ["https://ship.example.org:8443"],
    }


def test_a_production_environment_passes_djangos_deployment_checks(tmp_path):
    done = _check(
        tmp_path,
        "--deploy",
        "--fail-level",
        "WARNING",
        PUBLIC_URL="https://ship.example.org",
        SHIPROOM_KEY_FILE=str(tmp_path / "keys.json"),
    )

    warnings = [line for line in done.stderr.splitlines() if line.startswith("?:") and "shiproom.W001" not in line]
    assert warnings == []
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"PUBLIC_URL": "https://ship.example.org"}, "shiproom.E001"),
        ({"BIND": "0.0.0.0"}, "shiproom.E002"),
        (
            {"PUBLIC_URL": "https://ship.example.org", "SHIPROOM_KEY_FILE": "/elsewhere/keys.json", "DEBUG": "1"},
            "shiproom.E003",
        ),
        ({"SHIPROOM_LDAP_URL": "ldaps://directory.example.org"}, "shiproom.E004"),
    ],
    ids=["keys inside the data folder", "http open to the network", "debugging in public", "no library"],
)
def test_an_unsafe_installation_is_refused(tmp_path, environment, code):
    done = _check(tmp_path, **environment)

    assert done.returncode == 1
    assert f"({code})" in done.stderr
    assert done.stderr.count("(shiproom.E") == 1


def test_a_data_folder_with_any_name_holds_a_database(tmp_path):
    """A path is not an address: `#`, `?` and `%20` in it mean themselves."""
    folder = tmp_path / "a #1? %20ü"
    seen = _settings(tmp_path, "DATABASES", SHIPROOM_DATA=str(folder))

    assert seen["DATABASES"]["default"]["NAME"] == str(folder / "app.db")


def test_serve_does_not_listen_to_the_network_without_tls(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--bind", "0.0.0.0", "--port", "0"],
        cwd=ROOT,
        env=_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "0.0.0.0 is open to the network" in done.stderr
