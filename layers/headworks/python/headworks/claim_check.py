"""The claim check: a body too large for a queue waits in a bucket, the message carries its address.

Objects aren't deleted when a message is done: other consumers and replays may need them.
They lie under a prefix that says how many days they live, and the bucket's lifecycle
rules take them away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import ClientError

from headworks.errors import MissingObject, Undecodable, excerpt
from headworks.message import is_json
from headworks.queue import KEPT_PREFIX
from headworks.stores import asking

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from headworks.message import Message
    from headworks.queue import Queue

BUCKET = "the claim-check bucket"

_MISSING = {"NoSuchKey", "404", "NotFound"}


class ClaimCheck:
    """One queue's large bodies in a bucket."""

    def __init__(self, queue: Queue, client: S3Client, *, bucket: str) -> None:
        self._queue = queue
        self._client = client
        self._bucket = bucket

    def check_in(self, message: Message[bytes]) -> Message[bytes]:
        """The message as it travels: as it is, or with its payload in the bucket.  Raises `Unavailable`."""
        return self._put_out(f"{self._queue.body_prefix}{self._queue.name}/{message.id}", message)

    def takes(self, message: Message[bytes]) -> bool:
        """Whether a message's payload is too large to travel along."""
        size = len(message.data) if is_json(message.data_content_type) else len(message.data) * 4 // 3
        return size > self._queue.claim_check_over_bytes

    def keep_payload(self, name: str, message: Message[bytes]) -> Message[bytes]:
        """The message as it can travel, its payload, if that is large, kept in the bucket as dead letters' are.

        Raises `Unavailable`.
        """
        return self._put_out(f"{self._queue.kept_prefix}{self._queue.name}/{name}", message)

    def check_out(self, message: Message[bytes]) -> Message[bytes]:
        """The message with its payload, wherever that was.

        Raises `MissingObject` when it is gone, `Unavailable` when the bucket doesn't answer,
        and `Undecodable` for an address outside the pipeline's own bucket: whoever may
        send a message may not choose what its consumer reads.
        """
        if message.data_ref is None:
            return message
        return message.with_data(self._read(message.data_ref))

    def keep(self, message: Message[bytes], *, waits: bool = False) -> Message[bytes]:
        """The message with its payload where a dead letter's lies; or, if it `waits`, as long as a wait can be.

        Dead letters and long waits outlive what travels.  Raises `Unavailable`.  A payload that is gone
        already stays gone.
        """
        long_enough = {KEPT_PREFIX, self._queue.waiting_prefix if waits else KEPT_PREFIX}
        kept_already = tuple(f"s3://{self._bucket}/{prefix}" for prefix in long_enough)
        if message.data_ref is None or message.data_ref.startswith(kept_already):
            return message
        source = message.data_ref.removeprefix(f"s3://{self._bucket}/")
        # By the name that it has: an edited payload isn't to lie in the place of the first one.
        key = f"{self._prefix(waits)}{self._queue.name}/{source.rpartition('/')[2]}"
        try:
            with asking(BUCKET, answers=_MISSING):
                self._client.copy_object(
                    Bucket=self._bucket,
                    Key=key,
                    CopySource={"Bucket": self._bucket, "Key": source},
                    # A copy onto itself, for a life that begins anew, S3 allows with new metadata alone.
                    MetadataDirective="REPLACE",
                    ContentType=message.data_content_type,
                )
        except ClientError:
            return message
        return msgspec.structs.replace(message, data_ref=f"s3://{self._bucket}/{key}")

    def keep_text(self, name: str, text: str, *, waits: bool = False) -> str:
        """A body as it came, out of the way; its address.  Raises `Unavailable`."""
        key = f"{self._prefix(waits)}{self._queue.name}/{name}.txt"
        with asking(BUCKET):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=text.encode("utf-8", "surrogatepass"))
        return f"s3://{self._bucket}/{key}"

    def kept_text(self, ref: str) -> str:
        """What `keep_text` put out of the way.  Raises `MissingObject`, `Unavailable`."""
        return self._read(ref).decode("utf-8", "surrogatepass")

    def _put_out(self, key: str, message: Message[bytes]) -> Message[bytes]:
        if not self.takes(message):
            return message
        with asking(BUCKET):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=message.data, ContentType=message.data_content_type
            )
        return msgspec.structs.replace(message, data=b"", data_ref=f"s3://{self._bucket}/{key}")

    def _prefix(self, waits: bool) -> str:
        return self._queue.waiting_prefix if waits else self._queue.kept_prefix

    def _read(self, ref: str) -> bytes:
        bucket, _, key = ref.removeprefix("s3://").partition("/")
        if not ref.startswith("s3://") or bucket != self._bucket or not key:
            raise Undecodable(self._queue.name, f"dataref {excerpt(ref)} isn't in the claim-check bucket")
        try:
            with asking(BUCKET, answers=_MISSING):
                return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise MissingObject(f"{ref} is gone") from error
