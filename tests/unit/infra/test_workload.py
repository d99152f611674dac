"""The cost model's inputs are those of the stacks that players rely on."""

from cost.workload import Workload
from game.functions import AUTHORIZER, AVATAR_OUTCOME, BROADCASTER, SWEEP
from infra.settings import load_settings
from tests.unit.infra.stage import properties, resources

WORKLOAD = Workload()


def test_counts_of_alarms_and_dashboards_match_the_cost_model() -> None:
    assert WORKLOAD.alarms == len(resources("prod", "AWS::CloudWatch::Alarm"))
    assert WORKLOAD.dashboards == len(resources("prod", "AWS::CloudWatch::Dashboard"))


def test_limits_of_the_stage_are_its_own() -> None:
    settings = load_settings("prod")
    assert (WORKLOAD.requests_quota, WORKLOAD.stage_rate) == (settings.requests, settings.throttle.rate)
    assert WORKLOAD.address_requests == settings.waf_rate_limit
    assert WORKLOAD.address_sign_ups == settings.sign_up_limit
    assert WORKLOAD.guests_per_minute == settings.identity.guests_per_minute


def test_players_are_priced_by_the_plan_of_the_user_pool() -> None:
    (pool,) = properties("prod", "AWS::Cognito::UserPool")
    # What AWS makes a pool that does not say.
    assert WORKLOAD.cognito_plan.upper() == pool.get("UserPoolTier", "ESSENTIALS")


def test_functions_that_are_priced_together_have_the_same_memory() -> None:
    assert max(AUTHORIZER.memory, AVATAR_OUTCOME.memory) <= WORKLOAD.route_megabytes
    assert BROADCASTER.memory == SWEEP.memory == WORKLOAD.push_megabytes
