"""What is asked for again and again is sent only when it is other than what the asker has (RFC 9110, 13.1.2)."""

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, set_response_etag


def unless_known(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """`response` with its ETag; or 304, without a body, where the request names that ETag."""
    set_response_etag(response)
    return get_conditional_response(request, etag=response["ETag"], response=response) or response
