// Where the server under test is, and with which keys: set by ../run.sh.
function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run ../run.sh`);
  return value;
}

export const base = need("TURNPIKE_E2E_BASE"); // ends in /api/v1
export const key = need("TURNPIKE_E2E_KEY");
export const managementKey = need("TURNPIKE_E2E_MANAGEMENT_KEY");

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

const parameters = (name) => ({ type: "object", properties: { [name]: { type: "string" } }, required: [name] });

export const tools = [
  { type: "function", function: { name: "weather", description: "Weather of a city", parameters: parameters("city") } },
  { type: "function", function: { name: "clock", description: "Time in a zone", parameters: parameters("zone") } },
];

// twoCalls makes sim/echo call both tools at once, with arguments long enough
// to arrive in several pieces.
export const twoCalls =
  'call weather {"city":"Llanfairpwllgwyngyll, Wales"}\ncall clock {"zone":"America/Argentina/Buenos_Aires"}';

export const twoArguments = [{ city: "Llanfairpwllgwyngyll, Wales" }, { zone: "America/Argentina/Buenos_Aires" }];
