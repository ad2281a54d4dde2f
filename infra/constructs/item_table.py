"""Tables of items that are looked up by their key, `id`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from headworks.ledger import layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import RemovalPolicy

# When an item may be forgotten: Powertools' name for it.
EXPIRATION = "expiration"


class ItemTable(Construct):
    """`table`; with `forgets`, items go when their `expiration` has passed."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        removal_policy: RemovalPolicy,
        forgets: bool = False,
        indexes: Sequence[dynamodb.GlobalSecondaryIndexPropsV2] = (),
    ) -> None:
        super().__init__(scope, id_)
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute=EXPIRATION if forgets else None,
            global_secondary_indexes=list(indexes) or None,
            billing=dynamodb.Billing.on_demand(),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal_policy,
        )

    def grant_items(self, grantee: iam.IGrantable) -> None:
        """Allow reading and writing items by their keys, in transactions too; nobody scans or describes the table."""
        self._grant(
            grantee,
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:ConditionCheckItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
        )

    def _grant(self, grantee: iam.IGrantable, *actions: str, index: str | None = None) -> None:
        # Not TableV2.grant: where there is an index, it allows all of them by wildcard.
        arn = self.table.table_arn if index is None else f"{self.table.table_arn}/index/{index}"
        iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[arn])


class LedgerTable(ItemTable):
    """The ledger, as `headworks.ledger.layout` has it: with the index of what somebody may look for."""

    def __init__(self, scope: Construct, id_: str, *, removal_policy: RemovalPolicy) -> None:
        listed = dynamodb.GlobalSecondaryIndexPropsV2(
            index_name=layout.INDEX,
            partition_key=dynamodb.Attribute(name=layout.INDEX_KEY, type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name=layout.INDEX_SORT, type=dynamodb.AttributeType.NUMBER),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(layout.LISTED_ATTRIBUTES),
        )
        found_by = dynamodb.GlobalSecondaryIndexPropsV2(
            index_name=layout.FOUND_BY,
            partition_key=dynamodb.Attribute(name=layout.FOUND_BY, type=dynamodb.AttributeType.STRING),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        super().__init__(scope, id_, removal_policy=removal_policy, forgets=True, indexes=[listed, found_by])

    def grant_entries(self, grantee: iam.IGrantable) -> None:
        """Allow what an entry goes through one by one: held, retried, woken, buried."""
        self._grant(
            grantee, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"
        )

    def grant_leases(self, grantee: iam.IGrantable) -> None:
        """Allow leases and completions in bulk, beside what an entry goes through one by one."""
        self.grant_entries(grantee)
        self._grant(grantee, "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate")

    def grant_lists(self, grantee: iam.IGrantable) -> None:
        """Allow asking what is dead, waiting or retrying: of headers, never of bodies."""
        self._grant(grantee, "dynamodb:Query", index=layout.INDEX)

    def grant_searches(self, grantee: iam.IGrantable) -> None:
        """Allow lists, finding an item by its message's id, and reading many items whole."""
        self.grant_lists(grantee)
        self._grant(grantee, "dynamodb:Query", index=layout.FOUND_BY)
        self._grant(grantee, "dynamodb:BatchGetItem")

    def grant_replays(self, grantee: iam.IGrantable) -> None:
        """Allow finding dead letters and putting many of them back."""
        self.grant_searches(grantee)
        self._grant(grantee, "dynamodb:PartiQLUpdate")

    def grant_flags(self, grantee: iam.IGrantable) -> None:
        """Allow reading what is paused, all of it at once."""
        self._grant(grantee, "dynamodb:BatchGetItem")
