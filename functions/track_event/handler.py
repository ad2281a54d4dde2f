"""Lambda entry point: keeps events for analysts, a batch in an object."""

from __future__ import annotations

from functools import partial

from headworks import clients
from headworks.consumer import Consumer
from headworks.settings import Settings
from pipeline import buckets, queues
from track_event.archive import Archive
from track_event.tracking import track

archive = Archive(clients.s3(), bucket=Settings().bucket(buckets.ANALYTICS), prefix=buckets.ANALYTICS.prefix)

handler = Consumer(queues.ANALYTICS, partial(track, archive=archive), in_batches=True)
