"""Bad bodies and query strings: each gets its 4xx, which names what is wrong.

That the server lives on, answers no 5xx and logs no traceback is checked after every test of this folder.
"""

import base64
import json

import httpx
import pytest

from api.cursor import Cursor, encode_cursor
from game.board import Entry
from game.catalogue import GLOBAL_BOARD
from game.scoring import encode
from tests.e2e.backend import BackendProcess
from tests.e2e.conftest import SignUp
from tests.e2e.player import assert_problem, bearer

SCORE = {"gameArea": "forest", "score": 1}


BAD_BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "body"),
    "not-json": (b"{gameArea}", 400, "body"),
    "cut": (b'{"gameArea":"forest","score":', 400, "body"),
    "invalid-utf-8": (b'{"gameArea":"\xff\xfe","score":1}', 400, "body"),
    "array": (b"[]", 400, "body"),
    "array-of-one-good": (b'[{"gameArea":"forest","score":1}]', 400, "body"),
    "null": (b"null", 400, "body"),
    "string": (b'"forest"', 400, "body"),
    "repeated-member": (b'{"gameArea":"forest","score":1,"score":2}', 400, "'score'"),
    "repeated-member-escaped": (b'{"gameArea":"forest","score":1,"\\u0073core":2}', 400, "'score'"),
    "nan": (b'{"gameArea":"forest","score":NaN}', 400, "NaN"),
    "infinity": (b'{"gameArea":"forest","score":-Infinity}', 400, "Infinity"),
    "5000-digits": (b'{"gameArea":"forest","score":' + b"9" * 5000 + b"}", 400, "body"),
    "deep-nesting": (b"[" * 30_000 + b"]" * 30_000, 400, "body"),
    "deep-nesting-inside": (b'{"score":' + b"[" * 30_000 + b"]" * 30_000 + b"}", 400, "body"),
    "300-kb": (b'{"gameArea":"' + b"x" * 300_000 + b'"}', 413, "body"),
    "64-bit": (b'{"gameArea":"forest","score":18446744073709551616}', 422, "score"),
    "100-digits": (b'{"gameArea":"forest","score":' + b"9" * 100 + b"}", 422, "score"),
    "above-max": (b'{"gameArea":"forest","score":1000001}', 422, "score"),
    "below-min": (b'{"gameArea":"forest","score":-1}', 422, "score"),
    "fraction": (b'{"gameArea":"forest","score":1.5}', 422, "score"),
    "whole-float": (b'{"gameArea":"forest","score":1.0}', 422, "score"),
    "exponent": (b'{"gameArea":"forest","score":1e400}', 422, "score"),
    "boolean": (b'{"gameArea":"forest","score":true}', 422, "score"),
    "text-score": (b'{"gameArea":"forest","score":"1"}', 422, "score"),
    "null-score": (b'{"gameArea":"forest","score":null}', 422, "score"),
    "object-score": (b'{"gameArea":"forest","score":{}}', 422, "score"),
    "no-score": (b'{"gameArea":"forest"}', 422, "score"),
    "no-area": (b'{"score":1}', 422, "gameArea"),
    "number-area": (b'{"gameArea":1,"score":1}', 422, "gameArea"),
    "unknown-field": (b'{"gameArea":"forest","score":1,"userId":"root"}', 422, "userId"),
    "snake-case": (b'{"game_area":"forest","score":1}', 422, "gameArea"),
    "unknown-area": (b'{"gameArea":"atlantis","score":1}', 404, "gameArea"),
    "global-area": (b'{"gameArea":"global","score":1}', 404, "gameArea"),
    "long-area": (b'{"gameArea":"' + b"x" * 20_000 + b'","score":1}', 404, "gameArea"),
    "lone-surrogate": (b'{"gameArea":"\\ud800","score":1}', 404, "gameArea"),
    "nul-area": (b'{"gameArea":"\\u0000","score":1}', 404, "gameArea"),
}


