"""`GET /shop`"""

from tests.unit.api.rest_scene import PLAYER, RestScene


def test_shop_has_every_item_of_the_catalogue(rest: RestScene) -> None:
    answer = rest.get("/shop", player=PLAYER)
    assert answer.status == 200
    assert answer.json == {
        "items": [
            {"itemId": "torch", "title": "Torch", "price": 10, "unique": False, "requires": None},
            {"itemId": "compass", "title": "Brass compass", "price": 120, "unique": True, "requires": None},
            {
                "itemId": "camel",
                "title": "A camel of your own",
                "price": 300,
                "unique": True,
                "requires": "oasis",
            },
        ]
    }
    assert rest.log == []


def test_shop_needs_a_player(rest: RestScene) -> None:
    rest.get("/shop").problem(401)
