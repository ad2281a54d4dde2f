"""The feed brings each logged line once, however often it looks."""

from infra.local.log_feed import OVERLAP_MS, EmulatorLog, FunctionLogs


class FakeAws:
    """One function and its log group: answers paginators as boto3 does."""

    def __init__(self):
        self.events = []
        self.asked_from = []

    def __call__(self, service):
        return self

    def get_paginator(self, operation):
        return {"list_functions": self.Functions(), "filter_log_events": self.Logs(self)}[operation]

    def log(self, *texts, at, stream="one"):
        self.events += [{"logStreamName": stream, "timestamp": at, "message": text} for text in texts]

    class Functions:
        def paginate(self):
            config = {"Handler": "deliver_webhook.handler.handler", "LoggingConfig": {"LogGroup": "group"}}
            return [{"Functions": [config]}]

    class Logs:
        def __init__(self, aws):
            self.aws = aws

        def paginate(self, *, logGroupName, startTime):  # noqa: N803 - boto3's names
            self.aws.asked_from.append(startTime)
            return [{"events": [event for event in self.aws.events if event["timestamp"] >= startTime]}]


def texts(feed):
    return [event.text for event in feed.poll()]


def test_a_line_is_told_once_and_with_its_function():
    aws = FakeAws()
    feed = FunctionLogs(aws)
    aws.log("a", at=10_000)

    [event] = feed.poll()

    assert (event.function, event.text, event.at.timestamp()) == ("deliver_webhook", "a", 10)
    assert texts(feed) == []


def test_equal_lines_of_one_moment_are_each_told():
    aws = FakeAws()
    feed = FunctionLogs(aws)
    aws.log("a", "a", at=10_000)
    assert texts(feed) == ["a", "a"]

    aws.log("a", at=10_000)

    assert texts(feed) == ["a"]


def test_a_line_that_comes_in_late_is_not_missed():
    aws = FakeAws()
    feed = FunctionLogs(aws)
    aws.log("later", at=10_000)
    assert texts(feed) == ["later"]

    aws.log("earlier", at=10_000 - OVERLAP_MS, stream="two")

    assert texts(feed) == ["earlier"]


def test_a_look_does_not_begin_from_the_start_again():
    aws = FakeAws()
    feed = FunctionLogs(aws)
    aws.log("a", at=10_000)

    feed.poll()
    feed.poll()

    assert aws.asked_from == [0, 10_000 - OVERLAP_MS]


def test_the_emulators_word_on_functions_is_told_in_whole_lines(tmp_path):
    log = tmp_path / "emulator.log"
    log.write_text(
        "2026-11-24 03:30:47 INFO [lambda_runtime] Lambda worker spawned\n2026-11-24 03:30:48 ERROR [la"
    )
    feed = EmulatorLog(log)
    assert texts(feed) == []

    with log.open("a") as file:
        file.write("mbda] Warm worker execution error: Worker init failed: No module named 'nothere'\n")

    assert texts(feed) == ["Warm worker execution error: Worker init failed: No module named 'nothere'"]
    assert texts(feed) == []
