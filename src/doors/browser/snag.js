// snag in the browser: clicks that hurt, and the way to a report (snag-dialog.js, loaded when asked for).
//
//   <script defer src="http://127.0.0.1:7624/snag.js" data-key="…" data-place="web"></script>
//
// What else may stand on that line:
//
//   data-templates="/blog/:post"   paths with segments that vary; numbers and ids vary anyway
//   data-person="ana"              to whom it happens; or, later, window.snag.person = "ana"
//   data-version="1.4.2"           of the product
//   data-shortcut="Alt+Shift+S"    asks for a report
//   data-rage-click="4 1000 30"    clicks, ms, px
//   data-dead-click="2500"         ms
//   data-error-click="100"         ms
//
// On any element of the page, data-snag-place="checkout/pay" names what is inside, in place of the
// path; data-snag-ignore says that clicks inside mean nothing, data-snag-ignore="dead-click" which. A
// <button data-snag-open> asks for a report, and so does window.snag.open().
//
// Of an element its tag, id and classes are told, never its text, nor what is typed. What is told is
// kept in localStorage until snagd has answered, and sent again with the same ids.
(() => {
  const script = document.currentScript;
  const said = script?.dataset;
  if (!said?.key || window.snag) return;
  // Read now: later a page may be under another address, from which a relative one leads elsewhere.
  const { src, nonce } = script;
  const snag = window.snag = { person: said.person, open };

  const ruleOf = name => script.getAttribute('data-' + name) || '';
  const numbers = name => ruleOf(name).split(' ').map(number => +number || undefined);
  const [CLICKS = 4, CLICK_TIME = 1000, CLICK_SPAN = 30] = numbers('rage-click');
  const [DEAD_TIME = 2500] = numbers('dead-click');
  const [ERROR_TIME = 100] = numbers('error-click');

  // Whatever goes wrong in here, it is not the page's error.
  const on = (names, listener) => names.split(' ').forEach(name =>
    addEventListener(name, event => { try { listener(event); } catch {} }, true));

  // ---- What is told ----

  // A version 7 UUID without hyphens; crypto.randomUUID is not there on plain http.
  const uuid = () => (0 + Date.now().toString(16) + '7xxx8xxxxxxxxxxxxxxx')
    .replace(/x/g, () => (Math.random() * 16 | 0).toString(16));

  // A path as a place: what varies from visit to visit becomes `_`.
  const fits = path => template => RegExp(`^${template.replace(/:[^/]+/g, '[^/]+')}$`).test(path);
  const placeOf = path => (said.templates?.split(' ').find(fits(path)) || path)
    .split('/').map(part => /^(?!\d+$|\.+$|(?=.*\d).{16})[\w.-]{0,40}$/.test(part) ? part : '_').join('/');
  const eventAt = (named, more) => ({
    id: uuid(), at: new Date().toISOString(), person: snag.person, version: said.version,
    place: `${said.place || 'web'}/${named ? named.dataset.snagPlace : placeOf(location.pathname)}`
      .split('/').filter(part => part).slice(0, 8).join('/'),
    ...more,
  });

  // ---- Sending ----

  // What snagd has not answered yet: at most 50 events, reports longest. Each is an item of its own, so
  // that windows do not write over each other's; ids sort by time.
  const KEPT = `snag ${said.key} `;
  let store = {};
  try { store = localStorage; } catch {}
  const kept = () => Object.keys(store).filter(name => name.startsWith(KEPT)).sort();
  const keep = event => {
    const name = KEPT + event.id, text = JSON.stringify(event);
    try { store[name] = text; } catch { store = { [name]: text }; }
    const names = kept();
    if (names.length > 50) delete store[names.find(name => store[name].includes('"signal"')) || names[0]];
    return name;
  };

  let fresh = {}, told = 0, beyond = 0, timer;
  const refused = {};
  const { fetch } = window;
  const send = async () => {
    const names = kept().slice(0, 10), more = beyond;
    if (!names.length && !more) return;
    beyond = 0;
    try {
      const body = `{"events":[${names.map(name => store[name])}],"beyond":${more}}`;
      const answer = await fetch(new URL(`browser/${said.key}/events`, src), { method: 'POST', body, keepalive: body.length < 2e4 });
      // What cannot be read as it is kept here never will be.
      if (answer.status != 400) for (const { line, detail } of (await answer.json()).rejected) refused[names[line - 1]] = detail;
      names.forEach(name => delete store[name]);
      await send();
    } catch {
      beyond += more;
      clearTimeout(timer);
      timer = setTimeout(send, 6e4);
    }
  };
  const flush = () => {
    Object.values(fresh).forEach(keep);
    fresh = {};
    send();
  };

  // A signal; the same again, before it is sent, raises its count.
  const tell = (name, { path, place, element }, count, what = '') => {
    if (find(path, `[data-snag-ignore=""],[data-snag-ignore~=${name}]`)) return;
    const event = eventAt(place, { class: 'signal', note: (element + what).slice(0, 300), signal: { name, count, rule: ruleOf(name) } });
    const key = name + event.place + event.note;
    if (fresh[key]) fresh[key].signal.count += count;
    else if (told++ < 20) fresh[key] = event;
    else beyond++;
    setTimeout(flush, 3e3);
  };

  // ---- Clicks, and what they are answered with ----

  const BUTTON = '[type=button],[type=submit],[type=reset],[type=image]';
  const INTERACTIVE = 'button,summary,[onclick]:not(body),a:not([href]),[role=button],[role=link],[role=tab],[role=option],[role^=menuitem],' + BUTTON;
  const EXCLUDED = '[href],canvas,video,audio,:disabled,[aria-disabled=true]';
  const FIELD = `[contenteditable],[role=textbox],[role=spinbutton],[role=slider],textarea,select,input:not(${BUTTON})`;
  const find = (path, selector) => path.find(node => node.matches?.(selector));

  // What may change without a mutation: by CSS around a button, or a value that a script sets.
  const isVisible = node => node.checkVisibility?.({ opacityProperty: true, visibilityProperty: true });
  const look = button => [...document.querySelectorAll('input,select,textarea'), ...button.parentNode.querySelectorAll('*')]
    .slice(0, 500).map(node => [node.value, node.checked, isVisible(node)]).join();
  // A menu beside a button, that hovering has opened before the click.
  const hasMenu = button => [...button.parentNode.children].some(node => node != button && isVisible(node)
    && /abs|fix/.test(getComputedStyle(node).position) && node.querySelector(INTERACTIVE + ',a'));

  // Answers are counted: of a click, those since the click; mutations since the press, for a press moves
  // the focus, too, but changes nothing.
  let answers = 0, mutations = 0, last, pressed, burst = [];
  const answered = () => answers++;
  const observer = new MutationObserver(() => mutations++);

  // A press, or a click by key.
  const begin = event => {
    const path = event.composedPath();
    const button = find(path, INTERACTIVE), target = button || path[0];
    const roots = path.filter(node => node.nodeType > 8);
    const before = mutations, looked = button && look(button);
    for (const root of roots) observer.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
    return {
      path, target, roots, pending: 0,
      isDead: () => button && !find(path, EXCLUDED) && before == mutations && looked == look(button) && !hasMenu(button),
      isStep: find(path, FIELD) || button && (/^\P{L}{1,4}$/u.test(button.textContent.trim()) || button.parentNode.querySelector('[type=number],[role=spinbutton]')),
      place: find(path, '[data-snag-place]'),
      element: [target.parentElement?.closest('[id]'), target].filter(node => node)
        .map(node => [node.localName + (node.id && '#' + node.id), ...node.classList].join('.')).join(' ').replace(/\d+/g, '_'),
    };
  };
  on('pointerdown', event => pressed = begin(event));
  on('click', event => {
    if (event.target.closest('[data-snag-open]')) return open();
    if (!event.isTrusted) return answered();
    const click = last = event.detail && pressed?.path.includes(event.target) ? pressed : begin(event);
    const before = answers;
    pressed = null;
    click.event = event;
    setTimeout(() => {
      if (before == answers && click.isDead()) tell('dead-click', click, 1);
      if (click == last && !pressed) observer.disconnect();
    }, DEAD_TIME);
    work(click, 1);
    setTimeout(work, 0, click, -1);
    if (!event.detail || click.isStep) return;
    // A stepper answers each click with another text.
    click.text = click.roots.map(root => (root.body || root).textContent).join();
    burst = burst.filter(({ target, event: { timeStamp, clientX, clientY } }) => event.timeStamp - timeStamp <= CLICK_TIME
      && (target == click.target || Math.hypot(event.clientX - clientX, event.clientY - clientY) <= CLICK_SPAN));
    burst.push(click);
    if (burst.length < CLICKS || burst.every((click, at) => click.text != burst[at - 1]?.text)) return;
    tell('rage-click', click, burst.length);
    burst = [];
  });
  // Pressing moves the focus: that is no answer to the click before.
  on('focus blur', () => pressed || answered());
  on('change toggle beforeprint visibilitychange pagehide play pause', answered);
  on('input scroll', () => { answered(); burst = []; });
  on('selectionchange', () => { if (!getSelection().isCollapsed) burst = []; });
  window.navigation?.addEventListener('navigate', answered);

  // ---- Errors, by the click that caused them ----

  // A click is at work until nothing is pending, and a little longer.
  const work = (click, more) => {
    click.pending += more;
    click.until = performance.now() + (click.pending ? DEAD_TIME : ERROR_TIME);
  };
  const atWork = () => performance.now() < last?.until && last;
  const failed = (click, what) => {
    if (!click || click.failed || /^$|^ResizeObserver|^AbortError/.test(what)) return;
    click.failed = true;
    tell('error-click', click, 1, ': ' + what);
  };
  on('error unhandledrejection', ({ message, reason }) => failed(atWork(), `${message || reason || ''}`));

  const request = () => {
    answered();
    let click = atWork();
    if (click) work(click, 1);
    return (url, status) => {
      if (!click) return;
      work(click, -1);
      if (status >= 400 || !status) failed(click, `${placeOf(url.replace(/^\w+:\/\/[^/]+|[?#].*/g, ''))} ${status || 'failed'}`);
      click = 0;
    };
  };
  const wrap = (owner, names, around = call => { answered(); return call(); }) => names.split(' ').forEach(name => {
    const original = owner[name];
    owner[name] = function (...args) { return around(() => original.apply(this, args), args[0], this); };
  });
  wrap(window, 'alert confirm prompt open');
  wrap(WebSocket.prototype, 'send');
  wrap(window, 'fetch', (call, to) => {
    const end = request();
    return call().then(answer => {
      end(answer.url, answer.status || 200);
      return answer;
    }, error => {
      // A request that the page broke off has another error, or the page's own.
      end(String(to?.url || to), error instanceof TypeError ? 0 : 200);
      throw error;
    });
  });
  wrap(XMLHttpRequest.prototype, 'send', (call, _, xhr) => {
    const end = request();
    for (const name of ['load', 'error', 'timeout']) xhr.addEventListener(name, () => end(xhr.responseURL, xhr.status));
    return call();
  });

  // ---- The way to a report ----

  // Its dialog is loaded from beside this file, and allowed by the same nonce. Whatever came instead of
  // it, the next try loads it again.
  function open() {
    const event = eventAt(document.activeElement?.closest('[data-snag-place]'), { class: 'report' });
    const ask = () => snag.ask(event, { keep, send, refused, store: () => store });
    if (snag.ask) return ask();
    const file = document.createElement('script');
    file.src = new URL('snag-dialog.js', src);
    file.nonce = nonce;
    file.onload = file.onerror = () => snag.ask ? ask() : alert('snag does not answer, so there is no form for a report. Please try again later.');
    document.head.append(file);
  }

  const keys = (said.shortcut || 'Alt+Shift+S').split('+');
  on('keydown', event => {
    if (event.code != 'Key' + keys.at(-1)) return;
    if (['Alt', 'Control', 'Meta', 'Shift'].some(key => event.getModifierState(key) != keys.includes(key))) return;
    event.preventDefault();
    open();
  });

  on('pagehide visibilitychange', flush);
  setTimeout(send, 3e3);
})();
