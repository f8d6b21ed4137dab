// Acme HR: its manifest and its exported functions. Change the host, the path and the parsing of the response.

const WHOAMI = "https://api.acme-hr.example/v1/whoami";

/** Creates the provider. `send` is a function of the host, which checks the request and adds the token to it. */
export function makeProvider(send) {
  function whoami() {
    // If there is no response, this throws. The host uses the thrown value as the error of the call.
    const response = sendRequest(send, { method: "get", url: WHOAMI, headers: [], body: undefined });
    if (response.status !== 200) throw failure(response);
    try {
      const { company } = JSON.parse(new TextDecoder().decode(response.body));
      if (typeof company === "string") return company;
    } catch {
      // Reported below.
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

function sendRequest(send, request) {
  try {
    return send(request);
  } catch (error) {
    throw { tag: "http", val: error.payload ?? error };
  }
}

/** Returns the error for a status. Only 401 rejects the token: an outage must not look like an invalid token. */
function failure(response) {
  switch (response.status) {
    case 401: return { tag: "unauthorized", val: "the token is not valid" };
    case 403: return { tag: "forbidden", val: "status 403" };
    case 429: {
      const after = response.headers.find(({ name }) => name.toLowerCase() === "retry-after")?.value ?? "";
      return { tag: "rate-limited", val: /^\d{1,9}$/.test(after) ? Number(after) : undefined };
    }
    default: return { tag: "upstream", val: { status: response.status, message: "" } };
  }
}
