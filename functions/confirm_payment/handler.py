"""Lambda entry point: writes down which payments are confirmed."""

from __future__ import annotations

from functools import partial

from aws_lambda_powertools import Logger

from confirm_payment.confirmation import confirm
from confirm_payment.payments import Payments
from headworks import clients
from headworks.consumer import Consumer
from headworks.settings import Settings
from pipeline import queues, tables

payments = Payments(clients.dynamodb(), table=Settings().table(tables.PAYMENTS))
logger = Logger(service="confirm_payment")

handler = Consumer(queues.PAYMENTS, partial(confirm, payments=payments, logger=logger))
