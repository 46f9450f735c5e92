"""Lines of every class of the grammar, made with what they must be read as: a Hypothesis strategy of both."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from bot import context_file
from tests.cases.proven import CASES

CONTEXT = context_file.read(CASES.with_name("phrases_context.json").read_text())


class Sentence(NamedTuple):
    """A line as it is typed, and what `manage.py explain` prints for it."""

    text: str
    surface: str
    room: str
    wanted: dict[str, Any]


Draw = Callable[..., Any]
Body = tuple[str, dict[str, Any]]

_APPS = st.sampled_from(sorted([*CONTEXT.apps, *CONTEXT.app_aliases, *CONTEXT.repos]))
_ENVS = st.sampled_from(sorted([*CONTEXT.envs, *CONTEXT.env_aliases]))
_TO = st.sampled_from(["to", "in", "on", "TO"])
_WORDS = {"because", "to", "in", "on", "at", "after", "for", "until", "from", "last", "since"}
_REFS = st.from_regex(r"\A[A-Za-z]{3}[A-Za-z0-9._-]{1,8}(/[a-z0-9-]{3,8}){0,2}\Z", fullmatch=False).filter(
    lambda ref: (
        not re.search(r"\.\.|\.\Z|\.lock|\.(?:/|\Z)|-\Z|\AHEAD", ref)
        and not CONTEXT.env(ref)
        and ref.lower() not in _WORDS
        and not re.fullmatch(r"[cbdefghijklnrtuv]{32,}", ref)
    )
)
_REASONS = st.from_regex(r"\A[a-z][a-z0-9 ,.'|!?:-]{0,30}[a-z!]\Z").map(lambda text: re.sub(" +", " ", text))
_IDS = st.integers(1, 10**6)
_SPANS = st.sampled_from(["2h", "30m", "1d", "90s", "1h30m"])
_TIMES = st.sampled_from(["22:00", "9:05", "2026-12-01T22:00", "2026-12-01T22:00Z"])


def _target(draw: Draw, *, with_ref: bool = True, with_hosts: bool = True, needs_env: bool = False) -> Body:
    app = draw(_APPS)
    ref = draw(st.one_of(st.just(""), _REFS)) if with_ref else ""
    between = draw(st.sampled_from(["/", "@", " "])) if ref else ""
    env = draw(_ENVS if needs_env else st.one_of(st.just(""), _ENVS))
    wanted: dict[str, Any] = {"app": CONTEXT.repos.get(app) or CONTEXT.app(app)}
    text = f"{app}{between}{ref}"
    if ref:
        wanted["ref"] = ref
    if env:
        hosts = draw(st.sampled_from(["", "/fe", "/web1,web2", "/web*"])) if with_hosts else ""
        text += f" {draw(_TO)} {env}{hosts}"
        wanted["env"] = CONTEXT.env(env)
        if hosts:
            wanted["hosts"] = hosts[1:].split(",")
    return text, wanted


def _deploy(draw: Draw) -> Body:
    verb = draw(st.sampled_from(["deploy", "ship", "Deploy"]))
    task = draw(st.sampled_from(["", ":migrate", ":db.seed"]))
    force = draw(st.sampled_from(["", "!", " --force", "at the end"]))
    target, wanted = _target(draw, needs_env=force == "at the end")
    text = f"{verb}{task}{'!' if force == '!' else ''}"
    options = [force] if force == " --force" else []
    if draw(st.booleans()):
        options.append(" --queue")
        wanted["queue"] = True
    words = "".join(draw(st.permutations([*options, f" {target}"])))
    text += words
    if force == "at the end" and words.endswith(target):
        text += "!"
        wanted["force"] = True
    elif force and force != "at the end":
        wanted["force"] = True
    if not text.endswith("!") and words.endswith(target):
        if otp := draw(st.sampled_from(["", "123456", "cccccccccccccccccccccccccccccccccccccccccccc"])):
            text += f" {otp}"
            wanted["otp"] = otp
        if when := draw(st.one_of(st.just(""), _TIMES.map("at {}".format), _SPANS.map("after {}".format))):
            text += f" {when}"
            wanted["when"] = when
    if task:
        wanted["task"] = task[1:]
    if draw(st.booleans()):
        params = draw(st.sampled_from(["a=1 b=2", "--cpu=2", "it's | odd"]))
        text += f" | {params}"
        wanted["params"] = params
    return _with_reason(draw, text, {"cmd": "deploy", **wanted})


def _with_reason(draw: Draw, text: str, wanted: dict[str, Any], *, colon: bool = False) -> Body:
    words = [" because {}", " --reason {}", " BECAUSE {}", *([": {}"] if colon else [])]
    if draw(st.booleans()):
        reason = draw(_REASONS)
        text += draw(st.sampled_from(words)).format(reason)
        wanted["reason"] = reason
    return text, wanted


def _plan(draw: Draw) -> Body:
    target, wanted = _target(draw)
    text = draw(
        st.sampled_from(["plan {}", "noop {}", "dry-run {}", "preview {}", "deploy noop {}", "deploy {} --dry-run"])
    )
    return text.format(target), {"cmd": "plan", **wanted}


def _rollback(draw: Draw) -> Body:
    verb = draw(st.sampled_from(["rollback", "revert"]))
    if draw(st.booleans()):
        number = draw(_IDS)
        options = draw(st.sampled_from(["{} #{}", "{} {}", "{} --force #{}"]))
        wanted = {"cmd": "rollback", "id": number, **({"force": True} if "force" in options else {})}
        return _with_reason(draw, options.format(verb, number), wanted)
    target, wanted = _target(draw, with_ref=False, with_hosts=False, needs_env=True)
    if draw(st.booleans()):
        release = draw(st.sampled_from(["57", "9fceb02", "20261127-1"]))
        target += f" to {release}"
        wanted["release"] = release
    return _with_reason(draw, f"{verb} {target}", {"cmd": "rollback", **wanted})


def _promote(draw: Draw) -> Body:
    app = draw(_APPS)
    ref = draw(st.one_of(st.just(""), _REFS))
    source, env = draw(st.permutations(sorted(CONTEXT.envs)))[:2]
    wanted = {"cmd": "promote", "app": CONTEXT.repos.get(app) or CONTEXT.app(app), "env": env}
    wanted |= {"ref": ref} if ref else {}
    text = f"promote {app}{'@' + ref if ref else ''}"
    if draw(st.booleans()):
        return f"{text} from {source} to {env}", {**wanted, "from": source}
    return f"{text} to {env}", wanted


def _about_number(draw: Draw) -> Body:
    number = draw(_IDS)
    which = f"{draw(st.sampled_from(['#', '']))}{number}"
    verb, cmd = draw(
        st.sampled_from([("cancel", "cancel"), ("stop", "cancel"), ("abort", "cancel"), ("pause", "pause")])
    )
    kind = draw(st.sampled_from(["act", "retry", "approve", "reject", "status", "confirm", "diff"]))
    wanted: dict[str, Any] = {"id": number}
    if kind == "act":
        return _with_reason(draw, f"{verb} {which}", {"cmd": cmd, **wanted})
    if kind == "retry":
        words = draw(st.permutations([which, *draw(st.sampled_from([[], ["--failed"]]))]))
        return "retry " + " ".join(words), {"cmd": "retry", **wanted, **({"only": "failed"} if len(words) > 1 else {})}
    if kind == "approve":
        otp = draw(st.sampled_from(["", " 123456"]))
        wanted |= {"otp": "123456"} if otp else {}
        text = f"{draw(st.sampled_from(['approve', 'lgtm']))} {which}{otp}"
        return text, {"cmd": "approve", **wanted}
    if kind == "reject":
        reason = draw(_REASONS)
        words = draw(st.sampled_from(["reject {} because {}", "deny {} because {}"]))
        return words.format(which, reason), {"cmd": "reject", "reason": reason, **wanted}
    spelled = {"status": ["status"], "confirm": ["confirm", "yes"], "diff": ["diff"]}[kind]
    return f"{draw(st.sampled_from(spelled))} {which}", {"cmd": kind, **wanted}


def _logs(draw: Draw) -> Body:
    number = draw(_IDS)
    wanted: dict[str, Any] = {"cmd": "logs", "id": number}
    options = []
    if draw(st.booleans()):
        tail = draw(st.integers(1, 9999))
        options.append(draw(st.sampled_from(["--tail {}", "--tail={}"])).format(tail))
        wanted["tail"] = tail
    if draw(st.booleans()):
        options.append(draw(st.sampled_from(["-f", "--follow"])))
        wanted["follow"] = True
    if draw(st.booleans()):
        options.append('--grep "two words"')
        wanted["grep"] = "two words"
    name = f"#{number}"
    if draw(st.booleans()):
        name += " web1"
        wanted["hosts"] = ["web1"]
    return "logs " + " ".join(draw(st.permutations([name, *options]))), wanted


def _look(draw: Draw) -> Body:
    place, wanted = _target(draw, with_ref=False, with_hosts=False)
    kind = draw(st.sampled_from(["history", "status", "where", "queue", "freezes", "locks", "changes"]))
    if kind == "history":
        verb = draw(st.sampled_from(["history", "deploys", "releases", "latest"]))
        wanted |= {"limit": 1} if verb == "latest" else {}
        if verb != "latest" and draw(st.booleans()):
            place += " last 5"
            wanted["limit"] = 5
        return f"{verb} {place}", {"cmd": "history", **wanted}
    if kind == "where":
        verb = draw(st.sampled_from(["where", "wcid", "where can i deploy"]))
        return f"{verb} {place}", {"cmd": "where", **wanted}
    if kind == "locks":
        return f"{draw(st.sampled_from(['locks', 'check', 'lock --info', 'lock -d']))} {place}", {
            "cmd": "locks",
            **wanted,
        }
    if kind == "changes":
        env, span = draw(_ENVS), draw(_SPANS)
        words = draw(st.permutations([f"in {env}", f"since {span}"]))
        return "changes " + " ".join(words), {"cmd": "changes", "env": CONTEXT.env(env), "since": span}
    return f"{kind} {place}", {"cmd": kind, **wanted}


def _guard(draw: Draw) -> Body:
    cmd = draw(st.sampled_from(["lock", "unlock"]))
    app, env = draw(_APPS), draw(_ENVS)
    canonical = {"app": CONTEXT.repos.get(app) or CONTEXT.app(app), "env": CONTEXT.env(env)}
    place = draw(st.sampled_from([f"{env} on {app}", f"{app} in {env}", f"{app} {env}"]))
    verb = draw(st.sampled_from([cmd, f"{cmd}!", f"deploy:{cmd}"]))
    wanted: dict[str, Any] = {"cmd": cmd, **canonical, **({"force": True} if verb[-1] == "!" else {})}
    if cmd == "lock" and draw(st.booleans()):
        span = draw(_SPANS)
        place += f" for {span}"
        wanted["for"] = span
    return _with_reason(draw, f"{verb} {place}", wanted, colon=True)


_BODIES = (_deploy, _plan, _rollback, _promote, _about_number, _logs, _look, _guard)


@st.composite
def sentences(draw: Draw) -> Sentence:
    """A line of one of the classes, dressed as keyboards, word processors and chats dress them."""
    body, wanted = draw(st.sampled_from(_BODIES))(draw)
    surface = draw(st.sampled_from(["web", "slack"]))
    if surface == "slack":
        text = f"{draw(st.sampled_from(['', '/', '<@U024BE7LH|chatops> ', '@chatops ']))}{body}"
    else:
        text = f"{draw(st.sampled_from(['/', '.', '!', '@chatops ', '@shiproom: ', 'hubot ']))}{body}"
    dress = draw(st.sampled_from(["", "spaces", "hard", "dash", "code", "fence", "end", "unseen"]))
    command, because, reason = _split_reason(text)
    if dress == "spaces":
        command = command.replace(" ", "  ")
    elif dress == "hard":
        command = command.replace(" ", draw(st.sampled_from(["\u00a0", "\u202f", "\u3000", "\t"])))
    elif dress == "dash":
        command = command.replace(" --", " \u2014")
    text = f"{command}{because}{reason}"
    if dress in ("code", "fence") and "`" not in text and surface == "web":
        text = f"`{text}`" if dress == "code" else f"```{text}```"
    elif dress == "end":
        text += draw(st.sampled_from([" ", "\n", "\r\n", "\u00a0"]))
    elif dress == "unseen" and surface == "web":
        text = f"\ufeff{text}"
    return Sentence(text, surface, "general", wanted)


def _split_reason(text: str) -> tuple[str, str, str]:
    found = re.search(r" (?:because|--reason) |: | \| ", text, re.IGNORECASE)
    if not found or (text.startswith("@shiproom: ") and found.start() < 12):
        return text, "", ""
    return text[: found.start()], found.group(), text[found.end() :]
