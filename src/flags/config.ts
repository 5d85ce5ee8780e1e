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

const PROFILE = 'latency, throughput, efficiency, or a profile of the configuration'

export const profileFlags = {
  ...configFlag,
  profile: Flags.string({...group, description: PROFILE, helpValue: 'NAME'}),
}

/** The same for what serves many at once. */
export const busyProfileFlags = {
  ...configFlag,
  profile: Flags.string({...group, description: `${PROFILE}; throughput where neither says which`, helpValue: 'NAME'}),
}
