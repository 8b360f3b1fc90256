// A page in a headless Chromium reads our frames. Argument: the echo server's address.

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { check, finish, record } from "./report.mjs";
import { scenarios } from "./scenarios.mjs";

const [address] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

await check("chromium: starts and runs the cases", async () => {
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is missing: apt-get install chromium, or set CHROMIUM`);
  }
  const profile = await mkdtemp(join(tmpdir(), "trunkline-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    const page = await context.newPage();
    // A page of the server's own origin, if only its 404.
    await page.goto(`http://${address}/`);
    const source = `(${scenarios.toString()})(WebSocket, "ws://${address}/trunkline")`;
    for (const { name, error } of await page.evaluate(source)) record(`chromium: ${name}`, error);
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
});

finish();
