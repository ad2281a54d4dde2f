"""Which endpoints can be declared, and what follows from a declaration."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.errors import InvalidDeclaration
from headworks.outbound.endpoints import Endpoint


def test_names_of_all_kinds_follow_from_the_endpoints() -> None:
    endpoint = Endpoint(name="post-office")

    assert endpoint.url_variable == "ENDPOINT_URL_POST_OFFICE"
    assert endpoint.secret_variable == "ENDPOINT_SECRET_POST_OFFICE"
    assert endpoint.context_key == "endpoint.post-office"
    assert endpoint.resource_id == "PostOffice"


@pytest.mark.parametrize("url", [None, "https://hooks.example/a?b=c", "http://127.0.0.1:8080"])
def test_an_endpoint_may_have_a_url_or_get_it_at_deployment(url: str | None) -> None:
    assert Endpoint(name="default", url=url).url == url


@pytest.mark.parametrize("name", ["", "Default", "post_office", "-a", "a b", "1st"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(InvalidDeclaration, match="isn't an endpoint's name"):
        Endpoint(name=name)


@pytest.mark.parametrize(
    "url", ["", "hooks.example", "ftp://hooks.example", "https://me@hooks.example", "https://h.example:25"]
)
def test_a_url_that_no_delivery_could_go_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidDeclaration, match=r"endpoint default: the URL"):
        Endpoint(name="default", url=url)


@pytest.mark.parametrize("timeout", [timedelta(0), timedelta(seconds=-1)])
def test_a_timeout_of_no_time_is_refused(timeout: timedelta) -> None:
    with pytest.raises(InvalidDeclaration, match="reaches nobody"):
        Endpoint(name="default", timeout=timeout)
