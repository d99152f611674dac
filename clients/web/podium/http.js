import { PodiumError } from "./error.js";

/** Milliseconds that an answer may take. API Gateway itself gives up after 29 seconds. */
const TIMEOUT_MS = 30_000;

/**
 * One HTTP exchange whose answer is JSON, or nothing.
 *
 * @returns {Promise<{ok: boolean, status: number, body: any}>} `body` is null where the answer is not JSON
 * @throws {PodiumError} `NetworkError` or `TimeoutError` where there is no answer
 */
export async function exchange(fetch, url, init = {}, timeout = TIMEOUT_MS) {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeout) });
    return { ok: response.ok, status: response.status, body: parse(await response.text()) };
  } catch (cause) {
    const late = cause.name === "TimeoutError";
    throw new PodiumError(`${new URL(url).host} ${late ? "took too long to answer" : "cannot be reached"}.`, {
      code: late ? "TimeoutError" : "NetworkError",
      cause,
    });
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
