// The openai package for Node, unmodified, over Chat Completions.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { base, cases, fault, image, key, result, sentence, suite, tinyKey, tools, twoArguments, twoCalls, twoNames, upstreams } from "./server.js";

const test = suite("openai, Chat Completions");
const client = (apiKey = key) => new OpenAI({ baseURL: base, apiKey, maxRetries: 0 });
const say = (content) => [{ role: "user", content }];

for (const model of upstreams) {
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
    assert.deepEqual(calls.map((c) => c.function.name), twoNames);
    assert.deepEqual(calls.map((c) => JSON.parse(c.function.arguments)), twoArguments);
    assert.notEqual(calls[0].id, calls[1].id);
  });

  test(`${model}: the SDK runs both tools and comes back with their results`, async () => {
    const ran = [];
    const runnable = tools.map((tool) => ({
      type: "function",
      function: {
        ...tool.function,
        parse: JSON.parse,
        function: (args) => {
          ran.push([tool.function.name, args]);
          return result(tool.function.name);
        },
      },
    }));
    const last = await client().chat.completions.runTools({ model, messages: say(twoCalls), tools: runnable }).finalContent();
    assert.deepEqual(ran.sort(), twoNames.map((name, i) => [name, twoArguments[i]]).sort());
    for (const said of cases.calls.results) assert.ok(last.includes(said), last);
  });

  test(`${model}: an image by data URI`, async () => {
    const content = [{ type: "text", text: cases.image.prompt }, { type: "image_url", image_url: { url: image } }];
    const answer = await client().chat.completions.create({ model, messages: say(content) });
    assert.equal(answer.choices[0].message.content, cases.image.answer);
  });

  test(`${model}: json_schema`, async () => {
    const { name, schema, prompt } = cases.structured;
    const answer = await client().chat.completions.create({
      model,
      messages: say(prompt),
      response_format: { type: "json_schema", json_schema: { name, strict: true, schema } },
    });
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), cases.structured.answer);
  });

  test(`${model}: 429 from upstream`, async () => {
    await assert.rejects(
      client().chat.completions.create({ model, messages: say("hi") }, { headers: fault(cases.faults.rate_limit) }),
      (e) => e instanceof OpenAI.RateLimitError && e.status === 429 && e.error.code === 429,
    );
  });

  test(`${model}: an error in the middle of a stream is an APIError after the text`, async () => {
    const stream = await client().chat.completions.create(
      { model, messages: say(sentence), stream: true },
      { headers: fault(cases.faults.mid_stream) },
    );
    let text = "";
    await assert.rejects(async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    }, OpenAI.APIError);
    assert.ok(text.length > 0 && sentence.startsWith(text), text);
  });
}

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
  ["401 unknown key", OpenAI.AuthenticationError, 401, { key: () => cases.refusals.unknown_key }, {}],
  ["402 key limit", OpenAI.APIError, 402, { key: tinyKey }, {}],
  ["404 nothing left of the plan", OpenAI.NotFoundError, 404, {}, { provider: cases.refusals.provider }],
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

test("hanging up in the middle leaves the client usable", async () => {
  const openai = client();
  const stream = await openai.chat.completions.create({ model: "sim/slow-drip", messages: say(sentence), stream: true });
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  const answer = await openai.chat.completions.create({ model: "sim/echo", messages: say("still here") });
  assert.equal(answer.choices[0].message.content, "still here");
});

test("one model, and one that is not there", async () => {
  const model = await client().models.retrieve("sim/echo");
  assert.equal(model.id, "sim/echo");
  assert.equal(model.object, "model");
  assert.equal(model.owned_by, "sim");
  await assert.rejects(client().models.retrieve("nobody/nothing"), (e) => e instanceof OpenAI.NotFoundError && /no such model/.test(e.message));
});

test("what is not kept is a 404 that says so", async () => {
  for (const asked of [
    () => client().responses.retrieve("resp_1"),
    () => client().responses.inputItems.list("resp_1"),
    () => client().chat.completions.retrieve("gen-1"),
    () => client().conversations.retrieve("conv_1"),
  ]) {
    await assert.rejects(asked, (e) => e instanceof OpenAI.NotFoundError && /not kept here/.test(e.message));
  }
});

test("models list", async () => {
  const ids = [];
  for await (const model of client().models.list()) ids.push(model.id);
  assert.ok(ids.includes("sim/echo"));
  assert.ok(ids.length > 340, `${ids.length} models`);
});
