/** What the commands of `cluster` share. */
import {Flags} from '@oclif/core'

import {configFlag} from './config.ts'
import {queueFlag} from './worker.ts'

export const poolFlags = {...queueFlag, ...configFlag}

export const watchFlags = {
  watch: Flags.boolean({description: 'show it again and again, until Ctrl-C'}),
  interval: Flags.integer({
    default: 1000,
    description: 'how often with --watch, in milliseconds',
    helpValue: 'MS',
    min: 100,
  }),
}
