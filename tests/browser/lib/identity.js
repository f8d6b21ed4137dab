// The stand-in of an identity provider: its description, its keys, its tokens, and the page on which somebody consents.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { createServer } from "node:http";

import { mark } from "./program.js";

const HOST = "id.example.com";
const ISSUER = `https://${HOST}`;
const CLIENT = "jackfield-console";
const LEVEL_CLAIM = "jackfield_level";

const base64url = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Who signs in there, and answers the service on loopback. The browser is answered by [`IdentityProvider.meet`]. */
export class IdentityProvider {
  /** Who consents: the claims of the next token. */
  person = { sub: "00u1ada", email: "ada@acme.example", email_verified: true, [LEVEL_CLAIM]: "executive" };
  #keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  #grants = new Map();
  #secret = mark(randomBytes(16).toString("hex"));

  static async start() {
    const provider = new IdentityProvider();
    provider.server = createServer((request, answer) => provider.#answer(request, answer));
    await new Promise((resolve) => provider.server.listen(0, "127.0.0.1", resolve));
    return provider;
  }

  /** What the service is started with. */
  get settings() {
    return {
      JACKFIELD_OIDC_ISSUER: ISSUER,
      JACKFIELD_OIDC_CLIENT_ID: CLIENT,
      JACKFIELD_OIDC_CLIENT_SECRET: this.#secret,
      JACKFIELD_OIDC_LEVEL_CLAIM: LEVEL_CLAIM,
    };
  }

  /** Where the service is led in place of the provider. */
  get reroutes() {
    return { [HOST]: `http://127.0.0.1:${this.server.address().port}` };
  }

  /** Answers a browser that is led to the provider's page: another site than the service's, as a real one is. */
  async meet(context) {
    await context.route(`${ISSUER}/**`, (route) => {
      const { pathname, searchParams: asked } = new URL(route.request().url());
      if (pathname !== "/authorize") return route.fulfill({ status: 404, body: "" });
      const code = mark(randomBytes(16).toString("hex"));
      this.#grants.set(code, { challenge: asked.get("code_challenge"), nonce: asked.get("nonce"), ...this.person });
      const back = (more) => `${asked.get("redirect_uri")}?${new URLSearchParams({ ...more, state: asked.get("state") })}`;
      return route.fulfill({
        contentType: "text/html",
        body: `<!doctype html><html lang="en"><title>Acme accounts</title><main><h1>Acme accounts</h1>
          <p><a href="${escaped(back({ code, iss: ISSUER }))}">Continue as Ada</a></p>
          <p><a href="${escaped(back({ error: "access_denied" }))}">Cancel</a></p></main></html>`,
      });
    });
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(request, answer) {
    const say = (status, body) => answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    switch (request.url) {
      case "/.well-known/openid-configuration":
        return say(200, {
          issuer: ISSUER,
          authorization_endpoint: `${ISSUER}/authorize`,
          token_endpoint: `${ISSUER}/token`,
          jwks_uri: `${ISSUER}/keys`,
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
          scopes_supported: ["openid", "email"],
          authorization_response_iss_parameter_supported: true,
        });
      case "/keys":
        return say(200, {
          keys: [{ ...this.#keys.publicKey.export({ format: "jwk" }), kid: "one", alg: "RS256", use: "sig" }],
        });
      case "/token":
        return this.#exchange(request, say);
      default:
        return say(404, {});
    }
  }

  async #exchange(request, say) {
    let body = "";
    for await (const part of request) body += part;
    const given = new URLSearchParams(body);
    const grant = this.#grants.get(given.get("code"));
    this.#grants.delete(given.get("code"));
    const basic = Buffer.from((request.headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString();
    const isClient = basic === `${CLIENT}:${this.#secret}`;
    const hash = createHash("sha256").update(given.get("code_verifier") ?? "").digest("base64url");
    if (!grant || !isClient || hash !== grant.challenge) return say(400, { error: "invalid_grant" });
    const { challenge: _, ...claims } = grant;
    const now = Math.floor(Date.now() / 1000);
    const token = { iss: ISSUER, aud: CLIENT, iat: now, exp: now + 300, ...claims };
    const signed = `${base64url({ alg: "RS256", kid: "one" })}.${base64url(token)}`;
    const signature = sign("sha256", Buffer.from(signed), this.#keys.privateKey).toString("base64url");
    const access_token = mark(randomBytes(16).toString("hex"));
    return say(200, { access_token, token_type: "Bearer", expires_in: 300, id_token: `${signed}.${signature}` });
  }
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
