"""Queues on Redis beside one another, and beside what the server itself can do: `make bench-redis`."""
