/** Starts a server in a process of its own that stays when this one ends. */
import {spawn} from 'node:child_process'
import {open, readFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'

import {ERROR_CODES, NpuBridgeError} from '../../errors.ts'
import {ensureFolder} from '../../install/folder.ts'
import {type ServerState, serverStateSchema} from './state.ts'

/** The variable that tells a server where its log goes. */
export const LOG_VARIABLE = 'NPUBRIDGE_SERVE_LOG'

export interface DetachOptions {
  /** The program, and what it is to be told. */
  readonly program: string
  readonly args: readonly string[]
  /** Where logs go. */
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** Gives up waiting; the server is ended then. */
  readonly signal: AbortSignal
}

export interface Started {
  readonly state: ServerState
  readonly token: string | null
}

const errorSchema = z.object({code: z.enum(ERROR_CODES), message: z.string(), suggestions: z.array(z.string())})
const messageSchema = z.union([
  z.object({state: serverStateSchema, token: z.string().nullable()}),
  z.object({error: errorSchema}),
])
const LAST_LINES = 5

/**
 * Resolves when the server takes requests.
 *
 * @throws {NpuBridgeError} what keeps it from starting, in its own words
 */
export async function startDetached({args, env, folder, program, signal}: DetachOptions): Promise<Started> {
  await ensureFolder(folder)
  const logFile = path.join(folder, `serve-${new Date().toISOString().replaceAll(/[:.]/g, '-')}-${process.pid}.log`)
  const log = await open(logFile, 'ax', 0o600)
  const child = spawn(process.execPath, [program, ...args], {
    detached: true,
    env: {...env, [LOG_VARIABLE]: logFile},
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
  })
  const onAbort = () => {
    child.kill('SIGTERM')
  }

  signal.addEventListener('abort', onAbort, {once: true})
  try {
    const message = await new Promise<z.infer<typeof messageSchema>>((resolve, reject) => {
      child.once('message', (value) => {
        const parsed = messageSchema.safeParse(value)
        if (parsed.success) resolve(parsed.data)
      })
      child.once('error', reject)
      child.once('exit', (code, by) => {
        reject(new Error(by === null ? `it ended with exit code ${code}` : `it was ended by ${by}`))
      })
    })
    if ('state' in message) return message
    const {code, message: words, suggestions} = message.error
    throw new NpuBridgeError(code, words, {suggestions})
  } catch (error) {
    if (error instanceof NpuBridgeError) throw error
    const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-LAST_LINES)
    throw new NpuBridgeError('INTERNAL', `the server did not start: ${(error as Error).message}`, {
      cause: lines.join('\n'),
      suggestions: [`its log: ${logFile}`],
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
    if (child.connected) child.disconnect()
    child.unref()
    await log.close()
  }
}

/** Tells whoever started this process detached; does nothing where nobody did. */
export function reportStart(
  message: {readonly error: object} | {readonly state: ServerState; readonly token: string | null},
): void {
  if (!process.send) return
  process.send(message, () => {
    if (process.connected) process.disconnect()
  })
}
