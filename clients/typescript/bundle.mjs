// Puts the client into one ES module, bundle/trunkline.js, which pages load as it is. It is in the repository,
// so that nobody needs npm to run an example; with --check nothing is written, but compared.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const FILE = join(import.meta.dirname, "bundle/trunkline.js");
const HEAD = "// The Trunkline client for browsers, in one file: made from clients/typescript/src by `npm run bundle`.";

const { outputFiles } = await build({
  absWorkingDir: import.meta.dirname,
  entryPoints: ["src/index.ts"],
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  banner: { js: HEAD },
});
const [made] = outputFiles.map(({ text }) => text);

if (!process.argv.includes("--check")) {
  await writeFile(FILE, made);
} else if (made !== await readFile(FILE, "utf8").catch(() => "")) {
  console.error("bundle/trunkline.js is not what src gives: run `npm run bundle`");
  process.exitCode = 1;
}
