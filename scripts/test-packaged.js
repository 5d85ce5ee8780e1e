/* eslint camelcase: ['error', {properties: 'never'}] -- a variable of npm is spelled like that */
// What people get, tried as they get it: the packed tarballs and the wheel, installed into empty folders with a fresh HOME
// and a PATH that has neither cargo nor a compiler, then used. Downloads OpenVINO, a model and packages; takes minutes.
//
//   npm run build && npm run build:python && npm run test:packaged [-- --keep]
import {execFileSync, spawnSync} from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parseArgs} from 'node:util'

import {giveUp, ROOT} from './steps.js'

const {values: options} = parseArgs({options: {keep: {type: 'boolean', default: false}}})
const RELEASE = path.join(ROOT, 'release')
const SANDBOX = mkdtempSync(path.join(tmpdir(), 'npubridge-packaged-'))
const [HOME, BIN, PROJECT, TREE] = ['home', 'bin', 'project', 'tree'].map((name) => path.join(SANDBOX, name))
const VENV = path.join(SANDBOX, 'venv')
const NPUBRIDGE = path.join(PROJECT, 'node_modules', '.bin', 'npubridge')
const PYTHON = path.join(VENV, 'bin', 'python')
/** What a machine has on which npubridge is used, and not built. */
const PROGRAMS = ['git', 'sh', 'bash', 'env', 'uname', 'tar', 'gzip', 'id', 'lspci', 'ldconfig', 'cat', 'dirname']
const FORBIDDEN = ['cargo', 'rustc', 'cc', 'gcc', 'clang', 'make']

function which(program) {
  const {stdout} = spawnSync('sh', ['-c', `command -v ${program}`], {encoding: 'utf8'})
  return stdout.trim()
}

/** The caller's environment without what would help: only where packages come from and by which certificates stays. */
function freshEnvironment() {
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(PIP_|SSL_|NODE_EXTRA_|https?_proxy|no_proxy)/i.test(name),
  )
  const registry = execFileSync('npm', ['config', 'get', 'registry'], {encoding: 'utf8'}).trim()
  return {...Object.fromEntries(kept), HOME, PATH: BIN, npm_config_registry: registry, LANG: 'C.UTF-8', NO_COLOR: '1'}
}

function fillPath() {
  mkdirSync(BIN)
  symlinkSync(process.execPath, path.join(BIN, 'node'))
  symlinkSync(realpathSync(which('npm')), path.join(BIN, 'npm'))
  // What stands on PATH may be a shim that looks for more of it.
  const interpreter = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], {encoding: 'utf8'}).trim()
  writeFileSync(path.join(BIN, 'python3'), `#!/bin/sh\nexec '${interpreter}' "$@"\n`, {mode: 0o755})
  for (const program of PROGRAMS) {
    const file = which(program)
    if (file) symlinkSync(file, path.join(BIN, program))
  }
}

/** Runs a program in the sandbox; gives what it wrote to stdout, or says what went wrong and gives up. */
function sandboxed(command, args, {cwd = PROJECT, expected = 0, env = {}, input} = {}) {
  const {status, stdout, stderr, error} = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: {...ENVIRONMENT, ...env},
    input,
    maxBuffer: 2 ** 28,
  })
  if (status !== expected) {
    const words = [error?.message, stderr, stdout].filter(Boolean).join('\n').slice(-4000)
    throw new Error(`${[path.basename(command), ...args].join(' ')} ended with ${status}, not ${expected}:\n${words}`)
  }

  return stdout
}

const npubridge = (args, more) => sandboxed(NPUBRIDGE, args, more)
const jsonOf = (args, more) => JSON.parse(npubridge([...args, '--json'], more))

function expect(holds, message) {
  if (!holds) throw new Error(message)
}

