"""The `headworks` command."""
