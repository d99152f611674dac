const NUMBER = new Intl.NumberFormat("en");

/** A score as people read it: points, or for a time trial (milliseconds) seconds. */
export function formatScore(order, score) {
  return order === "asc" ? `${(score / 1000).toFixed(3)} s` : NUMBER.format(score);
}

/** 1st, 2nd, 3rd, 4th, … 11th, … 21st */
export function ordinal(number) {
  const teen = number % 100 > 10 && number % 100 < 14;
  return `${NUMBER.format(number)}${(!teen && ["th", "st", "nd", "rd"][number % 10]) || "th"}`;
}
