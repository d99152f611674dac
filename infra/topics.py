"""The topics by which a stage mails a person."""

from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.settings import StageSettings


def topic_by_mail(scope: Construct, settings: StageSettings, name: str) -> sns.Topic:
    """Return a topic that is mailed to `alarm_email`, where that is set."""
    topic = sns.Topic(scope, name, topic_name=f"{settings.prefix}{name.lower()}", enforce_ssl=True)
    if settings.alarm_email:
        topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
    return topic
