"""The openai package for Python, unmodified, over Responses."""

import json
import unittest

import openai
from pydantic import BaseModel

from cases import BASE, CALLS, FAULTS, FUNCTIONS, IMAGE, IMAGE_URL, KEY, NAMES, REFUSALS
from cases import SENTENCE, STRUCTURED, UPSTREAMS, Case, fault, result, say

TOOLS = [{"type": "function", "strict": True} | function for function in FUNCTIONS]


def client(key=KEY):
    return openai.OpenAI(base_url=BASE, api_key=key, max_retries=0)


class Echo(BaseModel):
    echo: str


class Responses(Case):
    def test_whole(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().responses.create(model=model, input=SENTENCE)
                self.assertEqual(answer.status, "completed")
                self.assertEqual(answer.model, model)
                self.assertEqual(answer.output_text, SENTENCE)
                usage = answer.usage
                self.assertEqual(
                    usage.total_tokens, usage.input_tokens + usage.output_tokens
                )
                self.assertGreater(usage.model_extra["cost"], 0)

    def test_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                pieces, types = [], []
                with client().responses.stream(model=model, input=SENTENCE) as stream:
                    for event in stream:
                        types.append(event.type)
                        if event.type == "response.output_text.delta":
                            pieces.append(event.delta)
                    answer = stream.get_final_response()
                self.assertEqual("".join(pieces), SENTENCE)
                self.assertGreater(len(pieces), 1)
                self.assertEqual(answer.output_text, SENTENCE)
                self.assertEqual(types[0], "response.created")
                self.assertEqual(types[-1], "response.completed")
                self.assertGreater(answer.usage.model_extra["cost"], 0)

    def test_tools_and_back(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                with client().responses.stream(
                    model=model, input=CALLS["prompt"], tools=TOOLS
                ) as stream:
                    first = stream.until_done().get_final_response()
                calls = [i for i in first.output if i.type == "function_call"]
                self.assertEqual([c.name for c in calls], NAMES)
                self.assertEqual(
                    [json.loads(c.arguments) for c in calls], CALLS["arguments"]
                )
                asked = say(CALLS["prompt"])
                asked += [i.to_dict(exclude_unset=True) for i in first.output]
                asked += [
                    {
                        "type": "function_call_output",
                        "call_id": c.call_id,
                        "output": result(c.name),
                    }
                    for c in calls
                ]
                for item in asked:
                    # What the SDK's parser adds is not the API's.
                    item.pop("parsed_arguments", None)
                last = client().responses.create(model=model, input=asked, tools=TOOLS)
                for said in CALLS["results"]:
                    self.assertIn(said, last.output_text)

    def test_image(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                content = [
                    {"type": "input_text", "text": IMAGE["prompt"]},
                    {"type": "input_image", "image_url": IMAGE_URL, "detail": "auto"},
                ]
                answer = client().responses.create(model=model, input=say(content))
                self.assertEqual(answer.output_text, IMAGE["answer"])

    def test_json_schema(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().responses.parse(
                    model=model, input=STRUCTURED["prompt"], text_format=Echo
                )
                self.assertEqual(answer.output_parsed, Echo(**STRUCTURED["answer"]))

    def refused(self, kind, status, key=KEY, **changes):
        ask = {"model": "sim/echo", "input": "hi"} | changes
        for stream in (False, True):
            with self.subTest(ask["model"], stream=stream):
                with self.assertRaises(kind) as caught:
                    client(key).responses.create(**ask, stream=stream)
                self.assertEqual(caught.exception.status_code, status)
                self.assertTrue(caught.exception.body["message"])

    def test_400_unknown_model(self):
        self.refused(openai.BadRequestError, 400, model="nobody/nothing")

    def test_401_unknown_key(self):
        self.refused(openai.AuthenticationError, 401, key=REFUSALS["unknown_key"])

    def test_404_nothing_left(self):
        body = {"provider": REFUSALS["provider"]}
        self.refused(openai.NotFoundError, 404, extra_body=body)

    def test_429_no_room(self):
        header = fault(FAULTS["rate_limit"])
        for model in UPSTREAMS:
            self.refused(openai.RateLimitError, 429, model=model, extra_headers=header)

    def test_mid_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                text, last = "", None
                for event in client().responses.create(
                    model=model,
                    input=SENTENCE,
                    stream=True,
                    extra_headers=fault(FAULTS["mid_stream"]),
                ):
                    if event.type == "response.output_text.delta":
                        text += event.delta
                    last = event
                self.assertTrue(text and SENTENCE.startswith(text), text)
                self.assertEqual(last.type, "response.failed")
                self.assertEqual(last.response.status, "failed")
                self.assertTrue(last.response.error.message)


if __name__ == "__main__":
    unittest.main()
