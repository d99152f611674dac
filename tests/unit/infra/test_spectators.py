"""Connections without a token: what a stage's setting makes of functions, alarms and authorizer."""

import pytest

from game.functions import AUTHORIZER, BROADCASTER, PUSHER, ROUTES, SWEEP
from game.live import SPECTATORS, SPECTATORS_PER_ADDRESS
from infra.settings import Live, load_settings
from tests.unit.infra.stage import properties, synthesize


@pytest.mark.parametrize("most", [0, 70])
def test_bound_of_a_stage_reaches_those_who_keep_it(most: int) -> None:
    origins = ("https://a.example", "https://b")
    live = Live(spectators=most, spectators_per_address=3)
    made = synthesize(load_settings("dev").model_copy(update={"live": live, "cors_origins": origins}), None)
    resources = [one for template in made.values() for one in template["Resources"].values()]
    functions = [one["Properties"] for one in resources if one["Type"] == "AWS::Lambda::Function"]
    told = {
        function["FunctionName"].removeprefix("podium-dev-"): function["Environment"]["Variables"]
        for function in functions
        if "FunctionName" in function
    }
    assert told[AUTHORIZER.name]["PODIUM_SPECTATOR_ORIGINS"] == (
        "https://a.example https://b" if most else ""
    )
    assert told[ROUTES.name]["PODIUM_SPECTATORS"] == str(most)
    assert told[ROUTES.name]["PODIUM_SPECTATORS_PER_ADDRESS"] == "3"
    for function in (SWEEP, BROADCASTER, PUSHER):
        assert told[function.name]["PODIUM_SPECTATORS"] == str(most > 0)
    alarms = {
        one["Properties"]["AlarmName"]: one["Properties"]["Threshold"]
        for one in resources
        if one["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert alarms.get("podium-dev-spectators") == (63 if most else None)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_stages_let_spectators_in_unless_they_say_otherwise(stage: str) -> None:
    live = load_settings(stage).live
    assert (live.spectators, live.spectators_per_address) == (SPECTATORS, SPECTATORS_PER_ADDRESS)
    assert SPECTATORS_PER_ADDRESS < SPECTATORS, "one address cannot take all the room"


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_handshake_needs_nothing_that_a_spectator_lacks(stage: str) -> None:
    """Without an identity source API Gateway answers 401 by itself, and the authorizer is not asked."""
    (authorizer,) = properties(stage, "AWS::ApiGatewayV2::Authorizer")
    assert authorizer["IdentitySource"] == ["route.request.header.Host"]
    # API Gateway caches for HTTP APIs alone. By this source a spectator's policy would do for every player.
    assert "AuthorizerResultTtlInSeconds" not in authorizer
