"""A site in headless Chromium: what is wider than its column, copied, and found."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from shutil import which

CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Text that ends right of its column, outside everything that scrolls or is hidden.
WIDER = """() => {
  const column = document.querySelector("article").getBoundingClientRect();
  const scrolls = node => {
    for (; node && node.tagName !== "ARTICLE"; node = node.parentElement) {
      const style = getComputedStyle(node);
      if (style.overflowX !== "visible" || style.display === "none") return true;
    }
    return false;
  };
  const found = [];
  const walker = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.data.trim()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const right = Math.max(0, ...[...range.getClientRects()].map(box => box.right));
    if (right > column.right + 1 && !scrolls(node.parentElement)) found.push(node.data.slice(0, 60));
  }
  const page = document.querySelector("main");
  if (page.scrollWidth > page.clientWidth) found.push("the page itself");
  return found;
}"""
CODE = """() => [...document.querySelectorAll("article pre > code")]
  .filter(code => code.offsetWidth && code.scrollWidth > code.clientWidth + 1)
  .map(code => code.innerText.split("\\n").sort((a, b) => b.length - a.length)[0])"""
# Ask the site's own search worker, as its input field does.
SEARCH = """async words => {
  const config = JSON.parse(document.querySelector("#__config").textContent);
  const worker = new Worker(new URL(config.search, document.baseURI));
  const ask = message => new Promise(told => {
    worker.onmessage = event => told(event.data);
    worker.postMessage(message);
  });
  const index = await (await fetch(new URL(config.base + "/search/search_index.json", document.baseURI))).json();
  await ask({type: 0, data: {...index, options: {suggest: false}}});
  const found = {};
  for (const word of words) {
    const answer = await ask({type: 2, data: word});
    found[word] = answer.data.items.map(page => page[0].location.split("#")[0]);
  }
  worker.terminate();
  return found;
}"""


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def served(folder):
    """Serve a folder on this machine and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium():
    """Start the browser and end it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()
