"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
const SCHEMAS = "#/components/schemas/";
let book = {};

/** Make an element: its attributes, and what is in it, texts or elements. */
function make(name, attributes = {}, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(key, value);
  }
  element.append(...inside.flat().filter((part) => part !== undefined && part !== null && part !== ""));
  return element;
}

/** Follow a reference within the document. */
function follow(part) {
  if (!part || part.$ref === undefined) return part;
  const steps = part.$ref.slice(2).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return steps.reduce((at, step) => at[step], book);
}

function nameOf(reference) {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

/** Write a line of text with `code` and **strong** words. */
function line(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`") && part.endsWith("`") && part.length > 1) return make("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return make("strong", {}, part.slice(2, -2));
    return part;
  });
}

function table(heads, rows) {
  const head = make("tr", {}, heads.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((cells) => make("tr", {}, cells.map((cell) => make("td", {}, cell))));
  return make("div", { class: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, body)));
}

/** Write paragraphs, and tables with bars. */
function prose(text) {
  return (text || "").split(/\n\s*\n/).filter((part) => part.trim()).map((part) => {
    if (!part.startsWith("|")) return make("p", {}, line(part.replaceAll("\n", " ")));
    const rows = part.trim().split("\n").map((row) => row.slice(1, -1).split("|").map((cell) => line(cell.trim())));
    return table(rows[0].map((cell) => cell), rows.slice(2));
  });
}

function example(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return make("pre", { tabindex: "0" }, make("code", {}, text));
}

/** Details whose inside is made when they are opened for the first time. */
function folded(title, inside, isOpen = false) {
  const details = make("details", {}, make("summary", {}, title));
  const fill = () => {
    if (details.childElementCount === 1) details.append(...[inside()].flat().filter(Boolean));
  };
  details.addEventListener("toggle", () => details.open && fill());
  if (isOpen) {
    fill();
    details.open = true;
  }
  return details;
}

/** Say in a few words what a schema allows. */
function typeOf(schema) {
  if (schema === undefined || schema === true) return "anything";
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const options = schema.oneOf || schema.anyOf;
  if (options) return [...new Set(options.map(typeOf))].join(" | ");
  if (schema.allOf) return schema.allOf.map(typeOf).join(" & ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  if (schema.type === "object" && !schema.properties) {
    const values = schema.additionalProperties || Object.values(schema.patternProperties || {})[0];
    return values ? `object of ${typeOf(values)} by name` : "object";
  }
  const form = schema.format ? ` (${schema.format})` : "";
  return `${[schema.type || "anything"].flat().join(" | ")}${form}`;
}

const BOUNDS = [
  ["minimum", "at least"], ["exclusiveMinimum", "above"], ["maximum", "at most"], ["minLength", "characters, at least"],
  ["maxLength", "characters, at most"], ["minItems", "items, at least"], ["maxItems", "items, at most"],
  ["maxProperties", "keys, at most"], ["x-max-bytes", "bytes, at most"], ["pattern", "form"], ["x-unit", "unit"],
];

function bounds(schema) {
  const own = BOUNDS.filter(([key]) => schema[key] !== undefined).map(([key, text]) => `${text} ${schema[key]}`);
  if (schema.uniqueItems) own.push("nothing twice");
  if (schema.default !== undefined && schema.default !== null) own.push(`${JSON.stringify(schema.default)} unless given`);
  const inner = (schema.anyOf || []).filter((one) => one.type !== "null" && !one.$ref).flatMap(bounds);
  return [...new Set([...own, ...inner])];
}

/** Find what a schema is made of, through lists and choices, for a look at it. */
function parts(schema) {
  if (!schema || typeof schema !== "object") return [];
  if (schema.$ref) return [schema];
  if (schema.properties) return [schema];
  const inner = [schema.items, schema.additionalProperties, ...Object.values(schema.patternProperties || {})];
  return [...(schema.oneOf || []), ...(schema.anyOf || []), ...(schema.allOf || []), ...inner].flatMap(parts);
}

