// A stand-in for an identity provider: its OpenID configuration, its keys, its tokens and its consent page.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { createServer } from "node:http";

import { mark } from "./service.js";

const HOST = "id.example.com";
const ISSUER = `https://${HOST}`;
const CLIENT = "jackfield-console";
const LEVEL_CLAIM = "jackfield_level";

const base64url = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** It answers the service on loopback, and the browser in `routeBrowser`. */
export class IdentityProvider {
  /** The claims of the next token. */
  claims = { sub: "00u1ada", email: "ada@acme.example", email_verified: true, [LEVEL_CLAIM]: "executive" };
  #keyPair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  #authorizations = new Map();
  #secret = mark(randomBytes(16).toString("hex"));

  static async start() {
    const provider = new IdentityProvider();
    provider.server = createServer((request, answer) => provider.#answer(request, answer));
    await new Promise((resolve) => provider.server.listen(0, "127.0.0.1", resolve));
    return provider;
  }

  /** The settings of the service. */
  get settings() {
    return {
      JACKFIELD_OIDC_ISSUER: ISSUER,
      JACKFIELD_OIDC_CLIENT_ID: CLIENT,
      JACKFIELD_OIDC_CLIENT_SECRET: this.#secret,
      JACKFIELD_OIDC_LEVEL_CLAIM: LEVEL_CLAIM,
    };
  }

  /** The address that the service calls instead of the provider's. */
  get reroutes() {
    return { [HOST]: `http://127.0.0.1:${this.server.address().port}` };
  }

  /** Answers the browser at the provider's own address, so that it is another site, as a real provider is. */
  async routeBrowser(context) {
    await context.route(`${ISSUER}/**`, (route) => {
      const { pathname, searchParams: query } = new URL(route.request().url());
      if (pathname !== "/authorize") return route.fulfill({ status: 404, body: "" });
      const code = mark(randomBytes(16).toString("hex"));
      this.#authorizations.set(code, { challenge: query.get("code_challenge"), nonce: query.get("nonce"), ...this.claims });
      const redirect = (more) => `${query.get("redirect_uri")}?${new URLSearchParams({ ...more, state: query.get("state") })}`;
      return route.fulfill({
        contentType: "text/html",
        body: `<!doctype html><html lang="en"><title>Acme accounts</title><main><h1>Acme accounts</h1>
          <p><a href="${escapeHtml(redirect({ code, iss: ISSUER }))}">Continue as Ada</a></p>
          <p><a href="${escapeHtml(redirect({ error: "access_denied" }))}">Cancel</a></p></main></html>`,
      });
    });
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(request, answer) {
    const respond = (status, body) => answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    switch (request.url) {
      case "/.well-known/openid-configuration":
        return respond(200, {
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
        return respond(200, {
          keys: [{ ...this.#keyPair.publicKey.export({ format: "jwk" }), kid: "one", alg: "RS256", use: "sig" }],
        });
      case "/token":
        return this.#exchange(request, respond);
      default:
        return respond(404, {});
    }
  }

  async #exchange(request, respond) {
    let body = "";
    for await (const part of request) body += part;
    const form = new URLSearchParams(body);
    const authorization = this.#authorizations.get(form.get("code"));
    this.#authorizations.delete(form.get("code"));
    const basic = Buffer.from((request.headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString();
    const isClient = basic === `${CLIENT}:${this.#secret}`;
    const hash = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    if (!authorization || !isClient || hash !== authorization.challenge) return respond(400, { error: "invalid_grant" });
    const { challenge: _, ...claims } = authorization;
    const now = Math.floor(Date.now() / 1000);
    const token = { iss: ISSUER, aud: CLIENT, iat: now, exp: now + 300, ...claims };
    const signed = `${base64url({ alg: "RS256", kid: "one" })}.${base64url(token)}`;
    const signature = sign("sha256", Buffer.from(signed), this.#keyPair.privateKey).toString("base64url");
    const access_token = mark(randomBytes(16).toString("hex"));
    return respond(200, { access_token, token_type: "Bearer", expires_in: 300, id_token: `${signed}.${signature}` });
  }
}

const escapeHtml = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
