// The events of a page and its machine.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type WakeEvent, wakesOf } from "../src/wake.js";

class FakePage {
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  readonly heard: WakeEvent[] = [];
  now = 0;
  look: (() => void) | null = null;
  readonly end = wakesOf({
    window: this.window,
    document: this.document,
    clock: () => this.now,
    every: (_milliseconds, look) => {
      this.look = look;
      return () => {
        this.look = null;
      };
    },
  })((event) => this.heard.push(event));

  transition(name: string, persisted: boolean): void {
    this.window.dispatchEvent(Object.assign(new Event(name), { persisted }));
  }

  see(visibilityState: string): void {
    this.document.visibilityState = visibilityState;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }

  /** The timer looks at the clock, so much later. */
  looks(later: number): void {
    this.now += later;
    this.look?.();
  }
}

test("the network's coming and going are told, and that the page can be seen again", () => {
  const page = new FakePage();
  page.window.dispatchEvent(new Event("offline"));
  page.window.dispatchEvent(new Event("online"));
  page.see("hidden");
  page.see("visible");
  page.document.dispatchEvent(new Event("resume"));
  assert.deepEqual(page.heard, ["offline", "online", "visible", "woke"]);
});

test("a page that is put away may come back, and one that is left does not", () => {
  const page = new FakePage();
  page.transition("pageshow", false);
  page.transition("pagehide", true);
  page.transition("pageshow", true);
  page.transition("pagehide", false);
  assert.deepEqual(page.heard, ["put away", "back", "left"]);
});

test("a clock that jumped tells of a sleep, unless the page is hidden, whose timers come late", () => {
  const page = new FakePage();
  page.looks(5_000);
  page.looks(9_000);
  assert.deepEqual(page.heard, []);
  page.looks(60_000);
  assert.deepEqual(page.heard, ["woke"]);
  page.document.visibilityState = "hidden";
  page.looks(60_000);
  assert.deepEqual(page.heard, ["woke"]);
});

test("nothing is told, and no timer runs, after the end", () => {
  const page = new FakePage();
  page.end();
  page.window.dispatchEvent(new Event("online"));
  assert.equal(page.look, null);
  assert.deepEqual(page.heard, []);
});
