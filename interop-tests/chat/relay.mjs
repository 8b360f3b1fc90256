// A TCP relay that can turn into a black hole: everything is accepted, nothing comes through, and
// nobody is told. It can also lead new connections elsewhere, as a proxy does.

import net from "node:net";

export function startRelay(first) {
  let port = first;
  let swallowing = false;
  const pairs = new Set();
  const relay = net.createServer((near) => {
    const far = net.connect(port, "127.0.0.1");
    const pair = { near, far, swallowed: swallowing };
    pairs.add(pair);
    forward(pair, near, far);
    forward(pair, far, near);
  });

  // One that was once swallowed stays silent for good, as when a network is left behind.
  function forward(pair, from, to) {
    from.on("data", (chunk) => pair.swallowed || to.write(chunk));
    from.on("error", () => {});
    from.on("close", () => {
      if (!pair.swallowed) to.destroy();
      if (pair.near.destroyed && pair.far.destroyed) pairs.delete(pair);
    });
  }

  return new Promise((resolve) => {
    relay.listen(0, "127.0.0.1", () =>
      resolve({
        port: relay.address().port,
        swallow() {
          swallowing = true;
          for (const pair of pairs) pair.swallowed = true;
        },
        heal() {
          swallowing = false;
        },
        lead(to) {
          port = to;
        },
        close() {
          for (const { near, far } of pairs) {
            near.destroy();
            far.destroy();
          }
          relay.close();
        },
      }),
    );
  });
}
