"""`/task/complete`"""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from api.actions import IdempotencyKey, act, json_response, today
from api.backend import RequestBody, backend_of
from api.problems import responses
from api.progress_view import ProgressView, fields
from game.player import Reached, complete_task
from store.progress import Progress

router = Router()


class TaskRequest(RequestBody):
    """What was done."""

    task_id: str


class TaskResponse(ProgressView):
    """What was done, and the progress with its reward."""

    task_id: str


@router.post(
    "/task/complete",
    summary="Complete a task",
    responses=json_response(TaskResponse, "Rewarded")
    | responses(400, 401, 404, 409, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def post_task(
    request: Request, body: Annotated[TaskRequest, Body()], idempotency_key: IdempotencyKey = None
) -> Response[Any]:
    """Get a task's reward: once, or once a day (UTC), as the catalogue says; 409 for more.

    409 as well for what the task requires and the caller does not have; `rule` names it.
    """
    backend = backend_of(request)
    boards, task = backend.catalogue.boards, backend.catalogue.tasks.get(body.task_id)

    def change(read: Progress) -> Progress:
        reached = {
            board: Reached(best.points, boards[board].order)
            for board, best in read.bests.items()
            if board in boards
        }
        return complete_task(backend.catalogue, read, body.task_id, today(backend), reached)

    return await act(
        request,
        body,
        idempotency_key,
        change,
        lambda new: TaskResponse(task_id=body.task_id, **fields(new)),
        boards if task and task.requires and task.requires.needs_bests else (),
    )
