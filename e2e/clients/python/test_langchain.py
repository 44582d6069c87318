"""langchain-openai, unmodified, over Chat Completions and over Responses."""

import unittest

import openai
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from cases import BASE, CALLS, FAULTS, IMAGE, IMAGE_URL, KEY, NAMES, REFUSALS, SENTENCE
from cases import STRUCTURED, TOOLS, UPSTREAMS, Case, fault, result


class Echo(BaseModel):
    """What was said."""

    echo: str


class Base:
    """What holds over either interface."""

    over_responses = None

    def chat(self, model, key=KEY, **more):
        return ChatOpenAI(
            model=model,
            api_key=key,
            base_url=BASE,
            max_retries=0,
            use_responses_api=self.over_responses,
            **more,
        )

    def test_whole(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                answer = self.chat(model).invoke(
                    [SystemMessage("Be brief."), HumanMessage(SENTENCE)]
                )
                self.assertEqual(answer.text, SENTENCE)
                self.assertGreater(answer.usage_metadata["output_tokens"], 0)

    def test_stream(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                pieces = [p.text for p in self.chat(model).stream(SENTENCE)]
                pieces = [p for p in pieces if p]
                self.assertEqual("".join(pieces), SENTENCE)
                self.assertGreater(len(pieces), 1)

    def test_tools_and_back(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                bound = self.chat(model).bind_tools(TOOLS)
                first = None
                for piece in bound.stream(CALLS["prompt"]):
                    first = piece if first is None else first + piece
                calls = first.tool_calls
                self.assertEqual([c["name"] for c in calls], NAMES)
                self.assertEqual([c["args"] for c in calls], CALLS["arguments"])
                messages = [HumanMessage(CALLS["prompt"]), first]
                messages += [
                    ToolMessage(result(c["name"]), tool_call_id=c["id"]) for c in calls
                ]
                last = bound.invoke(messages)
                for said in CALLS["results"]:
                    self.assertIn(said, last.text)

    def test_image(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                content = [
                    {"type": "text", "text": IMAGE["prompt"]},
                    {"type": "image_url", "image_url": {"url": IMAGE_URL}},
                ]
                answer = self.chat(model).invoke([HumanMessage(content)])
                self.assertEqual(answer.text, IMAGE["answer"])

    def test_json_schema(self):
        for model in UPSTREAMS:
            with self.subTest(model):
                structured = self.chat(model).with_structured_output(
                    Echo, method="json_schema", strict=True
                )
                answer = structured.invoke(STRUCTURED["prompt"])
                self.assertEqual(answer, Echo(**STRUCTURED["answer"]))

    def test_401_unknown_key(self):
        with self.assertRaises(openai.AuthenticationError):
            self.chat("sim/echo", key=REFUSALS["unknown_key"]).invoke("hi")

    def test_404_nothing_left(self):
        body = {"provider": REFUSALS["provider"]}
        with self.assertRaises(openai.NotFoundError):
            self.chat("sim/echo", extra_body=body).invoke("hi")

    def test_429_no_room(self):
        header = fault(FAULTS["rate_limit"])
        for model in UPSTREAMS:
            with self.subTest(model), self.assertRaises(openai.RateLimitError):
                self.chat(model, default_headers=header).invoke("hi")

    def test_mid_stream(self):
        header = fault(FAULTS["mid_stream"])
        for model in UPSTREAMS:
            with self.subTest(model):
                text = ""
                with self.assertRaises(Exception):
                    for piece in self.chat(model, default_headers=header).stream(
                        SENTENCE
                    ):
                        text += piece.text
                self.assertTrue(text and SENTENCE.startswith(text), text)


class OverChat(Base, Case):
    over_responses = False


class OverResponses(Base, Case):
    over_responses = True


if __name__ == "__main__":
    unittest.main()
