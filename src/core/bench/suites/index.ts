import type {Suite} from './suite.ts'

import {coordination} from './coordination.ts'
import {inference} from './inference.ts'
import {memory} from './memory.ts'
import {workflow} from './workflow.ts'

/** In the order in which they are run and shown. */
export const SUITES: readonly Suite[] = [coordination, workflow, inference, memory]
