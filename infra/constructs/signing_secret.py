"""A secret that signs or verifies, generated at the first deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.acknowledgments import acknowledge

if TYPE_CHECKING:
    from aws_cdk import RemovalPolicy

# 32 letters and digits are also base64 of 24 bytes: what Standard Webhooks asks of a secret.
LENGTH = 32


class SigningSecret(Construct):
    """Random until somebody sets it: a source whose secret nobody has set verifies nothing."""

    def __init__(
        self, scope: Construct, id_: str, *, description: str, removal_policy: RemovalPolicy
    ) -> None:
        super().__init__(scope, id_)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description=description,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=LENGTH, exclude_punctuation=True
            ),
            removal_policy=removal_policy,
        )
        acknowledge(
            self.secret,
            "SMG4",
            reason="Somebody outside holds the same secret, so a rotation starts there; meanwhile several are valid.",
        )
