/** The report in words: the lines that terminal, Markdown and a reader of the JSON share. */
import type {Diagnosis} from './diagnosis.ts'
import type {EngineState} from './effects.ts'
import type {Facts} from './facts.ts'
import type {ModelTest} from './functional-test.ts'
import type {Accelerator} from './inventory/accelerators.ts'
import type {Performance} from './performance.ts'

import {lists} from './inventory/openvino.ts'
import {valueOf} from './reading.ts'
import {clockHz, enabledTiles, type Tops} from './tops.ts'

export interface Section {
  readonly name: string
  readonly lines: readonly string[]
  /** Whether only a full report shows it. */
  readonly detail: boolean
}

export interface Headline {
  readonly status: 'fail' | 'pass' | 'warn'
  readonly title: string
  readonly details: readonly string[]
  /** Other failures that do not wait for this one, each as one line. */
  readonly also: readonly string[]
  /** What to do, in order. */
  readonly fix: readonly string[]
  /** The check that explains more; null when there is none. */
  readonly check: string | null
}

export interface Summary {
  /** One line that says which machine this is. */
  readonly subject: string
  readonly headline: Headline
  readonly sections: readonly Section[]
}

export interface Judged {
  readonly version: string
  readonly facts: Facts
  readonly diagnosis: Diagnosis
  readonly performance: Performance
  readonly tops: Tops
}

export function summarise(judged: Judged): Summary {
  return {
    subject: subjectOf(judged),
    headline: headlineOf(judged),
    sections: sectionsOf(judged).filter(({lines}) => lines.length > 0),
  }
}

function sectionsOf({facts, performance, tops}: Judged): Section[] {
  const section = (name: string, lines: readonly string[]) => ({name, lines, detail: false})
  return [
    section('Hardware', hardware(facts, tops)),
    section('Kernel', kernel(facts)),
    section('Userspace', userspace(facts)),
    section('OpenVINO', openvino(facts)),
    section('Engines', facts.engines.map(engine)),
    section('Tests', (facts.tests ?? []).map(test)),
    section('Running', running(performance)),
    ...(facts.openvino.used?.devices ?? []).map(({name, properties}) => ({
      name,
      lines: Object.entries(properties).map(([key, value]) => `${key} = ${value}`),
      detail: true,
    })),
  ]
}

function joined(...parts: ReadonlyArray<string | false | null | undefined>): string {
  return parts.filter(Boolean).join(' · ')
}

function subjectOf({facts: {host}, version}: Judged): string {
  const system = host.system?.name ?? host.platform
  return joined(`npubridge ${version}`, system, host.kernel && `kernel ${host.kernel}`, host.processor?.name)
}

function headlineOf(judged: Judged): Headline {
  const {diagnosis, facts, performance} = judged
  const {rootCause} = diagnosis
  if (rootCause) {
    const {evidence, headline, id, remedy} = rootCause
    const title = withFallback(headline ?? `Not so: ${rootCause.title}.`, performance)
    return {status: 'fail', title, details: evidence, also: alsoFailed(diagnosis), fix: remedy, check: id}
  }

  const device = lists(facts.openvino, 'NPU')
  if (device) return plain('pass', `The NPU works: ${device.fullName ?? device.name}.`)
  const doubt = diagnosis.findings.find(({status}) => status === 'warn')
  if (doubt?.headline) {
    return {
      status: 'warn',
      title: doubt.headline,
      details: doubt.evidence,
      also: [],
      fix: doubt.remedy,
      check: doubt.id,
    }
  }

  if (facts.npu && facts.openvino.used)
    return plain('warn', withFallback(`There is a ${facts.npu.product}, but OpenVINO does not list it.`, performance))
  if (facts.npu) return plain('warn', `Nothing speaks against the ${facts.npu.product}, but OpenVINO was not asked.`)
  return plain('warn', withFallback('Whether there is an NPU cannot be told here.', performance))
}

function plain(status: 'pass' | 'warn', title: string): Headline {
  return {status, title, details: [], also: [], fix: [], check: null}
}

function alsoFailed({findings, rootCause}: Diagnosis): string[] {
  const others = findings.filter((finding) => finding.status === 'fail' && finding !== rootCause)
  return others.map(({headline, id}) => `${headline} (${id})`)
}

function withFallback(title: string, {mode}: Performance): string {
  if (!mode || mode === 'npu') return title
  const place = mode === 'legacy' ? 'by the legacy engine' : `on the ${mode.toUpperCase()}`
  return `${title.replace(/\.$/, '')}; operations run ${place}.`
}

function hardware(facts: Facts, tops: Tops): string[] {
  if (facts.accelerators.length === 0) return ['no accelerator in sysfs or on PCI']
  return facts.accelerators.map((accelerator) =>
    accelerator === facts.npu ? npuLine(accelerator, facts, tops) : otherLine(accelerator),
  )
}

