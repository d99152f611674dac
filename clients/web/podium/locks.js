/** Milliseconds to wait for another tab. After that both act, so it must do no harm that they do. */
const LOCK_MS = 10_000;

/**
 * Act while no other tab does, where the browser can see to that.
 *
 * @template T
 * @param {{locks?: ?LockManager, clock: import("./clock.js").Clock}} environment
 * @param {string} name what only one of them does at a time
 * @param {(isAlone: boolean) => T | Promise<T>} act
 * @returns {Promise<T>}
 */
export async function alone({ locks, clock }, name, act) {
  if (!locks) return act(false);
  let begun = false;
  const waiting = new AbortController();
  const timer = clock.setTimeout(() => waiting.abort(), LOCK_MS);
  try {
    return await locks.request(name, { signal: waiting.signal }, () => {
      begun = true;
      clock.clearTimeout(timer);
      return act(true);
    });
  } catch (error) {
    if (begun) throw error;
    return act(false); // the other tab hangs, or the browser grants this page no locks
  } finally {
    clock.clearTimeout(timer);
  }
}
