// Secrets that a flow gives away on purpose, and the search for them in whatever the browser held or sent.

/** Where a secret may stand: in the body of the request that carries it, and nowhere else. */
export const CARRIED = {
  credential: (request) =>
    request.method === "PUT" && /^\/api\/admin\/(connections|providers)\/[^/]+(\/oauth-app)?$/.test(request.path),
  token: (request) => request.method === "POST" && request.path === "/api/session",
  code: (request) => request.method === "POST" && /^\/api\/admin\/connections\/[^/]+\/callback$/.test(request.path),
  never: () => false,
};

export class Secrets {
  #known = new Map();

  /** Knows a secret of a kind of [`CARRIED`]. */
  add(value, name, kind = "credential") {
    if (typeof value === "string" && value.length >= 8) this.#known.set(value, { name, kind });
    return value;
  }

  /** Knows the secret fields among those that are typed in to connect a provider. */
  addFields(provider, fields) {
    for (const [name, value] of Object.entries(fields)) {
      if (name === "service_account_key") {
        const lines = (typeof value === "string" ? JSON.parse(value) : value).private_key.split("\n");
        this.add(lines[Math.floor(lines.length / 2)], `${provider} ${name}`);
      } else if (/(token|key|secret)$/.test(name)) {
        this.add(value, `${provider} ${name}`);
      }
    }
  }

  /** The names of the secrets that a text holds, in any dress that a browser gives them. */
  within(text, isAllowed = () => false) {
    if (!text) return [];
    const found = [];
    for (const [value, { name, kind }] of this.#known) {
      if (isAllowed(kind)) continue;
      const base64 = Buffer.from(value)
        .toString("base64")
        .replace(/.?.?==?$/, "");
      const dresses = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), base64];
      if (dresses.some((dress) => text.includes(dress))) found.push(name);
    }
    return found;
  }
}
