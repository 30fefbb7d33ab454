// snag in the browser: clicks that hurt, and the way to a report (snag-dialog.js, loaded once the page
// is there). What is served is snag.min.js, made of this by tests/minify/run.
//
//   <script defer src="http://127.0.0.1:7624/snag.js" data-key="…" data-place="web"></script>
//
// What else may stand on that line:
//
//   data-templates="/blog/:post"   paths with segments that vary; numbers and ids vary anyway
//   data-person="ana"              to whom it happens; or, later, window.snag.person = "ana"
//   data-version="1.4.2"           of the product
//   data-shortcut="S"              this letter or digit, with Alt and Shift, asks for a report
//   data-rage-click="4 1000 30"    clicks, ms, px
//   data-dead-click="2500"         ms
//   data-error-click="100"         ms
//
// On any element of the page, data-snag-place="checkout/pay" names what is inside, in place of the
// path; data-snag-ignore says that clicks inside mean nothing, data-snag-ignore="dead-click" which. A
// <button data-snag-open> asks for a report, and so does window.snag.open().
//
// Of an element its tag and classes are told, and the nearest id; never its text, nor what is typed.
// What is told is kept in localStorage until snagd has answered, and sent again with the same ids.
(() => {
  if (window.snag) return;
  // Read now: later a page may be under another address, from which a relative one leads elsewhere.
  const { dataset: said, src } = document.currentScript;
  const beside = path => new URL(path, src);
  const snag = window.snag = { person: said.person, open };

  const numbers = name => said[name + 'Click']?.match(/\d+/g) || [];
  const [CLICKS = 4, CLICK_TIME = 1000, CLICK_SPAN = 30] = numbers('rage');
  const [DEAD_TIME = 2500] = numbers('dead');
  const [ERROR_TIME = 100] = numbers('error');

  // Whatever goes wrong in here, it is not the page's error.
  const safely = act => (...args) => { try { return act(...args); } catch {} };
  const on = (names, listener, target = window) => names.split(' ').forEach(name =>
    target.addEventListener(name, safely(listener), true));

  // ---- What is told ----

  // A path as a place: what varies from visit to visit becomes `_`.
  const templateOf = path => said.templates?.split(' ').find(template =>
    RegExp(`^${template.replace(/:[^/]+/g, '[^/]+')}$`).test(path)) || path;
  const placeOf = path => path.replace(/[^/]+/g, part => /^(?!\d+$|(?=.*\d).{16})[\w.-]{0,40}$/.test(part) ? part : '_');
  const eventAt = (named, more) => ({
    // A version 7 UUID without hyphens; crypto.randomUUID is not there on plain http.
    id: `0${Date.now().toString(16)}70008${Math.random().toFixed(15).slice(2)}`,
    at: new Date, person: snag.person, version: said.version,
    place: [said.place] + (named ? '/' + named.dataset.snagPlace : placeOf(templateOf(location.pathname))),
    ...more,
  });

  // ---- Sending ----

  // What snagd has not answered yet: at most 50 items, reports longest. Each event is an item of its own,
  // so that windows do not write over each other's. By name, the number of signals beyond 20 a load comes
  // first, then signals by time, then reports. A new key sends what was kept under the old one.
  const KEPT = `snag ${said.place} `;
  let store = {}, told = 0;
  safely(() => store = localStorage)();
  const kept = () => Object.keys(store).filter(name => name.startsWith(KEPT)).sort();
  const keep = event => {
    const name = KEPT + (event.signal ? 0 : 1) + event.id, text = JSON.stringify(event);
    try { store[name] = text; } catch { store = { [name]: text }; }
    const names = kept();
    if (names.length > 50) delete store[names[0]];
    return name;
  };

  // An answer that tells what was rejected is the last word on all that was sent.
  const { fetch } = window;
  const send = () => {
    const names = kept(), body = `[${names.map(name => store[name])}]`, beyond = store[KEPT];
    // Told once: what comes until the answer does is counted anew.
    delete store[KEPT];
    return names[0] && fetch(beside(`browser/${said.key}/events`), { method: 'POST', body, keepalive: body.length < 2e4 })
      .then(answer => answer.json()).then(({ rejected: [...rejected] }) => {
        names.forEach(name => name == KEPT || delete store[name]);
        return rejected;
      }).catch(() => { if (beyond) store[KEPT] = +beyond + (store[KEPT] | 0); });
  };

  const tell = (name, { path, target }, what, count) => {
    if (find(path, `[data-snag-ignore=""],[data-snag-ignore~=${name}-click]`)) return;
    const element = [[target.localName, ...target.classList].join('.'), find(path, '[id]')?.getAttribute('id')].join(' #');
    if (told++ < 20) keep(eventAt(find(path, '[data-snag-place]'), {
      note: (element + what).slice(0, 1e3), signal: { name: name + '-click', count, rule: said[name + 'Click'] },
    }));
    else store[KEPT] = -~store[KEPT];
    setTimeout(send, 3e3);
  };

  // ---- Clicks, and what they are answered with ----

  const FIELD = 'input,select,textarea,[contenteditable],[role=slider]';
  const INTERACTIVE = 'a,button,summary,[onclick]:not(body),[type=submit],[type=reset],[type=image],[type=button],[role=button],[role=link],[role=tab],[role=option],[role^=menuitem]';
  // What is drawn looks the same to a script: nothing is said of it, nor of a button near a canvas.
  const DRAWN = 'canvas,video,:is(:has(>canvas,>*>canvas):not(html,body))';
  const find = (path, selector) => path.find(node => node.matches?.(selector));

  // What may change without a mutation: a value that a script sets, or by CSS what is around a button.
  // With attributes and text, it is also how a stepper is known.
  const isVisible = node => node.checkVisibility?.({ checkOpacity: true, checkVisibilityCSS: true });
  const look = ({ path, target: { parentNode } }) => [
    document.querySelectorAll(FIELD + ',body,img,[style]'), (parentNode.parentNode || parentNode).querySelectorAll('*'),
  ].map(nodes => [...nodes].slice(0, 300).map(node =>
    [node.value, node.checked, isVisible(node), ...[...node.attributes].map(({ value }) => value)]))
    + path.map(node => node.nodeType > 8 && (node.body || node).textContent);

  let answers = 0, last, pressed, burst = [];
  const answered = () => answers++;
  const observer = new MutationObserver(answered), watched = new WeakSet;
  const watch = safely(root => {
    if (watched.has(root)) return;
    watched.add(root);
    observer.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
    root.querySelectorAll('*').forEach(node => (node = node.shadowRoot || node.contentDocument) && watch(node));
  });

  // A press, or a click by key. What is on the page at the first one is watched from then on, in shadow
  // roots and frames as well; of a root that comes later `attachShadow` tells.
  const begin = event => {
    const path = event.composedPath(), target = find(path, FIELD + ',' + INTERACTIVE) || path[0];
    path.forEach(node => node.nodeType > 8 && watch(node));
    const click = { path, target, event, before: answers };
    click.looked = look(click);
    return click;
  };
  on('pointerdown', event => pressed = begin(event));
  on('click', event => {
    if (event.target.closest('[data-snag-open]')) return open();
    if (!event.isTrusted) return answered();
    const click = last = pressed?.path[0] == event.composedPath()[0] ? pressed : begin(event);
    const { path, target } = click;
    pressed = 0;
    setTimeout(safely(() => {
      // Of clicks on one thing the last one tells. A menu beside a button, that hovering has opened
      // before the click, is an answer.
      if (click.before == answers && click.looked == look(click) && (last == click || last.target != target)
        && target.matches(INTERACTIVE) && !find(path, DRAWN + ',[href],[aria-disabled=true]')
        && ![...target.parentNode.children].some(node => isVisible(node)
          && /ab|fi/.test(getComputedStyle(node).position) && node.querySelector(INTERACTIVE))
      ) tell('dead', click, '');
    }), DEAD_TIME);
    setTimeout(ends, 0, click, 0);
    if (!event.detail || find(path, DRAWN) || !target.matches(INTERACTIVE) && target.matches(FIELD) || /^\P{L}+$/u.test(target.innerText)) return;
    burst = [...burst, click].filter(old => event.timeStamp - old.event.timeStamp <= CLICK_TIME
      && (old.target == target || Math.hypot(event.x - old.event.x, event.y - old.event.y) <= CLICK_SPAN));
    // A stepper looks different at each click.
    if (burst.length < CLICKS || getSelection() + '' || !burst.some((click, at) => click.looked == burst[at - 1]?.looked)) return;
    tell('rage', click, '', burst.length);
    burst = [];
  });
  // Pressing moves the focus: that is no answer.
  on('focus blur', () => pressed || answered());
  on('scroll toggle visibilitychange fullscreenchange play pause', answered);
  on('navigate', answered, window.navigation);
  on('input scroll', () => burst = []);

  // ---- Errors, by the click that caused them ----

  // A click is at work until its handlers are through, again while it has a request under way, and a
  // little longer.
  const ends = (click, after) => click.end = Date.now() + after;
  const atWork = () => Date.now() - last?.end > ERROR_TIME ? 0 : last;
  const failed = (click, what) => {
    if (!click || click.failed || /^(Resize|Abort|$)/.test(what)) return;
    click.failed = true;
    tell('error', click, ': ' + what);
  };
  on('error unhandledrejection', ({ message, reason }) => failed(atWork(), `${message || reason || ''}`));

  const wrap = (owner, names, follow) => names.split(' ').forEach(name => {
    const holder = window[owner]?.prototype || window, original = holder[name];
    if (original) holder[name] = function (to) {
      let click = follow && atWork();
      answered();
      if (click) ends(click, +DEAD_TIME);
      const result = original.apply(this, arguments);
      return follow ? follow(result, safely((url, status) => {
        ends(click, 0);
        status < 400 || failed(click, `${placeOf(beside(url).pathname)} ${status}`);
        click = 0;
      }), to, this) : result;
    };
  });
  wrap('', 'alert confirm prompt print open');
  wrap('WebSocket', 'send');
  wrap('Worker', 'postMessage');
  wrap('Navigator', 'sendBeacon');
  wrap('HTMLMediaElement', 'play pause');
  // A closed root is never seen again.
  wrap('Element', 'attachShadow', (root, end) => {
    end('', 0);
    watch(root);
    return root;
  });
  wrap('', 'fetch', (promise, end, to) => promise.then(answer => {
    end(answer.url, answer.status);
    return answer;
  }, error => {
    // A request that the page broke off has another error, or the page's own.
    if (error instanceof TypeError) end(to?.url || to, 'failed');
    throw error;
  }));
  wrap('XMLHttpRequest', 'send', (_, end, to, xhr) =>
    on('load error timeout', () => end(xhr.responseURL, xhr.status || 'failed'), xhr));

  // ---- The way to a report ----

  // Its dialog is beside this file, and allowed by the same nonce. It is loaded ahead, so that snagd may
  // be away when somebody asks for it; where that failed, or is yet to come, it is loaded then: under
  // another name, since a browser may know no other answer for the first. An import needs no trusted type.
  const load = () => import(beside('snag-dialog.js#' + Math.random())).catch(() => 0);
  function open() {
    const event = eventAt(document.activeElement.closest('[data-snag-place]'));
    const ask = () => snag.ask ? snag.ask(event, keep, send, () => store)
      : alert('snag is away, or this page forbids its form. Try again later.');
    snag.ask ? ask() : load().then(ask);
  }
  // A field keeps what a keyboard writes with these keys, like the letter of a Polish one.
  const KEY = (said.shortcut || 'S').toUpperCase();
  on('keydown', event => {
    if (event.code.replace(/Key|Digit/, '') != KEY || !event.altKey || !event.shiftKey
      || find(event.composedPath(), FIELD) && event.key.toUpperCase() != KEY) return;
    event.preventDefault();
    open();
  });

  on('visibilitychange', send);
  setInterval(send, 6e4);
  setTimeout(send, 3e3);
  on('load', load);
})();
