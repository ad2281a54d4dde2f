"""Where this pipeline's functions put objects for others to read."""

from __future__ import annotations

from headworks.bucket import Bucket

# Gzipped JSON lines by day and hour, for whatever reads such: Athena, DuckDB, a notebook.
ANALYTICS = Bucket(name="analytics", functions=("track_event",))

BUCKETS = (ANALYTICS,)
