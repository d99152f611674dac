"""The REST API: a resource and a method for each route of its own description, all served by one function."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from game.client_config import Deployment
from game.environment import ApiEnvironment
from game.functions import API, JANITOR, PORTRAITS, Function
from game.headers import PREFLIGHT_SECONDS, REQUEST_HEADERS
from infra.code import CodeOf
from infra.identity import IdentityStack
from infra.lambdas import PodiumFunction, Storage, function_name, log_group
from infra.realtime import RealtimeStack
from infra.reasons import excuse
from infra.refusals import add_refusals
from infra.schemas import draft4
from infra.settings import Domain, StageSettings

CHECKOUT = Path(__file__).parents[1]

JANITOR_MINUTES = 5
"""Between two runs of the janitor; its function's timeout is as long, so that no two runs overlap."""

RUN_SECRET_CHARACTERS = 64
"""Letters and digits of the secret that signs the tickets of runs: more bits than the signature has."""

# Not in the API's description, which it answers with.
_DESCRIPTION_ROUTE: Mapping[str, Any] = {"/openapi.json": {"get": {}}}


class RestStack(Stack):
    """Routes, authorizer, validation, CORS, throttling and logs of the REST API."""

    def __init__(
        self,
        scope: Construct,
        settings: StageSettings,
        identity: IdentityStack,
        realtime: RealtimeStack,
        storage: Storage,
        code: CodeOf,
        **options: object,
    ) -> None:
        super().__init__(scope, f"{settings.prefix}rest", **options)
        self._settings = settings
        self.api = self._api()
        self._keep_execution_logs()
        addresses = {"api": self.api.rest_api_id, "region": self.region, "stage": settings.stage}
        self.url = settings.rest_address.format(**addresses)
        deployment = Deployment(
            region=self.region,
            rest_url=self.url,
            web_socket_url=realtime.web_socket_url,
            user_pool_id=identity.pool.user_pool_id,
            user_pool_client_id=identity.client.user_pool_client_id,
            cognito_endpoint=settings.addresses.cognito,
            hosted_ui_url=identity.hosted_ui_url,
            avatar_bucket=storage.bucket_name,
        )
        run_secret = self._run_secret()
        environment = ApiEnvironment(
            **identity.tokens.model_dump(),
            table_prefix=settings.prefix,
            deployment=self._json(deployment),
            portrait_function=function_name(settings, PORTRAITS),
            connections_url=realtime.connections_url,
            run_secret=run_secret,
        )
        self.function = self._function(API, environment, identity, realtime, storage, code)
        self.function.grant_invoke(PORTRAITS, settings)
        self.function.grant_secret(run_secret)
        # Of the same module, which is opened the same way.
        self.janitor = self._function(JANITOR, environment, identity, realtime, storage, code)
        self._schedule_janitor()
        reason = (
            "The edge stack puts the firewall in front." if settings.waf else "The setting `waf` adds one."
        )
        excuse(self.api, "AwsSolutions-APIG3", reason)
        self._authorizer = apigateway.CognitoUserPoolsAuthorizer(
            self, "Players", cognito_user_pools=[identity.pool]
        )
        self._add_routes(describe())
        add_refusals(self.api)
        self.stage_arn = self.api.deployment_stage.stage_arn
        if settings.domain:
            self._add_domain(settings.domain)
        # Addresses only: an output has at most 1,024 characters, and a game has up to 2,500 boards.
        CfnOutput(self, "ClientConfig", value=self._json(deployment))
        CfnOutput(self, "ClientConfigUrl", value=f"{self.url}/client-config.json")
        CfnOutput(self, "RestUrl", value=self.url, description="Where games send their requests")

    def _json(self, config: Deployment) -> str:
        text: str = self.to_json_string(config.model_dump(mode="json", by_alias=True, exclude_none=True))
        return text

    def _run_secret(self) -> str:
        """Make the secret that signs the tickets of runs; its ARN.

        It is not kept when the stack goes: without it, runs of the last hours are lost, and nothing else.
        """
        made = secretsmanager.Secret(
            self,
            "Runs",
            description="Signs the tickets of runs; docs/deploy.md says how to change it",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=RUN_SECRET_CHARACTERS, exclude_punctuation=True
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        reason = (
            "A change ends the runs begun before the last one: an operator makes it when the key is known."
        )
        excuse(made, "AwsSolutions-SMG4", reason)
        resource = made.node.default_child
        assert isinstance(resource, secretsmanager.CfnSecret)  # noqa: S101 -- for the type checker
        arn: str = resource.attr_id
        CfnOutput(self, "RunSecret", value=arn, description="Signs the tickets of runs")
        return arn

    def _api(self) -> apigateway.RestApi:
        settings = self._settings
        group = log_group(self, settings, f"/aws/apigateway/{settings.prefix}rest")
        api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"{settings.prefix}rest",
            # In the stage's Region, as its firewall, its certificate and the WebSocket API.
            endpoint_configuration=apigateway.EndpointConfiguration(types=[apigateway.EndpointType.REGIONAL]),
            # The realtime stack has set it up for the whole account.
            cloud_watch_role=False,
            deploy_options=apigateway.StageOptions(
                stage_name=settings.stage,
                throttling_rate_limit=settings.throttle.rate,
                throttling_burst_limit=settings.throttle.burst,
                tracing_enabled=True,
                # No metrics of each method, which are charged for: the stage's own are free.
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                access_log_destination=apigateway.LogGroupLogDestination(group),
                access_log_format=apigateway.AccessLogFormat.json_with_standard_fields(
                    caller=False,
                    http_method=True,
                    ip=True,
                    protocol=True,
                    request_time=True,
                    resource_path=True,
                    response_length=True,
                    status=True,
                    user=False,
                ),
            ),
            default_cors_preflight_options=apigateway.CorsOptions(
                allow_origins=list(settings.cors_origins),
                allow_methods=["GET", "POST", "PUT", "DELETE"],
                allow_headers=list(REQUEST_HEADERS),
                # As the function says itself. Without it a browser asks before every request, which costs as
                # much as one.
                max_age=Duration.seconds(PREFLIGHT_SECONDS),
            ),
        )
        # Of the CDK's making, and our RestUrl over again.
        api.node.try_remove_child("Endpoint")
        return api

    def _add_domain(self, domain: Domain) -> None:
        made = self.api.add_domain_name(
            "Domain",
            domain_name=domain.rest,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn),
            endpoint_type=apigateway.EndpointType.REGIONAL,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        CfnOutput(self, "RestTarget", value=made.domain_name_alias_domain_name)

    def _keep_execution_logs(self) -> None:
        """Make the group of API Gateway's own errors; else API Gateway makes one, which stays for good.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
        """
        scope = Construct(self, "Execution")
        name = f"API-Gateway-Execution-Logs_{self.api.rest_api_id}/{self._settings.stage}"
        self.api.deployment_stage.node.add_dependency(log_group(scope, self._settings, name))

    def _function(
        self,
        record: Function,
        environment: ApiEnvironment,
        identity: IdentityStack,
        realtime: RealtimeStack,
        storage: Storage,
        code: CodeOf,
    ) -> PodiumFunction:
        made = PodiumFunction(self, self._settings, record, environment, **code(record.name))
        made.grant_storage(storage)
        made.grant_push(realtime.api_id, self._settings.stage)
        made.grant_user_pool(identity.pool.user_pool_arn)
        return made

    def _schedule_janitor(self) -> None:
        rule = events.Rule(
            self, "EveryFiveMinutes", schedule=events.Schedule.rate(Duration.minutes(JANITOR_MINUTES))
        )
        # A run that failed is followed by the next one in any case, so it is not tried again.
        rule.add_target(targets.LambdaFunction(self.janitor.function, retry_attempts=0))
        self.janitor.function.configure_async_invoke(
            retry_attempts=0, max_event_age=Duration.minutes(JANITOR_MINUTES)
        )

    def _add_routes(self, description: Mapping[str, Any]) -> None:
        integration = apigateway.LambdaIntegration(self.function.function, allow_test_invoke=False)
        validator = apigateway.RequestValidator(
            self, "Validator", rest_api=self.api, validate_request_body=True, validate_request_parameters=True
        )
        models = description["components"]["schemas"]
        for path, methods in {**description["paths"], **_DESCRIPTION_ROUTE}.items():
            resource = self.api.root.resource_for_path(path)
            for method, operation in methods.items():
                self._add_method(resource, method.upper(), operation, models, integration, validator)

    def _add_method(
        self,
        resource: apigateway.Resource,
        method: str,
        operation: Mapping[str, Any],
        models: Mapping[str, Any],
        integration: apigateway.LambdaIntegration,
        validator: apigateway.RequestValidator,
    ) -> None:
        protected = bool(operation.get("security"))
        required = {
            f"method.request.querystring.{parameter['name']}": True
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "query" and parameter.get("required")
        }
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        added = resource.add_method(
            method,
            integration,
            authorizer=self._authorizer if protected else None,
            authorization_type=apigateway.AuthorizationType.COGNITO
            if protected
            else apigateway.AuthorizationType.NONE,
            request_validator=validator,
            request_parameters=required or None,
            request_models={"application/json": self._model(body, models)} if body else None,
        )
        if not protected:
            for rule in ("AwsSolutions-APIG4", "AwsSolutions-COG4"):
                excuse(added, rule, "The design has this route open to everybody: it tells what is public.")

    def _model(self, body: Mapping[str, Any], models: Mapping[str, Any]) -> apigateway.Model:
        name = str(body["$ref"]).rpartition("/")[2]
        found = self.node.try_find_child(name)
        if isinstance(found, apigateway.Model):
            return found
        model = apigateway.Model(
            self,
            name,
            rest_api=self.api,
            model_name=re.sub(r"[^A-Za-z0-9]", "", name),
            content_type="application/json",
            schema=apigateway.JsonSchema(),
        )
        made = model.node.default_child
        assert isinstance(made, apigateway.CfnModel)  # noqa: S101 -- for the type checker
        made.schema = {"$schema": "http://json-schema.org/draft-04/schema#", **draft4(body, models)}
        self._redeploy_for(made.schema)
        return model

    def _redeploy_for(self, content: Any) -> None:
        """Let the API be deployed again when this changes: a stage keeps to what it was deployed with.

        The CDK does so for what it is given itself, and it is not given schemas.
        """
        deployment = self.api.latest_deployment
        assert deployment is not None  # noqa: S101 -- for the type checker: RestApi makes one
        deployment.add_to_logical_id(content)


def describe() -> dict[str, Any]:
    """Return the API's description, by the API itself: no route is defined twice."""
    result = subprocess.run(
        [sys.executable, "-m", "api.description"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    description: dict[str, Any] = json.loads(result.stdout)
    return description
