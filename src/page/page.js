// Says that there is news, and moves nothing: the reader loads it when they like.
'use strict';
(() => {
  const place = document.getElementById('news');
  if (!place || !window.EventSource || !place.dataset.live) return;
  let after = place.dataset.after;
  let count = 0;
  let stream = null;

  const show = () => {
    const link = document.createElement('a');
    link.href = location.pathname + location.search;
    link.textContent = (count === 1 ? '1 new event' : count + ' new events') + ', show';
    place.replaceChildren(link);
  };

  const listen = () => {
    const query = new URLSearchParams({ after });
    if (place.dataset.under) query.set('under', place.dataset.under);
    stream = new EventSource(place.dataset.live + '?' + query);
    const met = (message) => {
      after = message.lastEventId || after;
      count += 1;
      show();
    };
    stream.addEventListener('event', met);
    stream.addEventListener('retraction', met);
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
