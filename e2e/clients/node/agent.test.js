// @openrouter/agent, unmodified, which asks over Responses, always by stream, and
// reads every event with the schemas of the @openrouter/sdk that it brings along.
import assert from "node:assert/strict";
import { OpenRouter, callModel, tool } from "@openrouter/agent";
import { z } from "zod";
import { base, cases, fault, image, key, result, sentence, suite, twoArguments, twoCalls, twoNames, upstreams } from "./server.js";

const test = suite("@openrouter/agent");
const client = (apiKey = key) => new OpenRouter({ apiKey, serverURL: base, retryConfig: { strategy: "none" } });
const ask = (request, options, sdk = client()) => callModel(sdk, { model: "sim/echo", input: sentence, ...request }, options);

async function all(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

for (const model of upstreams) {
  test(`${model}: text and usage`, async () => {
    const asked = ask({ model });
    assert.equal(await asked.getText(), sentence);
    const answer = await asked.getResponse();
    assert.equal(answer.model, model);
    assert.equal(answer.status, "completed");
    assert.equal(answer.outputText, sentence);
    assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0 && answer.usage.cost > 0);
  });

  test(`${model}: text by stream, and no event that its schemas do not know`, async () => {
    const asked = ask({ model });
    const [pieces, events] = await Promise.all([all(asked.getTextStream()), all(asked.getFullResponsesStream())]);
    assert.equal(pieces.join(""), sentence);
    assert.ok(pieces.length > 1, "came in one piece");
    const unknown = events.filter((event) => event.type === "UNKNOWN" || event.isUnknown);
    assert.deepEqual(unknown, []);
  });

  test(`${model}: it runs both tools and comes back with their results`, async () => {
    const ran = [];
    const schemas = [z.object({ city: z.string() }), z.object({ zone: z.string() })];
    const tools = cases.tools.map(({ name, description }, i) =>
      tool({
        name,
        description,
        inputSchema: schemas[i],
        execute: async (args) => {
          ran.push([name, args]);
          return result(name);
        },
      }),
    );
    const said = await ask({ model, input: twoCalls, tools }).getText();
    assert.deepEqual(ran.sort(), twoNames.map((name, i) => [name, twoArguments[i]]).sort());
    for (const one of cases.calls.results) assert.ok(said.includes(one), said);
  });

  test(`${model}: an image by data URI`, async () => {
    const content = [
      { type: "input_text", text: cases.image.prompt },
      { type: "input_image", imageUrl: image, detail: "auto" },
    ];
    assert.equal(await ask({ model, input: [{ role: "user", content }] }).getText(), cases.image.answer);
  });

  test(`${model}: json_schema`, async () => {
    const { name, schema, prompt } = cases.structured;
    const text = { format: { type: "json_schema", name, schema, strict: true } };
    assert.deepEqual(JSON.parse(await ask({ model, input: prompt, text }).getText()), cases.structured.answer);
  });

  test(`${model}: reasoning by stream`, async () => {
    const asked = ask({ model, input: "think", reasoning: { effort: "high" } });
    const items = await all(asked.getItemsStream());
    assert.equal(await asked.getText(), "think");
    assert.ok(items.some((item) => item.type === "reasoning"), JSON.stringify(items));
  });

  test(`${model}: 429 from upstream`, async () => {
    await assert.rejects(ask({ model }, { headers: fault(cases.faults.rate_limit) }).getText(), (e) => e.statusCode === 429);
  });

  test(`${model}: an error in the middle of a stream`, async () => {
    const asked = ask({ model }, { headers: fault(cases.faults.mid_stream) });
    let said = "";
    try {
      for await (const piece of asked.getTextStream()) said += piece;
    } catch {
      // Whether the stream of text throws as well is the SDK's affair.
    }
    assert.ok(said.length > 0 && sentence.startsWith(said), said);
    await assert.rejects(asked.getText(), /Response failed/);
  });
}

test("401 unknown key", async () => {
  await assert.rejects(ask({}, undefined, client(cases.refusals.unknown_key)).getText(), (e) => e.statusCode === 401);
});

test("404 nothing left of the plan", async () => {
  await assert.rejects(ask({ provider: cases.refusals.provider }).getText(), (e) => e.statusCode === 404);
});
