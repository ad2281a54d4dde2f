"""The pipeline on this machine: the same stacks and functions, no Docker, no AWS account."""
