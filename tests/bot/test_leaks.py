"""Secrets in what people type: found by their form, taken out, and nothing else is."""

import base64
import os
import secrets
import string

import pytest

from bot import is_command
from bot.leaks import mask


def letters(count, alphabet=string.ascii_letters + string.digits):
    return "".join(secrets.choice(alphabet) for _ in range(count))


def made():
    upper = string.ascii_uppercase + string.digits
    key = base64.encodebytes(os.urandom(900)).decode()
    return {
        "GitHub": f"ghp_{letters(36)}",
        "GitLab": f"glpat-{letters(20)}",
        "Slack": f"xoxb-{letters(12, string.digits)}-{letters(24)}",
        "Shiproom": f"shiproom_{secrets.token_urlsafe(32)}",
        "AWS": f"AKIA{letters(16, upper)}",
        "Google": f"AIza{letters(35)}",
        "Stripe": f"sk_live_{letters(24)}",
        "npm": f"npm_{letters(36)}",
        "PyPI": f"pypi-AgE{letters(60)}",
        "Docker": f"dckr_pat_{letters(27)}",
        "key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{key}-----END OPENSSH PRIVATE KEY-----",
    }


@pytest.mark.parametrize("kind", made())
def test_a_secret_is_found_and_taken_out(kind):
    secret = made()[kind]

    masked = mask(f"use {secret} for that")

    assert masked == ("use [removed] for that", (kind,))
    assert is_command(f"use {secret} for that")


def test_hubots_tokens_are_not_sent_through_chat():
    secret = letters(40)

    masked = mask(f"hubot deploy-token:set:github {secret}")

    assert secret not in masked.text
    assert masked.kinds == ("Hubot",)


def test_a_deployment_with_a_secret_among_its_words_is_masked_too():
    secret = made()["GitHub"]

    assert secret not in mask(f"/deploy shop to staging | TOKEN={secret}").text


@pytest.mark.parametrize(
    "text",
    [
        "what a day",
        "3f9c2ab0" * 5,
        "see ghp_ and AKIA in the docs",
        "sk_test_" + "a" * 24,
        "deploy-token: how does it work?",
        "the shiproom_room",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
)
def test_what_is_no_secret_stays(text):
    assert mask(text) == (text, ())


def test_looking_is_linear():
    for piece in ("ghp_", "-----BEGIN ", "AKIA", "xoxb-", "deploy-token:set:a "):
        mask(piece * 2_000)
