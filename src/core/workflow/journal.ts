/**
 * What has been done, written down task by task, so that an interrupted workflow goes on where it was.
 *
 * A line of JSON each: first the text of the workflow's file, then every task that was completed, with its output. A
 * line that was being written when the power went is left out.
 */
import {createPatch} from 'diff'
import {appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {NpuBridgeError} from '../errors.ts'

const VERSION = 1
const SHOWN_LINES = 20

interface Header {
  readonly version: number
  readonly workflow: string
  readonly text: string
}

interface Entry {
  readonly task: string
  readonly output: unknown
}

export interface JournalState {
  /** The outputs of completed tasks. */
  readonly done: ReadonlyMap<string, unknown>
  readonly finished: boolean
}

/** The journal of a workflow's file, unless another place is named. */
export function journalFile(workflowFile: string): string {
  const {dir, name} = path.parse(workflowFile)
  return path.join(dir, '.npubridge', `${name}.journal.jsonl`)
}

/** Writes down what is done. Writes are at once: what is told as done is with the system, whatever becomes of us. */
export class Journal {
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
  }

  /** Begins anew; what an earlier run left is gone. */
  static begin(file: string, workflow: string, text: string): Journal {
    const header: Header = {version: VERSION, workflow, text}
    try {
      mkdirSync(path.dirname(file), {recursive: true})
      writeFileSync(file, `${JSON.stringify(header)}\n`)
    } catch (error) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `the journal ${file} cannot be written`, {
        cause: error,
        suggestions: ['--journal FILE puts it elsewhere'],
      })
    }

    return new Journal(file)
  }

  /** Goes on with what an earlier run left. */
  static continue(file: string): Journal {
    const text = readFileSync(file, 'utf8')
    // A line that was cut off must not run into the next one.
    if (!text.endsWith('\n')) appendFileSync(file, '\n')
    return new Journal(file)
  }

  completed(task: string, output: unknown): void {
    const entry: Entry = {task, output: output ?? null}
    appendFileSync(this.#file, `${JSON.stringify(entry)}\n`)
  }

  finished(): void {
    appendFileSync(this.#file, `${JSON.stringify({finished: true})}\n`)
  }
}

/** Whether an earlier run was begun and not finished. */
export function isUnfinished(file: string): boolean {
  try {
    return existsSync(file) && !read(file).state.finished
  } catch {
    return false
  }
}

/**
 * What an earlier run of the same workflow has done.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT where there is none, or where the workflow's file has changed since, with
 *   the difference
 */
export function readJournal(file: string, workflowFile: string, text: string): JournalState {
  if (!existsSync(file)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `there is nothing to resume: ${file} does not exist`, {
      suggestions: [`npubridge run ${workflowFile}`],
    })
  }

  const {header, state} = read(file)
  if (header.text !== text) {
    throw new NpuBridgeError(
      'INVALID_ARGUMENT',
      `${workflowFile} has changed since the run that is to be resumed:\n${difference(header.text, text)}`,
      {suggestions: [`npubridge run ${workflowFile}   begins anew`, 'or take the change back, then --resume']},
    )
  }

  return state
}

function read(file: string): {header: Header; state: JournalState} {
  const [first, ...lines] = readFileSync(file, 'utf8').split('\n')
  const header = parseLine(first!) as Header | undefined
  if (header?.version !== VERSION || typeof header.text !== 'string') {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} is not the journal of a workflow`)
  }

  const done = new Map<string, unknown>()
  let finished = false
  for (const line of lines) {
    const entry = parseLine(line) as undefined | (Partial<Entry> & {finished?: boolean})
    if (entry?.finished) finished = true
    else if (typeof entry?.task === 'string') done.set(entry.task, entry.output)
  }

  return {header, state: {done, finished}}
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function difference(before: string, after: string): string {
  const lines = createPatch('workflow', before, after, 'then', 'now', {context: 1}).split('\n').slice(2)
  const shown = lines.slice(0, SHOWN_LINES).join('\n')
  return lines.length > SHOWN_LINES ? `${shown}\n… ${lines.length - SHOWN_LINES} more lines` : shown.trimEnd()
}