function keysOf(schema) {
  const needed = new Set(schema.required || []);
  return make("ul", { class: "keys" }, Object.entries(schema.properties || {}).map(([name, one]) => {
    const facts = bounds(one);
    return make("li", {},
      make("code", {}, name), " ", make("span", { class: "type" }, typeOf(one)), " ",
      needed.has(name) ? make("span", { class: "needed" }, "always") : "",
      one.description ? make("p", {}, line(one.description)) : "",
      facts.length ? make("p", { class: "facts" }, facts.join("; ")) : "",
      parts(one).map(look));
  }));
}

/** Show a part of a schema; what it refers to is written when somebody looks. */
function look(schema) {
  if (!schema.$ref) return keysOf(schema);
  return folded(make("span", {}, "what ", make("code", {}, nameOf(schema.$ref)), " is"), () => whole(follow(schema)));
}

function whole(schema) {
  const facts = bounds(schema);
  const seen = schema.properties ? [keysOf(schema)] : parts(schema).map(look);
  return [
    ...prose(schema.description),
    schema.properties ? "" : make("p", { class: "type" }, typeOf(schema)),
    facts.length ? make("p", { class: "facts" }, facts.join("; ")) : "",
    ...seen,
  ].filter((part) => part !== "");
}

function schemaView(schema) {
  if (schema === undefined) return "";
  const resolved = follow(schema);
  const title = schema.$ref ? nameOf(schema.$ref) : typeOf(schema);
  return resolved.type === "string" && !resolved.enum ? "" : folded(`Schema: ${title}`, () => whole(resolved));
}

function examplesOf(content) {
  const named = Object.entries(content.examples || {}).map(([name, one]) => [name, one.value]);
  const all = content.example === undefined ? named : [["", content.example], ...named];
  return all.map(([name, value]) => folded(name ? `Example: ${name}` : "Example", () => example(value)));
}

function contentView(content) {
  return Object.entries(content || {}).map(([type, one]) => [
    make("p", {}, make("code", {}, type)), schemaView(one.schema), ...examplesOf(one),
  ]);
}

function parametersView(list) {
  if (!list.length) return [];
  const rows = list.map(follow).map((one) => [
    [make("code", {}, one.name), one.required ? make("span", { class: "needed" }, " needed") : ""], one.in,
    make("span", { class: "type" }, one.style === "form" ? typeOf(one.schema).replace("list of", "commas between") : typeOf(one.schema)),
    [...line(one.description || ""), make("p", { class: "facts" }, bounds(one.schema).join("; "))],
  ]);
  return [make("h4", {}, "Parameters"), table(["name", "where", "type", ""], rows)];
}

function answersView(responses) {
  return [make("h4", {}, "Answers"), ...Object.entries(responses).map(([status, reference]) => {
    const answer = follow(reference);
    return folded(make("span", {}, make("strong", {}, status), " ", ...line(answer.description)), () => {
      const headers = Object.entries(answer.headers || {}).map(([name, one]) => [make("code", {}, name), line(follow(one).description || "")]);
      return [
        ...contentView(answer.content).flat(),
        headers.length ? folded("Header fields", () => table(["name", ""], headers)) : "",
      ].filter((part) => part !== "");
    });
  })];
}

function streamsView(operation) {
  const frames = Object.entries(operation["x-event-stream"] || {});
  const sides = Object.entries(operation["x-websocket"] || {});
  const row = ([name, one]) => folded(name === "*" ? "every event" : name, () => [...whole(follow(one.schema)), ...examplesOf(one)]);
  return [
    frames.length ? make("h4", {}, "Frames") : "", ...frames.map(row),
    ...sides.flatMap(([side, messages]) => [make("h4", {}, `Messages of the ${side}`), ...Object.entries(messages).map(row)]),
  ].filter((part) => part !== "");
}

