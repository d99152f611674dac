/**
 * What a run of the games on this page sends where an area ranks equal scores by a second number, whatever it is
 * called there: the hits where more is better, the misses where less is; within the area's bounds. Pure.
 *
 * @param {{hits: number, misses: number}} run
 * @param {{order: "desc" | "asc", min: number, max: number}} rule the area's
 */
export function tiebreakOf({ hits, misses }, { order, min, max }) {
  return Math.min(max, Math.max(min, order === "desc" ? hits : misses));
}
