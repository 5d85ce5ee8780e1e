import {copyFile, mkdir} from 'node:fs/promises'
import path from 'node:path'

import type {ProcessOptions, ProcessOutcome, RunProcess} from '../../src/core/process/run.ts'

export const SUCCEEDED: ProcessOutcome = {
  exitCode: 0,
  signal: null,
  stdout: '',
  stderr: '',
  channel: '',
  timedOut: false,
  startError: null,
}

export const FAILED: ProcessOutcome = {...SUCCEEDED, exitCode: 1}
export const NOT_THERE: ProcessOutcome = {...SUCCEEDED, exitCode: null, startError: 'spawn ENOENT'}

export interface Call {
  readonly command: string
  readonly args: readonly string[]
  readonly options: ProcessOptions
}

/** A process runner that answers by `answer` and keeps what it was asked. */
export function recordingRunner(answer: (call: Call) => Promise<ProcessOutcome> | ProcessOutcome): {
  calls: Call[]
  run: RunProcess
} {
  const calls: Call[] = []
  return {
    calls,
    async run(command, args, options = {}) {
      const call = {command, args, options}
      calls.push(call)
      return answer(call)
    },
  }
}

/** A pip that "downloads" `file`, as pip does: into the folder named by --dest, below its working folder. */
export function pipServing(file: string): {calls: Call[]; run: RunProcess} {
  return recordingRunner(async ({args, options}) => {
    if (!args.includes('download')) return SUCCEEDED
    const folder = path.join(options.cwd ?? '.', 'wheels')
    await mkdir(folder, {recursive: true})
    await copyFile(file, path.join(folder, path.basename(file)))
    options.onLine?.(`Saved ./wheels/${path.basename(file)}`)
    return SUCCEEDED
  })
}
