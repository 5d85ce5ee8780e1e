import type {Finding} from './diagnosis.ts'
import type {RequirementResult} from './require.ts'

/** What a probe was asked to make sure of, and does not find. */
import {NpuBridgeError} from '../errors.ts'

interface Judged {
  readonly checks: readonly Finding[]
  readonly requirements: readonly RequirementResult[]
}

/**
 * The first reason to fail, or null: a requirement that is not met, one of `asked.checks` that fails, or
 * any check that fails when the results go to a JUnit file.
 */
export function unmetBy(
  {checks, requirements}: Judged,
  asked: {readonly checks?: readonly Finding[] | undefined; readonly junit?: string | undefined},
): NpuBridgeError | null {
  const unmet = requirements.filter(({met}) => !met)
  if (unmet.length > 0) {
    const reasons = unmet.map(({name, reason}) => `${name} is required and not available: ${reason}`)
    return new NpuBridgeError('DEVICE_UNAVAILABLE', reasons.join('; '), {suggestions: ['npubridge probe --all']})
  }

  const failed = (asked.checks ?? (asked.junit === undefined ? [] : checks)).filter(({status}) => status === 'fail')
  if (failed.length === 0) return null
  const names = failed.map(({headline, id}) => `${id} (${headline})`)
  return new NpuBridgeError('DEVICE_UNAVAILABLE', `${failed.length} failed: ${names.join(', ')}`, {
    suggestions: failed.slice(0, 1).flatMap(({remedy}) => remedy),
  })
}
