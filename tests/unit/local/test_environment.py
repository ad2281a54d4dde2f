"""What child processes of a local run see of this machine."""

import os

import pytest

from infra.local.environment import cdk_environment, emulator_environment


@pytest.fixture
def users_machine(monkeypatch):
    """A machine with AWS credentials, a proxy and Python settings of its own."""
    for name, value in {
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_ENDPOINT_URL_SQS": "https://sqs.example.com",
        "CDK_DEFAULT_ACCOUNT": "123456789012",
        "HTTPS_PROXY": "http://proxy.example.com",
        "PYTHONPATH": "/somewhere",
        "PYTHONDONTWRITEBYTECODE": "1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("users_machine")
def test_functions_see_nothing_of_the_users_settings(tmp_path):
    environment = emulator_environment(port=1, state=tmp_path)

    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert not {"AWS_PROFILE", "HTTPS_PROXY", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"} & environment.keys()


def test_the_emulator_is_on_loopback_and_writes_into_its_workspace_only(tmp_path):
    environment = emulator_environment(port=1, state=tmp_path)

    assert environment["BIND_HOST"] == "127.0.0.1"
    for variable in ("HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR"):
        assert environment[variable].startswith(str(tmp_path))


@pytest.mark.usefixtures("users_machine")
def test_the_cdk_cannot_reach_an_account_of_the_user(tmp_path):
    environment = cdk_environment("http://127.0.0.1:1", home=tmp_path, tools=tmp_path)

    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert environment["CDK_DEFAULT_ACCOUNT"] == "000000000000"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == environment["AWS_CONFIG_FILE"] == os.devnull
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_SQS"} & environment.keys()


@pytest.mark.usefixtures("users_machine")
def test_the_cdk_keeps_the_users_way_to_the_outside_but_not_to_the_emulator(tmp_path):
    environment = cdk_environment("http://127.0.0.1:1", home=tmp_path, tools=tmp_path)

    assert environment["HTTPS_PROXY"] == "http://proxy.example.com"
    assert "127.0.0.1" in environment["NO_PROXY"]
