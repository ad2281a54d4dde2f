"""Lambda entry point: tells customers what became of their orders."""

from __future__ import annotations

from functools import partial

from aws_lambda_powertools import Logger

from headworks.consumer import Consumer
from notify_order.notification import notify
from pipeline.queues import ORDER_EVENTS

logger = Logger(service="notify_order")

handler = Consumer(ORDER_EVENTS, partial(notify, logger=logger), name="notify_order")
