"""What the templates promise, in both stages; cdk-nag (AwsSolutions) has its say when they are made."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from api.problems import CONTENT_TYPE, Problem
from cost.crowd import PUSHER_SECONDS
from infra import rest
from infra.grants import GRANTS
from infra.lambdas import RETENTION
from infra.packaging.bundle import CHECKOUT
from infra.passwords import PASSWORDS
from infra.settings import Identity, StageSettings, load_settings
from infra.watching import WatchingStack
from realtime.routes import ROUTES
from store.schema import CONNECTIONS, TABLES, Table
from streams.fanout import HAND_OVER_SECONDS
from tests.unit.infra.policies import allowed
from tests.unit.infra.stage import properties, resources, synthesize, templates, text

STAGES = ("dev", "prod")
PUBLIC = {
    "GET /leaderboard",
    "GET /leaderboard/global",
    "GET /leaderboard/rank",
    "GET /seasons",
    "GET /avatar/view",
    "GET /health",
    "GET /client-config.json",
    "GET /catalogue",
    "GET /openapi.json",
}

# What may stand in an IAM statement with a wildcard, as `action resource`.
WILDCARDS = {
    r"(xray:Put\w+|dynamodb:ListStreams|ecr:GetAuthorizationToken) \*": "AWS knows no resource to name",
    r"execute-api:ManageConnections .*/(POST|DELETE)/@connections/\*": "which ones there are is known later",
    r"s3:\w+ .*-game-avatars-.*/(uploads|avatars)/\*": "each player's pictures have a prefix of their own",
    r"lambda:InvokeFunction .*:function:podium-\w+-avatar-outcome:\*": "any version of it: the CDK's",
    r"s3:[\w*]+ <Artifacts\w+\.Arn>(/\*)?": "nothing but the pipeline's artifacts is in there: the CDK's",
    r"logs:\w+ .*:log-group:/aws/codebuild/<\w+>:\*": "a project's own logs: the CDK's",
    r"codebuild:\w+ .*:report-group/<\w+>-\*": "a project's own reports: the CDK's",
    r"sts:AssumeRole .*:role/cdk-hnb659fds-\*": "the CDK's bootstrap made these roles, and no other",
}

pytestmark = pytest.mark.parametrize("stage", STAGES)


def routes(stage: str) -> dict[str, dict[str, Any]]:
    """Return the methods of the REST API that are no preflights, as `POST /score`."""
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


def statements(stage: str) -> Iterator[tuple[str, str]]:
    """Yield each action with each resource that the roles of a stage are allowed, as text."""
    documents = [policy["PolicyDocument"] for policy in properties(stage, "AWS::IAM::Policy")]
    for role in properties(stage, "AWS::IAM::Role"):
        documents += [policy["PolicyDocument"] for policy in role.get("Policies", [])]
    assert not properties(stage, "AWS::IAM::ManagedPolicy")
    for document in documents:
        for action, resource in allowed(document):
            yield action, text(resource)


def alarms(stage: str) -> dict[str, dict[str, Any]]:
    return {
        one["AlarmName"].removeprefix(f"podium-{stage}-"): one
        for one in properties(stage, "AWS::CloudWatch::Alarm")
    }


def deployed(template: dict[str, Any]) -> list[str]:
    """Return the deployments of a REST API, by name: another name is another deployment."""
    return [
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::ApiGateway::Deployment"
    ]


@pytest.fixture(scope="module")
def cfn_lint() -> Callable[[str], list[Any]]:
    """Return cfn-lint with its rules: reading them takes longer than most templates."""
    # Only one of the processes that collect tests needs it, and importing it takes seconds.
    from cfnlint.api import lint
    from cfnlint.config import ConfigMixIn
    from cfnlint.core import get_rules

    rules = get_rules([], [], ConfigMixIn().include_checks)
    return lambda template: lint(template, rules, ["us-east-1"])


def test_templates_are_clean_by_cfn_lint(stage: str, cfn_lint: Callable[[str], list[Any]]) -> None:
    # Errors and warnings, not advice. W3005: the CDK names dependencies that the references imply. W6001: the
    # clients' configuration is of what several stacks made.
    problems = [
        f"{name}: {match.rule.id} {match.message}"
        for name, template in templates(stage).items()
        for match in cfn_lint(json.dumps(template))
        if match.rule.id[0] in "EW" and match.rule.id not in {"W3005", "W6001"}
    ]
    assert problems == []


@pytest.mark.parametrize("wanted", TABLES, ids=lambda table: str(table.name))
def test_tables_are_encrypted_forget_and_cost_nothing_at_rest(stage: str, wanted: Table) -> None:
    """Keys, indexes and streams are those of the schema, or the deployed stacks would not work."""
    (made,) = [
        one
        for one in properties(stage, "AWS::DynamoDB::Table")
        if one["TableName"].endswith(f"-{wanted.name}")
    ]
    assert made.get("TimeToLiveSpecification", {}).get("AttributeName") == wanted.ttl
    assert made["BillingMode"] == "PAY_PER_REQUEST"
    assert made["SSESpecification"] == {"SSEEnabled": True}


def test_production_keeps_its_data_and_a_trial_does_not(stage: str) -> None:
    keeps = stage == "prod"
    for resource in resources(stage, "AWS::DynamoDB::Table"):
        made = resource["Properties"]
        assert resource["DeletionPolicy"] == ("RetainExceptOnCreate" if keeps else "Delete")
        assert made["DeletionProtectionEnabled"] is keeps
        assert made["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is keeps
    (pool,) = resources(stage, "AWS::Cognito::UserPool")
    assert pool["DeletionPolicy"] == ("RetainExceptOnCreate" if keeps else "Delete")
    assert pool["Properties"]["DeletionProtection"] == ("ACTIVE" if keeps else "INACTIVE")


def test_user_pool_uses_the_shared_password_policy(stage: str) -> None:
    (pool,) = properties(stage, "AWS::Cognito::UserPool")
    assert pool["Policies"]["PasswordPolicy"] == {
        "MinimumLength": PASSWORDS.min_length,
        "RequireLowercase": PASSWORDS.require_lowercase,
        "RequireUppercase": PASSWORDS.require_uppercase,
        "RequireNumbers": PASSWORDS.require_digits,
        "RequireSymbols": PASSWORDS.require_symbols,
        "TemporaryPasswordValidityDays": 3,
    }


def test_sign_ups_are_confirmed_by_the_trigger_as_the_stage_says(stage: str) -> None:
    template = templates(stage)["identity"]["Resources"]
    (pool,) = [one for one in template.values() if one["Type"] == "AWS::Cognito::UserPool"]
    (name,) = [
        name
        for name, one in template.items()
        if one["Type"] == "AWS::Lambda::Function" and one["Properties"]["FunctionName"].endswith("-sign-up")
    ]
    assert pool["Properties"]["LambdaConfig"] == {"PreSignUp": {"Fn::GetAtt": [name, "Arn"]}}
    permissions = [one["Properties"] for one in template.values() if one["Type"] == "AWS::Lambda::Permission"]
    assert [one["Principal"] for one in permissions] == ["cognito-idp.amazonaws.com"]
    assert all("SourceArn" in one for one in permissions)
    variables = template[name]["Properties"]["Environment"]["Variables"]
    assert variables["PODIUM_GUESTS_PER_MINUTE"] == str(load_settings(stage).identity.guests_per_minute)


def test_stage_without_guests_gives_the_trigger_no_limit(stage: str) -> None:
    settings = load_settings(stage).model_copy(update={"identity": Identity(guests=False)})
    (variables,) = [
        one["Properties"]["Environment"]["Variables"]
        for one in synthesize(settings, None)["identity"]["Resources"].values()
        if one["Type"] == "AWS::Lambda::Function"
    ]
    assert "PODIUM_GUESTS_PER_MINUTE" not in variables


def test_address_is_kept_until_the_new_one_is_verified(stage: str) -> None:
    (pool,) = properties(stage, "AWS::Cognito::UserPool")
    assert pool["UserAttributeUpdateSettings"] == {"AttributesRequireVerificationBeforeUpdate": ["email"]}


def test_players_of_google_may_change_their_accounts(stage: str) -> None:
    (client,) = properties(stage, "AWS::Cognito::UserPoolClient")
    if stage == "prod":
        scopes = ["openid", "email", "profile", "aws.cognito.signin.user.admin"]
        assert client["AllowedOAuthScopes"] == scopes
        assert client["AllowedOAuthFlows"] == ["code"]


def test_sender_may_be_an_address_alone_and_of_another_region(stage: str) -> None:
    sender = Identity(email_from="game@example.com", email_region="eu-west-1")
    settings = load_settings(stage).model_copy(update={"identity": sender})
    template = synthesize(settings, None)["identity"]
    (pool,) = [one for one in template["Resources"].values() if one["Type"] == "AWS::Cognito::UserPool"]
    assert text(pool["Properties"]["EmailConfiguration"]["SourceArn"]) == (
        "arn:<AWS::Partition>:ses:eu-west-1:<AWS::AccountId>:identity/game@example.com"
    )


def test_bucket_is_private_and_forgets_uploads_after_a_day(stage: str) -> None:
    (bucket,) = [one for one in properties(stage, "AWS::S3::Bucket") if "CorsConfiguration" in one]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert (rules["uploads"]["Prefix"], rules["uploads"]["ExpirationInDays"]) == ("uploads/", 1)
    origins = {
        method: rule["AllowedOrigins"]
        for rule in bucket["CorsConfiguration"]["CorsRules"]
        for method in rule["AllowedMethods"]
    }
    own = list(load_settings(stage).cors_origins)
    # A browser that the API redirects to a picture sends the origin `null`.
    assert origins == {"PUT": own, "POST": own, "GET": ["*"]}


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


def test_authorizer_asks_for_a_header_that_every_handshake_has(stage: str) -> None:
    """It looks for the token itself, in two places; that there is a source at all is AWS's wish."""
    (made,) = properties(stage, "AWS::ApiGatewayV2::Authorizer")
    assert made["IdentitySource"] == ["route.request.header.Host"]


