"""Live boards: the WebSocket API with its routes, and the broadcaster behind the stream of `Scores`."""

import json
from typing import get_args

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_apigatewayv2_authorizers import WebSocketLambdaAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration
from constructs import Construct

from game.environment import (
    AuthorizerEnvironment,
    BroadcasterEnvironment,
    PushEnvironment,
    RoutesEnvironment,
    StoreEnvironment,
)
from game.functions import (
    AUTHORIZER,
    AVATAR_OUTCOME,
    BROADCASTER,
    PUSHER,
    RANK_SWEEP,
    RANKER,
    ROUTES,
    SWEEP,
    Function,
)
from game.live import RANK_SWEEP_SECONDS, Action
from game.rank_tree import COMES_OR_GOES
from infra.code import CodeOf
from infra.identity import IdentityStack
from infra.lambdas import PodiumFunction, Storage, function_name, log_group
from infra.reasons import excuse
from infra.settings import Domain, StageSettings
from store.schema import SCORES


class RealtimeStack(Stack):
    """Connections in, diffs out."""

    def __init__(
        self,
        scope: Construct,
        settings: StageSettings,
        identity: IdentityStack,
        storage: Storage,
        code: CodeOf,
        **options: object,
    ) -> None:
        super().__init__(scope, f"{settings.prefix}realtime", **options)
        self._settings = settings
        self._storage = storage
        self._code = code
        self.dead_letters = self._dead_letters()
        self.api = apigatewayv2.WebSocketApi(
            self,
            "Api",
            api_name=f"{settings.prefix}live",
            route_selection_expression="$request.body.action",
        )
        # As other stacks know it.
        self.api_id = self.export_value(self.api.api_id)
        addresses = {"api": self.api.api_id, "region": self.region, "stage": settings.stage}
        self.connections_url = settings.addresses.connections.format(**addresses)
        self.web_socket_url = settings.web_socket_address.format(**addresses)
        self.authorizer = self._authorizer(identity)
        environment = RoutesEnvironment(
            table_prefix=settings.prefix,
            push_rate=settings.push_rate,
            connections_url=self.connections_url,
            user_pool_id=identity.pool.user_pool_id,
            spectators=settings.live.spectators,
            spectators_per_address=settings.live.spectators_per_address,
        )
        self.routes = self._function(ROUTES, environment)
        self.routes.grant_user_pool(identity.pool.user_pool_arn)
        # Of the same module, which is opened the same way.
        self.avatar_outcome = self._function(AVATAR_OUTCOME, environment)
        self._add_routes()
        self.stage = self._stage()
        if settings.domain:
            self._add_domain(settings.domain)
        self.pusher = self._pusher()
        self.broadcaster = self._broadcaster()
        self.sweep = self._sweep()
        self.ranker = self._ranker()
        self.rank_sweep = self._rank_sweep()
        self.functions = (
            self.authorizer,
            self.routes,
            self.avatar_outcome,
            self.broadcaster,
            self.sweep,
            self.pusher,
            self.ranker,
            self.rank_sweep,
        )
        CfnOutput(self, "WebSocketUrl", value=self.web_socket_url, description="Where games connect")
        CfnOutput(self, "DeadLetters", value=self.dead_letters.queue_url, description="Batches given up")

    def _ranks_function(self, record: Function) -> PodiumFunction:
        environment = StoreEnvironment(table_prefix=self._settings.prefix)
        made = PodiumFunction(self, self._settings, record, environment, **self._code(record.name))
        made.grant_storage(self._storage)
        return made

    def _function(self, record: Function, environment: PushEnvironment) -> PodiumFunction:
        made = PodiumFunction(self, self._settings, record, environment, **self._code(record.name))
        made.grant_storage(self._storage)
        made.grant_push(self.api.api_id, self._settings.stage)
        return made

    def _broadcaster_environment(self) -> BroadcasterEnvironment:
        settings = self._settings
        return BroadcasterEnvironment(
            table_prefix=settings.prefix,
            push_rate=settings.push_rate,
            connections_url=self.connections_url,
            pusher_function=function_name(settings, PUSHER),
            direct_limit=settings.live.direct_limit,
            pushers=settings.live.pushers,
            spectators=settings.live.spectators > 0,
        )

    def _authorizer(self, identity: IdentityStack) -> PodiumFunction:
        settings = self._settings
        return PodiumFunction(
            self,
            settings,
            AUTHORIZER,
            AuthorizerEnvironment(
                **identity.tokens.model_dump(),
                spectator_origins=" ".join(settings.cors_origins) if settings.live.spectators else "",
            ),
            **self._code(AUTHORIZER.name),
        )

    def _add_routes(self) -> None:
        # Both places where a token may be are the authorizer's to look at, and a spectator has none. The API
        # wants a source all the same, without which a handshake is a 401; this header every handshake has.
        authorizer = WebSocketLambdaAuthorizer(
            "Tokens", self.authorizer.function, identity_source=["route.request.header.Host"]
        )
        for key in ("$connect", "$disconnect", "$default", *get_args(Action)):
            integration = WebSocketLambdaIntegration(f"{key.strip('$')}-integration", self.routes.function)
            guard = authorizer if key == "$connect" else None
            route = self.api.add_route(key, integration=integration, authorizer=guard)
            if guard is None:
                excuse(
                    route,
                    "AwsSolutions-APIG4",
                    "API Gateway authorizes a WebSocket once, at $connect, which has the authorizer.",
                )

    def _stage(self) -> apigatewayv2.WebSocketStage:
        settings = self._settings
        group = log_group(self, settings, f"/aws/apigateway/{settings.prefix}live")
        stage = apigatewayv2.WebSocketStage(
            self, "Stage", web_socket_api=self.api, stage_name=settings.stage, auto_deploy=True
        )
        made = stage.node.default_child
        assert isinstance(made, apigatewayv2.CfnStage)  # noqa: S101 -- for the type checker
        made.default_route_settings = apigatewayv2.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=settings.throttle.rate,
            throttling_burst_limit=settings.throttle.burst,
        )
        # No query string and no header: a token may be in either.
        fields = ("requestId", "eventType", "routeKey", "status", "connectionId", "requestTime")
        made.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn,
            format=json.dumps({field: f"$context.{field}" for field in fields}),
        )
        made.add_resource_dependency(self._api_gateway_logs())
        return stage

    def _add_domain(self, domain: Domain) -> None:
        made = apigatewayv2.DomainName(
            self,
            "Domain",
            domain_name=domain.web_socket,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn),
        )
        apigatewayv2.ApiMapping(self, "DomainMapping", api=self.api, domain_name=made, stage=self.stage)
        CfnOutput(self, "WebSocketTarget", value=made.regional_domain_name)

    def _api_gateway_logs(self) -> apigateway.CfnAccount:
        """Permit API Gateway to write logs: once per account and Region, for both of our APIs."""
        role = iam.Role(
            self,
            "ApiGatewayLogs",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "service-role/AmazonAPIGatewayPushToCloudWatchLogs"
                )
            ],
        )
        policy = "arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
        excuse(
            role,
            "AwsSolutions-IAM4",
            "The policy that AWS maintains for just this purpose.",
            f"Policy::{policy}",
        )
        return apigateway.CfnAccount(self, "ApiGateway", cloud_watch_role_arn=role.role_arn)

    def _broadcaster(self) -> PodiumFunction:
        settings = self._settings
        made = self._function(BROADCASTER, self._broadcaster_environment())
        made.grant_invoke(PUSHER, settings)
        made.function.add_event_source(
            event_sources.DynamoEventSource(
                self._storage.tables[SCORES],
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=settings.live.batch_size,
                max_batching_window=Duration.seconds(settings.live.window_seconds),
                parallelization_factor=settings.live.shard_concurrency,
                bisect_batch_on_error=True,
                # Meanwhile the shard stands still, with every board that is on it. By then the sweep has seen
                # to what the records tell.
                retry_attempts=10,
                max_record_age=Duration.minutes(5),
                report_batch_item_failures=True,
                on_failure=event_sources.SqsDlq(self.dead_letters),
                # No filter by boards: a game may have 2,500, and Lambda takes five filters of 4,096
                # characters. The broadcaster passes over what is on none.
                # https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
            )
        )
        excuse(made, "AwsSolutions-IAM5", "Listing streams knows no other resource than *.", "Resource::*")
        return made

    def _ranker(self) -> PodiumFunction:
        settings = self._settings
        made = self._ranks_function(RANKER)
        made.function.add_event_source(
            event_sources.DynamoEventSource(
                self._storage.tables[SCORES],
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=settings.live.batch_size,
                # Scores of one second share the nodes above their leaves, and the root.
                max_batching_window=Duration.seconds(settings.live.rank_window_seconds),
                bisect_batch_on_error=True,
                # What is given up is wrong until the rank sweep comes by, which takes up to a week.
                retry_attempts=100,
                max_record_age=Duration.hours(1),
                report_batch_item_failures=True,
                on_failure=event_sources.SqsDlq(self.dead_letters),
                # The ranker keeps the index of every board there is, and is not woken for new names.
                filters=[
                    lambda_.FilterCriteria.filter({"eventName": lambda_.FilterRule.or_(*COMES_OR_GOES)})
                ],
            )
        )
        excuse(made, "AwsSolutions-IAM5", "Listing streams knows no other resource than *.", "Resource::*")
        return made

    def _rank_sweep(self) -> PodiumFunction:
        made = self._ranks_function(RANK_SWEEP)
        rule = events.Rule(
            self, "EveryHour", schedule=events.Schedule.rate(Duration.seconds(RANK_SWEEP_SECONDS))
        )
        rule.add_target(targets.LambdaFunction(made.function, retry_attempts=0))
        made.function.configure_async_invoke(retry_attempts=0, max_event_age=Duration.hours(1))
        return made

    def _pusher(self) -> PodiumFunction:
        settings = self._settings
        made = self._function(PUSHER, self._broadcaster_environment())
        # The last pusher of a fan-out starts the next one, as long as there are new versions; and a pusher
        # that is short of time hands over.
        made.grant_invoke(PUSHER, settings)
        child = made.function.node.default_child
        assert isinstance(child, lambda_.CfnFunction)  # noqa: S101 -- for the type checker
        child.recursive_loop = "Allow"
        made.function.configure_async_invoke(
            retry_attempts=2,
            # Its fan-out has long been taken over by then: after 45 seconds without a sign of life.
            max_event_age=Duration.minutes(5),
            on_failure=None,
        )
        return made

    def _sweep(self) -> PodiumFunction:
        made = self._function(SWEEP, self._broadcaster_environment())
        made.grant_invoke(PUSHER, self._settings)
        rule = events.Rule(self, "EveryMinute", schedule=events.Schedule.rate(Duration.minutes(1)))
        # A sweep that failed is followed by the next one in any case, so it is not tried again. One that
        # finds no room waits for it until then.
        rule.add_target(targets.LambdaFunction(made.function, retry_attempts=0))
        made.function.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
        return made

    def _dead_letters(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "DeadLetterQueue",
            queue_name=f"{self._settings.prefix}dead-letters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        excuse(queue, "AwsSolutions-SQS3", "This is the dead-letter queue.")
        return queue
