"""The economy's part of the designer's file: what it says, and how a mistake in it is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.catalogue import Catalogue, CatalogueError, load_catalogue
from game.economy import AMOUNT_LIMIT, EarningLimit, Levels, Requirements, ShopItem, Task, Unlock

AREAS = """
[areas.forest]
title = "F"
order = "desc"
min = 0
max = 10
top = 5

[boards.global]
title = "All"
areas = ["forest"]
top = 10
"""

ECONOMY = """
[levels]
xp = [0, 100, 250]
xpPerSave = 50
backwards = false

[unlocks.gate]
title = "Gate"

[unlocks.tower]
title = "Tower"
level = 3
price = 40
requires = ["gate"]

[tasks.visit]
title = "Visit"
money = 5
xp = 7
repeat = "daily"

[shop.torch]
title = "Torch"
price = 10
unique = false

[shop.crown]
title = "Crown"
price = 0
unique = true
requires = "tower"

[money.pickup]
perRequest = 10
perDay = 100
"""


def load(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(AREAS + text, encoding="utf-8")
    return load_catalogue(path)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(CatalogueError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "catalogue.toml"))
    return message


def test_economy_is_read_as_written(tmp_path: Path) -> None:
    catalogue = load(tmp_path, ECONOMY)
    assert catalogue.levels == Levels(xp=(0, 100, 250), xp_per_save=50, backwards=False)
    assert catalogue.unlocks == {
        "gate": Unlock(title="Gate", level=1, price=0, requires=()),
        "tower": Unlock(title="Tower", level=3, price=40, requires=("gate",)),
    }
    assert catalogue.tasks == {"visit": Task(title="Visit", money=5, xp=7, repeat="daily")}
    assert catalogue.shop == {
        "torch": ShopItem(title="Torch", price=10, unique=False, requires=None),
        "crown": ShopItem(title="Crown", price=0, unique=True, requires="tower"),
    }
    assert catalogue.money == {"pickup": EarningLimit(per_request=10, per_day=100)}


def test_task_may_require_scores_and_belongings(tmp_path: Path) -> None:
    requires = "requires = {area = 'forest', points = 10, level = 3, unlock = 'gate', item = 'torch'}"
    task = load(tmp_path, ECONOMY.replace("xp = 7", requires)).tasks["visit"]
    assert task.requires == Requirements(area="forest", points=10, level=3, unlock="gate", item="torch")
    summed = load(tmp_path, ECONOMY.replace("xp = 7", "requires = {area = 'global', points = 99}"))
    assert summed.tasks["visit"].requires == Requirements(area="global", points=99)


def test_every_part_may_be_left_out(tmp_path: Path) -> None:
    catalogue = load(tmp_path, "")
    assert [catalogue.unlocks, catalogue.tasks, catalogue.shop, catalogue.money] == [{}] * 4
    assert catalogue.levels.level(AMOUNT_LIMIT) == 1


def test_catalogue_that_comes_with_podium_has_an_economy() -> None:
    catalogue = load_catalogue()
    assert "pickup" in catalogue.money
    assert {task.repeat for task in catalogue.tasks.values()} == {"once", "daily"}
    assert {item.unique for item in catalogue.shop.values()} == {False, True}
    assert any(unlock.requires for unlock in catalogue.unlocks.values())


@pytest.mark.parametrize(
    ("wrong", "right", "problem"),
    [
        ('["gate"]', '["gaet"]', "unlocks.tower.requires: there is no unlock 'gaet'"),
        ('["gate"]', '["gate", "moat"]', "unlocks.tower.requires: there is no unlock 'moat'"),
        ('["gate"]', '["torch"]', "unlocks.tower.requires: there is no unlock 'torch'"),
        (
            '["gate"]',
            '["tower"]',
            "unlocks.tower.requires: requires itself, directly or through another unlock",
        ),
        ('requires = "tower"', 'requires = "towre"', "shop.crown.requires: there is no unlock 'towre'"),
        ('requires = "tower"', 'requires = "torch"', "shop.crown.requires: there is no unlock 'torch'"),
        ("level = 3", "level = 4", "unlocks.tower.level: there are only 3 levels"),
        ("perDay = 100", "perDay = 9", "money.pickup.perRequest: must be at most perDay (9), not 10"),
        (
            "xp = 7",
            "requires = {area = 'forst'}",
            "tasks.visit.requires.area: there is no area or board 'forst'",
        ),
        ("xp = 7", "requires = {area = 'all'}", "tasks.visit.requires.area: there is no area or board 'all'"),
        ("xp = 7", "requires = {level = 4}", "tasks.visit.requires.level: there are only 3 levels"),
        (
            "xp = 7",
            "requires = {unlock = 'torch'}",
            "tasks.visit.requires.unlock: there is no unlock 'torch'",
        ),
        ("xp = 7", "requires = {item = 'gate'}", "tasks.visit.requires.item: the shop has no 'gate'"),
        (
            "xp = 7",
            "requires = {area = 'forest', points = 11}",
            "tasks.visit.requires.points: forest takes 0 to 10",
        ),
    ],
)
def test_broken_reference_is_named_by_table_and_key(
    tmp_path: Path, wrong: str, right: str, problem: str
) -> None:
    assert wrong in ECONOMY
    assert problem in refused(tmp_path, ECONOMY.replace(wrong, right, 1))


def test_circle_of_unlocks_is_named_by_each_of_them(tmp_path: Path) -> None:
    circle = ECONOMY.replace('title = "Gate"', 'title = "Gate"\nrequires = ["tower"]')
    message = refused(tmp_path, circle)
    for name in ("gate", "tower"):
        assert f"unlocks.{name}.requires: requires itself, directly or through another unlock" in message


def test_unlock_that_only_leads_to_a_circle_is_no_part_of_it(tmp_path: Path) -> None:
    circle = ECONOMY.replace('title = "Gate"', 'title = "Gate"\nrequires = ["tower"]')
    message = refused(tmp_path, circle + '[unlocks.attic]\ntitle = "Attic"\nrequires = ["tower"]\n')
    assert "unlocks.attic" not in message


def test_every_broken_reference_is_named_at_once(tmp_path: Path) -> None:
    message = refused(tmp_path, ECONOMY.replace('"gate"', '"gaet"').replace("perDay = 100", "perDay = 9"))
    assert "unlocks.tower.requires" in message
    assert "money.pickup.perRequest" in message


@pytest.mark.parametrize(
    ("wrong", "right", "named"),
    [
        ("[0, 100, 250]", "[]", "levels.xp"),
        ("[0, 100, 250]", "[1, 100]", "levels.xp"),
        ("[0, 100, 250]", "[0, 100, 100]", "levels.xp"),
        ("[0, 100, 250]", "[0, 250, 100]", "levels.xp"),
        ("[0, 100, 250]", "[0, 1.5]", "levels.xp.1"),
        ("[0, 100, 250]", f"[0, {AMOUNT_LIMIT + 1}]", "levels.xp.1"),
        ("xpPerSave = 50", "xpPerSave = 0", "levels.xpPerSave"),
        ("xpPerSave = 50\n", "", "levels.xpPerSave"),
        ("backwards = false", 'backwards = "sometimes"', "levels.backwards"),
        ("level = 3", "level = 0", "unlocks.tower.level"),
        ("level = 3", "level = 2.0", "unlocks.tower.level"),
        ("price = 40", "price = -1", "unlocks.tower.price"),
        ("price = 40", f"price = {AMOUNT_LIMIT + 1}", "unlocks.tower.price"),
        ('["gate"]', '"gate"', "unlocks.tower.requires"),
        ('["gate"]', '["Gate"]', "unlocks.tower.requires.0"),
        ("[unlocks.gate]", "[unlocks.Gate]", "unlocks.Gate"),
        ("money = 5", "money = -5", "tasks.visit.money"),
        ("money = 5", "money = true", "tasks.visit.money"),
        ("xp = 7", 'xp = "7"', "tasks.visit.xp"),
        ('"daily"', '"weekly"', "tasks.visit.repeat"),
        ("xp = 7", "requires = {}", "tasks.visit.requires"),
        ("xp = 7", "requires = {points = 5}", "tasks.visit.requires"),
        ("xp = 7", "requires = {score = false}", "tasks.visit.requires.score"),
        ("xp = 7", "requires = {score = 5}", "tasks.visit.requires.score"),
        ("xp = 7", "requires = {area = 'forest', poins = 5}", "tasks.visit.requires.poins"),
        ("xp = 7", "requires = {area = 'forest', points = 5.5}", "tasks.visit.requires.points"),
        ("xp = 7", "requires = {level = 0}", "tasks.visit.requires.level"),
        ("xp = 7", "requires = 'forest'", "tasks.visit.requires"),
        ('title = "Visit"\n', "", "tasks.visit.title"),
        ("price = 10", "price = -10", "shop.torch.price"),
        ("price = 10\n", "", "shop.torch.price"),
        ("unique = false\n", "", "shop.torch.unique"),
        ("unique = false", "unique = false\nstock = 5", "shop.torch.stock"),
        ("perRequest = 10", "perRequest = 0", "money.pickup.perRequest"),
        ("perDay = 100\n", "", "money.pickup.perDay"),
        ("[money.pickup]", '[money."pick up"]', "money.pick up"),
    ],
)
def test_mistake_is_named_by_its_key(tmp_path: Path, wrong: str, right: str, named: str) -> None:
    assert wrong in ECONOMY
    assert f" {named}: " in refused(tmp_path, ECONOMY.replace(wrong, right, 1))


@pytest.mark.parametrize(
    ("xp", "level"),
    [(0, 1), (1, 1), (99, 1), (100, 2), (101, 2), (249, 2), (250, 3), (AMOUNT_LIMIT, 3)],
)
def test_level_begins_with_its_xp(xp: int, level: int) -> None:
    assert Levels(xp=(0, 100, 250), xp_per_save=1, backwards=False).level(xp) == level


@given(st.sets(st.integers(1, 1000), max_size=20), st.integers(0, 1100), st.integers(0, 1100))
def test_level_never_falls_while_xp_grows(thresholds: set[int], xp: int, more: int) -> None:
    levels = Levels(xp=(0, *sorted(thresholds)), xp_per_save=1, backwards=False)
    assert 1 <= levels.level(xp) <= levels.level(xp + more) <= len(levels.xp)
    for number, threshold in enumerate(levels.xp, start=1):
        assert levels.level(threshold) == number
