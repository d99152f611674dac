"""What the templates promise, in both stages; cdk-nag (AwsSolutions) has its say when they are made."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cfnlint import lint

from infra.functions import FUNCTIONS
from infra.grants import GRANTS
from infra.lambdas import RETENTION
from realtime.routes import ROUTES
from store.schema import TABLES, Table
from tests.unit.infra.stage import properties, resources, templates

STAGES = ("dev", "prod")
PUBLIC = {
    "GET /leaderboard",
    "GET /leaderboard/global",
    "GET /avatar/view",
    "GET /health",
    "GET /client-config.json",
    "GET /openapi.json",
}

pytestmark = pytest.mark.parametrize("stage", STAGES)


def table(stage: str, wanted: Table) -> dict[str, Any]:
    (found,) = [
        one for one in properties(stage, "AWS::DynamoDB::Table") if one["TableName"].endswith(wanted.name)
    ]
    return found


def routes(stage: str) -> dict[str, dict[str, Any]]:
    """The methods of the REST API that are no preflights, as `POST /score`."""
    found = templates(stage)["rest"]["Resources"]
    paths: dict[str, str] = {}

    def path(name: str) -> str:
        if name not in paths:
            resource = found[name]["Properties"]
            parent = resource["ParentId"].get("Ref")
            paths[name] = f"{path(parent) if parent else ''}/{resource['PathPart']}"
        return paths[name]

    return {
        f"{method['HttpMethod']} {path(method['ResourceId']['Ref'])}": method
        for method in (
            one["Properties"] for one in found.values() if one["Type"] == "AWS::ApiGateway::Method"
        )
        if method["HttpMethod"] != "OPTIONS"
    }


def statements(stage: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in properties(stage, "AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_templates_are_clean_by_cfn_lint(stage: str) -> None:
    # Errors and warnings, not advice. W3005: the CDK names dependencies that the references imply.
    problems = [
        f"{name}: {match.rule.id} {match.message}"
        for name, template in templates(stage).items()
        for match in lint(json.dumps(template), regions=["us-east-1"])
        if match.rule.id[0] in "EW" and match.rule.id != "W3005"
    ]
    assert problems == []


@pytest.mark.parametrize("wanted", TABLES, ids=lambda table: str(table.name))
def test_tables_are_as_the_schema_has_them(stage: str, wanted: Table) -> None:
    made = table(stage, wanted)
    keys = {key["KeyType"]: key["AttributeName"] for key in made["KeySchema"]}
    assert keys == {"HASH": wanted.partition_key} | ({"RANGE": wanted.sort_key} if wanted.sort_key else {})
    assert made.get("StreamSpecification", {}).get("StreamViewType") == wanted.stream
    assert made.get("TimeToLiveSpecification", {}).get("AttributeName") == wanted.ttl
    assert [index["IndexName"] for index in made.get("GlobalSecondaryIndexes", [])] == (
        [wanted.index.name] if wanted.index else []
    )
    assert made["BillingMode"] == "PAY_PER_REQUEST"
    assert made["SSESpecification"] == {"SSEEnabled": True}


def test_production_keeps_its_data_and_a_trial_does_not(stage: str) -> None:
    keeps = stage == "prod"
    for resource in resources(stage, "AWS::DynamoDB::Table"):
        made = resource["Properties"]
        assert resource["DeletionPolicy"] == ("Retain" if keeps else "Delete")
        assert made["DeletionProtectionEnabled"] is keeps
        assert made["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is keeps
    (pool,) = resources(stage, "AWS::Cognito::UserPool")
    assert pool["DeletionPolicy"] == ("Retain" if keeps else "Delete")
    assert pool["Properties"]["DeletionProtection"] == ("ACTIVE" if keeps else "INACTIVE")


def test_bucket_is_private_and_forgets_uploads_after_a_day(stage: str) -> None:
    (bucket,) = [one for one in properties(stage, "AWS::S3::Bucket") if "CorsConfiguration" in one]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert (rules["uploads"]["Prefix"], rules["uploads"]["ExpirationInDays"]) == ("uploads/", 1)
    (cors,) = bucket["CorsConfiguration"]["CorsRules"]
    assert set(cors["AllowedMethods"]) == {"PUT", "POST", "GET"}
    assert ("*" in cors["AllowedOrigins"]) is (stage == "dev")


def test_buckets_take_nothing_without_tls(stage: str) -> None:
    policies = properties(stage, "AWS::S3::BucketPolicy")
    assert len(policies) == len(resources(stage, "AWS::S3::Bucket"))
    for policy in policies:
        denied = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in [one.get("Condition") for one in denied]


def test_every_route_but_the_public_ones_has_the_authorizer(stage: str) -> None:
    made = routes(stage)
    assert "POST /score" in made
    open_routes = {name for name, method in made.items() if method["AuthorizationType"] == "NONE"}
    assert open_routes == PUBLIC
    for name in made.keys() - PUBLIC:
        assert made[name]["AuthorizationType"] == "COGNITO_USER_POOLS"
        assert made[name]["AuthorizerId"]


def test_bodies_are_validated_against_the_api_s_own_models(stage: str) -> None:
    for name, method in routes(stage).items():
        if name.partition(" ")[0] in {"POST", "PUT"}:
            assert method["RequestModels"]["application/json"], name
            assert method["RequestValidatorId"], name
    models = {one["Name"]: one["Schema"] for one in properties(stage, "AWS::ApiGateway::Model")}
    assert models["ScoreRequest"]["required"] == ["gameArea", "score"]
    assert models["ScoreRequest"]["additionalProperties"] is False
    assert "$ref" not in json.dumps(models)


def test_web_socket_has_the_handlers_routes_and_one_authorizer(stage: str) -> None:
    made = {one["RouteKey"]: one for one in properties(stage, "AWS::ApiGatewayV2::Route")}
    assert made.keys() == ROUTES.keys()
    assert {key for key, route in made.items() if route["AuthorizationType"] == "CUSTOM"} == {"$connect"}


def test_tokens_are_in_no_access_log(stage: str) -> None:
    (live,) = properties(stage, "AWS::ApiGatewayV2::Stage")
    assert "querystring" not in live["AccessLogSettings"]["Format"].lower()
    assert "header" not in live["AccessLogSettings"]["Format"].lower()


def test_stream_feeds_the_broadcaster_with_what_lambda_offers_against_loss(stage: str) -> None:
    (mapping,) = properties(stage, "AWS::Lambda::EventSourceMapping")
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRetryAttempts"] == 10
    assert mapping["MaximumRecordAgeInSeconds"] == 3600
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"]
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    areas = tomllib.loads(Path("game/catalogue.toml").read_text())["areas"]
    boards = json.loads(pattern["Pattern"])["dynamodb"]["Keys"]["gameArea"]["S"]
    assert boards == [*areas, "global"]


def test_sweep_comes_every_minute(stage: str) -> None:
    assert [
        rule["ScheduleExpression"]
        for rule in properties(stage, "AWS::Events::Rule")
        if "ScheduleExpression" in rule
    ] == ["rate(1 minute)"]


def test_only_the_pusher_may_invoke_itself_without_end(stage: str) -> None:
    recursive = {
        one["FunctionName"]: one.get("RecursiveLoop")
        for one in properties(stage, "AWS::Lambda::Function")
        if "FunctionName" in one
    }
    assert {name for name, loop in recursive.items() if loop == "Allow"} == {f"podium-{stage}-pusher"}


def test_every_function_has_a_log_group_that_forgets(stage: str) -> None:
    groups = {
        one["LogGroupName"]
        for one in properties(stage, "AWS::Logs::LogGroup")
        if isinstance(one["LogGroupName"], str)
    }
    for function in FUNCTIONS:
        assert f"/aws/lambda/podium-{stage}-{function.name}" in groups
    assert all(one["RetentionInDays"] in RETENTION for one in properties(stage, "AWS::Logs::LogGroup"))


def test_grants_are_of_functions_that_exist(stage: str) -> None:
    assert GRANTS.keys() == {function.name for function in FUNCTIONS} | {"portraits"}


def test_no_statement_allows_everything(stage: str) -> None:
    """A lone * stands where AWS knows no other resource: traces, streams' list, the login to ECR."""
    anywhere = {
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "dynamodb:ListStreams",
        "ecr:GetAuthorizationToken",
    }
    for statement in statements(stage):
        if "*" in as_list(statement["Resource"]):
            assert set(as_list(statement["Action"])) <= anywhere
        assert "*" not in as_list(statement["Action"])


def test_firewall_and_pipeline_are_where_the_stage_wants_them(stage: str) -> None:
    assert ("edge" in templates(stage), "pipeline" in templates(stage)) == ((stage == "prod"),) * 2


def test_client_configuration_is_an_output(stage: str) -> None:
    assert {"ClientConfig", "RestUrl"} <= templates(stage)["rest"]["Outputs"].keys()
    assert "WebSocketUrl" in templates(stage)["realtime"]["Outputs"]
    assert {"UserPoolId", "UserPoolClientId"} <= templates(stage)["identity"]["Outputs"].keys()
