// @openrouter/sdk, unmodified. It validates every answer against OpenRouter's
// schemas, so that a call which returns is already most of a test.
import assert from "node:assert/strict";
import { OpenRouter } from "@openrouter/sdk";
import * as errors from "@openrouter/sdk/models/errors";
import { base, cases, fault, image, key, managementKey, result, sentence, suite, tinyKey, tools, twoArguments, twoCalls, twoNames, upstreams } from "./server.js";

const test = suite("@openrouter/sdk");
const client = (apiKey = key) => new OpenRouter({ apiKey, serverURL: base, retryConfig: { strategy: "none" } });
const send = (chatRequest, sdk = client(), options = undefined) =>
  sdk.chat.send({ chatRequest: { model: "sim/echo", messages: [{ role: "user", content: "hello there, friend" }], ...chatRequest } }, options);
const respond = (responsesRequest, sdk = client()) => sdk.responses.send({ responsesRequest: { model: "sim/echo", input: sentence, ...responsesRequest } });

test("configured by the environment alone", async () => {
  process.env.OPENROUTER_BASE_URL = base;
  process.env.OPENROUTER_API_KEY = key;
  try {
    const answer = await send({}, new OpenRouter());
    assert.equal(answer.choices[0].message.content, "hello there, friend");
  } finally {
    delete process.env.OPENROUTER_BASE_URL;
    delete process.env.OPENROUTER_API_KEY;
  }
});

