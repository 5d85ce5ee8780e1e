/** Devices, with their circuit breakers and what can be read of them. */
import type {DeviceView} from '../../src/core/dashboard/view.ts'

import {formatBytes, formatCount, formatLatency, UNKNOWN} from '../../src/ui/units.ts'
import {byId, el, keyed, setAttribute, setText} from '../dom.ts'

const KINDS: Readonly<Record<string, string>> = {closed: 'good', open: 'bad', 'half-open': 'warn'}
const MEANS: Readonly<Record<string, string>> = {
  closed: 'in service',
  open: 'out of service',
  'half-open': 'being tried again',
}

export function showDevices(devices: readonly DeviceView[]): void {
  keyed(byId('devices'), devices, {
    key: ({name}) => name,
    make: ({name}) =>
      el(
        'article',
        {class: 'card device', 'data-device': name, 'aria-label': name},
        el('div', {class: 'head'}, el('h3', {}, name), el('span', {class: 'pill breaker'})),
        el('p', {class: 'soft small full-name'}),
        el('dl', {class: 'facts'}),
        el('p', {class: 'why bad reason', hidden: ''}),
        el('p', {class: 'why telemetry-reason', hidden: ''}),
      ),
    update: updateDevice,
  })
}

function updateDevice(element: HTMLElement, device: DeviceView): void {
  const {breaker, fullName, reason, telemetry} = device
  const pill = element.querySelector('.breaker')!
  const meaning = MEANS[breaker]
  setText(pill, meaning === undefined ? `breaker ${breaker}` : `${breaker} · ${meaning}`)
  setAttribute(pill, 'data-kind', KINDS[breaker] ?? 'wait')
  setAttribute(pill, 'data-state', breaker)
  setText(element.querySelector('.full-name')!, fullName ?? '')
  keyed(element.querySelector('.facts')!, factsOf(device).flat(), {
    key: ({key}) => key,
    make: ({tag}) => el(tag as 'dd'),
    update(part, {isUnknown, text}) {
      setText(part, text)
      setAttribute(part, 'class', isUnknown ? 'is-unknown' : '')
    },
  })
  say(element.querySelector('.reason')!, breaker === 'closed' ? null : reason)
  say(element.querySelector('.telemetry-reason')!, telemetry?.reason ? `Unknown because ${telemetry.reason}.` : null)
}

function say(element: HTMLElement, text: string | null): void {
  setText(element, text ?? '')
  element.hidden = text === null
}

interface Part {
  readonly key: string
  readonly tag: string
  readonly text: string
  readonly isUnknown: boolean
}

function factsOf({admitted, failures, latency, opened, perSecond, telemetry}: DeviceView): Part[][] {
  const facts = [
    fact('work', perSecond === null ? null : `${formatCount(perSecond)} ops/s`),
    fact('compute p50 · p99', latency && `${formatLatency(latency.p50)} · ${formatLatency(latency.p99)}`, 'none yet'),
    fact('taken out of service', opened === null ? null : `${formatCount(opened)} ×`),
  ]
  if (failures !== null && failures > 0) facts.push(fact('failures in a row', String(failures)))
  if (admitted) facts.push(fact('admitted at once', `${admitted.limit ?? UNKNOWN} of ${admitted.places ?? UNKNOWN}`))
  if (!telemetry) return facts
  const {frequencyMhz, maxFrequencyMhz, memoryBytes, power, powerWatts, temperatureCelsius, utilisation} = telemetry
  const most = maxFrequencyMhz === null ? '' : ` of ${maxFrequencyMhz}`
  return [
    ...facts,
    fact('utilisation', utilisation === null ? null : `${Math.round(utilisation * 100)} %`),
    fact('frequency', frequencyMhz === null ? null : `${frequencyMhz}${most} MHz`),
    fact('memory', memoryBytes === null ? null : formatBytes(memoryBytes)),
    fact('temperature', temperatureCelsius === null ? null : `${temperatureCelsius} °C`),
    fact('power', powerWatts === null ? null : `${powerWatts.toFixed(2)} W${power === null ? '' : ` · ${power}`}`),
  ]
}

function fact(name: string, value: string | null, unknown = UNKNOWN): Part[] {
  return [
    {key: `${name}:`, tag: 'dt', text: name, isUnknown: false},
    {key: name, tag: 'dd', text: value ?? unknown, isUnknown: value === null},
  ]
}
