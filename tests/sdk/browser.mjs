// Serves a page with Sentry's browser SDK and its feedback widget from loopback, shows it to a headless
// Chromium, and ends when the page says that everything is sent.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const { SNAG_DSN: dsn, NEEDLE: needle, MODULES: modules, PROFILE: profile } = process.env;
const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const types = { ".js": "text/javascript", ".mjs": "text/javascript", ".html": "text/html; charset=utf-8" };

const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  try {
    if (path === "/done") {
      response.end();
      return finish(0);
    }
    if (path === "/failed") {
      response.end();
      let said = "";
      for await (const chunk of request) said += chunk;
      console.error(`the page: ${said}`);
      return finish(1);
    }
    if (path === "/api/pay") {
      response.writeHead(500);
      return response.end();
    }
    if (path === "/config.js") {
      response.writeHead(200, { "content-type": types[".js"] });
      return response.end(`export const dsn = "${dsn}", needle = "${needle}";`);
    }
    const file = path.startsWith("/node_modules/")
      ? join(modules, path.slice("/node_modules/".length))
      : join(here, "browser.html");
    const body = await readFile(file);
    response.writeHead(200, { "content-type": types[extname(file)] ?? "text/plain" });
    response.end(body);
  } catch {
    response.writeHead(404);
    response.end();
  }
});

let chromium;
function finish(code) {
  clearTimeout(patience);
  chromium?.kill("SIGKILL");
  server.closeAllConnections();
  server.close(() => process.exit(code));
}
const patience = setTimeout(() => {
  console.error("the page does not finish within two minutes");
  finish(1);
}, 120_000);

server.listen(0, "127.0.0.1", () => {
  const url = `http://localhost:${server.address().port}/checkout/pay?token=${needle}-query`;
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"];
  const args = [...flags, `--user-data-dir=${profile}`, "--remote-debugging-port=0", url];
  chromium = spawn("chromium", args, { stdio: "ignore" });
  chromium.on("error", (error) => {
    console.error(`chromium does not start: ${error.message}`);
    finish(1);
  });
});
