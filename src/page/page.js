// Says that there is news, and moves nothing: the reader loads it when they like.
'use strict';
(() => {
  const place = document.getElementById('news');
  if (!place || !window.EventSource || !place.dataset.live) return;
  let after = place.dataset.after;
  let count = 0;
  let stream = null;
  // How long a stream that was refused is waited for, as when there are too many.
  const AGAIN = 20000;

  const show = () => {
    const link = document.createElement('a');
    link.href = location.pathname + location.search;
    const news = count === 1 ? '1 new event' : count + ' new events';
    link.textContent = (count ? news : 'An event was taken back') + ', show';
    place.replaceChildren(link);
  };

  const listen = () => {
    const query = new URLSearchParams({ after });
    if (place.dataset.under) query.set('under', place.dataset.under);
    stream = new EventSource(place.dataset.live + '?' + query);
    const met = (isNew, message) => {
      after = message.lastEventId || after;
      // Somebody who used a place has told nothing.
      if (JSON.parse(message.data).class === 'use') return;
      count += isNew;
      show();
    };
    stream.addEventListener('event', (message) => met(1, message));
    stream.addEventListener('retraction', (message) => met(0, message));
    // A browser comes back by itself after a break, and gives up after an answer that is none.
    stream.onerror = () => {
      if (!stream || stream.readyState !== EventSource.CLOSED) return;
      stream = null;
      setTimeout(look, AGAIN);
    };
  };

  // A browser opens few connections to one host: pages in the background give theirs back.
  const look = () => {
    if (document.hidden && stream) {
      stream.close();
      stream = null;
    } else if (!document.hidden && !stream) {
      listen();
    }
  };
  document.addEventListener('visibilitychange', look);
  addEventListener('pagehide', () => { if (stream) { stream.close(); stream = null; } });
  addEventListener('pageshow', look);
  look();
})();
