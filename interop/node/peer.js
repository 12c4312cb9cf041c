// A peer of the interoperability checks: libzmq with its draft types, through the package `zeromq`.
//
// It reads commands from its standard input and writes answers, a line of JSON each. Commands have an
// `id`, which the answer repeats, so that several may be under way: {"id": 1, "ok": value}, or
// {"id": 1, "error": text}. It ends with its standard input.
//
//   {"do": "version"}                                        versions
//   {"do": "open", "socket": n, "type": "PULL", "options": {…}}    options by the package's names
//   {"do": "bind" | "connect", "socket": n, "endpoint": "tcp://…"}
//   {"do": "subscribe" | "unsubscribe", "socket": n, "topic": text}    for a DISH: joins, leaves
//   {"do": "send", "socket": n, "frames": […], "timeout": ms}    whether it was accepted in time
//   {"do": "recv", "socket": n, "timeout": ms}               frames, or null if none came in time
//   {"do": "retried", "socket": n}                           once connecting has failed
//   {"do": "lost", "socket": n}                              once a connection was lost
//   {"do": "close", "socket": n}
//
// A frame is text: hexadecimal, or "SEED*LENGTH", the bytes of `pattern`. The first frame of a SERVER is
// the routing id of the client (4 bytes, the highest first), of RADIO and DISH the group.
"use strict"

const { createRequire } = require("node:module")
const path = require("node:path")
const readline = require("node:readline")

// Where interop/rivals/run installs packages.
const installed = createRequire(path.join(__dirname, "../.venv/node/"))
const zmq = installed("zeromq")
const draft = installed("zeromq/draft")

const TYPES = {
  PAIR: zmq.Pair,
  PUB: zmq.Publisher,
  SUB: zmq.Subscriber,
  REQ: zmq.Request,
  REP: zmq.Reply,
  DEALER: zmq.Dealer,
  ROUTER: zmq.Router,
  PUSH: zmq.Push,
  PULL: zmq.Pull,
  XPUB: zmq.XPublisher,
  XSUB: zmq.XSubscriber,
  SERVER: draft.Server,
  CLIENT: draft.Client,
  RADIO: draft.Radio,
  DISH: draft.Dish,
  SCATTER: draft.Scatter,
  GATHER: draft.Gather,
}

const BLOCK = 65521
const STEP = 0x9e3779b97fn
const PATTERNS_KEPT = 64

const sockets = new Map()
const patterns = new Map()

// The same bytes as `pattern` in ../src/frames.rs.
function pattern(seed, length) {
  const key = `${seed}*${length}`
  const known = patterns.get(key)
  if (known !== undefined) {
    return known
  }
  let bytes
  if (length > BLOCK) {
    const block = pattern(seed, BLOCK)
    const parts = []
    for (let number = 0n, have = 0; have < length; number += 1n, have += BLOCK + 8) {
      const count = Buffer.alloc(8)
      count.writeBigUInt64LE(number)
      parts.push(block, count)
    }
    bytes = Buffer.concat(parts).subarray(0, length)
  } else {
    const words = Math.ceil(length / 8)
    bytes = Buffer.alloc(words * 8)
    let word = BigInt(seed) * 0x100000001n
    for (let index = 0; index < words; index += 1) {
      bytes.writeBigUInt64LE(BigInt.asUintN(64, word), index * 8)
      word += STEP
    }
    bytes = bytes.subarray(0, length)
  }
  if (patterns.size >= PATTERNS_KEPT) {
    patterns.clear()
  }
  patterns.set(key, bytes)
  return bytes
}

function readFrame(text) {
  const [seed, length] = text.split("*")
  return length === undefined ? Buffer.from(text, "hex") : pattern(Number(seed), Number(length))
}

function writeFrame(frame) {
  const bytes = Buffer.from(frame)
  if (bytes.length > 64) {
    const seed = bytes.readUInt32LE(0)
    if (seed < 1 << 24 && bytes.equals(pattern(seed, bytes.length))) {
      return `${seed}*${bytes.length}`
    }
  }
  return bytes.toString("hex")
}

