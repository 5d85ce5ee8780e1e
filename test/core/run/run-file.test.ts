import {expect} from 'chai'
import {execa} from 'execa'
import {type Buffer} from 'node:buffer'
import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {PassThrough, Readable} from 'node:stream'
import {setTimeout as sleep} from 'node:timers/promises'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {isWorkflow, notForLines, openInput, openOutput, runFile} from '../../../src/core/run/run-file.ts'
import {checkError, rejectionOf} from './expect-error.ts'
import {FakeEngine} from './fake-engine.ts'
import {temporaryFolder} from './temporary-folder.ts'

const PROCESS = path.join(import.meta.dirname, 'run-process.ts')
const echoes = (count: number) => Array.from({length: count}, (_, data) => `{"type":"echo","data":${data}}\n`).join('')

describe('openInput', () => {
  const folder = temporaryFolder()

  it('knows the size of a file and the folder that its lines mean', async () => {
    const file = path.join(folder(), 'ops.jsonl')
    writeFileSync(file, 'abc')
    const input = await openInput(file, Readable.from([]))
    expect(input).to.include({bytes: 3, folder: folder()})
    expect((await input.stream.toArray()).join('')).to.equal('abc')
  })

  it('takes - for standard input, relative to the current folder', async () => {
    const stdin = Readable.from([])
    expect(await openInput('-', stdin)).to.deep.equal({bytes: undefined, folder: process.cwd(), stream: stdin})
  })

  it('reads from a pipe whose size nobody knows', async () => {
    const pipe = path.join(folder(), 'pipe')
    execFileSync('mkfifo', [pipe])
    const [input] = await Promise.all([openInput(pipe, Readable.from([])), execa`sh -c ${`echo hello > ${pipe}`}`])
    expect(input.bytes).to.equal(undefined)
    expect((await input.stream.toArray()).join('')).to.equal('hello\n')
  })

  it('says what is missing or no file', async () => {
    const missing = path.join(folder(), 'missing.jsonl')
    const error = await rejectionOf(
      openInput(missing, Readable.from([])),
      'INVALID_ARGUMENT',
      `${missing} does not exist`,
    )
    expect(error.suggestions).to.deep.equal(['- reads standard input'])
    await rejectionOf(openInput(folder(), Readable.from([])), 'INVALID_ARGUMENT', /is a folder, not a file/)
  })
})

describe('openOutput', () => {
  const folder = temporaryFolder()
  const stdout = new PassThrough()

  it('is standard output where no file is named', async () => {
    const output = await openOutput(undefined, stdout)
    await output.commit()
    expect(output.stream).to.equal(stdout)
    expect(stdout.writable).to.equal(true)
  })

  it('shows the file when it is complete, and not before', async () => {
    const file = path.join(folder(), 'results.jsonl')
    writeFileSync(file, 'old')
    const output = await openOutput(file, stdout)
    output.stream.write('new')
    await sleep(20)
    expect(readFileSync(file, 'utf8')).to.equal('old')
    await output.commit()
    expect(readFileSync(file, 'utf8')).to.equal('new')
    expect(readdirSync(folder())).to.deep.equal(['results.jsonl'])
  })

  it('leaves what was there when it is discarded', async () => {
    const file = path.join(folder(), 'results.jsonl')
    writeFileSync(file, 'old')
    const output = await openOutput(file, stdout)
    output.stream.write('new')
    await output.discard()
    expect(readFileSync(file, 'utf8')).to.equal('old')
    expect(readdirSync(folder())).to.deep.equal(['results.jsonl'])
  })

  it('follows a link instead of replacing it, and never replaces a device', async () => {
    const file = path.join(folder(), 'results.jsonl')
    const link = path.join(folder(), 'link')
    writeFileSync(file, 'old')
    symlinkSync(file, link)
    const output = await openOutput(link, stdout)
    output.stream.write('new')
    await output.commit()
    expect(readFileSync(file, 'utf8')).to.equal('new')
    const device = await openOutput('/dev/null', stdout)
    device.stream.write('new')
    await device.commit()
    expect(readFileSync('/dev/null', 'utf8')).to.equal('')
  })

  it('says where it cannot write', async () => {
    await rejectionOf(openOutput(path.join(folder(), 'no', 'x'), stdout), 'INVALID_ARGUMENT', /no\/x cannot be written/)
    mkdirSync(path.join(folder(), 'd'))
    await rejectionOf(openOutput(path.join(folder(), 'd'), stdout), 'INVALID_ARGUMENT', /d cannot be written/)
  })
})

