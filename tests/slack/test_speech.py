"""What people say, as Slack writes it and as the room does: any text has its like, and none calls anybody in Slack."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatops.slack import mrkdwn, speech

NAMES = {"U1": "@alice", "U2": "Ann"}
PARTS = ("<", ">", "|", "&", "&amp;", "&lt;", "@U1", "!here", "!date^1^{t}", "#C1", "https://x.y", "a", "*", "\ud83d")
TEXTS = st.one_of(st.text(max_size=100), st.lists(st.sampled_from(PARTS), max_size=40).map("".join))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("<@U1> and <@U2|ann>, not <@U3|dan> or <@U4>", "@alice and Ann, not dan or U4"),
        ("<#C1|ops> <#C2|> <#C3>", "#ops #C2 #C3"),
        ("<!here> <!channel> <!everyone>", "@here @channel @everyone"),
        ("<!subteam^S1|@devs> <!subteam^S2>", "@devs @S2"),
        ("<!date^1392734382^{date}|Feb 18> <!odd>", "Feb 18 odd"),
        ("<https://x.y/a?b&amp;c>", "https://x.y/a?b&c"),
        ("<https://x.y|the &lt;page&gt;>", "the <page> (https://x.y)"),
        ("<http://x.y|x.y> <https://x.y/|x.y>", "http://x.y https://x.y/"),
        ("<mailto:a@b.c|a@b.c> <tel:+1|call> <>", "a@b.c call (tel:+1)"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", "1 < 2 && 3 > 2 &lt;"),
        ("a <b", "a <b"),
    ],
)
def test_a_text_of_slack_is_read_as_people_see_it(written, meant):
    assert speech.heard(written, NAMES) == meant


@settings(deadline=None)
@given(TEXTS)
@example("<@U1|<!here>>")
@example("\x00\ud800")
def test_any_text_of_slack_has_its_like_that_every_database_holds(written):
    meant = speech.heard(written, NAMES)

    assert not re.search("[\x00\ud800-\udfff]", meant)
    assert speech.heard(mrkdwn.escape(meant), {}) == meant
    assert set(speech.users_in(written)) <= set(re.findall("[A-Z0-9]+", written))


@settings(deadline=None)
@given(TEXTS, TEXTS)
@example("<!channel>", "<@U1> <!here> <!subteam^S1> <#C1> <https://evil.example|ok> &lt;!here&gt; &amp;lt;!here>")
@example("x", "&" * 8_000)
def test_no_text_of_the_room_calls_anybody_in_slack_or_leads_anywhere(who, text):
    sent = speech.said(who, "web", text)

    assert (sent["parse"], sent["link_names"]) == ("none", False)
    assert "<" not in sent["text"]
    assert ">" not in sent["text"]
    assert not re.sub("&(amp|lt|gt);", "", sent["text"]).count("&")
    assert len(sent["text"]) <= speech.SAID_LIMIT
    if len(mrkdwn.escape(text)) < 30_000:
        assert sent["text"].endswith(mrkdwn.escape(text))


@settings(deadline=None)
@given(st.text(max_size=100))
def test_a_name_is_one_line_without_marks_that_nobody_sees(name):
    shown = speech.named(name)

    assert len(shown) <= speech.NAME_LIMIT
    assert shown.isprintable()
    assert shown == shown.strip()
