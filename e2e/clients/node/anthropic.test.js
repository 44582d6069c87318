// @anthropic-ai/sdk, unmodified.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { cases, fault, host, key, result, sentence, suite, twoArguments, twoCalls, twoNames, upstreams } from "./server.js";

const test = suite("@anthropic-ai/sdk");
const client = (options) => new Anthropic({ baseURL: `${host}/api`, authToken: key, apiKey: null, maxRetries: 0, ...options });
const ask = (model, content) => ({ model, max_tokens: 1000, messages: [{ role: "user", content }] });
const tools = cases.tools.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters }));
const text = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");

for (const model of upstreams) {
  test(`${model}: whole`, async () => {
    const answer = await client().messages.create({ ...ask(model, sentence), system: "Be brief." });
    assert.equal(answer.type, "message");
    assert.equal(answer.role, "assistant");
    assert.equal(answer.model, model);
    assert.equal(text(answer), sentence);
    assert.equal(answer.stop_reason, "end_turn");
    assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
    assert.ok(answer.usage.cost > 0);
  });

  test(`${model}: stream, through the SDK's own accumulator`, async () => {
    const stream = client().messages.stream(ask(model, sentence));
    const types = [];
    let pieces = 0;
    let usage;
    stream.on("streamEvent", (event) => {
      types.push(event.type);
      if (event.type === "message_delta") usage = event.usage;
    });
    stream.on("text", () => pieces++);
    const answer = await stream.finalMessage();
    assert.equal(text(answer), sentence);
    assert.equal(answer.stop_reason, "end_turn");
    assert.ok(answer.usage.output_tokens > 0);
    // The accumulator keeps what Anthropic's usage has, and no more.
    assert.ok(usage.cost > 0, JSON.stringify(usage));
    assert.ok(pieces > 1, "came in one piece");
    assert.equal(types[0], "message_start");
    assert.deepEqual(types.slice(-3), ["content_block_stop", "message_delta", "message_stop"]);
  });

  test(`${model}: both tools, streamed, and back with their results`, async () => {
    const first = await client().messages.stream({ ...ask(model, twoCalls), tools }).finalMessage();
    assert.equal(first.stop_reason, "tool_use");
    const uses = first.content.filter((block) => block.type === "tool_use");
    assert.deepEqual(uses.map((use) => use.name), twoNames);
    assert.deepEqual(uses.map((use) => use.input), twoArguments);
    const messages = [
      { role: "user", content: twoCalls },
      { role: "assistant", content: first.content },
      { role: "user", content: uses.map((use) => ({ type: "tool_result", tool_use_id: use.id, content: result(use.name) })) },
    ];
    const last = await client().messages.create({ ...ask(model, ""), messages, tools });
    for (const said of cases.calls.results) assert.ok(text(last).includes(said), text(last));
  });

  // The runner asks for a thread, which the server must refuse in the way that
  // makes the runner send the conversation whole: a server that ignored it would
  // be sent the results alone.
  for (const stream of [false, true]) {
    test(`${model}: the SDK runs both tools and comes back with their results, stream ${stream}`, async () => {
      const ran = [];
      const runnable = cases.tools.map(({ name, description, parameters }) =>
        betaTool({
          name,
          description,
          inputSchema: parameters,
          run: (input) => {
            ran.push([name, input]);
            return result(name);
          },
        }),
      );
      const last = await client().beta.messages.toolRunner({ ...ask(model, twoCalls), tools: runnable, stream }).runUntilDone();
      assert.deepEqual(ran.sort(), twoNames.map((name, i) => [name, twoArguments[i]]).sort());
      for (const said of cases.calls.results) assert.ok(text(last).includes(said), text(last));
      const words = [twoCalls, ...cases.calls.results].join(" ").split(/\s+/).length;
      assert.ok(last.usage.input_tokens >= words, `${last.usage.input_tokens} tokens for ${words} words`);
    });
  }

  test(`${model}: an image`, async () => {
    const { prompt, media_type, data } = cases.image;
    const content = [{ type: "text", text: prompt }, { type: "image", source: { type: "base64", media_type, data } }];
    assert.equal(text(await client().messages.create(ask(model, content))), cases.image.answer);
  });

  test(`${model}: json_schema`, async () => {
    const { schema, prompt } = cases.structured;
    const answer = await client().messages.create({ ...ask(model, prompt), output_config: { format: { type: "json_schema", schema } } });
    assert.deepEqual(JSON.parse(text(answer)), cases.structured.answer);
  });

  test(`${model}: thinking, and its return`, async () => {
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const first = await client().messages.stream({ ...ask(model, "think"), max_tokens: 2000, thinking }).finalMessage();
    assert.match(first.content[0].type, /thinking$/, JSON.stringify(first.content));
    assert.equal(text(first), "think");
    const messages = [
      { role: "user", content: "think" },
      { role: "assistant", content: first.content },
      { role: "user", content: "and again" },
    ];
    const last = await client().messages.create({ ...ask(model, ""), messages, max_tokens: 2000, thinking });
    assert.equal(text(last), "and again");
  });

  test(`${model}: 429 from upstream`, async () => {
    for (const stream of [false, true]) {
      await assert.rejects(
        client().messages.create({ ...ask(model, "hi"), stream }, { headers: fault(cases.faults.rate_limit) }),
        (e) => e instanceof Anthropic.RateLimitError && e.status === 429 && e.error.error.type === "rate_limit_error",
      );
    }
  });

  test(`${model}: an error in the middle of a stream is an APIError after the text`, async () => {
    const stream = await client().messages.create({ ...ask(model, sentence), stream: true }, { headers: fault(cases.faults.mid_stream) });
    let said = "";
    await assert.rejects(
      async () => {
        for await (const event of stream) if (event.type === "content_block_delta") said += event.delta.text ?? "";
      },
      (e) => e instanceof Anthropic.APIError && e.error.error.message.length > 0,
    );
    assert.ok(said.length > 0 && sentence.startsWith(said), said);
  });
}

