"""Where events are kept for analysts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.stores import asking

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from track_event.lines import Page


class Archive:
    """Pages of events in a bucket, under a prefix."""

    def __init__(self, client: S3Client, *, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def keep(self, page: Page) -> None:
        """Write a page, over itself where it was written before.  Raises `Unavailable`."""
        with asking("the bucket of analytics"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + page.name,
                Body=page.content,
                ContentType="application/gzip",
            )
