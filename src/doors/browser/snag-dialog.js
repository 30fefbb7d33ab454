// The report of snag.js: a dialog that shows what it will send. What is served is snag-dialog.min.js, made
// of this by tests/minify/run.
(() => {
  const { snag } = window;
  if (snag.ask) return;

  const choice = words => words.split(' ').map(word => `<option value="${word}">${word.replace(/-/g, ' ')}</option>`).join('');
  const FORM = `<form><h2 id="title">Report friction</h2>
<label>What did you expect?<textarea name="expected" maxlength="1000"></textarea></label>
<label>What did you get?<textarea name="got" maxlength="1000"></textarea></label>
<label>How did that feel?<select name="feeling">${choice(' delighted calm surprised confused anxious frustrated resigned')}</select></label>
<label>What did you do?<select name="outcome">${choice(' continued retried worked-around asked-for-help abandoned switched')}</select></label>
<label>Your name<input name="person" maxlength="20"></label>
<p>This is what will be sent:</p><pre tabindex="0"></pre><p role="status"></p>
<button>Send</button> <button type="button">Cancel</button></form>`;

  // Made when it is first asked for. Out of reach of the page's style; what is clicked in it is no click
  // on the page.
  let shadow;
  const make = () => {
    const host = document.createElement('snag-report');
    host.dataset.snagIgnore = '';
    shadow = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`:host{all:initial!important}*{font:16px/1.4 system-ui;box-sizing:border-box}dialog{width:32em}
h2,label,p,pre{display:block;margin:0 0 .7em}textarea,select,input{display:block;width:100%}
pre{font:12px monospace;white-space:pre-wrap;max-height:9em;overflow:auto;border:1px solid}`);
    shadow.adoptedStyleSheets = [sheet];
    document.documentElement.append(host);
  };

  // Asks for what an event lacks, and sends it.
  snag.ask = (begun, keep, send, store) => {
    if (!shadow) make();
    if (shadow.querySelector('dialog')) return;
    const dialog = document.createElement('dialog');
    dialog.innerHTML = FORM;
    dialog.setAttribute('aria-labelledby', 'title');
    dialog.onclose = () => dialog.remove();
    dialog.onkeydown = event => event.stopPropagation();
    shadow.append(dialog);
    const [form, preview, status, submit, close] = ['form', 'pre', '[role]', 'button', '[type]'].map(part => dialog.querySelector(part));
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
      status.textContent = refused ? 'Not recorded: ' + refused.detail
        : store()[name] ? 'Kept in this browser until snag takes it.' : 'Recorded. Thank you.';
      close.textContent = 'Close';
      close.focus();
      if (!begun.person && sent.person) store()['snag-person'] = sent.person;
    };
    show();
    dialog.showModal();
  };
})();
