import {constants} from 'node:fs'
import {access, stat} from 'node:fs/promises'
import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'

import type {BenchReport} from './report.ts'

import {NpuBridgeError} from '../errors.ts'
import {withStorageErrors} from '../install/storage-error.ts'

/** A file that a report is to be written to, and how. */
export interface ExportTarget {
  readonly file: string
  readonly render: (report: BenchReport) => string
}

/**
 * Finds out whether all files can be written, before minutes are spent on what goes into them.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT that names the file
 */
export async function requireWritable(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const problem = await problemOf(path.resolve(file))
    if (problem !== null) throw new NpuBridgeError('INVALID_ARGUMENT', `${file} cannot be written: ${problem}`)
  }
}

async function problemOf(file: string): Promise<string | null> {
  const folder = path.dirname(file)
  const [stats, folderStats] = await Promise.all([file, folder].map(async (each) => stat(each).catch(() => null)))
  if (stats?.isDirectory()) return 'it is a folder'
  if (!folderStats) return `there is no folder ${folder}`
  if (!folderStats.isDirectory()) return `${folder} is no folder`
  try {
    await access(folder, constants.W_OK)
    return null
  } catch (error) {
    return `${folder}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`
  }
}

/** Writes `report` to all `targets`; each file appears whole or not at all. */
export async function writeExports(targets: readonly ExportTarget[], report: BenchReport): Promise<void> {
  for (const {file, render} of targets) {
    await withStorageErrors(path.dirname(path.resolve(file)), async () => writeFileAtomic(file, render(report)))
  }
}
