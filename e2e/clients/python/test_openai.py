"""The openai package for Python, unmodified, over Chat Completions."""

import asyncio
import json
import unittest

import openai
from pydantic import BaseModel

from cases import BASE, CALLS, FAULTS, IMAGE, IMAGE_URL, KEY, REFUSALS, SENTENCE
from cases import STRUCTURED, TOOLS, UPSTREAMS, Case, fault, result, say, tiny_key


def client(key=KEY):
    return openai.OpenAI(base_url=BASE, api_key=key, max_retries=0)


class Echo(BaseModel):
    echo: str


class Chat(Case):
    def test_whole(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().chat.completions.create(
                    model=model, messages=say(SENTENCE)
                )
                self.assertTrue(answer.id.startswith("gen-"))
                self.assertEqual(answer.model, model)
                self.assertEqual(answer.choices[0].message.content, SENTENCE)
                self.assertEqual(answer.choices[0].finish_reason, "stop")
                usage = answer.usage
                self.assertGreater(usage.completion_tokens, 0)
                self.assertEqual(
                    usage.total_tokens, usage.prompt_tokens + usage.completion_tokens
                )
                self.assertGreater(usage.model_extra["cost"], 0)

    def test_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                text, finish, usages = [], None, []
                for chunk in client().chat.completions.create(
                    model=model, messages=say(SENTENCE), stream=True
                ):
                    for choice in chunk.choices:
                        if choice.delta.content:
                            text.append(choice.delta.content)
                        finish = choice.finish_reason or finish
                    if chunk.usage:
                        usages.append(chunk.usage)
                self.assertEqual("".join(text), SENTENCE)
                self.assertGreater(len(text), 1)
                self.assertEqual(finish, "stop")
                self.assertEqual(len(usages), 1)
                self.assertGreater(usages[0].model_extra["cost"], 0)

    def test_whole_and_stream_cost_the_same(self):
        ask = {"model": "sim/echo", "messages": say(SENTENCE)}
        whole = client().chat.completions.create(**ask).usage
        *_, last = client().chat.completions.create(**ask, stream=True)
        self.assertEqual(last.usage.model_extra["cost"], whole.model_extra["cost"])
        self.assertEqual(last.usage.total_tokens, whole.total_tokens)

    def test_async_stream(self):
        async def run():
            async with openai.AsyncOpenAI(
                base_url=BASE, api_key=KEY, max_retries=0
            ) as c:
                stream = await c.chat.completions.create(
                    model="sim/echo", messages=say(SENTENCE), stream=True
                )
                return [
                    choice.delta.content or ""
                    async for chunk in stream
                    for choice in chunk.choices
                ]

        self.assertEqual("".join(asyncio.run(run())), SENTENCE)

    def test_image(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                content = [
                    {"type": "text", "text": IMAGE["prompt"]},
                    {"type": "image_url", "image_url": {"url": IMAGE_URL}},
                ]
                answer = client().chat.completions.create(
                    model=model, messages=say(content)
                )
                self.assertEqual(answer.choices[0].message.content, IMAGE["answer"])

    def test_json_schema(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().chat.completions.parse(
                    model=model,
                    messages=say(STRUCTURED["prompt"]),
                    response_format=Echo,
                )
                self.assertEqual(
                    answer.choices[0].message.parsed, Echo(**STRUCTURED["answer"])
                )

    def test_reasoning(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().chat.completions.create(
                    model=model,
                    messages=say("think"),
                    extra_body={"reasoning": {"effort": "high"}},
                )
                message = answer.choices[0].message
                self.assertEqual(message.content, "think")
                self.assertIn("will repeat", message.model_extra["reasoning"])
                self.assertTrue(message.model_extra["reasoning_details"])
                # These protocols do not count thinking apart from the answer.
                if model not in ("sim/echo-messages", "sim/echo-converse", "sim/echo-cohere"):
                    self.assertGreater(
                        answer.usage.completion_tokens_details.reasoning_tokens, 0
                    )

    def test_stop_and_max_tokens(self):
        answer = client().chat.completions.create(
            model="sim/echo", messages=say(SENTENCE), stop=["fox"]
        )
        self.assertEqual(answer.choices[0].message.content, "The quick brown ")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        answer = client().chat.completions.create(
            model="sim/echo", messages=say(SENTENCE), max_tokens=3
        )
        self.assertEqual(answer.choices[0].finish_reason, "length")
        self.assertEqual(answer.usage.completion_tokens, 3)

    def test_models(self):
        ids = [model.id for model in client().models.list()]
        self.assertIn("sim/echo", ids)
        self.assertGreater(len(ids), 340)


class Tools(Case):
    def check(self, choice):
        self.assertEqual(choice.finish_reason, "tool_calls")
        calls = choice.message.tool_calls
        self.assertEqual([c.function.name for c in calls], ["weather", "clock"])
        self.assertEqual(
            [json.loads(c.function.arguments) for c in calls], CALLS["arguments"]
        )
        self.assertNotEqual(calls[0].id, calls[1].id)

    def test_parallel_and_back(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                messages = say(CALLS["prompt"])
                answer = client().chat.completions.create(
                    model=model, messages=messages, tools=TOOLS
                )
                self.check(answer.choices[0])
                messages.append(answer.choices[0].message)
                for call in answer.choices[0].message.tool_calls:
                    messages.append(
                        {
                            "role": "tool",
                            "tool_call_id": call.id,
                            "content": result(call.function.name),
                        }
                    )
                answer = client().chat.completions.create(
                    model=model, messages=messages, tools=TOOLS
                )
                for said in CALLS["results"]:
                    self.assertIn(said, answer.choices[0].message.content)

    def test_streamed_arguments(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                with client().chat.completions.stream(
                    model=model, messages=say(CALLS["prompt"]), tools=TOOLS
                ) as stream:
                    pieces = [
                        event.arguments_delta
                        for event in stream
                        if event.type == "tool_calls.function.arguments.delta"
                    ]
                    self.check(stream.get_final_completion().choices[0])
                self.assertGreaterEqual(len(pieces), 2)

    def test_forced_and_forbidden(self):
        named = {"type": "function", "function": {"name": "clock"}}
        answer = client().chat.completions.create(
            model="sim/echo", messages=say("hi"), tools=TOOLS, tool_choice=named
        )
        calls = answer.choices[0].message.tool_calls
        self.assertEqual([c.function.name for c in calls], ["clock"])
        answer = client().chat.completions.create(
            model="sim/echo", messages=say(CALLS["prompt"]), tools=TOOLS, tool_choice="none"
        )
        self.assertEqual(answer.choices[0].finish_reason, "stop")


class Errors(Case):
    def refused(self, kind, status, key=KEY, **changes):
        ask = {"model": "sim/echo", "messages": say("hi")} | changes
        for stream in (False, True):
            with self.subTest(stream=stream), self.assertRaises(kind) as caught:
                client(key).chat.completions.create(**ask, stream=stream)
            self.assertEqual(caught.exception.status_code, status)
            self.assertEqual(caught.exception.body["code"], status)
            self.assertTrue(caught.exception.body["message"])

    def test_400_unknown_model(self):
        self.refused(openai.BadRequestError, 400, model="nobody/nothing")

    def test_401_unknown_key(self):
        self.refused(openai.AuthenticationError, 401, key=REFUSALS["unknown_key"])

    def test_402_key_limit(self):
        self.refused(openai.APIStatusError, 402, key=tiny_key())

    def test_404_nothing_left(self):
        body = {"provider": REFUSALS["provider"]}
        self.refused(openai.NotFoundError, 404, extra_body=body)

    def test_429_no_room(self):
        for model in UPSTREAMS:
            self.refused(
                openai.RateLimitError,
                429,
                model=model,
                extra_headers=fault(FAULTS["rate_limit"]),
            )

    def test_mid_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                text = ""
                with self.assertRaises(openai.APIError):
                    for chunk in client().chat.completions.create(
                        model=model,
                        messages=say(SENTENCE),
                        stream=True,
                        extra_headers=fault(FAULTS["mid_stream"]),
                    ):
                        for choice in chunk.choices:
                            text += choice.delta.content or ""
                self.assertTrue(text and SENTENCE.startswith(text), text)


if __name__ == "__main__":
    unittest.main()
