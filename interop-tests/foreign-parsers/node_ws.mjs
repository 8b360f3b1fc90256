// `ws` reads our frames, and we read its. Arguments: the echo server's address, the echo program.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { WebSocket, WebSocketServer } from "ws";

import { check, finish, record } from "./report.mjs";
import { scenarios } from "./scenarios.mjs";

const [address, echo] = process.argv.slice(2);
const url = `ws://${address}/trunkline`;
const run = promisify(execFile);

for (const { name, error } of await scenarios(WebSocket, url)) record(`ws: ${name}`, error);

await check("ws: fragments are joined", async () => {
  const socket = await open();
  const message = once(socket, "message");
  for (let index = 0; index < 9; index += 1) {
    socket.send("x".repeat(index * 20_001), { fin: index === 8 });
  }
  const [data] = await message;
  if (data.length !== 36 * 20_001) throw new Error(`${data.length} bytes came back`);
  socket.close();
});

await check("ws: a ping between fragments is answered with its content", async () => {
  const socket = await open();
  const pong = once(socket, "pong");
  const message = once(socket, "message");
  socket.send("be", { fin: false });
  socket.ping("are you there?");
  socket.send("tween", { fin: true });
  const [content] = await pong;
  if (content.toString() !== "are you there?") throw new Error(`the pong holds ${content}`);
  const [data] = await message;
  if (data.toString() !== "between") throw new Error(`${data} came back`);
  socket.close();
});

await check("ws: the last of many pings is answered", async () => {
  const socket = await open();
  const last = new Promise((resolve) => {
    socket.on("pong", (content) => content.toString() === "499" && resolve());
  });
  for (let index = 0; index < 500; index += 1) socket.ping(String(index));
  await last;
  socket.close();
});

await check("ws: a server reads what our dialer sends", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", path: "/trunkline" });
  await once(server, "listening");
  const closed = new Promise((resolve, reject) => {
    server.on("connection", (socket) => {
      socket.on("message", (data, binary) => socket.send(data, { binary }));
      socket.on("close", (code, reason) => resolve(`${code} ${reason}`));
      socket.on("error", reject);
    });
  });
  const { stdout } = await run(echo, [`ws://127.0.0.1:${server.address().port}`]);
  if (stdout.trim() !== "echoed 65 messages") throw new Error(stdout);
  const end = await closed;
  if (end !== "3001 enough") throw new Error(`closed with ${end}`);
  server.close();
});

finish();

async function open() {
  const socket = new WebSocket(url, ["trunkline.v1.msgpack"]);
  await once(socket, "open");
  return socket;
}
