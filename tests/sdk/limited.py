"""Sentry's Python SDK with a key that sends too much: told to wait, it waits, and then goes on."""

import os
import threading
import time
import urllib.error
import urllib.request

import sentry_sdk

dsn = os.environ["SNAG_DSN"]
sentry_sdk.init(dsn=dsn, release="shop@1.4.3", environment="staging")
sentry_sdk.set_user({"username": "ana"})
transport = sentry_sdk.get_client().transport
key, host = dsn.removeprefix("http://").split("/")[0].split("@")
url = f"http://{host}/api/1/envelope/?sentry_key={key}"
enough = threading.Event()


def waits():
    """Whether it holds errors back."""
    return transport._check_disabled("error")


def flood():
    """Others with the same key, who do not listen."""
    while not enough.is_set():
        try:
            urllib.request.urlopen(url, b"{}\n").close()
        except urllib.error.HTTPError as error:
            error.close()


def say(message):
    sentry_sdk.capture_message(message, level="error")
    sentry_sdk.flush()


others = [threading.Thread(target=flood) for _ in range(4)]
for other in others:
    other.start()
for _ in range(1000):
    if waits():
        break
    say("before")
enough.set()
for other in others:
    other.join()
assert waits(), "it was never told to wait"
say("while it waits")
deadline = time.monotonic() + 30
while waits() and time.monotonic() < deadline:
    time.sleep(0.1)
say("afterwards")
