import {expect} from 'chai'

import type {Facts} from '../../../src/core/probe/facts.ts'
import type {ProbeReport} from '../../../src/core/probe/probe.ts'

import {CHECKS} from '../../../src/core/probe/checks/index.ts'
import {NO_READINGS} from '../../../src/core/probe/inventory/native.ts'
import {probeCase} from './fixture.ts'

type Change = (facts: ProbeReport) => Partial<Facts>

const DENIED = {detail: 'needs root', unreadable: 'denied'} as const
const NONE: Change = () => ({npu: null})
const OPENVINO_WITHOUT_NPU: Change = ({openvino}) => ({
  openvino: {...openvino, used: {...openvino.used!, devices: openvino.used!.devices.slice(0, 1)}},
})
const host =
  (change: Partial<Facts['host']>): Change =>
  (facts) => ({host: {...facts.host, ...change}})
const driver =
  (change: Partial<Facts['driver']>): Change =>
  (facts) => ({driver: {...facts.driver, ...change}})
const npu =
  (change: Partial<NonNullable<Facts['npu']>>): Change =>
  (facts) => ({npu: {...facts.npu!, ...change}})
const levelZero =
  (change: Partial<Facts['levelZero']>): Change =>
  (facts) => ({levelZero: {...facts.levelZero, ...change}})
const used =
  (change: Partial<NonNullable<Facts['openvino']['used']>>): Change =>
  ({openvino}) => ({
    openvino: {...openvino, used: {...openvino.used!, ...change}},
  })
const processor =
  (change: Partial<NonNullable<Facts['host']['processor']>>): Change =>
  (facts) => ({
    host: {...facts.host, processor: {...facts.host.processor!, ...change}},
  })
const counters =
  (resets: number | null, engineResets: number | null): Change =>
  () => ({
    counters: {value: {engineResets, firmware: null, resets}},
  })
const log =
  (...lines: string[]): Change =>
  () => ({kernelLog: {value: lines}})
const loaderVersion =
  (version: string | null): Change =>
  () => ({
    native: {...NO_READINGS, levelZero: {drivers: [], initResult: 'success', loaderPath: null, loaderVersion: version}},
  })
const UNNAMED = {path: '/usr/lib/libx.so', version: null}

