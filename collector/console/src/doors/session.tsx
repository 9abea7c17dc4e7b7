/** Who is signed in. Pages are drawn only for somebody whom the collector lets read. */

import { createContext, type ComponentChildren } from "preact";
import { useCallback, useContext, useEffect, useState } from "preact/hooks";
import { readPerson, type Person } from "../core/records.ts";
import { anything } from "../core/shape.ts";
import { getJson, postJson, SIGNED_OUT } from "./http.ts";

const AGAIN_MS = 3000;
const NOBODY: Person = { signed_in: false, username: "", role: "", by: "", csrf: "" };

export interface Session {
  readonly person: Person;
  readonly signIn: (username: string, password: string) => Promise<void>;
  readonly signOut: () => Promise<void>;
}

const SessionContext = createContext<Session>({
  person: NOBODY,
  signIn: () => Promise.reject(new Error("no session around")),
  signOut: () => Promise.reject(new Error("no session around")),
});

export const useSession = (): Session => useContext(SessionContext);

interface ProviderProps {
  /** Drawn until the collector has said who this is. */
  readonly asking: ComponentChildren;
  readonly children: ComponentChildren;
}

export function SessionProvider({ asking, children }: ProviderProps) {
  const [person, setPerson] = useState<Person | null>(null);

  useEffect(() => {
    if (person !== null) return undefined;
    const abort = new AbortController();
    let timer = 0;
    const ask = () => {
      getJson("/api/auth/me", readPerson, abort.signal).then(setPerson, () => {
        if (!abort.signal.aborted) timer = window.setTimeout(ask, AGAIN_MS);
      });
    };
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [person]);

  useEffect(() => {
    const out = () => setPerson((before) => (before?.signed_in ? null : before));
    addEventListener(SIGNED_OUT, out);
    return () => removeEventListener(SIGNED_OUT, out);
  }, []);

  const signIn = useCallback(async (username: string, password: string) => {
    setPerson(await postJson("/api/auth/login", { username, password }, "", readPerson));
  }, []);
  const signOut = useCallback(async () => {
    await postJson("/api/auth/logout", {}, person?.csrf ?? "", anything);
    setPerson(NOBODY);
  }, [person]);

  if (person === null) return asking;
  return (
    <SessionContext.Provider value={{ person, signIn, signOut }}>{children}</SessionContext.Provider>
  );
}
