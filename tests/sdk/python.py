"""What Sentry's Python SDK sends: everything that snag keeps of it, and needles that it must not keep."""

import os
import sys

import sentry_sdk

needle = os.environ["NEEDLE"]


def like_a_request(event, hint):
    event["request"] = {
        "url": f"http://{needle}-server/cart/7?token={needle}-query",
        "headers": {"Authorization": f"{needle}-header"},
        "cookies": f"{needle}-cookie",
        "data": f"{needle}-body",
    }
    return event


def divide(by):
    hidden = f"{needle}-local"
    return len(hidden) // by


# Without a DSN there is Spotlight alone.
sentry_sdk.init(
    dsn=os.environ.get("SNAG_DSN"),
    release="shop@1.4.3",
    environment="staging",
    server_name=f"{needle}-host",
    traces_sample_rate=1.0,
    enable_logs=True,
)
sentry_sdk.set_user({"username": "ana", "email": f"ana@{needle}.example"})
sentry_sdk.start_session()
try:
    divide(0)
except ZeroDivisionError:
    sentry_sdk.capture_exception()

with sentry_sdk.new_scope() as scope:
    scope.set_tag("place", "jobs/queue")
    scope.set_extra("argv", sys.argv)
    scope.capture_message("queue is stuck", level="error")
sentry_sdk.capture_message("all is well", level="info")

feedback = {"message": "the total is wrong", "contact_email": "bob@acme.example"}
friction = {"place": "cart", "expected": "the sum", "did": "worked-around", "felt": "confused"}
sentry_sdk.capture_event({"type": "feedback", "contexts": {"feedback": feedback, "friction": friction}})

with sentry_sdk.new_scope() as scope:
    scope.add_event_processor(like_a_request)
    for step in range(3):
        scope.add_breadcrumb(category="ui.click", message=f"button#step{step}")
    scope.add_breadcrumb(
        category="httplib",
        type="http",
        data={"url": f"http://{needle}/pay?{needle}", "method": "POST", "status_code": 500},
    )
    scope.add_breadcrumb(category="query", message=f"SELECT '{needle}'")
    scope.capture_message("rich in breadcrumbs", level="error")

with sentry_sdk.isolation_scope(), sentry_sdk.start_transaction(op="test", name="dropped"):
    sentry_sdk.logger.info("dropped")
# Requests are added up before they are sent.
for _ in range(3):
    with sentry_sdk.isolation_scope() as scope:
        scope.start_session(session_mode="request")
        scope.end_session()
sentry_sdk.end_session()
raise KeyError("nobody caught this")
