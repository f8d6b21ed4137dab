// Large transfers: lists that are read page by page, uploads with progress, CSV downloads.
import { Problem, call, endSession, session } from "./api.js";

const PAGE = 1_000;

/** Reads a whole list page by page. Calls `progress(read, total)` after each page. */
export async function readAll(path, key, { signal, progress = () => {} } = {}) {
  const items = [];
  for (;;) {
    const answer = await call("GET", `${path}?offset=${items.length}&limit=${PAGE}`, undefined, { signal });
    items.push(...answer[key]);
    progress(items.length, answer.total);
    if (!answer[key].length || items.length >= answer.total) return items;
  }
}

/**
 * Sends a body and reports its progress from 0 to 1, which `fetch` cannot. Returns the parsed response, or throws a
 * Problem.
 */
export function upload(method, path, body, { type, signal, progress = () => {} }) {
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
        // A proxy in between may answer with a page of its own. Only the status is known then.
      }
      if (request.status < 300) return resolve(answer);
      if (request.status === 401) endSession();
      answer.request_id ??= request.getResponseHeader("x-request-id");
      const wait = Number.parseInt(request.getResponseHeader("retry-after") ?? "", 10);
      return reject(new Problem(request.status, answer, Number.isFinite(wait) ? wait : null));
    };
    request.onerror = () => reject(new Problem(0, { title: "No answer", detail: "The service cannot be reached." }));
    request.onabort = () => reject(new DOMException("The upload was stopped.", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

/** Downloads a list as a CSV file, named after the list and the date. */
export async function downloadCsv(path, name) {
  const response = await call("GET", path, undefined, { raw: true, headers: { accept: "text/csv" } });
  saveFile(await response.blob(), `${name}-${new Date().toISOString().slice(0, 10)}.csv`);
}

/** Has the browser save a file. */
export function saveFile(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
