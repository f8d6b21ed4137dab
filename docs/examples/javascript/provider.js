// A Jackfield plugin in JavaScript for Acme Crew, a fictional staff directory with a bearer token and paging.
//
// It calls `fetch` as in a browser. The plugin never sees the token: the host adds it to `Authorization`, and only in
// requests to the endpoints that `describe` returns.

const HOST = "api.acme-crew.example";

const endpoint = (method, path) => ({
  method,
  host: HOST,
  path,
  credential: {
    source: { tag: "field", val: "api_token" },
    place: { tag: "header", val: { name: "Authorization", format: "Bearer {}" } },
  },
});

// Creates an error of the contract, which is thrown: a tag and its value.
const failure = (tag, val) => ({ tag, val });

// Returns a text or the digits of a number; undefined for any other value.
const toText = (value) => (["string", "number"].includes(typeof value) ? String(value) : undefined);

async function get(path) {
  let response;
  try {
    response = await fetch(`https://${HOST}${path}`, { headers: { accept: "application/json" } });
  } catch (error) {
    throw failure("upstream", { status: 502, message: `no response: ${error}` });
  }
  if (response.status === 401) throw failure("unauthorized", "invalid_token");
  if (response.status === 403) throw failure("forbidden", "people:read");
  if (response.status === 429) {
    const seconds = Number.parseInt(response.headers.get("retry-after"), 10);
    throw failure("rate-limited", Number.isNaN(seconds) ? undefined : seconds);
  }
  if (!response.ok) throw failure("upstream", { status: response.status, message: "" });
  try {
    return await response.json();
  } catch {
    throw failure("malformed", `JSON from ${path.split("?")[0]}`);
  }
}

export const provider = {
  describe: () => ({
    id: "acme-crew",
    title: "Acme Crew",
    version: "1.0.0",
    auth: { tag: "fields" },
    fields: [
      {
        name: "api_token",
        label: "API token",
        help: "Settings, API, New token; it needs the permission people:read.",
        helpUrl: undefined,
        kind: "text",
        secret: true,
        required: true,
        choices: [],
        pattern: "crew_[A-Za-z0-9]+",
      },
    ],
    endpoints: [endpoint("get", "/v1/company"), endpoint("get", "/v1/people")],
    capabilities: { users: true, alerts: false, accounts: false },
    onDisconnect: "keep",
  }),

  async connect() {
    const company = await get("/v1/company");
    return { tag: "connected", val: { orgName: company.name, account: undefined, learned: [] } };
  },

  disconnect: () => ({ upstream: "kept", note: "Delete the token under Settings, API." }),

  async health() {
    const company = await get("/v1/company");
    return [{ name: "company", value: { tag: "text", val: company.name } }];
  },

  async listUsers(_connection, { cursor, limit }) {
    const query = new URLSearchParams({ limit, ...(cursor && { cursor }) });
    const page = await get(`/v1/people?${query}`);
    if (!Array.isArray(page.people)) throw failure("malformed", "a list of people");
    return {
      // One row that cannot be read must not lose the others.
      users: page.people.filter((person) => toText(person?.id)).map((person) => ({
        externalId: toText(person.id),
        name: toText(person.name) ?? "",
        email: toText(person.email),
        aliases: [],
        active: person.status === "active",
      })),
      nextCursor: toText(page.next_cursor),
    };
  },
};