test("the key as x-api-key", async () => {
  assert.equal(text(await client({ authToken: null, apiKey: key }).messages.create(ask("sim/echo", "hi"))), "hi");
});

test("max_tokens and stop_sequences", async () => {
  const long = await client().messages.create({ ...ask("sim/echo", sentence), max_tokens: 3 });
  assert.equal(long.stop_reason, "max_tokens");
  assert.equal(long.usage.output_tokens, 3);
  const stopped = await client().messages.create({ ...ask("sim/echo", sentence), stop_sequences: ["fox"] });
  assert.equal(text(stopped), "The quick brown ");
});

test("threads are refused as not supported", async () => {
  const asked = { ...ask("sim/echo", "hi"), thread: { type: "create" }, betas: ["message-threads-2026-08-12"] };
  await assert.rejects(
    client().beta.messages.create(asked),
    (e) => e instanceof Anthropic.BadRequestError && e.error.error.details.error_code === "thread_unsupported_request",
  );
});

test("count_tokens", async () => {
  const { input_tokens } = await client().messages.countTokens({ model: "sim/echo", messages: [{ role: "user", content: sentence }] });
  assert.ok(input_tokens > 0);
});

test("count_tokens of a model that is not there", async () => {
  await assert.rejects(
    client().messages.countTokens({ model: "nobody/nothing", messages: [{ role: "user", content: sentence }] }),
    (e) => e instanceof Anthropic.BadRequestError && e.error.error.type === "invalid_request_error",
  );
});

test("one model, and what is not there", async () => {
  const model = await client().models.retrieve("sim/echo");
  assert.equal(model.id, "sim/echo");
  assert.equal(model.type, "model");
  assert.equal(model.display_name, "Sim: Echo");
  for (const asked of [
    () => client().models.retrieve("nobody/nothing"),
    () => client().messages.batches.retrieve("msgbatch_1"),
    () => client().messages.batches.create({ requests: [] }),
  ]) {
    await assert.rejects(asked, (e) => e instanceof Anthropic.NotFoundError && e.error.error.type === "not_found_error");
  }
});

const refusals = [
  ["400 unknown model", Anthropic.BadRequestError, 400, "invalid_request_error", {}, { model: "nobody/nothing" }],
  ["400 no max_tokens", Anthropic.BadRequestError, 400, "invalid_request_error", {}, { max_tokens: undefined }],
  ["401 unknown key", Anthropic.AuthenticationError, 401, "authentication_error", { authToken: cases.refusals.unknown_key }, {}],
  ["404 nothing left of the plan", Anthropic.NotFoundError, 404, "not_found_error", {}, { provider: cases.refusals.provider }],
];
for (const stream of [false, true]) {
  for (const [name, type, status, kind, options, body] of refusals) {
    test(`error, stream ${stream}: ${name}`, async () => {
      await assert.rejects(
        client(options).messages.create({ ...ask("sim/echo", "hi"), stream, ...body }),
        (e) => e instanceof type && e.status === status && e.error.type === "error" && e.error.error.type === kind && e.error.error.message.length > 0,
      );
    });
  }
}
