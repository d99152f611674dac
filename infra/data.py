"""Tables and bucket: all that a stage keeps."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.lambdas import Storage, limit_emptier_logs, removal
from infra.reasons import excuse
from infra.settings import StageSettings
from store.schema import TABLES, Index, Table

UPLOAD_DAYS = 1
"""Uploads that were not made into portraits are deleted after this long."""


class DataStack(Stack):
    """The tables of `store/schema.py`, on demand and encrypted, and the bucket of the portraits."""

    def __init__(self, scope: Construct, settings: StageSettings, **options: object) -> None:
        super().__init__(scope, f"{settings.prefix}data", **options)
        self._settings = settings
        # Names of buckets are one set for everybody: the account and the Region keep ours apart.
        name = f"{settings.prefix}game-avatars-{self.account}-{self.region}"
        self._add_bucket(name)
        self.storage = Storage({table: self._table(table) for table in TABLES}, name)

    def _table(self, table: Table) -> dynamodb.Table:
        settings = self._settings
        made = dynamodb.Table(
            self,
            table.name,
            table_name=settings.prefix + table.name,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            partition_key=_key(table.partition_key),
            sort_key=_key(table.sort_key) if table.sort_key else None,
            time_to_live_attribute=table.ttl,
            stream=dynamodb.StreamViewType.NEW_IMAGE if table.stream else None,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=settings.retain
            ),
            deletion_protection=settings.retain,
            removal_policy=removal(settings),
            warm_throughput=self._warm(table),
        )
        if table.index:
            self._index(made, table.index, self._warm(table))
        if not settings.retain:
            excuse(made, "AwsSolutions-DDB3", "A stage to try things out in has nothing to restore.")
        return made

    def _warm(self, table: Table) -> dynamodb.WarmThroughput | None:
        warm = self._settings.warm_throughput.get(table.name)
        if warm is None:
            return None
        return dynamodb.WarmThroughput(read_units_per_second=warm.reads, write_units_per_second=warm.writes)

    def _index(self, table: dynamodb.Table, index: Index, warm: dynamodb.WarmThroughput | None) -> None:
        table.add_global_secondary_index(
            index_name=index.name,
            partition_key=_key(index.partition_key),
            sort_key=_key(index.sort_key) if index.sort_key else None,
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
            warm_throughput=warm,
        )

    def _add_bucket(self, name: str) -> None:
        settings = self._settings
        bucket = s3.Bucket(
            self,
            "Avatars",
            bucket_name=name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            cors=[
                s3.CorsRule(
                    allowed_methods=[s3.HttpMethods.PUT, s3.HttpMethods.POST],
                    allowed_origins=list(settings.cors_origins),
                    allowed_headers=["*"],
                ),
                # Readers are led here by the API, and a browser that is led from one origin to another says
                # that it comes from nowhere: `Origin: null` (https://fetch.spec.whatwg.org/#origin-header).
                # What they read is for everybody who has the presigned address.
                s3.CorsRule(allowed_methods=[s3.HttpMethods.GET], allowed_origins=["*"]),
            ],
            lifecycle_rules=[
                s3.LifecycleRule(id="uploads", prefix="uploads/", expiration=Duration.days(UPLOAD_DAYS)),
                s3.LifecycleRule(
                    id="half-done", abort_incomplete_multipart_upload_after=Duration.days(UPLOAD_DAYS)
                ),
            ],
            auto_delete_objects=settings.empty_bucket,
            removal_policy=removal(settings),
        )
        limit_emptier_logs(self, settings)
        excuse(bucket, "AwsSolutions-S1", "Pictures that players chose to show everybody need no access log.")
        CfnOutput(self, "AvatarBucket", value=name, description="Uploads and portraits")


def _key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
