import { RETRY_AFTER } from "./constants.js";
import { PodiumError } from "./error.js";

/** Milliseconds that an answer may take. API Gateway itself gives up after 29 seconds. */
const TIMEOUT_MS = 30_000;

/**
 * @typedef {{fetch: typeof fetch, clock: import("./clock.js").Clock, timeout?: number}} Transport `timeout` is in
 *   milliseconds, and covers the body too; a `fetch` that does not listen to its signal cannot outlast it
 *
 * @typedef {{ok: boolean, status: number, body: any, retryAfter: number | undefined}} Answer `body` is null where the
 *   answer is not JSON; `retryAfter` is in seconds
 */

/**
 * Make one HTTP exchange whose answer is JSON, or nothing.
 *
 * @param {Transport} transport
 * @param {string | URL} url
 * @param {RequestInit} [init]
 * @returns {Promise<Answer>}
 * @throws {PodiumError} `NetworkError` or `TimeoutError` where there is no answer
 */
export async function exchange({ fetch, clock, timeout = TIMEOUT_MS }, url, init = {}) {
  const controller = new AbortController();
  let timer;
  const late = new Promise((_, reject) => {
    timer = clock.setTimeout(() => {
      const reason = new DOMException("The time for an answer is up.", "TimeoutError");
      reject(reason);
      controller.abort(reason);
    }, timeout);
  });
  try {
    return await Promise.race([answer(fetch, url, { ...init, signal: controller.signal }), late]);
  } catch (cause) {
    const isLate = cause.name === "TimeoutError";
    throw new PodiumError(`${new URL(url).host} ${isLate ? "took too long to answer" : "cannot be reached"}.`, {
      code: isLate ? "TimeoutError" : "NetworkError",
      cause,
    });
  } finally {
    clock.clearTimeout(timer);
  }
}

async function answer(fetch, url, init) {
  const response = await fetch(url, init);
  const { ok, status } = response;
  return { ok, status, body: parse(await response.text()), retryAfter: seconds(response.headers.get(RETRY_AFTER)) };
}

/** Return a `Retry-After` in seconds; undefined where there is none, or a date, which this API does not send. */
function seconds(header) {
  return /^\d+$/.test(header ?? "") ? Number(header) : undefined;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
