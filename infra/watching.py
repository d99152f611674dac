"""Alarms, the dashboard and the budget: do scores reach screens, how fast, and what does it cost?"""

from collections.abc import Mapping, Sequence

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from game.functions import AUTHORIZER, FUNCTIONS, RANKER, SIGN_UP
from game.metrics import Metric
from infra.lambdas import metrics_namespace
from infra.settings import StageSettings
from infra.topics import topic_by_mail
from store.schema import TABLES

_MINUTE = Duration.minutes(1)
_NEAR = 0.8
"""Of a function's timeout: an alarm before it is reached."""

_NEAR_BOUND = 0.9
"""Of the bound of spectators: an alarm before clients are refused."""

STALE_SECONDS = 30
"""A score that takes longer than this to reach every screen raises an alarm."""

_JANITOR_MISSED = 15
"""The janitor comes every five minutes; this number of minutes in a row without it raises an alarm."""
_SWEEPS_MISSED = 5
"""A sweep comes every minute; as many in a row that do not come, or leave boards out, raise an alarm."""


class WatchingStack(Stack):
    """The alarms and dashboards of a stage. `live_api_id` is the WebSocket API's."""

    def __init__(
        self,
        scope: Construct,
        settings: StageSettings,
        live_api_id: str,
        **options: object,
    ) -> None:
        super().__init__(scope, f"{settings.prefix}watching", **options)
        self._settings = settings
        self._live_api_id = live_api_id
        self._topic = self._alarm_topic()
        self._alarms: list[cloudwatch.IAlarm] = []
        # The portraits' function is watched before there is an image: a deployment may leave it out once.
        for function in FUNCTIONS:
            self._watch_function(function.name, function.seconds)
        self._watch_background()
        self._watch_live()
        self._watch_guests()
        self._watch_apis()
        self._watch_tables()
        self._tell_of_recovery()
        self._dashboard([function.name for function in FUNCTIONS])
        self._budget()
        CfnOutput(self, "AlarmTopic", value=self._topic.topic_arn)

    def _alarm_topic(self) -> sns.Topic:
        topic = topic_by_mail(self, self._settings, "Alarms")
        ours = {"StringEquals": {"aws:SourceAccount": self.account}}
        for service in ("cloudwatch", "budgets", "events"):
            topic.grant_publish(iam.ServicePrincipal(f"{service}.amazonaws.com", conditions=ours))
        return topic

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        says: str,
        *,
        periods: int = 1,
        heartbeat: bool = False,
    ) -> None:
        """Tell when a metric reaches a threshold; or, of a `heartbeat`, when it is under it or ceases.

        A new alarm has no data. That of a heartbeat stays in that state until the first beat, and tells when
        it comes back to it; to every other, no data is good news. So a first deployment mails nothing.
        """
        operator, missing = cloudwatch.ComparisonOperator, cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._settings.prefix}{name}",
            alarm_description=says,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=operator.LESS_THAN_THRESHOLD
            if heartbeat
            else operator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # No data: there are no players, and nothing is wrong.
            treat_missing_data=missing.MISSING if heartbeat else missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        if heartbeat:
            alarm.add_insufficient_data_action(actions.SnsAction(self._topic))
        self._alarms.append(alarm)

    def _tell_of_recovery(self) -> None:
        """Tell of alarms that are over, but not of new ones that were never on.

        An alarm's own action for OK knows no difference: it would mail once for each alarm of a new stage.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
        """
        name = "alarm"
        rule = events.CfnRule(
            self,
            "Recovered",
            event_pattern={
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "detail": {
                    "alarmName": [{"prefix": self._settings.prefix}],
                    "state": {"value": ["OK"]},
                    "previousState": {"value": ["ALARM"]},
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="mail",
                    arn=self._topic.topic_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={name: "$.detail.alarmName"},
                        input_template=f'"OK: <{name}> is over."',
                    ),
                )
            ],
        )
        # The topic has to let it in first.
        rule.node.add_dependency(self._topic)

    def _lambda(self, metric: str, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return _metric("AWS/Lambda", metric, statistic, {"FunctionName": f"{self._settings.prefix}{name}"})

    def _podium(self, metric: Metric, statistic: str) -> cloudwatch.Metric:
        return _metric(metrics_namespace(self._settings), metric, statistic, {"service": metric.service})

    def _watch_function(self, name: str, seconds: int) -> None:
        # The authorizer refuses a token by failing, as API Gateway wants it; what else may be wrong with it
        # comes with the errors of the WebSocket API. So does the sign-up, which counts the guests it refuses.
        if name not in (AUTHORIZER.name, SIGN_UP.name):
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

    def _watch_background(self) -> None:
        for function in FUNCTIONS:
            name = function.name
            if function.dropped:
                dropped = self._lambda("AsyncEventsDropped", name)
                self._alarm(f"{name}-dropped", dropped, 1, f"{name} was not run: {function.dropped}.")
            if function.undelivered:
                lost = self._lambda("DestinationDeliveryFailures", name)
                says = f"The outcome of {name} is lost: {function.undelivered}."
                self._alarm(f"{name}-undelivered", lost, 1, says)
        self._alarm(
            "sweep-missing",
            self._lambda("Invocations", "sweep"),
            1,
            "No sweep ran: what was left to push stays where it is.",
            periods=_SWEEPS_MISSED,
            heartbeat=True,
        )

        self._alarm(
            "janitor-missing",
            self._lambda("Invocations", "janitor").with_(period=Duration.minutes(_JANITOR_MISSED)),
            1,
            "The janitor did not run: new names, merges, deletions that were interrupted stay as they are.",
            heartbeat=True,
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
            "ranks-iterator-age",
            self._lambda("IteratorAge", RANKER.name, "Maximum"),
            300_000,
            "The ranker is five minutes behind the stream of scores: so old are the ranks.",
            periods=3,
        )
        self._alarm(
            "ranks-repaired",
            self._podium(Metric.RANKS_REPAIRED, "Sum"),
            1,
            "Ranks were wrong, and were repaired: records of scores were lost. docs/ranks.md has the causes.",
        )
        self._alarm(
            "score-to-screen",
            self._podium(Metric.SCORE_TO_PUSHED, "p99"),
            STALE_SECONDS * 1000,
            f"Scores take {STALE_SECONDS} seconds and more to reach every screen.",
            periods=3,
        )
        self._alarm(
            "sweep-behind",
            self._podium(Metric.BOARDS_LEFT, "Maximum"),
            1,
            "A sweep has no time for all active boards: what was left to push waits for the next one.",
            periods=_SWEEPS_MISSED,
        )
        self._alarm(
            "pushes-failed",
            self._podium(Metric.PUSHES_FAILED, "Sum").with_(period=Duration.minutes(5)),
            10,
            "Connections take no frames and were closed; their clients come back by themselves.",
        )
        if self._settings.live.spectators:
            self._alarm(
                "spectators",
                self._podium(Metric.SPECTATORS, "Maximum"),
                _NEAR_BOUND * self._settings.live.spectators,
                "There are nearly as many spectators as are let in: the next ones see no live board.",
                periods=3,
            )
        self._alarm(
            "dead-letters",
            self._dead_letters(),
            1,
            "A batch was given up: docs/deploy.md has the redrive.",
        )

    def _watch_guests(self) -> None:
        self._alarm(
            "guests-refused",
            self._podium(Metric.GUESTS_REFUSED, "Sum"),
            1,
            "New guests are refused: more come in a minute than identity.guests_per_minute, or they cannot "
            "be counted, of which the log of sign-up tells.",
        )

    def _dead_letters(self) -> cloudwatch.Metric:
        queue = {"QueueName": f"{self._settings.prefix}dead-letters"}
        return _metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", queue)

    def _watch_apis(self) -> None:
        prefix, stage = self._settings.prefix, self._settings.stage
        self._alarm(
            "rest-5xx",
            _metric("AWS/ApiGateway", "5XXError", "Sum", {"ApiName": f"{prefix}rest", "Stage": stage}),
            5,
            "The REST API answers with errors of its own.",
        )
        for kind, says in {
            "Integration": "The routes of the WebSocket API answer with errors.",
            "Execution": "The WebSocket API cannot call its routes or its authorizer.",
        }.items():
            self._alarm(f"live-{kind.lower()}-errors", self._live(f"{kind}Error"), 5, says)

    def _live(self, metric: str) -> cloudwatch.Metric:
        dimensions = {"ApiId": self._live_api_id, "Stage": self._settings.stage}
        return _metric("AWS/ApiGateway", metric, "Sum", dimensions)

    def _watch_tables(self) -> None:
        # An alarm on a sum of metrics costs as much as one on each, and does not say which table it is.
        for table in TABLES:
            name = {"TableName": f"{self._settings.prefix}{table.name}"}
            parts = {table.name: name}
            if table.index:
                # A table's metrics leave out its indexes.
                parts[f"{table.name}-{table.index.name}"] = {
                    **name,
                    "GlobalSecondaryIndexName": table.index.name,
                }
            for part, dimensions in parts.items():
                for kind in ("Read", "Write"):
                    self._alarm(
                        f"{part}-{kind.lower()}s-throttled",
                        _metric("AWS/DynamoDB", f"{kind}ThrottleEvents", "Sum", dimensions),
                        1,
                        f"DynamoDB refuses {kind.lower()}s of {part}.",
                    )

    def _dashboard(self, functions: Sequence[str]) -> None:
        def graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
            return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8, height=6)

        prefix, stage = self._settings.prefix, self._settings.stage
        rest = {"ApiName": f"{prefix}rest", "Stage": stage}
        live = ("ConnectCount", "MessageCount", "ClientError")
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"{prefix}podium",
            widgets=[
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=self._alarms, width=24, height=4)],
                [
                    graph(
                        "From score to every screen, ms",
                        [self._podium(Metric.SCORE_TO_PUSHED, statistic) for statistic in ("p50", "p99")],
                    ),
                    graph(
                        "Behind the stream, ms",
                        [
                            self._lambda("IteratorAge", "broadcaster", "Maximum"),
                            self._podium(Metric.OLDEST_RECORD_AGE, "Maximum"),
                            self._podium(Metric.FANOUT_TIME, "Maximum"),
                        ],
                    ),
                    graph(
                        "Scores, frames and connections",
                        [
                            self._podium(Metric.SCORES_ACCEPTED, "Sum"),
                            self._podium(Metric.BOARDS_CHANGED, "Sum"),
                            self._podium(Metric.DIFFS_PUSHED, "Sum"),
                            self._podium(Metric.PUSHES_FAILED, "Sum"),
                            self._podium(Metric.CONNECTIONS_GONE, "Sum"),
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
                [
                    graph("Throttled", [self._lambda("Throttles", name) for name in functions]),
                    graph("WebSocket: connections, messages, refusals", [self._live(one) for one in live]),
                    graph(
                        "Dead letters, and boards for the sweep",
                        [
                            self._dead_letters(),
                            self._podium(Metric.BOARDS_ACTIVE, "Maximum"),
                            self._podium(Metric.BOARDS_LEFT, "Maximum"),
                        ],
                    ),
                ],
                [
                    graph(
                        "Ranks behind the stream, ms", [self._lambda("IteratorAge", RANKER.name, "Maximum")]
                    ),
                    graph("Counts repaired", [self._podium(Metric.RANKS_REPAIRED, "Sum")]),
                    graph("Spectators", [self._podium(Metric.SPECTATORS, "Maximum")]),
                ],
            ],
        )

    def _budget(self) -> None:
        settings = self._settings
        if not settings.monthly_budget or not settings.alarm_email:
            return
        subscriber = budgets.CfnBudget.SubscriberProperty(
            subscription_type="SNS", address=self._topic.topic_arn
        )
        made = budgets.CfnBudget(
            self,
            "Budget",
            # No name: with one, it could not be replaced, which most changes of a budget do.
            budget=budgets.CfnBudget.BudgetDataProperty(
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
        # The topic has to let it in first.
        made.node.add_dependency(self._topic)


def _metric(namespace: str, name: str, statistic: str, dimensions: Mapping[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        period=_MINUTE,
        dimensions_map=dict(dimensions),
    )
