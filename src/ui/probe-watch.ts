export interface PrintableSample {
  readonly seconds: number
  readonly utilisation: number | null
  readonly frequencyMhz: number | null
  readonly maxFrequencyMhz: number | null
  readonly memoryBytes: number | null
  readonly power: string | null
  readonly powerWatts: number | null
  readonly temperatureCelsius: number | null
  readonly withoutSensors: string | null
}

const COLUMNS = [
  {name: 'time', width: 7},
  {name: 'busy', width: 5},
  {name: 'MHz', width: 5},
  {name: 'memory', width: 8},
  {name: 'W', width: 5},
  {name: '°C', width: 3},
] as const

/** Above the samples; why columns stay empty is said once. */
export function renderWatchHeader({withoutSensors}: PrintableSample): string {
  const head = [...COLUMNS.map(({name, width}) => name.padStart(width)), 'state'].join(' ')
  return withoutSensors ? `Power and temperature: ${withoutSensors}\n${head}` : head
}

/** One line of the table; a dash is a value that this machine does not give. */
export function renderWatchSample(sample: PrintableSample): string {
  const {frequencyMhz, memoryBytes, power, powerWatts, seconds, temperatureCelsius, utilisation} = sample
  const values = [
    `${seconds.toFixed(0)} s`,
    orDash(utilisation, (share) => `${(share * 100).toFixed(0)}%`),
    orDash(frequencyMhz, String),
    orDash(memoryBytes, (bytes) => `${(bytes / 1e6).toFixed(1)} MB`),
    orDash(powerWatts, (watts) => watts.toFixed(2)),
    orDash(temperatureCelsius, String),
  ]
  return [...values.map((value, index) => value.padStart(COLUMNS[index]!.width)), power ?? '-'].join(' ')
}

export const CSV_HEADER =
  'seconds,utilisation,frequency_mhz,max_frequency_mhz,memory_bytes,power_watts,temperature_celsius,state'

/** Raw numbers; an empty field is a value that this machine does not give. */
export function renderWatchCsv(sample: PrintableSample): string {
  const {frequencyMhz, maxFrequencyMhz, memoryBytes, power, powerWatts, seconds, temperatureCelsius, utilisation} =
    sample
  const fields = [
    seconds.toFixed(3),
    utilisation?.toFixed(4),
    frequencyMhz,
    maxFrequencyMhz,
    memoryBytes,
    powerWatts?.toFixed(3),
    temperatureCelsius,
    power,
  ]
  return fields.map((field) => field ?? '').join(',')
}

function orDash(value: number | null, show: (value: number) => string): string {
  return value === null ? '-' : show(value)
}
