"""Static files beside Django: the same answers as WhiteNoise's own middleware, without a thread."""

import pytest
from channels.testing import HttpCommunicator

from chatops import statics

CSS = b"body { color: red }\n" * 100


@pytest.fixture
def application(settings, tmp_path):
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "base.0123456789ab.css").write_bytes(CSS)
    (tmp_path / "css" / "base.0123456789ab.css.gz").write_bytes(b"packed")
    (tmp_path / "staticfiles.json").write_text('{"paths": {"css/base.css": "css/base.0123456789ab.css"}}')
    settings.STATIC_ROOT = tmp_path

    async def pages(scope, receive, send):
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"a page"})

    return statics.before(pages)


async def _get(application, path, method="GET", **headers):
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    answer = await HttpCommunicator(application, method, path, headers=given).get_response(timeout=20)
    return answer["status"], dict(answer["headers"]), answer["body"]


ADDRESS = "/static/css/base.0123456789ab.css"


async def test_a_file_comes_with_its_type(application):
    status, headers, body = await _get(application, ADDRESS)

    assert (status, body) == (200, CSS)
    assert headers[b"content-type"] == b'text/css; charset="utf-8"'
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert int(headers[b"content-length"]) == len(CSS)


async def test_a_compressed_copy_is_sent_to_who_takes_it(application):
    status, headers, body = await _get(application, ADDRESS, accept_encoding="gzip, br")

    assert (status, body, headers[b"content-encoding"]) == (200, b"packed", b"gzip")
    assert headers[b"vary"] == b"Accept-Encoding"


async def test_what_is_known_is_not_sent_again(application):
    _, headers, _ = await _get(application, ADDRESS)

    status, _, body = await _get(application, ADDRESS, if_none_match=headers[b"etag"].decode())

    assert (status, body) == (304, b"")


async def test_a_part_of_a_file_may_be_asked_for(application):
    status, _, body = await _get(application, ADDRESS, range="bytes=0-3")

    assert (status, body) == (206, b"body")


@pytest.mark.parametrize(("method", "expected"), [("HEAD", 200), ("POST", 405)])
async def test_files_are_only_read(application, method, expected):
    status, _, body = await _get(application, ADDRESS, method)

    assert (status, body) == (expected, b"")


@pytest.mark.parametrize("path", ["/", "/static/css/none.css", "/static/../secret_key", "/static/css/%2e%2e/x"])
async def test_everything_else_is_a_page(application, path):
    assert (await _get(application, path))[0] == 418
