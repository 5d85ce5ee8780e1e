/**
 * What a running server leaves for `serve status` and `serve stop`: one file a process. Nobody locks anything: whether a
 * server runs is told by its process, so that a killed one is never in the way of the next.
 */
import {readdir, readFile, rm} from 'node:fs/promises'
import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import {z} from 'zod'

import {ensureFolder} from '../../install/folder.ts'
import {readJsonFile} from '../../install/json-file.ts'

export const serverStateSchema = z.object({
  pid: z.int().positive(),
  /** When the process began, by the system's own count; tells it from another one with the same number. */
  processStart: z.string().nullable(),
  startedAt: z.string(),
  version: z.string(),
  /** Where clients reach it; `http+unix:` with the path of a socket. */
  url: z.string(),
  socket: z.string().nullable(),
  /** `host:port`. */
  grpc: z.string().nullable(),
  /** The folder of models. */
  models: z.string(),
  needsToken: z.boolean(),
  /** Where a detached server writes its log. */
  log: z.string().nullable(),
})

export type ServerState = Readonly<z.infer<typeof serverStateSchema>>

const STATE_FILE = /^(\d+)\.json$/

export async function writeState(folder: string, state: ServerState): Promise<void> {
  await ensureFolder(folder)
  await writeFileAtomic(fileOf(folder, state.pid), JSON.stringify(state, null, 2) + '\n', {mode: 0o600})
}

export async function removeState(folder: string, pid: number): Promise<void> {
  await rm(fileOf(folder, pid), {force: true})
}

/** The servers that run, the oldest first. What killed ones have left is removed. */
export async function runningServers(folder: string): Promise<ServerState[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => STATE_FILE.test(name))
  const found = await Promise.all(names.map(async (name) => stateOrNothing(path.join(folder, name))))
  const states = found.filter((state) => state !== null)
  return states.toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt))
}

async function stateOrNothing(file: string): Promise<null | ServerState> {
  const state = await readJsonFile(file, serverStateSchema)
  if (state && (await isRunning(state))) return state
  await rm(file, {force: true})
  return null
}

/** Whether the process of a server is still the one that wrote its state. */
export async function isRunning({pid, processStart}: Pick<ServerState, 'pid' | 'processStart'>): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // It is there, but another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }

  const found = await processStartOf(pid)
  return found === null || processStart === null || found === processStart
}

const START_FIELD = 22

/** When a process began, in ticks since the system did; null where the system does not tell. */
export async function processStartOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (text === null) return null
  // The name of the program may hold spaces and brackets; it ends with the last bracket, and is the second field.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // A process that has ended and that nobody has asked about runs no more.
  return fields[0] === 'Z' ? 'ended' : (fields[START_FIELD - 3] ?? null)
}

function fileOf(folder: string, pid: number): string {
  return path.join(folder, `${pid}.json`)
}
