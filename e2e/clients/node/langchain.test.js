// @langchain/openai, unmodified, over Chat Completions and over Responses.
import assert from "node:assert/strict";
import { HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { base, cases, fault, image, key, result, sentence, suite, tools, twoArguments, twoCalls, twoNames, upstreams } from "./server.js";

const test = suite("@langchain/openai");

for (const useResponsesApi of [false, true]) {
  const over = useResponsesApi ? "Responses" : "Chat Completions";
  const chat = (model, more = {}) => {
    const { defaultHeaders, ...rest } = more;
    return new ChatOpenAI({ model, apiKey: key, maxRetries: 0, useResponsesApi, configuration: { baseURL: base, defaultHeaders }, ...rest });
  };

  for (const model of upstreams) {
    test(`${model}, ${over}: whole`, async () => {
      const answer = await chat(model).invoke([new SystemMessage("Be brief."), new HumanMessage(sentence)]);
      assert.equal(answer.text, sentence);
      assert.ok(answer.usage_metadata.input_tokens > 0 && answer.usage_metadata.output_tokens > 0);
    });

    test(`${model}, ${over}: stream`, async () => {
      let whole;
      let pieces = 0;
      for await (const piece of await chat(model).stream(sentence)) {
        if (piece.text) pieces++;
        whole = whole ? whole.concat(piece) : piece;
      }
      assert.equal(whole.text, sentence);
      assert.ok(pieces > 1, "came in one piece");
      assert.ok(whole.usage_metadata.output_tokens > 0);
    });

    test(`${model}, ${over}: both tools, streamed, and back with their results`, async () => {
      const bound = chat(model).bindTools(tools);
      let first;
      for await (const piece of await bound.stream(twoCalls)) first = first ? first.concat(piece) : piece;
      assert.deepEqual(first.tool_calls.map((call) => call.name), twoNames);
      assert.deepEqual(first.tool_calls.map((call) => call.args), twoArguments);
      const messages = [new HumanMessage(twoCalls), first, ...first.tool_calls.map((call) => new ToolMessage({ tool_call_id: call.id, content: result(call.name) }))];
      const last = await bound.invoke(messages);
      for (const said of cases.calls.results) assert.ok(last.text.includes(said), last.text);
    });

    test(`${model}, ${over}: an image by data URI`, async () => {
      const content = [{ type: "text", text: cases.image.prompt }, { type: "image_url", image_url: { url: image } }];
      assert.equal((await chat(model).invoke([new HumanMessage({ content })])).text, cases.image.answer);
    });

    test(`${model}, ${over}: an object by its schema`, async () => {
      const { name, schema, prompt } = cases.structured;
      const structured = chat(model).withStructuredOutput({ title: name, ...schema }, { name, method: "jsonSchema", strict: true });
      assert.deepEqual(await structured.invoke(prompt), cases.structured.answer);
    });

    test(`${model}, ${over}: 429 from upstream`, async () => {
      await assert.rejects(chat(model, { defaultHeaders: fault(cases.faults.rate_limit) }).invoke("hi"), (e) => e.status === 429);
    });

    test(`${model}, ${over}: an error in the middle of a stream comes after the text`, async () => {
      let said = "";
      const stream = await chat(model, { defaultHeaders: fault(cases.faults.mid_stream) }).stream(sentence);
      const read = async () => {
        for await (const piece of stream) said += piece.text;
      };
      // It takes a failed response for the end of the stream.
      if (useResponsesApi) await read();
      else await assert.rejects(read);
      assert.ok(said.length > 0 && sentence.startsWith(said), said);
    });
  }

  test(`${over}: 401 unknown key`, async () => {
    await assert.rejects(chat("sim/echo", { apiKey: cases.refusals.unknown_key }).invoke("hi"), (e) => e.status === 401);
  });

  test(`${over}: 404 nothing left of the plan`, async () => {
    await assert.rejects(chat("sim/echo", { modelKwargs: { provider: cases.refusals.provider } }).invoke("hi"), (e) => e.status === 404);
  });
}