function securityView(operation) {
  const schemes = operation.security || [];
  if (!schemes.length) return [];
  const words = schemes.map((one) => Object.keys(one).join(" and ") || "nobody in particular");
  return [make("p", { class: "facts" }, `Lets in: ${words.join(", or ")}`)];
}

function operationView(path, method, operation) {
  const body = follow(operation.requestBody);
  const title = make("h3", { id: `${operation.operationId}-title` },
    make("span", { class: `method ${method}` }, method.toUpperCase()), " ", make("code", {}, path));
  return make("article", { id: operation.operationId, "aria-labelledby": `${operation.operationId}-title` },
    title, make("p", {}, make("strong", {}, line(operation.summary || ""))), ...prose(operation.description),
    ...securityView(operation), ...parametersView(operation.parameters || []),
    body ? [make("h4", {}, body.required ? "Body" : "Body, which may be left out"), ...prose(body.description), ...contentView(body.content).flat()] : [],
    ...streamsView(operation), ...answersView(operation.responses));
}

/** Collect the calls by what they are about, in the order of the document. */
function calls() {
  const found = new Map(book.tags.map((tag) => [tag.name, []]));
  for (const [path, item] of Object.entries(book.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const operation = item[method];
      const tag = (operation.tags || ["other"])[0];
      if (!found.has(tag)) found.set(tag, []);
      found.get(tag).push({ path, method, operation });
    }
  }
  return [...found].filter(([, list]) => list.length);
}

function indexView(tag, list) {
  const rows = list.map(({ path, method, operation }) => make("li", { "data-text": `${method} ${path} ${operation.summary} ${operation.operationId}`.toLowerCase() },
    make("a", { href: `#${operation.operationId}` }, make("span", { class: `method ${method}` }, method.toUpperCase()), ` ${operation.summary}`)));
  return make("section", {}, make("h2", {}, tag), make("ul", {}, rows));
}

function search(words) {
  let count = 0;
  for (const row of document.querySelectorAll("#index li")) {
    row.hidden = !words.every((word) => row.dataset.text.includes(word));
    count += row.hidden ? 0 : 1;
  }
  for (const section of document.querySelectorAll("#index section")) {
    section.hidden = !section.querySelector("li:not([hidden])");
  }
  document.getElementById("found").textContent = words.length ? `${count} calls` : "";
}

function show() {
  const main = document.getElementById("calls");
  const groups = calls();
  const schemes = Object.entries(book.components.securitySchemes).map(([name, one]) => [make("code", {}, name), one.type, line(one.description)]);
  document.getElementById("version").textContent = book.info.version;
  document.getElementById("index").append(...groups.map(([tag, list]) => indexView(tag, list)));
  main.replaceChildren(
    make("section", {}, make("h2", {}, "About"), ...prose(book.info.description), make("h3", {}, "Who calls"), table(["scheme", "type", ""], schemes)),
    ...groups.map(([tag, list]) => make("section", {}, make("h2", {}, tag),
      ...prose((book.tags.find((one) => one.name === tag) || {}).description),
      ...list.map(({ path, method, operation }) => operationView(path, method, operation)))),
    make("section", { id: "schemas" }, make("h2", {}, "Schemas"),
      ...Object.entries(book.components.schemas).map(([name, one]) => folded(make("code", {}, name), () => whole(one)))),
  );
  main.setAttribute("aria-busy", "false");
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target) target.scrollIntoView();
}

document.getElementById("search").addEventListener("input", (event) => {
  search(event.target.value.toLowerCase().split(/\s+/).filter(Boolean));
});

fetch(document.getElementById("source").href, { credentials: "omit" })
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`the node answered ${answer.status}`))))
  .then((read) => { book = read; show(); })
  .catch((error) => {
    const waiting = document.getElementById("waiting");
    if (waiting) waiting.textContent = `The document cannot be shown: ${error.message}`;
  });
