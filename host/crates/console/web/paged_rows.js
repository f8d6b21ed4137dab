// The rows of a long list, read from the service page by page: which pages are cached, and which are being loaded.
import { isUnreachable } from "./api.js";

const PAGE = 100;
/** Pages that stay cached, so that scrolling back shows six thousand rows at once. */
const MAX_PAGES = 60;

export class PagedRows {
  /**
   * `load(offset, limit, {signal, isBackground})` returns `{rows, total}`. `onChange({isRestart})` is called when rows
   * have changed.
   */
  constructor(load, onChange) {
    Object.assign(this, { load, onChange, pages: new Map(), total: null, problem: null, isOutdated: false, clock: 0 });
  }

  /** Returns a row, or undefined if it is not loaded. */
  row(index) {
    return this.pages.get(Math.floor(index / PAGE))?.rows?.[index % PAGE];
  }

  /** Loads these rows, and cancels requests for other pages. */
  request(from, to) {
    if (this.isOutdated) return;
    const first = Math.floor(Math.max(0, from) / PAGE);
    const last = Math.floor(Math.max(0, to) / PAGE);
    for (const [number, page] of this.pages) {
      if (page.request && (number < first || number > last)) this.#cancel(number, page);
    }
    for (let number = first; number <= last; number += 1) {
      const page = this.pages.get(number);
      if (page) page.usedAt = ++this.clock;
      if (!page || (page.isStale && !page.request && !page.hasFailed)) this.#fetch(number);
    }
    this.#evict(first, last);
  }

  /** Changes the query. The old rows stay until the first new page is loaded. */
  restart(load) {
    this.load = load;
    this.isOutdated = true;
    this.problem = null;
    for (const page of this.pages.values()) page.request?.abort();
    this.#fetch(0);
  }

  /** Marks all rows for another load with the same query. They stay until then. */
  reload() {
    this.problem = null;
    for (const [number, page] of this.pages) {
      page.request?.abort();
      page.request = null;
      page.hasFailed = false;
      page.isStale = true;
      if (!page.rows) this.pages.delete(number);
    }
    if (this.isOutdated || this.total === null) this.#fetch(0);
  }

  /** Replaces each loaded row by `change(row)` until it is loaded again. */
  update(change) {
    for (const page of this.pages.values()) if (page.rows) page.rows = page.rows.map(change);
    this.onChange({});
  }

  close() {
    for (const page of this.pages.values()) page.request?.abort();
    this.pages.clear();
    this.onChange = () => {};
  }

  async #fetch(number) {
    const request = new AbortController();
    const page = this.isOutdated ? { rows: null } : (this.pages.get(number) ?? { rows: null });
    // A page that is loaded again because something changed: no person asked for this.
    const isBackground = Boolean(page.rows && page.isStale);
    Object.assign(page, { request, isStale: true, hasFailed: false, usedAt: ++this.clock });
    if (this.isOutdated) this.next = page;
    else this.pages.set(number, page);
    const isCurrent = () => page.request === request && (this.next === page || this.pages.get(number) === page);
    let answer;
    try {
      answer = await this.load(number * PAGE, PAGE, { signal: request.signal, isBackground });
    } catch (problem) {
      if (request.signal.aborted || !isCurrent()) return;
      Object.assign(page, { request: null, hasFailed: true });
      // The frame says that what is shown is old.
      if (!isBackground || !isUnreachable(problem)) this.problem = problem;
      this.onChange({});
      return;
    }
    if (request.signal.aborted || !isCurrent()) return;
    const isRestart = this.next === page;
    if (isRestart) {
      this.pages.clear();
      this.pages.set(number, page);
      Object.assign(this, { isOutdated: false, next: null });
    }
    Object.assign(page, { rows: answer.rows, request: null, isStale: false });
    this.total = answer.total;
    this.problem = null;
    this.onChange({ isRestart });
  }

  #cancel(number, page) {
    page.request.abort();
    page.request = null;
    if (!page.rows) this.pages.delete(number);
  }

  /** Removes the pages that were not used for the longest time. */
  #evict(first, last) {
    if (this.pages.size <= MAX_PAGES) return;
    const idle = [...this.pages].filter(([number, page]) => !page.request && (number < first || number > last));
    idle.sort(([, a], [, b]) => a.usedAt - b.usedAt);
    for (const [number] of idle.slice(0, this.pages.size - MAX_PAGES)) this.pages.delete(number);
  }
}