describe('isWorkflow', () => {
  const folder = temporaryFolder()

  it('is true for YAML and for JSON with tasks, and for nothing else', async () => {
    const file = (name: string, text: string) => {
      writeFileSync(path.join(folder(), name), text)
      return path.join(folder(), name)
    }

    expect(await isWorkflow('any.yaml')).to.equal(true)
    expect(await isWorkflow('any.YML')).to.equal(true)
    expect(await isWorkflow(file('w.json', '{"tasks": []}'))).to.equal(true)
    expect(await isWorkflow(file('o.json', '{"type": "echo"}'))).to.equal(false)
    expect(await isWorkflow(file('l.json', '{"type": "echo"}\n{"type": "echo"}\n'))).to.equal(false)
    expect(await isWorkflow(file('n.json', 'null'))).to.equal(false)
    expect(await isWorkflow(file('w.jsonl', '{"tasks": []}'))).to.equal(false)
    expect(await isWorkflow('-')).to.equal(false)
    await rejectionOf(isWorkflow('missing.json'), 'INVALID_ARGUMENT', 'missing.json does not exist')
  })

  it('has flags of its own', () => {
    checkError(
      notForLines('resume', 'ops.jsonl'),
      'INVALID_ARGUMENT',
      '--resume is for workflows, and ops.jsonl is none',
    )
  })
})

