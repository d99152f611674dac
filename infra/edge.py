"""A web application firewall in front of the REST API, where a stage has it."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.lambdas import RETENTION, removal
from infra.settings import StageSettings

BODY_LIMIT = 16 * 1024
"""Bytes of a body: a save's checkpoint has 8 KB at the most. WAF looks at no more of a REST API's bodies."""

_COMMON = "AWSManagedRulesCommonRuleSet"
_BAD_INPUTS = "AWSManagedRulesKnownBadInputsRuleSet"
_REPUTATION = "AWSManagedRulesAmazonIpReputationList"


class EdgeStack(Stack):
    """AWS's managed rules, a limit on requests by address, and one on sizes, on the REST API's stage."""

    def __init__(
        self, scope: Construct, settings: StageSettings, rest_stage_arn: str, **options: object
    ) -> None:
        super().__init__(scope, f"{settings.prefix}edge", **options)  # type: ignore[arg-type]  # jsii's
        rules = [
            _rule("address-rate", 0, _rate(settings.waf_rate_limit), block=True),
            _rule("body-size", 1, _larger("body", BODY_LIMIT), block=True),
            _rule("query-size", 2, _larger("query_string", 2048), block=True),
            *(_managed(name, 3 + place) for place, name in enumerate((_COMMON, _BAD_INPUTS, _REPUTATION))),
        ]
        acl = wafv2.CfnWebACL(
            self,
            "Firewall",
            name=f"{settings.prefix}rest",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            rules=rules,
            visibility_config=_visibility(f"{settings.prefix}rest"),
        )
        wafv2.CfnWebACLAssociation(self, "OnRest", resource_arn=rest_stage_arn, web_acl_arn=acl.attr_arn)
        # The name must begin so: https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
        group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"aws-waf-logs-{settings.prefix}rest",
            retention=RETENTION[settings.log_days],
            removal_policy=removal(settings),
        )
        wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            log_destination_configs=[
                self.format_arn(service="logs", resource=f"log-group:aws-waf-logs-{settings.prefix}rest")
            ],
            redacted_fields=[
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": "authorization"})
            ],
        ).node.add_dependency(group)
        CfnOutput(self, "FirewallArn", value=acl.attr_arn)


def _rule(
    name: str, priority: int, statement: wafv2.CfnWebACL.StatementProperty, *, block: bool
) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        statement=statement,
        action=wafv2.CfnWebACL.RuleActionProperty(block={}) if block else None,
        override_action=None if block else wafv2.CfnWebACL.OverrideActionProperty(none={}),
        visibility_config=_visibility(name),
    )


def _managed(name: str, priority: int) -> wafv2.CfnWebACL.RuleProperty:
    group = wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name="AWS",
        name=name,
        # Blocks bodies above 8 KB; ours may be larger, and have a rule of their own.
        rule_action_overrides=[
            wafv2.CfnWebACL.RuleActionOverrideProperty(
                name="SizeRestrictions_BODY",
                action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={}),
            )
        ]
        if name == _COMMON
        else None,
    )
    statement = wafv2.CfnWebACL.StatementProperty(managed_rule_group_statement=group)
    return _rule(name, priority, statement, block=False)


def _rate(limit: int) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(limit=limit, aggregate_key_type="IP")
    )


def _larger(part: str, size: int) -> wafv2.CfnWebACL.StatementProperty:
    field = {
        "body": wafv2.CfnWebACL.FieldToMatchProperty(
            body=wafv2.CfnWebACL.BodyProperty(oversize_handling="MATCH")
        ),
        "query_string": wafv2.CfnWebACL.FieldToMatchProperty(query_string={}),
    }[part]
    return wafv2.CfnWebACL.StatementProperty(
        size_constraint_statement=wafv2.CfnWebACL.SizeConstraintStatementProperty(
            comparison_operator="GT",
            size=size,
            field_to_match=field,
            text_transformations=[wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
        )
    )


def _visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
