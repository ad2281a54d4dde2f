"""Lambda entry point: decides each order and tells what became of it."""

from __future__ import annotations

from functools import partial

from fulfil_order.fulfilment import fulfil
from fulfil_order.orders import Orders
from headworks import clients
from headworks.consumer import Consumer
from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog
from headworks.wiring import producer
from pipeline import queues, tables

settings = Settings()

handler = Consumer(
    queues.ORDERS,
    partial(
        fulfil,
        orders=Orders(
            clients.dynamodb(),
            orders=settings.table(tables.ORDERS),
            payments=settings.table(tables.PAYMENTS),
        ),
        events=producer(queues.ORDER_EVENTS, PowertoolsLog("fulfil_order"), settings),
    ),
)