@pytest.mark.parametrize(("body", "status", "mention"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_bad_body_is_refused(
    sign_up: SignUp, http: httpx.AsyncClient, body: bytes, status: int, mention: str
) -> None:
    ada = await sign_up("Ada")
    headers = bearer(ada.id_token) | {"Content-Type": "application/json"}
    answer = await http.post("/score", content=body, headers=headers)
    assert_problem(answer, status, mention)
    assert len(answer.content) < 2_000, "what was sent is not sent back whole"
    assert (await ada.get("/leaderboard/me", gameArea="forest")).status_code == 404, "nothing was recorded"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "\xe9", "/"]
)
async def test_wrong_content_type_is_refused(
    sign_up: SignUp, http: httpx.AsyncClient, content_type: str
) -> None:
    ada = await sign_up("Ada")
    headers = httpx.Headers(bearer(ada.id_token) | {"Content-Type": content_type}, encoding="latin-1")
    answer = await http.post("/score", content=json.dumps(SCORE), headers=headers)
    assert_problem(answer, 415, "Content-Type")


BAD_QUERIES: dict[str, tuple[str, int, str]] = {
    "limit-0": ("gameArea=forest&limit=0", 422, "limit"),
    "limit-minus-1": ("gameArea=forest&limit=-1", 422, "limit"),
    "limit-billion": ("gameArea=forest&limit=1000000000", 422, "limit"),
    "limit-5000-digits": ("gameArea=forest&limit=" + "9" * 5000, 422, "limit"),
    "limit-text": ("gameArea=forest&limit=x", 422, "limit"),
    "limit-empty": ("gameArea=forest&limit=", 422, "limit"),
    "limit-fraction": ("gameArea=forest&limit=1.5", 422, "limit"),
    "cursor-garbage": ("gameArea=forest&cursor=abc", 422, "cursor"),
    "cursor-not-base64": ("gameArea=forest&cursor=%00%ff!", 422, "cursor"),
    "cursor-long": ("gameArea=forest&cursor=" + "A" * 10_000, 422, "cursor"),
    "no-area": ("limit=1", 422, "gameArea"),
    "empty-area": ("gameArea=", 404, "gameArea"),
    "unknown-area": ("gameArea=atlantis", 404, "gameArea"),
    "invalid-utf-8-area": ("gameArea=%ff%fe", 404, "gameArea"),
    "nul-area": ("gameArea=%00", 404, "gameArea"),
}


@pytest.mark.parametrize(("query", "status", "mention"), BAD_QUERIES.values(), ids=BAD_QUERIES)
async def test_bad_query_is_refused(http: httpx.AsyncClient, query: str, status: int, mention: str) -> None:
    assert_problem(await http.get(f"/leaderboard?{query}"), status, mention)


@pytest.mark.parametrize("around", ["-1", "51", "x", "1000000000"])
async def test_bad_around_is_refused(sign_up: SignUp, around: str) -> None:
    ada = await sign_up("Ada")
    assert_problem(await ada.get("/leaderboard/me", gameArea="forest", around=around), 422, "around")


async def test_repeated_parameter_does_no_harm(http: httpx.AsyncClient) -> None:
    answer = await http.get("/leaderboard?gameArea=forest&limit=1&limit=2")
    assert answer.status_code in {200, 422}


async def test_forged_foreign_and_cut_cursors_are_refused(
    sign_up: SignUp, backend: BackendProcess, http: httpx.AsyncClient, arena: str
) -> None:
    for name in ("Ada", "Bob"):
        await (await sign_up(name)).submit(arena, 5)
    page = (await http.get("/leaderboard", params={"gameArea": arena, "limit": "1"})).json()
    cursor: str = page["nextCursor"]
    entry = Entry.model_validate(page["entries"][0])
    board = backend.catalogue().boards[arena]
    key = encode(board.order, entry.points, entry.achieved_at, entry.user_id)
    content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    checksum, rank, sort_key = content.split("|")
    forged = [
        f"{checksum}|{int(rank) + 1}|{sort_key}",
        f"{checksum}|{rank}|{sort_key}x",
        f"{rank}|{sort_key}",
    ]
    refused = {
        "foreign": encode_cursor(backend.catalogue().boards[GLOBAL_BOARD], Cursor(entry.rank, key)),
        "cut": cursor[:-4],
        "longer": cursor + "A",
        "rank 0": encode_cursor(board, Cursor(0, key)),
    } | {text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") for text in forged}
    for what, text in refused.items():
        answer = await http.get("/leaderboard", params={"gameArea": arena, "cursor": text})
        assert answer.status_code == 422, what
        assert_problem(answer, 422, "cursor")
    good = await http.get("/leaderboard", params={"gameArea": arena, "cursor": cursor})
    assert [one["rank"] for one in good.json()["entries"]] == [2]
