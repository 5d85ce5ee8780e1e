/** What each of the old module's modes means now: what holds where the workflow itself does not say. */
import {availableParallelism} from 'node:os'

import type {Mode} from './mode-names.ts'
import type {FailurePolicy} from './schema.ts'

export interface ModeDefaults {
  /** `auto`: hybrid when the model and a runtime are there, else lexical. */
  readonly method: 'auto' | 'lexical'
  /** Whether a task for an agent that there is not is routed by its description instead of being refused. */
  readonly routeUnknown: boolean
  /** Whether equally urgent tasks go by the work that waits for them, instead of their place in the file. */
  readonly preferCriticalPath: boolean
  readonly maxParallel: number
  readonly onFailure: FailurePolicy
  readonly retries: number
}

const USUAL: ModeDefaults = {
  method: 'auto',
  routeUnknown: false,
  preferCriticalPath: false,
  maxParallel: 10,
  onFailure: 'skip_dependents',
  retries: 0,
}

export const MODE_DEFAULTS: Readonly<Record<Mode, ModeDefaults>> = {
  npu_accelerated: USUAL,
  parallel_optimized: {...USUAL, preferCriticalPath: true, maxParallel: Math.max(10, 2 * availableParallelism())},
  intelligent_routing: {...USUAL, routeUnknown: true},
  performance_first: {...USUAL, method: 'lexical', preferCriticalPath: true},
  reliability_first: {...USUAL, maxParallel: 4, onFailure: 'stop', retries: 2},
}
