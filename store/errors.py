"""The errors that the store raises. Errors of botocore stay inside: a caller can catch StoreError.

    StoreError
        RequestError                a service refused a request, or did not answer
            NoTableError            there is no such table
        ThrottledError              there are too many requests for now
        ConflictError               others kept writing the same rows
        RowError                    a stored row cannot be read
        DeletedError                the player was deleted                           players
        NotFreeError, MergeLimitError, TooManyExportsError                           players
        NoGuestError                the player is no guest                           merge
        NoProfileError              the player has no profile                        appearance
        TooManyPortraitsError       more portraits in an hour than a player may      profiles
        RuleError, RunExpiredError, NoAttemptsError, TooManySubmitsError             terms
        KeyReusedError              an Idempotency-Key came with another request     idempotency
        RewardError                 a prize was not given                            rewards
            NoRewardError, ClaimedError, InReviewError, ExpiredError, NotRankedError
        StaleBoardError             the published board has moved on                 boards
        TooManyBoardsError          a connection would have more boards than it may     subscriptions
        SupersededError             another worker has taken over this fan-out       fanouts
        BrokenBoardsError           the catalogue would misread stored rows          board_rules
        UnknownBoardError, RowsLeftError                                             board_rules
        UploadGoneError, UploadTooLargeError, UndeletedError                         portraits
        UsersUnavailableError       the user pool does not answer                    users

The last column is the module that raises the error.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runtime.sdk import THROTTLING, error_code


class StoreError(Exception):
    """The base of all that the store raises."""


class RequestError(StoreError):
    """A service refused a request, or did not answer.

    code: the service's, such as `ConditionalCheckFailedException`; "" where there was no answer.
    status: the answer's HTTP status; 0 where there was none.
    reasons: why a transaction was cancelled: a code for each item, in order; "None" for one not at fault.
    """

    def __init__(self, error: ClientError | BotoCoreError) -> None:
        super().__init__(str(error))
        answer: Mapping[str, Any] = getattr(error, "response", None) or {}
        self.code = error_code(error) if isinstance(error, ClientError) else ""
        self.status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        found: Sequence[Mapping[str, Any]] = answer.get("CancellationReasons", ())
        self.reasons = tuple(str(reason.get("Code")) for reason in found)

    @property
    def cancelled(self) -> bool:
        """Whether the request was a transaction, and was cancelled."""
        return self.code == "TransactionCanceledException"


class NoTableError(RequestError):
    """There is no such table: the prefix or the Region is wrong."""


class ConflictError(StoreError):
    """Others kept writing the same rows until our attempts were used up; the attempts wrote nothing."""


class ThrottledError(StoreError):
    """DynamoDB takes no more requests of this kind for now. Some rows of a batch may have been written."""


class RowError(StoreError):
    """A stored row cannot be read. The message has its table, key and fault: for the log, not for clients.

    `row` names the row: its table and key.
    """

    def __init__(self, row: str, fault: str) -> None:
        super().__init__(f"a row of {row}: {fault}")
        self.row = row


# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_LOST = {"None", "ConditionalCheckFailed", "TransactionConflict"}
_THROTTLED = {"ThrottlingError", "ProvisionedThroughputExceeded"}


def condition_failed(error: RequestError) -> bool:
    """Return whether the condition of a single write did not hold."""
    return error.code == "ConditionalCheckFailedException"


def lost_race(error: RequestError) -> bool:
    """Return whether a conditional write or transaction failed because others wrote, and may be repeated."""
    if error.cancelled:
        return set(error.reasons) <= _LOST
    return condition_failed(error) or error.code == "TransactionConflictException"


def throttled(error: Exception) -> bool:
    """Return whether a service refused a request, or a transaction, because there are too many of them."""
    if isinstance(error, ThrottledError):
        return True
    if isinstance(error, ClientError):
        return error_code(error) in THROTTLING
    if not isinstance(error, RequestError):
        return False
    if error.cancelled:
        reasons = set(error.reasons)
        return reasons <= _LOST | _THROTTLED and not reasons <= _LOST
    return error.code in THROTTLING
