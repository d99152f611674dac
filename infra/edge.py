"""Web application firewalls in front of the REST API and the user pool, where a stage has them."""

import json
from collections.abc import Sequence
from http import HTTPStatus

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from game.headers import RESPONSE_HEADERS, RETRY_AFTER
from infra.lambdas import RETENTION, removal
from infra.settings import StageSettings

BODY_LIMIT = 16 * 1024
"""Bytes of a body: a save's checkpoint has 8 KB at the most. WAF looks at no more of a REST API's bodies."""

_COMMON = "AWSManagedRulesCommonRuleSet"
_BAD_INPUTS = "AWSManagedRulesKnownBadInputsRuleSet"
_REPUTATION = "AWSManagedRulesAmazonIpReputationList"
# Of the common rules, which also limit the query and the path: these are counted only.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
_COUNTED = (
    # Refuses bodies above 8 KB; ours may be larger, and have a rule of their own.
    "SizeRestrictions_BODY",
    # Games that speak HTTP by themselves need not say who they are.
    "NoUserAgent_HEADER",
)

# What was let through is in the API's access log, in fewer bytes.
_REFUSED = {
    "DefaultBehavior": "DROP",
    "Filters": [
        {
            "Behavior": "KEEP",
            "Requirement": "MEETS_ANY",
            "Conditions": [{"ActionCondition": {"Action": action}} for action in ("BLOCK", "COUNT")],
        }
    ],
}

_TOO_LARGE = "content-too-large"
_TOO_MANY = "too-many-requests"
# Seconds. WAF looks at an address's rate about every ten seconds, and forgets five minutes of it slowly.
_RETRY_AFTER = 30

# These send a mail to an address that the caller names. Cognito itself limits them for each account.
_MAILING = (
    "ForgotPassword",
    "ResendConfirmationCode",
    "UpdateUserAttributes",
    "GetUserAttributeVerificationCode",
)
# The hosted pages, whose requests name no operation, that make users and that send mails.
# https://docs.aws.amazon.com/cognito/latest/developerguide/managed-login-endpoints.html
_HOSTED_SIGN_UP = "/signup"
_HOSTED_MAILING = ("/forgotPassword", "/resendcode")


class EdgeStack(Stack):
    """Two firewalls, as a stage's REST API and its user pool have nothing in common but the addresses.

    The REST API's: AWS's managed rules, a limit on requests by address, and one on sizes. The user pool's:
    limits by address on what makes users, and on what sends mails.
    """

    def __init__(
        self,
        scope: Construct,
        settings: StageSettings,
        *,
        rest_stage_arn: str,
        user_pool_arn: str,
        **options: object,
    ) -> None:
        super().__init__(scope, f"{settings.prefix}edge", **options)
        self._settings = settings
        self._rest(rest_stage_arn)
        self._players(user_pool_arn)

    def _rest(self, stage_arn: str) -> None:
        settings = self._settings
        rate = _rate(settings.waf_rate_limit, counted=_not(_one_of(_view_paths(settings.stage))))
        rules = [
            _rule("address-rate", 0, rate, _block(429, _TOO_MANY)),
            _rule("body-size", 1, _larger_body(BODY_LIMIT), _block(413, _TOO_LARGE)),
            *(_managed(name, 2 + place) for place, name in enumerate((_COMMON, _BAD_INPUTS, _REPUTATION))),
        ]
        acl = wafv2.CfnWebACL(
            self,
            "Firewall",
            name=f"{settings.prefix}rest",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            rules=rules,
            custom_response_bodies={
                _TOO_LARGE: _problem(413, "Content Too Large", f"body: must be at most {BODY_LIMIT} bytes"),
                _TOO_MANY: _problem(429, "Too Many Requests", "too many requests from this address"),
            },
            visibility_config=_visibility(f"{settings.prefix}rest"),
        )
        wafv2.CfnWebACLAssociation(self, "OnRest", resource_arn=stage_arn, web_acl_arn=acl.attr_arn)
        self._log(self, "rest", acl)
        CfnOutput(self, "FirewallArn", value=acl.attr_arn)

    def _players(self, user_pool_arn: str) -> None:
        """Add the user pool's firewall.

        Cognito answers what it refuses with a ForbiddenException, and passes no answer of ours on. It shows
        the firewall the operation, and neither names nor addresses of players.
        """
        settings = self._settings
        sign_up = _one_of([*_operation("SignUp"), _path(_HOSTED_SIGN_UP)])
        operations = [match for name in _MAILING for match in _operation(name)]
        mails = _one_of([*operations, *map(_path, _HOSTED_MAILING)])
        refuse = wafv2.CfnWebACL.RuleActionProperty(block=wafv2.CfnWebACL.BlockActionProperty())
        limit = settings.sign_up_limit
        acl = wafv2.CfnWebACL(
            self,
            "PlayersFirewall",
            name=f"{settings.prefix}players",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            rules=[
                _rule("sign-up-rate", 0, _rate(limit, counted=sign_up), refuse),
                _rule("mail-rate", 1, _rate(limit, counted=mails), refuse),
            ],
            visibility_config=_visibility(f"{settings.prefix}players"),
        )
        wafv2.CfnWebACLAssociation(self, "OnPlayers", resource_arn=user_pool_arn, web_acl_arn=acl.attr_arn)
        self._log(Construct(self, "OfPlayers"), "players", acl)
        CfnOutput(self, "PlayersFirewallArn", value=acl.attr_arn)

    def _log(self, scope: Construct, name: str, acl: wafv2.CfnWebACL) -> None:
        settings = self._settings
        # The name must begin so: https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
        group_name = f"aws-waf-logs-{settings.prefix}{name}"
        group = logs.LogGroup(
            scope,
            "Logs",
            log_group_name=group_name,
            retention=RETENTION[settings.log_days],
            removal_policy=removal(settings),
        )
        wafv2.CfnLoggingConfiguration(
            scope,
            "Logging",
            resource_arn=acl.attr_arn,
            log_destination_configs=[self.format_arn(service="logs", resource=f"log-group:{group_name}")],
            redacted_fields=[
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": "authorization"})
            ],
            logging_filter=_REFUSED,
        ).node.add_dependency(group)


