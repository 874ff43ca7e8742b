// Conveniences on top of pages that work without any of this. Behaviours hang on data attributes:
//   body[data-shortcuts=off]   no single-key shortcuts
//   [data-find]                the search box that "/" goes to
//   [data-copy="text"]         a button that copies the text; shown only where copying works
//   form[data-guard]           asks before changed, unsent input is left
//   form[data-many]            may be sent more than once (filters, searches); every other POST form is sent once
//   body[data-idle="seconds"]  after how long without use the end of the session is announced
//   [data-without]             says why something is not there; taken away where it is
//   form[data-passkey=make|use]  asks the browser for a passkey, with what data-ask answers; data-else is where to go where it refuses
//   .nav a, [data-key]         targets of the "g" chords, by address
(() => {
  "use strict";
  const doc = document;

  // A page from the back/forward cache must not outlive the session that showed it.
  const signedIn = () => /(^|;\s*)__Host-counterfoil-signed-in=/.test(doc.cookie);
  addEventListener("pageshow", (event) => {
    if (event.persisted && doc.body.dataset.signedIn !== undefined && !signedIn()) {
      doc.documentElement.hidden = true;
      location.reload();
    }
    // Back from the answer: a form that was sent may be sent again.
    for (const button of doc.querySelectorAll("[data-sent]")) {
      button.removeAttribute("data-sent");
      button.removeAttribute("aria-disabled");
    }
    for (const form of doc.querySelectorAll("form")) delete form.dataset.busy;
  });

  // On a small screen the menu is a row that scrolls; the present place comes into sight.
  const here = doc.querySelector(".nav [aria-current]");
  if (here) here.closest(".nav").scrollLeft = here.offsetLeft - 60;

  // Error summary: the page starts there.
  const summary = doc.querySelector(".error-summary");
  if (summary) summary.focus();

  // Keyboard: WCAG 2.1.4 asks that single keys can be turned off and never fire while typing.
  const places = { o: "/", r: "/regions", b: "/budgets", t: "/transactions", i: "/imports", e: "/exports", a: "/audit", p: "/people" };
  const typing = (node) => node.isContentEditable || /^(input|select|textarea)$/i.test(node.tagName);
  let chord = 0;

  const help = () => {
    const open = doc.querySelector("dialog.help-keys");
    if (open) {
      open.showModal();
      return;
    }
    const dialog = doc.createElement("dialog");
    dialog.className = "help-keys";
    dialog.setAttribute("aria-labelledby", "help-keys-title");
    const title = doc.createElement("h2");
    title.id = "help-keys-title";
    title.textContent = "Keyboard shortcuts";
    const list = doc.createElement("dl");
    list.className = "kv";
    const row = (keys, text) => {
      const term = doc.createElement("dt");
      keys.split(" ").forEach((key, at) => {
        if (at) term.append(" ");
        const kbd = doc.createElement("kbd");
        kbd.textContent = key;
        term.append(kbd);
      });
      const words = doc.createElement("dd");
      words.textContent = text;
      list.append(term, words);
    };
    row("/", "Go to the search box");
    for (const [key, href] of Object.entries(places)) {
      const link = doc.querySelector(`.nav a[href="${href}"]`);
      if (link) row(`g ${key}`, link.textContent.trim());
    }
    row("?", "Show this list");
    const form = doc.createElement("form");
    form.method = "dialog";
    const close = doc.createElement("button");
    close.className = "btn quiet";
    close.textContent = "Close";
    form.append(close);
    dialog.append(title, list, form);
    doc.body.append(dialog);
    dialog.showModal();
  };

  doc.addEventListener("keydown", (event) => {
    if (doc.body.dataset.shortcuts === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.isComposing || typing(event.target) || doc.querySelector("dialog[open]")) return;
    const now = Date.now();
    if (now - chord < 1200 && places[event.key]) {
      const link = doc.querySelector(`.nav a[href="${places[event.key]}"]`);
      chord = 0;
      if (link) {
        event.preventDefault();
        link.click();
      }
    } else if (event.key === "g") {
      chord = now;
    } else if (event.key === "/") {
      const box = doc.querySelector("[data-find]");
      if (box) {
        event.preventDefault();
        box.focus();
        box.select();
      }
    } else if (event.key === "?") {
      event.preventDefault();
      help();
    }
  });

  // Copy buttons come hidden, since without this script they would do nothing.
  if (navigator.clipboard) {
    for (const button of doc.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.dataset.copy);
        const said = button.querySelector("[role=status]");
        if (said) {
          said.textContent = "Copied";
          setTimeout(() => { said.textContent = ""; }, 2000);
        }
      });
    }
  }

  // Unsent changes.
  let leaving = false;
  const changed = (form) => [...form.elements].some((field) => {
    if (field.type === "hidden") return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.type === "file") return field.value !== "";
    if (field.tagName === "SELECT") {
      const fixed = [...field.options].some((option) => option.defaultSelected);
      return [...field.options].some((option, at) => option.selected !== (fixed || field.multiple ? option.defaultSelected : at === 0));
    }
    return field.defaultValue !== undefined && field.value !== field.defaultValue;
  });
  addEventListener("beforeunload", (event) => {
    if (!leaving && [...doc.querySelectorAll("form[data-guard]")].some(changed)) event.preventDefault();
  });

  // Two minutes before the session ends for want of use, whoever is here is asked. The portal knows how long it lasts, whatever other tabs do;
  // to be asked for that is no use.
  const idle = Number(doc.body.dataset.idle);
  if (idle) {
    let dialog = null;
    const put = () => {
      if (dialog) dialog.remove();
      dialog = null;
    };
    const tell = (title, text, words, act) => {
      put();
      dialog = doc.createElement("dialog");
      dialog.className = "help-keys";
      dialog.setAttribute("role", "alertdialog");
      dialog.setAttribute("aria-labelledby", "idle-title");
      dialog.setAttribute("aria-describedby", "idle-text");
      const head = doc.createElement("h2");
      head.id = "idle-title";
      head.textContent = title;
      const body = doc.createElement("p");
      body.id = "idle-text";
      body.textContent = text;
      const button = doc.createElement("button");
      button.className = "btn";
      button.textContent = words;
      button.addEventListener("click", act);
      dialog.append(head, body, button);
      doc.body.append(dialog);
      dialog.showModal();
    };
    const ended = () => {
      if (summary || [...doc.querySelectorAll("form")].some((form) => form.method === "post" && changed(form))) {
        const text = "What you typed is still here. Send it as usual: you sign in first, and then it comes back to be looked at.";
        tell("You were signed out", text, "Go on", put);
      } else {
        location.replace(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
      }
    };
    const ask = (address) => fetch(address, { redirect: "manual" }).catch(() => ({ status: 503 }));
    const wait = (seconds) => setTimeout(look, Math.max(seconds, 2) * 1000);
    const stay = async () => {
      const { status } = await ask("/stay-signed-in");
      if (status === 204) {
        put();
        wait(10);
      }
    };
    const look = async () => {
      const answer = await ask("/session");
      if (answer.type === "opaqueredirect") return ended();
      const left = answer.status === 200 ? Number(await answer.text()) : 150;
      if (left > 120) put();
      else if (!dialog) tell("You will be signed out in two minutes", "Nothing was sent to the portal for a while.", "Stay signed in", stay);
      return wait(left > 120 ? left - 120 : left + 1);
    };
    wait(idle);
  }

  // Sent once: the second press of the button is swallowed. The server's idempotency key is what makes a double send safe.
  doc.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented) return;
    if (form.hasAttribute("data-guard")) leaving = true;
    if (form.method !== "post" || form.hasAttribute("data-many")) return;
    if (form.dataset.busy) {
      event.preventDefault();
      return;
    }
    form.dataset.busy = "1";
    const button = event.submitter;
    if (button) {
      // After this turn, so that the button's own name and value still travel.
      setTimeout(() => {
        button.dataset.sent = "";
        button.setAttribute("aria-disabled", "true");
      });
    }
  });

  // Passkeys: their forms come hidden, and are shown where the browser has them. What it hands over is sent in the form.
  if (window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
    for (const form of doc.querySelectorAll("form[data-passkey]")) {
      form.hidden = false;
      const without = form.parentElement.querySelector("[data-without]");
      if (without) without.hidden = true;
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const { passkey, ask } = form.dataset;
        const field = (name) => form.elements.namedItem(name);
        const body = new URLSearchParams({ csrf: field("csrf").value });
        const answer = await fetch(ask, { method: "POST", body, redirect: "manual" }).catch(() => null);
        if (!answer || !answer.ok) {
          location.assign(form.dataset.else || location.href);
          return;
        }
        const asked = await answer.json();
        const all = navigator.credentials;
        const got = passkey === "make"
          ? all.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked) })
          : all.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked) });
        got.then((key) => {
          field("passkey").value = JSON.stringify(key.toJSON());
          form.submit();
        }).catch(() => { form.querySelector("[role=status]").textContent = "No passkey was used. Try again."; });
      });
    }
  }

  // Menus close on Escape and when the focus or a press goes elsewhere.
  const shut = (keep) => {
    for (const menu of doc.querySelectorAll("details.dd[open]")) if (!menu.contains(keep)) menu.open = false;
  };
  doc.addEventListener("click", (event) => shut(event.target));
  doc.addEventListener("focusin", (event) => shut(event.target));
  doc.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && doc.activeElement && doc.activeElement.closest("details.dd[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
})();
