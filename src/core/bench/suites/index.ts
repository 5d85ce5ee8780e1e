import type {Suite} from './suite.ts'

import {coordination} from './coordination.ts'
import {inference} from './inference.ts'
import {load} from './load.ts'
import {memory} from './memory.ts'
import {python} from './python.ts'
import {routing} from './routing.ts'
import {saturation} from './saturation.ts'
import {serve} from './serve.ts'
import {signal} from './signal.ts'
import {startup} from './startup.ts'
import {workflow} from './workflow.ts'

/** In the order in which they are run and shown. */
export const SUITES: readonly Suite[] = [
  coordination,
  load,
  workflow,
  routing,
  signal,
  inference,
  serve,
  saturation,
  python,
  startup,
  memory,
]