/** Two seconds of a voice-like sound, 16 kHz, as a WAV file. */
function writeWav(file) {
  const samples = Int16Array.from({length: 32_000}, (_, index) => {
    const t = index / 16_000
    const envelope = 0.5 + 0.5 * Math.sin(2 * Math.PI * 3 * t)
    const harmonics = [1, 2, 3, 4, 5].reduce((sum, n) => sum + Math.sin(2 * Math.PI * 140 * n * t) / n, 0)
    return Math.round(8000 * envelope * harmonics)
  })
  const header = Buffer.alloc(44)
  header.write('RIFF')
  header.writeUInt32LE(36 + samples.byteLength, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(16_000, 24)
  header.writeUInt32LE(32_000, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36)
  header.writeUInt32LE(samples.byteLength, 40)
  writeFileSync(file, Buffer.concat([header, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)]))
}

function install() {
  const present = FORBIDDEN.filter((program) => existsSync(path.join(BIN, program)))
  expect(present.length === 0, `the sandbox has ${present.join(', ')}`)
  writeFileSync(path.join(PROJECT, 'package.json'), JSON.stringify({name: 'empty', private: true, type: 'module'}))
  const tarballs = globSync('*.tgz', {cwd: RELEASE}).map((name) => path.join(RELEASE, name))
  expect(tarballs.length === 2, `two tarballs are expected in release: ${tarballs.join(', ')}`)
  sandboxed('npm', ['install', '--no-audit', '--no-fund', ...tarballs])
  const {version} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  expect(npubridge(['--version']).startsWith(`npubridge/${version} `), 'it tells another version')
}

function setUp() {
  const setup = jsonOf(['setup'])
  expect(setup.runtime.folder.startsWith(HOME), `the runtime is outside the new HOME: ${setup.runtime.folder}`)
  jsonOf(['models', 'pull', 'silero-vad'])
}

function probe() {
  const report = jsonOf(['probe', '--require', 'cpu,native'])
  expect(report.devices !== undefined || report.checks !== undefined, 'the report of probe is empty')
}

function run() {
  writeWav(path.join(PROJECT, 'voice.wav'))
  const lines = Array.from({length: 50}, (_, index) =>
    JSON.stringify({
      id: `w${index}`,
      type: 'inference',
      model: 'silero-vad',
      stream: 'mic-1',
      inputs: {input: {file: 'voice.wav', offset: index * 512, shape: [1, 576]}},
    }),
  )
  writeFileSync(path.join(PROJECT, 'ops.jsonl'), lines.join('\n'))
  const results = npubridge(['run', 'ops.jsonl'])
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const probabilities = results.map(({outputs}) => outputs.output.data[0])
  expect(results.length === 50 && results.every(({ok, engine}) => ok && engine === 'native'), 'operations failed')
  expect(
    probabilities.every((value) => value >= 0 && value <= 1),
    'these are no probabilities',
  )
  expect(new Set(probabilities).size > 10, 'the model says the same of everything')
}

function api() {
  const program = `
    import {createBridge} from 'npubridge'
    await using bridge = await createBridge({device: 'auto'})
    const a = {data: Float32Array.of(1, 2, 3, 4), shape: [2, 2]}
    const {data, outputs, engine} = await bridge.submit({type: 'matrix_multiply', inputs: {a, b: a}})
    console.log(engine, JSON.stringify(outputs ?? data, (_, value) => ArrayBuffer.isView(value) ? [...value] : value))
  `
  writeFileSync(path.join(PROJECT, 'program.js'), program)
  const said = sandboxed('node', ['program.js'])
  expect(said.startsWith('native') && said.includes('[7,10,15,22]'), `the product is wrong: ${said}`)
}

function bench() {
  const report = jsonOf(['bench', '--quick'])
  expect(JSON.stringify(report).includes('coordination'), 'the report of bench has no coordination')
}

