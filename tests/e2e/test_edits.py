"""A designer's edit on the deployed stacks: refused by the deployment, until the board's rows are dropped."""

import asyncio
from collections.abc import Callable

from local.settings import REGION
from tests.e2e.conftest import SignUp, on_deployed
from tests.e2e.deployment import STAGE, Deployment
from tests.e2e.test_grants import invoke
from tests.support.waiting import patience

pytestmark = on_deployed


async def test_deployment_that_would_break_rows_is_refused_by_name(
    deployment: Deployment, sign_up: SignUp
) -> None:
    ada = await sign_up("Ada")
    await ada.submit("sprint", 4_711)
    catalogue = deployment.checkout / "game" / "catalogue.toml"
    before = catalogue.read_text()
    try:
        catalogue.write_text(before.replace('order = "asc"', 'order = "desc"'))
        refuse = f"! make deploy stage={STAGE} 2>&1"
        said = await asyncio.to_thread(deployment.run, "bash", "-c", refuse)
    finally:
        catalogue.write_text(before)
    prefix = deployment.settings.prefix
    assert said.splitlines()[:2] == [
        'board sprint: its rows were written under "asc", and areas.sprint.order is "desc". Set it back, or '
        f"drop the rows: `python -m ops.boards drop {prefix} sprint` says what it would do.",
        "Nothing was deployed.",
    ]
    assert ada.user_id in [entry.user_id for entry in await ada.top("sprint")]


async def test_dropped_board_is_empty_on_every_screen_in_a_new_epoch(
    deployment: Deployment, sign_up: SignUp, new_arena: Callable[[], str]
) -> None:
    ada, arena = await sign_up("Ada"), new_arena()
    command = (".venvs/local/bin/python", "-m", "ops.boards", "drop", "--region", REGION)
    async with ada.live(arena) as screen:
        await ada.submit(arena, 5)
        await screen.follows(arena, await ada.top(arena))
        before = screen.position(arena)
        arguments = (*command, deployment.settings.prefix, arena, "--apply")
        assert await asyncio.to_thread(deployment.run, *arguments) == f"{arena}: 1 rows deleted\n"
        await invoke(deployment, "sweep", {})
        async with patience():
            while screen.position(arena).epoch == before.epoch:
                await screen.receive()
        assert screen.replicas[arena].entries == ()
        assert (await ada.get("/leaderboard/me", gameArea=arena)).status_code == 404
        assert (await ada.submit(arena, 3))["best"] == 3
        await screen.follows(arena, await ada.top(arena))


async def test_operators_commands_find_the_deployed_tables(
    deployment: Deployment, sign_up: SignUp, new_arena: Callable[[], str]
) -> None:
    # What they do when they are interrupted is in test_operators.py.
    ada, arena = await sign_up("Ada"), new_arena()
    await ada.submit(arena, 5)

    async def make(command: str, *words: str) -> str:
        return await asyncio.to_thread(deployment.run, "make", command, f"stage={STAGE}", *words)

    board, apply = f"board={arena}", "args=--apply"
    assert await make("index", board) == f"{arena}: all rows are counted, 1 of them.\n"
    assert await make("rekey", board, apply) == f"{arena}: 0 rows written again, of 1 players\n"
    assert "nothing to convert" in await make("migrate", apply)
    place = (await ada.get("/leaderboard/me", gameArea=arena)).json()
    assert (place["rank"], place["of"]) == (1, 1)
