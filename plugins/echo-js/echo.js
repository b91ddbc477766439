// The echo bot in JavaScript, written straight against the contract (../../wit/bot.wit).
//
//   npm install
//   npx componentize-qjs --sync --wit wit --world echo --js echo.js --output echo-js.wasm
//
// Names are those of the contract in camelCase. A variant is { tag, val }, an enum a string, an absent
// value null; a function that can refuse returns what it says, or throws an Error that has the refusal as `payload`.

import messenger from "hodhod:bot/messenger@0.1.0";
import files from "hodhod:bot/files@0.1.0";
import timers from "hodhod:bot/timers@0.1.0";
import store from "wasi:keyvalue/store@0.2.0-draft";
import atomics from "wasi:keyvalue/atomics@0.2.0-draft";
import config from "wasi:config/store@0.2.0-rc.1";
import logging from "wasi:logging/logging@0.1.0-draft";

const GREETING = "سلام! هر چه بفرستید همان را پس می‌فرستم.";

// What one call of the host reads or writes at most, and the largest file that is copied.
const PIECE = 1024 * 1024;
const LARGEST = 4 * PIECE;

export const handler = {
  handle(event) {
    try {
      onEvent(event);
    } catch (error) {
      throw error.payload ? failure(error.payload) : error;
    }
  },
};

function onEvent({ tag, val }) {
  switch (tag) {
    case "message":
      logging.log("debug", "", val.content.tag);
      return onContent(val.chat, val.content);
    case "timer":
      logging.log("debug", "", "timer");
      if (val.id === "later" && val.chat) send(val.chat, text(val.payload));
      return;
    case "delivery": {
      const failed = val.outcome.tag === "failed";
      return logging.log(failed ? "warn" : "debug", "", failed ? `not delivered: ${val.outcome.val}` : "delivery");
    }
    default:
      return logging.log("debug", "", "event");
  }
}

function onContent(chat, { tag, val }) {
  switch (tag) {
    case "text":
      return onText(chat, val);
    case "media":
      return send(chat, { tag: "media", val: val.caption === "/copy" ? copy(chat, val) : val });
    case "location":
      return send(chat, { tag: "location", val });
    case "contact":
      return send(chat, text(`مخاطب: ${[val.name, val.phone].filter((known) => known !== null).join("، ")}`));
    case "button":
      return send(chat, text(`دکمه: ${val}`));
    case "start":
      return send(chat, text(config.get("greeting") ?? GREETING));
    case "stop":
      return;
    case "opening":
      return messenger.respond(
        val.source === "link"
          ? { tag: "url", val: "https://example.com/باز" }
          : { tag: "notice", val: `باز شد: ${val.source}` },
      );
    default:
      return send(chat, text(`پیام: ${val.name}`));
  }
}

function onText(chat, words) {
  switch (words) {
    case "/count":
      return send(chat, text(String(atomics.increment(store.open("chat"), "count", 1))));
    case "/kept":
      return send(chat, text(kept()));
    case "/settings":
      return send(chat, text(list(config.getAll())));
    case "/buttons":
      return send(chat, text("کدام؟"), BUTTONS);
    case "/hide":
      return send(chat, { tag: "keyboard-only" }, { tag: "hide" });
    case "/never":
      timers.cancel("later", chat);
      return send(chat, text("لغو شد"));
  }
  const [, forget, key, value, ms, later] =
    /^(?:\/forget (.+)|\/keep ([^ ]*) (.*)|\/later ([0-9]{1,9}) (.+))$/s.exec(words) ?? [];
  if (forget !== undefined) return send(chat, text(forgotten(forget)));
  if (key !== undefined) {
    store.open("chat").set(key, bytes(value));
    return send(chat, text(`${key} = ${value}`));
  }
  if (ms !== undefined) {
    return timers.set({ id: "later", chat, due: Date.now() + Number(ms), payload: later }, "fire");
  }
  send(chat, text(words));
}

const button = (label, val) => ({ label, press: { tag: "event", val } });
const BUTTONS = { tag: "show", val: [[button("بله", "/yes"), button("نه", "/no")]] };

// What is kept for the chat.
function kept() {
  const bucket = store.open("chat");
  const pairs = [];
  for (let cursor = null; ; ) {
    const page = bucket.listKeys(cursor);
    for (const key of page.keys) {
      pairs.push([key, words(bucket.get(key) ?? [])]);
    }
    if (page.cursor === null) return list(pairs);
    cursor = page.cursor;
  }
}

function forgotten(key) {
  const bucket = store.open("chat");
  if (!bucket.exists(key)) return `${key} نبود`;
  bucket.delete(key);
  return `${key} فراموش شد`;
}

function list(pairs) {
  return pairs.map(([key, value]) => `${key} = ${value}`).join("\n") || "هیچ";
}

// Text as it is stored, in UTF-8, and back: QuickJS has no TextEncoder.
function bytes(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
}

function words(bytes) {
  return decodeURIComponent(escape(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")));
}

// The same bytes as a new file.
function copy(chat, media) {
  const upload = files.Upload.start(chat.connection, media.name ?? "copy", media.mime ?? "application/octet-stream");
  for (let offset = 0; ; ) {
    const piece = files.read(media.file, offset, PIECE);
    if (piece.length === 0) return { ...media, file: upload.finish() };
    offset += piece.length;
    if (offset > LARGEST) throw failure({ tag: "too-large", val: LARGEST });
    upload.write(piece);
  }
}

function text(val) {
  return { tag: "text", val };
}

function send(to, body, keyboard = null) {
  messenger.send(to, { body, keyboard, replyTo: null, report: false, annotations: [] });
}

// What passes by itself is tried again; everything else is rejected, in words for the operator.
function failure({ tag, val }) {
  switch (tag) {
    case "rate-limited":
      return { tag: "retry", val };
    case "timeout":
      return { tag: "retry", val: 1000 };
    case "unavailable":
    case "upstream":
    case "io":
      return { tag: "retry", val: 5000 };
    case "too-large":
      return { tag: "reject", val: `too large: the most is ${val}` };
    case "quota-exceeded":
      return { tag: "reject", val: `quota exceeded: ${val}` };
    case "no-such-store":
      return { tag: "reject", val: "invalid: there is no such bucket in this event" };
    case "access-denied":
      return { tag: "reject", val: "denied: keyvalue" };
    case "other":
      return { tag: "reject", val };
    default:
      return { tag: "reject", val: `${tag}: ${val}` };
  }
}