function npuLine(npu: Accelerator, facts: Facts, tops: Tops): string {
  const clock = clockHz(facts)
  const tiles = enabledTiles(facts)
  const speed = tops.basis === 'unknown' ? tops.text : `${tops.text} (${tops.basis})`
  return joined(
    `${npu.product} (${npu.vendor}:${npu.device})`,
    tiles !== null && `${tiles} ${tiles === 1 ? 'tile' : 'tiles'}`,
    clock !== null && `${(clock / 1e9).toFixed(1)} GHz`,
    speed,
  )
}

function otherLine({address, device, driver, maker, name, product, vendor}: Accelerator): string {
  const id = vendor ? ` (${vendor}:${device})` : ''
  return joined(`${maker} ${product}${id}`, name ?? address, `driver ${driver ?? 'none'}`)
}

function kernel({counters, driver, firmware, npu}: Facts): string[] {
  if (!npu) return []
  const module = driver.loaded ? `intel_vpu ${driver.version ?? 'loaded'}` : 'intel_vpu not loaded'
  // The build date; what follows it names branches.
  const version = (valueOf(counters)?.firmware ?? firmware?.version)?.split('*', 1)[0]
  const file = firmware?.file ? (version ?? 'present, version unknown') : 'not found'
  return [joined(module, `firmware ${file}`, npu.power.status && `power: ${npu.power.status}`)]
}

function userspace({levelZero, native, npu, openvino: {used}}: Facts): string[] {
  const {compiler, driver, loader} = levelZero
  if (!npu && !loader && !driver) return []
  const loaderVersion = native.levelZero?.loaderVersion ?? loader?.version
  const built = buildDate(used?.devices.find(({name}) => name === 'NPU')?.properties.NPU_DRIVER_VERSION)
  return [
    joined(
      loader ? `Level Zero ${loaderVersion ?? 'of unknown version'}` : 'no Level Zero loader',
      driver ? `NPU driver ${driver.version ?? 'of unknown version'}${built}` : 'no NPU driver',
      compiler ? 'compiler present' : 'no driver compiler',
    ),
  ]
}

/** On Linux the NPU plugin gives the driver's build time in seconds since 1970 as its version. */
function buildDate(seconds: string | undefined): string {
  return /^1\d{9}$/.test(seconds ?? '') ? `, built ${new Date(Number(seconds) * 1000).toISOString().slice(0, 10)}` : ''
}

function openvino({openvino: {candidates, failure, used}}: Facts): string[] {
  if (!used)
    return [failure?.message ?? 'no usable runtime — npubridge setup fetches one', ...candidates.map(candidate)]
  const devices = used.devices.map(({fullName, name}) => (fullName ? `${name} (${fullName})` : name)).join(', ')
  return [
    `${versionOf(used)} (${used.source}) in ${used.folder}`,
    failure ? `did not answer: ${failure.message.split('\n', 1)[0]}` : `devices: ${devices || 'none'}`,
    ...candidates.filter(({folder}) => folder !== used.folder).map(candidate),
  ]
}

/** Without build number and branch. */
function versionOf({version}: {readonly version: string | null}): string {
  return version?.split('-', 1)[0] ?? 'unknown version'
}

function candidate({folder, problem, source, version}: Facts['openvino']['candidates'][number]): string {
  const found = `not used: ${versionOf({version})} (${source}) in ${folder}`
  return problem ? `${found}, ${problem}` : found
}

function engine({available, detail, kind}: EngineState): string {
  return `${kind}: ${available ? detail : `not available (${detail.replace(/\.$/, '')})`}`
}

function test({device, deviation, error, model, run}: ModelTest): string {
  if (!run) return `${model} on ${device}: ${error?.message.split('\n', 1)[0]}`
  const {firstMs, medianUs, p99Us, perSecond} = run
  return joined(
    `${model} on ${device}`,
    `first ${firstMs.toFixed(1)} ms`,
    `then ${medianUs.toFixed(0)} µs (p99 ${p99Us.toFixed(0)} µs)`,
    `${Math.round(perSecond)}/s`,
    deviation !== null && `within ${(deviation * 100).toFixed(2)} % of the CPU's numbers`,
    error?.message,
  )
}

function running({device, engine: kind, mode, rejected}: Performance): string[] {
  if (!mode) return rejected.length > 0 ? ['nothing can run'] : []
  const choice = mode === 'legacy' ? 'legacy engine' : `${kind} engine on ${device}`
  const reasons = rejected.map(({candidate: name, reason}) => `${name.toUpperCase()} rejected: ${reason}`)
  return [`${choice} (performance mode ${mode})`, ...reasons]
}