/** Check, what is different from a healthy Meteor Lake machine, the status, and what the evidence says. */
const TABLE: ReadonlyArray<readonly [string, readonly Change[], string, RegExp]> = [
  ['no-npu-in-processor', [NONE, host({architecture: 'arm64', processor: null})], 'fail', /arm64, not x86-64/],
  [
    'no-npu-in-processor',
    [NONE, host({architecture: 'x64', processor: null})],
    'unknown',
    /does not say which processor/,
  ],
  ['no-npu-in-processor', [NONE], 'pass', /should have the NPU of Meteor Lake, though not every part/],
  [
    'no-npu-in-processor',
    [NONE, processor({expectedNpu: {likely: false, product: 'X'}})],
    'pass',
    /should have the NPU of X$/,
  ],
  ['no-npu-in-processor', [NONE, processor({expectedNpu: null, masked: true})], 'unknown', /generic processor/],
  ['no-npu-in-processor', [NONE, processor({expectedNpu: null})], 'fail', /no NPU is on the PCI bus$/],
  ['disabled-in-firmware-setup', [NONE], 'fail', /data sheet/],
  ['disabled-in-firmware-setup', [NONE, processor({expectedNpu: {likely: false, product: 'X'}})], 'fail', /PCI bus$/],
  ['disabled-in-firmware-setup', [NONE, () => ({pciVisible: false})], 'unknown', /no PCI devices/],
  ['disabled-in-firmware-setup', [NONE, host({virtualMachine: true})], 'skip', /virtual machine sees only/],
  ['disabled-in-firmware-setup', [NONE, host({wsl: true})], 'skip', /virtual machine sees only/],
  ['disabled-in-firmware-setup', [NONE, host({processor: null})], 'skip', /not known to have an NPU/],
  ['wsl', [host({wsl: true})], 'pass', /it is WSL, but/],
  ['wsl', [NONE, host({wsl: true})], 'fail', /Microsoft/],
  ['virtual-machine', [host({virtualMachine: true})], 'pass', /passes the NPU through/],
  ['virtual-machine', [host({processor: null})], 'unknown', /not known/],
  ['virtual-machine', [host({virtualMachine: true}), () => ({kernelLog: DENIED})], 'pass', /passes the NPU through/],
  ['kernel-too-old', [NONE], 'skip', /no NPU/],
  ['kernel-too-old', [npu({driver: null})], 'pass', /lists 8086:7d1d/],
  ['kernel-too-old', [npu({driver: null}), driver({knowsId: null}), host({kernel: null})], 'unknown', /not known/],
  ['kernel-too-old', [npu({driver: null}), driver({knowsId: null}), host({kernel: '6.3.0'})], 'pass', /6\.3 or newer/],
  [
    'kernel-too-old',
    [npu({driver: null}), driver({knowsId: null}), host({kernel: '6.2.16'})],
    'fail',
    /6\.3 is the first/,
  ],
  ['kernel-too-old', [npu({driver: null}), driver({knowsId: false, provided: 'absent'})], 'pass', /or newer is needed/],
  ['driver-not-built', [npu({driver: null})], 'pass', /it is loaded/],
  ['driver-not-built', [driver({loaded: false})], 'pass', /it is loaded/],
  ['driver-not-built', [npu({driver: null}), driver({loaded: false})], 'pass', /it is a module/],
  ['driver-not-built', [npu({driver: null}), driver({loaded: false, provided: 'builtin'})], 'pass', /built in/],
  [
    'driver-not-built',
    [npu({driver: null}), driver({configured: 'n', loaded: false, provided: null})],
    'fail',
    /DRM_ACCEL_IVPU is n/,
  ],
  [
    'driver-not-built',
    [npu({driver: null}), driver({loaded: false, provided: null})],
    'unknown',
    /cannot be read here/,
  ],
  ['driver-not-built', [NONE, driver({loaded: false})], 'skip', /no NPU/],
  ['driver-not-loaded', [npu({driver: null})], 'pass', /though not bound/],
  ['driver-not-loaded', [npu({driver: null}), driver({loaded: false})], 'fail', /no driver is bound to 0000:00:0b\.0/],
  ['driver-not-loaded', [NONE, driver({loaded: false})], 'skip', /no NPU/],
  ['firmware-missing', [NONE], 'skip', /no NPU/],
  ['firmware-missing', [npu({name: null})], 'pass', /vpu_37xx_v1\.bin.*20250611/],
  ['driver-probe-failed', [NONE], 'skip', /no NPU/],
  [
    'driver-probe-failed',
    [npu({name: null}), log('a: fine', 'b: failed to boot', 'c: timed out')],
    'fail',
    /boot.*timed out$/,
  ],
  [
    'node-missing',
    [(facts) => ({node: {...facts.node!, entry: {detail: 'odd', unreadable: 'broken'}}})],
    'unknown',
    /odd/,
  ],
  ['node-missing', [() => ({node: null})], 'skip', /no accelerator/],
  ['node-permission', [() => ({node: null})], 'skip', /no device node/],
  ['node-permission', [(facts) => ({node: {...facts.node!, access: DENIED}})], 'unknown', /needs root/],
  [
    'node-permission',
    [(facts) => ({node: {...facts.node!, access: {value: false}, group: null}})],
    'fail',
    /not known$/,
  ],
  [
    'node-permission',
    [
      (facts) => ({
        node: {...facts.node!, access: {value: false}, group: {active: true, listed: true, name: 'render'}},
      }),
    ],
    'fail',
    /the mode does not let it in$/,
  ],
  ['node-unsuitable', [npu({driver: 'other'})], 'fail', /its kernel driver is other/],
  ['node-unsuitable', [npu({driver: null, node: null})], 'pass', /261:0/],
  ['node-unsuitable', [() => ({node: null})], 'skip', /no device node/],
  ['level-zero-loader', [levelZero({loader: UNNAMED})], 'unknown', /not known/],
  [
    'level-zero-loader',
    [levelZero({loader: UNNAMED}), () => ({packages: {'level-zero': '1.18.5'}})],
    'pass',
    /package level-zero 1\.18\.5/,
  ],
  ['level-zero-loader', [loaderVersion('1.18.4')], 'fail', /1\.18\.4/],
  ['level-zero-loader', [loaderVersion('1.18.5')], 'pass', /1\.18\.5/],
  ['level-zero-loader', [levelZero({folders: [], loader: null})], 'unknown', /no library folder/],
  ['driver-in-snap', [levelZero({snapDrivers: ['/snap/x']})], 'pass', /one outside/],
  [
    'driver-in-snap',
    [levelZero({driver: null, snapDrivers: ['/snap/x'], staleDriver: UNNAMED})],
    'pass',
    /one outside/,
  ],
  ['driver-in-snap', [levelZero({driver: null})], 'pass', /none is in a snap/],
  ['user-mode-driver', [levelZero({driver: UNNAMED})], 'pass', /^\/usr\/lib\/libx\.so$/],
  ['user-mode-driver', [levelZero({driver: null, staleDriver: UNNAMED})], 'fail', /its name before version 1\.16/],
  ['user-mode-driver', [levelZero({driver: null}), loaderVersion(null)], 'fail', /Level Zero answers success/],
  ['stale-user-mode-driver', [levelZero({driver: null, staleDriver: UNNAMED})], 'fail', /^\/usr\/lib\/libx\.so$/],
  ['user-mode-driver-old', [levelZero({driver: null})], 'skip', /no user-mode driver/],
  ['user-mode-driver-old', [levelZero({driver: UNNAMED})], 'pass', /libx/],
  [
    'user-mode-driver-old',
    [levelZero({driver: UNNAMED}), (facts) => ({npu: {...facts.npu!, part: {...facts.npu!.part!, driver: '1.28'}}})],
    'unknown',
    /not known/,
  ],
  [
    'user-mode-driver-old',
    [levelZero({driver: UNNAMED}), () => ({packages: {'intel-npu-driver': '1.32.1-1'}})],
    'pass',
    /1\.32\.1-1/,
  ],
  [
    'user-mode-driver-old',
    [levelZero({loader: {path: '/x', version: '1.26.2'}})],
    'warn',
    /1\.30\.0 came with loader 1\.26\.3, here is 1\.26\.2/,
  ],
  [
    'user-mode-driver-old',
    [levelZero({driver: {path: '/x', version: '1.15.0'}, loader: {path: '/x', version: '1.0.0'}})],
    'pass',
    /driver 1\.15\.0/,
  ],
  [
    'user-mode-driver-old',
    [(facts) => ({npu: {...facts.npu!, part: {...facts.npu!.part!, driver: '1.30'}}})],
    'pass',
    /1\.30\.0/,
  ],
  [
    'compiler-missing',
    [levelZero({compiler: null}), used({npuLibraries: ['libopenvino_intel_npu_compiler.so']})],
    'pass',
    /of OpenVINO/,
  ],
  ['compiler-missing', [levelZero({compiler: null}), used({npuLibraries: null})], 'unknown', /of its own is not known/],
  ['compiler-missing', [NONE], 'skip', /no NPU/],
  [
    'compiler-mismatch',
    [() => ({packages: {'intel-driver-compiler-npu': '1.28.0', 'intel-fw-npu': '1.30.0'}})],
    'warn',
    /intel-fw-npu 1\.30/,
  ],
  [
    'compiler-mismatch',
    [() => ({messages: ['x MAPPED_INFERENCE_VERSION is NOT compatible']})],
    'fail',
    /NOT compatible.*7\.2/,
  ],
  ['compiler-mismatch', [() => ({kernelLog: DENIED, packages: {}})], 'unknown', /needs root/],
  ['compiler-mismatch', [() => ({packages: {'intel-fw-npu': '1.30.0'}})], 'pass', /nothing in the kernel log/],
  ['environment-trap', [() => ({environment: {ZE_AFFINITY_MASK: '1'}})], 'warn', /lists the NPU all the same/],
  [
    'environment-trap',
    [OPENVINO_WITHOUT_NPU, () => ({environment: {ZE_AFFINITY_MASK: '1'}})],
    'fail',
    /^ZE_AFFINITY_MASK=1$/,
  ],
  [
    'environment-trap',
    [OPENVINO_WITHOUT_NPU, () => ({environment: {ZE_AFFINITY_MASK: '1'}, trapSprung: false})],
    'warn',
    /not the cause/,
  ],
  ['environment-trap', [() => ({environment: {LD_LIBRARY_PATH: '/x'}})], 'pass', /none is set/],
  ['environment-trap', [() => ({environment: null})], 'unknown', /no environment/],
  ['plugin-missing', [used({npuLibraries: null})], 'unknown', /cannot be listed/],
  ['plugin-missing', [(facts) => ({openvino: {...facts.openvino, used: null}})], 'skip', /no OpenVINO runtime/],
  ['device-lost', [counters(0, 1)], 'warn', /^1 reset since boot$/],
  ['device-lost', [OPENVINO_WITHOUT_NPU, counters(1, 1)], 'fail', /^2 resets since boot$/],
  ['device-lost', [counters(null, null)], 'unknown', /does not count resets/],
  ['device-lost', [log('intel_vpu: ZE_RESULT_ERROR_DEVICE_LOST')], 'fail', /DEVICE_LOST/],
  ['device-lost', [() => ({messages: ['result 0x70000001']})], 'fail', /0x70000001/],
  ['device-lost', [() => ({counters: {detail: 'not mounted', unreadable: 'absent'}})], 'unknown', /not mounted/],
  ['contexts-exhausted', [() => ({native: {...NO_READINGS, parameters: {}}})], 'pass', /opening the device node works/],
  [
    'contexts-exhausted',
    [() => ({native: {...NO_READINGS, openError: 'EACCES'}})],
    'pass',
    /nothing in the kernel log/,
  ],
  ['contexts-exhausted', [() => ({kernelLog: DENIED})], 'unknown', /needs root/],
  ['contexts-exhausted', [() => ({messages: ['Failed to add BO to context 3: -28']})], 'fail', /context 3/],
  ['npu-not-listed', [NONE, OPENVINO_WITHOUT_NPU], 'skip', /no NPU/],
  ['npu-not-listed', [(facts) => ({openvino: {...facts.openvino, used: null}})], 'unknown', /was not asked/],
  ['npu-not-listed', [used({devices: []})], 'fail', /lists nothing/],
]

