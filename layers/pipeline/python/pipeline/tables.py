"""Where this pipeline's functions keep what they know; the classes that write the items say what is in them."""

from __future__ import annotations

from headworks.table import Table

ORDERS = Table(name="orders", functions=("fulfil_order",))
PAYMENTS = Table(name="payments", functions=("confirm_payment", "fulfil_order"))
INVENTORY = Table(name="inventory", functions=("update_inventory",))

TABLES = (ORDERS, PAYMENTS, INVENTORY)
