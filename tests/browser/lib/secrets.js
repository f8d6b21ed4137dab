// The secrets that a flow uses, and the search for them in everything that the browser shows, stores or sends.

/** The requests whose body may contain a secret of each kind. No secret may be anywhere else. */
export const ALLOWED_REQUESTS = {
  credential: (request) =>
    request.method === "PUT" && /^\/api\/admin\/(connections|providers)\/[^/]+(\/oauth-app)?$/.test(request.path),
  token: (request) => request.method === "POST" && request.path === "/api/session",
  code: (request) => request.method === "POST" && /^\/api\/admin\/connections\/[^/]+\/callback$/.test(request.path),
  none: () => false,
};

export class Secrets {
  #secrets = new Map();

  /** Adds a secret of a kind of `ALLOWED_REQUESTS`, and returns it. */
  add(value, name, kind = "credential") {
    if (typeof value === "string" && value.length >= 8) this.#secrets.set(value, { name, kind });
    return value;
  }

  /** Adds the secret fields among those with which a provider is connected. */
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

  /** Returns the names of the secrets in a text, in any encoding that a browser uses. */
  findIn(text, isAllowed = () => false) {
    if (!text) return [];
    const found = [];
    for (const [value, { name, kind }] of this.#secrets) {
      if (isAllowed(kind)) continue;
      const base64 = Buffer.from(value)
        .toString("base64")
        .replace(/.?.?==?$/, "");
      const encodings = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), base64];
      if (encodings.some((encoded) => text.includes(encoded))) found.push(name);
    }
    return found;
  }
}
