/** The flags that every command with an engine shares. */
import {Flags} from '@oclif/core'

const group = {helpGroup: 'CONFIGURATION'} as const

export const configFlag = {
  config: Flags.string({
    ...group,
    description: "configuration to use instead of the project's npubridge.config.json or .yaml",
    helpValue: 'FILE',
  }),
}

export const profileFlags = {
  ...configFlag,
  profile: Flags.string({
    ...group,
    description: 'latency, throughput, efficiency, or a profile of the configuration',
    helpValue: 'NAME',
  }),
}
