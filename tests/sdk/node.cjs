// What Sentry's Node SDK sends: everything that snag keeps of it, and needles that it must not keep.
const Sentry = require("@sentry/node");

const needle = process.env.NEEDLE;
// Without a DSN there is Spotlight alone.
Sentry.init({
  dsn: process.env.SNAG_DSN,
  release: "shop@1.4.3",
  environment: "staging",
  serverName: `${needle}-host`,
  includeLocalVariables: true,
  tracesSampleRate: 1,
});
Sentry.setUser({ username: "ned", email: `ned@${needle}.example` });

function divide(by) {
  const hidden = `${needle}-local`;
  if (by === 0) throw new RangeError("by nothing");
  return hidden.length / by;
}

async function main() {
  try {
    divide(0);
  } catch (error) {
    Sentry.captureException(error);
  }
  Sentry.withScope((scope) => {
    scope.setTag("place", "jobs/queue");
    scope.setExtra("argv", process.argv);
    Sentry.captureMessage("queue is stuck", "error");
  });
  Sentry.captureMessage("all is well", "info");
  Sentry.withScope((scope) => {
    scope.setContext("friction", { place: "cart", expected: "the sum", did: "worked-around", felt: "confused" });
    Sentry.captureFeedback({ message: "the total is wrong", email: "bob@acme.example" });
  });
  Sentry.withScope((scope) => {
    for (let step = 0; step < 3; step++) {
      scope.addBreadcrumb({ category: "ui.click", message: `button#step${step}` });
    }
    scope.addBreadcrumb({
      category: "http",
      type: "http",
      data: { url: `http://${needle}/pay?${needle}`, method: "POST", status_code: 500 },
    });
    scope.addBreadcrumb({ category: "query", message: `SELECT '${needle}'` });
    scope.addEventProcessor((event) => ({
      ...event,
      request: {
        url: `http://${needle}-server/cart/7?token=${needle}-query`,
        headers: { authorization: `${needle}-header` },
        cookies: { session: `${needle}-cookie` },
        data: `${needle}-body`,
      },
    }));
    Sentry.captureMessage("rich in breadcrumbs", "error");
  });
  Sentry.startSpan({ name: "dropped" }, () => {});
  // Once all of it is sent. Spotlight alone is given no time by a process that dies.
  process.once("beforeExit", () => {
    if (process.env.SNAG_DSN) {
      setTimeout(function explode() {
        throw new TypeError("nobody caught this");
      });
    }
  });
}

main();
