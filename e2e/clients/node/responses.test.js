// The openai package for Node, unmodified, over Responses.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { base, cases, fault, image, key, result, sentence, suite, twoArguments, twoCalls, twoNames, upstreams } from "./server.js";

const test = suite("openai, Responses");
const client = (apiKey = key) => new OpenAI({ baseURL: base, apiKey, maxRetries: 0 });
const tools = cases.tools.map((tool) => ({ type: "function", strict: true, ...tool }));
const calls = (response) => response.output.filter((item) => item.type === "function_call");

for (const model of upstreams) {
  test(`${model}: whole`, async () => {
    const answer = await client().responses.create({ model, instructions: "Be brief.", input: sentence });
    assert.equal(answer.object, "response");
    assert.equal(answer.status, "completed");
    assert.equal(answer.model, model);
    assert.equal(answer.instructions, "Be brief.");
    assert.equal(answer.output_text, sentence);
    const message = answer.output.find((item) => item.type === "message");
    assert.equal(message.role, "assistant");
    assert.equal(message.status, "completed");
    assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
    assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
    assert.ok(answer.usage.cost > 0);
  });

  test(`${model}: stream, in OpenAI's order of events`, async () => {
    const all = [];
    for await (const event of await client().responses.create({ model, input: sentence, stream: true })) all.push(event);
    const deltas = all.filter((event) => event.type === "response.output_text.delta");
    assert.equal(deltas.map((event) => event.delta).join(""), sentence);
    assert.ok(deltas.length > 1, "came in one piece");
    const numbers = all.map((event) => event.sequence_number);
    const last = all.at(-1);
    assert.equal(all[0].type, "response.created");
    assert.equal(last.type, "response.completed");
    assert.equal(last.response.usage.total_tokens, last.response.usage.input_tokens + last.response.usage.output_tokens);
    assert.ok(last.response.usage.cost > 0);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
    assert.equal(new Set(numbers).size, numbers.length);
    // Thoughts may come before the message, as items of their own.
    const item = deltas[0].output_index;
    assert.deepEqual(
      all.filter((event) => event.output_index === item && event.type !== "response.output_text.delta").map((event) => event.type),
      ["response.output_item.added", "response.content_part.added", "response.output_text.done", "response.content_part.done", "response.output_item.done"],
    );
  });

  test(`${model}: stream, through the SDK's own accumulator`, async () => {
    const stream = client().responses.stream({ model, input: sentence });
    let pieces = "";
    stream.on("response.output_text.delta", (event) => (pieces += event.delta));
    const answer = await stream.finalResponse();
    assert.equal(answer.output_text, sentence);
    assert.equal(pieces, sentence);
  });

  test(`${model}: both tools, streamed, and back with their results`, async () => {
    const first = await client().responses.stream({ model, input: twoCalls, tools }).finalResponse();
    assert.deepEqual(calls(first).map((call) => call.name), twoNames);
    assert.deepEqual(calls(first).map((call) => JSON.parse(call.arguments)), twoArguments);
    const input = [
      { role: "user", content: twoCalls },
      ...first.output,
      ...calls(first).map((call) => ({ type: "function_call_output", call_id: call.call_id, output: result(call.name) })),
    ];
    const last = await client().responses.create({ model, input, tools });
    for (const said of cases.calls.results) assert.ok(last.output_text.includes(said), last.output_text);
  });

  test(`${model}: an image by data URI`, async () => {
    const content = [
      { type: "input_text", text: cases.image.prompt },
      { type: "input_image", image_url: image, detail: "auto" },
    ];
    const answer = await client().responses.create({ model, input: [{ role: "user", content }] });
    assert.equal(answer.output_text, cases.image.answer);
  });

  test(`${model}: json_schema`, async () => {
    const { name, schema, prompt } = cases.structured;
    const format = { type: "json_schema", name, schema, strict: true };
    const answer = await client().responses.parse({ model, input: prompt, text: { format } });
    assert.deepEqual(answer.output_parsed, cases.structured.answer);
  });

  test(`${model}: reasoning, and its return`, async () => {
    const ask = { model, reasoning: { effort: "high", summary: "auto" }, include: ["reasoning.encrypted_content"], store: false };
    const first = await client().responses.create({ ...ask, input: "think" });
    assert.ok(first.output.some((item) => item.type === "reasoning"), JSON.stringify(first.output));
    assert.equal(first.output_text, "think");
    const input = [{ role: "user", content: "think" }, ...first.output, { role: "user", content: "and again" }];
    const last = await client().responses.create({ ...ask, input });
    assert.equal(last.output_text, "and again");
  });

  test(`${model}: 429 from upstream`, async () => {
    for (const stream of [false, true]) {
      await assert.rejects(
        client().responses.create({ model, input: "hi", stream }, { headers: fault(cases.faults.rate_limit) }),
        (e) => e instanceof OpenAI.RateLimitError && e.status === 429 && e.error.message.length > 0,
      );
    }
  });

  test(`${model}: an error in the middle of a stream is a failed response after the text`, async () => {
    let text = "";
    let last;
    const stream = await client().responses.create({ model, input: sentence, stream: true }, { headers: fault(cases.faults.mid_stream) });
    for await (const event of stream) {
      if (event.type === "response.output_text.delta") text += event.delta;
      last = event;
    }
    assert.ok(text.length > 0 && sentence.startsWith(text), text);
    assert.equal(last.type, "response.failed");
    assert.equal(last.response.status, "failed");
    assert.ok(last.response.error.code && last.response.error.message, JSON.stringify(last.response.error));
  });
}

test("max_output_tokens leaves the response incomplete", async () => {
  const answer = await client().responses.create({ model: "sim/echo", input: sentence, max_output_tokens: 3 });
  assert.equal(answer.status, "incomplete");
  assert.equal(answer.incomplete_details.reason, "max_output_tokens");
  assert.equal(answer.usage.output_tokens, 3);
});

test("nothing is stored", async () => {
  await assert.rejects(client().responses.create({ model: "sim/echo", input: "hi", store: true }), OpenAI.BadRequestError);
  await assert.rejects(client().responses.create({ model: "sim/echo", input: "hi", previous_response_id: "resp_1" }), OpenAI.BadRequestError);
});

const refusals = [
  ["400 unknown model", OpenAI.BadRequestError, 400, key, { model: "nobody/nothing" }],
  ["401 unknown key", OpenAI.AuthenticationError, 401, cases.refusals.unknown_key, {}],
  ["404 nothing left of the plan", OpenAI.NotFoundError, 404, key, { provider: cases.refusals.provider }],
];
for (const stream of [false, true]) {
  for (const [name, type, status, apiKey, body] of refusals) {
    test(`error, stream ${stream}: ${name}`, async () => {
      await assert.rejects(
        client(apiKey).responses.create({ model: "sim/echo", input: "hi", stream, ...body }),
        (e) => e instanceof type && e.status === status && e.error.message.length > 0,
      );
    });
  }
}
