"""The client is botocore's own."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError

from headworks.testing import Ending, Killed, SimulatedAws

SECOND = timedelta(seconds=1)


@pytest.fixture
def aws():
    with SimulatedAws() as world:
        yield world


def test_it_checks_parameters_as_ever(aws):
    with pytest.raises(ParamValidationError, match="QueueURL"):
        aws.client.send_message(QueueURL="x", MessageBody="a")


def test_an_error_is_shaped_as_from_aws(aws):
    with pytest.raises(ClientError) as caught:
        aws.client.send_message(QueueUrl="https://sqs.us-east-1.amazonaws.com/0/none", MessageBody="a")

    assert caught.value.response["Error"] == {
        "Code": "AWS.SimpleQueueService.NonExistentQueue",
        "Message": "The specified queue does not exist.",
        "QueryErrorCode": "QueueDoesNotExist",
        "Type": "Sender",
    }
    assert caught.value.operation_name == "SendMessage"


def test_an_operation_that_is_not_simulated_says_so(aws):
    with pytest.raises(NotImplementedError, match="AddPermission"):
        aws.client.add_permission(QueueUrl="x", Label="x", AWSAccountIds=[], Actions=[])


def test_a_deleted_queue_is_gone(aws):
    queue = aws.queue("q")
    aws.client.delete_queue(QueueUrl=queue.url)

    with pytest.raises(aws.client.exceptions.QueueDoesNotExist):
        aws.client.get_queue_url(QueueName="q")


def test_a_call_can_be_made_to_fail_before_it_arrives(aws):
    queue = aws.queue("q")

    def down(**_):
        raise EndpointConnectionError(endpoint_url=queue.url)

    aws.client.meta.events.register("provide-client-params.sqs.SendMessage", down)
    with pytest.raises(EndpointConnectionError):
        aws.client.send_message(QueueUrl=queue.url, MessageBody="a")
    aws.client.meta.events.unregister("provide-client-params.sqs.SendMessage", down)
    aws.client.send_message(QueueUrl=queue.url, MessageBody="b")

    assert queue.bodies == ["b"]


def test_an_answer_can_be_lost_after_the_call_arrived(aws):
    queue = aws.queue("q")

    def lose(**_):
        raise EndpointConnectionError(endpoint_url=queue.url)

    aws.client.meta.events.register("after-call.sqs.SendMessage", lose)
    with pytest.raises(EndpointConnectionError):
        aws.client.send_message(QueueUrl=queue.url, MessageBody="a")

    assert queue.bodies == ["a"]


def test_a_process_can_die_in_the_middle_of_a_call(aws):
    queue, other = aws.queue("q"), aws.queue("other")

    def die(**_):
        raise Killed

    def handler(event, _context):
        aws.client.send_message(QueueUrl=other.url, MessageBody=event["Records"][0]["body"])

    aws.client.meta.events.register("after-call.sqs.SendMessage", die)
    aws.map(queue, handler)
    queue.send("a")
    aws.run_for(SECOND)

    assert [each.ending for each in aws.invocations] == [Ending.DIED]
    assert other.bodies == ["a"]
    assert queue.in_flight == 1


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_ENDPOINT_URL", "AWS_REGION"])
def test_nothing_of_this_machines_configuration_matters(monkeypatch, variable):
    monkeypatch.setenv(variable, "nonsense")
    aws = SimulatedAws()

    assert aws.client.create_queue(QueueName="q")["QueueUrl"] == aws.queues["q"].url


def test_a_simulation_without_a_client_needs_no_botocore():
    code = "import sys, headworks.testing; headworks.testing.SimulatedAws().queue('q'); print('botocore' in sys.modules)"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "False"


def test_importing_the_library_imports_neither_test_tools_nor_what_is_slow_to_load():
    unwanted = {"headworks.testing", "boto3", "botocore", "aws_lambda_powertools"}
    code = f"import sys, headworks; print({unwanted} & set(sys.modules))"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "set()"


def test_importing_a_consumer_imports_nothing_that_operators_alone_use():
    code = "import sys, headworks.consumer; print([each for each in sys.modules if 'headworks.operations' in each])"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"
