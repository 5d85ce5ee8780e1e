// Ten minutes of mixed clients against a server of this build: HTTP, WebSocket and gRPC, models that come and go, clients
// that hang up, and an emulated NPU that fails in every way it knows. Every request has to be answered, with nothing but
// what was injected going wrong, and the server must neither grow nor leak.
//   node scripts/soak-serve.js [--minutes 10]
/* eslint camelcase: ['error', {properties: 'never'}] -- fields of the protocols are spelled like that */
import {credentials, loadPackageDefinition} from '@grpc/grpc-js'
import {loadSync} from '@grpc/proto-loader'
import {Buffer} from 'node:buffer'
import {execFileSync} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {Agent, request} from 'node:http'
import {loadavg, tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {parseArgs} from 'node:util'

import {resolvePaths} from '../dist/core/paths.js'
import {findRuntime} from '../dist/core/runtime/discover.js'
import {connectTo} from '../dist/core/serve/client/connection.js'
import {binaryRequest, bytesOf, descriptors, FULL_YOUNG_GENERATION, residentMb, startServer} from './server.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const {values} = parseArgs({options: {minutes: {default: '10', type: 'string'}}})
const SECONDS = Number(values.minutes) * 60
const FAULT_MS = 15_000
const FAULTS = [
  '',
  'inference_failure=5',
  'lost_after=50,back_after_ms=500',
  'slow_us=2000',
  'oom=2',
  'lost_after=10,back_after_ms=2000',
  'compile_failure=1',
]
/** What an emulated device that fails may be the cause of. */
const INJECTED = new Set(['DEVICE_LOST', 'DEVICE_UNAVAILABLE', 'RESOURCE_EXHAUSTED'])

const folder = mkdtempSync(path.join(tmpdir(), 'npubridge-soak-'))
const emulated = path.join(folder, 'runtime')
const faultsFile = path.join(folder, 'faults')
writeFileSync(faultsFile, '')
const real = (await findRuntime({paths: resolvePaths()})).folder
const manifest = path.join(ROOT, 'native', 'Cargo.toml')
execFileSync('cargo', ['build', '--quiet', '--manifest-path', manifest, '-p', 'npubridge-testing'], {stdio: 'inherit'})
execFileSync(
  'cargo',
  [
    'run',
    '--quiet',
    '--manifest-path',
    manifest,
    '-p',
    'npubridge-testing',
    '--bin',
    'emulated-runtime',
    '--',
    '--real',
    real,
    '--out',
    emulated,
  ],
  {stdio: 'inherit'},
)
const {
  child: server,
  grpc: grpcAddress,
  log,
  url,
} = await startServer(['--grpc-port', '0', '--runtime', emulated], {
  env: {...process.env, NPUBRIDGE_FAULTS_FILE: faultsFile},
  nodeFlags: FULL_YOUNG_GENERATION,
})
console.log(`${url}, gRPC ${grpcAddress}, ${SECONDS} s, load average ${loadavg()[0].toFixed(1)}`)

const wave = Float32Array.from({length: 576}, (_, index) => 0.3 * Math.sin(index / 5))
const INPUTS = {
  echo: [['data', 'FP32', [16], wave.slice(0, 16)]],
  magika: undefined,
  minilm: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => [
    name,
    'INT64',
    [1, 16],
    new BigInt64Array(16).fill(1n),
  ]),
  'silero-vad': [
    ['input', 'FP32', [1, 576], wave],
    ['state', 'FP32', [2, 1, 128], new Float32Array(256)],
  ],
}
const tally = {}
const unexpected = []
let sent = 0
let answered = 0
const over = new AbortController()

function count(client, outcome) {
  tally[client] ??= {}
  tally[client][outcome] = (tally[client][outcome] ?? 0) + 1
}

/** One request whose answer is `ok` or the code of an error; `allowed` are codes that this client asks for. */
async function once_(client, work, allowed = []) {
  sent++
  let outcome
  let words = ''
  try {
    outcome = (await work()) ?? 'ok'
  } catch (error) {
    outcome = error.code ?? error.message
    words = ` ${error.message}`
  }

  answered++
  count(client, outcome)
  if (outcome !== 'ok' && !INJECTED.has(outcome) && !allowed.includes(outcome)) {
    unexpected.push(`${client}: ${outcome}${words}`)
  }
}

const agent = new Agent({keepAlive: true, maxSockets: 64})

async function post(where, body, headers = {}, hangUpAfterMs) {
  const asked = request(`${url}${where}`, {agent, headers, method: 'POST'})
  asked.end(body)
  if (hangUpAfterMs !== undefined) {
    setTimeout(() => {
      asked.destroy()
    }, hangUpAfterMs)
  }

  const [response] = await once(asked, 'response')
  const parts = await Array.fromAsync(response)
  if (response.statusCode === 200) return undefined
  return JSON.parse(Buffer.concat(parts).toString()).code
}

async function inferHttp(model, hangUpAfterMs) {
  const priority = 1 + Math.floor(Math.random() * 5)
  const {body, headers} = binaryRequest(INPUTS[model], {priority})
  return post(`/v2/models/${model}/infer`, body, headers, hangUpAfterMs)
}

async function repeat(work) {
  while (!over.signal.aborted) await work()
}