describe('runFile', () => {
  const folder = temporaryFolder()
  const write = (text: string) => {
    const file = path.join(folder(), 'ops.jsonl')
    writeFileSync(file, text)
    return file
  }

  const start = async (...parameters: string[]) =>
    execa('node', [PROCESS, ...parameters], {buffer: true, reject: false})

  it('runs a file into a file and disposes of the engine', async () => {
    const engine = new FakeEngine()
    const outputFile = path.join(folder(), 'results.jsonl')
    const summary = await runFile({
      file: write(echoes(100)),
      openEngine: async () => engine,
      outputFile,
      stdin: Readable.from([]),
      stdout: new PassThrough(),
    })
    expect(summary.succeeded).to.equal(100)
    expect(readFileSync(outputFile, 'utf8').trim().split('\n')).to.have.length(100)
    expect(engine.disposed).to.equal(true)
  })

  it('leaves no file where there is no engine', async () => {
    const outputFile = path.join(folder(), 'results.jsonl')
    const running = runFile({
      file: write(echoes(1)),
      async openEngine() {
        throw new NpuBridgeError('RUNTIME_NOT_FOUND', 'none')
      },
      outputFile,
      stdin: Readable.from([]),
      stdout: new PassThrough(),
    })
    await rejectionOf(running, 'RUNTIME_NOT_FOUND', 'none')
    expect(readdirSync(folder())).to.deep.equal(['ops.jsonl'])
  })

  it('looks for its files before it opens an engine', async () => {
    let isOpened = false
    const running = runFile({
      file: path.join(folder(), 'missing'),
      async openEngine() {
        isOpened = true
        return new FakeEngine()
      },
      stdin: Readable.from([]),
      stdout: new PassThrough(),
    })
    await rejectionOf(running, 'INVALID_ARGUMENT', /does not exist/)
    expect(isOpened).to.equal(false)
  })

  it('keeps data on stdout and talk on stderr', async () => {
    const {exitCode, stderr, stdout} = await start(write(`${echoes(3)}nonsense\n`))
    expect(stdout.split('\n').map((line) => (JSON.parse(line) as {ok: boolean}).ok)).to.deep.equal([
      true,
      true,
      true,
      false,
    ])
    expect(stderr).to.match(
      /^ echo on CPU: 3 operations · .* · 0 failed · 1 skipped\n 1 line skipped: line 4: not JSON/,
    )
    expect(exitCode).to.equal(1)
  })

  it('answers a writer that waits for each result', async () => {
    const child = execa('node', [PROCESS, '-'], {buffer: false})
    const answers: string[] = []
    child.stdout.on('data', (chunk: Buffer) => {
      answers.push(...chunk.toString().trim().split('\n'))
    })
    for (let i = 0; i < 3; i++) {
      child.stdin.write(`{"type":"echo","data":${i}}\n`)
      while (answers.length <= i) await sleep(5)
    }

    child.stdin.end()
    expect((await child).exitCode).to.equal(0)
    expect(answers.map((line) => (JSON.parse(line) as {data: number}).data)).to.deep.equal([0, 1, 2])
  })

  it('ends quietly when its reader has seen enough', async () => {
    const file = write(echoes(200_000))
    const {exitCode, stderr, stdout} = await execa({
      reject: false,
      shell: '/bin/bash',
    })`set -o pipefail; node ${PROCESS} ${file} | head -n 2`
    expect(stdout.split('\n')).to.have.length(2)
    expect(stderr).to.equal('')
    expect(exitCode).to.equal(0)
  })

  it('writes what is finished when it is interrupted', async () => {
    const child = execa('node', [PROCESS, write(echoes(500_000)), '1'], {reject: false})
    await sleep(1500)
    child.kill('SIGINT')
    const {exitCode, stderr, stdout} = await child
    expect(exitCode).to.equal(130)
    expect(stderr).to.match(/interrupted: \d+ operations? cancelled/)
    const lines = stdout.split('\n').map((line) => JSON.parse(line) as {id: number; ok: boolean})
    expect(lines.length).to.be.within(100, 499_999)
    expect(lines.map(({id}) => id)).to.deep.equal(lines.map((_, index) => index + 1))
  })

  it('can be interrupted while nobody takes its results', async () => {
    const child = spawn('node', [PROCESS, write(echoes(500_000))], {stdio: ['ignore', 'pipe', 'ignore']})
    const exit = once(child, 'exit')
    await sleep(1500)
    child.kill('SIGINT')
    await sleep(200)
    expect(child.exitCode).to.equal(null)
    const text = (await child.stdout.toArray()).join('')
    expect(await exit).to.deep.equal([130, null])
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as {id: number})
    expect(lines.length).to.be.within(1000, 10_000)
  })

  it('uses no more memory for many lines than for few', async () => {
    const row = Array.from({length: 576}, (_, index) => Math.sin(index)).join(',')
    const line = `{"type":"inference","model":"m","inputs":{"x":{"data":[${row}],"shape":[1,576]}}}\n`
    const script = `
      import {runFile} from ${JSON.stringify(path.resolve(import.meta.dirname, '../../../src/core/run/run-file.ts'))}
      import {Readable, Writable} from 'node:stream'
      let lines = 0, most = 0
      async function* input() { for (; lines < 60; lines++) yield Buffer.from(${JSON.stringify(line)}.repeat(100)) }
      await runFile({file: '-', stdin: Readable.from(input()), stdout: new Writable({write(_c, _e, done) { done() }}),
        openEngine: async () => ({submit: async () => { most = Math.max(most, process.memoryUsage().rss)
          return {type: 'inference', data: 1, device: 'CPU', engine: 'native', queueUs: 1, computeUs: 1, totalUs: 1} },
          async [Symbol.asyncDispose]() {}})})
      console.log(most)`
    const {stdout} = await execa('node', ['--max-old-space-size=64', '--input-type=module', '-e', script])
    // 70 MB of input passed through.
    expect(Number(stdout)).to.be.below(300e6)
  })
})
