"""The admin API as a WSGI application: what stands before it makes events of requests as the HTTP API does."""

from __future__ import annotations

from http import HTTPStatus

from tests.functional.administer.conftest import admin_event


def application(handler):
    """A WSGI application that hands every request to a Lambda entry point."""

    def serve(environ, start_response):
        # WSGI has a path's bytes as Latin-1; the HTTP API decodes them as UTF-8.
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        event = admin_event(environ["REQUEST_METHOD"], "", body or None, headers)
        event = with_target(event, path, environ.get("QUERY_STRING", ""))
        answer = handler(event, None)
        status = HTTPStatus(answer["statusCode"])
        start_response(f"{int(status)} {status.phrase}", list(answer["headers"].items()))
        return [answer["body"].encode()]

    return serve


def with_target(event, path, query):
    """The event of a request to this decoded path and encoded query string."""
    of_query = admin_event("GET", f"?{query}")
    members = {
        name: of_query[name] for name in ("queryStringParameters", "rawQueryString") if name in of_query
    }
    http = {**event["requestContext"]["http"], "path": path}
    return {**event, **members, "rawPath": path, "requestContext": {**event["requestContext"], "http": http}}
