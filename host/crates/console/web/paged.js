// Rows that lie at the server, read a page at a time: what was read, what is under way, what nobody looks at any more.

const PAGE = 100;
// Pages that are kept: some six thousand rows, so that going back shows them at once.
const KEPT = 60;

export class Paged {
  // `load(offset, limit, {signal, isBackground})` gives `{rows, total}`; `changed({restarted})` tells of news.
  constructor(load, changed) {
    Object.assign(this, { load, changed, pages: new Map(), total: null, problem: null, outdated: false, turn: 0 });
  }

  row(index) {
    return this.pages.get(Math.floor(index / PAGE))?.rows?.[index % PAGE];
  }

  // Sees to it that these rows come, and drops what was asked for and is not in sight any more.
  want(from, to) {
    if (this.outdated) return;
    const first = Math.floor(Math.max(0, from) / PAGE);
    const last = Math.floor(Math.max(0, to) / PAGE);
    for (const [number, page] of this.pages) {
      if (page.request && (number < first || number > last)) this.#drop(number, page);
    }
    for (let number = first; number <= last; number += 1) {
      const page = this.pages.get(number);
      if (page) page.turn = ++this.turn;
      if (!page || (page.stale && !page.request && !page.failed)) this.#fetch(number);
    }
    this.#forget(first, last);
  }

  // Another question: what is shown stays until its first answer is there.
  restart(load) {
    this.load = load;
    this.outdated = true;
    this.problem = null;
    for (const page of this.pages.values()) page.request?.abort();
    this.#fetch(0);
  }

  // The same question once more; what is shown stays meanwhile.
  reload() {
    this.problem = null;
    for (const [number, page] of this.pages) {
      page.request?.abort();
      page.request = null;
      page.failed = false;
      page.stale = true;
      if (!page.rows) this.pages.delete(number);
    }
    if (this.outdated || this.total === null) this.#fetch(0);
  }

  // Changes rows that were read, until they are read again.
  update(change) {
    for (const page of this.pages.values()) if (page.rows) page.rows = page.rows.map(change);
    this.changed({});
  }

  close() {
    for (const page of this.pages.values()) page.request?.abort();
    this.pages.clear();
    this.changed = () => {};
  }

  async #fetch(number) {
    const request = new AbortController();
    const page = this.outdated ? { rows: null } : (this.pages.get(number) ?? { rows: null });
    // What is read again because something changed is nobody's doing here.
    const isBackground = Boolean(page.rows && page.stale);
    Object.assign(page, { request, stale: true, failed: false, turn: ++this.turn });
    if (this.outdated) this.next = page;
    else this.pages.set(number, page);
    const ours = () => page.request === request && (this.next === page || this.pages.get(number) === page);
    try {
      const answer = await this.load(number * PAGE, PAGE, { signal: request.signal, isBackground });
      if (request.signal.aborted || !ours()) return;
      const restarted = this.next === page;
      if (restarted) {
        this.pages.clear();
        this.pages.set(number, page);
        Object.assign(this, { outdated: false, next: null });
      }
      Object.assign(page, { rows: answer.rows, request: null, stale: false });
      this.total = answer.total;
      this.problem = null;
      this.changed({ restarted });
    } catch (problem) {
      if (request.signal.aborted || !ours()) return;
      Object.assign(page, { request: null, failed: true });
      this.problem = problem;
      this.changed({});
    }
  }

  #drop(number, page) {
    page.request.abort();
    page.request = null;
    if (!page.rows) this.pages.delete(number);
  }

  #forget(first, last) {
    if (this.pages.size <= KEPT) return;
    const idle = [...this.pages].filter(([number, page]) => !page.request && (number < first || number > last));
    idle.sort(([, a], [, b]) => a.turn - b.turn);
    for (const [number] of idle.slice(0, this.pages.size - KEPT)) this.pages.delete(number);
  }
}
