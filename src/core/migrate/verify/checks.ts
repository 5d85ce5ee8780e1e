import type {Buffer} from 'node:buffer'

import {z} from 'zod'

import type {Effects} from '../effects.ts'
import type {CheckOutcome} from '../journal/schema.ts'

import {NpuBridgeError} from '../../errors.ts'
import {QUIET_PYTHON} from '../python/interpreter.ts'
import {notebookCode} from '../scan/notebook.ts'
import {dottedParts} from '../scan/resolve.ts'
import {decodeSource} from '../scan/source.ts'
import {RUNNER} from './runner-script.ts'

/** In seconds. An import that takes longer hangs. */
const IMPORT_TIMEOUT = 60

const IDENTIFIER = /^[\p{ID_Start}_][\p{ID_Continue}]*$/u

interface Item {
  readonly path: string
  /** The dotted name to import it by, from the root; null to load it as a script from its own folder. */
  readonly module: string | null
  /** The code of a notebook. */
  readonly source?: string
  /** What of it is executed; left out, all of it unless it does more than define things. */
  readonly extent?: 'imports' | 'whole'
}

/** What a wrapper says of itself in `__npubridge__`. */
const WRAPPER = z.object({active: z.string(), reason: z.string().nullable(), strategy: z.string()})
const OUTCOME = z.object({ok: z.boolean(), problem: z.string().nullable(), wrapper: WRAPPER.nullable()})
const OUTCOMES = z.array(OUTCOME)

type Outcome = z.infer<typeof OUTCOME>

/** The ways in which a file may be meant to be run: from its own folder, and as part of a package. */
function itemsFor({effects, root}: Verifier, file: string): Item[] {
  if (file.endsWith('.ipynb')) {
    const code = notebookCode(decodeSource(effects.fs.readFile(`${root}/${file}`)).text)
    return code ? [{path: file, module: null, source: code.text, extent: 'imports'}] : []
  }

  const parts = dottedParts(file)
  const isImportable = parts.length > 0 && parts.every((part) => IDENTIFIER.test(part))
  const items: Item[] = file.endsWith('__init__.py') ? [] : [{path: file, module: null}]
  return isImportable ? [...items, {path: file, module: parts.join('.')}] : items
}

function nameOf(item: Item): string {
  return item.module === null ? `${item.path} as a script` : `${item.path} as ${item.module}`
}

/** An interpreter that answers for a tree. */
export interface Verifier {
  readonly effects: Effects
  readonly python: string
  /** Absolute. */
  readonly root: string
  readonly signal: AbortSignal | undefined
}

async function ask({effects, python, signal}: Verifier, request: unknown): Promise<unknown> {
  const result = await effects.processes.run(python, ['-c', RUNNER, RUNNER], {
    input: JSON.stringify(request),
    env: QUIET_PYTHON,
    signal,
  })
  signal?.throwIfAborted()
  if (result.exitCode !== 0) {
    const why = result.missing ? 'there is no such program' : result.stderr.trim().split('\n').at(-1) || result.problem
    throw new NpuBridgeError('INVALID_ARGUMENT', `${python} cannot be used for verification: ${why}`, {
      suggestions: ['name a working Python 3: --python /path/to/venv/bin/python'],
    })
  }

  return JSON.parse(result.stdout.trimEnd().split('\n').at(-1)!)
}

async function runItems(verifier: Verifier, items: readonly Item[]): Promise<Outcome[]> {
  if (items.length === 0) return []
  return OUTCOMES.parse(await ask(verifier, {root: verifier.root, items, timeout: IMPORT_TIMEOUT}))
}

/** Imports every one of `files` in each way that it may be meant to be run. */
export async function checkImports(verifier: Verifier, files: readonly string[]): Promise<CheckOutcome[]> {
  const items = files.flatMap((file) => itemsFor(verifier, file))
  const outcomes = await runItems(verifier, items)
  return items.map((item, index) => {
    const {ok, problem} = outcomes[index]!
    return {name: nameOf(item), ok, problem}
  })
}

/** What a wrapper runs on in this Python: npubridge, or the archived original and why. */
export interface WrapperActivity {
  readonly path: string
  readonly active: string | null
  readonly reason: string | null
}

export async function askWrappers(verifier: Verifier, files: readonly string[]): Promise<WrapperActivity[]> {
  const items = files.map((file): Item => ({path: file, module: null, extent: 'whole'}))
  const outcomes = await runItems(verifier, items)
  return files.map((file, index) => {
    const {wrapper, problem} = outcomes[index]!
    return {path: file, active: wrapper?.active ?? null, reason: wrapper ? wrapper.reason : problem}
  })
}

const PROBLEMS = z.array(z.string().nullable())

/** Why Python would refuse each of these sources, or null. */
export async function parseProblems(
  verifier: Verifier,
  sources: ReadonlyArray<{readonly path: string; readonly content: Buffer}>,
): Promise<Array<string | null>> {
  const parse = sources.map(({path, content}) => ({path, content: content.toString('base64')}))
  return PROBLEMS.parse(await ask(verifier, {parse}))
}
