// Starts the stand-ins and the service with fresh data on free ports, and stops them.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { appendFileSync, cpSync, createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";

import { startRecordingProxy } from "./recording_proxy.js";

const ROOT = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../../..");
const TARGET = process.env.CARGO_TARGET_DIR ? path.resolve(process.env.CARGO_TARGET_DIR) : path.join(ROOT, "target");
const BIN = process.env.JACKFIELD_BIN ?? path.join(TARGET, "debug/jackfield");

/** The folder with the built components. */
export const COMPONENTS = process.env.JACKFIELD_TEST_COMPONENTS ?? path.join(TARGET, "components");

/** The ids of the shipped plugins. */
export const SHIPPED = ["google-workspace", "productive", "remote", "scrapin", "slack", "xero"];

/**
 * A data folder with a key and compiled components, set by `run.js`. New data starts with them, which saves three seconds
 * of compiling for each service.
 */
const WARM = process.env.JACKFIELD_TEST_WARM;

/** What is copied. The key too, because a compiled component is valid only with the key with which it was stored. */
const WARM_FILES = ["master.key", "compiled"];

/** How long a service may take to start. */
const READY_TIMEOUT_MS = 60_000;

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

function startProgram(program, args, options) {
  if (!existsSync(program)) throw new Error(`${program} is missing; \`cargo xtask test\` builds it`);
  const child = spawn(program, args, options);
  running.add(child);
  child.ended = new Promise((resolve) => child.once("exit", () => resolve(running.delete(child))));
  return child;
}

/** A range of ports below the one from which Linux assigns ports to outgoing connections. */
const [MIN_PORT, MAX_PORT] = [11_000, 32_000];

