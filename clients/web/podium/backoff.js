/** The delay before the first reconnect is at most this many milliseconds; it doubles with each failure in a row … */
export const BACKOFF_BASE_MS = 500;
/** … up to this. */
export const BACKOFF_CAP_MS = 30_000;

/**
 * Milliseconds until the next attempt, with full jitter: anywhere from nothing to the exponential bound, so that
 * clients which were cut off together do not come back together
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 *
 * @param {number} failures in a row so far, from 0
 * @param {() => number} random from 0 to 1
 */
export function backoff(failures, random) {
  return random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** failures);
}

/** How often a request is sent in all, before its caller is told that no answer came. */
export const ATTEMPTS = 3;
/** The longest `Retry-After`, in seconds, that a player waits for in one call. The API's own is 5 at most. */
export const LONGEST_WAIT = 10;
