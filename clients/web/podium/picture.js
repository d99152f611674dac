import { MIN_SIDE } from "./constants.js";
import { PodiumError } from "./error.js";

/** Pixels: a picture is sent with a longer side of at most this. A portrait shows a part of it in 512. */
export const LONGER_SIDE = 2048;
/** Bytes: a file of at most this is sent as it is, if its longer side is within LONGER_SIDE too. */
const SMALL_BYTES = 1024 * 1024;
const QUALITY = 0.9;
/** Types of which no picture is transparent. */
const OPAQUE = new Set(["image/jpeg", "image/heic", "image/heif", "image/bmp"]);
const BRANDS = { heic: "image/heic", heix: "image/heic", mif1: "image/heif", avif: "image/avif", avis: "image/avif" };

/**
 * Returns what is to be uploaded of a chosen file. A picture that the browser can read is scaled down. Another file is
 * sent as it is, if the server can read it.
 *
 * @param {Blob} file
 * @param {{contentTypes?: string[], maxBytes?: number}} limits the configuration's `pictures`
 * @returns {Promise<Blob>} with the type that it is sent as
 * @throws {PodiumError} `UnsupportedPicture`, `PictureTooLarge`
 */
export async function prepare(file, { contentTypes, maxBytes = Infinity } = {}) {
  const type = await typeOf(file);
  const accepted = contentTypes?.includes(type) ?? true;
  const bitmap = await read(file);
  if (!bitmap && !accepted) {
    throw new PodiumError("The browser cannot read this file as a picture. Choose a JPEG or PNG picture.", {
      code: "UnsupportedPicture",
    });
  }
  const prepared = bitmap ? await scaled(file, type, bitmap, accepted) : withType(file, type);
  bitmap?.close();
  if (prepared.size > maxBytes) {
    throw new PodiumError(
      `The file is too large: it must be at most ${maxBytes / 1024 ** 2} MB. Save the picture smaller, or as JPEG.`,
      { code: "PictureTooLarge" },
    );
  }
  return prepared;
}

/** The picture upright and in the screen's colours; null where the browser cannot read it. */
async function read(file) {
  if (typeof createImageBitmap !== "function") return null;
  return createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
}

async function scaled(file, type, bitmap, accepted) {
  const { width, height } = bitmap;
  const [longer, shorter] = [Math.max(width, height), Math.min(width, height)];
  if (accepted && file.size <= SMALL_BYTES && longer <= LONGER_SIDE) return withType(file, type);
  const scale = Math.min(1, Math.max(LONGER_SIDE / longer, MIN_SIDE / shorter));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const kind = OPAQUE.has(type) ? "image/jpeg" : "image/webp";
  // A browser that cannot write WebP writes PNG.
  const blob = await new Promise((done) => canvas.toBlob(done, kind, QUALITY));
  return blob ?? withType(file, type);
}

/** The file's type; by its first bytes where the system has no name for it, as for HEIC on Windows. */
async function typeOf(file) {
  if (file.type) return file.type;
  const start = new TextDecoder("latin1").decode(await file.slice(0, 12).arrayBuffer());
  return start.slice(4, 8) === "ftyp" ? (BRANDS[start.slice(8)] ?? "") : "";
}

function withType(file, type) {
  return file.type === type ? file : file.slice(0, file.size, type);
}
