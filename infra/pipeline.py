"""From a push to GitHub to a running stage: CodePipeline, with two CodeBuild projects.

source   GitHub, through a CodeConnections connection
image    buildspec.yml: build the portraits' container, push it, update the function, smoke-invoke it,
         and roll back when that fails
approve  a person, where the stage wants one
deploy   buildspec-deploy.yml: the tests, then `cdk deploy` of every stack with that image
"""

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from game.functions import PORTRAITS
from infra.lambdas import function_name, limit_emptier_logs, log_group
from infra.reasons import excuse, excuse_wildcard
from infra.settings import Pipeline, StageSettings
from infra.topics import topic_by_mail
from store.schema import LEADERBOARDS, SCORES, USER_PROGRESS

_PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
"""Lambda's architectures by Docker's names."""

# Both have Python 3.13 and Node 22, which buildspec-deploy.yml asks for.
# https://docs.aws.amazon.com/codebuild/latest/userguide/available-runtimes.html
_MACHINES = {
    "arm64": codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_4_0,
    "x86_64": codebuild.LinuxBuildImage.AMAZON_LINUX_2023_6,
}


class PipelineStack(Stack):
    """The pipeline of a stage that has one."""

    def __init__(
        self, scope: Construct, settings: StageSettings, pipeline: Pipeline, **options: object
    ) -> None:
        super().__init__(scope, f"{settings.prefix}pipeline", **options)
        self._settings = settings
        self._base_image = pipeline.base_image
        self.image = self._image_project()
        self.deploy = self._deploy_project()
        source = codepipeline.Artifact("source")
        owner, _, repository = pipeline.repository.partition("/")
        stages = [
            codepipeline.StageProps(
                stage_name="Source",
                actions=[
                    actions.CodeStarConnectionsSourceAction(
                        action_name="GitHub",
                        owner=owner,
                        repo=repository,
                        branch=pipeline.branch,
                        connection_arn=pipeline.connection_arn,
                        output=source,
                    )
                ],
            ),
            codepipeline.StageProps(
                stage_name="Image",
                actions=[
                    actions.CodeBuildAction(
                        action_name="Portraits",
                        project=self.image,
                        input=source,
                        variables_namespace="image",
                    )
                ],
            ),
        ]
        if pipeline.approval:
            approve = actions.ManualApprovalAction(
                action_name="Person",
                # Who is asked to agree; an execution waits for seven days.
                notification_topic=topic_by_mail(self, settings, "Approvals"),
                additional_information=f"Deploy {pipeline.repository} to {settings.stage}?",
            )
            stages.append(codepipeline.StageProps(stage_name="Approve", actions=[approve]))
        deploy = actions.CodeBuildAction(
            action_name="Stacks",
            project=self.deploy,
            input=source,
            environment_variables={
                "PODIUM_IMAGE": codebuild.BuildEnvironmentVariable(value="#{image.IMAGE_DIGEST}")
            },
        )
        stages.append(codepipeline.StageProps(stage_name="Deploy", actions=[deploy]))
        artifacts = self._artifacts()
        made = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_name=f"{settings.prefix}pipeline",
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=codepipeline.ExecutionMode.QUEUED,
            artifact_bucket=artifacts,
            stages=stages,
        )
        _allow_connection(made, pipeline.connection_arn)
        _wait_for_policies(made)
        for one in (made, self.image, self.deploy):
            _excuse_generated(one, artifacts)
        CfnOutput(self, "PipelineName", value=made.pipeline_name)

    def _artifacts(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Artifacts",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(30))],
            auto_delete_objects=self._settings.empty_bucket,
            removal_policy=RemovalPolicy.DESTROY,
        )
        limit_emptier_logs(self, self._settings)
        excuse(bucket, "AwsSolutions-S1", "Sources on their way to a build, for a month: no access log.")
        return bucket

    def _project(
        self, name: str, buildspec: str, environment: codebuild.BuildEnvironment
    ) -> codebuild.PipelineProject:
        settings = self._settings
        scope = Construct(self, name)
        project = codebuild.PipelineProject(
            scope,
            "Project",
            project_name=f"{settings.prefix}{name}",
            build_spec=codebuild.BuildSpec.from_source_filename(buildspec),
            environment=environment,
            environment_variables={
                key: codebuild.BuildEnvironmentVariable(value=value)
                for key, value in {
                    "PODIUM_STAGE": settings.stage,
                    "PODIUM_REPOSITORY": f"{settings.prefix}{PORTRAITS.name}",
                    "PODIUM_FUNCTION": function_name(settings, PORTRAITS),
                    "PODIUM_PLATFORM": _PLATFORMS[settings.architecture],
                    "PODIUM_BASE": self._base_image,
                    "AWS_ACCOUNT_ID": self.account,
                }.items()
            },
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(
                    log_group=log_group(scope, settings, f"/aws/codebuild/{settings.prefix}{name}")
                )
            ),
            timeout=Duration.minutes(60),
        )
        _excuse_own_logs(project)
        excuse(project, "AwsSolutions-CB4", "Artifacts are encrypted by the bucket, with S3's own key.")
        return project

    def _image_project(self) -> codebuild.PipelineProject:
        settings = self._settings
        # On the processor that the image is for, and not on one that emulates it.
        machine = codebuild.BuildEnvironment(
            build_image=_MACHINES[settings.architecture],
            compute_type=codebuild.ComputeType.SMALL,
            privileged=True,
        )
        project = self._project("image", "buildspec.yml", machine)
        excuse(
            project, "AwsSolutions-CB3", "Building a container image takes the Docker daemon's privileges."
        )
        repository = self.format_arn(
            service="ecr", resource="repository", resource_name=f"{settings.prefix}{PORTRAITS.name}"
        )
        function = self.format_arn(
            service="lambda", resource=f"function:{function_name(settings, PORTRAITS)}"
        )
        for actions_, resource in (
            (("ecr:GetAuthorizationToken",), "*"),
            (
                (
                    *("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
                    *("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"),
                    *("ecr:PutImage", "ecr:DescribeImages"),
                ),
                repository,
            ),
            (("lambda:GetFunction", "lambda:UpdateFunctionCode", "lambda:InvokeFunction"), function),
        ):
            project.add_to_role_policy(iam.PolicyStatement(actions=list(actions_), resources=[resource]))
        excuse(
            project,
            "AwsSolutions-IAM5",
            "The login to ECR is for the whole account: the action knows no other resource than *.",
            "Resource::*",
        )
        return project

    def _deploy_project(self) -> codebuild.PipelineProject:
        # On CodeBuild's Ubuntu the tests would fail to install a Chromium, which apt does not have there. The
        # tests that need one are switched off by name in buildspec-deploy.yml.
        machine = codebuild.BuildEnvironment(
            build_image=_MACHINES["x86_64"], compute_type=codebuild.ComputeType.MEDIUM
        )
        project = self._project("deploy", "buildspec-deploy.yml", machine)
        # The CDK's own roles, which its bootstrap made, are who may change things.
        roles = f"arn:{Aws.PARTITION}:iam::{self.account}:role/cdk-{self.synthesizer.bootstrap_qualifier}-*"
        project.add_to_role_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[roles]))
        # Before it deploys, it asks whether the catalogue is true to the rows (`ops.boards`). It scans for
        # one row only, where it is not written down what there may be.
        asked = ((LEADERBOARDS, "GetItem"), (SCORES, "Query"), (SCORES, "Scan"), (USER_PROGRESS, "Scan"))
        for table, action in asked:
            arn = self.format_arn(
                service="dynamodb", resource="table", resource_name=f"{self._settings.prefix}{table.name}"
            )
            project.add_to_role_policy(iam.PolicyStatement(actions=[f"dynamodb:{action}"], resources=[arn]))
        excuse_wildcard(
            project, roles, "The CDK's bootstrap made these roles: to look up, to publish assets, to deploy."
        )
        return project


