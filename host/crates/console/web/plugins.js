// The page of all plugins: what runs, what awaits approval, what is broken; and the upload of a new plugin.
import { useFileDrop } from "./file_drop.js";
import { compareNames, formatBytes, formatCount, shortenDigest, toDisplayable, toSentence } from "./format.js";
import { getTitle, usePlugins } from "./live_lists.js";
import { PluginStatus } from "./plugin_status.js";
import { Link, navigate } from "./router.js";
import { upload } from "./transfer.js";
import { Button, EmptyState, FileDrop, Monogram, Notice, Page, Progress, showToast, Time } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

/** Maximum size of a plugin in bytes, as the service limits it. */
const MAX_BYTES = 32 * 1024 * 1024;

/** The first bytes of every WebAssembly file. */
const WASM_MAGIC = [0x00, 0x61, 0x73, 0x6d];

export default function Plugins() {
  const { plugins, folderProblem, problem, reload } = usePlugins();
  const { uploading, rejection, uploadPlugin, stopUpload, clearRejection } = useUpload(reload);
  const isOver = useFileDrop(uploadPlugin);
  useEffect(() => {
    // Most visitors open a plugin next, so its page is loaded in advance.
    import("./plugin.js").catch(() => {});
  }, []);
  const sorted = [...(plugins ?? [])].sort(
    (a, b) => getRank(a) - getRank(b) || compareNames(getTitle(a), getTitle(b)),
  );
  return html`
    <${Page} title="Plugins"
      lead="A plugin connects one service. It runs in a sandbox, never sees a secret, and calls only what you approved.">
      ${
        uploading
          ? html`<${UploadProgress} uploading=${uploading} onStop=${stopUpload} />`
          : html`<${FileDrop} label="Choose a plugin" accept=".wasm,application/wasm" onFile=${uploadPlugin}
          help="or drop a .wasm file on this page. It is checked first, and does not run until you approve it." />`
      }
      ${rejection && html`<${Rejection} rejection=${rejection} onClose=${clearRejection} />`}
      ${
        folderProblem &&
        html`<${Notice} kind="warn" title="The plugins folder cannot be used" means=${`${toSentence(toDisplayable(folderProblem))}.`}
        todo="Jackfield ignores the files in it. Approved plugins keep running. Once the folder is fixed, it is read again automatically." />`
      }
      ${problem && html`<${Notice} problem=${problem} onRetry=${reload} />`}
      ${!plugins && !problem && html`<${Progress} label="Loading…" />`}
      ${
        plugins &&
        (sorted.length
          ? html`<ul class="plain-list stack">${sorted.map((plugin) => html`<${PluginCard} key=${plugin.id}
            plugin=${plugin} />`)}</ul>`
          : html`<${EmptyState} icon="box"
            title="No plugins yet">Drop a .wasm file here, or put one into the plugins folder.<//>`)
      }
      ${isOver && html`<div class="veil" aria-hidden="true">Drop the plugin to check it</div>`}
    <//>
  `;
}

/** Uploads a plugin, and opens its page when the service accepted it. */
function useUpload(reload) {
  const [uploading, setUploading] = useState(null);
  const [rejection, setRejection] = useState(null);
  const abort = useRef(null);
  useEffect(() => () => abort.current?.abort(), []);

  const uploadPlugin = async (file) => {
    if (uploading) return;
    setRejection(null);
    const reason = await findFileError(file);
    if (reason) return setRejection({ file, reason });
    abort.current = new AbortController();
    const progress = (done) => setUploading({ name: file.name, done });
    progress(0);
    try {
      const { provider: plugin } = await upload("POST", "/api/admin/providers", file, {
        type: "application/wasm",
        signal: abort.current.signal,
        progress,
      });
      reload();
      const title = getTitle(plugin);
      showToast(
        isAwaitingApproval(plugin)
          ? `${title} was checked and is awaiting your approval.`
          : `Exactly this version of ${title} is already here.`,
      );
      navigate(`/providers/${encodeURIComponent(plugin.id)}`);
    } catch (problem) {
      if (problem.name !== "AbortError") setRejection({ file, problem });
      setUploading(null);
    }
    return undefined;
  };
  return {
    uploading,
    rejection,
    uploadPlugin,
    stopUpload: () => abort.current.abort(),
    clearRejection: () => setRejection(null),
  };
}

/** Returns why a file cannot be a plugin, as a sentence, or null. */
async function findFileError(file) {
  if (file.size > MAX_BYTES) return `The file has ${formatBytes(file.size)}; the maximum is 32 MB.`;
  const head = new Uint8Array(await file.slice(0, WASM_MAGIC.length).arrayBuffer());
  return WASM_MAGIC.every((byte, at) => head[at] === byte) ? null : "It is not a WebAssembly file.";
}

const isAwaitingApproval = (plugin) => plugin.state === "pending" || plugin.waiting.length > 0;

/** Plugins that need a decision come first, then those with a problem. */
const getRank = (plugin) =>
  isAwaitingApproval(plugin) ? 0 : plugin.state === "broken" || plugin.paused_until ? 1 : 2;

function UploadProgress({ uploading, onStop }) {
  const isSent = uploading.done >= 1;
  return html`<div class="card stack">
    <${Progress} label=${`${isSent ? "Checking" : "Uploading"} ${toDisplayable(uploading.name)}…`}
      value=${uploading.done} max=${isSent ? undefined : 1} />
    <div class="row"><${Button} onClick=${onStop}>Stop<//></div>
  </div>`;
}

function Rejection({ rejection, onClose }) {
  const { problem } = rejection;
  const name = toDisplayable(rejection.file.name);
  const reason = rejection.reason ?? problem.errors?.find(({ field }) => field === "component")?.message;
  const close = html`<${Button} onClick=${onClose}>Close<//>`;
  if (!reason) return html`<${Notice} problem=${problem} title=${`${name} was not added`} action=${close} />`;
  return html`<${Notice} kind="bad" title=${`${name} cannot be used`} means=${toSentence(reason)}
    todo="Nothing was changed. All plugins run as before." action=${close}>
    ${problem?.requestId && html`<p class="small">Request id <code>${problem.requestId}</code></p>`}
  <//>`;
}