def _rule(
    name: str,
    priority: int,
    statement: wafv2.CfnWebACL.StatementProperty,
    action: wafv2.CfnWebACL.RuleActionProperty | None,
) -> wafv2.CfnWebACL.RuleProperty:
    """Return a rule; `action` None: it is a group, whose rules have theirs."""
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        statement=statement,
        action=action,
        override_action=None if action else wafv2.CfnWebACL.OverrideActionProperty(none={}),
        visibility_config=_visibility(name),
    )


def _block(status: int, body: str) -> wafv2.CfnWebACL.RuleActionProperty:
    """Refuse with a status, and a body by its name, that pages of any origin may read."""
    headers = {"Access-Control-Allow-Origin": "*"}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers |= {
            "Access-Control-Expose-Headers": ",".join(RESPONSE_HEADERS),
            RETRY_AFTER: str(_RETRY_AFTER),
        }
    response = wafv2.CfnWebACL.CustomResponseProperty(
        response_code=status,
        custom_response_body_key=body,
        response_headers=[
            wafv2.CfnWebACL.CustomHTTPHeaderProperty(name=name, value=value)
            for name, value in headers.items()
        ],
    )
    return wafv2.CfnWebACL.RuleActionProperty(
        block=wafv2.CfnWebACL.BlockActionProperty(custom_response=response)
    )


def _problem(status: int, title: str, detail: str) -> wafv2.CfnWebACL.CustomResponseBodyProperty:
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    # WAF knows no problem+json.
    return wafv2.CfnWebACL.CustomResponseBodyProperty(
        content=json.dumps(problem), content_type="APPLICATION_JSON"
    )


def _managed(name: str, priority: int) -> wafv2.CfnWebACL.RuleProperty:
    count = wafv2.CfnWebACL.RuleActionProperty(count={})
    group = wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name="AWS",
        name=name,
        rule_action_overrides=[
            wafv2.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=count) for rule in _COUNTED
        ]
        if name == _COMMON
        else None,
    )
    statement = wafv2.CfnWebACL.StatementProperty(managed_rule_group_statement=group)
    return _rule(name, priority, statement, None)


def _rate(limit: int, *, counted: wafv2.CfnWebACL.StatementProperty) -> wafv2.CfnWebACL.StatementProperty:
    """Match an address with more than `limit` requests in five minutes, of those that `counted` matches."""
    return wafv2.CfnWebACL.StatementProperty(
        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
            limit=limit, aggregate_key_type="IP", scope_down_statement=counted
        )
    )


def _view_paths(stage: str) -> list[wafv2.CfnWebACL.StatementProperty]:
    """Return the paths of the portraits, under API Gateway's name and under our own.

    A board asks for portraits by the dozen. They are not counted: a class of pupils behind one address would
    lock itself out of everything.
    """
    return [_path(path, whole=True) for path in ("/avatar/view", f"/{stage}/avatar/view")]


def _operation(name: str) -> list[wafv2.CfnWebACL.StatementProperty]:
    """Match an operation of Cognito, as Cognito names it and as the caller does."""
    return [
        _match(wafv2.CfnWebACL.FieldToMatchProperty(single_header={"Name": header}), text, "EXACTLY")
        for header, text in (
            ("x-amzn-cognito-operation-name", name),
            ("x-amz-target", f"AWSCognitoIdentityProviderService.{name}"),
        )
    ]


def _path(path: str, *, whole: bool = False) -> wafv2.CfnWebACL.StatementProperty:
    field = wafv2.CfnWebACL.FieldToMatchProperty(uri_path={})
    return _match(field, path, "EXACTLY" if whole else "STARTS_WITH")


def _match(
    field: wafv2.CfnWebACL.FieldToMatchProperty, text: str, how: str
) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        byte_match_statement=wafv2.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=field,
            search_string=text,
            positional_constraint=how,
            text_transformations=[wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
        )
    )


def _one_of(statements: Sequence[wafv2.CfnWebACL.StatementProperty]) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        or_statement=wafv2.CfnWebACL.OrStatementProperty(statements=list(statements))
    )


def _not(statement: wafv2.CfnWebACL.StatementProperty) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        not_statement=wafv2.CfnWebACL.NotStatementProperty(statement=statement)
    )


def _larger_body(size: int) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        size_constraint_statement=wafv2.CfnWebACL.SizeConstraintStatementProperty(
            comparison_operator="GT",
            size=size,
            field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(
                # What is larger than WAF looks at is too large.
                body=wafv2.CfnWebACL.BodyProperty(oversize_handling="MATCH")
            ),
            text_transformations=[wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
        )
    )


def _visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
