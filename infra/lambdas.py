"""A Lambda function as all of ours are: with a role for just what it does, and a log group of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from game.environment import Environment
from game.functions import Function
from infra.grants import GRANTS, Grants
from infra.reasons import excuse, excuse_wildcard
from infra.settings import StageSettings
from store.schema import Table

RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}
"""Days that logs are kept."""


@dataclass(frozen=True)
class Storage:
    """The tables and the bucket that functions are given access to."""

    tables: Mapping[Table, dynamodb.Table]
    bucket_name: str


def removal(settings: StageSettings) -> RemovalPolicy:
    """Return what happens to data and logs when a stack is destroyed.

    What a first deployment has made and then failed is not kept: by its name it would be in the way of the
    second. (Tables and user pool of a stage that retains are protected even so: docs/deploy.md, "Rollback".)
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if settings.retain else RemovalPolicy.DESTROY


def log_group(scope: Construct, settings: StageSettings, name: str) -> logs.LogGroup:
    """Return a log group whose logs are kept as long as the stage says."""
    return logs.LogGroup(
        scope,
        "Logs",
        log_group_name=name,
        retention=RETENTION[settings.log_days],
        removal_policy=removal(settings),
    )


def limit_emptier_logs(stack: Stack, settings: StageSettings) -> None:
    """Let the function with which the CDK empties a stack's bucket, if there is one, log as ours do.

    Else Lambda makes the log group, and `destroy` leaves it behind.
    """
    emptier = stack.node.try_find_child("Custom::S3AutoDeleteObjectsCustomResourceProvider")
    if emptier is None:
        return
    group = log_group(Construct(stack, "Emptier"), settings, f"/aws/lambda/{stack.stack_name}-emptier")
    handler = emptier.node.find_child("Handler")
    assert isinstance(handler, CfnResource)  # noqa: S101 -- for the type checker
    handler.add_property_override("LoggingConfig.LogGroup", group.log_group_name)


class PodiumFunction(Construct):
    """One function of a stage: `function`, its `role` and its log group, all by the function's name."""

    def __init__(
        self,
        scope: Construct,
        settings: StageSettings,
        record: Function,
        environment: Environment,
        **code: Any,
    ) -> None:
        """Take `code`: `code`, `handler` and `runtime` of a zip's function, or `code` of a container's."""
        super().__init__(scope, record.name)
        physical = function_name(settings, record)
        logs_group = log_group(self, settings, f"/aws/lambda/{physical}")
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        logs_group.grant_write(self.role)
        kind = lambda_.Function if "handler" in code else lambda_.DockerImageFunction
        self.function: lambda_.Function = kind(
            self,
            "Function",
            function_name=physical,
            role=self.role,
            log_group=logs_group,
            memory_size=record.memory,
            timeout=Duration.seconds(record.seconds),
            reserved_concurrent_executions=settings.concurrency.reserved.get(record.name),
            tracing=lambda_.Tracing.ACTIVE,
            environment={
                "POWERTOOLS_SERVICE_NAME": "podium",
                "POWERTOOLS_METRICS_NAMESPACE": metrics_namespace(settings),
                **environment.variables(),
            },
            **code,
        )
        excuse(
            self,
            "AwsSolutions-L1",
            "The zips carry bytecode of the Python that packed them, and the runtime is that version.",
        )
        excuse(
            self,
            "AwsSolutions-IAM5",
            "Traces have no resource to name: X-Ray's two actions know no other than *.",
            "Resource::*",
        )

    def grant_storage(self, storage: Storage) -> None:
        """Allow what `infra.grants` says of this function, on exactly those tables, indexes and prefixes."""
        grants = GRANTS[self.node.id]
        for table, actions in grants.tables.items():
            self._allow("dynamodb", actions, storage.tables[table].table_arn)
        for table, actions in grants.indexes.items():
            index = table.index.name if table.index else ""
            self._allow("dynamodb", actions, f"{storage.tables[table].table_arn}/index/{index}")
        self._grant_objects(grants, storage.bucket_name)

    def grant_push(self, api_id: str, stage: str) -> None:
        """Allow its HTTP methods on the connections of a WebSocket API's stage."""
        for method in GRANTS[self.node.id].push:
            arn = Stack.of(self).format_arn(
                service="execute-api", resource=api_id, resource_name=f"{stage}/{method}/@connections/*"
            )
            self._allow("execute-api", ("ManageConnections",), arn)
            excuse_wildcard(self, arn, "Which connections there are is known only when it runs.")

    def grant_user_pool(self, pool_arn: str) -> None:
        """Allow what `infra.grants` says of this function, on exactly this user pool."""
        self._allow("cognito-idp", GRANTS[self.node.id].user_pool, pool_arn)

    def grant_secret(self, secret_arn: str) -> None:
        """Allow what `infra.grants` says of this function, on exactly this secret."""
        self._allow("secretsmanager", GRANTS[self.node.id].run_secret, secret_arn)

    def grant_invoke(self, other: Function, settings: StageSettings) -> None:
        """Allow it to invoke another function of the stage, by its name: no stack waits for another."""
        arn = Stack.of(self).format_arn(
            service="lambda", resource=f"function:{function_name(settings, other)}"
        )
        self._allow("lambda", ("InvokeFunction",), arn)

    def _grant_objects(self, grants: Grants, bucket_name: str) -> None:
        bucket = f"arn:{Aws.PARTITION}:s3:::{bucket_name}"
        for prefix, actions in grants.objects.items():
            arn = f"{bucket}/{prefix}"
            self._allow("s3", actions, arn)
            excuse_wildcard(self, arn, "Each player's pictures have a prefix of their own under this one.")
        if grants.list_objects:
            self._allow("s3", ("ListBucket",), bucket)

    def _allow(self, service: str, actions: tuple[str, ...], resource: str) -> None:
        self.role.add_to_principal_policy(
            iam.PolicyStatement(actions=[f"{service}:{action}" for action in actions], resources=[resource])
        )


def metrics_namespace(settings: StageSettings) -> str:
    """Return the CloudWatch namespace of the stage's functions: stages of one account do not mix."""
    return f"Podium/{settings.stage}"


def function_name(settings: StageSettings, function: Function) -> str:
    """Return the physical name of a function of the stage."""
    return f"{settings.prefix}{function.name}"
