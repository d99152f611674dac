const SIZE = 5;

/** A player without a portrait: a symmetric pattern, always the same for a user id, as the text of an SVG. */
export function identicon(userId) {
  let bits = hash(userId);
  const hue = bits % 360;
  const cells = [];
  for (let column = 0; column < Math.ceil(SIZE / 2); column++) {
    for (let row = 0; row < SIZE; row++) {
      bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d) >>> 0;
      if (bits & 0x10000) {
        cells.push(cell(column, row));
        if (column !== SIZE - 1 - column) cells.push(cell(SIZE - 1 - column, row));
      }
    }
  }
  return `<svg viewBox="0 0 7 7" aria-hidden="true"><rect width="7" height="7" fill="hsl(${hue} 45% 24%)"/>
    <g fill="hsl(${(hue + 40) % 360} 85% 70%)">${cells.join("")}</g></svg>`;
}

const cell = (column, row) => `<rect x="${column + 1}" y="${row + 1}" width="1.02" height="1.02"/>`;

/** FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hash(text) {
  let value = 0x811c9dc5;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 0x01000193) >>> 0;
  return value;
}
