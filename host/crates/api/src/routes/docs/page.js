// Renders the OpenAPI document of this service. All text is inserted as text nodes; nothing is loaded from other hosts.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
const MAX_DEPTH = 6;

let openapi = null;

// ---- building blocks ---------------------------------------------------------------------------------------------

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Renders text with `code` as paragraphs, which blank lines separate. */
function paragraphs(text) {
  return (text ?? "").split("\n\n").filter(Boolean).map((paragraph) => make("p", "", ...inline(paragraph)));
}

function inline(text) {
  return text.split(/`([^`]+)`/).map((piece, index) => (index % 2 ? make("code", "", piece) : piece));
}

function code(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return make("pre", "", make("code", "", text));
}

function resolve(thing) {
  let found = thing;
  for (let hops = 0; found?.$ref && hops < 8; hops += 1) {
    found = found.$ref.slice(2).split("/").reduce((at, key) => at?.[key], openapi);
  }
  return found ?? {};
}

function nameOf(schema) {
  return schema?.$ref?.split("/").pop() ?? null;
}

// ---- schemas -----------------------------------------------------------------------------------------------------

/** Describes the type of a value: `string | null`, `list of User`. */
function describeType(schema) {
  if (schema.$ref) return nameOf(schema);
  if (schema.anyOf) return schema.anyOf.map(describeType).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${describeType(schema.items ?? {})}`;
  const types = [schema.type ?? "any"].flat().join(" | ");
  return schema.format ? `${types}, ${schema.format}` : types;
}

/** Finds the object schema inside a schema, or null. */
function innerObject(schema) {
  const found = resolve(schema);
  if (found.anyOf) return found.anyOf.map(innerObject).find(Boolean) ?? null;
  if (found.type === "array") return innerObject(found.items ?? {});
  return found.properties && Object.keys(found.properties).length > 0 ? found : null;
}

function fields(schema, depth = 0) {
  const found = resolve(schema);
  const list = make("ul", "fields");
  const required = found.required ?? [];
  const needed = found["x-needed-to-connect"] ?? [];
  const first = [...required, ...needed];
  const names = Object.keys(found.properties ?? {});
  names.sort((a, b) => rank(first, a) - rank(first, b));
  for (const name of names) {
    list.append(field(name, found.properties[name], required.includes(name), needed.includes(name), depth));
  }
  if (found.additionalProperties && typeof found.additionalProperties === "object") {
    const which = names.length > 0 ? "other names" : "any name";
    const others = make("li", "", make("span", "name other", which), make("span", "kind", describeType(found.additionalProperties)));
    others.append(...paragraphs(found.additionalProperties.description));
    list.append(others);
  }
  return list;
}

function rank(order, name) {
  const at = order.indexOf(name);
  return at < 0 ? order.length : at;
}

function field(name, schema, isRequired, isNeeded, depth) {
  const found = resolve(schema);
  const line = make("li", "", make("span", "name", name), make("span", "kind", describeType(schema)));
  if (!isRequired) line.append(make("span", "note", isNeeded ? "" : "optional"));
  if (isNeeded) line.append(make("span", "note needed", "required to connect"));
  if (found.writeOnly) line.append(make("span", "note", "secret, never returned"));
  line.append(...paragraphs(schema.description ?? found.description));
  const values = found.enum?.filter((value) => value !== null);
  if (values) line.append(make("p", "", "One of ", ...between(values.map((value) => make("code", "", String(value))))));
  if (found.pattern) line.append(make("p", "", "Pattern ", make("code", "", found.pattern)));
  if (found.externalDocs) line.append(make("p", "", link(found.externalDocs.url)));
  const object = innerObject(schema);
  if (object && depth < MAX_DEPTH) {
    line.append(make("details", "", make("summary", "", "fields"), fields(object, depth + 1)));
  }
  return line;
}

function between(elements) {
  return elements.flatMap((element, index) => (index ? [", ", element] : [element]));
}

function link(url) {
  const element = make("a", "", url);
  // The URL comes from an approved plugin. Only https URLs become links.
  if (url.startsWith("https://")) element.href = url;
  element.rel = "noopener noreferrer";
  return element;
}

// ---- operations --------------------------------------------------------------------------------------------------

function pathWords(path) {
  return path.split(/(\{[^}]+\})/).map((piece) => (piece.startsWith("{") ? make("b", "", piece) : piece));
}

function methodMark(method) {
  return make("span", `method ${method}`, method.toUpperCase());
}

function operationView({ path, method, operation }) {
  const view = make("details", "operation");
  view.id = operation.operationId;
  const level = operation["x-level"] === "anybody" ? "open to anybody" : operation["x-level"];
  view.append(make(
    "summary",
    "",
    methodMark(method),
    make("span", "path", ...pathWords(path)),
    make("span", "summary", operation.summary),
    make("span", "level", level),
  ));
  view.addEventListener("toggle", () => {
    if (view.open && !view.querySelector(".inside")) view.append(inside(path, method, operation));
  });
  return view;
}

function inside(path, method, operation) {
  const left = make("div");
  const right = make("div");
  const parameters = (operation.parameters ?? []).map(resolve);
  if (parameters.length > 0) left.append(make("h4", "", "Parameters"), parameterList(parameters));
  for (const [type, media] of Object.entries(operation.requestBody?.content ?? {})) {
    left.append(make("h4", "", `Body, ${type}`), ...schemaView(media.schema));
    if (media.example !== undefined) {
      right.append(make("h4", "", "Request"), code(requestText(path, method, type, media.example)));
    }
  }
  const responses = make("ul", "responses");
  for (const [status, response] of Object.entries(operation.responses)) {
    responses.append(responseView(status, resolve(response), right));
  }
  left.append(make("h4", "", "Responses"), responses);
  return make("div", "inside", make("div", "whole", ...paragraphs(operation.description)), left, right);
}

