"""Lambda entry point: keeps the stock up with the orders."""

from __future__ import annotations

from functools import partial

from headworks import clients
from headworks.consumer import Consumer
from headworks.settings import Settings
from pipeline import queues, tables
from update_inventory.inventory import Inventory
from update_inventory.projection import project

inventory = Inventory(clients.dynamodb(), table=Settings().table(tables.INVENTORY))

handler = Consumer(queues.ORDER_EVENTS, partial(project, inventory=inventory), name="update_inventory")
