"""The rights of each function to the tables, the bucket and the user pool: exactly those it uses.

A test records the calls of every function while players play, and checks them against this table, both ways.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from game.functions import (
    API,
    AUTHORIZER,
    AVATAR_OUTCOME,
    BROADCASTER,
    JANITOR,
    PORTRAITS,
    PUSHER,
    RANK_SWEEP,
    RANKER,
    ROUTES,
    SIGN_UP,
    SWEEP,
)
from store.schema import (
    BUDGETS,
    CLAIMS,
    CONNECTIONS,
    HELD_SCORES,
    IDEMPOTENCY,
    LEADERBOARDS,
    LIMITS,
    PLAYERS,
    RANKS,
    SCORES,
    STANDINGS,
    USER_PROFILES,
    USER_PROGRESS,
    Table,
)

Actions = tuple[str, ...]


@dataclass(frozen=True)
class Grants:
    """Actions by table (DynamoDB's, without the prefix), by a table's index, and by prefix in the bucket."""

    tables: Mapping[Table, Actions] = field(default_factory=dict)
    indexes: Mapping[Table, Actions] = field(default_factory=dict)
    objects: Mapping[str, Actions] = field(default_factory=dict)
    list_objects: bool = False
    """Whether it lists the bucket: of one prefix at a time."""
    push: Actions = ()
    """HTTP methods on `@connections`."""
    user_pool: Actions = ()
    """Cognito's, on the stage's user pool."""
    run_secret: Actions = ()
    """Secrets Manager's, on the secret that signs the tickets of runs."""


_STANDINGS: Actions = ("Query", "BatchGetItem", "PutItem", "DeleteItem", "BatchWriteItem")
_SCORES: Actions = ("Query", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")
_CLAIMS: Actions = (
    "Query",
    "BatchGetItem",
    "PutItem",
    "DeleteItem",
    "BatchWriteItem",
    "ConditionCheckItem",
)
_PUSHING: Mapping[Table, Actions] = {CONNECTIONS: ("Query", "BatchWriteItem"), BUDGETS: ("UpdateItem",)}

GRANTS: Mapping[str, Grants] = {
    API.name: Grants(
        tables={
            USER_PROFILES: ("GetItem", "BatchGetItem", "PutItem", "DeleteItem"),
            USER_PROGRESS: ("GetItem", "BatchGetItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"),
            PLAYERS: ("GetItem", "BatchGetItem", "UpdateItem", "ConditionCheckItem"),
            STANDINGS: (*_STANDINGS, "ConditionCheckItem"),
            SCORES: (*_SCORES, "ConditionCheckItem"),
            CLAIMS: _CLAIMS,
            CONNECTIONS: ("Query", "BatchWriteItem"),
            LEADERBOARDS: ("GetItem", "PutItem"),
            RANKS: ("GetItem", "BatchGetItem"),
            IDEMPOTENCY: ("GetItem", "BatchGetItem", "PutItem", "BatchWriteItem"),
            LIMITS: ("Query", "BatchGetItem", "UpdateItem", "DeleteItem", "BatchWriteItem"),
            HELD_SCORES: ("Query", "BatchGetItem", "PutItem", "DeleteItem", "BatchWriteItem"),
        },
        indexes={CONNECTIONS: ("Query",), IDEMPOTENCY: ("Query",), HELD_SCORES: ("Query",)},
        objects={
            "uploads/*": ("GetObject", "PutObject", "DeleteObject"),
            # A copy is one of each.
            "avatars/*": ("GetObject", "PutObject", "DeleteObject"),
        },
        list_objects=True,
        push=("DELETE",),
        user_pool=("AdminGetUser", "AdminDeleteUser", "AdminListGroupsForUser"),
        run_secret=("GetSecretValue",),
    ),
    JANITOR.name: Grants(
        tables={
            USER_PROFILES: ("GetItem", "BatchGetItem", "PutItem", "DeleteItem"),
            USER_PROGRESS: ("GetItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"),
            PLAYERS: ("GetItem", "BatchGetItem", "UpdateItem", "ConditionCheckItem"),
            STANDINGS: _STANDINGS,
            SCORES: _SCORES,
            CLAIMS: _CLAIMS,
            CONNECTIONS: ("Query", "BatchWriteItem"),
            LEADERBOARDS: ("GetItem",),
            IDEMPOTENCY: ("BatchWriteItem",),
            LIMITS: ("Query", "UpdateItem", "DeleteItem", "BatchWriteItem"),
            HELD_SCORES: ("Query", "PutItem", "DeleteItem", "BatchWriteItem"),
        },
        indexes={PLAYERS: ("Query",), CONNECTIONS: ("Query",), IDEMPOTENCY: ("Query",)},
        objects={
            "uploads/*": ("DeleteObject",),
            "avatars/*": ("GetObject", "PutObject", "DeleteObject"),
        },
        list_objects=True,
        push=("DELETE",),
        user_pool=("AdminGetUser", "AdminDeleteUser"),
    ),
    SIGN_UP.name: Grants(tables={BUDGETS: ("UpdateItem",)}),
    ROUTES.name: Grants(
        tables={
            **_PUSHING,
            CONNECTIONS: ("Query", "GetItem", "BatchWriteItem", "PutItem", "DeleteItem"),
            LEADERBOARDS: ("GetItem", "BatchGetItem", "PutItem", "UpdateItem"),
            PLAYERS: ("GetItem",),
            SCORES: ("Query",),
        },
        indexes={CONNECTIONS: ("Query",)},
        push=("POST", "DELETE"),
        user_pool=("AdminGetUser", "AdminListGroupsForUser"),
    ),
    AVATAR_OUTCOME.name: Grants(
        tables={**_PUSHING, USER_PROFILES: ("GetItem",)},
        indexes={CONNECTIONS: ("Query",)},
        push=("POST", "DELETE"),
    ),
    AUTHORIZER.name: Grants(),
    BROADCASTER.name: Grants(
        tables={**_PUSHING, LEADERBOARDS: ("GetItem", "PutItem", "UpdateItem"), SCORES: ("Query",)},
        indexes={CONNECTIONS: ("Query",)},
        push=("POST", "DELETE"),
    ),
    SWEEP.name: Grants(
        tables={
            **_PUSHING,
            BUDGETS: ("GetItem", "UpdateItem"),
            LEADERBOARDS: ("GetItem", "PutItem", "UpdateItem"),
            SCORES: ("Query",),
        },
        indexes={CONNECTIONS: ("Query",), LEADERBOARDS: ("Query",)},
        push=("POST", "DELETE"),
    ),
    PUSHER.name: Grants(
        tables={**_PUSHING, LEADERBOARDS: ("GetItem", "UpdateItem")},
        indexes={CONNECTIONS: ("Query",)},
        push=("POST", "DELETE"),
    ),
    # Transactions write by PutItem.
    RANKER.name: Grants(tables={RANKS: ("GetItem", "BatchGetItem", "PutItem"), SCORES: ("Query",)}),
    RANK_SWEEP.name: Grants(
        tables={
            RANKS: ("GetItem", "BatchGetItem", "PutItem", "Query", "DeleteItem", "BatchWriteItem"),
            SCORES: ("Query",),
        }
    ),
    PORTRAITS.name: Grants(
        tables={
            USER_PROFILES: ("GetItem", "PutItem"),
            PLAYERS: ("GetItem", "UpdateItem", "ConditionCheckItem"),
            STANDINGS: ("Query",),
            SCORES: ("UpdateItem",),
        },
        objects={
            "uploads/*": ("GetObject", "DeleteObject"),
            "avatars/*": ("PutObject", "DeleteObject"),
        },
        # Without it S3 does not say that an upload is gone, but that it is none of our business.
        list_objects=True,
    ),
}