function describeHosts({ hosts = [] }) {
  if (!hosts.length) return "";
  return ` · calls ${hosts.length > 2 ? formatCount(hosts.length, "host") : hosts.join(", ")}`;
}

function describeChanges({ changes }) {
  const count = changes?.words.length;
  return count ? `${formatCount(count, "change")} to review` : "no changes to its permissions";
}

function PluginCard({ plugin }) {
  const title = getTitle(plugin);
  const path = `/providers/${encodeURIComponent(plugin.id)}`;
  return html`<li>
    <article class="card plugin-card" aria-label=${title}>
      <${Monogram} id=${plugin.id} title=${title} />
      <div class="grow stack tight">
        <h2 class="wrap"><${Link} to=${path}>${title}<//></h2>
        <p class="muted small">${plugin.version ? `Version ${plugin.version}` : "No version"}${plugin.digest &&
          html` · <code>${shortenDigest(plugin.digest)}</code>`}
          ${describeHosts(plugin)}</p>
        ${plugin.state === "broken" && html`<p class="error">${toDisplayable(plugin.reason)}</p>`}
        ${plugin.state === "checking" && html`<p class="small">${toSentence(toDisplayable(plugin.reason))}</p>`}
        ${plugin.paused_until && html`<p class="small">It failed repeatedly. It is called again <${Time}
          at=${plugin.paused_until} />.</p>`}
        ${plugin.waiting.map(
          (version) => html`<p key=${version.digest} class="small strong">
          Version ${version.version} is awaiting approval: ${describeChanges(version)}</p>`,
        )}
      </div>
      <${PluginStatus} plugin=${plugin} />
      ${
        isAwaitingApproval(plugin)
          ? html`<${Button} look="primary" to=${path}>Review and approve<span class="visually-hidden">: ${title}</span><//>`
          : html`<${Button} to=${path}>View<span class="visually-hidden">: ${title}</span><//>`
      }
    </article>
  </li>`;
}
