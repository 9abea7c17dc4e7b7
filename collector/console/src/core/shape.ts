/** Reads unknown JSON into typed records, or says in one line where it is not as expected. */

export class Malformed extends Error {
  override readonly name = "Malformed";
}

export type Read<T> = (value: unknown, where: string) => T;

const wrong = (where: string, wanted: string): never => {
  throw new Malformed(`${where}: expected ${wanted}`);
};

export const text: Read<string> = (value, where) =>
  typeof value === "string" ? value : wrong(where, "text");

export const number: Read<number> = (value, where) =>
  typeof value === "number" && Number.isFinite(value) ? value : wrong(where, "a number");

export const flag: Read<boolean> = (value, where) =>
  typeof value === "boolean" ? value : wrong(where, "true or false");

export const anything: Read<unknown> = (value) => value;

export const list =
  <T>(item: Read<T>): Read<T[]> =>
  (value, where) =>
    Array.isArray(value)
      ? value.map((one, index) => item(one, `${where}[${index}]`))
      : wrong(where, "a list");

export const maybe =
  <T>(item: Read<T>, otherwise: T): Read<T> =>
  (value, where) =>
    value === undefined || value === null ? otherwise : item(value, where);

function object(value: unknown, where: string): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : wrong(where, "an object");
}

/** An object used as a map from any name to one kind of value. */
export const map =
  <T>(item: Read<T>): Read<Readonly<Record<string, T>>> =>
  (value, where) =>
    Object.fromEntries(
      Object.entries(object(value, where)).map(([key, one]) => [key, item(one, `${where}.${key}`)]),
    );

/** An object with known fields; fields not named here are ignored. */
export const record =
  <T extends object>(fields: { readonly [K in keyof T]: Read<T[K]> }): Read<T> =>
  (value, where) => {
    const given = object(value, where);
    const names = Object.keys(fields) as (keyof T & string)[];
    return Object.fromEntries(
      names.map((name) => [name, fields[name](given[name], `${where}.${name}`)]),
    ) as T;
  };
