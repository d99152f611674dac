const NUMBER = new Intl.NumberFormat("en");

export const formatNumber = (number) => NUMBER.format(number);

/** A score as people read it: points, or for a time trial (milliseconds) seconds. */
export function formatScore(order, score) {
  return order === "asc" ? `${(score / 1000).toFixed(3)} s` : formatNumber(score);
}

/** A tie-break as people read it, such as "37 coins"; "" for an entry that has none. */
export function formatTiebreak({ name }, tiebreak) {
  return Number.isFinite(tiebreak) ? `${formatNumber(tiebreak)} ${name}` : "";
}

/** 1st, 2nd, 3rd, 4th, … 11th, … 21st */
export function ordinal(number) {
  const teen = number % 100 > 10 && number % 100 < 14;
  return `${formatNumber(number)}${(!teen && ["th", "st", "nd", "rd"][number % 10]) || "th"}`;
}

/** A place among all, as "top 4 percent": rounded up, and never below one. */
export function share(top) {
  return `top ${Math.max(1, Math.ceil(top * 100))} percent`;
}

/** A refusal in plain words: the server's own, without the name of the field that they are about. */
export function plainWords({ code, status, detail, errors, message, idempotencyKey }) {
  if (code === "NetworkError") return "The server cannot be reached. Try again.";
  if (idempotencyKey && code !== "SignedOut") return "No answer came. Try again: it counts once.";
  const words = (errors?.[0]?.detail ?? detail ?? message).replace(/^[\w.-]+: /, "");
  const sentence = `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?…]$/.test(words) ? "" : "."}`;
  return status === 402 ? `Not enough money: ${words}.` : sentence;
}