for (const model of upstreams) {
  test(`${model}: whole, and its generation`, async () => {
    const answer = await send({ model });
    assert.equal(answer.model, model);
    assert.equal(answer.choices[0].message.content, "hello there, friend");
    assert.equal(answer.choices[0].finishReason, "stop");
    assert.ok(answer.usage.cost > 0);
    assert.equal(typeof answer.usage.costDetails.upstreamInferencePromptCost, "number");

    const { data } = await client().generations.getGeneration({ id: answer.id });
    assert.equal(data.id, answer.id);
    assert.equal(data.model, model);
    assert.equal(data.totalCost, answer.usage.cost);
    assert.equal(data.nativeTokensPrompt, answer.usage.promptTokens);
    assert.equal(data.nativeTokensCompletion, answer.usage.completionTokens);
    assert.equal(data.streamed, false);
  });

  test(`${model}: stream`, async () => {
    let text = "";
    let usage;
    let id;
    for await (const chunk of await send({ model, stream: true })) {
      id = chunk.id;
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, "hello there, friend");
    assert.ok(usage.cost > 0);
    const { data } = await client().generations.getGeneration({ id });
    assert.equal(data.streamed, true);
    assert.equal(data.totalCost, usage.cost);
  });

  test(`${model}: parallel tools, streamed`, async () => {
    const calls = [];
    let finish;
    for await (const chunk of await send({ model, stream: true, messages: [{ role: "user", content: twoCalls }], tools })) {
      const [choice] = chunk.choices;
      finish = choice?.finishReason ?? finish;
      for (const call of choice?.delta.toolCalls ?? []) {
        calls[call.index] ??= { name: "", args: "" };
        calls[call.index].name += call.function?.name ?? "";
        calls[call.index].args += call.function?.arguments ?? "";
      }
    }
    assert.equal(finish, "tool_calls");
    assert.deepEqual(calls.map((c) => c.name), twoNames);
    assert.deepEqual(calls.map((c) => JSON.parse(c.args)), twoArguments);
  });

  test(`${model}: reasoning`, async () => {
    const answer = await send({ model, reasoning: { effort: "high" } });
    const { message } = answer.choices[0];
    assert.equal(message.content, "hello there, friend");
    assert.ok(message.reasoning.length > 0);
    assert.ok(message.reasoningDetails.length > 0);
    // These protocols do not count thinking apart from the answer.
    if (!["sim/echo-messages", "sim/echo-converse", "sim/echo-cohere"].includes(model)) assert.ok(answer.usage.completionTokensDetails.reasoningTokens > 0);

    // What came back may be sent again, signature and all.
    const again = await send({
      model,
      reasoning: { effort: "high" },
      messages: [
        { role: "user", content: "hello there, friend" },
        { role: "assistant", content: message.content, reasoningDetails: message.reasoningDetails },
        { role: "user", content: "and again" },
      ],
    });
    assert.equal(again.choices[0].message.content, "and again");
  });

  test(`${model}: both tools, and back with their results`, async () => {
    const user = { role: "user", content: twoCalls };
    const { message, finishReason } = (await send({ model, messages: [user], tools })).choices[0];
    assert.equal(finishReason, "tool_calls");
    assert.deepEqual(message.toolCalls.map((c) => JSON.parse(c.function.arguments)), twoArguments);
    const results = message.toolCalls.map((c) => ({ role: "tool", toolCallId: c.id, content: result(c.function.name) }));
    const last = await send({ model, messages: [user, message, ...results], tools });
    for (const said of cases.calls.results) assert.ok(last.choices[0].message.content.includes(said));
  });

  test(`${model}: an image by data URI`, async () => {
    const content = [{ type: "text", text: cases.image.prompt }, { type: "image_url", imageUrl: { url: image } }];
    const answer = await send({ model, messages: [{ role: "user", content }] });
    assert.equal(answer.choices[0].message.content, cases.image.answer);
  });

  test(`${model}: json_schema`, async () => {
    const { name, schema, prompt } = cases.structured;
    const responseFormat = { type: "json_schema", jsonSchema: { name, strict: true, schema } };
    const answer = await send({ model, messages: [{ role: "user", content: prompt }], responseFormat });
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), cases.structured.answer);
  });

  test(`${model}: 429 from upstream`, async () => {
    await assert.rejects(send({ model }, client(), { headers: fault(cases.faults.rate_limit) }), errors.TooManyRequestsResponseError);
  });

  test(`${model}: an error in the middle of a stream is a chunk with an error`, async () => {
    let text = "";
    let last;
    const asked = { model, stream: true, messages: [{ role: "user", content: sentence }] };
    for await (const chunk of await send(asked, client(), { headers: fault(cases.faults.mid_stream) })) {
      text += chunk.choices[0]?.delta.content ?? "";
      last = chunk;
    }
    assert.ok(text.length > 0 && sentence.startsWith(text), text);
    assert.ok(last.error.code >= 400, JSON.stringify(last));
    assert.equal(last.choices[0].finishReason, "error");
  });

  test(`${model}, Responses: whole, and its generation`, async () => {
    const answer = await respond({ model });
    assert.equal(answer.model, model);
    assert.equal(answer.status, "completed");
    assert.equal(answer.outputText, sentence);
    assert.ok(answer.usage.cost > 0);
    const { data } = await client().generations.getGeneration({ id: answer.id });
    assert.equal(data.totalCost, answer.usage.cost);
  });

  test(`${model}, Responses: stream, and no event that its schemas do not know`, async () => {
    const events = [];
    for await (const event of await respond({ model, stream: true })) events.push(event);
    assert.deepEqual(events.filter((event) => event.type === "UNKNOWN" || event.isUnknown), []);
    assert.equal(events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join(""), sentence);
    assert.equal(events.at(-1).type, "response.completed");
    assert.equal(events.at(-1).response.outputText, sentence);
  });

  test(`${model}, Responses: both tools, and back with their results`, async () => {
    const flat = cases.tools.map((tool) => ({ type: "function", ...tool }));
    const first = await respond({ model, input: twoCalls, tools: flat });
    const calls = first.output.filter((item) => item.type === "function_call");
    assert.deepEqual(calls.map((call) => call.name), twoNames);
    const results = calls.map((call) => ({ type: "function_call_output", callId: call.callId, output: result(call.name) }));
    const last = await respond({ model, input: [{ role: "user", content: twoCalls }, ...first.output, ...results], tools: flat });
    for (const said of cases.calls.results) assert.ok(last.outputText.includes(said), last.outputText);
  });
}

