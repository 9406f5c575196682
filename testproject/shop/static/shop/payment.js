// Shows the payment as it changes. The shop polls the provider; this only asks the shop.
"use strict";

const payment = document.getElementById("payment");
const status = document.getElementById("status"); // read out to those who cannot see the change
let shown = "";

function show(html) {
  if (shown === html) return;
  const unfolded = [...payment.querySelectorAll("details[open]")].map((each) => each.id);
  payment.innerHTML = html; // written by the shop's own template, which escapes
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  status.textContent = payment.querySelector("h1").textContent;
  shown = html;
}

async function look() {
  let wait = 3; // the shop may be out of reach for a moment
  try {
    const answer = await fetch(payment.dataset.stateUrl, { headers: { Accept: "application/json" } });
    if (answer.status === 404) return location.reload();
    if (answer.ok) {
      const state = await answer.json();
      show(state.html);
      wait = state.wait;
    }
  } catch {
    // ask again
  }
  if (wait !== null) setTimeout(look, wait * 1000);
}

look();
