// What the player does: keys to fly, the pointer to aim and fire; a finger does all three.

const KEYS = new Map([
  ["KeyW", [0, -1]], ["ArrowUp", [0, -1]], ["KeyS", [0, 1]], ["ArrowDown", [0, 1]],
  ["KeyA", [-1, 0]], ["ArrowLeft", [-1, 0]], ["KeyD", [1, 0]], ["ArrowRight", [1, 0]],
]);
/** So near to a finger a ship comes to rest. */
const FINGER_NEAR = 45;

export class Input {
  #held = new Set();
  #pointer = null;
  #isFiring = false;
  #isTouch = false;
  #heading = 0;

  constructor(canvas) {
    const isTyping = ({ target }) => target instanceof HTMLInputElement && target.type !== "range";
    addEventListener("keydown", (event) => {
      if (isTyping(event) || event.metaKey || event.ctrlKey || event.altKey) return;
      if (!KEYS.has(event.code) && event.code !== "Space") return;
      // A button or a slider that has the focus is not to be pressed by it, nor the page to be scrolled.
      event.preventDefault();
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      this.#held.add(event.code);
    });
    addEventListener("keyup", ({ code }) => this.#held.delete(code));
    addEventListener("blur", () => this.#release());
    const follow = (event) => {
      this.#pointer = { x: event.clientX, y: event.clientY };
      this.#isTouch = event.pointerType === "touch";
    };
    canvas.addEventListener("pointermove", follow);
    canvas.addEventListener("pointerdown", (event) => {
      follow(event);
      canvas.setPointerCapture(event.pointerId);
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      this.#isFiring = true;
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this.#isFiring = false; });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  #release() {
    this.#held.clear();
    this.#isFiring = false;
  }

  /** What is wanted of the ship now. `toField` says where a point of the window lies. */
  read(ship, toField) {
    const thrust = { x: 0, y: 0 };
    for (const code of this.#held) {
      const [x, y] = KEYS.get(code) ?? [0, 0];
      thrust.x += x;
      thrust.y += y;
    }
    const goal = this.#pointer && ship ? toField(this.#pointer.x, this.#pointer.y) : null;
    if (goal) {
      const way = { x: goal.x - ship.x, y: goal.y - ship.y };
      this.#heading = Math.atan2(way.y, way.x);
      const distance = Math.hypot(way.x, way.y);
      if (this.#isTouch && this.#isFiring && distance > FINGER_NEAR) {
        thrust.x += way.x / distance;
        thrust.y += way.y / distance;
      }
    } else if (thrust.x !== 0 || thrust.y !== 0) {
      this.#heading = Math.atan2(thrust.y, thrust.x);
    }
    return { thrust, aim: this.#heading, fires: this.#isFiring || this.#held.has("Space") };
  }
}
