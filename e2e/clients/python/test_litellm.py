"""LiteLLM as a client, unmodified: through each of the interfaces by which it
can reach a server, and through its own Responses."""

import json
import os
import unittest

# It would ask the network for prices otherwise.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

from cases import BASE, CALLS, FAULTS, FUNCTIONS, HOST, IMAGE, IMAGE_URL, KEY, NAMES
from cases import REFUSALS, SENTENCE, STRUCTURED, TOOLS, UPSTREAMS, Case, fault, result
from cases import say

litellm.suppress_debug_info = True
litellm.telemetry = False


class Base:
    """What holds over either interface."""

    prefix = None
    base = None

    def ask(self, model, content, **more):
        settings = {
            "model": self.prefix + model,
            "api_base": self.base,
            "api_key": KEY,
            "messages": say(content),
            "num_retries": 0,
            "max_retries": 0,
        }
        return litellm.completion(**(settings | more))

    def test_whole(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = self.ask(model, SENTENCE)
                self.assertEqual(answer.choices[0].message.content, SENTENCE)
                self.assertEqual(answer.choices[0].finish_reason, "stop")
                self.assertGreater(answer.usage.completion_tokens, 0)

    def test_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                chunks = list(self.ask(model, SENTENCE, stream=True))
                pieces = [c.choices[0].delta.content for c in chunks if c.choices]
                pieces = [p for p in pieces if p]
                self.assertEqual("".join(pieces), SENTENCE)
                self.assertGreater(len(pieces), 1)

    def test_tools_and_back(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                chunks = self.ask(model, CALLS["prompt"], tools=TOOLS, stream=True)
                first = litellm.stream_chunk_builder(list(chunks))
                message = first.choices[0].message
                calls = message.tool_calls
                self.assertEqual([c.function.name for c in calls], NAMES)
                self.assertEqual(
                    [json.loads(c.function.arguments) for c in calls],
                    CALLS["arguments"],
                )
                messages = say(CALLS["prompt"]) + [message]
                messages += [
                    {
                        "role": "tool",
                        "tool_call_id": c.id,
                        "content": result(c.function.name),
                    }
                    for c in calls
                ]
                last = self.ask(model, "", messages=messages, tools=TOOLS)
                for said in CALLS["results"]:
                    self.assertIn(said, last.choices[0].message.content)

    def test_image(self):
        content = [
            {"type": "text", "text": IMAGE["prompt"]},
            {"type": "image_url", "image_url": {"url": IMAGE_URL}},
        ]
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = self.ask(model, content)
                self.assertEqual(answer.choices[0].message.content, IMAGE["answer"])

    def test_json_schema(self):
        form = {"name": STRUCTURED["name"], "strict": True}
        form["schema"] = STRUCTURED["schema"]
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = self.ask(
                    model,
                    STRUCTURED["prompt"],
                    response_format={"type": "json_schema", "json_schema": form},
                )
                self.assertEqual(
                    json.loads(answer.choices[0].message.content),
                    STRUCTURED["answer"],
                )

    def test_401_unknown_key(self):
        with self.assertRaises(litellm.AuthenticationError):
            self.ask("sim/echo", "hi", api_key=REFUSALS["unknown_key"])

    def test_404_nothing_left(self):
        with self.assertRaises(litellm.NotFoundError):
            self.ask("sim/echo", "hi", provider=REFUSALS["provider"])

    def test_429_no_room(self):
        header = fault(FAULTS["rate_limit"])
        for model in UPSTREAMS:
            with self.subTest(model), self.assertRaises(litellm.RateLimitError):
                self.ask(model, "hi", extra_headers=header)

    def test_mid_stream(self):
        header = fault(FAULTS["mid_stream"])
        for model in UPSTREAMS:
            with self.subTest(model):
                text = ""
                with self.assertRaises(Exception):
                    for chunk in self.ask(
                        model, SENTENCE, stream=True, extra_headers=header
                    ):
                        text += chunk.choices[0].delta.content or ""
                self.assertTrue(text and SENTENCE.startswith(text), text)


class AsOpenAI(Base, Case):
    prefix, base = "openai/", BASE


class AsOpenRouter(Base, Case):
    prefix, base = "openrouter/", BASE


class AsAnthropic(Base, Case):
    prefix, base = "anthropic/", HOST + "/api"


class Responses(Case):
    def ask(self, model, content, **more):
        settings = {
            "model": "openai/" + model,
            "api_base": BASE,
            "api_key": KEY,
            "input": content,
            "max_retries": 0,
        }
        return litellm.responses(**(settings | more))

    def test_whole(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = self.ask(model, SENTENCE)
                self.assertEqual(answer.status, "completed")
                self.assertEqual(answer.output_text, SENTENCE)

    def test_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                events = list(self.ask(model, SENTENCE, stream=True))
                text = "".join(
                    event.delta
                    for event in events
                    if event.type == "response.output_text.delta"
                )
                self.assertEqual(text, SENTENCE)
                self.assertEqual(events[-1].type, "response.completed")

    def test_tools_and_back(self):
        tools = [{"type": "function"} | function for function in FUNCTIONS]
        for model in UPSTREAMS:
            with self.subTest(model):
                first = self.ask(model, CALLS["prompt"], tools=tools)
                calls = [i for i in first.output if i.type == "function_call"]
                self.assertEqual([c.name for c in calls], NAMES)
                asked = say(CALLS["prompt"])
                asked += [i.model_dump(exclude_none=True) for i in first.output]
                asked += [
                    {
                        "type": "function_call_output",
                        "call_id": c.call_id,
                        "output": result(c.name),
                    }
                    for c in calls
                ]
                last = self.ask(model, asked, tools=tools)
                for said in CALLS["results"]:
                    self.assertIn(said, last.output_text)

    def test_errors(self):
        with self.assertRaises(litellm.AuthenticationError):
            self.ask("sim/echo", "hi", api_key=REFUSALS["unknown_key"])
        with self.assertRaises(litellm.NotFoundError):
            body = {"provider": REFUSALS["provider"]}
            self.ask("sim/echo", "hi", extra_body=body)
        with self.assertRaises(litellm.RateLimitError):
            header = fault(FAULTS["rate_limit"])
            self.ask("sim/echo", "hi", extra_headers=header)


if __name__ == "__main__":
    unittest.main()
