"""What end-to-end tests do with the pipeline: send events, tell the inbox how to answer, wait for what comes."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import urllib3

from headworks.ledger import layout
from headworks.ledger.ledger import State
from infra.local.aws import clients_of
from infra.local.samples import own_samples, send
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.outputs import Outputs
    from infra.local.samples import Answer, Sample

POLL_SECONDS = 0.2

T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """One event, told apart from all others by a text in its body."""

    sample: Sample
    mark: str

    @property
    def body(self) -> bytes:
        return self.sample.body


@dataclass(frozen=True)
class Arrival:
    """One delivery at the inbox."""

    at: datetime
    headers: dict[str, str]
    body: bytes
    status: int


@dataclass
class Pipeline:
    """The pipeline that is up, and its inbox."""

    outputs: Outputs
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=10))

    def event(self, source: str, *, padding_bytes: int = 0) -> Event:
        """A new event of a source, from its sample."""
        sample = next(each for each in own_samples() if each.source.name == source and _is_json(each))
        mark = f"mark-{uuid4().hex}"
        document = json.loads(sample.body) | {"mark": mark, "padding": "x" * padding_bytes}
        return Event(replace(sample, body=json.dumps(document).encode()).renewed(), mark)

    def send(self, event: Event) -> Answer:
        """Sign and send it as its source would."""
        return send(event.sample, self.outputs)

    def behave(self, event: Event, *statuses: int, **headers: str) -> None:
        """How the inbox answers this event's deliveries."""
        behaviour = {
            "match": event.mark,
            "statuses": statuses,
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        }
        answer = self.http.request("PUT", f"{self.outputs.inbox_url}/behaviour", json=behaviour)
        assert answer.status == 200, answer.data

    def arrivals(self, event: Event) -> list[Arrival]:
        """This event's deliveries so far."""
        answer = self.http.request(
            "GET", f"{self.outputs.inbox_url}/deliveries", fields={"match": event.mark}
        )
        return [
            Arrival(
                at=datetime.fromisoformat(each["received_at"]),
                headers=each["headers"],
                body=base64.b64decode(each["body_base64"]),
                status=each["status"],
            )
            for each in answer.json()
        ]

    def wait_for(self, event: Event, *, deliveries: int = 1, seconds: float = 60) -> list[Arrival]:
        """This event's deliveries, when there are as many."""
        return eventually(lambda: self.arrivals(event), lambda seen: len(seen) >= deliveries, seconds=seconds)

    def post(self, queue: str, body: dict[str, Any], *, key: str) -> urllib3.BaseHTTPResponse:
        """Send a message of a service's own."""
        url = f"{self.outputs.endpoint}/queues/{queue}/messages"
        return self.http.request("POST", url, json={**body, "idempotencykey": key}, headers=self._token)

    def take_back(self, queue: str, key: str) -> urllib3.BaseHTTPResponse:
        """Cancel what waits under a key."""
        url = f"{self.outputs.endpoint}/queues/{queue}/messages/{quote(key, safe='')}"
        return self.http.request("DELETE", url, headers=self._token)

    def ask(self, method: str, path: str, document: dict[str, Any] | None = None) -> urllib3.BaseHTTPResponse:
        """Ask the admin API, as an operator."""
        headers = {"authorization": f"Bearer {self.outputs.admin_token}"}
        return self.http.request(
            method, f"{self.outputs.endpoint}/admin{path}", json=document, headers=headers, timeout=30
        )

    @property
    def _token(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.outputs.producer_token}"}

    def dead_letter(self, message_id: str) -> dict[str, str]:
        """What the ledger lists of a dead letter, when it is there."""
        return self.listed(State.DEAD, message_id)

    def listed(self, state: State, message_id: str) -> dict[str, str]:
        """What the ledger lists of a message in this state, when it is there."""
        found = eventually(lambda: self._listed(state, message_id), lambda header: header is not None)
        assert found is not None
        return found

    def give_up(self, queue: str, consumer: str) -> str:
        """Put a message where SQS puts what it gave up on; its id."""
        message_id = f"msg_{uuid4().hex}"
        event = {
            "specversion": "1.0",
            "id": message_id,
            "source": "stripe",
            "type": "stripe.charge",
            "data": {},
        }
        self._sqs.send_message(
            QueueUrl=self._dead_letter_queue_url(queue, consumer), MessageBody=json.dumps(event)
        )
        return message_id

    def wait_until_empty(self, queue: str, consumer: str) -> None:
        """Until nothing lies on a dead-letter queue, or hides there."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self._dead_letter_queue_url(queue, consumer)
        eventually(
            lambda: self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"],
            lambda attributes: all(attributes[name] == "0" for name in names),
        )

    @property
    def _sqs(self) -> Any:
        return clients_of(self.outputs.aws_endpoint_url)("sqs")

    def _dead_letter_queue_url(self, queue: str, consumer: str) -> str:
        return self.outputs.queues[queue].consumers[consumer].dead_letter_queue_url

    def _listed(self, state: State, message_id: str) -> dict[str, str] | None:
        dynamodb = clients_of(self.outputs.aws_endpoint_url)("dynamodb")
        for queue, shard in product(TOPOLOGY.queues, range(layout.SHARDS)):
            for consumer in queue.consumers:
                page = dynamodb.query(
                    TableName=self.outputs.ledger_table,
                    IndexName=layout.INDEX,
                    KeyConditionExpression="#list = :list",
                    ExpressionAttributeNames={"#list": layout.INDEX_KEY},
                    ExpressionAttributeValues={
                        ":list": {"S": layout.listed_under(state, f"{queue.name}/{consumer}", shard)}
                    },
                )
                for item in page["Items"]:
                    if item["message_id"]["S"] == message_id:
                        return {name: str(*value.values()) for name, value in item.items()}
        return None


def eventually(look: Callable[[], T], enough: Callable[[T], bool], *, seconds: float = 60) -> T:
    """What is seen, once it is enough; fails at the deadline with what was seen last."""
    deadline = time.monotonic() + seconds
    while not enough(seen := look()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s; seen last: {seen}"
        time.sleep(POLL_SECONDS)
    return seen


def waits(arrivals: list[Arrival]) -> list[float]:
    """The seconds between one delivery and the next."""
    times = [arrival.at for arrival in arrivals]
    return [(after - before).total_seconds() for before, after in pairwise(times)]


def _is_json(sample: Sample) -> bool:
    content_type = sample.headers.get("content-type", "")
    return content_type.startswith("application/json")
