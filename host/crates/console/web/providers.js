// The plugins: what runs, what waits, what is broken; and where a new one is dropped, checked and shown.
import { useProviders } from "./data.js";
import { useDropped } from "./filters.js";
import { bytes, compare, plural, sentence, short } from "./format.js";
import { go, Link } from "./router.js";
import { send } from "./transfer.js";
import { Button, Drop, Empty, Monogram, Notice, Page, Progress, Status, Time, toast } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const MOST = 32 * 1024 * 1024;

/** How a plugin stands, in a word. */
export function Standing({ entry }) {
  const [kind, word] =
    entry.state === "approved" && entry.paused_until
      ? ["wait", "Backing off after failures"]
      : (STATES[entry.state] ?? ["none", entry.state]);
  return html`<${Status} kind=${kind} word=${word} />`;
}

const STATES = {
  approved: ["ok", "Approved"],
  pending: ["ask", "Awaiting approval"],
  disabled: ["off", "Paused"],
  broken: ["bad", "Broken"],
};

export default function Providers() {
  const { providers, folderProblem, problem, reload } = useProviders();
  const [sending, setSending] = useState(null);
  const [refusal, setRefusal] = useState(null);
  const stop = useRef(null);
  useEffect(() => {
    // Where one goes from here, so that it is there at once.
    import("./provider.js").catch(() => {});
    return () => stop.current?.abort();
  }, []);

  const take = async (file) => {
    if (sending) return;
    setRefusal(null);
    if (file.size > MOST) return setRefusal({ file, words: `It is ${bytes(file.size)} large; the limit is 32 MB.` });
    const head = new Uint8Array(await file.slice(0, 8).arrayBuffer());
    const isComponent = [0x00, 0x61, 0x73, 0x6d].every((byte, at) => head[at] === byte);
    if (!isComponent) return setRefusal({ file, words: "It is not a WebAssembly file." });
    stop.current = new AbortController();
    setSending({ name: file.name, done: 0 });
    try {
      const progress = (done) => setSending({ name: file.name, done });
      const { provider } = await send("POST", "/api/admin/providers", file, {
        type: "application/wasm",
        signal: stop.current.signal,
        progress,
      });
      reload();
      const waits = provider.state === "pending" || provider.waiting.length > 0;
      toast(
        waits
          ? `${provider.title ?? provider.id} was checked and is awaiting your approval.`
          : `${provider.title ?? provider.id} is already here, in exactly this version.`,
      );
      go(`/providers/${encodeURIComponent(provider.id)}`);
    } catch (problem) {
      if (problem.name !== "AbortError") setRefusal({ file, problem });
      setSending(null);
    }
    return undefined;
  };
  const isOver = useDropped(take);
  const sorted = [...(providers ?? [])].sort(
    (a, b) => rank(a) - rank(b) || compare(a.title ?? a.id, b.title ?? b.id),
  );
  return html`
    <${Page} title="Plugins"
      lead="Each service is reached through a plugin: sandboxed, without a secret, calling only what you approved.">
      ${
        sending
          ? html`<${Sending} sending=${sending} onStop=${() => stop.current.abort()} />`
          : html`<${Drop} label="Choose a plugin" accept=".wasm,application/wasm" onFile=${take}
          help="or drop a .wasm file on this page. It is checked first; nothing of it runs until you approve it." />`
      }
      ${refusal && html`<${Refused} refusal=${refusal} onClose=${() => setRefusal(null)} />`}
      ${
        folderProblem &&
        html`<${Notice} kind="warn" title="The plugins folder cannot be used" means=${folderProblem}
        todo="Approved plugins keep running. Fix the folder, and it is read again." />`
      }
      ${problem && html`<${Notice} problem=${problem} onRetry=${reload} />`}
      ${!providers && !problem && html`<${Progress} label="Loading…" />`}
      ${
        providers &&
        (sorted.length
          ? html`<ul class="plain-list stack">${sorted.map((entry) => html`<${Entry} key=${entry.id}
            entry=${entry} />`)}</ul>`
          : html`<${Empty} icon="box"
            title="No plugins yet">Drop a .wasm file here, or put it into the plugins folder.<//>`)
      }
      ${isOver && html`<div class="veil" aria-hidden="true">Drop the plugin to have it checked</div>`}
    <//>
  `;
}

/** What needs somebody stands first. */
const rank = (entry) =>
  entry.state === "pending" || entry.waiting.length ? 0 : entry.state === "broken" || entry.paused_until ? 1 : 2;

function Sending({ sending, onStop }) {
  const isSent = sending.done >= 1;
  return html`<div class="card stack">
    <${Progress} label=${`${isSent ? "Checking" : "Uploading"} ${sending.name}…`}
      value=${sending.done} max=${isSent ? undefined : 1} />
    <div class="row"><${Button} onClick=${onStop}>Stop<//></div>
  </div>`;
}

function Refused({ refusal, onClose }) {
  const { file, words, problem } = refusal;
  const why = words ?? problem.errors?.find(({ field }) => field === "component")?.message;
  const close = html`<${Button} onClick=${onClose}>Close<//>`;
  if (!why) return html`<${Notice} problem=${problem} title=${`${file.name} was not added`} action=${close} />`;
  return html`<${Notice} kind="bad" title=${`${file.name} cannot be used`} means=${sentence(why)}
    todo="Nothing was changed: every plugin runs as before." action=${close}>
    ${problem?.requestId && html`<p class="small">Request id <code>${problem.requestId}</code></p>`}
  <//>`;
}

function calls({ hosts = [] }) {
  if (!hosts.length) return "";
  return ` · calls ${hosts.length > 2 ? plural(hosts.length, "host") : hosts.join(", ")}`;
}

function differences({ changes }) {
  const count = changes?.words.length;
  return count ? `${plural(count, "change")} to review` : "no change in what it asks for";
}

function Entry({ entry }) {
  const title = entry.title ?? entry.id;
  const path = `/providers/${encodeURIComponent(entry.id)}`;
  return html`<li>
    <article class="card plugin-entry" aria-label=${title}>
      <${Monogram} id=${entry.id} title=${title} />
      <div class="grow stack tight">
        <h2 class="wrap"><${Link} to=${path}>${title}<//></h2>
        <p class="muted small">${entry.version ? `Version ${entry.version}` : "No version"}${entry.digest &&
          html` · <code>${short(entry.digest)}</code>`}
          ${calls(entry)}</p>
        ${entry.state === "broken" && html`<p class="error">${entry.reason}</p>`}
        ${entry.paused_until && html`<p class="small">It failed repeatedly. It is tried again <${Time}
          at=${entry.paused_until} />.</p>`}
        ${entry.waiting.map(
          (version) => html`<p key=${version.digest} class="small strong">
          Version ${version.version} is waiting: ${differences(version)}</p>`,
        )}
      </div>
      <${Standing} entry=${entry} />
      ${
        entry.state === "pending" || entry.waiting.length > 0
          ? html`<${Button} look="primary" to=${path}>Review and approve<span class="unseen">: ${title}</span><//>`
          : html`<${Button} to=${path}>View<span class="unseen">: ${title}</span><//>`
      }
    </article>
  </li>`;
}
