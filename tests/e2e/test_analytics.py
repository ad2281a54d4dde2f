"""An event's way to the analysts: accepted over HTTP, a line of an object soon after; over Redis, and over SQS without."""

from uuid import uuid4

import pytest

from infra.local.aws import clients_of
from infra.names import SERVICE
from pipeline import buckets, queues
from tests.e2e.pipeline import eventually
from tests.support.pages import pages_of

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("analytics_alone")]

# What the emulator and a function's cold start may take beside the window.
PATIENCE_SECONDS = 30


@pytest.fixture
def lines_of(pipeline):
    """The lines of one visitor, by the objects that they are in."""
    s3 = clients_of(pipeline.outputs.aws_endpoint_url)("s3")
    bucket = pipeline.outputs.buckets[buckets.ANALYTICS.name]

    def look(visitor):
        pages = {
            key: [line for line in lines if line["data"].get("visitor") == visitor]
            for key, lines in pages_of(s3, bucket).items()
        }
        return {key: lines for key, lines in pages.items() if lines}

    return look


def test_the_queue_travels_over_redis_or_without_it_over_sqs(pipeline, without_redis):
    cloudformation = clients_of(pipeline.outputs.aws_endpoint_url)("cloudformation")
    [stack] = cloudformation.describe_stacks(StackName=SERVICE)["Stacks"]
    drains = [each["OutputKey"] for each in stack["Outputs"] if each["OutputKey"].startswith("Drain")]

    assert (drains == []) == without_redis


def test_what_is_accepted_is_a_line_of_an_object_soon_after_the_batch_window(pipeline, lines_of):
    visitor = f"v-{uuid4().hex}"
    events = [
        {"type": "page.viewed", "source": "/shop", "data": {"visitor": visitor, "page": n}} for n in range(20)
    ]

    # One is sent twice.
    answers = [
        pipeline.post(queues.ANALYTICS.name, event, key=f"{visitor}-{event['data']['page']}")
        for event in [*events, events[0]]
    ]

    assert {answer.status for answer in answers} == {202}
    pages = eventually(
        lambda: lines_of(visitor),
        lambda seen: sum(map(len, seen.values())) >= len(events),
        seconds=queues.ANALYTICS.batch_window.total_seconds() + PATIENCE_SECONDS,
    )
    lines = [line for each in pages.values() for line in each]
    assert sorted(line["data"]["page"] for line in lines) == list(range(20))
    assert {line["id"] for line in lines} == {answer.json()["messageId"] for answer in answers}
    for key in pages:
        assert key.startswith(f"analytics/{lines[0]['time'][:10].replace('-', '/')}/")
        assert key.endswith(".jsonl.gz")
