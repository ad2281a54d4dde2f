"""Samples: read as they lie in `events/`, signed as their provider would, refused where they can't be."""

import base64
import json
from datetime import UTC, datetime

import pytest

from headworks.webhooks import sources
from headworks.webhooks.schemes import verify
from infra.local.errors import UnusableSample
from infra.local.samples import known_source, own_samples, read_sample, signed
from pipeline import TOPOLOGY

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def file(tmp_path):
    def write(body, headers=None, **event):
        path = tmp_path / "event.json"
        path.write_text(json.dumps({"version": "2.0", "headers": headers or {}, "body": body, **event}))
        return path

    return write


def test_there_is_a_sample_of_every_source():
    assert {sample.source for sample in own_samples()} == set(TOPOLOGY.sources)


@pytest.mark.parametrize("sample", own_samples(), ids=lambda sample: sample.path.stem)
def test_a_sample_is_signed_as_its_source_signs(sample):
    headers = signed(sample, SECRET, now=NOW)

    verify(sample.source, sample.body, headers, secrets=[SECRET], now=NOW)


@pytest.mark.parametrize("sample", own_samples(), ids=lambda sample: sample.path.stem)
def test_a_renewed_sample_is_another_event_and_otherwise_the_same(sample):
    renewed = sample.renewed()

    assert renewed.event_id != sample.event_id
    assert len(renewed.headers) == len(sample.headers)
    assert renewed.body.replace(renewed.event_id.encode(), sample.event_id.encode()) == sample.body


def test_a_renewed_id_looks_like_the_old_one(file):
    stripe = read_sample(file('{"id": "evt_test_1abc", "type": "a"}'), sources.stripe()).renewed()
    headers = {"X-GitHub-Delivery": "8a6a1d60-cc78-11e3-9cf5-6b4f2f3c1d0e", "X-GitHub-Event": "push"}
    github = read_sample(file("{}", headers), sources.github()).renewed()

    assert stripe.event_id.startswith("evt_test_")
    assert json.loads(stripe.body)["id"] == stripe.event_id
    assert [len(part) for part in github.event_id.split("-")] == [8, 4, 4, 4, 12]
    assert github.headers["x-github-delivery"] == github.event_id


def test_a_body_in_base64_is_sent_as_the_bytes_that_it_holds(file):
    body = base64.b64encode(b'{"id": "evt_1", "type": "a"}').decode()

    sample = read_sample(file(body, isBase64Encoded=True), sources.stripe())

    assert sample.body == b'{"id": "evt_1", "type": "a"}'


def test_headers_of_the_way_are_left_out(file):
    headers = {"Host": "a.example", "Content-Length": "9", "X-Forwarded-For": "1.2.3.4", "X-Own": "kept"}

    sample = read_sample(file('{"id": "evt_1", "type": "a"}', headers), sources.stripe())

    assert sample.headers == {"x-own": "kept"}


def test_an_unknown_source_is_refused_with_those_that_are_known():
    with pytest.raises(
        UnusableSample, match="paypal isn't a source of this pipeline; there are stripe, github"
    ):
        known_source("paypal")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "isn't JSON"),
        ("[]", "isn't an HTTP API event"),
        ('{"body": "{}"}', "isn't an HTTP API event"),
        ('{"headers": {}, "body": "{}"}', "isn't an event of stripe"),
        ('{"headers": {}, "body": "%%%", "isBase64Encoded": true}', "isn't base64"),
    ],
)
def test_a_file_that_is_no_event_is_refused_with_the_reason(tmp_path, text, why):
    path = tmp_path / "event.json"
    path.write_text(text)

    with pytest.raises(UnusableSample, match=why):
        read_sample(path, sources.stripe())


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UnusableSample, match=r"missing\.json can't be read"):
        read_sample(tmp_path / "missing.json", sources.stripe())
