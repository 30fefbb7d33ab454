"""What schemathesis cannot know of snag from openapi.json alone: what some texts are made of, and
which answers are meant where its checks would have it otherwise."""

import json
import os
from datetime import date, datetime, timedelta, timezone

import schemathesis
from hypothesis import strategies as st
from schemathesis.core import transport

# A stream is read until its first frame, which may only tell the position: that has no data, and
# schemathesis would wait 10 seconds for one that has.
transport._carries_data = bool

# What the daemon calls today; the day of an earlier run makes its cases again.
TODAY = date.fromisoformat(os.environ.get("SNAG_TODAY") or datetime.now(timezone.utc).date().isoformat())
print(f"SNAG_TODAY={TODAY}")


def day(least, most):
    return st.integers(least, most).map(lambda ago: (TODAY - timedelta(days=ago)).isoformat())


# A schema cannot say that a window starts before it ends, nor how long it may be.
schemathesis.openapi.format(
    "window-start", st.sampled_from(["10d", "28d", "4w", "3650d"]) | day(10, 3000)
)
schemathesis.openapi.format("window-end", st.sampled_from(["today", "yesterday"]) | day(0, 9))
# Events from before 1970 are refused.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)).map(lambda at: at.isoformat() + "Z"),
)

LINE = st.fixed_dictionaries(
    {"place": st.sampled_from(["web/cart", "cli/deploy"]), "note": st.text().map("n".__add__)},
    optional={"kind": st.sampled_from(["slow", "error"]), "lost_minutes": st.integers(0, 60)},
).map(json.dumps)
schemathesis.openapi.format("ndjson", st.lists(LINE, max_size=5).map("\n".join))


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode()


def as_list(body):
    return body if isinstance(body, list) else [body]


def has_place_outside(event):
    data = event.get("data") if isinstance(event, dict) else None
    return isinstance(data, dict) and data.get("place") is None and bool(event.get("subject"))


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Lets pass what is meant, and nothing else."""
    kind, status = type(failure).__name__, response.status_code
    if kind == "UseAfterFree":
        # What was taken back can still be shown; it says so, and its id stays spent.
        return response.headers.get("snag-retracted") != ["yes"]
    if case.path == "/v1/stream" and kind == "RejectedPositiveData":
        # Where the journal ends, no schema knows.
        return "last" not in response.json()
    if case.path == "/v1/hotspots" and kind == "RejectedPositiveData":
        # `flat` and `depth` exclude each other, and both are about places: no schema says so.
        shapes = {"flat", "depth"} & (case.query or {}).keys()
        return not (len(shapes) == 2 or (shapes and "by" in case.query))
    if case.path == "/v1/events" and case.method == "POST":
        answer = response.json()
        if kind == "AcceptedNegativeData" and any(map(has_place_outside, as_list(case.body))):
            # Of a CloudEvent the subject is the place, where its draft has none.
            return False
        if kind == "AcceptedNegativeData" and status == 200 and "rejected" in answer:
            # A bad line never sinks its batch, and no lines are no fault.
            return answer["accepted"] and not answer["rejected"]
        if kind == "RejectedPositiveData" and status == 422:
            # Limits count bytes, a schema counts letters; nor does it see that an id is taken.
            is_ascii = json.dumps(case.body, ensure_ascii=False).isascii()
            problems = [line["problem"] for line in answer["rejected"]] if "rejected" in answer else [answer]
            return any(
                problem["status"] != 409
                and (is_ascii or any(" bytes" not in error["detail"] for error in problem.get("errors", [])))
                for problem in problems
            )
    return True
