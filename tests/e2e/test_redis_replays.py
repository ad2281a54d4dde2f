"""A dead letter of a queue on Redis: listed, shown, replayed over Redis, done once."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from headworks.brokers.redis.address import address_of
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.operation import command
from headworks.settings import REDIS_URL
from infra.local.aws import clients_of
from pipeline import buckets, queues
from tests.e2e.pipeline import eventually
from tests.support.pages import pages_of

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("analytics_alone")]

ANALYTICS = queues.ANALYTICS
# Longer than it takes to make its payload disappear.
DELAY_SECONDS = 5


@pytest.fixture
def s3(pipeline):
    return clients_of(pipeline.outputs.aws_endpoint_url)("s3")


def document(done):
    """What a command printed, which went well."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def lost_payload(pipeline, s3, visitor):
    """A large event whose payload goes before its consumer reads it: its id, and how to bring the payload back."""
    data = {"visitor": visitor, "padding": "x" * 2 * ANALYTICS.claim_check_over_bytes}
    body = {"type": "page.viewed", "source": "/shop", "data": data, "delayseconds": DELAY_SECONDS}
    message_id = pipeline.post(ANALYTICS.name, body, key=visitor).json()["messageId"]
    where = {
        "Bucket": pipeline.outputs.claim_check_bucket,
        "Key": f"{ANALYTICS.body_prefix}{ANALYTICS.name}/{message_id}",
    }
    payload = s3.get_object(**where)["Body"].read()
    s3.delete_object(**where)
    return message_id, lambda: s3.put_object(**where, Body=payload, ContentType="application/json")


def test_a_dead_letter_of_a_redis_queue_is_listed_shown_and_replayed_once(pipeline, headworks, s3):
    visitor = f"v-{uuid4().hex}"
    message_id, bring_back = lost_payload(pipeline, s3, visitor)
    pipeline.dead_letter(message_id)

    listed = document(headworks("dead", "list", "--queue", ANALYTICS.name, "--json"))
    [shown] = document(headworks("dead", "show", message_id, "--json"))["items"]
    bring_back()
    replayed = document(headworks("dead", "replay", message_id, "--because", "it is back", "--json"))

    def story():
        return document(headworks("find", message_id, "--json"))["items"]

    [item] = eventually(story, lambda items: [each["state"] for each in items] == ["completed"])
    again = document(headworks("dead", "replay", message_id, "--queue", ANALYTICS.name, "--json"))
    assert message_id in [each["id"] for each in listed["items"]]
    assert [(each["attempt"], each["errorType"]) for each in shown["history"]] == [(1, "MissingObject")]
    assert all(each["version"] for each in shown["history"])
    assert (replayed["state"], replayed["sent"]) == ("finished", 1)
    assert [each["replay"] for each in item["replayed"]] == [replayed["id"]]
    assert [each["attempt"] for each in item["history"]] == [1]
    assert again["sent"] == 0
    assert [line["id"] for line in lines_of(pipeline, s3, visitor)] == [message_id]
    assert is_marked(pipeline, message_id)


def lines_of(pipeline, s3, visitor):
    pages = pages_of(s3, pipeline.outputs.buckets[buckets.ANALYTICS.name])
    return [line for lines in pages.values() for line in lines if line["data"].get("visitor") == visitor]


def is_marked(pipeline, message_id):
    """Whether it was put back over Redis, and finished there: only then is it marked there."""
    functions = clients_of(pipeline.outputs.aws_endpoint_url)("lambda").list_functions()["Functions"]
    [url] = {each["Environment"]["Variables"].get(REDIS_URL) for each in functions} - {None}
    keys = Keys(ANALYTICS.name).of(*ANALYTICS.consumers)
    with Connection(address_of(url)) as connection:
        return any(connection.run(_ask("HGET", each, message_id)) for each in keys.done)


def _ask(*arguments):
    return (yield command(*arguments))
