import type {Readable} from 'node:stream'

/**
 * Runs the program of an agent: without a shell, with few variables, in a process group of its own that can be ended as
 * a whole, within limits of time and output.
 */
import {execa} from 'execa'
import {isUtf8} from 'node:buffer'

import type {CommandHandler, TaskContext} from '../../agents/agent.ts'

import {asNpuBridgeError, NpuBridgeError} from '../../errors.ts'
import {cancelled} from '../../process/run.ts'
import {fillText} from '../placeholders.ts'

/** What programs need to find each other, their files and their language; nothing that could be a secret. */
const USUAL_VARIABLES = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SystemRoot', 'TEMP', 'TMP']
/** How long a program may take to end when it is asked to, before it is made to. */
const GRACE_MS = 2000
/** What is shown of what a failed program said. */
const SHOWN_LINES = 5

export interface CommandOutput {
  /** What the program wrote to stdout: parsed where the agent says that it is JSON. */
  readonly output: unknown
  /** What should be known about it. */
  readonly note: string | null
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly graceMs?: number
}

/**
 * @throws {NpuBridgeError} INVALID_ARGUMENT for a program that is not there or fails, DEADLINE_EXCEEDED and
 *   RESOURCE_EXHAUSTED for one that takes too long or says too much, CANCELLED
 */
export async function runCommand(
  handler: CommandHandler,
  context: TaskContext,
  {env = process.env, graceMs = GRACE_MS}: CommandOptions = {},
): Promise<CommandOutput> {
  const [program, ...templates] = handler.argv
  const argv = templates.map((template) => fillText(template, context))
  if (argv.some((argument) => argument.includes('\0'))) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `task "${context.taskId}" has a NUL character in its text`)
  }

  const child = startProgram(program, argv, handler, context, env)
  return new Supervisor(child, handler, context, graceMs).result()
}

// eslint-disable-next-line @typescript-eslint/promise-function-async -- what execa gives is more than a promise
function startProgram(
  program: string,
  argv: readonly string[],
  handler: CommandHandler,
  {description, inputs, taskId}: TaskContext,
  env: NodeJS.ProcessEnv,
) {
  return execa(program, argv, {
    buffer: false,
    cwd: handler.cwd,
    // A group of its own: whatever the program starts ends with it.
    detached: process.platform !== 'win32',
    env: environment(handler.env, env),
    extendEnv: false,
    input: JSON.stringify({task_id: taskId, description, inputs}),
    reject: false,
    stripFinalNewline: false,
  } as const)
}

type Program = ReturnType<typeof startProgram>

