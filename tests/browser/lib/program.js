// Starts the stand-ins and the service on fresh data and free ports, and ends what it started.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { appendFileSync, cpSync, createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";

import { record } from "./wire.js";

const ROOT = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../../..");
const TARGET = process.env.CARGO_TARGET_DIR ? path.resolve(process.env.CARGO_TARGET_DIR) : path.join(ROOT, "target");
const BIN = process.env.JACKFIELD_BIN ?? path.join(TARGET, "debug/jackfield");

/** Where the components were built. */
export const COMPONENTS = process.env.JACKFIELD_TEST_COMPONENTS ?? path.join(TARGET, "components");

/** The providers that are shipped. */
export const SHIPPED = ["google-workspace", "productive", "remote", "scrapin", "slack", "xero"];

/**
 * A data folder whose key and compiled components new data begins with, which spares each start three seconds of
 * compiling. `run.js` names it.
 */
const WARM = process.env.JACKFIELD_TEST_WARM;

/** What of a data folder that is: a compiled component is taken only under the key that it was kept with. */
const WARMED = ["master.key", "compiled"];

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

function start(program, args, options) {
  if (!existsSync(program)) throw new Error(`${program} is missing; \`cargo xtask test\` builds it`);
  const child = spawn(program, args, options);
  running.add(child);
  child.ended = new Promise((resolve) => child.once("exit", () => resolve(running.delete(child))));
  return child;
}

/** Ports that no outgoing connection is given: below those that Linux takes for them by itself. */
const [LOWEST_PORT, HIGHEST_PORT] = [11_000, 32_000];