function git(...args) {
  return sandboxed('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {cwd: TREE})
}

function migrate() {
  cpSync(path.join(ROOT, 'test/fixtures/migrate/v1'), TREE, {recursive: true})
  git('init', '--quiet')
  git('add', '--all')
  git('commit', '--quiet', '--message', 'as it was')
  sandboxed('python3', ['-m', 'venv', path.join(SANDBOX, 'target')])
  const python = path.join(SANDBOX, 'target', 'bin', 'python')
  npubridge(['migrate', TREE, '--dry-run', '--diff', '--python', python])
  expect(git('status', '--porcelain') === '', 'a dry run changed something')
  const done = jsonOf(['migrate', TREE, '--yes', '--python', python])
  expect(done.status === 'migrated', `it says ${done.status}`)
  expect(
    done.wrappers.every(({active}) => active === 'npubridge'),
    'the wrapper does not run on npubridge',
  )
  npubridge(['migrate', 'rollback', TREE, '--yes'])
  expect(git('status', '--porcelain') === '', `the undo left ${git('status', '--porcelain')}`)
}

function wheel() {
  const [file] = globSync('*/python/*.whl', {cwd: RELEASE})
  expect(file !== undefined, 'there is no wheel in the package of this platform: npm run build:python')
  sandboxed('python3', ['-m', 'venv', VENV])
  sandboxed(PYTHON, ['-m', 'pip', 'install', '--quiet', 'numpy', 'tritonclient[grpc,http]', path.join(RELEASE, file)])
  const program = `
import asyncio, numpy, npubridge
async def main():
    async with npubridge.Bridge(device="auto") as bridge:
        result = await bridge.submit("inference", model="silero-vad", stream="mic-1",
                                     inputs={"input": numpy.zeros((1, 576), numpy.float32)})
        print(result.engine, float(result.outputs["output"][0, 0]))
asyncio.run(main())
`
  const said = sandboxed(PYTHON, ['-c', program])
  expect(/^native 0\.\d+/.test(said), `the inference says ${said}`)
}

function serve() {
  const server = jsonOf(['serve', '--port', '0', '--grpc-port', '0', '--load', 'silero-vad', '--detach'])
  try {
    const guide = readFileSync(path.join(ROOT, 'docs', 'serve.md'), 'utf8')
    const examples = [...guide.matchAll(/```python\n(.*?)```/gs)].map((match) => match[1])
    expect(examples.length >= 2, 'the guide has no examples')
    const http = new URL(server.url).host
    for (const example of examples) {
      const code = example.replace('localhost:8000', () => http).replace('localhost:8001', () => server.grpc)
      sandboxed(PYTHON, ['-c', code])
    }
  } finally {
    npubridge(['serve', 'stop', '--all'])
  }
}

/** Without the optional package it says what to do, and the engine that needs no add-on works. */
function withoutAddon() {
  rmSync(path.join(PROJECT, 'node_modules', '@npubridge'), {recursive: true})
  const input = '{"type": "echo", "data": 1}\n'
  const {stderr} = spawnSync(NPUBRIDGE, ['run', '-', '--engine', 'native'], {
    cwd: PROJECT,
    encoding: 'utf8',
    env: ENVIRONMENT,
    input,
  })
  expect(stderr.includes('npm install @npubridge/') && stderr.includes('from a checkout'), `no advice in: ${stderr}`)
  const said = npubridge(['run', '-', '--engine', 'legacy'], {input})
  expect(JSON.parse(said).engine === 'legacy', `another engine answered: ${said}`)
}

const STEPS = {
  'install the tarballs into an empty folder': install,
  'setup, models pull': setUp,
  probe,
  'run on a WAV file': run,
  'use it from a program': api,
  'bench --quick': bench,
  'migrate a code base, and back': migrate,
  'install the wheel, run an inference': wheel,
  'serve to tritonclient': serve,
  'say what to do without the add-on': withoutAddon,
}

for (const folder of [HOME, PROJECT, TREE]) mkdirSync(folder)
fillPath()
const ENVIRONMENT = freshEnvironment()
execFileSync('npm', ['run', '--silent', 'pack'], {cwd: ROOT, stdio: 'inherit'})
try {
  for (const [title, step] of Object.entries(STEPS)) {
    const started = performance.now()
    step()
    process.stdout.write(`✔ ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`)
  }
} catch (error) {
  giveUp(error.message, `look into ${SANDBOX}, which is kept`)
}

if (options.keep) process.stdout.write(`Kept: ${SANDBOX}\n`)
else rmSync(SANDBOX, {force: true, recursive: true})