function environment(names: readonly string[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given: NodeJS.ProcessEnv = {}
  for (const entry of [...USUAL_VARIABLES, ...names]) {
    const at = entry.indexOf('=')
    const name = at === -1 ? entry : entry.slice(0, at)
    const value = at === -1 ? env[name] : entry.slice(at + 1)
    if (value !== undefined) given[name] = value
  }

  return given
}

/** Watches over one program. */
class Supervisor {
  readonly #child: Program
  readonly #handler: CommandHandler
  readonly #context: TaskContext
  readonly #graceMs: number
  readonly #stdout: Collected
  readonly #stderr: Collected
  #ended: NpuBridgeError | undefined
  #killer: NodeJS.Timeout | undefined

  constructor(child: Program, handler: CommandHandler, context: TaskContext, graceMs: number) {
    this.#child = child
    this.#handler = handler
    this.#context = context
    this.#graceMs = graceMs
    const tooMuch = (stream: string) => {
      this.#end(
        new NpuBridgeError(
          'RESOURCE_EXHAUSTED',
          `${this.#name} wrote more than ${handler.maxOutputBytes} bytes to ${stream} and was ended`,
          {suggestions: ['max_output_bytes of the agent is the limit']},
        ),
      )
    }

    this.#stdout = new Collected(child.stdout, handler.maxOutputBytes, () => {
      tooMuch('stdout')
    })
    this.#stderr = new Collected(child.stderr, handler.maxOutputBytes, () => {
      tooMuch('stderr')
    })
  }

  get #name(): string {
    return `${this.#handler.argv[0]} (task "${this.#context.taskId}")`
  }

  async result(): Promise<CommandOutput> {
    const {signal} = this.#context
    const timer = setTimeout(() => {
      const message = `${this.#name} took longer than ${this.#handler.timeoutMs} ms and was ended`
      this.#end(new NpuBridgeError('DEADLINE_EXCEEDED', message, {suggestions: ['timeout_ms of the agent']}))
    }, this.#handler.timeoutMs)
    const onAbort = () => {
      this.#end(cancelled(signal))
    }

    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, {once: true})
    try {
      const result = await this.#child
      if (this.#ended) throw this.#ended
      this.#check(result)
      return this.#output()
    } finally {
      clearTimeout(timer)
      clearTimeout(this.#killer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Asks the whole group to end, and makes it end when it does not. */
  #end(reason: NpuBridgeError): void {
    if (this.#ended) return
    this.#ended = reason
    this.#kill('SIGTERM')
    this.#killer = setTimeout(() => {
      this.#kill('SIGKILL')
      // Somebody outside of the group may still hold the pipes open.
      this.#child.stdout?.destroy()
      this.#child.stderr?.destroy()
    }, this.#graceMs)
  }

  #kill(signal: 'SIGKILL' | 'SIGTERM'): void {
    const {pid} = this.#child
    if (pid === undefined) return
    try {
      if (process.platform === 'win32') this.#child.kill(signal)
      else process.kill(-pid, signal)
    } catch {
      // It has ended meanwhile.
    }
  }

  #check(result: Awaited<Program>): void {
    if (result.exitCode === 0) return
    const {argv, cwd} = this.#handler
    if (result.exitCode === undefined && result.signal === undefined) {
      const why = asNpuBridgeError(result.cause ?? 'unknown').message
      throw new NpuBridgeError('INVALID_ARGUMENT', `${argv[0]} cannot be started in ${cwd}: ${why}`, {
        suggestions: [`the agent "${this.#context.agent}" names it in its command; is it installed and on PATH?`],
      })
    }

    const how = result.exitCode === undefined ? `was ended by ${result.signal}` : `gave exit code ${result.exitCode}`
    const said = [this.#stderr, this.#stdout].map((each) => lastLines(each.text())).find((lines) => lines !== '')
    throw new NpuBridgeError('INVALID_ARGUMENT', `${this.#name} ${how}${said ? `: ${said}` : ''}`)
  }

  #output(): CommandOutput {
    const bytes = this.#stdout.bytes()
    const text = bytes.toString('utf8')
    const note = isUtf8(bytes) ? null : 'stdout is not UTF-8: what could not be read is replaced by \u{FFFD}'
    if (this.#handler.output === 'text') return {note, output: text.replace(/\r?\n$/, '')}
    try {
      return {note, output: JSON.parse(text) as unknown}
    } catch (error) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `${this.#name} did not write JSON: ${(error as Error).message}`, {
        suggestions: ['output: text takes it as it is'],
      })
    }
  }
}

/** The beginning of a stream. */
class Collected {
  readonly #chunks: Buffer[] = []
  #length = 0

  constructor(stream: null | Readable, most: number, onTooMuch: () => void) {
    stream?.on('data', (chunk: Buffer) => {
      // What comes between the request to end and the end is of no use.
      if (this.#length > most) return
      this.#length += chunk.length
      if (this.#length > most) onTooMuch()
      else this.#chunks.push(chunk)
    })
    stream?.on('error', () => {
      // A pipe that breaks ends the program, which is what is reported.
    })
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  text(): string {
    return this.bytes().toString('utf8')
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-SHOWN_LINES).join('\n').trim()
}
