import type {InspectOptions} from './inspect.ts'
import type {DeviceTest, RuntimeReport} from './report.ts'

import {NpuBridgeError} from '../errors.ts'

/** How much a runtime was put to the test. */
export type Verification =
  /** Loaded in a child process; a tiny model was run on each of its devices. */
  | {
      readonly kind: 'devices'
      readonly devices: ReadonlyArray<{readonly name: string; readonly fullName: string | null}>
      readonly tests: readonly DeviceTest[]
    }
  /** Only its files could be looked at, for this reason. */
  | {readonly kind: 'files'; readonly reason: string}

export interface Tested {
  /** What the runtime said; null when it could not be asked. */
  readonly report: RuntimeReport | null
  readonly verification: Verification
}

/**
 * Has a runtime put to the test; where that is impossible for lack of the native engine, the result says so.
 *
 * @param inspect asks the runtime in a child process
 * @param options passed on to `inspect`
 * @throws {NpuBridgeError} RUNTIME_NOT_FOUND when a tiny model runs on none of its devices, or as `inspect` does
 */
export async function putToTest(
  inspect: (options: InspectOptions) => Promise<RuntimeReport>,
  options: InspectOptions,
): Promise<Tested> {
  try {
    const report = await inspect({...options, functionalTest: true})
    const {devices, tests = []} = report
    if (tests.every(({ok}) => !ok)) throw nothingRuns(report)
    const named = devices.map(({name, fullName}) => ({name, fullName}))
    return {report, verification: {kind: 'devices', devices: named, tests}}
  } catch (error) {
    if (!(error instanceof NpuBridgeError) || error.code !== 'UNSUPPORTED_OPERATION') throw error
    return {report: null, verification: {kind: 'files', reason: error.message}}
  }
}

function nothingRuns({folder, tests = []}: RuntimeReport): NpuBridgeError {
  const reasons = tests.map(({device, error}) => `${device}: ${error?.message ?? 'unknown reason'}`)
  return new NpuBridgeError(
    'RUNTIME_NOT_FOUND',
    `The runtime in ${folder} runs a tiny model on none of its devices (${reasons.join('; ') || 'it has none'}).`,
    {suggestions: ['npubridge probe']},
  )
}

/** A verification in a few words. */
export function summarise(verification: Verification): string {
  if (verification.kind === 'files') return 'only the files could be checked'
  return verification.tests.map(({device, ok}) => `${device} ${ok ? 'works' : 'does not work'}`).join(', ')
}
