import { Component, type ComponentChildren } from "preact";

interface Props {
  /** A change of this forgets the error: another page deserves a fresh try. */
  readonly place: string;
  readonly children: ComponentChildren;
}

interface Failure {
  readonly error: Error | null;
}

/** Keeps a fault in one page from taking the whole console along. */
export class Boundary extends Component<Props, Failure> {
  override state: Failure = { error: null };

  static override getDerivedStateFromError(error: unknown): Failure {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override componentDidUpdate(before: Props): void {
    if (before.place !== this.props.place && this.state.error) this.setState({ error: null });
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div class="notice" role="alert" data-part="fault">
        <h1>This page stopped working</h1>
        <p>
          The rest of the console still runs. Try the page again; if it fails again, reload, and
          report the line below.
        </p>
        <pre>{`${error.name}: ${error.message}`}</pre>
        <div class="notice-actions">
          <button type="button" onClick={() => this.setState({ error: null })}>
            Try again
          </button>
          <button type="button" onClick={() => location.reload()}>
            Reload
          </button>
        </div>
      </div>
    );
  }
}
