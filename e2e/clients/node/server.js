// Where the server under test is and with which keys, set by ../run.sh; and the
// cases that every language asks, from ../cases.json.
import { readFileSync } from "node:fs";
import { test } from "node:test";

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run ../run.sh`);
  return value;
}

export const host = need("TURNPIKE_E2E_HOST"); // without a path
export const base = need("TURNPIKE_E2E_BASE"); // ends in /api/v1
export const key = need("TURNPIKE_E2E_KEY");
export const managementKey = need("TURNPIKE_E2E_MANAGEMENT_KEY");

export const cases = JSON.parse(readFileSync(new URL("../cases.json", import.meta.url), "utf8"));
export const { upstreams, sentence } = cases;

// suite is test, with the SDK in the name.
export const suite = (sdk) => (name, run) => test(`${sdk}: ${name}`, run);

// fault is the header by which a model of sim performs one.
export const fault = (name) => ({ [cases.faults.header]: name });

// tinyKey makes a user key that can pay for nothing.
export async function tinyKey() {
  const answer = await fetch(`${base}/keys`, {
    method: "POST",
    headers: { Authorization: `Bearer ${managementKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ name: "tiny", limit: 0.0000001 }),
  });
  if (answer.status !== 201) throw new Error(`POST /keys: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).key;
}

// image is the picture of the cases as a data URI.
export const image = `data:${cases.image.media_type};base64,${cases.image.data}`;

// tools are those of the cases as Chat Completions has them.
export const tools = cases.tools.map((tool) => ({ type: "function", function: tool }));

// twoCalls makes sim call both tools at once, with arguments long enough to
// arrive in several pieces.
export const twoCalls = cases.calls.prompt;
export const twoArguments = cases.calls.arguments;
export const twoNames = cases.tools.map((tool) => tool.name);

// result is what a tool is said to have answered.
export const result = (name) => cases.calls.results[twoNames.indexOf(name)];
