import { PodiumError } from "./error.js";
import { exchange } from "./http.js";
import { prepare } from "./picture.js";

/** Milliseconds that an upload may take: as long as its address is good for. */
const UPLOAD_MS = 300_000;
/** Milliseconds from the upload to the `avatar` frame that tells of its portrait. */
export const PORTRAIT_MS = 60_000;

/**
 * Scales a picture down and uploads it, has a portrait made of it, and waits for the frame that tells of it.
 *
 * The processing begins only when the connection is live: what is pushed before that is lost.
 *
 * @param {import("../podium.js").Podium} podium signed in, with its connection started
 * @param {import("./http.js").Transport} environment
 * @param {Blob} file what the player chose
 * @param {string} background
 */
export async function makePortrait(podium, { fetch, clock }, file, background) {
  const picture = await prepare(file, podium.config.pictures);
  const announced = { contentType: picture.type, contentLength: picture.size };
  const { url, fields, key } = await podium.request("POST", "/avatar/presign", announced, { repeatable: true });
  await upload({ fetch, clock, timeout: UPLOAD_MS }, url, fields, picture);
  return new Promise((resolve, reject) => {
    let begun = false;
    function begin() {
      if (begun || podium.state !== "live") return;
      begun = true;
      const asked = podium.request("POST", "/avatar/process", { key, background }, { repeatable: true });
      asked.catch((error) => settle(reject, error));
    }
    /** @param {import("../podium.js").Events["avatar"]} frame */
    function told({ key: of, avatar, face, error, message = "" }) {
      if (of !== key) return;
      if (error) settle(reject, new PodiumError(message, { code: error }));
      else settle(resolve, { key, avatar, face });
    }
    function settle(outcome, value) {
      clock.clearTimeout(timer);
      for (const stop of listening) stop();
      outcome(value);
    }
    const late = () => new PodiumError("The portrait is taking too long.", { code: "TimeoutError" });
    const timer = clock.setTimeout(() => settle(reject, late()), PORTRAIT_MS);
    const listening = [podium.on("avatar", told), podium.on("state", begin)];
    begin();
  });
}

/** S3 wants the fields before the file. */
async function upload(transport, url, fields, picture) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", picture);
  const { ok, status } = await exchange(transport, url, { method: "POST", body: form });
  if (!ok) throw new PodiumError(`The upload was refused (${status}).`, { code: "UploadRefused", status });
}
