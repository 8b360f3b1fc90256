// The one file that pages load.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

// From build/tests.
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("the bundle in the repository is what the sources give", () => {
  execFileSync(process.execPath, ["bundle.mjs", "--check"], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
});

test("the bundle needs no other file, and has what the entry exports", async () => {
  const bundle: unknown = await import(new URL("../../bundle/trunkline.js", import.meta.url).href);
  const entry: unknown = await import("../src/index.js");
  assert.deepEqual(Object.keys(bundle as object).sort(), Object.keys(entry as object).sort());
});
