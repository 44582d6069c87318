"""The openrouter package for Python, unmodified.

It validates every answer against OpenRouter's schemas, so that a call which
returns is already most of a test.
"""

import json
import unittest

from openrouter import OpenRouter, errors

from cases import BASE, CALLS, FAULTS, FUNCTIONS, IMAGE, IMAGE_URL, KEY, NAMES, REFUSALS
from cases import SENTENCE, STRUCTURED, TOOLS, UPSTREAMS, Case, fault, result, say


def client(key=KEY):
    return OpenRouter(api_key=key, server_url=BASE)


class Chat(Case):
    def test_whole(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().chat.send(model=model, messages=say(SENTENCE))
                self.assertEqual(answer.model, model)
                self.assertEqual(answer.choices[0].message.content, SENTENCE)
                self.assertEqual(answer.choices[0].finish_reason, "stop")
                self.assertGreater(answer.usage.cost, 0)

    def test_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                pieces, usages = [], []
                with client().chat.send(
                    model=model, messages=say(SENTENCE), stream=True
                ) as stream:
                    for chunk in stream:
                        for choice in chunk.choices:
                            if choice.delta.content:
                                pieces.append(choice.delta.content)
                        if chunk.usage:
                            usages.append(chunk.usage)
                self.assertEqual("".join(pieces), SENTENCE)
                self.assertGreater(len(pieces), 1)
                self.assertEqual(len(usages), 1)
                self.assertGreater(usages[0].cost, 0)

    def test_tools_and_back(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                messages = say(CALLS["prompt"])
                first = client().chat.send(model=model, messages=messages, tools=TOOLS)
                self.assertEqual(first.choices[0].finish_reason, "tool_calls")
                message = first.choices[0].message
                calls = message.tool_calls
                self.assertEqual([c.function.name for c in calls], NAMES)
                self.assertEqual(
                    [json.loads(c.function.arguments) for c in calls],
                    CALLS["arguments"],
                )
                messages += [message] + [
                    {
                        "role": "tool",
                        "tool_call_id": c.id,
                        "content": result(c.function.name),
                    }
                    for c in calls
                ]
                last = client().chat.send(model=model, messages=messages, tools=TOOLS)
                for said in CALLS["results"]:
                    self.assertIn(said, last.choices[0].message.content)

    def test_image(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                content = [
                    {"type": "text", "text": IMAGE["prompt"]},
                    {"type": "image_url", "image_url": {"url": IMAGE_URL}},
                ]
                answer = client().chat.send(model=model, messages=say(content))
                self.assertEqual(answer.choices[0].message.content, IMAGE["answer"])

    def test_json_schema(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                form = {"name": STRUCTURED["name"], "strict": True}
                form["schema"] = STRUCTURED["schema"]
                answer = client().chat.send(
                    model=model,
                    messages=say(STRUCTURED["prompt"]),
                    response_format={"type": "json_schema", "json_schema": form},
                )
                self.assertEqual(
                    json.loads(answer.choices[0].message.content),
                    STRUCTURED["answer"],
                )

    def test_mid_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                text, last = "", None
                with client().chat.send(
                    model=model,
                    messages=say(SENTENCE),
                    stream=True,
                    http_headers=fault(FAULTS["mid_stream"]),
                ) as stream:
                    for chunk in stream:
                        for choice in chunk.choices:
                            text += choice.delta.content or ""
                        last = chunk
                self.assertTrue(text and SENTENCE.startswith(text), text)
                self.assertGreaterEqual(last.error.code, 400)
                self.assertEqual(last.choices[0].finish_reason, "error")


class Responses(Case):
    def test_whole(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().responses.send(model=model, input=SENTENCE)
                self.assertEqual(answer.model, model)
                self.assertEqual(answer.status, "completed")
                self.assertEqual(answer.output_text, SENTENCE)
                self.assertGreater(answer.usage.cost, 0)

    def test_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                with client().responses.send(
                    model=model, input=SENTENCE, stream=True
                ) as stream:
                    events = list(stream)
                kinds = [type(event).__name__ for event in events]
                self.assertNotIn("UnknownStreamEvents", kinds)
                text = "".join(
                    event.delta
                    for event in events
                    if event.type == "response.output_text.delta"
                )
                self.assertEqual(text, SENTENCE)
                self.assertEqual(events[-1].type, "response.completed")
                self.assertEqual(events[-1].response.output_text, SENTENCE)

    def test_tools_and_back(self):
        tools = [{"type": "function"} | function for function in FUNCTIONS]
        for model in UPSTREAMS:
            with self.subTest(model):
                first = client().responses.send(
                    model=model, input=CALLS["prompt"], tools=tools
                )
                calls = [i for i in first.output if i.type == "function_call"]
                self.assertEqual([c.name for c in calls], NAMES)
                asked = say(CALLS["prompt"])
                asked += [i.model_dump(by_alias=True) for i in first.output]
                asked += [
                    {
                        "type": "function_call_output",
                        "call_id": c.call_id,
                        "output": result(c.name),
                    }
                    for c in calls
                ]
                last = client().responses.send(model=model, input=asked, tools=tools)
                for said in CALLS["results"]:
                    self.assertIn(said, last.output_text)

    def test_image(self):
        content = [
            {"type": "input_text", "text": IMAGE["prompt"]},
            {"type": "input_image", "image_url": IMAGE_URL, "detail": "auto"},
        ]
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().responses.send(model=model, input=say(content))
                self.assertEqual(answer.output_text, IMAGE["answer"])

    def test_json_schema(self):
        form = {"type": "json_schema", "name": STRUCTURED["name"], "strict": True}
        form["schema"] = STRUCTURED["schema"]
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().responses.send(
                    model=model, input=STRUCTURED["prompt"], text={"format": form}
                )
                self.assertEqual(json.loads(answer.output_text), STRUCTURED["answer"])

    def test_mid_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                with client().responses.send(
                    model=model,
                    input=SENTENCE,
                    stream=True,
                    http_headers=fault(FAULTS["mid_stream"]),
                ) as stream:
                    events = list(stream)
                text = "".join(
                    event.delta
                    for event in events
                    if event.type == "response.output_text.delta"
                )
                self.assertTrue(text and SENTENCE.startswith(text), text)
                self.assertEqual(events[-1].type, "response.failed")
                self.assertTrue(events[-1].response.error.message)


class Catalogue(Case):
    def test_endpoints(self):
        listed = client().endpoints.list(author="anthropic", slug="claude-opus-4.8")
        self.assertEqual(listed.data.id, "anthropic/claude-opus-4.8")
        self.assertTrue(listed.data.endpoints)

    def test_models_and_providers(self):
        self.assertTrue(client().models.list().result.data)
        self.assertTrue(client().providers.list().data)

    def test_zero_retention(self):
        zdr = client().endpoints.list_zdr_endpoints().data
        self.assertTrue([e for e in zdr if e.model_id == "sim/echo"])


class Errors(Case):
    def refused(self, kind, status, key=KEY, **changes):
        ask = {"model": "sim/echo"} | changes
        c = client(key)
        for over, send in (
            ("chat", lambda: c.chat.send(messages=say("hi"), **ask)),
            ("responses", lambda: c.responses.send(input="hi", **ask)),
        ):
            with self.subTest(over, model=ask["model"]):
                with self.assertRaises(kind) as caught:
                    send()
                self.assertEqual(caught.exception.status_code, status)
                self.assertEqual(caught.exception.data.error.code, status)
                self.assertTrue(caught.exception.data.error.message)

    def test_400_unknown_model(self):
        self.refused(errors.BadRequestResponseError, 400, model="nobody/nothing")

    def test_401_unknown_key(self):
        unknown = REFUSALS["unknown_key"]
        self.refused(errors.UnauthorizedResponseError, 401, key=unknown)

    def test_404_nothing_left(self):
        provider = REFUSALS["provider"]
        self.refused(errors.NotFoundResponseError, 404, provider=provider)

    def test_429_no_room(self):
        header = fault(FAULTS["rate_limit"])
        for model in UPSTREAMS:
            self.refused(
                errors.TooManyRequestsResponseError,
                429,
                model=model,
                http_headers=header,
            )


if __name__ == "__main__":
    unittest.main()
