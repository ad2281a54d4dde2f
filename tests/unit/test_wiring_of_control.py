"""What operators' functions are put together from, by the settings of a deployment."""

from __future__ import annotations

import pytest

from headworks import settings
from headworks.ledger.catalogue import Address
from headworks.operations import wiring
from headworks.operations.control import OnDemand, Pauses, Purging, Statistics
from headworks.settings import Settings
from pipeline import TOPOLOGY

ENVIRONMENT = {
    settings.CONSUMERS_PATH: "/headworks/here/consumers",
    settings.LEDGER_TABLE: "ledger",
    settings.DEDUPLICATION_TABLE: "deduplication",
}


@pytest.mark.parametrize("part", ["pauses", "on_demand", "purging", "statistics"])
def test_every_part_of_control_is_put_together_without_asking_anybody(aws, log, part):
    made: Pauses | OnDemand | Purging | Statistics = getattr(wiring, part)(
        TOPOLOGY, Settings(ENVIRONMENT), log
    )

    assert made is not None
    assert log.lines == []


def test_the_directory_reads_the_parameters_of_this_deployment(aws):
    ssm = aws("ssm")
    value = '{"url": "u", "arn": "a", "dead_letter_url": "d", "function": "f", "mapping": "m"}'
    for n in range(12):
        ssm.put_parameter(Name=f"/headworks/here/consumers/orders/do_{n}", Type="String", Value=value)
    ssm.put_parameter(Name="/headworks/elsewhere/consumers/orders/do_12", Type="String", Value=value)

    places = wiring.directory(Settings(ENVIRONMENT)).places()

    assert places.keys() == {Address("orders", f"do_{n}") for n in range(12)}
    assert places["orders", "do_0"].dead_letter_url == "d"
