// The panel beside the arena.

const PRESETS = {
  clean: { loss_percent: 0, delay_ms: 0 },
  home: { loss_percent: 1, delay_ms: 15 },
  train: { loss_percent: 4, delay_ms: 50 },
  awful: { loss_percent: 10, delay_ms: 80 },
};
const NAMES = { websocket: "WebSocket", webtransport: "WebTransport" };
const LINES_MAX = 60;
/** Between two questions for another link: the server takes no more than twenty a second. */
const LINK_PAUSE_MS = 100;
const FEED_MAX = 5;
const SCORES_MAX = 6;

export const $ = (id) => document.getElementById(id);

export class Panel {
  #quality = PRESETS.clean;
  #wanted = null;

  /** `onSwitch(transport)`, `onLink(quality)` and `onSay(text)` are promises that reject with what is to be shown. */
  constructor({ onSwitch, onLink, onSay }) {
    for (const button of document.querySelectorAll("[data-transport]")) {
      button.addEventListener("click", () => this.#try(onSwitch(button.dataset.transport), "#transports"));
    }
    for (const button of document.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => this.#setLink(PRESETS[button.dataset.preset], onLink));
    }
    for (const slider of [$("loss"), $("delay")]) {
      slider.addEventListener("input", () =>
        this.#setLink({ loss_percent: Number($("loss").value), delay_ms: Number($("delay").value) }, onLink));
    }
    $("say").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = $("text").value.trim();
      $("text").value = "";
      if (text) this.#try(onSay(text), "#say");
      else $("text").blur();
    });
  }

  /** One question at a time, and ten a second; of the wishes meanwhile the last one counts. */
  async #setLink(quality, onLink) {
    this.showLink(quality);
    const isAsking = this.#wanted !== null;
    this.#wanted = quality;
    if (isAsking) return;
    $("link").ariaBusy = "true";
    let asked;
    do {
      asked = this.#wanted;
      await this.#try(onLink(asked), "#link");
      await new Promise((resolve) => setTimeout(resolve, LINK_PAUSE_MS));
    } while (asked !== this.#wanted);
    this.#wanted = null;
    $("link").ariaBusy = "false";
  }

  async #try(promise, near) {
    try {
      await promise;
      $("complaint").textContent = "";
    } catch (error) {
      $("complaint").textContent = error.message;
      document.querySelector(near).after($("complaint"));
    }
  }

  showLink(quality) {
    this.#quality = quality;
    $("loss").value = quality.loss_percent;
    $("delay").value = quality.delay_ms;
    $("loss-told").textContent = `${quality.loss_percent} %`;
    $("delay-told").textContent = `${quality.delay_ms} ms`;
    for (const button of document.querySelectorAll("[data-preset]")) {
      const { loss_percent, delay_ms } = PRESETS[button.dataset.preset];
      const isIt = loss_percent === quality.loss_percent && delay_ms === quality.delay_ms;
      button.setAttribute("aria-pressed", String(isIt));
    }
  }

  get quality() {
    return this.#quality;
  }

  showNoRelays() {
    $("link").disabled = true;
    $("no-relays").hidden = false;
  }

  /** The transport that the session is on its way to, if any; meanwhile it is sent nowhere else. */
  showSwitching(kind) {
    document.body.dataset.switching = kind ?? "none";
    $("transports").ariaBusy = String(kind !== null);
    for (const button of document.querySelectorAll("#transports button")) button.disabled = kind !== null;
  }

  showState(state, transport, roundTrip) {
    document.body.dataset.state = state;
    document.body.dataset.transport = transport?.kind ?? "none";
    for (const button of document.querySelectorAll("[data-transport]")) {
      button.setAttribute("aria-checked", String(button.dataset.transport === transport?.kind));
    }
    const connected = transport
      ? `${transport.datagrams === "native" ? "native datagrams" : "emulated datagrams"}${roundTrip === null ? "" : ` · ${Math.round(roundTrip)} ms round trip`}`
      : "no connection: what you say waits";
    $("state").textContent = state === "closed" ? "the server has ended this: reload the page" : connected;
  }

  /** The two transports side by side, since the link is as it is. */
  showSummary(ages, shots) {
    const summaries = Object.keys(NAMES).map((transport) => ({ transport, ...ages.summary(transport) }));
    const most = Math.max(...summaries.map(({ p99 }) => p99 ?? 0), 60);
    for (const { transport, count, median, p99 } of summaries) {
      const row = $(`row-${transport}`);
      const told = (age) => (age === null || count < 90 ? "–" : `${Math.round(age)}`);
      row.querySelector(".median").textContent = told(median);
      row.querySelector(".p99").textContent = told(p99);
      const { hits, misses } = shots[transport];
      row.querySelector(".hits").textContent = hits + misses === 0 ? "–" : `${hits}/${hits + misses}`;
      const bar = $(`bar-${transport}`);
      bar.style.setProperty("--median", count < 90 ? 0 : (median ?? 0) / most);
      bar.style.setProperty("--p99", count < 90 ? 0 : (p99 ?? 0) / most);
    }
  }

  showDoubt(doubt) {
    $("doubt").textContent = Number.isFinite(doubt) ? `Right to ±${Math.max(1, Math.round(doubt))} ms now.` : "";
  }

  showScores(game) {
    const ships = [...game.ships.values()].sort((one, other) => other.score - one.score || one.player - other.player);
    const mine = ships.findIndex(({ isMe }) => isMe);
    const shown = ships.slice(0, SCORES_MAX);
    if (mine >= SCORES_MAX) shown.splice(-1, 1, ships[mine]);
    $("scores").replaceChildren(...shown.map((ship) => {
      const line = document.createElement("li");
      line.className = ship.isMe ? "me" : "";
      line.style.setProperty("--colour", ship.colour);
      line.append(element("span", "name", ship.name), element("span", "kind", ship.away ? "away" : ship.bot ? "bot" : ""), element("b", "", `${ship.score}`));
      return line;
    }));
    $("count").textContent = `${ships.length}`;
  }

  /** Who destroyed whom, for a while. */
  showDestroyed(by, whom) {
    const line = document.createElement("li");
    const named = (ship) => Object.assign(element("b", "", ship?.name ?? "Somebody"), { style: `color: ${ship?.colour ?? "inherit"}` });
    line.append(named(by), " destroyed ", named(whom));
    line.addEventListener("animationend", () => line.remove());
    $("feed").append(line);
    while ($("feed").children.length > FEED_MAX) $("feed").firstElementChild.remove();
  }

  /** A line of the chat: somebody's, or a note. */
  showLine({ name = null, text, colour = null, id = null }) {
    const lines = $("lines");
    const isAtEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 30;
    const line = document.createElement("li");
    if (id !== null) line.dataset.id = id;
    if (name === null) line.className = "note";
    else line.append(Object.assign(element("span", "name", name), { style: `color: ${colour ?? "inherit"}` }), " ");
    line.append(text);
    lines.append(line);
    while (lines.children.length > LINES_MAX) lines.firstElementChild.remove();
    if (isAtEnd) lines.scrollTop = lines.scrollHeight;
  }
}

function element(kind, name, text) {
  return Object.assign(document.createElement(kind), { className: name, textContent: text });
}