def test_tokens_are_in_no_access_log(stage: str) -> None:
    (live,) = properties(stage, "AWS::ApiGatewayV2::Stage")
    assert "querystring" not in live["AccessLogSettings"]["Format"].lower()
    assert "header" not in live["AccessLogSettings"]["Format"].lower()


def mapping_of(stage: str, function: str) -> dict[str, Any]:
    """Return the event source mapping of a function; the only two of the stage are checked to be two."""
    mappings = properties(stage, "AWS::Lambda::EventSourceMapping")
    assert len(mappings) == 2, "DynamoDB allows two readers per shard"
    (found,) = [
        one for one in mappings if json.dumps(one["FunctionName"]).startswith(f'{{"Ref": "{function}')
    ]
    return found


@pytest.mark.parametrize(("function", "retries", "age"), [("broadcaster", 10, 300), ("ranker", 100, 3600)])
def test_stream_feeds_its_readers_with_what_lambda_offers_against_loss(
    stage: str, function: str, retries: int, age: int
) -> None:
    mapping = mapping_of(stage, function)
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRetryAttempts"] == retries
    assert mapping["MaximumRecordAgeInSeconds"] == age
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"]


def test_broadcaster_gets_every_record_and_ranker_what_comes_or_goes(stage: str) -> None:
    # The boards of a game may be more than Lambda's filters take.
    assert "FilterCriteria" not in mapping_of(stage, "broadcaster")
    ranker = mapping_of(stage, "ranker")
    (pattern,) = ranker["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"eventName": ["INSERT", "REMOVE"]}
    assert ranker["MaximumBatchingWindowInSeconds"] == 1


@pytest.mark.parametrize(
    ("function", "rate", "seconds"),
    [("sweep", "1 minute", 60), ("janitor", "5 minutes", 300), ("rank", "1 hour", 3600)],
)
def test_sweeps_and_janitor_come_in_time(stage: str, function: str, rate: str, seconds: int) -> None:
    """Expect no retries of a run that failed, or found no room: the next one comes in any case."""
    (rule,) = [
        one
        for one in properties(stage, "AWS::Events::Rule")
        if one.get("ScheduleExpression") == f"rate({rate})"
    ]
    (target,) = rule["Targets"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 0
    called = target["Arn"]["Fn::GetAtt"][0]
    assert called.startswith(function)
    (runs,) = [
        one
        for one in properties(stage, "AWS::Lambda::EventInvokeConfig")
        if one["FunctionName"] == {"Ref": called}
    ]
    assert (runs["MaximumRetryAttempts"], runs["MaximumEventAgeInSeconds"]) == (0, seconds)


def test_only_what_a_stage_says_is_reserved(stage: str) -> None:
    """A new account has so little concurrency that nothing of it can be reserved."""
    settings = load_settings(stage)
    reserved = {
        one["FunctionName"].removeprefix(settings.prefix): one["ReservedConcurrentExecutions"]
        for one in properties(stage, "AWS::Lambda::Function")
        if "ReservedConcurrentExecutions" in one
    }
    assert reserved == settings.concurrency.reserved


def test_only_the_pusher_may_invoke_itself_without_end(stage: str) -> None:
    recursive = {
        one["FunctionName"]: one.get("RecursiveLoop")
        for one in properties(stage, "AWS::Lambda::Function")
        if "FunctionName" in one
    }
    assert {name for name, loop in recursive.items() if loop == "Allow"} == {f"podium-{stage}-pusher"}


def test_pusher_has_all_the_time_there_is_and_hands_over_before_the_alarm(stage: str) -> None:
    name = f"podium-{stage}-pusher"
    (pusher,) = (one for one in properties(stage, "AWS::Lambda::Function") if one.get("FunctionName") == name)
    (alarm,) = (
        one for one in properties(stage, "AWS::CloudWatch::Alarm") if one["AlarmName"] == f"{name}-duration"
    )
    assert pusher["Timeout"] == 900
    assert pusher["Timeout"] - HAND_OVER_SECONDS == PUSHER_SECONDS
    assert 1000 * PUSHER_SECONDS < alarm["Threshold"] < 1000 * pusher["Timeout"]


def test_every_function_has_a_log_group_that_forgets(stage: str) -> None:
    logged = set()
    for template in templates(stage).values():
        for function in (
            one for one in template["Resources"].values() if one["Type"] == "AWS::Lambda::Function"
        ):
            group = template["Resources"][function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]]
            logged.add(group["Properties"]["LogGroupName"])
    ours = {f"/aws/lambda/podium-{stage}-{name}" for name in GRANTS}
    # And the CDK's, which empties the bucket.
    assert logged - ours == ({"/aws/lambda/podium-dev-data-emptier"} if stage == "dev" else set())
    assert ours <= logged
    assert all(one["RetentionInDays"] in RETENTION for one in properties(stage, "AWS::Logs::LogGroup"))


def test_no_wildcard_is_without_a_reason(stage: str) -> None:
    wild = {f"{action} {resource}" for action, resource in statements(stage) if "*" in action + resource}
    unexplained = [one for one in wild if not any(re.fullmatch(known, one) for known in WILDCARDS)]
    assert unexplained == []
    if stage == "prod":  # which has every stack
        assert [known for known in WILDCARDS if not any(re.fullmatch(known, one) for one in wild)] == []


def test_stacks_do_not_depend_on_whether_an_image_is_named(stage: str) -> None:
    """Else a deployment without one would take away what the portraits' stack imports, and fail."""
    with_image, without = templates(stage), synthesize(load_settings(stage), image=None)
    assert with_image.keys() - without.keys() == {"avatars"}
    for name in without.keys() - {"watching"}:
        assert without[name] == with_image[name], name


def test_schemas_that_change_are_deployed(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    described = rest.describe()
    described["components"]["schemas"]["ScoreRequest"]["properties"]["score"]["maximum"] = 7
    monkeypatch.setattr(rest, "describe", lambda: described)
    changed = synthesize(load_settings(stage), image=None)["rest"]
    assert deployed(changed) != deployed(templates(stage)["rest"])


def test_api_gateway_refuses_as_the_function_does(stage: str) -> None:
    refusals = {one["ResponseType"]: one for one in properties(stage, "AWS::ApiGateway::GatewayResponse")}
    for kind, one in refusals.items():
        # Its own words come as a JSON string, with a space in front of some.
        body = one["ResponseTemplates"]["application/json"].replace(
            "$context.error.messageString", ' "the \\"words\\""'
        )
        problem = Problem.model_validate_json(body)
        assert str(problem.status) == one["StatusCode"], kind
        assert bool(problem.errors) is (problem.status == 422), kind
        headers = {
            name.removeprefix("gatewayresponse.header."): value.strip("'")
            for name, value in one["ResponseParameters"].items()
        }
        assert headers["Content-Type"] == CONTENT_TYPE
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert ("WWW-Authenticate" in headers) is (problem.status == 401)
        assert ("Retry-After" in headers) is (problem.status in (429, 503))
        assert "Retry-After" in headers["Access-Control-Expose-Headers"]
    assert refusals["MISSING_AUTHENTICATION_TOKEN"]["StatusCode"] == "404"
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "WAF_FILTERED"} <= refusals.keys()


def test_api_gateway_s_own_log_group_forgets_too(stage: str) -> None:
    found = templates(stage)["rest"]["Resources"]
    (name,) = [
        name
        for name, one in found.items()
        if one["Type"] == "AWS::Logs::LogGroup"
        and text(one["Properties"]["LogGroupName"]).startswith("API-Gateway-Execution-Logs_<")
    ]
    (made,) = [one for one in found.values() if one["Type"] == "AWS::ApiGateway::Stage"]
    # API Gateway makes the group when it makes the stage, unless it is there.
    assert name in made["DependsOn"]


def test_portraits_run_on_the_processor_that_their_image_is_built_on(stage: str) -> None:
    (function,) = [
        one for one in properties(stage, "AWS::Lambda::Function") if one.get("PackageType") == "Image"
    ]
    assert function["Architectures"] == [load_settings(stage).architecture]
    for project in properties(stage, "AWS::CodeBuild::Project"):
        if project["Environment"]["PrivilegedMode"]:
            variables = {one["Name"]: one["Value"] for one in project["Environment"]["EnvironmentVariables"]}
            assert variables["PODIUM_PLATFORM"] == "linux/arm64"
            assert project["Environment"]["Type"] == "ARM_CONTAINER"


def test_source_may_use_connections_of_the_present_name_and_the_former(stage: str) -> None:
    used = {action for action, _ in statements(stage) if action.endswith(":UseConnection")}
    both = {"codeconnections:UseConnection", "codestar-connections:UseConnection"}
    assert used == (both if stage == "prod" else set())


def test_firewall_refuses_with_the_statuses_of_the_api(stage: str) -> None:
    for firewall in properties(stage, "AWS::WAFv2::WebACL"):
        answers = {}
        for rule in firewall["Rules"]:
            if "CustomResponse" in rule.get("Action", {}).get("Block", {}):
                answer = rule["Action"]["Block"]["CustomResponse"]
                body = firewall["CustomResponseBodies"][answer["CustomResponseBodyKey"]]["Content"]
                assert Problem.model_validate_json(body).status == answer["ResponseCode"]
                sent = {one["Name"] for one in answer["ResponseHeaders"]}
                assert ({"Retry-After", "Access-Control-Expose-Headers"} <= sent) is (
                    answer["ResponseCode"] == 429
                )
                answers[rule["Name"]] = answer["ResponseCode"]
        if firewall["Name"].endswith("-rest"):
            assert answers == {"address-rate": 429, "body-size": 413}


def counted(stage: str, firewall: str, rule: str) -> dict[str, Any]:
    """Return the rate statement of a rule of a firewall, which counts by address."""
    (acl,) = [one for one in properties(stage, "AWS::WAFv2::WebACL") if one["Name"].endswith(firewall)]
    (found,) = [one for one in acl["Rules"] if one["Name"] == rule]
    rate: dict[str, Any] = found["Statement"]["RateBasedStatement"]
    assert rate["AggregateKeyType"] == "IP"
    return rate


def matched(statement: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Return what one of several statements looks for: where, how, what."""
    found = set()
    for one in statement["OrStatement"]["Statements"]:
        match = one["ByteMatchStatement"]
        field = match["FieldToMatch"]
        place = field["SingleHeader"]["Name"] if "SingleHeader" in field else "path"
        found.add((place, match["PositionalConstraint"], match["SearchString"]))
    return found


def test_portraits_do_not_count_against_an_address(stage: str) -> None:
    if stage == "prod":
        rate = counted(stage, "-rest", "address-rate")
        left_out = rate["ScopeDownStatement"]["NotStatement"]["Statement"]
        # By API Gateway's own address, and by a name of the studio's, where the stage is not in the path.
        paths = ("/prod/avatar/view", "/avatar/view")
        assert matched(left_out) == {("path", "EXACTLY", path) for path in paths}


def test_sign_ups_and_mails_are_bounded_by_address(stage: str) -> None:
    if stage == "prod":
        rules = {
            "sign-up-rate": ("SignUp",),
            "mail-rate": (
                "ForgotPassword",
                "ResendConfirmationCode",
                "UpdateUserAttributes",
                "GetUserAttributeVerificationCode",
            ),
        }
        pages = {"sign-up-rate": ("/signup",), "mail-rate": ("/forgotPassword", "/resendcode")}
        for rule, operations in rules.items():
            rate = counted(stage, "-players", rule)
            assert rate["Limit"] == 300
            assert matched(rate["ScopeDownStatement"]) == {
                match
                for name in operations
                for match in (
                    ("x-amzn-cognito-operation-name", "EXACTLY", name),
                    ("x-amz-target", "EXACTLY", f"AWSCognitoIdentityProviderService.{name}"),
                )
            } | {("path", "STARTS_WITH", page) for page in pages[rule]}
        associations = properties(stage, "AWS::WAFv2::WebACLAssociation")
        pools = [
            one
            for one in associations
            if "userpool" in text(one["ResourceArn"]).lower() or "Players" in text(one["ResourceArn"])
        ]
        assert len(associations) == 2
        assert len(pools) == 1


def test_images_that_were_released_are_kept_apart(stage: str) -> None:
    (repository,) = properties(stage, "AWS::ECR::Repository")
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    released, others = sorted(rules, key=lambda rule: rule["rulePriority"])
    assert released["selection"]["tagPrefixList"] == ["released-"]
    assert released["selection"]["countNumber"] == 20
    assert others["selection"]["tagStatus"] == "any"


def test_pipeline_waits_for_the_rights_of_its_actions(stage: str) -> None:
    """It starts as soon as it is made."""
    if stage == "prod":
        found = templates(stage)["pipeline"]["Resources"]
        (made,) = [one for one in found.values() if one["Type"] == "AWS::CodePipeline::Pipeline"]
        roles = {
            role["Fn::GetAtt"][0]
            for one in made["Properties"]["Stages"]
            for action in one["Actions"]
            if (role := action.get("RoleArn"))
        }
        policies = {
            name: {role["Ref"] for role in one["Properties"]["Roles"]}
            for name, one in found.items()
            if one["Type"] == "AWS::IAM::Policy"
        }
        assert len(roles) >= 3
        for role in roles:
            its = [name for name, of in policies.items() if role in of]
            assert set(its) <= set(made["DependsOn"]), role
            assert its


def test_tables_are_warm_where_the_stage_says_so(stage: str) -> None:
    warm = {"Connections": {"reads": 30_000, "writes": 10_000}}
    given = load_settings(stage).model_dump(exclude_unset=True)
    settings = StageSettings.model_validate(given | {"warm_throughput": warm})
    made = {
        one["TableName"].removeprefix(settings.prefix): one
        for one in properties_of(synthesize(settings, None)["data"]["Resources"], "AWS::DynamoDB::Table")
    }
    wanted = {"ReadUnitsPerSecond": 30_000, "WriteUnitsPerSecond": 10_000}
    assert made["Connections"]["WarmThroughput"] == wanted
    (index,) = made["Connections"]["GlobalSecondaryIndexes"]
    assert index["WarmThroughput"] == wanted
    assert [name for name, one in made.items() if "WarmThroughput" in one] == ["Connections"]


def properties_of(found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the properties of every resource of a type among those of a stack."""
    return [one["Properties"] for one in found.values() if one["Type"] == kind]


def test_alarms_cover_what_can_be_lost_in_silence(stage: str) -> None:
    made = alarms(stage)
    dropped = {"pusher-dropped", "avatar-outcome-dropped", "portraits-dropped"}
    assert dropped | {"broadcaster-undelivered", "portraits-undelivered", "dead-letters"} <= made.keys()
    assert made["sweep-missing"]["TreatMissingData"] == "missing"
    assert made["sweep-missing"]["ComparisonOperator"] == "LessThanThreshold"
    index = made["Connections-byConnectionId-writes-throttled"]["Dimensions"]
    assert {one["Name"]: one["Value"] for one in index} == {
        "TableName": f"podium-{stage}-{CONNECTIONS.name}",
        "GlobalSecondaryIndexName": "byConnectionId",
    }


def test_errors_of_the_web_socket_api_raise_alarms(stage: str) -> None:
    watching = WatchingStack(App(), load_settings(stage), live_api_id="a1b2c3")
    for metric in ("IntegrationError", "ExecutionError"):
        dimensions = [{"Name": "ApiId", "Value": "a1b2c3"}, {"Name": "Stage", "Value": stage}]
        Template.from_stack(watching).has_resource_properties(
            "AWS::CloudWatch::Alarm", {"MetricName": metric, "Dimensions": dimensions}
        )


def test_alarms_and_budget_reach_the_topic(stage: str) -> None:
    found = templates(stage)["watching"]["Resources"]
    (topic,) = [name for name, one in found.items() if one["Type"] == "AWS::SNS::Topic"]
    for name, one in alarms(stage).items():
        assert one["AlarmActions"] == [{"Ref": topic}]
        # A new alarm has no data, and is then OK: its own action would tell of that.
        assert "OKActions" not in one
        beats = name in {"sweep-missing", "janitor-missing"}
        assert one.get("InsufficientDataActions") == ([{"Ref": topic}] if beats else None)
        assert one["TreatMissingData"] == ("missing" if beats else "notBreaching")
    (rule,) = properties_of(found, "AWS::Events::Rule")
    assert rule["EventPattern"]["detail"] == {
        "alarmName": [{"prefix": f"podium-{stage}-"}],
        "state": {"value": ["OK"]},
        "previousState": {"value": ["ALARM"]},
    }
    assert [target["Arn"] for target in rule["Targets"]] == [{"Ref": topic}]
    (policy,) = [one for one in found.values() if one["Type"] == "AWS::SNS::TopicPolicy"]
    let_in = {
        one["Principal"]["Service"]: one["Condition"]
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow"
    }
    ours = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert let_in == dict.fromkeys(
        ("cloudwatch.amazonaws.com", "budgets.amazonaws.com", "events.amazonaws.com"), ours
    )
    for budget in properties(stage, "AWS::Budgets::Budget"):
        for notification in budget["NotificationsWithSubscribers"]:
            assert notification["Subscribers"] == [{"SubscriptionType": "SNS", "Address": {"Ref": topic}}]
        # One with a name cannot be replaced, and most changes of a budget replace it.
        assert "BudgetName" not in budget["Budget"]


def test_domain_names_lead_to_the_apis(stage: str) -> None:
    led = {}
    for stack, mapping, api in (
        ("rest", "AWS::ApiGateway::BasePathMapping", "RestApiId"),
        ("realtime", "AWS::ApiGatewayV2::ApiMapping", "ApiId"),
    ):
        found = templates(stage)[stack]["Resources"]
        for one in (resource["Properties"] for resource in found.values() if resource["Type"] == mapping):
            name = found[one["DomainName"]["Ref"]]["Properties"]["DomainName"]
            led[name] = found[one[api]["Ref"]]["Properties"]["Name"]
            # The name alone is the address of the stage.
            assert not one.get("BasePath")
            assert not one.get("ApiMappingKey")
    domain = load_settings(stage).domain
    assert led == (
        {domain.rest: f"podium-{stage}-rest", domain.web_socket: f"podium-{stage}-live"} if domain else {}
    )
    rest_url = text(templates(stage)["rest"]["Outputs"]["RestUrl"]["Value"])
    web_socket_url = text(templates(stage)["realtime"]["Outputs"]["WebSocketUrl"]["Value"])
    if domain:
        assert (rest_url, web_socket_url) == (f"https://{domain.rest}", f"wss://{domain.web_socket}")
    # Pushes go to the API itself, where the functions' rights are.
    (connections,) = {
        text(one["Environment"]["Variables"]["PODIUM_CONNECTIONS_URL"])
        for one in properties(stage, "AWS::Lambda::Function")
        if one.get("FunctionName") == f"podium-{stage}-broadcaster"
    }
    assert re.fullmatch(rf"https://<\w+>\.execute-api\.us-east-1\.amazonaws\.com/{stage}", connections)


def test_page_explains_every_output_and_alarm(stage: str) -> None:
    page = (CHECKOUT / "docs" / "deploy.md").read_text(encoding="utf-8")
    outputs = {
        (name, output)
        for name, template in templates(stage).items()
        for output in template.get("Outputs", {})
        if not output.startswith("ExportsOutput")
    }
    assert {output for _, output in outputs if f"`{output}`" not in page} == set()
    if stage == "prod":  # which has every stack
        assert set(re.findall(r"\$\(output (\w+) (\w+)\)", page)) <= outputs
    explained = [re.escape(name).replace("…", ".+") for name in re.findall(r"`([\w…-]+)`", page)]
    assert [name for name in alarms(stage) if not any(re.fullmatch(known, name) for known in explained)] == []