const connection = await connectTo(url)
const definition = loadSync(path.join(ROOT, 'proto', 'inference.proto'), {keepCase: true, longs: String})
const grpc = new (loadPackageDefinition(definition).inference.GRPCInferenceService)(
  grpcAddress,
  credentials.createInsecure(),
)

function inferGrpc(model) {
  const inputs = INPUTS[model]
  const message = {
    model_name: model,
    inputs: inputs.map(([name, datatype, shape]) => ({name, datatype, shape})),
    raw_input_contents: inputs.map((input) => bytesOf(input[3])),
  }
  return new Promise((resolve, reject) => {
    grpc.modelInfer(message, (error) => {
      if (error)
        reject(new Error(error.code === 8 ? 'RESOURCE_EXHAUSTED' : error.code === 14 ? 'DEVICE_LOST' : error.details))
      else resolve()
    })
  })
}

const magika = await (await fetch(`${url}/v2/models/magika`)).json()
INPUTS.magika = magika.inputs.map(({name, shape}) => {
  const sizes = shape.map((size) => (size < 0 ? 1 : size))
  return [name, 'INT32', sizes, new Int32Array(sizes.reduce((product, size) => product * size, 1))]
})

const clients = [
  ...['silero-vad', 'echo', 'minilm'].map((model) => repeat(() => once_(`http ${model}`, () => inferHttp(model)))),
  repeat(() => once_('grpc silero-vad', () => inferGrpc('silero-vad'))),
  repeat(() =>
    once_('websocket silero-vad', async () => {
      await connection.submit({
        type: 'inference',
        model: 'silero-vad',
        stream: 'soak',
        inputs: {input: {data: wave, shape: [1, 576]}},
      })
    }),
  ),
  repeat(() =>
    once_('websocket echo', async () => {
      await connection.submit({type: 'echo', data: {a: [1]}})
    }),
  ),
  // A model that is loaded and unloaded under those who use it.
  repeat(async () => {
    await once_('repository', () => post('/v2/repository/models/magika/load'))
    await sleep(400)
    await once_('repository', () => post('/v2/repository/models/magika/unload'))
    await sleep(100)
  }),
  repeat(async () => {
    await once_('http magika', () => inferHttp('magika'), ['MODEL_NOT_FOUND', 'CANCELLED'])
    await sleep(5)
  }),
  // A client that hangs up before it is answered, mostly.
  repeat(async () => {
    await once_('hangs up', () => inferHttp('minilm', 3), ['ECONNRESET'])
    await sleep(50)
  }),
  // A client that opens a socket, asks and is gone.
  repeat(async () => {
    await once_('comes and goes', async () => {
      await using other = await connectTo(url)
      await other.submit({type: 'health_check'})
    })
    await sleep(200)
  }),
  repeat(async () => {
    await once_('metrics', async () => {
      const answer = await fetch(`${url}/metrics`)
      await answer.text()
      return answer.ok ? undefined : String(answer.status)
    })
    await sleep(1000)
  }),
]

const samples = []
const started = performance.now()
const isTimeUp = () => performance.now() - started >= SECONDS * 1000
for (let round = 0; !isTimeUp() && server.exitCode === null; round++) {
  writeFileSync(faultsFile, FAULTS[round % FAULTS.length])
  for (let left = FAULT_MS; left > 0 && !isTimeUp(); left -= 1000) {
    await sleep(1000)
    samples.push({
      descriptors: descriptors(server.pid),
      mb: residentMb(server.pid),
      seconds: (performance.now() - started) / 1000,
    })
  }
}

writeFileSync(faultsFile, '')
over.abort()
await Promise.race([Promise.all(clients), sleep(30_000)])
await connection[Symbol.asyncDispose]()
grpc.close()
agent.destroy()

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]
}

/** The second fifth against the last one: a server that leaks goes on doing so. */
const part = Math.floor(samples.length / 5)
const early = samples.slice(part, 2 * part)
const late = samples.slice(-part)
const growth = median(late.map(({mb}) => mb)) - median(early.map(({mb}) => mb))
const more = median(late.map((sample) => sample.descriptors)) - median(early.map((sample) => sample.descriptors))
console.log(JSON.stringify(tally, null, 1))
console.log(`sent ${sent}, answered ${answered}, unexpected ${unexpected.length}`)
console.log(
  `memory ${median(early.map(({mb}) => mb)).toFixed(0)} MB, then ${median(late.map(({mb}) => mb)).toFixed(0)} MB (${growth.toFixed(1)} more); descriptors ${more} more; load average ${loadavg()[0].toFixed(1)}`,
)
const problems = [
  ...(sent === answered ? [] : [`${sent - answered} requests were not answered`]),
  ...[...new Set(unexpected)].map((each) => `unexpected: ${each}`),
  ...(growth <= 20 ? [] : ['memory grows']),
  ...(more <= 2 ? [] : ['descriptors leak']),
  ...(log().includes('"level":50') ? [`the log has defects: ${log().slice(0, 1000)}`] : []),
  ...(server.exitCode === null ? [] : [`the server ended with ${server.exitCode}`]),
]
server.kill('SIGTERM')
if (server.exitCode === null) await once(server, 'exit')
rmSync(folder, {force: true, recursive: true})
for (const problem of problems) console.log(`✖ ${problem}`)
if (problems.length === 0) console.log('✔ nothing but what was injected went wrong')
process.exitCode = problems.length === 0 ? 0 : 1