def _allow_connection(pipeline: codepipeline.Pipeline, arn: str) -> None:
    """Let the source's role use a connection of the service's present name: the CDK knows its former one.

    https://docs.aws.amazon.com/dtconsole/latest/userguide/security-iam.html
    """
    role = (
        pipeline.node.find_child("Source").node.find_child("GitHub").node.find_child("CodePipelineActionRole")
    )
    assert isinstance(role, iam.Role)  # noqa: S101 -- for the type checker
    role.add_to_principal_policy(
        iam.PolicyStatement(actions=["codeconnections:UseConnection"], resources=[arn])
    )


def _wait_for_policies(pipeline: codepipeline.Pipeline) -> None:
    """Have the pipeline made after its actions' rights: it starts as soon as it is there.

    The CDK lets it wait for its own role's policy only.
    """
    made = pipeline.node.default_child
    assert isinstance(made, codepipeline.CfnPipeline)  # noqa: S101 -- for the type checker
    for child in pipeline.node.find_all():
        if isinstance(child, iam.CfnPolicy):
            made.add_resource_dependency(child)


def _excuse_generated(construct: Construct, bucket: s3.Bucket) -> None:
    """Excuse the policies that the CDK writes for a pipeline: actions on the artifacts' bucket, by prefix."""
    reason = "Written by the CDK, for one bucket that holds nothing but this pipeline's artifacts."
    for action in ("Abort*", "DeleteObject*", "GetBucket*", "GetObject*", "List*"):
        excuse(construct, "AwsSolutions-IAM5", reason, f"Action::s3:{action}")
    excuse_wildcard(construct, f"{bucket.bucket_arn}/*", reason)


def _excuse_own_logs(project: codebuild.PipelineProject) -> None:
    stack = Stack.of(project)
    for service, resource, rest in (
        ("codebuild", "report-group/", "-*"),
        ("logs", "log-group:/aws/codebuild/", ":*"),
    ):
        arn = stack.format_arn(service=service, resource=f"{resource}{project.project_name}{rest}")
        excuse_wildcard(project, arn, "Written by the CDK: the project's own reports and logs.")
