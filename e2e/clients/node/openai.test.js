// The openai package for Node, unmodified.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { base, key, tinyKey, tools, twoArguments, twoCalls } from "./server.js";

const client = (apiKey = key) => new OpenAI({ baseURL: base, apiKey, maxRetries: 0 });
const say = (content) => [{ role: "user", content }];
const sentence = "The quick brown fox jumps over the lazy dog, twice.";

for (const model of ["sim/echo", "sim/echo-messages", "sim/echo-gemini"]) {
  test(`${model}: whole`, async () => {
    const answer = await client().chat.completions.create({
      model,
      messages: [{ role: "system", content: "Be brief." }, ...say(sentence)],
    });
    assert.match(answer.id, /^gen-/);
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.model, model);
    assert.equal(answer.choices[0].message.role, "assistant");
    assert.equal(answer.choices[0].message.content, sentence);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.ok(answer.usage.cost > 0);
  });

  test(`${model}: stream`, async () => {
    const stream = await client().chat.completions.create({ model, messages: say(sentence), stream: true });
    let text = "";
    let pieces = 0;
    let finish;
    const usages = [];
    for await (const chunk of stream) {
      assert.equal(chunk.object, "chat.completion.chunk");
      const [choice] = chunk.choices;
      if (choice?.delta.content) {
        text += choice.delta.content;
        pieces++;
      }
      finish = choice?.finish_reason ?? finish;
      if (chunk.usage) usages.push(chunk.usage);
    }
    assert.equal(text, sentence);
    assert.ok(pieces > 1, "came in one piece");
    assert.equal(finish, "stop");
    assert.equal(usages.length, 1);
    assert.ok(usages[0].completion_tokens > 0 && usages[0].cost > 0);
  });

  test(`${model}: parallel tools, streamed, through the SDK's own accumulator`, async () => {
    const answer = await client().chat.completions.stream({ model, messages: say(twoCalls), tools }).finalChatCompletion();
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
    const calls = answer.choices[0].message.tool_calls;
    assert.deepEqual(calls.map((c) => c.function.name), ["weather", "clock"]);
    assert.deepEqual(calls.map((c) => JSON.parse(c.function.arguments)), twoArguments);
    assert.notEqual(calls[0].id, calls[1].id);
  });
}

test("tools: the SDK runs both and comes back with their results", async () => {
  const ran = [];
  const runnable = tools.map((tool) => ({
    type: "function",
    function: {
      ...tool.function,
      parse: JSON.parse,
      function: (args) => {
        ran.push([tool.function.name, args]);
        return `${tool.function.name} says fine`;
      },
    },
  }));
  const runner = client().chat.completions.runTools({ model: "sim/echo", messages: say(twoCalls), tools: runnable });
  const last = await runner.finalContent();
  assert.deepEqual(ran, [["weather", twoArguments[0]], ["clock", twoArguments[1]]]);
  assert.match(last, /weather says fine/);
  assert.match(last, /clock says fine/);
});

test("tools: arguments arrive in pieces, by index", async () => {
  const stream = await client().chat.completions.create({ model: "sim/echo", messages: say(twoCalls), tools, stream: true });
  const args = [];
  let pieces = 0;
  for await (const chunk of stream) {
    for (const call of chunk.choices[0]?.delta.tool_calls ?? []) {
      args[call.index] = (args[call.index] ?? "") + (call.function?.arguments ?? "");
      pieces++;
    }
  }
  assert.deepEqual(args.map((a) => JSON.parse(a)), twoArguments);
  assert.ok(pieces > 4, `${pieces} pieces`);
});

test("json_schema", async () => {
  const answer = await client().chat.completions.create({
    model: "sim/echo",
    messages: say("structured"),
    response_format: {
      type: "json_schema",
      json_schema: {
        name: "echo",
        strict: true,
        schema: { type: "object", properties: { echo: { type: "string" } }, required: ["echo"], additionalProperties: false },
      },
    },
  });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), { echo: "structured" });
});

test("max_tokens ends with length", async () => {
  const answer = await client().chat.completions.create({ model: "sim/echo", messages: say(sentence), max_tokens: 3 });
  assert.equal(answer.choices[0].finish_reason, "length");
  assert.equal(answer.usage.completion_tokens, 3);
});

test("reasoning", async () => {
  const stream = await client().chat.completions.create({
    model: "sim/echo-gemini",
    messages: say("think"),
    reasoning_effort: "high",
    stream: true,
  });
  let thought = "";
  let text = "";
  let details = 0;
  let usage;
  for await (const chunk of stream) {
    const delta = chunk.choices[0]?.delta;
    thought += delta?.reasoning ?? "";
    text += delta?.content ?? "";
    details += delta?.reasoning_details?.length ?? 0;
    usage = chunk.usage ?? usage;
  }
  assert.match(thought, /will repeat/);
  assert.equal(text, "think");
  assert.ok(details > 0);
  assert.ok(usage.completion_tokens_details.reasoning_tokens > 0);
});

test("images by data URI", async () => {
  const url = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const answer = await client().chat.completions.create({
    model: "sim/echo",
    messages: say([{ type: "text", text: "what is this" }, { type: "image_url", image_url: { url } }]),
  });
  assert.equal(answer.choices[0].message.content, "[1 image] what is this");
});

test("OpenRouter's own members pass through the SDK", async () => {
  const answer = await client().chat.completions.create({
    model: "sim/status-500",
    models: ["sim/echo"],
    messages: say("second choice"),
    provider: { allow_fallbacks: true },
  });
  assert.equal(answer.model, "sim/echo");
  assert.equal(answer.choices[0].message.content, "second choice");
});

const refusals = [
  ["400 unknown model", OpenAI.BadRequestError, 400, {}, { model: "nobody/nothing" }],
  ["401 unknown key", OpenAI.AuthenticationError, 401, { key: () => `sk-tp-v1-${"0".repeat(64)}` }, {}],
  ["402 key limit", OpenAI.APIError, 402, { key: tinyKey }, {}],
  ["404 nothing left of the plan", OpenAI.NotFoundError, 404, {}, { provider: { only: ["nowhere"] } }],
  ["429 upstream has no room", OpenAI.RateLimitError, 429, {}, { model: "sim/status-429" }],
];
for (const stream of [false, true]) {
  for (const [name, type, status, how, body] of refusals) {
    test(`error, stream ${stream}: ${name}`, async () => {
      const apiKey = how.key ? await how.key() : key;
      await assert.rejects(
        client(apiKey).chat.completions.create({ model: "sim/echo", messages: say("hi"), stream, ...body }),
        (e) => e instanceof type && e.status === status && e.error.code === status && e.error.message.length > 0,
      );
    });
  }
}

test("an error in the middle of a stream is an APIError after the text", async () => {
  const stream = await client().chat.completions.create({ model: "sim/error-mid-stream", messages: say(sentence), stream: true });
  let text = "";
  await assert.rejects(async () => {
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  }, OpenAI.APIError);
  assert.ok(text.length > 0 && sentence.startsWith(text), text);
});

test("hanging up in the middle leaves the client usable", async () => {
  const openai = client();
  const stream = await openai.chat.completions.create({ model: "sim/slow-drip", messages: say(sentence), stream: true });
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  const answer = await openai.chat.completions.create({ model: "sim/echo", messages: say("still here") });
  assert.equal(answer.choices[0].message.content, "still here");
});

test("models list", async () => {
  const ids = [];
  for await (const model of client().models.list()) ids.push(model.id);
  assert.ok(ids.includes("sim/echo"));
  assert.ok(ids.length > 340, `${ids.length} models`);
});
