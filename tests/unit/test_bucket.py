"""Buckets of a pipeline's own, as they are declared."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from headworks.bucket import Bucket
from headworks.errors import InvalidDeclaration, MissingSetting
from headworks.settings import Settings


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "Clicks"}, "'Clicks' isn't a bucket's name"),
        ({"functions": ()}, "the bucket clicks is used by no function"),
        (
            {"kept_for": timedelta(hours=12)},
            "the bucket clicks keeps objects for 12:00:00: S3 counts whole days",
        ),
        ({"kept_for": timedelta(days=1, hours=1)}, "S3 counts whole days"),
        ({"kept_for": timedelta(days=-1)}, "S3 counts whole days, from 1"),
    ],
)
def test_a_bucket_that_cannot_be_is_refused(fields, why):
    with pytest.raises(InvalidDeclaration, match=re.escape(why)):
        Bucket(**{"name": "clicks", "functions": ("count_click",), **fields})


def test_the_deployment_tells_a_buckets_name():
    bucket = Bucket(name="click-files", functions=("count_click",))

    assert Settings({"BUCKET_CLICK_FILES": "the-bucket"}).bucket(bucket) == "the-bucket"
    with pytest.raises(MissingSetting, match="BUCKET_CLICK_FILES is missing: the bucket click-files"):
        Settings({}).bucket(bucket)
