"""Portraits: the repository of the container's images, and the function that runs one of them.

Two stacks, because a function of an image needs the image to exist: the repository comes with the first
deployment, the function with the first image (docs/deploy.md has the order of commands).
"""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from constructs import Construct

from game.environment import PortraitsEnvironment
from game.functions import AVATAR_OUTCOME, PORTRAITS
from infra.code import ARCHITECTURES
from infra.images import RELEASED
from infra.lambdas import PodiumFunction, Storage, function_name, removal
from infra.reasons import excuse_wildcard
from infra.settings import StageSettings

_IMAGES = 20


class RegistryStack(Stack):
    """The repository to which the pipeline pushes the container's images."""

    def __init__(self, scope: Construct, settings: StageSettings, **options: object) -> None:
        super().__init__(scope, f"{settings.prefix}registry", **options)
        self.repository = ecr.Repository(
            self,
            "Portraits",
            repository_name=f"{settings.prefix}{PORTRAITS.name}",
            encryption=ecr.RepositoryEncryption.AES_256,
            image_scan_on_push=True,
            # A tag is a commit, or says that an image has been released.
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            # An image that a rule selects is not expired by a later one. So however many pushes fail, the
            # image that the function runs stays: it is among the last that were released.
            # https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
            lifecycle_rules=[
                ecr.LifecycleRule(tag_prefix_list=[RELEASED], max_image_count=_IMAGES, rule_priority=1),
                ecr.LifecycleRule(max_image_count=_IMAGES, rule_priority=2),
            ],
            empty_on_delete=not settings.retain,
            removal_policy=removal(settings),
        )
        # Here, and not with the function: this stack is the same whether an image is named or not.
        self.repository.grant_pull(iam.ServicePrincipal("lambda.amazonaws.com"))
        CfnOutput(self, "RepositoryUri", value=self.repository.repository_uri)


class AvatarsStack(Stack):
    """The function of an image, by its tag or digest; its outcomes go to `avatar-outcome`."""

    def __init__(
        self,
        scope: Construct,
        settings: StageSettings,
        registry: RegistryStack,
        storage: Storage,
        image: str,
        **options: object,
    ) -> None:
        super().__init__(scope, f"{settings.prefix}avatars", **options)
        self.add_stack_dependency(registry)
        # By its name: an export would keep the registry from being deployed again without an image.
        images = ecr.Repository.from_repository_name(self, "Images", f"{settings.prefix}{PORTRAITS.name}")
        self.portraits = PodiumFunction(
            self,
            settings,
            PORTRAITS,
            PortraitsEnvironment(table_prefix=settings.prefix, avatar_bucket=storage.bucket_name),
            code=lambda_.DockerImageCode.from_ecr(images, tag_or_digest=image),
            architecture=ARCHITECTURES[settings.architecture],
        )
        self.portraits.grant_storage(storage)
        arn = self.format_arn(
            service="lambda", resource=f"function:{function_name(settings, AVATAR_OUTCOME)}"
        )
        told = destinations.LambdaDestination(lambda_.Function.from_function_arn(self, "Outcome", arn))
        excuse_wildcard(self, f"{arn}:*", "The CDK lets a destination be invoked by any version's name.")
        self.portraits.function.configure_async_invoke(
            retry_attempts=1, max_event_age=Duration.minutes(10), on_success=told, on_failure=told
        )
        CfnOutput(self, "PortraitFunction", value=self.portraits.function.function_name)
