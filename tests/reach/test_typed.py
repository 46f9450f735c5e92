"""What people type reaches a real shell on a server byte for byte, as one argument or variable, or is refused."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.grammar import parse
from bot.mistakes import Mistake
from bot.names import Context

CONTEXT = Context(apps=("shop",), envs=("staging",))
#: What a shell, git or a terminal would make something of.
_ODD = st.text(
    st.sampled_from("ab1/.@#=+,-_*$`\\'\"|&;<>(){}[]!?~^%: \t\u2019\u2014\u00e9\u90e8\U0001f600"), max_size=20
)
_WORDS = st.one_of(_ODD, st.text(max_size=20))

#: Bytes as text that nothing changes on its way back.
HEX = "| od -An -v -tx1 | tr -d ' \\n'"


def line(app, ref, env, hosts, params):
    return f"/deploy {app}{ref} to {env}{hosts} | {params}"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    app=st.one_of(st.just("shop"), _WORDS),
    ref=st.one_of(st.just(""), _WORDS.map("/".__add__)),
    env=st.one_of(st.just("staging"), _WORDS),
    hosts=st.one_of(st.just(""), _WORDS.map("/".__add__)),
    params=_WORDS,
)
@example("shop", "/$(touch x)", "staging", "", "")
@example("shop", "", "staging", "/web-*", "'; touch x; echo '")
@example("shop", "/a+b@c#d=e", "staging", "", "--flag=\"a b\" $HOME `id` \\n \\\\ $'x' \U0001f600")
@example("shop", "", "staging", "", "-n -e \\c %s")
def test_what_was_understood_arrives_as_it_was_understood(connection, app, ref, env, hosts, params):
    try:
        parsed = parse(line(app, ref, env, hosts, params), CONTEXT)
    except Mistake:
        return
    if parsed is None or "\0" in parsed.params:  # a line with a NUL is stored nowhere (messages.check)
        return
    values = [parsed.app, parsed.ref, parsed.env, *parsed.hosts, parsed.params]
    variables = {"SHIPROOM_PARAMS": parsed.params, "REF": parsed.ref}

    told = connection.run(("sh", "-c", f'printf "%s\\n" "$@" {HEX}', "sh", *values))
    kept = connection.run(f'printf "%s\\n" "$SHIPROOM_PARAMS" "$REF" {HEX}', variables=variables)

    assert bytes.fromhex(told.out_tail) == sent(values)
    assert bytes.fromhex(kept.out_tail) == sent(variables.values())


def sent(values):
    return "".join(f"{value}\n" for value in values).encode("utf-8", "surrogateescape")
