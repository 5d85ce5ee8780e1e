/** Writes a profile that was found into the project's configuration, which is left as it is otherwise. */
import {readFile} from 'node:fs/promises'
import path from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import {parseDocument} from 'yaml'

import type {OwnProfile} from './candidate.ts'
import type {TuneReport} from './report.ts'

import {CONFIG_FILES, findConfigFile, readConfigFile} from '../config/files.ts'
import {BUILT_IN_PROFILES, PROFILE_NAME} from '../config/sections/profiles.ts'
import {EXIT, NpuBridgeError} from '../errors.ts'
import {withStorageErrors} from '../install/storage-error.ts'

export interface SaveTarget {
  readonly name: string
  readonly file: string
  /** The part of the file that is the configuration. */
  readonly key: null | string
}

/**
 * Finds out where a profile is to be written, before time is spent on finding one.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for names that cannot be taken, with the exit code of a guard for a profile
 *   that was written by hand; CONFIG_INVALID for a file that cannot be read
 */
export async function saveTarget(name: string, file: string | undefined, folder = process.cwd()): Promise<SaveTarget> {
  if (!PROFILE_NAME.test(name) || (BUILT_IN_PROFILES as readonly string[]).includes(name)) {
    const why = PROFILE_NAME.test(name)
      ? 'that profile is built in'
      : 'a name has letters, digits, dots and hyphens, a letter first'
    throw new NpuBridgeError('INVALID_ARGUMENT', `--save is ${JSON.stringify(name)}, but ${why}`, {
      exitCode: EXIT.usage,
      suggestions: ['--save tuned'],
    })
  }

  const found = file === undefined ? await findConfigFile(folder) : await readConfigFile(file)
  const existing = (found?.values.profiles as Record<string, OwnProfile> | undefined)?.[name]
  if (existing !== undefined && existing.tuned === undefined) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${found!.file} has a profile ${name} that tune did not write`, {
      exitCode: EXIT.guardRefused,
      suggestions: [`--save ${name}-tuned`],
    })
  }

  return {name, file: found?.file ?? path.join(folder, CONFIG_FILES[0]), key: found?.key ?? null}
}

/** Writes the winner of `report`; gives the file. */
export async function saveWinner(report: TuneReport, target: SaveTarget): Promise<string> {
  const winner = report.settings.find(({name}) => name === report.winner)!
  const {figures} = winner
  const saved: OwnProfile = {
    description: `For ${report.model} on ${report.device}: ${winner.name}`,
    ...winner.profile,
    tuned: {
      model: report.model,
      device: report.device,
      runtime: report.runtime,
      objective: report.objective,
      throughput: Math.round(figures.throughput),
      p50_us: Math.round(figures.p50Us),
    },
  }
  await withStorageErrors(path.dirname(target.file), async () => {
    const text = await readFile(target.file, 'utf8').catch(() => '')
    await writeFileAtomic(target.file, withProfile(text, target, saved))
  })
  return target.file
}

function withProfile(text: string, {file, key, name}: SaveTarget, profile: OwnProfile): string {
  const place = [...(key === null ? [] : [key]), 'profiles', name]
  if (/\.ya?ml$/i.test(file)) {
    const document = parseDocument(text)
    document.setIn(place, document.createNode(profile))
    return document.toString()
  }

  const content = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
  let at = content
  for (const part of place.slice(0, -1)) at = (at[part] ??= {}) as Record<string, unknown>
  at[place.at(-1)!] = profile
  const indent = /^[\t ]+/m.exec(text)?.[0] ?? '  '
  return `${JSON.stringify(content, null, indent)}\n`
}
