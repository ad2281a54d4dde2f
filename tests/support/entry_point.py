"""A function's entry point, as Lambda starts it."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

from headworks import clients

CLIENTS = (
    clients.sqs,
    clients.sns,
    clients.dynamodb,
    clients.s3,
    clients.secrets_manager,
    clients.ssm,
    clients.cloudwatch,
    clients.lambda_,
    clients.lambda_to_invoke,
)


def cold_start(function: str) -> Any:
    """The entry point, imported anew: it finds the environment and the stdout of now."""
    for client in CLIENTS:
        client.cache_clear()
    module = f"{function}.handler"
    sys.modules.pop(module, None)
    handler = importlib.import_module(module).handler
    # Loggers outlive tests.  Not by setStream: that flushes the stream of an earlier test, which is closed.
    for each in logging.getLogger(function).handlers:
        if isinstance(each, logging.StreamHandler):
            each.stream = sys.stdout
    return handler
