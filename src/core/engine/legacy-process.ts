import type {ChildProcess} from 'node:child_process'
import type {Readable, Writable} from 'node:stream'

/**
 * One Python child process that serves the old module over JSON Lines (see legacy_server.py). It answers in the order
 * of the requests and one at a time, so the oldest unanswered request is the only one that can have begun: it alone is
 * timed, and it alone is to blame when the process dies.
 */
import {execa} from 'execa'
import {Buffer} from 'node:buffer'

import {NpuBridgeError} from '../errors.ts'
import {ended, errorOf, type LegacySubject, nameOf, noPython, refusal, rubbish} from './legacy-failure.ts'
import {pythonCommands} from './python.ts'

const NEWLINE = 0x0a
const LONGEST_LINE_BYTES = 64 * 1024 * 1024
const STDERR_LINES = 8
const SHOWN_CHARACTERS = 80
/** How long what a dead process has written may take to arrive: one of its children may hold the pipe open. */
const LAST_WORDS_MS = 250

export interface LegacyProcessOptions extends LegacySubject {
  /** The path of legacy_runner.py. */
  readonly runner: string
  /** Whether the module's pauses that stand for work are kept. */
  readonly sleep: boolean
  /** How long loading the module may take, in milliseconds. */
  readonly startLimitMs: number
  readonly env: NodeJS.ProcessEnv
}

/** What the process tells of itself when it is ready. */
export interface LegacyGreeting {
  readonly python: string
  readonly executable: string
  readonly module: string
  readonly generations: ReadonlyArray<'v1' | 'v2'>
  /** Whether numpy is installed there. */
  readonly numpy: boolean
}

export interface Reply {
  readonly data: unknown
  readonly computeUs: number
}

/** The process ended, or had to be ended, before it answered. */
export class ProcessEnded extends Error {
  override readonly name = 'ProcessEnded'
  /** Whether the request may have begun. */
  readonly begun: boolean
  /** Whether it ran into its time limit: doing it again would take as long. */
  readonly hung: boolean
  readonly failure: NpuBridgeError

  constructor(failure: NpuBridgeError, {begun, hung}: {begun: boolean; hung: boolean}) {
    super(failure.message)
    this.failure = failure
    this.begun = begun
    this.hung = hung
  }
}

interface Pending extends PromiseWithResolvers<Reply> {
  readonly id: number
  readonly type: string
  readonly limitMs: number
}

type Message = Readonly<Record<string, unknown>>

/** Starts the first Python that exists and waits until the module is loaded. */
export async function startLegacyProcess(options: LegacyProcessOptions): Promise<LegacyProcess> {
  const commands = pythonCommands(options.env, options.platform)
  for (const command of commands) {
    const process = new LegacyProcess(command, options)
    if (await process.spawned) {
      await process.ready
      return process
    }
  }

  throw noPython(commands, Boolean(options.env.NPUBRIDGE_PYTHON), options)
}

type Child = ChildProcess & {stderr: Readable; stdin: Writable; stdout: Readable}

export class LegacyProcess {
  /** Whether there was something to start. */
  readonly spawned: Promise<boolean>
  /** Rejects with LEGACY_FAILED when the module cannot be served. */
  readonly ready: Promise<LegacyGreeting>
  /** Resolves when the process is gone and everything it was asked is answered. */
  readonly ended: Promise<NpuBridgeError>

  readonly #command: string
  readonly #options: LegacyProcessOptions
  readonly #child: Child
  readonly #greeting = Promise.withResolvers<LegacyGreeting>()
  readonly #end = Promise.withResolvers<NpuBridgeError>()
  readonly #pending: Pending[] = []
  #greeted: LegacyGreeting | undefined
  #requests = 0
  #timer: NodeJS.Timeout | undefined
  #unread: Buffer[] = []
  #lastWords: string[] = []
  /** Why the process was killed by us. */
  #verdict: {error: NpuBridgeError; hung: boolean} | undefined
  #over = false

