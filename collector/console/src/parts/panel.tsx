import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface PanelProps {
  readonly title: string;
  /** A short fact beside the title: how many rows, of what span. */
  readonly note?: string;
  readonly actions?: ComponentChildren;
  readonly name: string;
  readonly children: ComponentChildren;
}

/** A titled region of a page. `name` is its class and the handle that tests use. */
export function Panel({ title, note, actions, name, children }: PanelProps) {
  const heading = useId();
  return (
    <section class={`panel ${name}`} aria-labelledby={heading} data-part={name}>
      <header class="panel-head">
        <h2 id={heading}>{title}</h2>
        {note ? <span class="panel-note">{note}</span> : null}
        {actions ? <div class="panel-actions">{actions}</div> : null}
      </header>
      {children}
    </section>
  );
}

interface EmptyProps {
  readonly title: string;
  /** What to do next. */
  readonly children: ComponentChildren;
}

/** What stands where data will be, and what brings it there. */
export function Empty({ title, children }: EmptyProps) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      <p>{children}</p>
    </div>
  );
}

/** Rows of the right height while the first answer is on its way. */
export function Loading({ rows = 4 }: { readonly rows?: number }) {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} class="loading-row" />
      ))}
    </div>
  );
}
