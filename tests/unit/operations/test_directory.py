"""Where consumers' parts are, read from parameters at most once a minute."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.operations.directory import FRESH_FOR, ParameterDirectory, Place, place_of

FULFIL = Address("orders", "fulfil_order")
PLACE = Place(url="u", arn="a", dead_letter_url="d", function="f", mapping="m")
VALUE = '{"url": "u", "arn": "a", "dead_letter_url": "d", "function": "f", "mapping": "m"}'


@pytest.fixture
def ssm(aws):
    client = aws("ssm")
    client.put_parameter(Name="/here/orders/fulfil_order", Type="String", Value=VALUE)
    return client


def test_what_is_known_is_believed_for_a_minute(ssm, clock):
    directory = ParameterDirectory(ssm, path="/here", clock=clock)
    directory.places()
    ssm.put_parameter(Name="/here/clicks/count_click", Type="String", Value=VALUE)

    assert directory.places().keys() == {FULFIL}
    clock.advance(FRESH_FOR)
    assert directory.places().keys() == {FULFIL, Address("clicks", "count_click")}


def test_what_is_known_goes_on_serving_while_the_store_does_not_answer(ssm, clock):
    directory = ParameterDirectory(ssm, path="/here", clock=clock)
    known = directory.places()
    clock.advance(timedelta(hours=1))

    ssm.get_parameters_by_path = fail

    assert directory.places() == known == {FULFIL: PLACE}


def test_without_an_answer_nothing_is_known(ssm, clock):
    ssm.get_parameters_by_path = fail

    with pytest.raises(Unavailable):
        ParameterDirectory(ssm, path="/here", clock=clock).places()


def fail(**_):
    raise EndpointConnectionError(endpoint_url="here")


def test_a_consumer_that_is_not_deployed_has_no_place(ssm):
    with pytest.raises(Unavailable, match="orders/post_letter is unavailable: it isn't deployed"):
        place_of(ParameterDirectory(ssm, path="/here"), Address("orders", "post_letter"))
