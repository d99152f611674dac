"""Alarms, the dashboard and the budget: do scores reach screens, how fast, and what does it cost?"""

from collections.abc import Mapping, Sequence

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.lambdas import function_name, metrics_namespace
from infra.settings import StageSettings
from store.schema import TABLES

_MINUTE = Duration.minutes(1)
_NEAR = 0.8
"""Of a function's timeout: an alarm before it is reached."""

STALE_SECONDS = 30
"""A score that takes longer than this to reach every screen raises an alarm."""


class WatchingStack(Stack):
    """What a stage tells of itself. `timeouts` are its functions by name, with their seconds."""

    def __init__(
        self,
        scope: Construct,
        settings: StageSettings,
        timeouts: Mapping[str, int],
        **options: object,
    ) -> None:
        super().__init__(scope, f"{settings.prefix}watching", **options)  # type: ignore[arg-type]  # jsii's
        self._settings = settings
        self._topic = self._alarm_topic()
        for name, seconds in timeouts.items():
            self._watch_function(name, seconds)
        self._watch_live()
        self._watch_apis()
        self._watch_tables()
        self._dashboard(list(timeouts))
        self._budget()
        CfnOutput(self, "AlarmTopic", value=self._topic.topic_arn)

    def _alarm_topic(self) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", topic_name=f"{self._settings.prefix}alarms", enforce_ssl=True)
        for service in ("cloudwatch", "budgets"):
            topic.grant_publish(iam.ServicePrincipal(f"{service}.amazonaws.com"))
        if self._settings.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._settings.alarm_email))
        return topic

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        says: str,
        *,
        periods: int = 1,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._settings.prefix}{name}",
            alarm_description=says,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # Nobody plays: nothing is wrong.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))

    def _lambda(self, metric: str, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return _metric("AWS/Lambda", metric, statistic, {"FunctionName": function_name(self._settings, name)})

    def _podium(self, metric: str, statistic: str, service: str = "broadcaster") -> cloudwatch.Metric:
        return _metric(metrics_namespace(self._settings), metric, statistic, {"service": service})

    def _watch_function(self, name: str, seconds: int) -> None:
        self._alarm(f"{name}-errors", self._lambda("Errors", name), 1, f"{name} failed: see its log.")
        self._alarm(
            f"{name}-throttles",
            self._lambda("Throttles", name),
            1,
            f"{name} is called more often than its concurrency allows.",
        )
        self._alarm(
            f"{name}-duration",
            self._lambda("Duration", name, "Maximum"),
            _NEAR * seconds * 1000,
            f"{name} comes near its timeout of {seconds} seconds.",
            periods=3,
        )

    def _watch_live(self) -> None:
        self._alarm(
            "iterator-age",
            self._lambda("IteratorAge", "broadcaster", "Maximum"),
            60_000,
            "The broadcaster is a minute behind the stream of scores.",
            periods=3,
        )
        self._alarm(
            "score-to-screen",
            self._podium("ScoreToPushed", "p99"),
            STALE_SECONDS * 1000,
            f"Scores take {STALE_SECONDS} seconds and more to reach every screen.",
            periods=3,
        )
        self._alarm(
            "pushes-failed",
            self._podium("PushesFailed", "Sum"),
            100,
            "Connections take no frames and were closed; their clients come back by themselves.",
            periods=3,
        )
        dead = {"QueueName": f"{self._settings.prefix}dead-letters"}
        self._alarm(
            "dead-letters",
            _metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", dead),
            1,
            "A batch was given up: docs/deploy.md has the redrive.",
        )

    def _watch_apis(self) -> None:
        prefix, stage = self._settings.prefix, self._settings.stage
        self._alarm(
            "rest-5xx",
            _metric("AWS/ApiGateway", "5XXError", "Sum", {"ApiName": f"{prefix}rest", "Stage": stage}),
            5,
            "The REST API answers with errors of its own.",
        )

    def _watch_tables(self) -> None:
        # An alarm on a sum of metrics costs as much as one on each, and does not say which table it is.
        for table in TABLES:
            name = {"TableName": f"{self._settings.prefix}{table.name}"}
            for kind in ("Read", "Write"):
                self._alarm(
                    f"{table.name}-{kind.lower()}s-throttled",
                    _metric("AWS/DynamoDB", f"{kind}ThrottleEvents", "Sum", name),
                    1,
                    f"DynamoDB refuses {kind.lower()}s of {table.name}.",
                )

    def _dashboard(self, functions: Sequence[str]) -> None:
        def graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
            return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8, height=6)

        prefix, stage = self._settings.prefix, self._settings.stage
        rest = {"ApiName": f"{prefix}rest", "Stage": stage}
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"{prefix}podium",
            widgets=[
                [
                    graph(
                        "From score to every screen, ms",
                        [self._podium("ScoreToPushed", statistic) for statistic in ("p50", "p99")],
                    ),
                    graph(
                        "Behind the stream, ms",
                        [
                            self._lambda("IteratorAge", "broadcaster", "Maximum"),
                            self._podium("OldestRecordAge", "Maximum"),
                            self._podium("FanOutTime", "Maximum"),
                        ],
                    ),
                    graph(
                        "Scores, frames and connections",
                        [
                            self._podium("ScoresAccepted", "Sum", "api"),
                            self._podium("BoardsChanged", "Sum"),
                            self._podium("DiffsPushed", "Sum"),
                            self._podium("PushesFailed", "Sum"),
                            self._podium("ConnectionsGone", "Sum"),
                        ],
                    ),
                ],
                [
                    graph("Errors", [self._lambda("Errors", name) for name in functions]),
                    graph("Duration, ms, p99", [self._lambda("Duration", name, "p99") for name in functions]),
                    graph(
                        "REST: requests and errors",
                        [
                            _metric("AWS/ApiGateway", metric, "Sum", rest)
                            for metric in ("Count", "4XXError", "5XXError")
                        ],
                    ),
                ],
            ],
        )

    def _budget(self) -> None:
        settings = self._settings
        if not settings.monthly_budget or not settings.alarm_email:
            return
        subscriber = budgets.CfnBudget.SubscriberProperty(
            subscription_type="EMAIL", address=settings.alarm_email
        )
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{settings.prefix}month",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=settings.monthly_budget, unit="USD"),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type="ACTUAL",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for percent in (80, 100)
            ],
        )


def _metric(namespace: str, name: str, statistic: str, dimensions: Mapping[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        period=_MINUTE,
        dimensions_map=dict(dimensions),
    )
