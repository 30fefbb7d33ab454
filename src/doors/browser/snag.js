// snag in the browser: a report dialog, and clicks that hurt.
//
//   <script defer src="http://127.0.0.1:7624/snag.js" data-key="…" data-place="web"></script>
//
// What else may stand on that line:
//
//   data-templates="/blog/:post"   paths with segments that vary; numbers and ids vary anyway
//   data-person="ana"              to whom it happens; or, later, window.snag.person = "ana"
//   data-version="1.4.2"           of the product
//   data-shortcut="Alt+Shift+S"    opens the dialog; so do window.snag.open() and [data-snag-open]
//   data-button="Report friction"  a button at the edge of the page that opens it, too
//   data-rage-click="4 1000 30"    clicks, ms, px
//   data-dead-click="2500"         ms
//   data-error-click="100"         ms
//
// On any element of the page, data-snag-place="checkout/pay" names what is inside, in place of the
// path; data-snag-ignore says that clicks inside mean nothing, data-snag-ignore="dead-click" which.
//
// Of an element its tag, id and classes are told, never its text, nor what is typed. What is told is
// kept in localStorage until snagd has answered, and sent again with the same ids.
(() => {
  'use strict';
  const script = document.currentScript;
  const said = script ? script.dataset : {};
  if (!said.key || window.snag) return;
  const snag = window.snag = { person: said.person, open: () => open() };

  const numbers = (said = '', ...usual) => usual.map((number, at) => parseInt(said.split(' ')[at]) || number);
  const RULES = {
    'rage-click': numbers(said.rageClick, 4, 1000, 30),
    'dead-click': numbers(said.deadClick, 2500),
    'error-click': numbers(said.errorClick, 100),
  };
  const [CLICKS, CLICK_TIME, CLICK_SPAN, DEAD_TIME, ERROR_TIME] = Object.values(RULES).flat();

  // Whatever goes wrong in here, it is not the page's error.
  const on = (names, listener) => names.split(' ').forEach(name =>
    addEventListener(name, event => { try { listener(event); } catch {} }, true));

  // ---- What is told ----

  // A version 7 UUID without hyphens; crypto.randomUUID is not there on plain http.
  const hex = digits => [...crypto.getRandomValues(new Uint8Array(digits))].map(byte => (byte % 16).toString(16)).join('');
  const uuid = () => 0 + Date.now().toString(16) + 7 + hex(3) + 8 + hex(15);

  // A path as a place: what varies from visit to visit becomes `_`.
  const templates = (said.templates || '').split(' ').map(path => path.split('/'));
  const placeOf = path => {
    const parts = path.split('/');
    const template = templates.find(known =>
      known.length == parts.length && known.every((part, at) => part[0] == ':' || part == parts[at]));
    return (template || parts).map(part =>
      /^[a-z0-9._-]{0,40}$/i.test(part) && !/^(\d+|\.+|(?=.*\d).{16,})$/.test(part) ? part : '_'
    ).join('/');
  };
  const placeIn = named => ((said.place || 'web') + (named ? '/' + named.dataset.snagPlace : placeOf(location.pathname)))
    .split('/').filter(Boolean).slice(0, 8).join('/');

  const event = more => ({
    id: uuid(), at: new Date().toISOString(), person: snag.person, version: said.version, ...more,
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
  };

  let fresh = [], told = 0, beyond = 0, isSending, wait = 0, timer;
  const refused = {};
  const { fetch } = window;
  const url = new URL(`browser/${said.key}/events`, script.src);
  const send = async isLast => {
    const names = kept().slice(0, 10), more = beyond;
    if (isSending && !isLast || !names.length && !more) return;
    isSending = true;
    beyond = 0;
    try {
      const body = `{"events":[${names.map(name => store[name])}],"beyond":${more}}`;
      const answer = await fetch(url, { method: 'POST', body, keepalive: body.length < 2e4 });
      // What cannot be read as it is kept here never will be.
      const { rejected } = answer.status == 400 ? { rejected: [] } : await answer.json();
      for (const { line, detail } of rejected) refused[names[line - 1]] = detail;
      names.forEach(name => delete store[name]);
      wait = 0;
    } catch {
      beyond += more;
      wait = Math.min(wait * 2 || 5e3, 6e5);
    }
    isSending = false;
    clearTimeout(timer);
    timer = setTimeout(send, wait);
  };

  const flush = isLast => {
    fresh.forEach(keep);
    fresh = [];
    send(isLast);
  };

  // A signal; the same again, before it is sent, raises its count.
  const tell = (name, { place, element, quiet }, count, what) => {
    if (quiet(name)) return;
    const note = (element + (what ? ': ' + what : '')).slice(0, 300);
    const same = fresh.find(told => told.signal.name == name && told.note == note && told.place == place);
    if (same) return same.signal.count += count;
    const kind = { 'dead-click': 'no-response', 'error-click': 'error' }[name];
    if (told++ < 20) fresh.push(event({ class: 'signal', place, kind, note, signal: { name, count, rule: RULES[name].join(' ') } }));
    else beyond++;
    setTimeout(flush, 3e3);
  };

  // ---- Clicks, and what they are answered with ----

  const BUTTON = '[type=button],[type=submit],[type=reset],[type=image]';
  const INTERACTIVE = 'button,summary,[onclick]:not(body),a:not([href]),[role=button],[role=link],[role=tab],[role=option],[role^=menuitem],' + BUTTON;
  const EXCLUDED = '[href],canvas,video,audio,:disabled,[aria-disabled=true]';
  const FIELD = `[contenteditable],[role=textbox],[role=spinbutton],[role=slider],textarea,select,input:not(${BUTTON})`;
  const STEP = /^[-+−–<>‹›«»▲▼◀▶←→↑↓\d]+$/;

  // What may change without a mutation: by CSS around a button, or a value that a script sets.
  const isVisible = element => element.checkVisibility && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const look = button => [
    location, ...[...document.querySelectorAll('input,select,textarea')].map(field => field.value + field.checked),
    ...[...button.parentNode.querySelectorAll('*')].slice(0, 99).map(isVisible),
  ].join();
  // A menu beside a button, that hovering has opened before the click.
  const hasMenu = button => [...button.parentNode.children].some(menu => menu != button && isVisible(menu)
    && /abs|fix/.test(getComputedStyle(menu).position) && menu.querySelector(INTERACTIVE + ',a'));

  // Presses and clicks without an answer. The one observer is there as long as they are.
  const waiting = new Set();
  const textOf = nodes => [...nodes].map(node => node.textContent).join();
  const observer = new MutationObserver(changes => {
    // A stepper answers each click with another text.
    if (last) last.steps |= changes.some(({ oldValue, target, addedNodes, removedNodes }) =>
      target.data ? oldValue != target.data : textOf(addedNodes) != textOf(removedNodes));
    waiting.forEach(click => {
      click.button = 0;
      stop(click);
    });
  });
  const watch = click => {
    waiting.add(click);
    clearTimeout(click.timer);
    click.timer = setTimeout(() => {
      stop(click);
      const { at, button } = click;
      if (at && button && look(button) == click.look && !hasMenu(button)) tell('dead-click', click, click.times);
    }, DEAD_TIME);
    for (const root of click.roots) {
      observer.observe(root, { subtree: true, childList: true, attributes: true, characterData: true, characterDataOldValue: true });
    }
  };
  const stop = click => {
    clearTimeout(click.timer);
    waiting.delete(click);
    waiting.size || observer.disconnect();
  };
  // An answer to all clicks; not to what is only pressed, since pressing moves the focus.
  const answered = () => waiting.forEach(click => click.at && stop(click));

  // A press, or a click by key.
  const begin = event => {
    const path = event.composedPath();
    const find = selector => path.find(node => node.matches && node.matches(selector));
    const button = find(INTERACTIVE), target = button || path[0];
    const home = path.find(node => node != target && node.id && node.contains(target));
    const click = {
      path, target, pending: 1, times: 1,
      button: !find(EXCLUDED) && button, look: button && look(button),
      roots: path.filter(node => node.nodeType > 8),
      isStep: find(FIELD) || button && (STEP.test(button.textContent.trim()) || button.parentNode.querySelector('[type=number],[role=spinbutton]')),
      place: placeIn(find('[data-snag-place]')),
      element: ((home ? `#${home.id} ` : '') + [target.localName + (target.id && '#' + target.id), ...[...target.classList].slice(0, 3)].join('.')).replace(/\d+/g, '_'),
      quiet: name => find(`[data-snag-ignore=""],[data-snag-ignore~=${name}]`),
    };
    watch(click);
    return click;
  };

  let pressed, last, burst = [], burstTimer;
  const endBurst = () => {
    if (burst.isRage && !burst.every(click => click.steps)) tell('rage-click', burst[0], burst.length);
    burst = [];
  };
  const join = click => {
    const [first] = burst;
    if (first && (click.at - burst.at(-1).at > CLICK_TIME
      || first.target != click.target && Math.hypot(first.x - click.x, first.y - click.y) > CLICK_SPAN)) endBurst();
    burst.push(click);
    burst.isRage |= burst.length >= CLICKS && click.at - burst.at(-CLICKS).at <= CLICK_TIME;
    clearTimeout(burstTimer);
    burstTimer = setTimeout(endBurst, 4 * CLICK_TIME);
  };

  let isDown;
  on('pointerup pointercancel', () => isDown = false);
  on('pointerdown', event => {
    isDown = true;
    if (pressed) stop(pressed);
    pressed = event.target != host && begin(event);
  });
  on('click', event => {
    if (event.target == host) return;
    if (event.target.closest('[data-snag-open]')) return open();
    if (!event.isTrusted) return answered();
    last = event.detail && pressed && pressed.path.includes(event.target) ? pressed : begin(event);
    pressed = 0;
    const click = Object.assign(last, { at: event.timeStamp, x: event.clientX, y: event.clientY, end: performance.now() + DEAD_TIME });
    waiting.forEach(other => {
      if (other == click || !other.at || other.button != click.button) return;
      click.times += other.times;
      stop(other);
    });
    watch(click);
    setTimeout(() => done(click));
    if (event.detail && !click.isStep) join(click);
  });
  // Pressing moves the focus: that is no answer to the click before.
  on('focus blur', () => isDown || answered());
  on('change toggle beforeprint visibilitychange pagehide play pause', answered);
  on('submit', event => setTimeout(() => event.defaultPrevented || answered()));
  on('input scroll', () => { answered(); burst = []; });
  on('selectionchange', () => { if (!getSelection().isCollapsed) burst = []; });
  if (window.navigation) navigation.addEventListener('navigate', answered);

  // ---- Errors, by the click that caused them ----

  const done = click => {
    click.pending--;
    click.until = performance.now() + ERROR_TIME;
  };
  const fail = (click, what) => {
    if (!click.failed) tell('error-click', click, 1, what);
    click.failed = true;
  };
  const cause = () => {
    if (last && performance.now() < (last.pending ? last.end : last.until)) return last;
  };
  const failed = what => {
    const click = cause();
    if (click && !/^ResizeObserver|^AbortError/.test(what)) fail(click, what);
  };
  on('error', ({ message }) => message && failed(message));
  on('unhandledrejection', ({ reason }) => failed(String(reason)));

  const request = () => {
    answered();
    const click = cause();
    if (click) click.pending++;
    return (url, status) => {
      if (!click) return;
      done(click);
      if (status >= 400 || !status) fail(click, `${placeOf(url.replace(/^\w+:\/\/[^/]+|[?#].*/g, ''))} ${status || 'failed'}`);
    };
  };
  const wrap = (owner, name, around) => {
    const original = owner[name];
    owner[name] = function (...args) { return around(() => original.apply(this, args), args[0], this); };
  };
  for (const name of ['alert', 'confirm', 'prompt', 'open']) wrap(window, name, call => { answered(); return call(); });
  wrap(WebSocket.prototype, 'send', call => { answered(); return call(); });
  wrap(window, 'fetch', (call, to) => {
    const end = request();
    return call().then(answer => {
      end(answer.url, answer.status || 200);
      return answer;
    }, error => {
      // A request that the page broke off has another error, or the page's own.
      end(String(to && to.url || to), error instanceof TypeError ? 0 : 200);
      throw error;
    });
  });
  wrap(XMLHttpRequest.prototype, 'send', (call, _, xhr) => {
    const end = request();
    let status = 200;
    xhr.addEventListener('error', () => status = 0, { once: true });
    xhr.addEventListener('loadend', () => end(xhr.responseURL, status && xhr.status || status), { once: true });
    return call();
  });

  // ---- The dialog ----

  const choice = words => words.split(' ').map(word => `<option value="${word}">${word.replace(/-/g, ' ')}</option>`).join('');
  const FORM = `<form><h2 id="title">Report friction</h2>
<label>What did you expect?<textarea name="expected" maxlength="1000"></textarea></label>
<label>What did you get?<textarea name="got" maxlength="1000" required></textarea></label>
<label>How did that feel?<select name="feeling">${choice(' delighted calm surprised confused anxious frustrated resigned')}</select></label>
<label>What did you do?<select name="outcome">${choice(' continued retried worked-around asked-for-help abandoned switched')}</select></label>
<label>Your name<input name="person" maxlength="20"></label>
<p>This is what will be sent:</p><pre tabindex="0"></pre><p role="status"></p>
<button>Send</button> <button type="button">Cancel</button></form>`;
  const STYLE = `:host{all:initial!important}*{font:16px/1.4 system-ui;box-sizing:border-box}dialog{width:32em}
h2,label,p,pre{display:block;margin:0 0 .7em}textarea,select,input{display:block;width:100%}
pre{font:12px monospace;white-space:pre-wrap;max-height:9em;overflow:auto;border:1px solid}
.edge{position:fixed;right:1em;bottom:1em;z-index:9999}`;
  const host = document.createElement('snag-report');
  const shadow = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  const add = (tag, properties) => {
    const added = Object.assign(document.createElement(tag), properties);
    shadow.append(added);
    return added;
  };
  if (said.button) add('button', { className: 'edge', textContent: said.button, onclick: () => open() });
  document.documentElement.append(host);

  const open = () => {
    if (shadow.querySelector('dialog[open]')) return;
    const at = document.activeElement;
    const begun = event({ class: 'report', place: placeIn(at && at.closest('[data-snag-place]')) });
    const dialog = add('dialog', { innerHTML: FORM, onclose: () => dialog.remove(), onkeydown: event => event.stopPropagation() });
    const [form, preview, status, submit, close] = ['form', 'pre', '[role]', 'button', '[type]'].map(part => dialog.querySelector(part));
    dialog.setAttribute('aria-labelledby', 'title');
    if (snag.person) form.person.parentNode.remove();
    else form.person.value = store['snag-person'] || '';
    const report = () => ({ ...begun, ...Object.fromEntries([...new FormData(form)].filter(([, text]) => text.trim())) });
    const show = form.oninput = () => preview.textContent = JSON.stringify(report(), null, 1);
    close.onclick = () => dialog.close();
    form.onsubmit = async event => {
      event.preventDefault();
      const sent = report(), name = KEPT + sent.id;
      submit.disabled = true;
      if (!snag.person && sent.person) store['snag-person'] = sent.person;
      keep(sent);
      await send();
      status.textContent = refused[name] ? 'Not recorded: ' + refused[name]
        : store[name] ? 'Kept in this browser; it is sent when snag can be reached.' : 'Recorded. Thank you.';
      close.textContent = 'Close';
      close.focus();
    };
    show();
    dialog.showModal();
  };

  const keys = (said.shortcut || 'Alt+Shift+S').split('+');
  on('keydown', event => {
    if (event.code != 'Key' + keys.at(-1)) return;
    if (['Alt', 'Control', 'Meta', 'Shift'].some(key => event.getModifierState(key) != keys.includes(key))) return;
    event.preventDefault();
    open();
  });

  on('pagehide visibilitychange', event => {
    if (event.type != 'pagehide' && !document.hidden) return;
    endBurst();
    flush(true);
  });
  setTimeout(send, 3e3);
})();
