"""Which pipeline a command speaks to; `tests/e2e/test_operations.py` has the deployed one."""

import pytest

from infra.cli.target import NotDeployed, find_admin
from infra.local.aws import reachable
from infra.local.errors import NotRunning
from infra.local.workspace import HOME
from tests.unit.local.test_outputs import OUTPUTS


def test_a_profile_that_is_none_is_said():
    with pytest.raises(NotDeployed, match="unheard-of"):
        find_admin(HOME, "unheard-of", None)


def test_a_directory_means_the_local_run_in_it_and_nothing_else(tmp_path):
    with pytest.raises(NotRunning):
        find_admin(tmp_path, None, None)

    OUTPUTS.write(tmp_path / "outputs.json")

    admin = find_admin(tmp_path, None, None)
    assert (admin.endpoint, admin.token) == (OUTPUTS.endpoint, OUTPUTS.admin_token)
    assert OUTPUTS.admin_token not in repr(admin)


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("https://a1.execute-api.eu-west-1.amazonaws.com", "https://a1.execute-api.eu-west-1.amazonaws.com"),
        ("http://a1.execute-api.localhost:4566", "http://127.0.0.1:4566/_aws/execute-api/a1/%24default"),
    ],
)
def test_an_api_of_the_emulator_is_reached_without_a_name_to_look_up(endpoint, address):
    assert reachable(endpoint) == address
