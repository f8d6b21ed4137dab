// Acme HR: what it asks for, and how it answers. Change the host, the path and what the answer looks like.

const WHOAMI = "https://api.acme-hr.example/v1/whoami";

/** Makes the provider. `send` is the host's: it judges the request and adds the token on the way out. */
export function makeProvider(send) {
  function whoami() {
    // A request without an answer throws; the host takes what is thrown as this call's error.
    const answer = sent(send, { method: "get", url: WHOAMI, headers: [], body: undefined });
    if (answer.status !== 200) throw failure(answer);
    try {
      const { company } = JSON.parse(new TextDecoder().decode(answer.body));
      if (typeof company === "string") return company;
    } catch {
      // Said below.
    }
    throw { tag: "malformed", val: "the company's name was expected" };
  }

  return {
    describe: () => ({
      id: "acme-hr",
      title: "Acme HR",
      version: "0.1.0",
      auth: { tag: "fields" },
      fields: [
        {
          name: "api_token", label: "API token", help: "In Acme HR: Settings, then API.", helpUrl: undefined,
          kind: "text", secret: true, required: true, choices: [], pattern: undefined,
        },
      ],
      endpoints: [
        {
          method: "get", host: "api.acme-hr.example", path: "/v1/whoami",
          credential: {
            source: { tag: "field", val: "api_token" },
            place: { tag: "header", val: { name: "Authorization", format: "Bearer {}" } },
          },
        },
      ],
      capabilities: {},
      onDisconnect: "keep",
    }),

    connect: () => ({ tag: "connected", val: { orgName: whoami(), account: undefined, learned: [] } }),

    disconnect: () => ({ upstream: "kept", note: "Delete the token in Acme HR: Settings, then API." }),

    health: () => [{ name: "company", value: { tag: "text", val: whoami() } }],

    listUsers() {
      throw { tag: "unsupported", val: "the provider has no users to list" };
    },
  };
}

function sent(send, request) {
  try {
    return send(request);
  } catch (error) {
    throw { tag: "http", val: error.payload ?? error };
  }
}

/** What a status means. Only 401 says that the token is dead: an outage must not look like it. */
function failure(answer) {
  switch (answer.status) {
    case 401: return { tag: "unauthorized", val: "the token is not valid" };
    case 403: return { tag: "forbidden", val: "status 403" };
    case 429: {
      const after = answer.headers.find(({ name }) => name.toLowerCase() === "retry-after")?.value ?? "";
      return { tag: "rate-limited", val: /^\d{1,9}$/.test(after) ? Number(after) : undefined };
    }
    default: return { tag: "upstream", val: { status: answer.status, message: "" } };
  }
}
