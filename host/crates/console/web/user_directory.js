// The users of a provider: read page by page while somebody searches for one, and cached until sign-out.
import { call, onSession } from "./api.js";
import { foldText } from "./format.js";
import { useEffect, useReducer } from "./vendor/preact.js";

const PAGE = 200;
/** How many users are read if only their names are needed. */
const MAX_NAMES = 1_000;
/** How many matches of a search are ranked. */
const MAX_MATCHES = 2_000;
const directories = new Map();

// The next person to sign in must not see what the previous one read.
onSession((session) => session.signed_in || directories.clear());

class UserDirectory {
  users = [];
  byId = new Map();
  problem = null;
  #provider;
  #cursor = "";
  #isReading = false;
  // Each watcher with the number of users that it needs.
  #watchers = new Map();

  constructor(provider) {
    this.#provider = provider;
  }

  get isComplete() {
    return this.#cursor === null;
  }

  get isReading() {
    return this.#isReading;
  }

  /** Reads until `count` users are known, and calls `watcher` after each page. Returns a function that stops this. */
  watch(watcher, count = Infinity) {
    this.#watchers.set(watcher, count);
    this.#read();
    return () => this.#watchers.delete(watcher);
  }

  /** Returns up to `limit` users that contain every word, with the likeliest for this person first. */
  search(text, person, limit) {
    const words = foldText(text).split(/\s+/u).filter(Boolean);
    const email = foldText(person.email);
    const name = foldText(person.name);
    const found = [];
    for (const user of this.users) {
      if (!words.every((word) => user.key.includes(word))) continue;
      const isPrefix = words.every((word) => ` ${user.key}`.includes(` ${word}`));
      const rank =
        foldText(user.email) === email
          ? 0
          : foldText(user.name) === name
            ? 1
            : (isPrefix ? 2 : 4) + (user.person ? 1 : 0);
      found.push({ user, rank });
      if (words.length && found.length > MAX_MATCHES) break;
    }
    return found
      .sort((a, b) => a.rank - b.rank)
      .slice(0, limit)
      .map(({ user }) => user);
  }

  /** Records to which person an account is mapped now, or null. */
  setPerson(externalId, person) {
    for (const user of this.users) if (person && user.person?.id === person.id) user.person = null;
    const user = this.byId.get(externalId);
    if (user) user.person = person;
    this.#notify();
  }

  async #read() {
    if (this.#isReading || this.isComplete) return;
    this.#isReading = true;
    this.problem = null;
    try {
      while (!this.isComplete && Math.max(0, ...this.#watchers.values()) > this.users.length) {
        const cursor = this.#cursor ? `&cursor=${encodeURIComponent(this.#cursor)}` : "";
        const path = `/api/admin/connections/${encodeURIComponent(this.#provider)}/users`;
        const page = await call("GET", `${path}?limit=${PAGE}&with=person${cursor}`);
        for (const user of page.users) {
          user.key = foldText(`${user.name} ${user.email ?? ""} ${user.external_id}`);
          if (!this.byId.has(user.external_id)) this.users.push(user);
          this.byId.set(user.external_id, user);
        }
        this.#cursor = page.next_cursor ?? null;
        this.#notify();
      }
    } catch (problem) {
      this.problem = problem;
    }
    this.#isReading = false;
    this.#notify();
  }

  #notify() {
    for (const watcher of this.#watchers.keys()) watcher();
  }
}

/** Returns the directory of a provider, with the users that were read so far. */
export function getDirectory(provider) {
  if (!directories.has(provider)) directories.set(provider, new UserDirectory(provider));
  return directories.get(provider);
}

/** Drops the cached users of a provider, because it was connected again. */
export const dropDirectory = (provider) => directories.delete(provider);

/** Reads enough users of each provider that most accounts have a name. Returns a number that changes with each page. */
export function useUserNames(providers) {
  const [version, redraw] = useReducer((count) => count + 1, 0);
  const all = providers.filter(({ hasUsers }) => hasUsers).map(({ id }) => getDirectory(id));
  useEffect(() => {
    const stops = all.map((directory) => directory.watch(redraw, MAX_NAMES));
    return () => {
      for (const stop of stops) stop();
    };
  }, all);
  return version;
}

/** Reads the whole directory of a provider while the calling component is shown. */
export function useDirectory(provider) {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const directory = getDirectory(provider);
  useEffect(() => directory.watch(redraw), [directory]);
  return directory;
}