/** Returns a port that is free on loopback. */
export async function findFreePort() {
  for (;;) {
    const port = randomInt(MIN_PORT, MAX_PORT);
    const isFree = await new Promise((resolve) => {
      const server = createServer().once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

/** Records a secret for the search at the end of `cargo xtask test`, and returns it. */
export function mark(secret) {
  const sinks = process.env.JACKFIELD_TEST_SINKS;
  if (sinks) {
    mkdirSync(`${sinks}.marked`, { recursive: true });
    appendFileSync(path.join(`${sinks}.marked`, `browser-${process.pid}`), `${secret}\n`);
  }
  return secret;
}

/** The stand-ins of the providers, which can be told to fail. */
export class StandIns {
  static async start(folder, publicUrl) {
    const standIns = new StandIns();
    standIns.secret = mark(randomBytes(16).toString("hex"));
    const args = ["--people", path.join(folder, "people.csv"), "--redirect-uri", `${publicUrl}/oauth/callback`];
    const program = path.join(path.dirname(BIN), "jackfield-stand-ins");
    standIns.child = startProgram(program, [...args, "--secret", standIns.secret], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = readline.createInterface({ input: standIns.child.stdout });
    standIns.waiting = [];
    lines.on("line", (line) => standIns.waiting.shift()?.(JSON.parse(line)));
    standIns.setup = await standIns.#next();
    return standIns;
  }

  #next() {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Sends a command to one stand-in. `tests/support/src/control.rs` lists the commands. */
  async tell(provider, command, more = {}) {
    const answer = this.#next();
    this.child.stdin.write(`${JSON.stringify({ provider, do: command, ...more })}\n`);
    const result = await answer;
    if (result.error) throw new Error(result.error);
    return result;
  }

  /** Returns the fields that connect a provider. */
  fields(provider) {
    return this.setup.credentials.find((credential) => credential.provider === provider).fields;
  }

  /** The origin of the consent page. */
  get consentOrigin() {
    return this.setup.oauth[0].consent.stand_in;
  }

  async stop() {
    this.child.stdin.end();
    await this.child.ended;
  }
}

/** A service with its own data. */
export class Service {
  /**
   * Starts the stand-ins, with `identityProvider` also one of an identity provider, and the service with these
   * `components` and `settings`. `people` says whether the company's people are imported. `fresh` data has neither key nor
   * compiled components.
   */
  static async start(options = {}) {
    const service = new Service();
    try {
      await service.#start(options);
    } catch (error) {
      // Otherwise the started programs would keep the tests from ending.
      await service.stop();
      throw error;
    }
    return service;
  }

  async #start({ components = SHIPPED, settings = {}, identityProvider, people = true, fresh = !WARM }) {
    this.folder = mkdtempSync(path.join(tmpdir(), "jackfield-browser-"));
    this.port = await findFreePort();
    // The browser uses the recording proxy, whose address is the public URL.
    const proxyPort = await findFreePort();
    this.proxy = await startRecordingProxy(proxyPort, this.port);
    this.url = `http://127.0.0.1:${proxyPort}`;
    this.plugins = path.join(this.folder, "plugins");
    mkdirSync(this.plugins);
    for (const id of components) this.addPlugin(id);
    this.standIns = await StandIns.start(this.folder, this.url);
    this.identityProvider = await identityProvider?.start();
    const reroutes = { ...this.standIns.setup.reroutes, ...this.identityProvider?.reroutes };
    this.settings = {
      JACKFIELD_LISTEN: `127.0.0.1:${this.port}`,
      JACKFIELD_PUBLIC_URL: this.url,
      JACKFIELD_DATA_DIR: path.join(this.folder, "data"),
      JACKFIELD_PLUGINS_DIR: this.plugins,
      JACKFIELD_PLUGINS_TRUST: "all",
      JACKFIELD_EGRESS_REROUTE: Object.entries(reroutes)
        .map((pair) => pair.join("="))
        .join(","),
      JACKFIELD_LOG: "debug",
      // No load balancer has to notice that it stops.
      JACKFIELD_STOP_DELAY: "0",
      ...this.identityProvider?.settings,
      ...settings,
    };
    for (const app of this.standIns.setup.oauth) {
      const prefix = `JACKFIELD_OAUTH_${app.provider.toUpperCase().replaceAll("-", "_")}`;
      this.settings[`${prefix}_CLIENT_ID`] = app.client_id;
      this.settings[`${prefix}_CLIENT_SECRET`] = app.client_secret;
    }
    const data = this.settings.JACKFIELD_DATA_DIR;
    if (!fresh) for (const name of WARM_FILES) cpSync(path.join(WARM, name), path.join(data, name), { recursive: true });
    if (people) this.run(["people", "import", path.join(this.folder, "people.csv")]);
    await this.serve();
  }

  /** Copies a built component into the plugins folder. */
  addPlugin(id) {
    cpSync(path.join(COMPONENTS, `${id}.wasm`), path.join(this.plugins, `${path.basename(id)}.wasm`));
  }

  /** Runs a command of the program, and returns its output. */
  run(args) {
    const done = spawnSync(BIN, args, { cwd: this.folder, env: this.settings, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`jackfield ${args.join(" ")}: ${done.stderr}`);
    return done.stdout.trim();
  }

  /** Creates a token. */
  createToken(level = "executive", name = "admin") {
    const more = level === "service" ? ["--provider", "slack"] : [];
    return mark(this.run(["token", "create", "--name", name, "--level", level, ...more]));
  }

  /** Starts the program and waits until it is ready. `link` is the sign-in link that it prints, if any. */
  async serve() {
    const sinks = process.env.JACKFIELD_TEST_SINKS;
    if (sinks) mkdirSync(sinks, { recursive: true });
    const log = createWriteStream(path.join(sinks ?? this.folder, `browser-${this.port}.log`), { flags: "a" });
    await new Promise((resolve) => log.once("open", resolve));
    this.child = startProgram(BIN, ["serve", "--dev"], {
      cwd: this.folder,
      env: this.settings,
      stdio: ["ignore", "pipe", log],
    });
    let output = "";
    this.child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
      const link = /\S*\/signin#\S+/.exec(output)?.[0];
      if (link && link !== this.link) this.link = link;
    });
    const start = Date.now();
    while (
      !(await fetch(`http://127.0.0.1:${this.port}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ))
    ) {
      if (Date.now() - start > READY_TIMEOUT_MS || !running.has(this.child)) throw new Error("the service does not become ready");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Copies the key and the compiled components for later services. */
  saveWarmFiles(folder) {
    const data = this.settings.JACKFIELD_DATA_DIR;
    for (const name of WARM_FILES) cpSync(path.join(data, name), path.join(folder, name), { recursive: true });
  }

  /** Stops the program. `serve` starts it again. */
  async stopProgram() {
    this.child?.kill("SIGTERM");
    await this.child?.ended;
  }

  /** Stops everything and removes the data. `cargo xtask test` keeps the database for its search for secrets. */
  async stop() {
    await this.proxy?.stop();
    await this.stopProgram();
    await this.standIns?.stop();
    await this.identityProvider?.stop();
    const sinks = process.env.JACKFIELD_TEST_SINKS;
    if (sinks) {
      // Only the database, because the key file and the compiled components are expected to contain secrets.
      const kept = path.join(sinks, `browser-data-${this.port}`);
      mkdirSync(kept, { recursive: true });
      for (const name of ["jackfield.db", "jackfield.db-wal"]) {
        const file = path.join(this.folder, "data", name);
        if (existsSync(file)) cpSync(file, path.join(kept, name));
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Calls the API with a token, and returns the parsed response. */
  async call(method, path, body, token = (this.helperToken ??= this.createToken("executive", "helper"))) {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const result = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(result)}`);
    return result;
  }

  /** Connects a provider through the API, for flows that start with a connection. */
  async connect(provider, fields = this.standIns.fields(provider)) {
    return this.call("PUT", `/api/admin/connections/${provider}`, fields);
  }
}
