/** The live connection: a WebSocket held open by the machine of core/reconnect.ts. */

import { step, STOPPED, type Link, type LinkEvent } from "../core/reconnect.ts";

const TICK_MS = 250;

/** Channels for older clients; a browser that reads none of them need not carry them. */
const UNUSED = ["traffic-update", "traffic-by-type"];

export interface Listener {
  readonly message: (data: unknown) => void;
  readonly changed: (link: Link) => void;
}

export class LiveLink {
  readonly #path: string;
  readonly #listener: Listener;
  #link: Link = STOPPED;
  #socket: WebSocket | null = null;
  #timer = 0;

  constructor(path: string, listener: Listener) {
    this.#path = path;
    this.#listener = listener;
  }

  start(): void {
    this.#timer = window.setInterval(() => this.#on({ name: "tick" }), TICK_MS);
    addEventListener("online", this.retry);
    this.#on({ name: "start" });
  }

  stop(): void {
    clearInterval(this.#timer);
    removeEventListener("online", this.retry);
    this.#on({ name: "stop" });
  }

  /** Connects at once instead of waiting for the pause to end. */
  readonly retry = (): void => this.#on({ name: "retry" });

  #on(event: LinkEvent): void {
    const before = this.#link;
    const { link, effect } = step(before, event, performance.now(), Math.random());
    this.#link = link;
    if (effect === "disconnect") this.#disconnect();
    if (effect === "connect") this.#connect();
    if (link.name !== before.name) this.#listener.changed(link);
  }

  #connect(): void {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.#path}`);
    this.#socket = socket;
    socket.onopen = () => {
      for (const channel of UNUSED) socket.send(JSON.stringify({ type: "unsubscribe", channel }));
      this.#on({ name: "opened" });
    };
    socket.onclose = () => this.#on({ name: "lost" });
    socket.onmessage = (event: MessageEvent<unknown>) => {
      this.#on({ name: "heard" });
      this.#listener.message(event.data);
    };
  }

  /** Lets go of a socket that may never answer again; its late events go nowhere. */
  #disconnect(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
  }
}
