// The cases for any implementation of the browser's WebSocket interface.
//
// The function stands for itself: Chromium gets it as text. It gives a list of names and errors.

export async function scenarios(WebSocket, url) {
  const LENGTHS = [125, 126, 65_535, 65_536];
  const BURST = 16 * 1024 * 1024;
  const results = [];

  await check("binary messages of every header form come back", async () => {
    const client = await connect();
    for (const length of [0, 1, ...LENGTHS, 1024 * 1024]) {
      const sent = bytes(length, length);
      client.socket.send(sent);
      expectBytes(await client.next(), sent);
    }
    client.socket.close();
  });

  await check("text messages of every header form come back", async () => {
    const client = await connect();
    for (const length of LENGTHS) {
      const sent = "é".repeat(10) + "x".repeat(length - 20);
      client.socket.send(sent);
      expect(await client.next(), sent);
    }
    client.socket.close();
  });

  await check("a thousand messages come back in order", async () => {
    const client = await connect();
    for (let index = 0; index < 1000; index += 1) client.socket.send(`message ${index}`);
    for (let index = 0; index < 1000; index += 1) expect(await client.next(), `message ${index}`);
    client.socket.close();
  });

  await check("a burst that is written in parts is whole", async () => {
    const client = await connect();
    client.socket.send(`burst ${BURST}`);
    let [received, index] = [0, 0];
    for (;;) {
      const message = await client.next();
      if (typeof message === "string") {
        expect(/^blocked [1-9]/.test(message), true, `nothing was written in parts: ${message}`);
        break;
      }
      expectBytes(message, bytes(LENGTHS[index % LENGTHS.length], index));
      received += message.byteLength;
      index += 1;
    }
    expect(received > BURST * 0.99, true, `only ${received} bytes came`);
    client.socket.close();
  });

  await check("the server's close has its code and reason", async () => {
    const client = await connect();
    client.socket.send("close 3001 enough, thank you");
    const event = await client.closed;
    expect(`${event.code} ${event.reason} ${event.wasClean}`, "3001 enough, thank you true");
  });

  await check("a close of this side is read and answered", async () => {
    const client = await connect();
    client.socket.close(4001, "done");
    const event = await client.closed;
    expect(`${event.code} ${event.wasClean}`, "4001 true");
    const second = await connect();
    second.socket.send("last end");
    expect(await second.next(), "closed by the peer with code 4001: done");
    second.socket.close();
  });

  await check("the first known protocol is agreed on and no extension", async () => {
    const client = await connect(["mqtt", "trunkline.v1.json", "trunkline.v1.msgpack"]);
    expect(client.socket.protocol, "trunkline.v1.json");
    expect(client.socket.extensions, "");
    client.socket.close();
  });

  return results;

  async function check(name, body) {
    try {
      await body();
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String(error.stack ?? error) });
    }
  }

  async function connect(protocols = ["trunkline.v1.json"]) {
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    const [arrived, waiting] = [[], []];
    socket.addEventListener("message", ({ data }) => {
      if (waiting.length > 0) waiting.shift()(data);
      else arrived.push(data);
    });
    const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      closed.then((event) => reject(new Error(`closed with ${event.code} before it was open`)));
    });
    const next = () =>
      arrived.length > 0
        ? Promise.resolve(arrived.shift())
        : Promise.race([
            new Promise((resolve) => waiting.push(resolve)),
            closed.then((event) => {
              throw new Error(`closed with ${event.code} ${event.reason}`);
            }),
          ]);
    return { socket, next, closed };
  }

  function bytes(length, shift) {
    return Uint8Array.from({ length }, (_, at) => (at + shift) % 251);
  }

  function expect(actual, expected, message) {
    if (actual !== expected) {
      throw new Error(message ?? `${String(actual).slice(0, 200)} instead of ${expected}`);
    }
  }

  function expectBytes(actual, expected) {
    const content = new Uint8Array(actual);
    expect(content.length, expected.length);
    const at = expected.findIndex((byte, index) => byte !== content[index]);
    expect(at, -1, `of ${expected.length} bytes, number ${at} is another`);
  }
}
