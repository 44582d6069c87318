// @openrouter/ai-sdk-provider under Vercel's `ai`, unmodified.
import assert from "node:assert/strict";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { Output, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { base, cases, fault, image, key, result, sentence, suite, twoArguments, twoCalls, twoNames, upstreams } from "./server.js";

const test = suite("ai-sdk-provider");
const provider = (apiKey = key) => createOpenRouter({ baseURL: base, apiKey, compatibility: "strict" });
const ask = (model, more) => ({ model: provider()(model), prompt: sentence, maxRetries: 0, ...more });

for (const model of upstreams) {
  test(`${model}: whole`, async () => {
    const answer = await generateText(ask(model, { instructions: "Be brief." }));
    assert.equal(answer.text, sentence);
    assert.equal(answer.finishReason, "stop");
    assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
    assert.ok(answer.providerMetadata.openrouter.usage.cost > 0);
  });

  test(`${model}: stream`, async () => {
    const asked = streamText(ask(model));
    const pieces = [];
    for await (const piece of asked.textStream) pieces.push(piece);
    assert.equal(pieces.join(""), sentence);
    assert.ok(pieces.length > 1, "came in one piece");
    assert.equal(await asked.finishReason, "stop");
    assert.ok((await asked.usage).outputTokens > 0);
  });

  for (const [how, run] of [
    ["whole", async (asked) => (await generateText(asked)).text],
    ["streamed", async (asked) => streamText(asked).text],
  ]) {
    test(`${model}: it runs both tools and comes back with their results, ${how}`, async () => {
      const ran = [];
      const tools = Object.fromEntries(
        cases.tools.map(({ name, description, parameters }) => [
          name,
          tool({
            description,
            inputSchema: jsonSchema(parameters),
            execute: async (args) => {
              ran.push([name, args]);
              return result(name);
            },
          }),
        ]),
      );
      const said = await run(ask(model, { prompt: twoCalls, tools, stopWhen: stepCountIs(2) }));
      assert.deepEqual(ran.sort(), twoNames.map((name, i) => [name, twoArguments[i]]).sort());
      for (const one of cases.calls.results) assert.ok(said.includes(one), said);
    });
  }

  test(`${model}: an image by data URI`, async () => {
    const content = [{ type: "text", text: cases.image.prompt }, { type: "image", image }];
    const answer = await generateText(ask(model, { prompt: [{ role: "user", content }] }));
    assert.equal(answer.text, cases.image.answer);
  });

  test(`${model}: an object by its schema`, async () => {
    const { schema, prompt } = cases.structured;
    const answer = await generateText(ask(model, { prompt, output: Output.object({ schema: jsonSchema(schema) }) }));
    assert.deepEqual(answer.output, cases.structured.answer);
  });

  test(`${model}: reasoning, and its return`, async () => {
    const providerOptions = { openrouter: { reasoning: { effort: "high" } } };
    const first = await generateText(ask(model, { prompt: "think", providerOptions }));
    assert.equal(first.text, "think");
    assert.ok(first.reasoningText.length > 0);
    const prompt = [{ role: "user", content: "think" }, ...first.response.messages, { role: "user", content: "and again" }];
    assert.equal((await generateText(ask(model, { prompt, providerOptions }))).text, "and again");
  });

  test(`${model}: 429 from upstream`, async () => {
    await assert.rejects(generateText(ask(model, { headers: fault(cases.faults.rate_limit) })), (e) => e.statusCode === 429);
  });

  test(`${model}: an error in the middle of a stream is a part of it, after the text`, async () => {
    const asked = streamText(ask(model, { headers: fault(cases.faults.mid_stream), onError: () => {} }));
    let said = "";
    const errors = [];
    for await (const part of asked.fullStream) {
      if (part.type === "text-delta") said += part.text;
      if (part.type === "error") errors.push(part.error);
    }
    assert.ok(said.length > 0 && sentence.startsWith(said), said);
    assert.equal(errors.length, 1);
  });
}

test("401 unknown key", async () => {
  const model = provider(cases.refusals.unknown_key)("sim/echo");
  await assert.rejects(generateText(ask("sim/echo", { model })), (e) => e.statusCode === 401);
});

test("404 nothing left of the plan", async () => {
  const model = provider()("sim/echo", { provider: cases.refusals.provider });
  await assert.rejects(generateText(ask("sim/echo", { model })), (e) => e.statusCode === 404);
});
