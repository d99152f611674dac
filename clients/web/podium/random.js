/** Random text of 5 bits a sign: 32 signs, so that a random byte picks each of them equally often. */
export function randomText(length) {
  const signs = "abcdefghjkmnpqrstuvwxyz023456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => signs[byte % signs.length]).join("");
}
