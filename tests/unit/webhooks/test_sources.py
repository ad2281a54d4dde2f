"""Sources and routes: declarations that refuse what can't work, and the ways they open."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.errors import InvalidDeclaration
from headworks.webhooks import sources
from headworks.webhooks.routes import Route, routes_of


@pytest.mark.parametrize("name", ["", "Stripe", "stripe_eu", "-stripe", "stripe-", "stripe/eu", "1stripe"])
def test_a_name_that_is_no_name_is_refused(name):
    with pytest.raises(InvalidDeclaration):
        sources.stripe(name)


@pytest.mark.parametrize("tolerance", [timedelta(0), timedelta(seconds=-1)])
def test_a_tolerance_that_accepts_nothing_is_refused(tolerance):
    with pytest.raises(InvalidDeclaration):
        sources.stripe(tolerance=tolerance)


def test_path_and_variable_come_from_the_name():
    source = sources.stripe("stripe-eu")

    assert source.path == "/webhooks/stripe-eu"
    assert source.secret_variable == "SOURCE_SECRET_STRIPE_EU"


def test_an_event_takes_every_route_that_it_matches():
    everything = Route(queue="all")
    invoices = Route(queue="invoices", source="stripe*", event_type="invoice.*")
    pushes = Route(queue="pushes", source="github", event_type="push")
    routes = (everything, invoices, pushes)

    assert routes_of(routes, "stripe-eu", "invoice.paid") == (everything, invoices)
    assert routes_of(routes, "stripe-eu", "charge.failed") == (everything,)
    assert routes_of(routes, "github", "push") == (everything, pushes)


def test_a_pattern_is_matched_in_its_own_case():
    assert routes_of([Route(queue="q", event_type="Invoice.*")], "stripe", "invoice.paid") == ()


def test_a_route_serves_a_source_whatever_the_types_it_takes():
    route = Route(queue="q", source="stripe*", event_type="invoice.*")

    assert route.serves("stripe-eu")
    assert not route.serves("github")
