"use strict";
// The console: a caller of the native API like any other, with no way around it. What comes from the server is only ever
// set as text, never read as HTML.
(() => {
  const ENDED = new Set(["succeeded", "failed", "partial", "cancelled", "expired"]);
  const FILTERS = ["status", "kind", "label", "stuck"];
  const LOOK_MS = 3000; // between two looks at a list
  const PAUSE_MS = 500; // between two looks at an operation that keeps changing
  const BACK_MS = 2000; // before the history is asked for again after it was cut off
  const SHOWN = 100; // resources that are shown at first, and more each time
  const TOLD = 1000; // events that are shown at the most

  const notice = document.getElementById("notice");
  const leave = document.getElementById("leave");
  const main = document.getElementById("view");
  const dialog = document.querySelector("dialog");

  // ---- the server

  class Problem extends Error {
    constructor(status, message) {
      super(message);
      this.status = status;
    }
  }

  async function ask(path, { signal, accept, ...options } = {}) {
    const headers = {
      authorization: `Bearer ${sessionStorage.getItem("token")}`,
      accept: accept ?? "application/json",
      ...(options.body && { "content-type": "application/json" }),
      ...options.headers,
    };
    let response;
    try {
      response = await fetch(`/api/v1/${path}`, { ...options, headers, signal, cache: "no-store" });
    } catch (error) {
      throw error.name === "AbortError" ? error : new Problem(0, "The server does not answer.");
    }
    if (response.ok) return response;
    const said = await response.json().catch(() => ({}));
    throw new Problem(response.status, [said.title, said.detail].filter(Boolean).join(": ") || `Status ${response.status}`);
  }

  const get = async (path, signal) => (await ask(path, { signal })).json();
  const bulk = async (body, signal) =>
    (await ask("operations:bulk", { method: "POST", body: JSON.stringify(body), signal })).json();

  /** Calls `heard` with each event of a stream, until it ends. */
  async function events(path, after, signal, heard) {
    const headers = after ? { "last-event-id": String(after) } : {};
    const response = await ask(path, { signal, headers, accept: "text/event-stream" });
    if (response.status === 204) return true;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) return false;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").filter((line) => line.startsWith("data:"));
        if (data.length) heard(JSON.parse(data.map((line) => line.slice(5)).join("\n")));
      }
    }
  }

  // ---- the page

  function tell(message, bad = false) {
    notice.textContent = message;
    notice.className = bad ? "bad" : "";
  }

  /** Takes back what went wrong, as it goes well again. */
  function well() {
    if (notice.className === "bad") tell("");
  }

  /** An element with these properties and children; texts become text. */
  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  function show(template, title) {
    main.replaceChildren(document.getElementById(template).content.cloneNode(true));
    document.title = title ? `${title} - Longrun` : "Longrun";
    const find = (selector) => main.querySelector(selector);
    return find;
  }

  const status = (word) => element("span", { className: `status ${word}` }, word);

  function time(text) {
    if (!text) return null;
    return element("time", { dateTime: text, title: text }, new Date(text).toLocaleString());
  }

  function sure(question) {
    dialog.querySelector("#question").textContent = question;
    return new Promise((resolve) => {
      const end = (answer) => () => {
        dialog.onclose = null;
        dialog.close();
        resolve(answer);
      };
      dialog.querySelector(".yes").onclick = end(true);
      dialog.querySelector(".no").onclick = end(false);
      dialog.onclose = end(false);
      dialog.showModal();
      // Whoever types on does no harm.
      dialog.querySelector(".no").focus();
    });
  }

  const sleep = (millis, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, millis);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(new DOMException("left", "AbortError"));
      }, { once: true });
    });

  /** Runs `work`, and says what went wrong. */
  async function tried(work) {
    try {
      return await work();
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      if (error.status === 401) return signIn("The server does not know this token.");
      tell(error.message, true);
      return undefined;
    }
  }

  // ---- views; each has a signal that says when it was left

  let view = new AbortController();

  function enter() {
    view.abort();
    view = new AbortController();
    tell("");
    return view.signal;
  }

  function signIn(why) {
    enter();
    sessionStorage.removeItem("token");
    leave.hidden = true;
    const find = show("sign-in");
    if (why) tell(why, true);
    find("form").onsubmit = (submit) => {
      submit.preventDefault();
      sessionStorage.setItem("token", submit.target.token.value.trim());
      route();
    };
    find("input").focus();
  }

  function listed(operation) {
    const { succeeded, failed, unfinished } = operation.tally;
    const total = succeeded + failed + unfinished;
    const tally = total ? `${succeeded + failed} of ${total}${failed ? `, ${failed} failed` : ""}` : "";
    const why = operation.stuck ? ` (stuck: ${operation.stuck})` : operation.blocked ? " (blocked)" : "";
    const percent = operation.progress.percent;
    const cell = (...children) => element("td", {}, ...children);
    return element("tr", {},
      cell(status(operation.status), why),
      cell(operation.kind),
      cell(element("a", { className: "id", href: `#/operations/${operation.id}` }, operation.id)),
      cell(tally),
      cell(percent === null ? "" : `${percent} %`),
      cell(time(operation.created_at)));
  }

  /** What a filter says, as the API takes it. */
  function query(filter, more) {
    const asked = new URLSearchParams({ page_size: "50" });
    for (const name of FILTERS) if (filter.get(name)) asked.set(name, filter.get(name));
    if (more) asked.set("page_token", more);
    return `operations?${asked}`;
  }

  function showOperations(filter) {
    const signal = enter();
    const find = show("operations", "Operations");
    const [form, rows, more] = [find("form.filters"), find("tbody"), find(".more")];
    for (const name of ["status", "kind", "label"]) form[name].value = filter.get(name) ?? "";
    form.stuck.checked = filter.get("stuck") === "true";
    form.onsubmit = (submit) => {
      submit.preventDefault();
      const wanted = new URLSearchParams();
      for (const name of ["status", "kind", "label"]) if (form[name].value.trim()) wanted.set(name, form[name].value.trim());
      if (form.stuck.checked) wanted.set("stuck", "true");
      location.hash = `#/?${wanted}`;
    };
    let pages = 1;
    const look = async () => {
      const found = [];
      let next = null;
      for (let page = 0; page < pages; page += 1) {
        const answer = await get(query(filter, next), signal);
        found.push(...answer.operations);
        next = answer.next_page_token;
        if (!next) break;
      }
      rows.replaceChildren(...found.map(listed));
      more.hidden = !next;
      find(".none").hidden = found.length > 0;
      well();
    };
    more.onclick = () => {
      pages += 1;
      tried(look);
    };
    find("form.bulk").onsubmit = (submit) => {
      submit.preventDefault();
      const choice = submit.target.action;
      const words = choice.selectedOptions[0].textContent;
      tried(() => actOnAll(filter, choice.value, words, signal).then(look));
    };
    keep(look, signal);
  }

  /** Looks again and again, as long as somebody sees it. */
  async function keep(look, signal) {
    while (!signal.aborted) {
      if (!document.hidden) await tried(look);
      await sleep(LOOK_MS, signal).catch(() => {});
    }
  }

  async function actOnAll(filter, action, words, signal) {
    const body = { action };
    if (action === "extend_deadline") body.extend_ms = 3600000;
    for (const name of ["status", "kind"]) if (filter.get(name)) body[name] = filter.get(name);
    if (filter.get("stuck") === "true") body.stuck = true;
    const label = filter.get("label");
    if (label) {
      const [name, ...value] = label.split("=");
      body.labels = { [name]: value.join("=") };
    }
    const all = async (preview) => {
      const sum = { matched: 0, done: 0 };
      for (let page_token = null; ; ) {
        const answer = await bulk({ ...body, preview, page_token }, signal);
        sum.matched += answer.matched;
        sum.done += answer.done;
        page_token = answer.next_page_token;
        if (!page_token) return sum;
      }
    };
    const { matched } = await all(true);
    if (!matched) return tell(`There is nothing to ${words}.`);
    if (!(await sure(`${matched} operation${matched === 1 ? "" : "s"}: ${words}?`))) return undefined;
    const { done } = await all(false);
    return tell(`${done} of ${matched}: done.`);
  }

  function facts(operation) {
    const labels = Object.entries(operation.labels).map(([name, value]) => `${name}=${value}`);
    const { succeeded, failed, unfinished } = operation.tally;
    const rows = [
      ["Kind", operation.kind],
      ["Tally", `${succeeded} succeeded, ${failed} failed, ${unfinished} unfinished`],
      ["Attempt", String(operation.attempt)],
      ["Task id", String(operation.task_id)],
      ["Job id", operation.job_id],
      ["Project", operation.project],
      ["Region", operation.region],
      ["Resource group", operation.resource_group],
      ["Labels", labels.join(", ")],
      ["Submitted", time(operation.created_at)],
      ["Started", time(operation.started_at)],
      ["Deadline", time(operation.deadline_at)],
      ["Ended", time(operation.ended_at)],
      ["Kept until", time(operation.expires_at)],
      ["Out of date since", time(operation.stale_since)],
    ];
    return rows.filter(([, value]) => value).flatMap(([name, value]) =>
      [element("dt", {}, name), element("dd", {}, value)]);
  }

  function result(resource) {
    if (resource.error) return `${resource.error.code}: ${resource.error.message}`;
    return resource.output === null ? "" : JSON.stringify(resource.output);
  }

  function told(event) {
    const { number, at, type, ...rest } = event;
    const words = Object.entries(rest).map(([name, value]) =>
      `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
    return element("li", {},
      element("span", { className: "number" }, String(number)),
      time(at),
      element("span", {}, type.replaceAll("_", " "), words.length ? element("span", { className: "faint" }, ` ${words.join(", ")}`) : null));
  }

  function showOperation(id) {
    const signal = enter();
    const find = show("operation", id);
    const path = `operations/${encodeURIComponent(id)}`;
    find("h1").textContent = id;
    const filter = find(".resources select");
    let operation = null;
    let shown = SHOWN;

    const drawResources = () => {
      const wanted = operation.resources.filter((one) => !filter.value || one.status === filter.value);
      find(".resources output").textContent = `${wanted.length} of ${operation.resources.length}`;
      find(".resources .more").hidden = wanted.length <= shown;
      find(".resources tbody").replaceChildren(...wanted.slice(0, shown).map((one) =>
        element("tr", {},
          element("td", {}, status(one.status)),
          element("td", {}, one.id),
          element("td", {}, one.type ?? ""),
          element("td", {}, result(one)))));
    };

    const draw = () => {
      const { progress, error, output } = operation;
      const ended = ENDED.has(operation.status);
      find(".state").hidden = false;
      const word = find(".state .status");
      word.className = `status ${operation.status}`;
      word.textContent = operation.blocked ? `${operation.status} (blocked)` : operation.status;
      find("progress").value = progress.percent ?? 0;
      find(".percent").textContent = progress.percent === null ? "" : `${progress.percent} %`;
      find(".message").textContent = progress.message ?? "";
      find(".cancel").hidden = ended;
      find(".cancel").disabled = operation.status === "cancelling";
      find(".delete").hidden = !ended;
      find(".error").hidden = !error;
      find(".error strong").textContent = error?.code ?? "";
      find(".error span").textContent = error?.message ?? "";
      find(".output").hidden = output === null;
      find(".output pre").textContent = JSON.stringify(output, null, 2);
      find(".facts").replaceChildren(...facts(operation));
      find(".resources").hidden = operation.resources.length === 0;
      drawResources();
    };

    const look = async () => {
      operation = await get(path, signal);
      draw();
      well();
    };

    // However many events come together, one look shows what they have done; a large operation is looked at less often.
    let looking = false;
    let again = false;
    const lookSoon = async () => {
      again = true;
      if (looking) return;
      looking = true;
      while (again && !signal.aborted) {
        again = false;
        const began = performance.now();
        await tried(look);
        await sleep(Math.max(PAUSE_MS, 5 * (performance.now() - began)), signal).catch(() => {});
      }
      looking = false;
    };

    filter.onchange = drawResources;
    find(".resources .more").onclick = () => {
      shown += SHOWN;
      drawResources();
    };
    find(".cancel").onclick = () => tried(async () => {
      if (!(await sure("Cancel this operation?"))) return;
      await ask(`${path}:cancel`, { method: "POST", signal });
      await look();
    });
    find(".delete").onclick = () => tried(async () => {
      if (!(await sure("Delete this operation and its result?"))) return;
      await ask(path, { method: "DELETE", signal });
      location.hash = "#/";
    });

    const history = find(".history ol");
    const follow = async () => {
      for (let last = 0; !signal.aborted; ) {
        try {
          const ended = await events(`${path}/events`, last, signal, (event) => {
            last = event.number;
            find(".history").hidden = false;
            history.append(told(event));
            if (history.childElementCount > TOLD) history.firstElementChild.remove();
            lookSoon();
          });
          if (ended) return;
        } catch (error) {
          if (error.name === "AbortError") return;
          // Nobody may ask, or there is nothing to ask about: the look has said so.
          if (error.status >= 400 && error.status < 500 && error.status !== 429) return;
          tell("The server does not answer: asking again.", true);
        }
        await sleep(BACK_MS, signal).catch(() => {});
        lookSoon();
      }
    };
    lookSoon();
    follow();
  }

  function route() {
    if (!sessionStorage.getItem("token")) return signIn();
    leave.hidden = false;
    const [path, asked] = location.hash.slice(1).split("?");
    const named = /^\/operations\/([^/]+)$/.exec(path);
    if (named) showOperation(decodeURIComponent(named[1]));
    else showOperations(new URLSearchParams(asked));
    return main.focus();
  }

  leave.onclick = () => {
    location.hash = "#/";
    signIn();
  };
  window.onhashchange = route;
  route();
})();
