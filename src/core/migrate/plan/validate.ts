import {NpuBridgeError} from '../../errors.ts'
import type {Effects} from '../effects.ts'
import {sha256} from '../hash.ts'
import {parseProblems} from '../verify/checks.ts'
import type {LeftAlone, MigrationPlan, PlannedFile} from './plan.ts'

/**
 * Has Python itself parse every source that is going to be written; the grammar that found the places is more forgiving
 * than the language. A call site that Python refused before is left alone.
 *
 * @throws INTERNAL when a source would be broken by the change.
 */
export async function validatePlan(
  effects: Effects,
  python: string,
  plan: MigrationPlan,
  signal?: AbortSignal,
): Promise<MigrationPlan> {
  const written = plan.files.filter((file) => file.role === 'call-site' || file.role === 'wrapper')
  const originals = written.map((file) => ({
    path: file.path,
    content: effects.fs.readFile(`${plan.root}/${file.path}`),
  }))
  const [before, after] = [
    await parseProblems(effects, python, originals, signal),
    await parseProblems(effects, python, written, signal),
  ]
  const left: LeftAlone[] = []
  const dropped = new Set<PlannedFile>()
  for (const [index, file] of written.entries()) {
    const problem = after[index] ?? null
    if (problem === null) continue
    const was = before[index] ?? null
    if (file.role === 'wrapper' || was === null || sha256(originals[index]!.content) !== file.before?.sha256)
      throw new NpuBridgeError('INTERNAL', `what was going to be written to ${file.path} is no Python: ${problem}`)
    dropped.add(file)
    left.push({path: file.path, reason: `Python refuses it already: ${was}`})
  }
  return {
    ...plan,
    files: plan.files.filter((file) => !dropped.has(file)),
    rewrites: plan.rewrites.filter(({path}) => !left.some((item) => item.path === path)),
    left: [...plan.left, ...left],
  }
}
