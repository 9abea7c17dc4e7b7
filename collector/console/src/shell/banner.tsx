import { useEffect, useState } from "preact/hooks";
import { useLive } from "../doors/live.tsx";

/** A blip shorter than this shows nothing. */
const PATIENCE_MS = 1000;

/** Says that the figures stand still, since when nothing came, and offers to hurry. */
export function Banner() {
  const { link, latest, fault, retry } = useLive();
  const [shown, setShown] = useState(false);
  const down = link.name !== "open";
  useEffect(() => {
    if (!down) {
      setShown(false);
      return undefined;
    }
    const timer = setTimeout(() => setShown(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [down]);
  return (
    <div class="banner-place" role="status" aria-live="polite">
      {fault ? <Fault reason={fault} /> : null}
      {shown ? (
        <div class="banner" data-part="reconnect">
          <p>
            <strong>Connection to the collector lost.</strong>{" "}
            {latest ? "The figures below are the last ones received. " : ""}
            Trying again by itself.
          </p>
          <button type="button" onClick={retry} disabled={link.name === "connecting"}>
            {link.name === "connecting" ? "Connecting…" : "Retry now"}
          </button>
        </div>
      ) : null}
    </div>
  );
}

/** A collector that was upgraded under an open page may speak in a way that the page cannot read. */
function Fault({ reason }: { readonly reason: string }) {
  return (
    <div class="banner" data-part="outdated">
      <p>
        <strong>This page cannot read the live figures.</strong> The collector may be newer than the
        page ({reason}).
      </p>
      <button type="button" onClick={() => location.reload()}>
        Reload
      </button>
    </div>
  );
}
