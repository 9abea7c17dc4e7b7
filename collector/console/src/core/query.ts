/** A page's state as its URL query: typed to the page, short in the address bar. */

export interface Field<T> {
  readonly initial: T;
  /** Null when the text is not a value of this field; the initial value then stands. */
  readonly read: (text: string) => T | null;
  readonly write: (value: T) => string;
}

interface AnyField {
  readonly initial: unknown;
  readonly read: (text: string) => unknown;
  readonly write: (value: never) => string;
}
export type Schema = Readonly<Record<string, AnyField>>;
export type State<S extends Schema> = {
  readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never;
};

export function text(initial = "", longest = 120): Field<string> {
  return {
    initial,
    read: (value) => (value.length <= longest ? value : null),
    write: (value) => value,
  };
}

export function choice<const T extends string>(allowed: readonly T[], initial: T): Field<T> {
  return {
    initial,
    read: (value) => allowed.find((one) => one === value) ?? null,
    write: (value) => value,
  };
}

export function integer(initial: number, allowed: readonly number[]): Field<number> {
  return {
    initial,
    read: (value) => allowed.find((one) => String(one) === value) ?? null,
    write: String,
  };
}

/** Reads a query string; what is absent, unknown or wrong takes its initial value. */
export function readQuery<S extends Schema>(schema: S, search: string): State<S> {
  const given = new URLSearchParams(search);
  const entries = Object.entries(schema).map(([name, field]) => {
    const value = given.get(name);
    const read: unknown = value === null ? null : field.read(value);
    return [name, read ?? field.initial];
  });
  return Object.fromEntries(entries) as State<S>;
}

/** Writes a query string with its "?"; values equal to their initial ones are left out. */
export function writeQuery<S extends Schema>(schema: S, state: State<S>): string {
  const parameters = new URLSearchParams();
  for (const [name, field] of Object.entries(schema)) {
    const value = state[name as keyof S];
    if (value !== field.initial) parameters.set(name, field.write(value as never));
  }
  const written = parameters.toString();
  return written ? `?${written}` : "";
}