function requestText(path, method, type, example) {
  const body = typeof example === "string" ? example : JSON.stringify(example, null, 2);
  return `${method.toUpperCase()} ${path}\nAuthorization: Bearer …\nContent-Type: ${type}\n\n${body}`;
}

function parameterList(parameters) {
  const list = make("ul", "fields");
  for (const parameter of parameters) {
    const line = make("li", "", make("span", "name", parameter.name));
    const bounds = resolve(parameter.schema);
    const range = "maximum" in bounds ? `, ${bounds.minimum} to ${bounds.maximum}` : "";
    const fallback = "default" in bounds ? `, default ${bounds.default}` : "";
    line.append(make("span", "kind", `${parameter.in}, ${describeType(parameter.schema)}${range}${fallback}`));
    line.append(...paragraphs(parameter.description));
    list.append(line);
  }
  return list;
}

function schemaView(schema) {
  const object = innerObject(schema);
  if (object) return [fields(object)];
  const found = resolve(schema);
  return found.additionalProperties ? [fields(found)] : [make("p", "", describeType(schema))];
}

function responseView(status, response, examples) {
  const isSuccess = status < 400;
  const line = make("li", "", make("span", `status ${isSuccess ? "good" : "bad"}`, status));
  const text = make("div", "", ...paragraphs(response.description));
  for (const [type, media] of Object.entries(response.content ?? {})) {
    if (type === "application/problem+json") continue;
    const object = innerObject(media.schema);
    if (object) {
      const opened = make("details", "", make("summary", "", `fields of ${type}`), fields(object));
      opened.open = isSuccess;
      text.append(make("div", "fields", opened));
    } else {
      text.append(make("p", "", type));
    }
    if (media.example !== undefined) {
      examples.append(make("h4", "", `Response ${status}`), code(media.example));
    }
  }
  line.append(text);
  return line;
}

// ---- the page ----------------------------------------------------------------------------------------------------

function operationsOf(paths) {
  const all = [];
  for (const [path, item] of Object.entries(paths)) {
    for (const method of METHODS.filter((name) => item[name])) {
      all.push({ path, method, operation: item[method] });
    }
  }
  return all;
}

function problemsView() {
  const view = make("details", "operation");
  view.id = "problems";
  view.append(make("summary", "", make("span", "path", "application/problem+json"), make("span", "summary", "The format of every error")));
  const problem = { $ref: "#/components/schemas/Problem" };
  const example = Object.values(openapi.components.responses)
    .flatMap((response) => Object.entries(response.content["application/problem+json"].examples ?? {}))
    .find(([name]) => name === "invalid_request");
  const right = make("div", "", make("h4", "", "Example"), code(example?.[1].value ?? {}));
  view.append(make("div", "inside", make("div", "", ...schemaView(problem)), right));
  return view;
}

function show(loaded) {
  openapi = loaded;
  byId("version").textContent = `${loaded.info.version} · OpenAPI ${loaded.openapi}`;
  const main = byId("main");
  const groups = byId("groups");
  main.replaceChildren(make("div", "about", ...paragraphs(loaded.info.description)));
  groups.replaceChildren();
  const all = operationsOf(loaded.paths);
  for (const tag of loaded.tags) {
    const some = all.filter(({ operation }) => operation.tags.includes(tag.name));
    const section = make("section", "", make("h2", "", tag.name), ...paragraphs(tag.description));
    const list = make("ul");
    for (const one of some) {
      section.append(operationView(one));
      const anchor = make("a", "", methodMark(one.method), one.operation.summary);
      anchor.href = `#${one.operation.operationId}`;
      list.append(make("li", "", anchor));
    }
    main.append(section);
    groups.append(make("div", "", make("h2", "", tag.name), list));
  }
  main.append(make("section", "", make("h2", "", "Errors"), problemsView()));
  filter();
  openFragment();
}

function filter() {
  const query = byId("filter").value.trim().toLowerCase();
  const fits = (element) => element.textContent.toLowerCase().includes(query);
  for (const section of document.querySelectorAll("main > section")) {
    const some = [...section.querySelectorAll(".operation")];
    for (const one of some) one.hidden = !fits(one.querySelector("summary"));
    section.hidden = some.every((one) => one.hidden);
  }
  for (const group of byId("groups").children) {
    const lines = [...group.querySelectorAll("li")];
    for (const line of lines) line.hidden = byId(line.firstChild.hash.slice(1)).hidden;
    group.hidden = lines.every((line) => line.hidden);
  }
}

/** Opens the operation that the URL fragment names. */
function openFragment() {
  const named = byId(decodeURIComponent(location.hash.slice(1)));
  if (named?.matches("details.operation")) {
    named.open = true;
    named.scrollIntoView();
  }
}

function byId(id) {
  return document.getElementById(id);
}

function showMessage(text) {
  byId("message").textContent = text;
  byId("message").hidden = text === "";
}

/** Fetches a document. The token is not stored. */
async function load(url, token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(url, { headers, credentials: "same-origin", cache: "no-store" });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail ?? `The service responded with ${response.status}.`);
  return body;
}

byId("filter").addEventListener("input", filter);
window.addEventListener("hashchange", openFragment);
byId("unlock").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    show(await load("/api/openapi.json", byId("token").value.trim()));
    showMessage("The document includes the fields of this service’s providers.");
  } catch (error) {
    showMessage(`The document was not loaded: ${error.message}`);
  }
  byId("token").value = "";
});
load("/docs/openapi.json").then(show, (error) => showMessage(`The document was not loaded: ${error.message}`));
