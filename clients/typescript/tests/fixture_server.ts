// The fixture server of FIXTURE, for the tests of one file.

import { type ChildProcess, spawn } from "node:child_process";
import { after, before } from "node:test";

const FIXTURE = process.env["FIXTURE"];

/** The options of a test that needs the server. */
export const needsFixture = { skip: FIXTURE === undefined && "FIXTURE is not set", timeout: 60_000 };

/** Runs the server around the tests of the file that calls this; what is returned gives its host and port. */
export function fixtureServer(): () => string {
  let server: ChildProcess | undefined;
  let address = "";
  before(async () => {
    if (FIXTURE === undefined) return;
    const started = spawn(FIXTURE, ["--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    server = started;
    for await (const chunk of started.stdout) {
      const found = /listening on (\S+)/.exec(String(chunk));
      if (found?.[1] === undefined) continue;
      address = found[1];
      return;
    }
    throw new Error("the fixture server ended before it listened");
  });
  after(() => {
    server?.kill();
  });
  return () => address;
}
