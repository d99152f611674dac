import assert from "node:assert/strict";
import { test } from "node:test";

import { PORTRAIT_MS } from "../../../clients/web/podium/portrait.js";
import { makePlayer, makeWatcher, settle } from "./harness.mjs";

const KEY = "uploads/id-ada/1";
const AVATAR = "avatars/id-ada/2";
const PRESIGNED = { url: "http://bucket.test/", fields: { key: KEY, policy: "p" }, key: KEY, expiresIn: 300 };
const PICTURE = new Blob(["pixels"], { type: "image/png" });

/** The API and the bucket; `answers` overrides what a path is answered with. */
const serve = (answers = {}) => ({ url }) => {
  const defaults = { "/avatar/presign": [200, PRESIGNED], "/": [204, null], "/avatar/process": [202, { key: KEY }] };
  return { ...defaults, ...answers }[new URL(url).pathname];
};

const paths = ({ calls }) => calls.map(({ url }) => new URL(url).pathname);

async function makePainter(answers) {
  const client = await makeWatcher();
  client.server.api = serve(answers);
  client.server.calls.length = 0;
  return client;
}

test("presigns, uploads the fields before the file, has it processed, and waits for its frame", async () => {
  const { podium, server, socket, clock } = await makePainter();
  const before = clock.delays.length;
  const portrait = podium.uploadPortrait(PICTURE, { background: "blur" });
  await settle();
  const [presign, upload, process] = server.calls;
  assert.deepEqual(presign.body, { contentType: "image/png", contentLength: 6 });
  assert.equal(upload.url, PRESIGNED.url);
  assert.equal(upload.headers.Authorization, undefined);
  assert.deepEqual([...upload.body.keys()], ["key", "policy", "file"]);
  assert.equal(await upload.body.get("file").text(), "pixels");
  assert.deepEqual(process.body, { key: KEY, background: "blur" });
  socket().push({ type: "avatar", key: "uploads/id-ada/other", avatar: "avatars/id-ada/other", face: true });
  socket().push({ type: "avatar", key: KEY, avatar: AVATAR, face: false, error: null, message: null });
  assert.deepEqual(await portrait, { key: KEY, avatar: AVATAR, face: false });
  assert.equal(clock.delays.length, before);
});

test("a frame that overtakes the answer to `process` counts", async () => {
  const { podium, server, socket } = await makePainter();
  const api = server.api;
  server.api = (request) => {
    if (request.url.endsWith("/process")) socket().push({ type: "avatar", key: KEY, avatar: AVATAR, face: true });
    return api(request);
  };
  assert.equal((await podium.uploadPortrait(PICTURE)).avatar, AVATAR);
  assert.equal(server.calls.at(-1).body.background, "none");
});

test("rejects with the reason that the frame gives", async () => {
  const { podium, socket } = await makePainter();
  const portrait = podium.uploadPortrait(PICTURE);
  await settle();
  socket().push({ type: "avatar", key: KEY, error: "too_small", message: "The picture is too small." });
  await assert.rejects(portrait, { name: "PodiumError", code: "too_small", message: "The picture is too small." });
});

test("gives up after its time limit, and leaves nothing behind", async () => {
  const { podium, clock, socket } = await makePainter();
  const before = clock.delays.length;
  const late = assert.rejects(podium.uploadPortrait(PICTURE), { code: "TimeoutError" });
  await settle();
  await clock.advance(PORTRAIT_MS - 1);
  socket().push({ type: "avatar", key: "uploads/id-ada/other", avatar: AVATAR });
  await clock.advance(1);
  await late;
  assert.ok(clock.delays.length <= before);
});

const problem = (status) => [status, { title: "No", status, detail: "no" }];
for (const [what, answers, error, last] of [
  ["presign", { "/avatar/presign": problem(422) }, { status: 422 }, "/avatar/presign"],
  ["the bucket", { "/": [403, null] }, { code: "UploadRefused", status: 403 }, "/"],
  ["process", { "/avatar/process": problem(404) }, { status: 404 }, "/avatar/process"],
]) {
  test(`a refusal by ${what} ends it there`, async () => {
    const { podium, server } = await makePainter(answers);
    await assert.rejects(podium.uploadPortrait(PICTURE), error);
    assert.equal(paths(server).at(-1), last);
  });
}

test("without a board being watched it connects first, since a frame is not pushed twice", async () => {
  const { podium, server, socket } = await makePlayer();
  server.api = serve();
  const portrait = podium.uploadPortrait(PICTURE);
  await settle();
  assert.deepEqual(paths(server), ["/avatar/presign", "/"]);
  socket().open();
  await settle();
  assert.equal(paths(server).at(-1), "/avatar/process");
  socket().drop();
  assert.equal(podium.state, "reconnecting");
  assert.equal(paths(server).filter((path) => path === "/avatar/process").length, 1);
  podium.reconnect();
  await settle();
  socket().open();
  await settle();
  assert.equal(paths(server).filter((path) => path === "/avatar/process").length, 1);
  socket().push({ type: "avatar", key: KEY, avatar: AVATAR, face: true });
  assert.equal((await portrait).avatar, AVATAR);
});

for (const lost of ["/avatar/presign", "/avatar/process"]) {
  test(`an answer to ${lost} that is lost is asked for again`, async () => {
    const { podium, server, socket, clock } = await makePainter();
    const api = server.api;
    let failures = 0;
    server.api = (request) => (request.url.endsWith(lost) && failures++ === 0 ? null : api(request));
    const portrait = podium.uploadPortrait(PICTURE);
    await settle();
    await clock.advance(500);
    await settle();
    assert.equal(paths(server).filter((path) => path === lost).length, 2);
    socket().push({ type: "avatar", key: KEY, avatar: AVATAR, face: true });
    assert.equal((await portrait).avatar, AVATAR);
  });
}
