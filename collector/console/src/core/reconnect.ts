/** When to open, close and re-open the live connection: a machine without clock or socket.
 *
 * Time comes in as `now` (milliseconds), what to do goes out as `effect`.
 */

/** The server speaks every second; this much silence means that the connection is dead. */
export const SILENCE_MS = 6000;
/** The first pause; it doubles up to the longest, so that a dead server is asked calmly. */
export const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 10_000;

export type Link =
  | { readonly name: "connecting"; readonly attempt: number; readonly since: number }
  | { readonly name: "open"; readonly heard: number }
  | { readonly name: "waiting"; readonly attempt: number; readonly until: number }
  | { readonly name: "stopped" };

export type LinkEvent =
  | { readonly name: "start" | "opened" | "heard" | "lost" | "tick" | "retry" | "stop" };

export type Effect = "connect" | "disconnect" | "none";

export interface Step {
  readonly link: Link;
  readonly effect: Effect;
}

export const STOPPED: Link = { name: "stopped" };

/** The pause before attempt `attempt` (from 1); `jitter` in 0..1 takes off up to a quarter. */
export function pauseMs(attempt: number, jitter: number): number {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, attempt - 1));
  return Math.round(full * (1 - jitter / 4));
}

export function step(link: Link, event: LinkEvent, now: number, jitter: number): Step {
  if (event.name === "stop") return { link: STOPPED, effect: effectOfStop(link) };
  switch (link.name) {
    case "stopped":
      return event.name === "start" ? connect(0, now) : stay(link);
    case "connecting":
      return whileConnecting(link, event, now, jitter);
    case "open":
      return whileOpen(link, event, now, jitter);
    case "waiting":
      return event.name === "retry" || (event.name === "tick" && now >= link.until)
        ? connect(link.attempt, now)
        : stay(link);
  }
}

function whileConnecting(
  link: Link & { name: "connecting" }, event: LinkEvent, now: number, jitter: number,
): Step {
  if (event.name === "opened") return stay({ name: "open", heard: now });
  if (event.name === "lost") return pause(link.attempt + 1, now, jitter, "none");
  const late = event.name === "tick" && now - link.since > SILENCE_MS;
  return late ? pause(link.attempt + 1, now, jitter, "disconnect") : stay(link);
}

function whileOpen(
  link: Link & { name: "open" }, event: LinkEvent, now: number, jitter: number,
): Step {
  if (event.name === "heard") return stay({ name: "open", heard: now });
  if (event.name === "lost") return pause(1, now, jitter, "none");
  const silent = event.name === "tick" && now - link.heard > SILENCE_MS;
  return silent ? pause(1, now, jitter, "disconnect") : stay(link);
}

const stay = (link: Link): Step => ({ link, effect: "none" });

const connect = (attempt: number, now: number): Step => ({
  link: { name: "connecting", attempt, since: now },
  effect: "connect",
});

const pause = (attempt: number, now: number, jitter: number, effect: Effect): Step => ({
  link: { name: "waiting", attempt, until: now + pauseMs(attempt, jitter) },
  effect,
});

const effectOfStop = (link: Link): Effect =>
  link.name === "open" || link.name === "connecting" ? "disconnect" : "none";
