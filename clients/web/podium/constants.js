/** Generated from game/ by `make docs`: do not edit. */

/** Milliseconds from ping to ping: half of API Gateway's idle limit of 10 minutes. */
export const PING_MS = 300000;

/** Boards that a connection may be subscribed to at once. */
export const BOARDS_LIMIT = 32;

/** Seconds within which clients ask that have the same reason, where no snapshot says more. */
export const SPREAD_SECONDS = 10;

/** The WebSocket subprotocol; the token travels beside it. */
export const SUBPROTOCOL = "podium";

/** The header of an action's key: the same key, the same action. */
export const IDEMPOTENCY_KEY = "Idempotency-Key";

/** The header that says when to come back, in seconds. */
export const RETRY_AFTER = "Retry-After";

/** Milliseconds that a score waits to be sent; the server knows its key for longer. */
export const OFFLINE_MS = 72000000;

/** The code of a guest's refusal: more come than the stage takes in a minute. */
export const GUESTS_BUSY = "guests_busy";

/** Guests that an account takes over in its life. */
export const GUESTS_LIMIT = 3;

/** The code of a guest's refusal: the stage takes none. */
export const GUESTS_OFF = "guests_off";

/** Pixels that each side of a picture must have. */
export const MIN_SIDE = 64;
