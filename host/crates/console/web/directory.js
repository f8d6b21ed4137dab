// The users of a provider: read a page at a time while somebody looks for one, and kept for the visit.
import { call, onSession } from "./api.js";
import { folded } from "./format.js";
import { useEffect, useReducer } from "./vendor/preact.js";

const PAGE = 200;
/** So many users are read only to show names. */
const NAMED = 1_000;
const directories = new Map();

// What one administrator read is not for the next.
onSession((session) => session.signed_in || directories.clear());

class Directory {
  users = [];
  byId = new Map();
  problem = null;
  #provider;
  #cursor = "";
  #reading = false;
  // Who is told of every page, and of how many users each wants to know.
  #watchers = new Map();

  constructor(provider) {
    this.#provider = provider;
  }

  get isWhole() {
    return this.#cursor === null;
  }

  get isReading() {
    return this.#reading;
  }

  /** Reads on until this is taken back or `most` users are known, and tells of every page. */
  watch(watcher, most = Infinity) {
    this.#watchers.set(watcher, most);
    this.#read();
    return () => this.#watchers.delete(watcher);
  }

  /** Those in whom every word is found, the likeliest for this person first. */
  search(text, person, most) {
    const words = folded(text).split(/\s+/u).filter(Boolean);
    const email = folded(person.email);
    const name = folded(person.name);
    const found = [];
    for (const user of this.users) {
      if (!words.every((word) => user.key.includes(word))) continue;
      const isBegun = words.every((word) => ` ${user.key}`.includes(` ${word}`));
      const rank =
        folded(user.email) === email ? 0 : folded(user.name) === name ? 1 : (isBegun ? 2 : 4) + (user.person ? 1 : 0);
      found.push({ user, rank });
      if (words.length && found.length > 2_000) break;
    }
    return found
      .sort((a, b) => a.rank - b.rank)
      .slice(0, most)
      .map(({ user }) => user);
  }

  /** Takes down whose an account is now. */
  given(externalId, person) {
    for (const user of this.users) if (person && user.person?.id === person.id) user.person = null;
    const user = this.byId.get(externalId);
    if (user) user.person = person;
    this.#tell();
  }

  async #read() {
    if (this.#reading || this.isWhole) return;
    this.#reading = true;
    this.problem = null;
    try {
      while (!this.isWhole && Math.max(0, ...this.#watchers.values()) > this.users.length) {
        const cursor = this.#cursor ? `&cursor=${encodeURIComponent(this.#cursor)}` : "";
        const path = `/api/admin/connections/${encodeURIComponent(this.#provider)}/users`;
        const page = await call("GET", `${path}?limit=${PAGE}&with=person${cursor}`);
        for (const user of page.users) {
          user.key = folded(`${user.name} ${user.email ?? ""} ${user.external_id}`);
          if (!this.byId.has(user.external_id)) this.users.push(user);
          this.byId.set(user.external_id, user);
        }
        this.#cursor = page.next_cursor ?? null;
        this.#tell();
      }
    } catch (problem) {
      this.problem = problem;
    }
    this.#reading = false;
    this.#tell();
  }

  #tell() {
    for (const watcher of this.#watchers.keys()) watcher();
  }
}

/** The directory of a provider, as far as it was read on this visit. */
export function directoryOf(provider) {
  if (!directories.has(provider)) directories.set(provider, new Directory(provider));
  return directories.get(provider);
}

/** Forgets what was read of a provider: somebody connected it anew. */
export const forget = (provider) => directories.delete(provider);

/** Reads so much of each provider's directory that most accounts have a name; gives a number that changes with it. */
export function useNames(providers) {
  const [turn, redraw] = useReducer((count) => count + 1, 0);
  const all = providers.filter(({ users }) => users).map(({ id }) => directoryOf(id));
  useEffect(() => {
    const stops = all.map((directory) => directory.watch(redraw, NAMED));
    return () => {
      for (const stop of stops) stop();
    };
  }, all);
  return turn;
}

/** Reads on in a directory for as long as the component is shown. */
export function useDirectory(provider) {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const directory = directoryOf(provider);
  useEffect(() => directory.watch(redraw), [directory]);
  return directory;
}
