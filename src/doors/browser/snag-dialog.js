// The report of snag.js: a dialog that shows what it will send. What is served is snag-dialog.min.js, made
// of this by tests/minify/run.
(() => {
  const { snag } = window;
  if (snag.ask) return;

  // Made of nodes: a page may forbid to make them of texts (trusted types).
  const make = (name, said, ...inside) => {
    const node = Object.assign(document.createElement(name), said);
    node.append(...inside);
    return node;
  };
  const field = (question, name, said, ...inside) => make('label', {}, question, make(name, said, ...inside));
  const text = (question, name) => field(question, 'textarea', { name, maxLength: 1000 });
  const choice = (question, name, words) => field(question, 'select', { name }, ...words.split(' ').map(value =>
    make('option', { value }, value.replace(/-/g, ' '))));
  const fill = () => make('form', {},
    make('h2', { id: 'title' }, 'Report friction'),
    text('What did you expect?', 'expected'),
    text('What did you get?', 'got'),
    choice('How did that feel?', 'feeling', ' delighted calm surprised confused anxious frustrated resigned'),
    choice('What did you do?', 'outcome', ' continued retried worked-around asked-for-help abandoned switched'),
    field('Your name', 'input', { name: 'person', maxLength: 20 }),
    make('p', {}, 'This is what will be sent:'), make('pre', { tabIndex: 0 }), make('output'),
    make('button', {}, 'Send'), ' ', make('button', { type: 'button' }, 'Cancel'));

  // Made when it is first asked for. Out of reach of the page's style; what is clicked in it is no click
  // on the page.
  let shadow;
  const place = () => {
    const host = document.createElement('snag-report');
    host.dataset.snagIgnore = '';
    shadow = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`:host{all:initial!important}*{font:16px/1.4 system-ui;box-sizing:border-box}dialog{width:32em}
h2,label,p,pre,output{display:block;margin:0 0 .7em}textarea,select,input{display:block;width:100%}
pre{font:12px monospace;white-space:pre-wrap;max-height:9em;overflow:auto;border:1px solid}`);
    shadow.adoptedStyleSheets = [sheet];
    document.documentElement.append(host);
  };

  // Asks for what an event lacks, and sends it.
  snag.ask = (begun, keep, send, store) => {
    if (!shadow) place();
    if (shadow.querySelector('dialog')) return;
    const form = fill(), dialog = make('dialog', { onclose: () => dialog.remove() }, form);
    dialog.setAttribute('aria-labelledby', 'title');
    // What is typed here is no key of the page's.
    'keydown keypress keyup beforeinput input paste'.split(' ').forEach(name =>
      dialog.addEventListener(name, event => event.stopPropagation()));
    shadow.append(dialog);
    const [preview, status, submit, close] = ['pre', 'output', 'button', '[type]'].map(part => form.querySelector(part));
    if (begun.person) form.person.parentNode.remove();
    else form.person.value = store()['snag-person'] || '';
    const report = () => ({ ...begun, ...Object.fromEntries([...new FormData(form)].filter(([, text]) => text.trim())) });
    const show = form.oninput = () => preview.textContent = JSON.stringify(report(), null, 1);
    close.onclick = () => dialog.close();
    form.onsubmit = async event => {
      event.preventDefault();
      const sent = report();
      if (!sent.note && !sent.expected && !sent.got) {
        status.textContent = 'Say what you expected or got.';
        return form.expected.focus();
      }
      const name = keep(sent);
      submit.disabled = true;
      const refused = (await send())?.find(({ id }) => id == sent.id);
      // Nothing of it is kept, but what is written here: it may be changed, and sent again.
      if (refused) {
        status.textContent = 'Not recorded: ' + refused.detail;
        submit.disabled = false;
        return submit.focus();
      }
      status.textContent = !store()[name] ? 'Recorded. Thank you.'
        : store().setItem ? 'Kept in this browser until snag takes it.' : 'Kept until snag takes it or this page is closed.';
      close.textContent = 'Close';
      close.focus();
      if (!begun.person && sent.person) store()['snag-person'] = sent.person;
    };
    show();
    dialog.showModal();
  };
})();