describe('judging facts', () => {
  for (const [id, changes, status, evidence] of TABLE) {
    it(`gives ${status} for ${id}: ${evidence.source}`, async () => {
      let facts = await probeCase('healthy-meteor-lake')
      for (const change of changes) facts = {...facts, ...change(facts)}
      const verdict = CHECKS.find((check) => check.id === id)!.detect(facts)
      expect(verdict.status, JSON.stringify(verdict.evidence)).to.equal(status)
      expect(verdict.evidence.join(' | ')).to.match(evidence)
      expect(verdict.headline !== undefined, 'has a headline').to.equal(status === 'fail' || status === 'warn')
    })
  }

  it('tells what to do about a node whose mode shuts its own group out, or that belongs to root alone', async () => {
    const facts = await probeCase('healthy-meteor-lake')
    const remedy = (group: NonNullable<NonNullable<Facts['node']>['group']>, container: string | null = null) =>
      CHECKS.find(({id}) => id === 'node-permission')!.remedy('debian', {
        ...facts,
        host: {...facts.host, container},
        node: {...facts.node!, group},
      })
    expect(remedy({active: true, listed: true, name: 'render'})[0]).to.equal('sudo chmod g+rw /dev/accel/accel0')
    expect(remedy({active: false, listed: false, name: 'root'})[0]).to.contain('KERNEL=="accel*"')
    expect(remedy({active: false, listed: true, name: 'render'}, 'podman')[0]).to.contain('--group-add')
  })
})