  constructor(command: string, options: LegacyProcessOptions) {
    this.#command = command
    this.#options = options
    const args = [
      options.runner,
      ...(options.module ? ['--module', options.module] : []),
      ...(options.sleep ? [] : ['--no-sleep']),
    ]
    const subprocess = execa(command, args, {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      buffer: false,
      reject: false,
      extendEnv: false,
      env: {...options.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1', PYTHONUTF8: '1'},
    })
    this.#child = subprocess.nodeChildProcess as Child
    this.spawned = new Promise((resolve) => {
      this.#child.once('spawn', () => {
        resolve(true)
      })
      this.#child.once('error', () => {
        resolve(false)
      })
    })
    this.ready = this.#greeting.promise
    this.ready.catch(ignore)
    this.ended = this.#end.promise
    this.#listen()
    this.#timer = setTimeout(() => {
      this.#giveUp(this.#failed(`${nameOf(options)} was not loaded within ${options.startLimitMs} ms`), true)
    }, options.startLimitMs)
  }

  /** How many requests are unanswered. */
  get pending(): number {
    return this.#pending.length
  }

  /** Whether requests are accepted. */
  get alive(): boolean {
    return this.#greeted !== undefined && !this.#over && !this.#verdict
  }

  get greeting(): LegacyGreeting {
    return this.#greeted!
  }

  /**
   * Asks for one operation.
   *
   * @param type the operation, as legacy_server.py calls it
   * @param fields what it needs
   * @param limitMs how long it may run from the moment that nothing stands before it
   * @throws {NpuBridgeError} with the code that the module's side gave; {@link ProcessEnded}
   */
  async request(type: string, fields: Message, limitMs: number): Promise<Reply> {
    if (!this.alive) throw new ProcessEnded(this.#died(), {begun: false, hung: false})
    const id = this.#requests++
    const line = lineOf({...fields, id, type})
    const pending: Pending = {...Promise.withResolvers<Reply>(), id, type, limitMs}
    this.#pending.push(pending)
    if (this.#pending.length === 1) this.#watchOldest()
    this.#child.stdin.write(line)
    return pending.promise
  }

  /** Lets the process end by itself, and kills it when it takes longer than `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#child.stdin.end()
    const timer = setTimeout(() => {
      this.#child.kill('SIGKILL')
    }, graceMs)
    await this.ended
    clearTimeout(timer)
  }

  #listen(): void {
    const {stderr, stdin, stdout} = this.#child
    // A pipe that breaks is a process that ended, which is told by its exit.
    for (const stream of [stdin, stdout, stderr]) stream.on('error', ignore)
    stdout.on('data', (chunk: Buffer) => {
      this.#read(chunk)
    })
    stderr.on('data', (chunk: Buffer) => {
      this.#remember(chunk.toString())
    })
    const drained = new Promise<void>((resolve) => {
      stdout.once('close', resolve)
    })
    this.#child.once('exit', () => {
      const late = setTimeout(() => {
        stdout.destroy()
      }, LAST_WORDS_MS)
      void drained.then(() => {
        clearTimeout(late)
        this.#finish()
      })
    })
    this.#child.once('error', () => {
      this.#finish()
    })
  }

  #read(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#unread.push(chunk.subarray(start, end))
      const line = Buffer.concat(this.#unread).toString()
      this.#unread = []
      start = end + 1
      this.#take(line)
    }

    if (start < chunk.length) this.#unread.push(chunk.subarray(start))
    const unread = this.#unread.reduce((bytes, part) => bytes + part.length, 0)
    if (unread > LONGEST_LINE_BYTES) this.#reject(`a line of more than ${LONGEST_LINE_BYTES} bytes`)
  }

  #take(line: string): void {
    if (this.#verdict) return
    const message = parse(line)
    const understood = message && (this.#greeted ? this.#answer(message) : this.#greet(message))
    if (!understood) this.#reject(JSON.stringify(line.slice(0, SHOWN_CHARACTERS)))
  }

  #greet(message: Message): boolean {
    clearTimeout(this.#timer)
    if (message.ready === true) {
      const {ready: _, ...greeting} = message
      this.#greeted = greeting as unknown as LegacyGreeting
      this.#greeting.resolve(this.#greeted)
    } else if (message.ready === false) {
      this.#giveUp(refusal(message, this.#options), false)
    } else {
      return false
    }

    return true
  }

  #answer(message: Message): boolean {
    const oldest = this.#pending[0]
    if (!oldest || message.id !== oldest.id) return false
    this.#pending.shift()
    this.#watchOldest()
    if (message.ok === true) oldest.resolve({data: message.data, computeUs: Number(message.compute_us)})
    else oldest.reject(errorOf(message.error))
    return true
  }

  /** Gives the request that is now the oldest its time. */
  #watchOldest(): void {
    clearTimeout(this.#timer)
    const oldest = this.#pending[0]
    if (!oldest) return
    this.#timer = setTimeout(() => {
      const what = `${nameOf(this.#options)} did not finish ${oldest.type} within ${oldest.limitMs} ms and was stopped`
      this.#giveUp(this.#failed(what), true)
    }, oldest.limitMs)
  }

  #reject(what: string): void {
    this.#giveUp(rubbish(what, this.#options), false)
  }

  #giveUp(error: NpuBridgeError, hung: boolean): void {
    this.#verdict ??= {error, hung}
    this.#child.kill('SIGKILL')
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    const failure = this.#verdict?.error ?? this.#died()
    const unanswered = [...this.#pending]
    this.#pending.length = 0
    this.#greeting.reject(failure)
    for (const [index, pending] of unanswered.entries()) {
      pending.reject(new ProcessEnded(failure, {begun: index === 0, hung: this.#verdict?.hung ?? false}))
    }

    this.#end.resolve(failure)
  }

  #remember(text: string): void {
    this.#lastWords = [...this.#lastWords, ...text.split('\n').filter((line) => line.trim() !== '')].slice(
      -STDERR_LINES,
    )
  }

  #died(): NpuBridgeError {
    const {exitCode, signalCode} = this.#child
    const how = signalCode ? `was killed by ${signalCode}` : `exited with code ${exitCode ?? 'unknown'}`
    return this.#failed(`the process of ${nameOf(this.#options)} (${this.#command}) ${how}`)
  }

  #failed(message: string): NpuBridgeError {
    return ended(message, this.#options, this.#lastWords)
  }
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT for what has no form in JSON */
function lineOf(request: Message): string {
  try {
    return `${JSON.stringify(request)}\n`
  } catch (error) {
    const reason = (error as Error).message
    throw new NpuBridgeError('INVALID_ARGUMENT', `the operation cannot be sent to Python: ${reason}`, {cause: error})
  }
}

function parse(line: string): Message | undefined {
  try {
    const message: unknown = JSON.parse(line)
    return typeof message === 'object' && message !== null ? (message as Message) : undefined
  } catch {
    return undefined
  }
}

function ignore(): void {
  // Told elsewhere.
}