function open(command) {
  const Type = TYPES[command.type]
  const socket = new Type({ linger: 0, ...command.options })
  const entry = { socket, type: command.type }
  entry.retried = new Promise((resolve) => socket.events.on("connect:retry", resolve))
  entry.lost = new Promise((resolve) => socket.events.on("disconnect", resolve))
  // Without an interest in errors, an error of the monitor would end the process.
  socket.events.on("handshake:error:protocol", () => {})
  sockets.set(command.socket, entry)
  return null
}

function outOfTime(error) {
  return error.code === "EAGAIN"
}

async function send({ socket, type }, command) {
  const frames = command.frames.map(readFrame)
  socket.sendTimeout = command.timeout
  try {
    if (type === "SERVER") {
      await socket.send(frames[1], { routingId: frames[0].readUInt32BE(0) })
    } else if (type === "RADIO") {
      await socket.send(frames[1], { group: frames[0] })
    } else if (type === "CLIENT" || type === "SCATTER") {
      await socket.send(frames[0])
    } else {
      await socket.send(frames)
    }
    return true
  } catch (error) {
    if (outOfTime(error)) {
      return false
    }
    throw error
  }
}

async function recv({ socket, type }, command) {
  socket.receiveTimeout = command.timeout
  try {
    const message = await socket.receive()
    if (type === "SERVER") {
      const id = Buffer.alloc(4)
      id.writeUInt32BE(message[1].routingId)
      return [writeFrame(id), writeFrame(message[0])]
    }
    if (type === "DISH") {
      return [writeFrame(message[1].group), writeFrame(message[0])]
    }
    return message.map(writeFrame)
  } catch (error) {
    if (outOfTime(error)) {
      return null
    }
    throw error
  }
}

async function obey(command) {
  if (command.do === "version") {
    const { version } = installed("zeromq/package.json")
    return { zeromq: version, libzmq: zmq.version, node: process.versions.node }
  }
  if (command.do === "open") {
    return open(command)
  }
  const entry = sockets.get(command.socket)
  if (entry === undefined) {
    throw new Error(`no socket ${command.socket}`)
  }
  const { socket, type } = entry
  switch (command.do) {
    case "bind":
      await socket.bind(command.endpoint)
      return null
    case "connect":
      socket.connect(command.endpoint)
      return null
    case "subscribe":
      type === "DISH" ? socket.join(command.topic) : socket.subscribe(command.topic)
      return null
    case "unsubscribe":
      type === "DISH" ? socket.leave(command.topic) : socket.unsubscribe(command.topic)
      return null
    case "send":
      return send(entry, command)
    case "recv":
      return recv(entry, command)
    case "retried":
      await entry.retried
      return null
    case "lost":
      await entry.lost
      return null
    case "close":
      sockets.delete(command.socket)
      socket.close()
      return null
    default:
      throw new Error(`no such command: ${command.do}`)
  }
}

async function answer(line) {
  const command = JSON.parse(line)
  let result
  try {
    result = { id: command.id, ok: await obey(command) }
  } catch (error) {
    result = { id: command.id, error: String(error) }
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
}

// The ZAP handler (RFC 27) of every server here: without one libzmq refuses all clients of PLAIN.
// CURVE's clients are accepted once they know the server's key.
async function judge() {
  const handler = new zmq.Reply({ linger: 0 })
  await handler.bind("inproc://zeromq.zap.01")
  for await (const [version, id, domain, address, identity, mechanism, ...credentials] of handler) {
    const known = String(mechanism) !== "PLAIN" || credentials.join(":") === "admin:password"
    await handler.send([version, id, known ? "200" : "400", known ? "OK" : "not known here", "", ""])
  }
}

judge()
const commands = readline.createInterface({ input: process.stdin })
commands.on("line", answer)
commands.on("close", () => process.exit(0))
