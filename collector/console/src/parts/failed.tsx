import { RequestFailed } from "../doors/http.ts";

interface FailedProps {
  readonly error: Error | null;
  /** What could not be read: "agents". */
  readonly what: string;
}

/** One line under a heading when a request failed. A lost connection has its own banner. */
export function Failed({ error, what }: FailedProps) {
  if (!error || (error instanceof RequestFailed && error.status === 0)) return null;
  return (
    <p class="failed" role="alert">
      Could not read {what}: {error.message}
    </p>
  );
}
