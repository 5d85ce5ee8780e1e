import {mark} from './mark.ts'
import {formatBytes, formatMicroseconds, formatSeconds} from './units.ts'

/** The outcome of a setup, as far as it is shown. */
export interface PrintableSetup {
  readonly outcome: 'found' | 'installed' | 'recorded' | 'unchanged'
  readonly runtime: {readonly folder: string; readonly source: string; readonly version: string | null}
  readonly verification:
    | {
        readonly kind: 'devices'
        readonly devices: ReadonlyArray<{readonly name: string; readonly fullName: string | null}>
        readonly tests: ReadonlyArray<{
          readonly device: string
          readonly ok: boolean
          readonly computeUs?: number | undefined
          readonly error?: {readonly message: string} | undefined
        }>
      }
    | {readonly kind: 'files'; readonly reason: string}
  readonly downloadedBytes: number
  readonly installedBytes: number
  readonly seconds: number
  readonly overriddenBy: string | null
}

const SOURCES: Record<string, string> = {
  environment: 'NPUBRIDGE_RUNTIME names it',
  python: "Python's openvino package",
  'openvino-node': 'the openvino-node package',
  'intel-dir': "Intel's archive",
  system: 'on the library path',
}

/** What was done, what works, where it is, what comes next and how to undo it. */
export function renderSetup(result: PrintableSetup): string {
  const {verification} = result
  return [
    `${mark('ok')} ${headline(result)}`,
    '',
    ...(verification.kind === 'devices'
      ? verification.tests.map((test) => deviceLine(test, verification.devices))
      : []),
    ...(verification.kind === 'files'
      ? [`  ${mark('warning')} Not run yet, only its files were checked: ${verification.reason}`]
      : []),
    `  Folder   ${result.runtime.folder}`,
    `  Next     npubridge models pull silero-vad`,
    ...undo(result),
    ...overridden(result),
  ].join('\n')
}

function headline({outcome, runtime, installedBytes, downloadedBytes, seconds}: PrintableSetup): string {
  const name = `OpenVINO${runtime.version === null ? '' : ` ${runtime.version}`}`
  switch (outcome) {
    case 'found': {
      return `${name} is there already (${SOURCES[runtime.source] ?? runtime.source}) and is used; nothing had to be installed.`
    }

    case 'installed': {
      const downloaded = downloadedBytes > 0 ? `${formatBytes(downloadedBytes)} downloaded, ` : ''
      return `${name} is installed: ${downloaded}${formatBytes(installedBytes)} on the disk, ${formatSeconds(seconds)}.`
    }

    case 'recorded': {
      return `${name} in this folder is used from now on.`
    }

    case 'unchanged': {
      return `Already set up: ${name}.`
    }
  }
}

type Tests = Extract<PrintableSetup['verification'], {kind: 'devices'}>

function deviceLine({device, ok, computeUs, error}: Tests['tests'][number], devices: Tests['devices']): string {
  const fullName = devices.find(({name}) => name === device)?.fullName
  const named = fullName ? `${device} (${fullName})` : device
  if (!ok) return `  ${mark('failed')} ${named} does not run a tiny model: ${error?.message ?? 'unknown reason'}`
  return `  ${mark('ok')} ${named} compiled and ran a tiny model${computeUs === undefined ? '' : ` in ${formatMicroseconds(computeUs)}`}`
}

function undo({outcome, runtime}: PrintableSetup): string[] {
  if (outcome === 'installed') return [`  Undo     rm -r ${runtime.folder}`]
  return outcome === 'recorded' ? ['  Undo     npubridge setup --force'] : []
}

function overridden({overriddenBy}: PrintableSetup): string[] {
  if (overriddenBy === null) return []
  return [
    `  ${mark('warning')} NPUBRIDGE_RUNTIME is set to ${overriddenBy}, which goes before it: unset NPUBRIDGE_RUNTIME`,
  ]
}
