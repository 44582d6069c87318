"""The anthropic package for Python, unmodified."""

import unittest

import anthropic
from pydantic import BaseModel

from cases import CALLS, FAULTS, FUNCTIONS, HOST, IMAGE, KEY, NAMES, REFUSALS, SENTENCE
from cases import STRUCTURED, UPSTREAMS, Case, fault, result, say

TOOLS = [
    {
        "name": function["name"],
        "description": function["description"],
        "input_schema": function["parameters"],
    }
    for function in FUNCTIONS
]


def client(**settings):
    settings = {"auth_token": KEY} | settings
    return anthropic.Anthropic(base_url=HOST + "/api", max_retries=0, **settings)


def ask(model, content, **more):
    return {"model": model, "max_tokens": 1000, "messages": say(content)} | more


def text(message):
    return "".join(block.text for block in message.content if block.type == "text")


class Echo(BaseModel):
    echo: str


class Messages(Case):
    def test_whole(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().messages.create(**ask(model, SENTENCE))
                self.assertEqual(answer.model, model)
                self.assertEqual(text(answer), SENTENCE)
                self.assertEqual(answer.stop_reason, "end_turn")
                self.assertGreater(answer.usage.input_tokens, 0)
                self.assertGreater(answer.usage.model_extra["cost"], 0)

    def test_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                with client().messages.stream(**ask(model, SENTENCE)) as stream:
                    pieces = list(stream.text_stream)
                    answer = stream.get_final_message()
                self.assertEqual("".join(pieces), SENTENCE)
                self.assertGreater(len(pieces), 1)
                self.assertEqual(text(answer), SENTENCE)
                self.assertEqual(answer.stop_reason, "end_turn")
                self.assertGreater(answer.usage.output_tokens, 0)

    def test_tools_and_back(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                asked = ask(model, CALLS["prompt"], tools=TOOLS)
                with client().messages.stream(**asked) as stream:
                    first = stream.get_final_message()
                self.assertEqual(first.stop_reason, "tool_use")
                uses = [b for b in first.content if b.type == "tool_use"]
                self.assertEqual([u.name for u in uses], NAMES)
                self.assertEqual([u.input for u in uses], CALLS["arguments"])
                results = [
                    {
                        "type": "tool_result",
                        "tool_use_id": u.id,
                        "content": result(u.name),
                    }
                    for u in uses
                ]
                asked["messages"] = [
                    *asked["messages"],
                    {"role": "assistant", "content": first.content},
                    {"role": "user", "content": results},
                ]
                last = client().messages.create(**asked)
                for said in CALLS["results"]:
                    self.assertIn(said, text(last))

    def test_tool_runner(self):
        # The runner asks for a thread, which the server must refuse in the way
        # that makes the runner send the conversation whole: a server that ignored
        # it would be sent the results alone.
        words = len(" ".join([CALLS["prompt"], *CALLS["results"]]).split())
        for model in UPSTREAMS:
            with self.subTest(model):
                ran = []

                @anthropic.beta_tool
                def weather(city: str) -> str:
                    """Weather of a city."""
                    ran.append({"city": city})
                    return result("weather")

                @anthropic.beta_tool
                def clock(zone: str) -> str:
                    """Time in a zone."""
                    ran.append({"zone": zone})
                    return result("clock")

                last = (
                    client()
                    .beta.messages.tool_runner(
                        **ask(model, CALLS["prompt"], tools=[weather, clock])
                    )
                    .until_done()
                )
                self.assertCountEqual(ran, CALLS["arguments"])
                for said in CALLS["results"]:
                    self.assertIn(said, text(last))
                self.assertGreaterEqual(last.usage.input_tokens, words)

    def test_image(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                source = {"type": "base64"}
                source |= {k: IMAGE[k] for k in ("media_type", "data")}
                content = [
                    {"type": "text", "text": IMAGE["prompt"]},
                    {"type": "image", "source": source},
                ]
                answer = client().messages.create(**ask(model, content))
                self.assertEqual(text(answer), IMAGE["answer"])

    def test_json_schema(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = client().messages.parse(
                    **ask(model, STRUCTURED["prompt"]), output_format=Echo
                )
                self.assertEqual(answer.parsed_output, Echo(**STRUCTURED["answer"]))

    def test_x_api_key(self):
        answer = client(auth_token=None, api_key=KEY).messages.create(
            **ask("sim/echo", "hi")
        )
        self.assertEqual(text(answer), "hi")

    def refused(self, kind, status, name, settings=None, **changes):
        asked = ask("sim/echo", "hi") | changes
        for stream in (False, True):
            with self.subTest(asked["model"], stream=stream):
                with self.assertRaises(kind) as caught:
                    client(**(settings or {})).messages.create(**asked, stream=stream)
                self.assertEqual(caught.exception.status_code, status)
                self.assertEqual(caught.exception.body["type"], "error")
                self.assertEqual(caught.exception.body["error"]["type"], name)
                self.assertTrue(caught.exception.body["error"]["message"])

    def test_400_unknown_model(self):
        self.refused(
            anthropic.BadRequestError,
            400,
            "invalid_request_error",
            model="nobody/nothing",
        )

    def test_401_unknown_key(self):
        self.refused(
            anthropic.AuthenticationError,
            401,
            "authentication_error",
            {"auth_token": REFUSALS["unknown_key"]},
        )

    def test_404_nothing_left(self):
        self.refused(
            anthropic.NotFoundError,
            404,
            "not_found_error",
            extra_body={"provider": REFUSALS["provider"]},
        )

    def test_429_no_room(self):
        for model in UPSTREAMS:
            self.refused(
                anthropic.RateLimitError,
                429,
                "rate_limit_error",
                model=model,
                extra_headers=fault(FAULTS["rate_limit"]),
            )

    def test_mid_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                said = ""
                with self.assertRaises(anthropic.APIStatusError) as caught:
                    for event in client().messages.create(
                        **ask(model, SENTENCE, stream=True),
                        extra_headers=fault(FAULTS["mid_stream"]),
                    ):
                        if event.type == "content_block_delta":
                            said += getattr(event.delta, "text", "")
                self.assertTrue(said and SENTENCE.startswith(said), said)
                self.assertTrue(caught.exception.body["error"]["message"])


if __name__ == "__main__":
    unittest.main()
