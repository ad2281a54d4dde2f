"""Events kept for analysts: lines, pages, and what can't be one."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from headworks import Failed, Message, Reject
from headworks.errors import Unavailable
from headworks.testing.clock import NEW_YEAR
from tests.support.pages import pages_of
from track_event.archive import Archive
from track_event.lines import line_of, page_of
from track_event.tracking import track

HOUR = timedelta(hours=1)


@pytest.fixture
def s3(aws):
    client = aws("s3")
    client.create_bucket(Bucket="pages")
    return client


@pytest.fixture
def archive(s3):
    return Archive(s3, bucket="pages", prefix="analytics/")


def event(name="e1", data=b"{}", **fields):
    defaults = {"source": "/shop", "type": "page.viewed", "time": NEW_YEAR, "idempotency_key": name}
    return Message(**{**defaults, "id": name, "data": msgspec.Raw(data), **fields})


def test_a_batch_is_one_object_by_day_and_hour_with_a_line_for_each_event(archive, s3):
    events = [
        event("e1", b'{"page": "/mugs"}', time=NEW_YEAR + 15 * HOUR, tenant="acme"),
        event("e2", b"[1, 2]", time=NEW_YEAR + 15 * HOUR, type="list.made"),
    ]

    track(events, archive=archive)

    [(key, lines)] = pages_of(s3, "pages").items()
    assert key.startswith("analytics/2026/01/01/15/")
    assert key.endswith(".jsonl.gz")
    assert lines == [
        {
            "id": "e1",
            "type": "page.viewed",
            "source": "/shop",
            "time": "2026-01-01T15:00:00Z",
            "tenant": "acme",
            "data": {"page": "/mugs"},
        },
        {
            "id": "e2",
            "type": "list.made",
            "source": "/shop",
            "time": "2026-01-01T15:00:00Z",
            "tenant": None,
            "data": [1, 2],
        },
    ]


def test_a_repeated_batch_overwrites_its_own_object_in_whatever_order_it_comes(archive, s3):
    events = [event(f"e{n}", time=NEW_YEAR + n * timedelta(seconds=1)) for n in range(5)]

    track(events, archive=archive)
    [before] = s3.list_objects_v2(Bucket="pages")["Contents"]
    track(events[::-1], archive=archive)

    [after] = s3.list_objects_v2(Bucket="pages")["Contents"]
    assert (before["Key"], before["ETag"]) == (after["Key"], after["ETag"])


def test_another_batch_is_another_object(archive, s3):
    track([event("e1"), event("e2")], archive=archive)
    track([event("e1")], archive=archive)

    assert sorted(len(lines) for lines in pages_of(s3, "pages").values()) == [1, 2]


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (b'{"price": 12.50}', '"data":{"price":12.50}'),
        (b'{"n": 123456789012345678901234567890}', '"data":{"n":123456789012345678901234567890}'),
        (b'{\n  "a": "b\\nc",\r\n  "d": [ ]\n}', '"data":{"a":"b\\nc","d":[]}'),
        ('{"name": "Zoë \u2028"}'.encode(), '"data":{"name":"Zoë \u2028"}'),
        (b"null", '"data":null'),
    ],
)
def test_data_stays_as_it_was_written_but_on_one_line(data, written):
    text = line_of(event(data=data)).text

    assert text.endswith(written + "}")
    assert text.encode().count(b"\n") == 0


def test_an_event_that_no_line_can_hold_is_rejected_and_its_neighbours_are_written(archive, s3):
    surrogate, early = (
        event("bad", b'"\xed\xa0\x80"'),
        event("early", time=datetime(1, 1, 1, tzinfo=timezone(10 * HOUR))),
    )

    with pytest.raises(Failed) as failed:
        track([event("a"), surrogate, early, event("b")], archive=archive)

    assert set(failed.value.errors) == {surrogate, early}
    assert all(isinstance(error, Reject) for error in failed.value.errors.values())
    [lines] = pages_of(s3, "pages").values()
    assert [line["id"] for line in lines] == ["a", "b"]


def test_where_no_line_is_left_nothing_is_written(archive, s3):
    with pytest.raises(Failed):
        track([event("bad", b'"\xff"')], archive=archive)

    assert pages_of(s3, "pages") == {}


def test_a_sender_with_a_wrong_clock_takes_nobody_elses_line_to_another_day():
    lines = [
        line_of(event("a", time=NEW_YEAR)),
        line_of(event("b", time=NEW_YEAR)),
        line_of(event("wrong", time=datetime(9999, 1, 1, tzinfo=UTC))),
    ]

    assert page_of(lines).name.startswith("2026/01/01/00/")


def test_hours_are_utcs_whatever_zone_the_sender_writes():
    line = line_of(event(time=datetime(2026, 1, 1, 1, tzinfo=timezone(2 * HOUR))))

    assert page_of([line]).name.startswith("2025/12/31/23/")


def test_names_of_ids_are_not_mixed_up():
    together = [page_of([line_of(event(name)) for name in names]).name for names in (("a", "b"), ("a\nb",))]

    assert together[0] != together[1]


def test_a_page_is_a_gzip_that_anything_reads():
    page = page_of([line_of(event(f"e{n}")) for n in range(100)])

    assert gzip.decompress(page.content).count(b"\n") == 100


def test_a_bucket_that_does_not_answer_is_no_failed_attempt(s3):
    gone = Archive(s3, bucket="gone", prefix="analytics/")

    with pytest.raises(Unavailable, match="the bucket of analytics"):
        track([event()], archive=gone)
