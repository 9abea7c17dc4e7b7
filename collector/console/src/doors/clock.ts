/** Unix seconds by the collector's clock, so that a browser's wrong clock makes no wrong ages. */

import { useEffect, useState } from "preact/hooks";
import { useLive } from "./live.tsx";

const TICK_MS = 1000;
const browserNow = (): number => Date.now() / 1000;

/** The time now; draws again every second while nothing live does. */
export function useNow(): number {
  const { latest, behind } = useLive();
  const [, draw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => draw((ticks) => ticks + 1), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return latest === null ? browserNow() : browserNow() + behind;
}
