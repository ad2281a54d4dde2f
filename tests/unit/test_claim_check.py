"""Bodies too large for a queue."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError

from headworks.claim_check import ClaimCheck
from headworks.errors import MissingObject, Unavailable, Undecodable
from headworks.letters import changed_letter, open_letter
from tests.support.declarations import a_message, a_queue


@pytest.fixture
def claim_check(aws, bucket):
    return ClaimCheck(a_queue(claim_check_over_bytes=100), aws("s3"), bucket=bucket)


@pytest.mark.parametrize("data", [b'"%s"' % (b"x" * 98), b"{}"])
def test_a_body_up_to_the_threshold_travels_along(claim_check, data):
    message = a_message(data)

    assert claim_check.check_in(message) is message
    assert claim_check.check_out(message) is message


def test_base64_counts_where_the_body_is_not_json(claim_check):
    message = claim_check.check_in(a_message(b"\x00" * 80, data_content_type="image/png"))

    assert message.data_ref is not None


def test_a_large_body_comes_back_byte_for_byte(claim_check):
    message = a_message('"häßlich ☃ \U0001f680"'.encode() + b" " * 200)

    assert claim_check.check_out(claim_check.check_in(message)).data == message.data


def test_a_body_that_is_gone_says_so(claim_check):
    message = msgspec.structs.replace(a_message(), data_ref="s3://bodies/27d/orders/gone")

    with pytest.raises(MissingObject, match="gone"):
        claim_check.check_out(message)


@pytest.mark.parametrize(
    "ref",
    [
        "s3://other/key",
        "s3://bodies",
        "s3://bodies/",
        "https://bodies/key",
        "bodies/key",
        "file:///etc/passwd",
    ],
)
def test_an_address_outside_the_pipelines_bucket_is_refused(claim_check, ref):
    with pytest.raises(Undecodable, match="dataref"):
        claim_check.check_out(msgspec.structs.replace(a_message(), data_ref=ref))


class Down:
    def get_object(self, **_):
        raise EndpointConnectionError(endpoint_url="s3")

    put_object = get_object


def test_a_bucket_that_does_not_answer_is_our_own_trouble():
    claim_check = ClaimCheck(a_queue(claim_check_over_bytes=1), Down(), bucket="bodies")

    with pytest.raises(Unavailable):
        claim_check.check_in(a_message())
    with pytest.raises(Unavailable):
        claim_check.check_out(msgspec.structs.replace(a_message(), data_ref="s3://bodies/k"))


def test_what_waits_lies_where_a_rule_takes_it_and_what_is_dead_where_none_does(claim_check, bucket):
    travelling = claim_check.check_in(a_message(b'"%s"' % (b"x" * 200)))

    waiting = claim_check.keep(travelling, waits=True)
    dead = claim_check.keep(waiting)

    assert waiting.data_ref == f"s3://{bucket}/{a_queue().waiting_prefix}orders/{waiting.id}"
    assert dead.data_ref == f"s3://{bucket}/kept/orders/{dead.id}"
    assert claim_check.keep(waiting, waits=True) == waiting
    assert claim_check.keep(dead, waits=True) == dead
    assert len(claim_check.check_out(waiting).data) == len(claim_check.check_out(dead).data) == 202


def test_the_life_of_what_is_dead_for_a_time_begins_anew_with_each_death(aws, bucket):
    queue = a_queue(claim_check_over_bytes=100, dead_letters_kept_for=timedelta(days=90))
    client, copied = aws("s3"), []
    client.meta.events.register(
        "provide-client-params.s3.CopyObject", lambda params, **_: copied.append(params["Key"])
    )
    claim_check = ClaimCheck(queue, client, bucket=bucket)
    dead = claim_check.keep(claim_check.check_in(a_message(b'"%s"' % (b"x" * 200))))
    waiting = claim_check.keep(dead, waits=True)
    copied.clear()

    again = claim_check.keep(dead)

    assert queue.kept_prefix == "117d/"
    assert again.data_ref == dead.data_ref == f"s3://{bucket}/117d/orders/{dead.id}"
    assert waiting.data_ref == f"s3://{bucket}/{queue.waiting_prefix}orders/{dead.id}"
    # S3 begins a new life with a copy, and refuses one onto itself that changes nothing: moto does, too.
    assert copied == [f"117d/orders/{dead.id}"]
    assert len(claim_check.check_out(again).data) == 202


def test_an_edited_payload_never_lies_in_the_place_of_the_first_one(aws, bucket):
    queue = a_queue(claim_check_over_bytes=100, dead_letters_kept_for=timedelta(days=90))
    claim_check = ClaimCheck(queue, aws("s3"), bucket=bucket)
    first = claim_check.keep(claim_check.check_in(a_message(b'"%s"' % (b"x" * 200))))
    edited = msgspec.structs.replace(first, data=b'"%s"' % (b"y" * 200), data_ref=None)
    edited = open_letter_ref(changed_letter(claim_check, edited, sent_at=edited.time), first)

    again = claim_check.keep(claim_check.keep(edited, waits=True))

    assert claim_check.check_out(again).data == b'"%s"' % (b"y" * 200)
    assert claim_check.check_out(first).data == b'"%s"' % (b"x" * 200)


def open_letter_ref(letter, message):
    """The message of a letter as it travels."""
    return msgspec.structs.replace(message, data_ref=json.loads(letter.body)["dataref"])


def test_a_changed_payload_is_kept_beside_the_first_one(claim_check):
    first = claim_check.keep(claim_check.check_in(a_message(b'"%s"' % (b"x" * 200))))
    again = msgspec.structs.replace(first, data=b'"%s"' % (b"y" * 200), data_ref=None)

    letter = changed_letter(claim_check, again, sent_at=again.time)
    changed = open_letter(claim_check, letter, a_queue())

    assert changed.data == again.data
    assert claim_check.check_out(first).data == b'"%s"' % (b"x" * 200)
    assert changed.id == first.id
    assert "/kept/orders/" in json.loads(letter.body)["dataref"]