const refusals = [
  ["400 unknown model", errors.BadRequestResponseError, 400, null, { model: "nobody/nothing" }],
  ["401 unknown key", errors.UnauthorizedResponseError, 401, () => cases.refusals.unknown_key, {}],
  ["402 key limit", errors.PaymentRequiredResponseError, 402, tinyKey, {}],
  ["404 nothing left of the plan", errors.NotFoundResponseError, 404, null, { provider: cases.refusals.provider }],
  ["429 upstream has no room", errors.TooManyRequestsResponseError, 429, null, { model: "sim/status-429" }],
];
for (const [name, type, status, makeKey, body] of refusals) {
  test(`error: ${name}`, async () => {
    const sdk = client(makeKey ? await makeKey() : key);
    await assert.rejects(send(body, sdk), (e) => e instanceof type && e.statusCode === status && e.error.code === status);
    await assert.rejects(respond(body, sdk), (e) => e instanceof type && e.statusCode === status && e.error.code === status);
  });
}

test("a user key cannot manage keys, a management key cannot ask", async () => {
  await assert.rejects(client(key).apiKeys.list(), (e) => e.statusCode === 403);
  await assert.rejects(send({}, client(managementKey)), (e) => e.statusCode === 403);
});

test("keys: create, use, read, change, list, delete", async () => {
  const manage = client(managementKey);
  const made = await manage.apiKeys.create({ requestBody: { name: "from the SDK", limit: 1.5, limitReset: "monthly" } });
  assert.match(made.key, /^sk-tp-v1-[0-9a-f]{64}$/);
  assert.equal(made.data.limit, 1.5);
  const { hash } = made.data;

  const answer = await send({}, client(made.key));
  const { data: read } = await manage.apiKeys.get({ hash });
  assert.equal(read.name, "from the SDK");
  assert.equal(read.usage, answer.usage.cost);

  const { data: own } = await client(made.key).apiKeys.getCurrentKeyMetadata();
  assert.equal(own.limit, 1.5);
  assert.equal(own.isManagementKey, false);
  assert.equal(own.usage, answer.usage.cost);

  const { data: changed } = await manage.apiKeys.update({ hash, requestBody: { name: "renamed", disabled: true } });
  assert.equal(changed.name, "renamed");
  assert.equal(changed.disabled, true);
  await assert.rejects(send({}, client(made.key)), errors.UnauthorizedResponseError);

  const { data: listed } = await manage.apiKeys.list({ includeDisabled: true });
  assert.ok(listed.some((k) => k.hash === hash));

  assert.equal((await manage.apiKeys.delete({ hash })).deleted, true);
  await assert.rejects(manage.apiKeys.get({ hash }), errors.NotFoundResponseError);
});

test("credits go down by the cost", async () => {
  const manage = client(managementKey);
  const before = (await manage.credits.getCredits()).data;
  const answer = await send({});
  const after = (await manage.credits.getCredits()).data;
  assert.equal(after.totalCredits, before.totalCredits);
  assert.ok(Math.abs(after.totalUsage - before.totalUsage - answer.usage.cost) < 1e-9);
});

test("models, one model, its endpoints, count", async () => {
  const pages = [];
  for await (const page of await client().models.list()) pages.push(page.result);
  const models = pages.flatMap((p) => p.data);
  assert.ok(models.length > 340, `${models.length} models`);
  assert.ok(models.some((m) => m.id === "sim/echo"));
  assert.equal((await client().models.count()).data.count, models.length);

  const { data: one } = await client().models.get({ author: "sim", slug: "echo" });
  assert.equal(one.id, "sim/echo");
  assert.equal(one.pricing.prompt, "0.000001");

  const { data: opus } = await client().endpoints.list({ author: "anthropic", slug: "claude-opus-4.8" });
  assert.equal(opus.id, "anthropic/claude-opus-4.8");
  assert.ok(opus.endpoints.length > 0);
});

test("models, page by page", async () => {
  let pages = 0;
  let models = 0;
  for await (const page of await client().models.list({ limit: 100 })) {
    pages++;
    models += page.result.data.length;
  }
  assert.ok(pages > 3, `${pages} pages`);
  assert.equal(models, (await client().models.count()).data.count);
});

test("providers and zero-retention endpoints", async () => {
  const { data: providers } = await client().providers.list();
  assert.ok(providers.length >= 25, `${providers.length} providers`);
  assert.ok(providers.some((p) => p.slug === "anthropic"));
  const { data: zdr } = await client().endpoints.listZdrEndpoints();
  assert.ok(zdr.some((e) => e.modelId === "sim/echo"));
});