/** A port of loopback that was free a moment ago. */
export async function freePort() {
  for (;;) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    const isFree = await new Promise((resolve) => {
      const server = createServer().once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

/** Notes a secret down, so that the search at the end of a whole run knows it. */
export function mark(secret) {
  const sinks = process.env.JACKFIELD_TEST_SINKS;
  if (sinks) {
    mkdirSync(`${sinks}.marked`, { recursive: true });
    appendFileSync(path.join(`${sinks}.marked`, `browser-${process.pid}`), `${secret}\n`);
  }
  return secret;
}

/** The stand-ins of the providers, which fail and mend as they are told. */
export class StandIns {
  static async start(folder, publicUrl) {
    const standIns = new StandIns();
    standIns.secret = mark(randomBytes(16).toString("hex"));
    const args = ["--people", path.join(folder, "people.csv"), "--redirect-uri", `${publicUrl}/oauth/callback`];
    const program = path.join(path.dirname(BIN), "jackfield-stand-ins");
    standIns.child = start(program, [...args, "--secret", standIns.secret], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = readline.createInterface({ input: standIns.child.stdout });
    standIns.waiting = [];
    lines.on("line", (line) => standIns.waiting.shift()?.(JSON.parse(line)));
    standIns.said = await standIns.#next();
    return standIns;
  }

  #next() {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Tells one stand-in something; what, stands in `tests/support/src/control.rs`. */
  async tell(provider, what, more = {}) {
    const answer = this.#next();
    this.child.stdin.write(`${JSON.stringify({ provider, do: what, ...more })}\n`);
    const said = await answer;
    if (said.error) throw new Error(said.error);
    return said;
  }

  /** What is typed in to connect a provider. */
  fields(provider) {
    return this.said.credentials.find((credential) => credential.provider === provider).fields;
  }

  /** The origin of the page on which a browser consents. */
  get consent() {
    return this.said.oauth[0].consent.stand_in;
  }

  async stop() {
    this.child.stdin.end();
    await this.child.ended;
  }
}

/** A place with data of its own, where the service is started. */
export class Service {
  /**
   * Starts the stand-ins, one of an `identity` provider too, and the service; `prepare(service)` runs before that.
   * `fresh` data have nothing from an earlier start.
   */
  static async start(how = {}) {
    const service = new Service();
    try {
      await service.#start(how);
    } catch (error) {
      // What was started would keep the tests from ending.
      await service.stop();
      throw error;
    }
    return service;
  }

  async #start({ components = SHIPPED, settings = {}, identity, prepare, people = true, fresh = !WARM }) {
    this.folder = mkdtempSync(path.join(tmpdir(), "jackfield-browser-"));
    this.port = await freePort();
    // The browser comes by the recorder, whose address is the public one.
    const front = await freePort();
    this.wire = await record(front, this.port);
    this.url = `http://127.0.0.1:${front}`;
    this.plugins = path.join(this.folder, "plugins");
    mkdirSync(this.plugins);
    for (const id of components) this.dropIn(id);
    this.standIns = await StandIns.start(this.folder, this.url);
    this.identity = await identity?.start();
    const led = { ...this.standIns.said.reroutes, ...this.identity?.reroutes };
    this.settings = {
      JACKFIELD_LISTEN: `127.0.0.1:${this.port}`,
      JACKFIELD_PUBLIC_URL: this.url,
      JACKFIELD_DATA_DIR: path.join(this.folder, "data"),
      JACKFIELD_PLUGINS_DIR: this.plugins,
      JACKFIELD_PLUGINS_TRUST: "all",
      JACKFIELD_EGRESS_REROUTE: Object.entries(led)
        .map((pair) => pair.join("="))
        .join(","),
      JACKFIELD_LOG: "debug",
      ...this.identity?.settings,
      ...settings,
    };
    for (const app of this.standIns.said.oauth) {
      const prefix = `JACKFIELD_OAUTH_${app.provider.toUpperCase().replaceAll("-", "_")}`;
      this.settings[`${prefix}_CLIENT_ID`] = app.client_id;
      this.settings[`${prefix}_CLIENT_SECRET`] = app.client_secret;
    }
    const data = this.settings.JACKFIELD_DATA_DIR;
    if (!fresh) for (const name of WARMED) cpSync(path.join(WARM, name), path.join(data, name), { recursive: true });
    if (people) this.run(["people", "import", path.join(this.folder, "people.csv")]);
    await prepare?.(this);
    await this.serve();
  }

  /** Puts a built component into the plugins' folder. */
  dropIn(id) {
    cpSync(path.join(COMPONENTS, `${id}.wasm`), path.join(this.plugins, `${path.basename(id)}.wasm`));
  }

  /** Runs a command of the program to its end, and gives what it printed. */
  run(args) {
    const done = spawnSync(BIN, args, { cwd: this.folder, env: this.settings, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`jackfield ${args.join(" ")}: ${done.stderr}`);
    return done.stdout.trim();
  }

  /** Makes a token. */
  token(level = "executive", name = "admin") {
    const more = level === "service" ? ["--provider", "slack"] : [];
    return mark(this.run(["token", "create", "--name", name, "--level", level, ...more]));
  }

  /** Starts the program and waits until it is ready. The one-time link that it may print is `link`. */
  async serve() {
    const sinks = process.env.JACKFIELD_TEST_SINKS;
    if (sinks) mkdirSync(sinks, { recursive: true });
    const log = createWriteStream(path.join(sinks ?? this.folder, `browser-${this.port}.log`), { flags: "a" });
    await new Promise((resolve) => log.once("open", resolve));
    this.child = start(BIN, ["serve", "--dev"], {
      cwd: this.folder,
      env: this.settings,
      stdio: ["ignore", "pipe", log],
    });
    this.said = "";
    this.child.stdout.setEncoding("utf8").on("data", (text) => {
      this.said += text;
      const link = /\S*\/signin#\S+/.exec(this.said)?.[0];
      if (link && link !== this.link) this.link = link;
    });
    const begun = Date.now();
    while (
      !(await fetch(`http://127.0.0.1:${this.port}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ))
    ) {
      if (Date.now() - begun > 60_000 || !running.has(this.child)) throw new Error("the service does not become ready");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Lets later services begin with this one's key and compiled components. */
  warm(folder) {
    const data = this.settings.JACKFIELD_DATA_DIR;
    for (const name of WARMED) cpSync(path.join(data, name), path.join(folder, name), { recursive: true });
  }

  /** Ends the program, which can be started again. */
  async end() {
    this.child?.kill("SIGTERM");
    await this.child?.ended;
  }

  /** Ends everything and removes the data; in a whole run it is kept for the search. */
  async stop() {
    await this.wire?.stop();
    await this.end();
    await this.standIns?.stop();
    await this.identity?.stop();
    const sinks = process.env.JACKFIELD_TEST_SINKS;
    if (sinks) {
      // The key and the marks of the compiled cache are secrets where they lie, and no secret lies open elsewhere.
      const kept = path.join(sinks, `browser-data-${this.port}`);
      mkdirSync(kept, { recursive: true });
      for (const name of ["jackfield.db", "jackfield.db-wal"]) {
        const file = path.join(this.folder, "data", name);
        if (existsSync(file)) cpSync(file, path.join(kept, name));
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Asks the API, as somebody with a token. */
  async ask(method, route, body, token = (this.admin ??= this.token("executive", "helper"))) {
    const answer = await fetch(`http://127.0.0.1:${this.port}${route}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${JSON.stringify(said)}`);
    return said;
  }

  /** Connects a provider by the API, for flows that begin behind that. */
  async connect(provider, fields = this.standIns.fields(provider)) {
    return this.ask("PUT", `/api/admin/connections/${provider}`, fields);
  }
}
