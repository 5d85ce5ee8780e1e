import type {Effects} from '../effects.ts'
import type {LeftAlone, MigrationPlan, PlannedFile} from './plan.ts'

import {NpuBridgeError} from '../../errors.ts'
import {parseProblems} from '../verify/checks.ts'

/**
 * Has Python itself parse every source that is going to be written; the grammar that found the places is more forgiving
 * than the language. A call site that Python refused before is left alone.
 *
 * @throws {NpuBridgeError} INTERNAL when a source would be broken by the change.
 */
export async function validatePlan(
  effects: Effects,
  python: string,
  plan: MigrationPlan,
  signal?: AbortSignal,
): Promise<MigrationPlan> {
  const verifier = {effects, python, root: plan.root, signal}
  const written = plan.files.filter((file) => file.role === 'call-site' || file.role === 'wrapper')
  const originals = written.map((file) => ({
    path: file.path,
    content: effects.fs.readFile(`${plan.root}/${file.path}`),
  }))
  const problems = await parseProblems(verifier, [...originals, ...written])
  const before = problems.slice(0, originals.length)
  const after = problems.slice(originals.length)
  const left: LeftAlone[] = []
  const dropped = new Set<PlannedFile>()
  for (const [index, file] of written.entries()) {
    const problem = after[index] ?? null
    if (problem === null) continue
    const was = before[index] ?? null
    if (was === null || file.role === 'wrapper')
      throw new NpuBridgeError('INTERNAL', `what was going to be written to ${file.path} is no Python: ${problem}`)
    dropped.add(file)
    left.push({path: file.path, reason: `Python refuses it already: ${was}`})
  }

  return {
    ...plan,
    files: plan.files.filter((file) => !dropped.has(file)),
    rewrites: plan.rewrites.filter(({path}) => left.every((item) => item.path !== path)),
    left: [...plan.left, ...left],
  }
}
