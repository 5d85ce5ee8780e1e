/** Settings that are each right and cannot hold together. */
import type {Problem} from './problems.ts'
import type {Config} from './schema.ts'

import {showValue} from '../run/fields.ts'
import {nearestName} from '../run/nearest.ts'
import {BUILT_IN_PROFILES} from './sections/profiles.ts'

type Rule = (config: Config) => Problem[]

/** What contradicts what in a configuration that fits the schema. */
export function contradictions(values: unknown): Problem[] {
  const config = values as Config
  return RULES.flatMap((rule) => rule(config))
}

const RULES: readonly Rule[] = [
  profilesAreKnown,
  builtInNamesAreKept,
  profileFitsDevice,
  memoryIsSaidOnce,
  delayIsBearable,
]

function profilesAreKnown({models = {}, profile, profiles = {}}: Config): Problem[] {
  const known = [...BUILT_IN_PROFILES, ...Object.keys(profiles)]
  const wanted = [
    ['profile', profile],
    ...Object.entries(models).map(([model, settings]) => [`models.${model}.profile`, settings.profile]),
  ] as Array<[string, string | undefined]>
  return wanted.flatMap(([path, name]) =>
    name === undefined || known.includes(name)
      ? []
      : problem(path, name, known.join(', '), `it must be one of ${known.join(', ')}`, nearestName(name, known)),
  )
}

function builtInNamesAreKept({profiles = {}}: Config): Problem[] {
  return BUILT_IN_PROFILES.filter((name) => Object.hasOwn(profiles, name)).map((name) =>
    problem(
      `profiles.${name}`,
      profiles[name],
      'another name',
      'but that name is built in: choose another one and let it extend it',
    ),
  )
}

function profileFitsDevice({device = 'auto', profile, profiles = {}}: Config): Problem[] {
  const madeFor = profile === undefined ? undefined : profiles[profile]?.device
  if (madeFor === undefined || device === 'auto' || device === madeFor) return []
  return [problem('device', device, madeFor, `but the profile ${profile!} was made for ${madeFor}`)]
}

function memoryIsSaidOnce({npu, resources}: Config): Problem[] {
  const [a, b] = [npu?.memory_limit_mb, resources?.npu_memory_mb]
  if (a === undefined || b === undefined || a === b) return []
  return [problem('npu.memory_limit_mb', a, String(b), `but resources.npu_memory_mb, which is the same, is ${b}`)]
}

function delayIsBearable({batching, max_latency_us: longest}: Config): Problem[] {
  const delay = batching?.delay_us
  if (longest === undefined || delay === undefined || delay < longest) return []
  const why = `but max_latency_us is ${longest}: an operation would be late before it starts`
  return [problem('batching.delay_us', delay, `less than ${longest}`, why)]
}

function problem(path: string, value: unknown, allowed: string, why: string, nearest?: string): Problem {
  return {path, value, allowed, nearest: nearest ?? null, message: `${path} is ${showValue(value)}, ${why}`}
}
