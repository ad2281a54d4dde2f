"""The command line in front of a fake admin API on loopback."""

from __future__ import annotations

import msgspec
import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from tests.support.admin_documents import an_item
from tests.support.admin_server import TOKEN, serving_admin
from tests.unit.local.test_outputs import OUTPUTS


class Stand:
    """The command line, and the pipeline that it speaks to."""

    def __init__(self, api, directory):
        self.api, self.directory = api, directory

    def have(self, name, **members):
        """One more item, a dead letter of the webhooks unless it says otherwise."""
        item = an_item(name, **members)
        self.api.items.append(item)
        return item["id"]

    def run(self, *arguments, columns=160, **options):
        command = [*map(str, arguments), "--directory", str(self.directory)]
        return CliRunner().invoke(app, command, env={"COLUMNS": str(columns)}, **options)


@pytest.fixture(scope="session")
def serving():
    with serving_admin() as handler:
        yield handler


@pytest.fixture
def stand(serving, tmp_path):
    api = serving.renewed()
    outputs = msgspec.structs.replace(OUTPUTS, endpoint=api.endpoint, admin_token=TOKEN)
    outputs.write(tmp_path / "outputs.json")
    return Stand(api, tmp_path)
