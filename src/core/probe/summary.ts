/** The report in words: the lines that terminal, Markdown and a reader of the JSON share. */
import type {EngineState} from './effects.ts'
import type {Accelerator} from './inventory/accelerators.ts'
import type {Host} from './inventory/host.ts'
import type {OpenVino} from './inventory/openvino.ts'
import type {Performance} from './performance.ts'

export interface Section {
  readonly name: string
  readonly lines: readonly string[]
}

export interface Headline {
  readonly status: 'fail' | 'pass' | 'warn'
  readonly title: string
}

export interface Summary {
  /** One line that says which machine this is. */
  readonly subject: string
  readonly headline: Headline
  readonly sections: readonly Section[]
}

interface Found {
  readonly version: string
  readonly host: Host
  readonly accelerators: readonly Accelerator[]
  readonly openvino: OpenVino
  readonly engines: readonly EngineState[]
  readonly performance: Performance
}

export function summarise(found: Found): Summary {
  return {
    subject: subjectOf(found),
    headline: headlineOf(found),
    sections: [
      {name: 'Hardware', lines: hardware(found.accelerators)},
      {name: 'OpenVINO', lines: openvinoLines(found.openvino)},
      {name: 'Engines', lines: found.engines.map(engineLine)},
      {name: 'Running', lines: running(found.performance)},
    ],
  }
}

function subjectOf({host, version}: Found): string {
  const parts = [
    `npubridge ${version}`,
    host.system?.name ?? host.platform,
    host.kernel && `kernel ${host.kernel}`,
    host.processor?.name,
  ]
  return parts.filter(Boolean).join(' · ')
}

function headlineOf({performance}: Found): Headline {
  if (performance.mode === 'npu') return {status: 'pass', title: 'The NPU works.'}
  const reason = performance.rejected[0]?.reason ?? 'unknown reason'
  return {status: performance.mode ? 'warn' : 'fail', title: `No NPU: ${reason}.`}
}

function hardware(accelerators: readonly Accelerator[]): string[] {
  if (accelerators.length === 0) return ['no accelerator in sysfs']
  return accelerators.map((accelerator) => {
    const id = accelerator.vendor ? ` (${accelerator.vendor}:${accelerator.device})` : ''
    return [
      `${accelerator.maker} ${accelerator.product}${id}`,
      accelerator.name ?? accelerator.address,
      `driver ${accelerator.driver ?? 'none'}`,
    ].join(' · ')
  })
}

function openvinoLines({candidates, failure, used}: OpenVino): string[] {
  if (!failure && candidates.length === 0) return ['no runtime found — npubridge setup fetches one']
  const others = candidates.filter(({folder}) => folder !== used?.folder)
  return [
    ...(used ? [`${used.version ?? 'unknown version'} (${used.source}) in ${used.folder}`] : ['no usable runtime']),
    ...(used?.devices ?? []).map(({fullName, name}) => `${name} · ${fullName ?? 'name unknown'}`),
    ...(failure ? [`did not answer: ${failure.message}`] : []),
    ...others.map(({folder, problem, source, version}) =>
      [`also ${version ?? 'unknown version'} (${source}) in ${folder}`, problem].filter(Boolean).join(': '),
    ),
  ]
}

function engineLine({available, detail, kind}: EngineState): string {
  return `${kind} · ${available ? '' : 'not available: '}${detail}`
}

function running({device, engine, mode, rejected}: Performance): string[] {
  const choice = mode
    ? `${engine} engine${device ? ` on ${device}` : ''} (performance mode ${mode})`
    : 'nothing can run'
  return [choice, ...rejected.map(({candidate, reason}) => `not ${candidate}: ${reason}`)]
}
