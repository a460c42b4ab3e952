// The worker's side for Node.js: loads the handler, and answers one invocation after the other.
//
// Rule 1: nothing but what Node.js has itself. Errors, their texts and their shapes are those of AWS's own runtime.
// Rule 2: messages have their own pipes, see `messages.py`; stdin, stdout and stderr are the handler's.
// Rule 3: between invocations the process waits in a read that blocks: whatever the handler has left behind stands
// still, as on Lambda.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { types } from "node:util";

const MOST_PAYLOAD_BYTES = 6_291_556;
const [REQUESTS, ANSWERS] = process.argv.splice(2).map(Number);
const ROOT = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
const require = createRequire(path.join(ROOT, "index.js"));
delete process.env.STEPWELL_LAYERS;

// --- errors ---------------------------------------------------------------------------------------------------------

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = `Runtime.${name}`;
  }
}

function told(error) {
  try {
    if (types.isNativeError(error) || (error && error.name && error.message && error.stack)) {
      return { errorType: error.name, errorMessage: error.message, trace: `${error.stack}`.split("\n") };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    const problem = "there was a problem while retrieving one or more of its message, name, and stack";
    return { errorType: "handled", errorMessage: `callback called with Error argument, but ${problem}` };
  }
}

function log(error) {
  process.stdout.write(`ERROR\t${JSON.stringify(error)}\n`);
}

// --- messages -------------------------------------------------------------------------------------------------------

function read(length) {
  const bytes = Buffer.allocUnsafe(length);
  for (let have = 0; have < length; ) {
    const count = fs.readSync(REQUESTS, bytes, have, length - have, null);
    if (count === 0) process.reallyExit(0); // the host has gone
    have += count;
  }
  return bytes;
}

function receive() {
  const lengths = read(8);
  const head = JSON.parse(read(lengths.readUInt32BE(0)).toString());
  return [head, read(lengths.readUInt32BE(4)).toString()];
}

function send(head, payload = "") {
  const [text, body] = [Buffer.from(JSON.stringify(head)), Buffer.from(payload)];
  const lengths = Buffer.allocUnsafe(8);
  lengths.writeUInt32BE(text.length, 0);
  lengths.writeUInt32BE(body.length, 4);
  const message = Buffer.concat([lengths, text, body]);
  for (let sent = 0; sent < message.length; ) sent += fs.writeSync(ANSWERS, message, sent);
}

// --- loading --------------------------------------------------------------------------------------------------------

function isModule(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const described = path.join(folder, "package.json");
    if (fs.existsSync(described)) return JSON.parse(fs.readFileSync(described, "utf8")).type === "module";
    if (folder === path.dirname(folder)) return false;
  }
}

async function loadModule(folder, name) {
  const file = path.resolve(ROOT, folder, name);
  const isFile = (ending) => fs.statSync(file + ending, { throwIfNoEntry: false })?.isFile() ?? false;
  if (isFile("")) return require(file);
  if (isFile(".js") && !isModule(`${file}.js`)) return require(`${file}.js`);
  for (const ending of [".js", ".mjs"]) if (isFile(ending)) return import(pathToFileURL(file + ending).href);
  if (isFile(".cjs")) return require(`${file}.cjs`);
  return require(require.resolve(name, { paths: [ROOT, path.join(ROOT, folder)] }));
}

async function load(reference) {
  if (reference.includes("..")) {
    const rule = "Use absolute paths when specifying root directories in handler names.";
    throw new RuntimeError("MalformedHandlerName", `'${reference}' is not a valid handler name. ${rule}`);
  }
  const last = path.basename(reference);
  const folder = reference.substring(0, reference.indexOf(last));
  const parts = /^([^.]*)\.(.*)$/.exec(last);
  if (!parts) throw new RuntimeError("MalformedHandlerName", "Bad handler");
  let module;
  try {
    module = await loadModule(folder, parts[1]);
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError("UserCodeSyntaxError", `${error}`);
    if (error?.code === "MODULE_NOT_FOUND") throw new RuntimeError("ImportModuleError", `${error}`);
    throw error;
  }
  const handler = parts[2].split(".").reduce((found, name) => found && found[name], module);
  if (!handler) throw new RuntimeError("HandlerNotFound", `${reference} is undefined or not exported`);
  if (typeof handler !== "function") throw new RuntimeError("HandlerNotFound", `${reference} is not a function`);
  return handler;
}

// --- invocations ----------------------------------------------------------------------------------------------------

let handler;
let current = null; // the invocation that has no answer yet: its id, and what `callback` has kept for an empty loop

function answer(kind, value, isLast = false) {
  if (current === null) return;
  const { id } = current;
  current = null;
  let payload;
  if (kind === "result") {
    try {
      payload = JSON.stringify(value === undefined ? null : value) ?? "null";
    } catch {
      [kind, value] = ["error", new Error("Unable to stringify response body")];
    }
  }
  if (kind === "error") {
    const error = told(value);
    log(error);
    payload = JSON.stringify(error);
  }
  if (Buffer.byteLength(payload) > MOST_PAYLOAD_BYTES) {
    kind = "error";
    const errorMessage = `Response payload size exceeded maximum allowed payload size (${MOST_PAYLOAD_BYTES} bytes).`;
    payload = JSON.stringify({ errorType: "Function.ResponseSizeTooLarge", errorMessage });
  }
  send({ kind, id, is_last: isLast }, payload);
  if (!isLast) setImmediate(next);
}

function next() {
  const [head, event] = receive();
  const invocation = { id: head.id, kept: null };
  current = invocation;
  const isOpen = () => current === invocation;
  const finish = (error, result) => {
    if (isOpen()) answer(...(error === undefined || error === null ? ["result", result] : ["error", error]));
  };
  const callback = (error, result) => {
    if (!isOpen() || invocation.kept !== null) return;
    if (context.callbackWaitsForEmptyEventLoop) invocation.kept = [error, result];
    else finish(error, result);
  };
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: head.arn,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: head.id,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: undefined,
    identity: undefined,
    getRemainingTimeInMillis: () => Math.max(0, head.deadline_ms - Date.now()),
    done: finish,
    succeed: (result) => finish(null, result),
    fail: (error) => finish(error ?? "handled"),
  };
  invocation.finish = finish;
  try {
    const returned = handler(JSON.parse(event), context, callback);
    if (typeof returned?.then === "function") returned.then(context.succeed, context.fail);
  } catch (error) {
    context.fail(error);
  }
}

// The event loop is empty. An invocation that nobody has answered, and now nobody can, gives null.
process.on("beforeExit", () => {
  if (current !== null) current.finish(...(current.kept ?? [null, null]));
});

function endWith(error, status) {
  if (handler === undefined) failToLoad(error);
  answer("error", error, true);
  process.exit(status);
}

function failToLoad(error) {
  log(told(error));
  send({ kind: "error", is_last: true }, JSON.stringify(told(error)));
  process.reallyExit(1);
}

process.on("uncaughtException", (error) => endWith(error, 129));
process.on("unhandledRejection", (reason) => {
  endWith(new RuntimeError("UnhandledPromiseRejection", `${reason}`), 128);
});

try {
  handler = await load(process.env._HANDLER);
} catch (error) {
  failToLoad(error);
}
send({ kind: "ready" });
setImmediate(next);
