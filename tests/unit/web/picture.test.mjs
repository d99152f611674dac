import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { LONGER_SIDE, prepare } from "../../../clients/web/podium/picture.js";

const LIMITS = { contentTypes: ["image/jpeg", "image/png", "image/heic", "image/heif", "image/avif"], maxBytes: 3_000_000 };
const file = (type, size = 10) => new Blob([new Uint8Array(size)], { type });
const box = (brand) => new Blob([new Uint8Array(4), `ftyp${brand}`, new Uint8Array(99)]);

/** A browser that reads every file as a picture of this size; what was drawn and written is told. */
function browser(width, height, { writes = (kind) => kind, size = 1000 } = {}) {
  const done = {};
  globalThis.createImageBitmap = async (_, options) => {
    done.options = options;
    return { width, height, close: () => (done.closed = true) };
  };
  globalThis.document = {
    createElement: () => ({
      getContext: () => ({ drawImage: (_, ...box) => (done.box = box) }),
      toBlob: (tell, kind) => tell(new Blob([new Uint8Array(size)], { type: writes(kind) })),
    }),
  };
  return done;
}

afterEach(() => {
  delete globalThis.createImageBitmap;
  delete globalThis.document;
});

test("a large picture is scaled down, upright, and the shape is kept", async () => {
  const done = browser(8000, 6000);
  const sent = await prepare(file("image/jpeg", 2_000_000), LIMITS);
  assert.equal(sent.type, "image/jpeg");
  assert.deepEqual(done, { options: { imageOrientation: "from-image" }, box: [0, 0, LONGER_SIDE, 1536], closed: true });
});

test("a small picture that the server takes is sent as it is", async () => {
  browser(800, 600);
  const small = file("image/png");
  assert.equal(await prepare(small, LIMITS), small);
});

test("a picture that only the browser can read is sent as one that the server takes", async () => {
  browser(800, 600);
  assert.equal((await prepare(file("image/svg+xml"), LIMITS)).type, "image/webp");
});

test("a browser that writes no WebP sends PNG, and transparency stays", async () => {
  browser(4000, 4000, { writes: () => "image/png" });
  assert.equal((await prepare(file("image/png", 2_000_000), LIMITS)).type, "image/png");
});

test("a long picture keeps as many rows as are accepted", async () => {
  const done = browser(16_000, 100);
  await prepare(file("image/jpeg", 2_000_000), LIMITS);
  assert.deepEqual(done.box, [0, 0, 10_240, 64]);
});

for (const [brand, type] of [["heic", "image/heic"], ["heix", "image/heic"], ["mif1", "image/heif"], ["avif", "image/avif"]]) {
  test(`a file without a type that begins as ${brand} is sent as ${type} where the browser cannot read it`, async () => {
    const chosen = box(brand);
    const sent = await prepare(chosen, LIMITS);
    assert.equal(sent.type, type);
    assert.equal(sent.size, chosen.size);
  });
}

for (const chosen of [file("text/plain"), file(""), box("mp42"), file("image/tga")]) {
  test(`a file of type "${chosen.type}" that neither can read is refused, and says what to choose`, async () => {
    globalThis.createImageBitmap = async () => Promise.reject(new DOMException("no", "InvalidStateError"));
    await assert.rejects(prepare(chosen, LIMITS), { code: "UnsupportedPicture", message: /Choose a JPEG/ });
  });
}

test("a file that cannot be scaled and is too large is refused with the limit", async () => {
  await assert.rejects(prepare(file("image/heic", 3_000_001), { ...LIMITS, maxBytes: 3 * 1024 ** 2 - 1e6 }), {
    code: "PictureTooLarge",
    message: /at most/,
  });
});

test("without limits in the configuration, what the server says counts", async () => {
  const chosen = file("image/png");
  assert.equal(await prepare(chosen, undefined), chosen);
});
