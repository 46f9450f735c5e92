"""The pipeline file: what is read, what is refused, and how an environment differs."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy_core.errors import PipelineError
from deploy_core.rules import pipeline
from deploy_core.rules.pipeline import Batches, EnvironmentPipeline, HttpCheck, Restart, Share, Task, TcpCheck

PORT = "a port from 1 to 65535, or the name of a variable"
ALONE = "a path that lies in no other shared one"
EXAMPLE = (Path(pipeline.__file__).parent / "deploy.example.yml").read_text()


def common(text):
    return pipeline.parse(text).common


def refusal(text):
    with pytest.raises(PipelineError) as caught:
        pipeline.parse(text)
    return caught.value


def test_an_empty_file_has_all_defaults():
    for text in ("", "# nothing\n", "---\n", "~"):
        assert common(text) == EnvironmentPipeline()


def test_the_example_is_read_and_shows_the_defaults_it_names():
    example = common(EXAMPLE)

    assert example.build.commands == ("npm ci --ignore-scripts", "npm run build")
    assert example.package.exclude == (".git", "node_modules", "**/*.pyc")
    assert example.shared.folders == ("uploads", "log")
    assert example.hooks.before_switch == ("./bin/warm-up",)
    assert example.restart == Restart("systemctl --user restart shop", 60)
    assert example.health.http == HttpCheck("PORT", "/healthz", 200)
    assert example.tasks == {"migrate": Task(("./bin/migrate",), 300)}
    assert example.variables == {"SHOP_THEME": "winter"}
    assert (example.build.timeout_s, example.keep, example.timeouts, example.package.include) == (
        EnvironmentPipeline().build.timeout_s,
        EnvironmentPipeline().keep,
        EnvironmentPipeline().timeouts,
        EnvironmentPipeline().package.include,
    )


@pytest.mark.parametrize("line", [line for line in EXAMPLE.splitlines() if line.strip().split("#")[0].endswith(":")])
def test_every_section_of_the_example_is_known_by_no_other_name(line):
    misspelt = EXAMPLE.replace(f"\n{line}\n", f"\n{line.replace(':', 'x:')}\n", 1)

    if line.strip() in ("production:", "migrate:"):  # names that people choose
        pipeline.parse(misspelt)
    else:
        assert refusal(misspelt).code in ("pipeline_unknown_key", "pipeline_wrong")


def test_an_environment_merges_sections_and_replaces_lists():
    whole = pipeline.parse(
        """
        build: {commands: [make, make test], timeout: 60}
        variables: {A: "1", B: "2"}
        environments:
          production:
            build: {commands: [make release]}
            variables: {B: "3"}
        """
    )

    production = pipeline.for_environment(whole, "production")
    assert (production.build.commands, production.build.timeout_s) == (("make release",), 60)
    assert production.variables == {"A": "1", "B": "3"}
    assert pipeline.for_environment(whole, "staging") is whole.common
    assert whole.common.variables == {"A": "1", "B": "2"}


def test_an_environment_may_leave_out_what_is_common():
    whole = pipeline.parse("restart: {command: ./restart}\nenvironments: {preview: {restart: ~}}")

    assert pipeline.for_environment(whole, "preview").restart is None


def test_shared_paths_may_lie_beside_each_other_and_a_file_in_a_folder():
    read = common("shared: {files: [log/level], folders: [log, logs, a/b, a/c]}")

    assert (read.shared.files, read.shared.folders) == (("log/level",), ("log", "logs", "a/b", "a/c"))


def test_one_may_go_back_to_a_release_that_shares_a_path_inside_another():
    was = pipeline.of_release("shared: {folders: [storage, storage/logs]}", "production")

    assert was.shared.folders == ("storage", "storage/logs")


def test_scalars_stay_the_text_that_was_written():
    read = common("variables: {A: 1.10, B: yes, C: 0x10, D: 2026-01-01, E: ''}\nbuild: {commands: [true]}")

    assert read.variables == {"A": "1.10", "B": "yes", "C": "0x10", "D": "2026-01-01", "E": ""}
    assert read.build.commands == ("true",)


@pytest.mark.parametrize(
    ("text", "path", "expected", "got"),
    [
        ("environments: {production: {health: {http: {port: 80, path: 8080}}}}",
         "environments.production.health.http.path", "text starting with /", "8080"),
        ("health: {http: {path: /}}", "health.http.port", PORT, "nothing"),
        ("health: {http: {port: 70000}}", "health.http.port", PORT, "70000"),
        ("health: {http: {port: PORT, status: 700}}", "health.http.status", "a whole number from 100 to 599", "700"),
        ("health: {timeout: 5}", "health", "one of http, tcp and command", "nothing"),
        ("health: {command: ./ok, tcp: {port: 80}}", "health", "one of http, tcp and command", "2 of them"),
        ("health: {tcp: {}}", "health.tcp.port", PORT, "nothing"),
        ("batches: {order: backwards}", "batches.order", "one of listed, reversed, shuffled", "backwards"),
        ("batches: {wait: yes}", "batches.wait", "one of never, canary, each", "yes"),
        ("batches: {on_failure: pray}", "batches.on_failure", "one of back, back-batch, stop, skip", "pray"),
        ("retries: {stage: 11}", "retries.stage", "a whole number from 0 to 10", "11"),
        ("build: make", "build", "keys with values", "make"),
        ("build: {commands: make}", "build.commands", "a list of commands", "make"),
        ("build: {commands: [make, [test]]}", "build.commands.1", "text", "a list"),
        ("build: {commands: ['']}", "build.commands.0", "text", ""),
        ("build: {timeout: soon}", "build.timeout", "seconds, from 0.05 to 86400", "soon"),
        ("build: {timeout: 0}", "build.timeout", "seconds, from 0.05 to 86400", "0"),
        ("build: {timeout: 86401}", "build.timeout", "seconds, from 0.05 to 86400", "86401"),
        ("package: {exclude: [/etc]}", "package.exclude.0", "a path below the top of the repository", "/etc"),
        ("shared: {folders: [a, ../b]}", "shared.folders.1", "a path below the top of the repository", "../b"),
        ("shared: {folders: [.]}", "shared.folders.0", "a path below the top of the repository", "."),
        ("shared: {folders: [storage, x, ./storage/logs/]}", "shared.folders.2", ALONE, "./storage/logs/"),
        ("shared: {files: [a], folders: [a/b/c]}", "shared.folders.0", ALONE, "a/b/c"),
        ("shared: {files: [a/b, a]}", "shared.files.0", ALONE, "a/b"),
        ("shared: {folders: [a]}\nenvironments: {production: {shared: {folders: [a/b, a]}}}",
         "environments.production.shared.folders.0", ALONE, "a/b"),
        ("restart: {timeout: 5}", "restart.command", "text", "nothing"),
        ("restart: {command: \"a\\0b\"}", "restart.command", "text", "a\0b"),
        ("tasks: {migrate: {}}", "tasks.migrate.commands", "a list of commands", "nothing"),
        ("keep: yes", "keep", "a whole number from 1 to 100", "yes"),
        ("keep: 0", "keep", "a whole number from 1 to 100", "0"),
        ("keep: 9999999999", "keep", "a whole number from 1 to 100", "9999999999"),
        ("keep: {a: 1}", "keep", "a whole number from 1 to 100", "keys with values"),
        ("batches: {size: 0%}", "batches.size", "a number of servers from 1, or a share such as 25%", "0%"),
        ("batches: {size: 120%}", "batches.size", "a number of servers from 1, or a share such as 25%", "120%"),
        ("variables: {1A: x}", "variables.1A", "a name of letters, digits and underscores", "1A"),
        ("variables: {A: [x]}", "variables.A", "text", "a list"),
        ("environments: {production: 5}", "environments.production", "keys with values", "5"),
        ("keep: " + "9" * 100, "keep", "a whole number from 1 to 100", "9" * 59 + "…"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_path(text, path, expected, got):
    error = refusal(text)

    assert error.code == "pipeline_wrong"
    assert error.params == {"path": path, "expected": expected, "got": got}


@pytest.mark.parametrize(
    ("text", "path", "near"),
    [
        ("helth: {}", "helth", "health"),
        ("hooks: {before_fetsh: []}", "hooks.before_fetsh", "before_fetch"),
        ("health: {http: {prot: 80, port: 80}}", "health.http.prot", "port"),
        ("tasks: {migrate: {comands: [a], commands: [a]}}", "tasks.migrate.comands", "commands"),
        ("environments: {production: {biuld: {}}}", "environments.production.biuld", "build"),
        ("environments: {production: {environments: {}}}", "environments.production.environments", ""),
        ("releases_dir: /", "releases_dir", ""),
        ("servers: [web-1]", "servers", ""),
        ("<<: {keep: 3}", "<<", ""),
    ],
)
def test_an_unknown_key_is_refused_with_the_one_that_was_perhaps_meant(text, path, near):
    error = refusal(text)

    assert error.code == "pipeline_unknown_key"
    assert (error.params["path"], error.params["near"]) == (path, near)


TAG = "tag:yaml.org,2002:python/object/apply:os.system"
LAUGHS = "a: &a [x, x]\n" + "\n".join(
    f"{after}: &{after} [*{before}, *{before}]"
    for before, after in zip("abcdefghijklmno", "bcdefghijklmnop", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("build: [", 1, "expected the node content, but found '<stream end>'"),
        ("a: b: c", 1, "mapping values are not allowed here"),
        ("[make]", 1, "expected keys with values"),
        ("make", 1, "expected keys with values"),
        ("keep: 5\nkeep: 6", 2, "the key keep is there twice"),
        ("keep: 5\n---\nkeep: 6", 2, "more than one document"),
        ("x: !!python/object/apply:os.system [id]", 1, f"tags such as {TAG} are not allowed"),
        ("a: &a {b: *a}", 1, "an alias to what it is in"),
        ("? [a]\n: b", 1, "a key that is not a word"),
        ("[" * 10_000, 1, "nested more than 12 deep"),
        ("{a: " * 10_000, 1, "nested more than 12 deep"),
        (LAUGHS, 1, "more than 5,000 values"),
        ("a: \x01", 1, "unacceptable character #x0001: special characters are not allowed"),
        ("#" * 70_000, 1, "longer than 65,536 characters"),
    ],
)  # fmt: skip
def test_what_is_no_pipeline_file_is_refused_with_its_line(text, line, problem):
    error = refusal(text)

    assert error.code == "pipeline_unreadable"
    assert error.params == {"line": line, "problem": problem}


def test_an_alias_is_what_it_names():
    read = common("hooks: {before_switch: &once [./check], after_switch: *once}")

    assert read.hooks.after_switch == ("./check",)


def test_health_may_be_asked_of_a_port_or_a_command():
    assert common("health: {tcp: {port: PORT}}").health.tcp == TcpCheck("PORT")
    assert common("health: {tcp: {port: 5432}}").health.port == 5432
    assert common("health: {command: ./bin/check}").health.command == "./bin/check"


def test_batches_say_who_goes_first_and_what_a_failure_means():
    read = common(
        """
        batches: {size: 25%, canary: 1, order: reversed, pause: 5, wait: canary, on_failure: skip, skip_limit: 2}
        retries: {stage: 2, restart: 1}
        """
    )

    assert read.batches == Batches(Share(0, 25), 1, "reversed", 5, "canary", "skip", Share(2))
    assert (read.retries.stage, read.retries.restart, read.retries.switch) == (2, 1, 0)


def test_where_an_environment_says_something_too_the_stricter_holds():
    branch = common("batches: {size: 100%}\nverify: 30\nhealth: {tcp: {port: 80}}")

    held = pipeline.stricter(branch, batch_size=2, verify_s=300, needs_health=True)

    assert (held.batches.at_most, held.verify_s) == (2, 300)
    assert pipeline.stricter(branch, verify_s=10).verify_s == 30
    assert pipeline.stricter(branch) == branch


@pytest.mark.parametrize("wish", [{"needs_health": True}, {"verify_s": 60}])
def test_a_branch_cannot_do_without_the_health_check_that_its_environment_wants(wish):
    with pytest.raises(PipelineError) as caught:
        pipeline.stricter(common("restart: {command: ./go}"), **wish)

    assert caught.value.code == "health_required"


def is_read_or_refused(text):
    try:
        pipeline.parse(text)
    except PipelineError as error:
        return error.code.startswith("pipeline_")
    return True


@given(st.text())
def test_any_text_is_read_or_refused(text):
    assert is_read_or_refused(text)


KEYS = st.sampled_from(sorted({line.strip().split(":")[0] for line in EXAMPLE.splitlines() if ":" in line}))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_structure_is_read_or_refused(structure):
    assert is_read_or_refused(yaml.safe_dump(structure))
