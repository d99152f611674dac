"""The CDK app: `cdk deploy --all -c stage=dev`, or `make synth` for the templates alone."""

import argparse
import sys
import tempfile
from pathlib import Path

from aws_cdk import App, Environment, Validations
from cdk_nag import AwsSolutionsChecks

from game.catalogue import CatalogueError
from infra.avatars import AvatarsStack, RegistryStack
from infra.code import CodeOf, code_for
from infra.data import DataStack
from infra.edge import EdgeStack
from infra.identity import IdentityStack
from infra.packaging.bundle import BundleError
from infra.pipeline import PipelineStack
from infra.realtime import RealtimeStack
from infra.rest import RestStack
from infra.settings import SettingsError, StageSettings, load_settings
from infra.watching import WatchingStack


def add_stacks(app: App, settings: StageSettings, code: CodeOf, image: str | None) -> None:
    """Put a stage's stacks into the app; the portraits' function only if there is an image for it."""
    env = Environment(account=settings.account, region=settings.region)
    data = DataStack(app, settings, env=env)
    identity = IdentityStack(app, settings, data.storage, code, env=env)
    realtime = RealtimeStack(app, settings, identity, data.storage, code, env=env)
    rest = RestStack(app, settings, identity, realtime, data.storage, code, env=env)
    registry = RegistryStack(app, settings, env=env)
    if image:
        avatars = AvatarsStack(app, settings, registry, data.storage, image, env=env)
        # Its function's outcomes go to one of these, by name.
        avatars.add_stack_dependency(realtime)
    WatchingStack(app, settings, realtime.api.api_id, env=env)
    if settings.waf:
        EdgeStack(
            app,
            settings,
            rest_stage_arn=rest.stage_arn,
            user_pool_arn=identity.pool.user_pool_arn,
            env=env,
        )
    if settings.pipeline:
        PipelineStack(app, settings, settings.pipeline, env=env)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))


def main() -> int:
    """Synthesize the stacks. An error that a person can mend is one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m infra.app", description=__doc__)
    parser.add_argument("--stage", help="a file of infra/stages; by default the context's `stage`, or dev")
    parser.add_argument("--image", help="the portraits' image; by default the context's `image`, or none")
    arguments = parser.parse_args()
    app = App()
    try:
        settings = load_settings(arguments.stage or app.node.try_get_context("stage") or "dev")
        with tempfile.TemporaryDirectory() as folder:
            code = code_for(app, settings.architecture, Path(folder))
            add_stacks(app, settings, code, arguments.image or app.node.try_get_context("image"))
            app.synth()
    except (SettingsError, CatalogueError, BundleError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
