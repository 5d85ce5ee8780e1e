/** Ends running servers. */
import {setTimeout as sleep} from 'node:timers/promises'
import {z} from 'zod'

import {NpuBridgeError} from '../../errors.ts'
import {throwIfCancelled} from '../../process/run.ts'
import {isRunning, removeState, runningServers, type ServerState, serverStateSchema} from './state.ts'

export const stopReportSchema = z.object({
  stopped: z.array(serverStateSchema.extend({how: z.enum(['drained', 'killed'])})),
})
export type StopReport = Readonly<z.infer<typeof stopReportSchema>>

export interface StopRequest {
  readonly folder: string
  /** The process of a server; the only one that runs when undefined. */
  readonly pid?: number | undefined
  readonly all?: boolean
  /** How long a server may take to end before it is killed. */
  readonly waitMs: number
  readonly signal?: AbortSignal
}

const POLL_MS = 50

/** @throws {NpuBridgeError} INVALID_ARGUMENT where it is not clear which server is meant, or there is none */
export async function stopServers(request: StopRequest): Promise<StopReport> {
  const chosen = choose(await runningServers(request.folder), request)
  return {stopped: await Promise.all(chosen.map(async (server) => ({...server, how: await stop(server, request)})))}
}

function choose(running: readonly ServerState[], {all = false, pid}: StopRequest): readonly ServerState[] {
  if (all) return running
  const chosen = pid === undefined ? running : running.filter((server) => server.pid === pid)
  if (chosen.length === 1) return chosen
  const known = running.map(({pid: number, url}) => `npubridge serve stop ${number}    ${url}`)
  if (chosen.length > 1) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${chosen.length} servers run: which one is to be stopped?`, {
      suggestions: [...known, 'npubridge serve stop --all'],
    })
  }

  const what = pid === undefined ? 'no server runs here' : `process ${pid} is no server that runs here`
  throw new NpuBridgeError('INVALID_ARGUMENT', what, {suggestions: known})
}

async function stop(server: ServerState, {folder, signal, waitMs}: StopRequest): Promise<'drained' | 'killed'> {
  send(server.pid, 'SIGTERM')
  if (await hasEnded(server, waitMs, signal)) return 'drained'
  send(server.pid, 'SIGKILL')
  await hasEnded(server, waitMs, signal)
  await removeState(folder, server.pid)
  return 'killed'
}

async function hasEnded(server: ServerState, waitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  const deadline = performance.now() + waitMs
  while (await isRunning(server)) {
    throwIfCancelled(signal)
    if (performance.now() >= deadline) return false
    await sleep(POLL_MS)
  }

  return true
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return
    throw new NpuBridgeError('INVALID_ARGUMENT', `process ${pid} may not be stopped by this user`, {cause: error})
  }
}
