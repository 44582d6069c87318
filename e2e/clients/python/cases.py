"""Where the server is and with which keys, and what every language asks of it.

../run.sh says the former, ../cases.json the latter.
"""

import gc
import json
import os
import pathlib
import unittest
import urllib.request

HOST = os.environ["TURNPIKE_E2E_HOST"]
BASE = os.environ["TURNPIKE_E2E_BASE"]
KEY = os.environ["TURNPIKE_E2E_KEY"]
MANAGEMENT_KEY = os.environ["TURNPIKE_E2E_MANAGEMENT_KEY"]

_CASES = json.loads((pathlib.Path(__file__).parent.parent / "cases.json").read_text())
UPSTREAMS = _CASES["upstreams"]
SENTENCE = _CASES["sentence"]
FUNCTIONS = _CASES["tools"]
CALLS = _CASES["calls"]
IMAGE = _CASES["image"]
STRUCTURED = _CASES["structured"]
REFUSALS = _CASES["refusals"]
FAULTS = _CASES["faults"]

NAMES = [function["name"] for function in FUNCTIONS]
IMAGE_URL = f"data:{IMAGE['media_type']};base64,{IMAGE['data']}"
# As Chat Completions has them.
TOOLS = [{"type": "function", "function": function} for function in FUNCTIONS]


def result(name):
    """What a tool is said to have answered."""
    return CALLS["results"][NAMES.index(name)]


def fault(name):
    """The header by which a model of sim performs a fault."""
    return {FAULTS["header"]: name}


def say(content):
    return [{"role": "user", "content": content}]


def tiny_key():
    """A user key that can pay for nothing."""
    request = urllib.request.Request(
        BASE + "/keys",
        data=json.dumps({"name": "tiny", "limit": 0.0000001}).encode(),
        headers={
            "Authorization": "Bearer " + MANAGEMENT_KEY,
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["key"]


gc.disable()


class Case(unittest.TestCase):
    """A test of an SDK.

    Garbage is collected between tests only. A stream that a client has not read to
    its end closes when it is collected, and httpx takes the lock of its connections
    for that: in the middle of a request it waits for itself, for ever.
    """

    def tearDown(self):
        gc.collect()
