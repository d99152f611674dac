// The AWS SDK for JavaScript v3 as a client of `@connections`: takes orders as bench/pushers.py does.
//
//     node bench/node/push.mjs URL

import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";

import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";

const IN_FLIGHT = 100;

const agent = { keepAlive: true, maxSockets: IN_FLIGHT };
const client = new ApiGatewayManagementApiClient({
  endpoint: process.argv[2],
  maxAttempts: 1,
  requestHandler: { httpAgent: agent, httpsAgent: agent },
});

async function push(requests, frame) {
  const ids = Array.from({ length: requests }, () => randomBytes(11).toString("base64"));
  const Data = Buffer.from(frame);
  let next = 0;
  const work = async () => {
    while (next < ids.length) await client.send(new PostToConnectionCommand({ ConnectionId: ids[next++], Data }));
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  return { seconds: (performance.now() - started) / 1000 };
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const { requests, frame } = JSON.parse(line);
  console.log(JSON.stringify(await push(requests, frame)));
}
