"""A consumer whose messages say what it is to do with them; the same code runs in both worlds.

A body is a JSON object: `sleep` seconds, then `die`, `raise`, give `answer` (or `answer_no_json`),
or succeed; with `fail: n` its record is reported as failed on its first n receives, and with
`hide: seconds` hidden for so long before.  Stands alone: Lambda gets this file and nothing else.
"""

import json
import os
import time

import boto3


def consume(event, *, sqs, journal_url, sleep=time.sleep, die=lambda: os._exit(1)):
    """Note the batch in the journal, then follow the scripts of its records."""
    sqs.send_message(QueueUrl=journal_url, MessageBody=json.dumps(event))
    failures = []
    for record in event["Records"]:
        script = json.loads(record["body"])
        sleep(script.get("sleep", 0))
        if "die" in script:
            die()
        if "raise" in script:
            raise RuntimeError(script["raise"])
        if "answer" in script:
            return script["answer"]
        if "answer_no_json" in script:
            return {"not", "JSON"}
        if int(record["attributes"]["ApproximateReceiveCount"]) <= script.get("fail", 0):
            failures.append({"itemIdentifier": record["messageId"]})
            if "hide" in script:
                _hide(sqs, record, script["hide"])
    return {"batchItemFailures": failures}


def handler(event, context):
    """What Lambda calls."""
    return consume(event, sqs=boto3.client("sqs"), journal_url=os.environ["JOURNAL_URL"])


def _hide(sqs, record, seconds):
    name = record["eventSourceARN"].rpartition(":")[2]
    sqs.change_message_visibility(
        QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=seconds,
    )
