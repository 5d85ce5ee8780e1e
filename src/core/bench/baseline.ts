/** Reports that are kept, so that later ones can be compared with them. */
import {mkdir, readFile} from 'node:fs/promises'
import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import {z} from 'zod'

import type {BenchReport} from './report.ts'

import {NpuBridgeError} from '../errors.ts'
import {withStorageErrors} from '../install/storage-error.ts'
import {type Paths, resolvePaths} from '../paths.ts'

const NAME = /^[a-z\d][\w.-]*$/i

/** As much of a report as a comparison needs; a file with less is of another version or no report. */
const reportSchema = z.object({
  environment: z.object({
    started_at: z.string(),
    node: z.string(),
    os: z.object({release: z.string()}),
    cpu: z.object({model: z.string(), cores: z.number()}),
    calibration: z.object({median: z.number().positive()}),
    accelerated: z
      .object({engine: z.string(), device_name: z.string().nullable(), runtime: z.string().nullable()})
      .nullable(),
    settings: z.object({round_ms: z.number()}),
  }),
  suites: z.array(
    z.object({
      name: z.string(),
      metrics: z.array(
        z.object({
          name: z.string(),
          unit: z.string(),
          sides: z.record(z.string(), z.object({status: z.string(), values: z.array(z.number()).optional()})),
        }),
      ),
    }),
  ),
})

/** Where the baseline of this name is kept. What has a separator or ends in .json is a path. */
export function baselineFile(nameOrPath: string, paths: Paths = resolvePaths()): string {
  if (/[/\\]/.test(nameOrPath) || nameOrPath.endsWith('.json')) return path.resolve(nameOrPath)
  if (!NAME.test(nameOrPath)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${JSON.stringify(nameOrPath)} is no name for a baseline`, {
      suggestions: ['Take letters, digits, dots and hyphens, or the path of a .json file.'],
    })
  }

  return path.join(path.dirname(paths.models), 'baselines', `${nameOrPath}.json`)
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT for a file that is not there or is no report */
export async function readBaseline(nameOrPath: string, paths?: Paths): Promise<BenchReport> {
  const file = baselineFile(nameOrPath, paths)
  const text = await readFile(file, 'utf8').catch((error_: unknown) => {
    throw new NpuBridgeError('INVALID_ARGUMENT', `there is no baseline ${file}`, {
      cause: error_,
      suggestions: [`Make one: npubridge bench --save-baseline ${nameOrPath}`],
    })
  })
  const report = parse(text)
  const {error} = reportSchema.safeParse(report)
  if (!error) return report as BenchReport
  const [issue] = error.issues
  throw new NpuBridgeError(
    'INVALID_ARGUMENT',
    `${file} is no report of bench: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'unknown'}`,
    {cause: error, suggestions: [`Make a new one: npubridge bench --save-baseline ${nameOrPath}`]},
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Keeps `report` for {@link readBaseline}; one of this name is replaced. */
export async function saveBaseline(nameOrPath: string, report: BenchReport, paths?: Paths): Promise<string> {
  const file = baselineFile(nameOrPath, paths)
  await withStorageErrors(path.dirname(file), async () => {
    await mkdir(path.dirname(file), {recursive: true})
    await writeFileAtomic(file, JSON.stringify(report))
  })
  return file
}

/**
 * A share as people write it: `5%` or `0.05`.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for what is none, or negative
 */
export function parseShare(text: string): number {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? []
  if (number !== undefined) return Number(number) / (percent ? 100 : 1)
  throw new NpuBridgeError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no share`, {suggestions: ['5%', '0.05']})
}
