/** What is live, for every page: the link's state, the last minutes, the collector's clock. */

import { createContext, type ComponentChildren } from "preact";
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { readHistory, readMessage } from "../core/message.ts";
import { STOPPED, type Link } from "../core/reconnect.ts";
import { Series, type Sample } from "../core/series.ts";
import { getJson } from "./http.ts";
import { LiveLink } from "./link.ts";

/** The longest span that a page can show, in seconds. */
export const LONGEST_SPAN = 900;

export interface Live {
  readonly link: Link;
  readonly series: Series;
  readonly latest: Sample | null;
  /** Grows each time the connection opens again: what was read before may be old. */
  readonly epoch: number;
  /** Seconds that the browser's clock is behind the collector's. */
  readonly behind: number;
  /** Why the last message could not be read: the collector is newer than this page. */
  readonly fault: string | null;
  readonly retry: () => void;
}

const nothing: Live = {
  link: STOPPED,
  series: new Series(1),
  latest: null,
  epoch: 0,
  behind: 0,
  fault: null,
  retry: () => undefined,
};

const LiveContext = createContext<Live>(nothing);

export const useLive = (): Live => useContext(LiveContext);

export function LiveProvider({ children }: { readonly children: ComponentChildren }) {
  const series = useMemo(() => new Series(LONGEST_SPAN + 1), []);
  const [link, setLink] = useState<Link>(STOPPED);
  const [latest, setLatest] = useState<Sample | null>(null);
  const [epoch, setEpoch] = useState(0);
  const [behind, setBehind] = useState(0);
  const [fault, setFault] = useState<string | null>(null);
  const [openings, setOpenings] = useState(0);
  const opened = useRef(false);
  const connection = useMemo(
    () =>
      new LiveLink("/api/live", {
        changed: (next) => {
          setLink(next);
          if (next.name !== "open") return;
          setOpenings((number) => number + 1);
          if (opened.current) setEpoch((number) => number + 1);
          opened.current = true;
        },
        message: (data) => {
          try {
            const message = readMessage(data);
            if (!message || !series.push(message)) return;
            setLatest(message);
            setBehind(message.time - Date.now() / 1000);
            setFault(null);
          } catch (error) {
            setFault(error instanceof Error ? error.message : String(error));
          }
        },
      }),
    [series],
  );
  useEffect(() => {
    connection.start();
    return () => connection.stop();
  }, [connection]);
  useEffect(() => {
    if (!openings) return undefined;
    const request = new AbortController();
    getJson("/api/live/history", readHistory, request.signal).then(
      (samples) => {
        series.fill(samples);
        const last = samples.at(-1);
        // A new object even where nothing newer came: charts draw what was filled in before it.
        setLatest((now) => (now ? { ...now } : (last ?? null)));
      },
      // Without the past the chart begins here; whatever is wrong shows in the link itself.
      () => undefined,
    );
    return () => request.abort();
  }, [openings, series]);
  const live = { link, series, latest, epoch, behind, fault, retry: connection.retry };
  return <LiveContext.Provider value={live}>{children}</LiveContext.Provider>;
}
