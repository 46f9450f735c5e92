"""Where the server listens, and what it then says of itself."""

import socket

import pytest

from chatops import listening


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_taken_port_is_stepped_over(taken):
    with listening.listen("127.0.0.1", taken) as listener:
        assert listener.getsockname()[1] != taken
        with socket.create_connection(listener.getsockname()):
            pass


def test_port_0_is_any():
    with listening.listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_an_address_that_is_not_ours_is_an_error():
    with pytest.raises(OSError):  # noqa: PT011  its words differ between systems
        listening.listen("192.0.2.1", 8000)


def test_without_a_public_url_links_and_origins_follow_the_port(settings):
    settings.GIVEN_URL, settings.PUBLIC_URL, settings.OWN_ORIGINS, settings.CSRF_TRUSTED_ORIGINS = "", "", (), []
    with listening.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

        assert listening.be_at(listener) == settings.PUBLIC_URL == f"http://127.0.0.1:{port}"
        assert f"http://localhost:{port}" in settings.OWN_ORIGINS


def test_a_public_url_stands(settings):
    settings.GIVEN_URL = settings.PUBLIC_URL = "https://chat.example.com"
    with listening.listen("127.0.0.1", 0) as listener:
        assert listening.be_at(listener) == "https://chat.example.com"
    assert settings.OWN_ORIGINS == ()
