// Keeps the inbox live: asks what waits, puts in cards that the server has rendered, counts down.
// The pages work without it. No text and no markup is made here; both come with the page.
"use strict";
(() => {
  const INTERVAL = 2000, HIDDEN_INTERVAL = 30000, MOST = 60000, SETTLE = 700, SOON = 30;
  const inbox = document.getElementById("inbox");
  const cards = document.getElementById("cards");
  const offline = document.getElementById("offline");
  const announcer = document.getElementById("announcer");
  const ends = new WeakMap();
  let failures = 0, asking = false, answering = false, next = 0, settledAt = 0;

  // A browser that has no words of the page's language says a date in digits, as everybody reads them.
  function localTimes(root) {
    const lang = document.documentElement.lang, locales = [lang, "sv"]; // Swedish writes as ISO 8601
    const dateStyle = Intl.DateTimeFormat.supportedLocalesOf(lang).length ? "medium" : "short";
    for (const time of root.querySelectorAll("time[data-local]")) {
      const moment = new Date(time.dateTime);
      time.textContent = {
        time: () => moment.toLocaleTimeString(locales, { hour: "2-digit", minute: "2-digit" }),
        date: () => moment.toLocaleDateString(locales, { dateStyle }),
        datetime: () => moment.toLocaleString(locales, { dateStyle, timeStyle: "short" }),
      }[time.dataset.local]();
    }
  }

  // Never by reload: a page that answers a form would be asked for by that form again.
  const again = () => location.replace(location.pathname);

  const open = () => [...inbox.querySelectorAll("[data-request]:not(.is-over)")];

  function announce(text) {
    announcer.textContent = text;
  }

  function clock(seconds) {
    const two = (number) => String(number).padStart(2, "0");
    const minutes = Math.floor(seconds / 60) % 60, hours = Math.floor(seconds / 3600);
    return (hours ? `${hours}:${two(minutes)}` : `${minutes}`) + `:${two(seconds % 60)}`;
  }

  function countDown() {
    for (const card of open()) {
      if (!ends.has(card)) ends.set(card, Date.now() + card.dataset.secondsLeft * 1000);
      const left = Math.max(0, Math.ceil((ends.get(card) - Date.now()) / 1000));
      card.querySelector("[role=timer]").textContent = clock(left);
      card.querySelector("progress").value = left;
      if (left <= SOON && left > 0 && !card.classList.contains("is-soon")) {
        card.classList.add("is-soon");
        announce(card.dataset.soon);
      }
      if (left === 0) end(card, "expired");
    }
  }

  // A finger on its way to a button must not meet another one: what moves takes no answer at first.
  function settle() {
    settledAt = performance.now() + SETTLE;
    inbox.classList.add("is-moving");
    setTimeout(() => inbox.classList.toggle("is-moving", performance.now() < settledAt), SETTLE + 20);
  }

  function end(card, how) {
    if (inbox.dataset.alone && navigator.onLine) again(); // it says what came of it
    const held = card.contains(document.activeElement);
    card.classList.add("is-over", `is-${how}`);
    settle();
    count();
    announce(card.querySelector(`.over.${how}`).textContent);
    if (held) inbox.querySelector(open().length ? ".heading-some" : ".heading-none")?.focus();
    if (how === "gone") setTimeout(() => card.remove(), 8000);
  }

  function count() {
    const waiting = open();
    if (inbox.dataset.alone) return;
    inbox.dataset.count = waiting.length;
    if (waiting.length === 0) document.title = inbox.dataset.titleNone;
    else if (waiting.length === 1) document.title = waiting[0].dataset.heading;
    else document.title = `(${waiting.length}) ${inbox.dataset.titleMany}`;
  }

  async function get(address) {
    const options = { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout?.(10000) };
    const answer = await fetch(address, options);
    if (answer.type === "opaqueredirect" || answer.status === 403) again(); // signed out
    if (!answer.ok && answer.status !== 404) throw new Error(`status ${answer.status}`);
    return answer;
  }

  const cardOf = (id) => document.getElementById(`request-${id}`);

  // A question that is asked again has another number, and the card before it takes no answer.
  function isShown(id, prompt) {
    const card = cardOf(id);
    if (!card || card.classList.contains("is-over")) return false;
    const { prompt: shown } = card.dataset; // a site's own card may not say
    return !shown || shown === String(prompt);
  }

  function put(fresh, before) {
    if (!before) return cards.append(fresh);
    const held = before.contains(document.activeElement);
    before.replaceWith(fresh);
    if (held) fresh.querySelector("[tabindex]")?.focus();
  }

  async function show(waiting) {
    const names = new Set(waiting.map((each) => each.id));
    for (const card of open()) {
      if (names.has(card.dataset.request)) continue;
      // Its time is over on the server a moment before it is here: see seconds_left.
      end(card, ends.get(card) - Date.now() < INTERVAL ? "expired" : "gone");
    }
    for (const { id, prompt, card } of waiting) {
      if (isShown(id, prompt)) continue;
      if (inbox.dataset.alone) return again();
      const answer = await get(card);
      if (!answer.ok || answering) continue; // answered in between
      const rendered = document.createElement("template");
      rendered.innerHTML = await answer.text();
      const fresh = rendered.content.querySelector("[data-request]");
      put(fresh, cardOf(id));
      for (const over of cards.querySelectorAll(".is-over")) over.remove();
      localTimes(fresh);
      settle();
      count();
      countDown();
      announce(fresh.dataset.announcement);
    }
  }

  function connected(yes) {
    const text = yes ? "" : document.getElementById("offline-text").content.textContent;
    if (offline.textContent !== text) offline.textContent = text;
  }

  async function ask() {
    if (asking || answering || !inbox.dataset.waiting) return; // a link's page asks nothing
    asking = true;
    clearTimeout(next);
    try {
      const answer = await get(inbox.dataset.waiting);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const { login, waiting } = await answer.json();
      if (login !== inbox.dataset.login) return again(); // another user, another token
      if (!answering) await show(waiting);
      failures = 0;
      connected(true);
    } catch {
      failures += 1;
      if (failures > 1 || !navigator.onLine) connected(false);
    }
    asking = false;
    next = setTimeout(ask, Math.max(document.hidden ? HIDDEN_INTERVAL : 0,
      Math.min(INTERVAL * 2 ** failures, MOST)));
  }

  localTimes(document);
  if (!inbox) return;
  inbox.addEventListener("submit", (event) => {
    if (answering || performance.now() < settledAt) return event.preventDefault();
    answering = true;
    event.target.classList.add("is-sent");
    setTimeout(() => { // the browser has shown its own error page, or the user has stopped it
      answering = false;
      event.target.classList.remove("is-sent");
      ask();
    }, 15000);
  });
  document.addEventListener("visibilitychange", () => document.hidden || (countDown(), ask()));
  window.addEventListener("online", ask);
  window.addEventListener("offline", () => connected(false));
  window.addEventListener("pageshow", (event) => event.persisted && again());
  countDown();
  setInterval(countDown, 1000);
  next = setTimeout(ask, INTERVAL);
})();
