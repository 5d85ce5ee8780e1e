// Throws mutated requests at a server of this build, over HTTP and WebSocket, and watches that it answers each of them
// in words, goes on, and neither grows nor leaks. The seed makes a run repeatable:
//   node scripts/fuzz-serve.js --minutes 10 [--seed N]
/* eslint camelcase: ['error', {properties: 'never'}] -- fields of the protocols are spelled like that */
import {Buffer} from 'node:buffer'
import {once} from 'node:events'
import {mkdirSync, writeFileSync} from 'node:fs'
import {connect} from 'node:net'
import path from 'node:path'
import {parseArgs} from 'node:util'
import {WebSocket} from 'ws'

import {descriptors, FULL_YOUNG_GENERATION, residentMb, startServer} from './server.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const {values} = parseArgs({
  options: {minutes: {default: '10', type: 'string'}, seed: {default: String(Date.now() % 2 ** 31), type: 'string'}},
})
const SECONDS = Number(values.minutes) * 60
/** What a run may leave behind: caches of the runtime and of V8, not one thing a request. */
const MOST_GROWTH_MB = 200
const MOST_DESCRIPTORS = 20
const ANSWER_MS = 20_000

let state = Number(values.seed) >>> 0
/** Mulberry32: small, and the same everywhere. */
function random() {
  state = (state + 0x6d_2b_79_f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const below = (n) => Math.floor(random() * n)
const pick = (list) => list[below(list.length)]

const EVIL = [
  'null',
  'true',
  '-1',
  '0',
  '1e309',
  '1e-400',
  '2147483647',
  '4294967296',
  '9007199254740993',
  '18446744073709551616',
  '""',
  '"__proto__"',
  '"constructor"',
  String.raw`"\u0000"`,
  String.raw`"\ud800"`,
  '[]',
  '{}',
  '[[]]',
  '"echo"',
  '"../../etc/passwd"',
  '{"__proto__":{"x":1}}',
  '"FP64"',
  '"BYTES"',
  '"BOOL"',
  '[2147483647,2147483647]',
  '[-1]',
  '[1.5]',
  '"NaN"',
]
const DEEP = '['.repeat(5000) + ']'.repeat(5000)

function tensor(name, datatype, shape, bytes, extra = {}) {
  return {name, datatype, shape, parameters: {binary_data_size: bytes}, ...extra}
}

/** Requests that are right: [method, path, JSON, bytes behind it]. */
const SEEDS = [
  [
    'POST',
    '/v2/models/echo/infer',
    {
      inputs: [
        {
          name: 'data',
          datatype: 'FP32',
          shape: [2, 2],
          data: [
            [1, 2],
            [3, 4],
          ],
        },
      ],
    },
  ],
  [
    'POST',
    '/v2/models/echo/infer',
    {
      inputs: [{name: 'data', datatype: 'INT64', shape: [2], data: [1, -1]}],
      outputs: [{name: 'data', parameters: {binary_data: true}}],
    },
  ],
  [
    'POST',
    '/v2/models/echo/infer',
    {
      id: 'x',
      inputs: [tensor('data', 'FP16', [4], 8)],
      parameters: {binary_data_output: true, priority: 1, timeout: 1e6},
    },
    Buffer.alloc(8, 1),
  ],
  [
    'POST',
    '/v2/models/echo/infer',
    {inputs: [tensor('data', 'BYTES', [2], 11)]},
    Buffer.from([3, 0, 0, 0, 97, 98, 99, 0, 0, 0, 0]),
  ],
  [
    'POST',
    '/v2/models/silero-vad/infer',
    {
      inputs: [tensor('input', 'FP32', [1, 576], 2304)],
      parameters: {sequence_id: 5, sequence_start: true, binary_data_output: true},
    },
    Buffer.alloc(2304),
  ],
  [
    'POST',
    '/v2/models/silero-vad/versions/6.2.3/infer',
    {inputs: [tensor('input', 'FP32', [1, 576], 2304), tensor('state', 'FP32', [2, 1, 128], 1024)]},
    Buffer.alloc(3328),
  ],
  [
    'POST',
    '/v2/models/matrix_multiply/infer',
    {
      inputs: [
        {name: 'a', datatype: 'FP32', shape: [1, 2], data: [1, 2]},
        {name: 'b', datatype: 'FP32', shape: [2, 1], data: [3, 4]},
      ],
    },
  ],
  ['POST', '/v2/repository/index', {ready: true}],
  ['POST', '/v2/repository/models/silero-vad/load', {parameters: {}}],
  ['GET', '/v2/models/silero-vad'],
  ['GET', '/v2/models/stats'],
  ['GET', '/metrics'],
]
const MESSAGES = [
  {type: 'echo', data: {a: [1, 2, {b: null}]}},
  {id: 1, type: 'inference', model: 'silero-vad', stream: 'a', inputs: {input: {shape: [1, 576], byte_length: 2304}}},
  {
    id: 'x',
    type: 'inference',
    model: 'silero-vad',
    outputs: ['output'],
    inputs: {
      input: {data: Array.from({length: 576}, () => 0), shape: [1, 576]},
      state: {data: Array.from({length: 256}, () => 0), shape: [2, 1, 128]},
    },
    priority: 'low',
    timeout_ms: 100,
  },
  {type: 'matrix_multiply', inputs: {a: {data: [[1, 2]]}, b: {data: [[1], [2]]}}},
  {type: 'workflow', tasks: [{id: 'a'}, {id: 'b', dependencies: ['a']}]},
  {type: 'benchmark', kind: 'echo', duration_ms: 1},
  {type: 'subscribe_metrics', interval_ms: 100},
  {type: 'unsubscribe_metrics'},
  {type: 'get_statistics'},
  {type: 'load_model', model: 'silero-vad', shapes: {input: [1, 576]}},
]

function mutateOnce(text) {
  const at = below(text.length + 1)
  switch (below(7)) {
    case 0: {
      return text.slice(0, at)
    }

    case 1: {
      return text.slice(0, at) + pick(EVIL) + text.slice(at)
    }

    case 2: {
      return text.slice(0, at) + text.slice(at + 1 + below(8))
    }

    case 3: {
      return text.replaceAll(/-?\d+/g, (number) => (below(3) === 0 ? pick(EVIL) : number))
    }

    case 4: {
      return text.replaceAll(/"[^"]*"(?=\s*[,\]}])/g, (word) => (below(3) === 0 ? pick(EVIL) : word))
    }

    case 5: {
      return text.replaceAll(/"[a-z_]+"(?=:)/g, (key) =>
        below(6) === 0 ? pick(['"data"', '"shape"', '"__proto__"', '"x"']) : key,
      )
    }

    default: {
      return below(20) === 0 ? text.slice(0, at) + DEEP + text.slice(at) : text
    }
  }
}

function mutateText(text) {
  let changed = text
  for (let left = 1 + below(3); left > 0; left--) changed = mutateOnce(changed)
  return changed
}

function mutateBytes(bytes) {
  const changed = Buffer.from(bytes)
  for (let left = below(4); left > 0 && changed.length > 0; left--) changed[below(changed.length)] = below(256)
  const kind = below(5)
  if (kind === 0) return changed.subarray(0, below(changed.length + 1))
  return kind === 1 ? Buffer.concat([changed, Buffer.alloc(below(64), below(256))]) : changed
}

function httpRequest() {
  const [method, url, json, bytes] = pick(SEEDS)
  const strange = () => pick(['..%2f..', '%00', 'a'.repeat(300), 'stats', '%ff', '', 'nobody'])
  const target = below(8) === 0 ? url.replace(/[\w-]+$/, () => strange()) : url
  const plain = json === undefined ? '' : JSON.stringify(json)
  const head = Buffer.from(below(10) === 0 ? plain : mutateText(plain))
  const body = bytes === undefined ? head : Buffer.concat([head, below(3) === 0 ? mutateBytes(bytes) : bytes])
  const headers = [
    'Host: localhost',
    `Content-Length: ${below(40) === 0 ? pick(['-1', 'x', '99999999999', '1e3', '0']) : body.length}`,
  ]
  if (bytes !== undefined || below(20) === 0) {
    headers.push(
      `Inference-Header-Content-Length: ${below(6) === 0 ? pick(['0', '1', '-1', '99999', 'x', '']) : head.length}`,
    )
  }

  if (below(25) === 0) headers.push(`Content-Encoding: ${pick(['gzip', 'deflate', 'br', 'x', 'identity'])}`)
  if (below(25) === 0)
    headers.push(`Content-Type: ${pick(['application/json', 'text/plain', ';;;', 'multipart/form-data'])}`)
  if (below(30) === 0)
    headers.push(
      pick([
        'Transfer-Encoding: chunked',
        'Expect: 100-continue',
        'Accept-Encoding: gzip;q=0,deflate',
        'Upgrade: websocket',
        'Origin: null',
        'Host: evil',
      ]),
    )
  const all = Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`, 'latin1'),
    body,
  ])
  return below(50) === 0 ? mutateBytes(all) : all
}

const {
  child: server,
  log,
  url,
} = await startServer(['--no-grpc', '--device', 'cpu', '--load', 'silero-vad'], {
  nodeFlags: FULL_YOUNG_GENERATION,
})
const {port} = new URL(url)

const counts = {}
const failures = []
function fail(what, request) {
  failures.push(what)
  const folder = path.join(ROOT, 'fuzz-serve')
  mkdirSync(folder, {recursive: true})
  const file = path.join(folder, `${values.seed}-${failures.length}.bin`)
  writeFileSync(file, request)
  console.error(`✖ ${what}; the request is in ${file}`)
}

/** Sends a request on a connection of its own and takes what comes until the server hangs up or is silent. */
async function sendHttp(request) {
  const socket = connect(Number(port), '127.0.0.1')
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (part) => {
    text += part.toString('latin1')
    if (isWhole(text)) socket.destroy()
  })
  // It asks for more than it sends in many cases; then the client ends, as clients do.
  socket.write(request)
  const idle = setTimeout(() => socket.end(), 150)
  const late = setTimeout(() => {
    fail('no answer and no end', request)
    socket.destroy()
  }, ANSWER_MS)
  await new Promise((resolve) => {
    socket.once('close', resolve)
  })
  clearTimeout(idle)
  clearTimeout(late)
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 'hung up'
  counts[status] = (counts[status] ?? 0) + 1
  if (text !== '' && status === 'hung up') fail(`what came is no HTTP: ${text.slice(0, 80)}`, request)
  if (status === '500') fail(`a defect: ${text.slice(-200)}`, request)
}

function isWhole(text) {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1 || text.startsWith('HTTP/1.1 100')) return false
  const length = /content-length: (\d+)/i.exec(text.slice(0, end))?.[1]
  return length !== undefined && text.length >= end + 4 + Number(length)
}

function message() {
  const value = pick(MESSAGES)
  const text = below(10) === 0 ? JSON.stringify(value) : mutateText(JSON.stringify(value))
  if (below(3) > 0) return text
  const json = Buffer.from(text)
  const head = Buffer.alloc(4)
  head.writeUInt32LE(below(10) === 0 ? below(2 ** 31) : json.length)
  const frame = Buffer.concat([head, json, Buffer.alloc(pick([0, 2304, 2304, 2300]))])
  return below(10) === 0 ? mutateBytes(frame) : frame
}

/** A hundred messages on one socket, and an echo that has to come back after all of them. */
async function talk() {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  await once(socket, 'open')
  const echoed = Promise.withResolvers()
  socket.on('message', (data, isBinary) => {
    if (isBinary) {
      counts.frame = (counts.frame ?? 0) + 1
      return
    }

    const answer = JSON.parse(data.toString())
    const kind = answer.type === 'metrics' ? 'metrics' : answer.ok ? 'ok' : answer.error.code
    counts[kind] = (counts[kind] ?? 0) + 1
    if (kind === 'INTERNAL') fail(`a defect: ${answer.error.message}`, data)
    if (answer.id === 'the end') echoed.resolve()
  })
  socket.on('close', () => {
    echoed.resolve()
  })
  const sent = []
  for (let index = 0; index < 100; index++) {
    const next = message()
    sent.push(next)
    socket.send(next)
  }

  socket.send('{"id": "the end", "type": "echo"}')
  const late = setTimeout(() => {
    fail('a WebSocket fell silent', sent.map((each) => each.toString('latin1')).join('\n'))
    echoed.resolve()
  }, ANSWER_MS)
  await echoed.promise
  clearTimeout(late)
  if (below(2) === 0) socket.terminate()
  else socket.close()
}

async function checkAlive() {
  const body = JSON.stringify({
    inputs: [
      {name: 'a', datatype: 'FP32', shape: [1, 1], data: [3]},
      {name: 'b', datatype: 'FP32', shape: [1, 1], data: [5]},
    ],
  })
  const answer = await fetch(`${url}/v2/models/matrix_multiply/infer`, {body, method: 'POST'})
  const {outputs} = await answer.json()
  if (outputs?.[0].data[0] !== 15) throw new Error(`3 × 5 is ${JSON.stringify(outputs)}`)
}

console.log(`seed ${values.seed}, ${SECONDS} s, ${url}`)
await checkAlive()
let warm
const started = performance.now()
let requests = 0
while (performance.now() - started < SECONDS * 1000 && server.exitCode === null && failures.length < 20) {
  await Promise.all([
    ...Array.from({length: 16}, async () => sendHttp(httpRequest())),
    below(4) === 0 ? talk() : undefined,
  ])
  requests += 16
  if (requests % 1600 === 0) {
    await checkAlive()
    // What a process takes to get going counts for nothing.
    warm ??= {descriptors: descriptors(server.pid), mb: residentMb(server.pid)}
  }
}

if (server.exitCode !== null || server.signalCode !== null)
  fail(`the server ended: ${server.exitCode ?? server.signalCode}`, log())
else {
  await checkAlive()
  await new Promise((resolve) => {
    setTimeout(resolve, 3000)
  })
  const growth = residentMb(server.pid) - (warm?.mb ?? residentMb(server.pid))
  const more = descriptors(server.pid) - (warm?.descriptors ?? descriptors(server.pid))
  console.log(
    `memory ${residentMb(server.pid).toFixed(0)} MB, ${growth.toFixed(0)} MB more than at first; ${descriptors(server.pid)} descriptors, ${more} more`,
  )
  if (growth > MOST_GROWTH_MB) fail('memory grows', '')
  if (more > MOST_DESCRIPTORS) fail('descriptors leak', '')
}

const defects = log()
  .split('\n')
  .filter((line) => line.includes('"level":50'))
if (defects.length > 0) fail(`the log has ${defects.length} defects: ${defects[0].slice(0, 500)}`, log())
console.log(JSON.stringify(counts))
console.log(
  failures.length === 0
    ? `✔ ${requests} HTTP requests and their WebSocket messages, nothing found`
    : `✖ ${failures.length} failures`,
)
server.kill('SIGTERM')
const [code] = server.exitCode === null ? await once(server, 'exit') : [server.exitCode]
process.exitCode = failures.length === 0 && code === 0 ? 0 : 1
