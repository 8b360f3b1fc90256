// What a session is let in with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE_PACK } from "../src/encoding.js";
import type { Value } from "../src/value.js";
import { World } from "./session_world.js";

test("an AUTH that is wanted is answered with the credentials", () => {
  const world = new World();
  world.settle();
  world.server.write(world.server.current, { kind: "AUTH", auth: null, wanted: true, expires: 1 });
  world.settle();
  assert.deepEqual(MESSAGE_PACK.decode(world.sent.at(-1) ?? ""), { kind: "AUTH", auth: "me", wanted: false, expires: null });
});

test("credentials that cannot be had are an attempt that failed, and those that no server reads end the client", (context) => {
  const complaints = context.mock.method(console, "error", () => {});
  let give = (): Value => "me";
  const world = new World(() => 1, () => give());
  world.settle();
  world.opens = false;
  world.cut(world.client.currentLink);
  give = () => {
    throw new Error("logged out");
  };
  const open = () => {
    world.client.opened(world.dials.at(-1)?.link ?? 0, world.now);
    world.act();
    world.settle();
  };
  open();
  assert.deepEqual(world.dials.map(({ delayMs }) => delayMs), [0, 0, 500]);
  assert.deepEqual([world.server.hellos.length, complaints.mock.callCount()], [1, 1]);
  give = () => "me";
  open();
  assert.deepEqual(world.kinds(), ["began", "connected", "detached", "resumed"]);
  give = () => "x".repeat(8_192);
  world.server.write(world.server.current, { kind: "AUTH", auth: null, wanted: true, expires: 1_000 });
  world.settle();
  assert.equal(world.client.currentLink, world.server.current, "what the server would not read is not sent");
  world.cut(world.client.currentLink);
  open();
  const stopped = world.notices.at(-1);
  assert.ok(stopped?.kind === "stopped" && stopped.code === 3205);
  assert.match(stopped.reason, /HELLO of 8\d+ bytes, where a server takes 8192/);
});
