"""Tables, bucket, user pool and secret: made where they are missing, left alone where they are not."""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aioboto3

from game.groups import GROUPS
from infra.passwords import PASSWORDS
from local.ministack.pool import SIGN_IN
from store.database import Database
from store.errors import RequestError
from store.schema import TABLES, Table, create_request

if TYPE_CHECKING:
    from types_aiobotocore_cognito_idp import CognitoIdentityProviderClient

BUCKET = "game-avatars"
USER_POOL = "podium"
APP_CLIENT = "game"
RUN_SECRET = "podium-runs"  # noqa: S105 -- its name

# Of Cognito's and S3's list calls.
_PAGE = 60


@dataclass(frozen=True)
class UserPool:
    """A user pool and the app client that games use."""

    id: str
    client_id: str


async def create_tables(db: Database) -> None:
    """Create the tables of `store.schema` that are missing."""
    await asyncio.gather(*(_create_table(db, table) for table in TABLES))


async def _create_table(db: Database, table: Table) -> None:
    name = db.name(table)
    try:
        await db.client.create_table(**create_request(table, name))
    except RequestError as error:
        if error.code != "ResourceInUseException":
            raise
        await _add_index(db, table, name)
        return
    await db.client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    if table.ttl:
        await db.client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": table.ttl}
        )


async def _add_index(db: Database, table: Table, name: str) -> None:
    """Add the index of a table that was created before the schema had one."""
    request = create_request(table, name)
    described = await db.client.describe_table(TableName=name)
    existing = {index["IndexName"] for index in described["Table"].get("GlobalSecondaryIndexes", [])}
    for index in request.get("GlobalSecondaryIndexes", []):
        if index["IndexName"] not in existing:
            await db.client.update_table(
                TableName=name,
                AttributeDefinitions=request["AttributeDefinitions"],
                GlobalSecondaryIndexUpdates=[
                    {
                        "Create": {
                            "IndexName": index["IndexName"],
                            "KeySchema": index["KeySchema"],
                            "Projection": index["Projection"],
                        }
                    }
                ],
            )


async def create_bucket(session: aioboto3.Session) -> None:
    """Create the bucket of the portraits where it is missing, with CORS for browsers."""
    async with session.client("s3") as s3:
        buckets = await s3.list_buckets()
        if BUCKET not in {bucket["Name"] for bucket in buckets["Buckets"]}:
            await s3.create_bucket(Bucket=BUCKET)
        await s3.put_bucket_cors(
            Bucket=BUCKET,
            CORSConfiguration={
                "CORSRules": [
                    {
                        "AllowedOrigins": ["*"],
                        "AllowedMethods": ["GET", "PUT", "POST"],
                        "AllowedHeaders": ["*"],
                    }
                ]
            },
        )


async def create_run_secret(session: aioboto3.Session) -> None:
    """Create the secret that signs the tickets of runs, where it is missing."""
    async with session.client("secretsmanager") as client:
        with suppress(client.exceptions.ResourceExistsException):
            await client.create_secret(Name=RUN_SECRET, SecretString=secrets.token_urlsafe(48))


async def create_user_pool(session: aioboto3.Session) -> UserPool:
    """Return the user pool, its app client and the groups; create what is missing."""
    async with session.client("cognito-idp") as cognito:
        pool_id = await _pool_id(cognito)
        for group in GROUPS:
            with suppress(cognito.exceptions.GroupExistsException):
                await cognito.create_group(UserPoolId=pool_id, GroupName=group)
        clients = await cognito.list_user_pool_clients(UserPoolId=pool_id, MaxResults=_PAGE)
        for client in clients["UserPoolClients"]:
            if client["ClientName"] == APP_CLIENT:
                return UserPool(pool_id, client["ClientId"])
        created = await cognito.create_user_pool_client(
            UserPoolId=pool_id,
            ClientName=APP_CLIENT,
            GenerateSecret=False,
            PreventUserExistenceErrors="ENABLED",
            ExplicitAuthFlows=[
                "ALLOW_USER_PASSWORD_AUTH",
                "ALLOW_USER_SRP_AUTH",
                "ALLOW_REFRESH_TOKEN_AUTH",
            ],
        )
        return UserPool(pool_id, created["UserPoolClient"]["ClientId"])


async def _pool_id(cognito: "CognitoIdentityProviderClient") -> str:
    async for page in cognito.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": _PAGE}):
        for pool in page["UserPools"]:
            if pool.get("Name") == USER_POOL:
                return pool["Id"]
    created = await cognito.create_user_pool(
        PoolName=USER_POOL,
        **SIGN_IN,
        Policies={
            "PasswordPolicy": {
                "MinimumLength": PASSWORDS.min_length,
                "RequireUppercase": PASSWORDS.require_uppercase,
                "RequireLowercase": PASSWORDS.require_lowercase,
                "RequireNumbers": PASSWORDS.require_digits,
                "RequireSymbols": PASSWORDS.require_symbols,
            }
        },
    )
    return created["UserPool"]["Id"]
