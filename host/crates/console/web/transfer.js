// What is larger than one answer: lists read whole by pages, files sent with their progress, files given out.
import { Problem, call, endSession, session } from "./api.js";

const PAGE = 1_000;

/** Reads a whole list by pages; `progress(read, total)` after each. */
export async function readAll(path, key, { signal, progress = () => {} } = {}) {
  const items = [];
  for (;;) {
    const answer = await call("GET", `${path}?offset=${items.length}&limit=${PAGE}`, undefined, { signal });
    items.push(...answer[key]);
    progress(items.length, answer.total);
    if (!answer[key].length || items.length >= answer.total) return items;
  }
}

/** Sends a body and tells how far it is, from 0 to 1: `fetch` cannot. Gives the answer, or throws a Problem. */
export function send(method, path, body, { type, signal, progress = () => {} }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    request.setRequestHeader("content-type", type);
    request.setRequestHeader("accept", "application/json");
    if (session().csrf) request.setRequestHeader("x-csrf-token", session().csrf);
    request.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // What stands between may answer with a page of its own: the status has to do.
      }
      if (request.status < 300) return resolve(answer);
      if (request.status === 401) endSession();
      answer.request_id ??= request.getResponseHeader("x-request-id");
      const wait = Number.parseInt(request.getResponseHeader("retry-after") ?? "", 10);
      return reject(new Problem(request.status, answer, Number.isFinite(wait) ? wait : null));
    };
    request.onerror = () => reject(new Problem(0, { title: "No answer", detail: "The service cannot be reached." }));
    request.onabort = () => reject(new DOMException("It was stopped.", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

/** Gives a list out as a CSV file. */
export async function download(path, name) {
  const response = await call("GET", path, undefined, { raw: true, headers: { accept: "text/csv" } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${name}-${new Date().toISOString().slice(0, 10)}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
