"""Compares what snag holds with what the SDKs were made to send: `check.py EXPORT SDK…`"""

import json
import sys

# Item, and of the event it becomes: class, signal, place below the SDK's, person, text.
PYTHON = [
    ("exception", "signal", "failure", "/python/divide", "ana", "ZeroDivisionError: integer division or modulo by zero"),
    ("message", "signal", "failure", "/jobs/queue", "ana", "queue is stuck"),
    ("feedback", "report", None, "/cart", "bob", "the total is wrong"),
    ("breadcrumbs", "signal", "failure", "/cart/_", "ana", "rich in breadcrumbs"),
    ("crash", "signal", "crash", "/python", "ana", "KeyError: 'nobody caught this'"),
    ("session", "use", None, "", "ana", None),
    ("sessions", "use", None, "", "anonymous", None),
]
NODE = [
    ("exception", "signal", "failure", "/node/divide", "ned", "RangeError: by nothing"),
    ("message", "signal", "failure", "/jobs/queue", "ned", "queue is stuck"),
    ("feedback", "report", None, "/cart", "bob", "the total is wrong"),
    ("breadcrumbs", "signal", "failure", "/cart/_", "ned", "rich in breadcrumbs"),
    ("crash", "signal", "crash", "/node/timeout.explode", "ned", "TypeError: nobody caught this"),
    ("session", "use", None, "", "ned", None),
]
RUST = [
    ("exception", "signal", "failure", "/orders/_", "rosa", "ParseIntError: invalid digit found in string"),
    ("message", "signal", "failure", "/orders/_", "rosa", "queue is stuck"),
    ("feedback", "report", None, "/cart", "bob", "the total is wrong"),
    ("breadcrumbs", "signal", "failure", "/orders/_", "rosa", "rich in breadcrumbs"),
    ("crash", "signal", "crash", "/orders/_", "rosa", "panic: nobody caught this"),
    ("session", "use", None, "", "anonymous", None),
]
BROWSER = [
    ("exception", "signal", "failure", "/checkout/pay", "eve", "TypeError: Cannot read properties of null (reading 'pay')"),
    ("message", "signal", "failure", "/jobs/queue", "eve", "queue is stuck"),
    ("feedback", "report", None, "/checkout/done", "Bob", "the total is wrong"),
    ("breadcrumbs", "signal", "failure", "/checkout/done", "eve", "rich in breadcrumbs"),
    ("crash", "signal", "crash", "/checkout/done", "eve", "RangeError: nobody caught this"),
    ("session", "use", None, "", "eve", None),
]
SENT = {
    "python": PYTHON,
    # Told to wait and then 429, it sends nothing until the time is over.
    "python-limited": [("afterwards", "signal", "failure", "", "ana", "afterwards")],
    # Python gives Spotlight no sessions.
    "python-spotlight": [item for item in PYTHON if item[1] != "use"],
    "node": NODE,
    "node-spotlight": [item for item in NODE if item[0] != "crash"],
    "rust": RUST,
    "browser": BROWSER,
}


def told(event):
    """What is compared of an event."""
    signal = event.get("signal", {}).get("name")
    place = event["place"].removeprefix(event["place"].split("/")[0])
    return (event["class"], signal, place, event["person"], event.get("note"))


def faults(item, event):
    """What is wrong with an event beside that."""
    wrong = {"version": "1.4.3", "tags": {"environment": "staging"}, "source": "sentry", "person_verified": False}
    wrong = {field: event.get(field) for field, value in wrong.items() if event.get(field) != value}
    evidence = event.get("evidence", {})
    if item == "breadcrumbs" and not any(crumb.startswith("ui.click") for crumb in evidence.get("breadcrumbs", [])):
        wrong["breadcrumbs"] = evidence.get("breadcrumbs")
    # Rust gives a handled error no stack.
    has_stack = item == "crash" or (item == "exception" and event["person"] != "rosa")
    if has_stack and "stack_top" not in evidence:
        wrong["stack_top"] = None
    if item == "feedback" and (event.get("expected"), event.get("outcome"), event.get("feeling")) != (
        "the sum",
        "worked-around",
        "confused",
    ):
        wrong["friction"] = event
    return wrong


def main(path, sdks):
    events = [json.loads(line) for line in open(path)]
    left = {sdk: [event for event in events if event["place"].split("/")[0] == sdk] for sdk in sdks}
    print(f"{'sdk':<18}{'item':<14}sent  arrived  right")
    problems = []
    for sdk in sdks:
        for item, *expected in SENT[sdk]:
            found = [event for event in left[sdk] if told(event) == tuple(expected)][:1]
            wrong = faults(item, found[0]) if found else {}
            if found:
                left[sdk].remove(found[0])
            arrived, right = len(found), len(found) if not wrong else 0
            print(f"{sdk:<18}{item:<14}{1:>4}{arrived:>9}{right:>7}")
            if not right:
                problems.append(f"{sdk} {item}: expected {expected}, wrong: {wrong}")
        # How many arrive until it is told to wait is up to chance.
        left[sdk] = [event for event in left[sdk] if event.get("note") != "before"]
        problems += [f"{sdk}: not expected: {event}" for event in left[sdk]]
    problems += [f"of no SDK: {event}" for event in events if event["place"].split("/")[0] not in sdks]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main(sys.argv[1], sys.argv[2:]))
