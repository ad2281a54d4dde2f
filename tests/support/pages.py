"""What `track_event` has written."""

from __future__ import annotations

import gzip
import json
from typing import Any


def pages_of(s3: Any, bucket: str) -> dict[str, list[Any]]:
    """The lines of every page in a bucket, by its key."""
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: _lines(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}


def _lines(content: bytes) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(content).decode().splitlines()]
