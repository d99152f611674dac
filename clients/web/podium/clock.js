/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds since the epoch
 * @property {(act: () => void, delay: number) => any} setTimeout `delay` is in milliseconds
 * @property {(timer: any) => void} clearTimeout
 */

/** @type {Clock} this machine's */
export const SYSTEM_CLOCK = {
  now: () => Date.now(),
  setTimeout: (act, delay) => setTimeout(act, delay),
  clearTimeout: (timer) => clearTimeout(timer),
};
