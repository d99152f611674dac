"""The one definition of the tables: the CDK app, the local runtime and the tests all read it here."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import CreateTableInputTypeDef, KeySchemaElementTypeDef


@dataclass(frozen=True)
class Index:
    """A global secondary index that projects the table's keys only.

    sparse: whether few rows have its key; the others are not in it, and cost it nothing.
    """

    name: str
    partition_key: str
    sort_key: str | None = None
    sparse: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The attributes of its key: partition key, and sort key if there is one."""
        return (self.partition_key, self.sort_key) if self.sort_key else (self.partition_key,)


@dataclass(frozen=True)
class Table:
    """A table. Every key is a string; `ttl` names the attribute with the expiry in epoch seconds.

    restored: whether `ops.restore` gives it the rows of a restored one: nothing else can make them again.
    """

    name: str
    partition_key: str
    sort_key: str | None = None
    index: Index | None = None
    ttl: str | None = None
    stream: Literal["NEW_IMAGE"] | None = None
    restored: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The attributes of its primary key: partition key, and sort key if there is one."""
        return (self.partition_key, self.sort_key) if self.sort_key else (self.partition_key,)


USER_PROFILES = Table("UserProfiles", "userId", restored=True)
USER_PROGRESS = Table("UserProgress", "userId", restored=True)
SCORES = Table("Scores", "gameArea", "score", ttl="expiresAt", stream="NEW_IMAGE", restored=True)
BY_CONNECTION_ID = Index("byConnectionId", "connectionId")
CONNECTIONS = Table("Connections", "channel", "connectionId", index=BY_CONNECTION_ID, ttl="expiresAt")
BY_ACTIVITY = Index("byActivity", "activeHour")
LEADERBOARDS = Table("Leaderboards", "gameArea", index=BY_ACTIVITY)
BY_USER_ID = Index("byUserId", "userId")
IDEMPOTENCY = Table("Idempotency", "id", index=BY_USER_ID, ttl="expiresAt", restored=True)
BUDGETS = Table("Budgets", "id", ttl="expiresAt")
BY_PENDING = Index("byPending", "pending", sparse=True)
PLAYERS = Table("Players", "userId", index=BY_PENDING, ttl="expiresAt")
STANDINGS = Table("Standings", "userId", "board", ttl="expiresAt", restored=True)
RANKS = Table("Ranks", "board", "node")
LIMITS = Table("Limits", "userId", "limit", ttl="expiresAt", restored=True)
BY_VERDICT = Index("byVerdict", "verdict", "id")
HELD_SCORES = Table("HeldScores", "userId", "slot", index=BY_VERDICT, restored=True)
CLAIMS = Table("Claims", "userId", "board", restored=True)

TABLES = (
    USER_PROFILES,
    USER_PROGRESS,
    STANDINGS,
    SCORES,
    CONNECTIONS,
    LEADERBOARDS,
    IDEMPOTENCY,
    PLAYERS,
    BUDGETS,
    RANKS,
    LIMITS,
    HELD_SCORES,
    CLAIMS,
)


def _key_schema(keyed: Table | Index) -> "list[KeySchemaElementTypeDef]":
    schema: list[KeySchemaElementTypeDef] = [{"AttributeName": keyed.partition_key, "KeyType": "HASH"}]
    if keyed.sort_key:
        schema.append({"AttributeName": keyed.sort_key, "KeyType": "RANGE"})
    return schema


def create_request(table: Table, physical_name: str) -> "CreateTableInputTypeDef":
    """Return the CreateTable request, for engines that no CDK deploys to: the laptop's and the tests'."""
    attributes = set(table.keys)
    if table.index:
        attributes |= set(table.index.keys)
    request: CreateTableInputTypeDef = {
        "TableName": physical_name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _key_schema(table),
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "S"} for name in sorted(attributes)
        ],
    }
    if table.index:
        request["GlobalSecondaryIndexes"] = [
            {
                "IndexName": table.index.name,
                "KeySchema": _key_schema(table.index),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ]
    if table.stream:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream}
    return request
