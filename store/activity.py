"""The marks of active boards, in the rows of `Leaderboards` and in its index: see `game.activity`."""

from game.activity import active_hours, hour_of
from store.database import Database, query_pages, to_item
from store.errors import RequestError, lost_race
from store.schema import BY_ACTIVITY, LEADERBOARDS


async def mark(db: Database, board: str, now: int) -> None:
    """Make a board active; one that has no row stays without. `now` in milliseconds since the epoch."""
    try:
        await db.client.update_item(
            TableName=db.name(LEADERBOARDS),
            Key=to_item({"gameArea": board}),
            UpdateExpression="SET activeHour = :hour",
            ConditionExpression="attribute_exists(gameArea)",
            ExpressionAttributeValues=to_item({":hour": hour_of(board, now)}),
        )
    except RequestError as error:
        if not lost_race(error):
            raise


async def active_boards(db: Database, now: int) -> list[str]:
    """Return the ids of the active boards in their order, as the index shows them: eventually consistent.

    A request for each of `active_hours`, and one more for each further megabyte of ids. `now` in milliseconds
    since the epoch.
    """
    found: set[str] = set()
    for hour in active_hours(now):
        pages = query_pages(
            db,
            {
                "TableName": db.name(LEADERBOARDS),
                "IndexName": BY_ACTIVITY.name,
                "KeyConditionExpression": "activeHour = :hour",
                "ExpressionAttributeValues": to_item({":hour": hour}),
                "ProjectionExpression": "gameArea",
            },
        )
        found.update([row["gameArea"] async for page in pages for row in page])
    return sorted(found)
