/** Gathers the facts: files at once, child processes beside each other, each question asked once. */
import type {ProbeEffects} from './effects.ts'
import type {Facts} from './facts.ts'
import type {Reading} from './reading.ts'
import type {Root} from './root.ts'

import {trapsIn} from './checks/environment-trap.ts'
import {type Accelerator, gatherAccelerators, isPciVisible} from './inventory/accelerators.ts'
import {gatherCounters} from './inventory/counters.ts'
import {gatherDriver} from './inventory/driver.ts'
import {gatherFirmware} from './inventory/firmware.ts'
import {gatherHost} from './inventory/host.ts'
import {gatherLevelZero} from './inventory/level-zero.ts'
import {type NativeReadings, NO_READINGS} from './inventory/native.ts'
import {gatherNode} from './inventory/node.ts'
import {gatherOpenVino, lists, type OpenVino} from './inventory/openvino.ts'
import {gatherPackages} from './inventory/packages.ts'

export interface GatherOptions {
  readonly root: Root
  readonly effects: ProbeEffects
  readonly timeoutMs: number
  /** Whether to run models on the devices too. */
  readonly test?: boolean
  readonly signal?: AbortSignal
}

export async function gatherFacts(options: GatherOptions): Promise<Facts> {
  const {effects, root} = options
  const asked = Promise.all([gatherOpenVino(root, options), effects.findEngines()])
  const accelerators = (await effects.findAccelerators?.()) ?? gatherAccelerators(root)
  const npu = accelerators.find(({part}) => part !== null) ?? null
  const host = gatherHost(root)
  const files = {
    host,
    accelerators,
    npu,
    pciVisible: isPciVisible(root),
    driver: gatherDriver(root, host.kernel, npu),
    firmware: npu?.part ? gatherFirmware(root, npu.part.generation) : null,
    node: npu && gatherNode(root, npu),
    kernelLog: npuLines(root.kernelLog()),
    counters: npu ? gatherCounters(root, npu) : NO_COUNTERS,
    levelZero: gatherLevelZero(root),
    packages: gatherPackages(root),
    environment: root.machine.environment,
  }
  const native = npu ? await effects.readNative(files.node?.path ?? null, options) : NO_READINGS
  const [openvino, engines] = await asked
  const trapSprung = await springTraps(options, npu, openvino)
  const tests = options.test ? await runTests(options, openvino) : null
  return {...files, native, openvino, engines, tests, messages: messagesOf(openvino, native, tests), trapSprung}
}

const NO_COUNTERS = {detail: 'no NPU to be seen', unreadable: 'absent'} as const

const NPU_LINE = /intel_vpu|ivpu|intel\/vpu|accel/i

function npuLines(log: Reading<readonly string[]>): Reading<readonly string[]> {
  return 'value' in log ? {value: log.value.filter((line) => NPU_LINE.test(line))} : log
}

/** A second try without the variables that may hide the NPU; only where there is one that OpenVINO does not list. */
async function springTraps(
  options: GatherOptions,
  npu: Accelerator | null,
  openvino: OpenVino,
): Promise<boolean | null> {
  const traps = trapsIn(options.root.machine.environment ?? {})
  if (!options.root.live) return options.effects.trapSprung ?? null
  if (!npu || !openvino.used || traps.length === 0 || lists(openvino, 'NPU')) return null
  const without = await gatherOpenVino(options.root, {...options, without: traps})
  return lists(without, 'NPU') !== null
}

async function runTests({effects, signal}: GatherOptions, {used}: OpenVino): Promise<Facts['tests']> {
  if (!used || !effects.testDevices) return null
  const devices = used.devices.map(({name}) => name)
  return effects.testDevices(used.folder, devices, signal)
}

function messagesOf(openvino: OpenVino, native: NativeReadings, tests: Facts['tests']): string[] {
  const failures = [openvino.failure, native.failure, ...(tests ?? []).map(({error}) => error)]
  return failures.flatMap((failure) => failure?.message.split('\n') ?? [])
}
