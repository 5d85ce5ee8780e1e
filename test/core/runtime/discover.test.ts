import {expect} from 'chai'
import {mkdir, symlink, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {
  type DiscoverOptions,
  discoverRuntimes,
  findRuntime,
  type RuntimeCandidate,
} from '../../../src/core/runtime/discover.ts'
import {writeManifest} from '../../../src/core/runtime/manifest.ts'
import {writeSelection} from '../../../src/core/runtime/selection.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {NOT_THERE, recordingRunner, SUCCEEDED} from '../../support/pip.ts'
import {fakeRuntime} from '../../support/runtime.ts'

const noPython = recordingRunner(() => NOT_THERE).run

describe('discoverRuntimes', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  const at = (...parts: string[]) => path.join(folder, ...parts)

  /** A machine with nothing on it, plus `more`. */
  function machine(more: DiscoverOptions = {}): DiscoverOptions {
    return {
      env: {},
      paths: {runtimes: at('runtimes'), models: at('models'), cache: at('cache'), servers: at('servers')},
      run: noPython,
      cwd: folder,
      intelRoot: at('opt-intel'),
      systemFolders: async () => [],
      ...more,
    }
  }

  async function managed(version: string, suffix: string) {
    const place = await fakeRuntime(at('runtimes', `openvino-${version}`), suffix)
    await writeManifest(place, {version, wheel: 'x.whl', sha256: '', installedAt: '', files: []})
    return place
  }

  async function findFailure(options: DiscoverOptions) {
    return failureOf(findRuntime(machine(options)))
  }

  const brief = ({source, folder: place, version}: RuntimeCandidate) => [source, path.relative(folder, place), version]

  it('finds nothing on an empty machine', async () => {
    expect(await discoverRuntimes(machine())).to.deep.equal([])
  })

  it('lists every place in order of preference', async () => {
    await fakeRuntime(at('named'))
    await fakeRuntime(at('environment'))
    await fakeRuntime(at('recorded'))
    await managed('2026.4.1', '2641')
    await managed('2026.5.0', '2650')
    await fakeRuntime(at('python', 'openvino', 'libs'))
    await fakeRuntime(at('node_modules', 'openvino-node', 'bin'))
    await writeFile(at('node_modules', 'openvino-node', 'package.json'), '{"name":"openvino-node"}')
    await fakeRuntime(at('intel', 'runtime', 'lib', 'intel64'))
    await fakeRuntime(at('opt-intel', 'openvino_2026', 'runtime', 'lib', 'intel64'))
    await fakeRuntime(at('loader'))
    await fakeRuntime(at('usr-lib'))
    await writeSelection(at('runtimes'), at('recorded'))
    const stdout = JSON.stringify({folder: at('python', 'openvino'), version: '2026.4.1'})
    const found = await discoverRuntimes(
      machine({
        explicit: at('named'),
        env: {
          NPUBRIDGE_RUNTIME: at('environment'),
          INTEL_OPENVINO_DIR: at('intel'),
          LD_LIBRARY_PATH: `${at('loader')}:`,
        },
        run: recordingRunner(() => ({...SUCCEEDED, stdout})).run,
        systemFolders: async () => [at('usr-lib')],
      }),
    )
    expect(found.map((candidate) => brief(candidate))).to.deep.equal([
      ['explicit', 'named', '2026.4.1'],
      ['environment', 'environment', '2026.4.1'],
      ['managed', 'recorded', '2026.4.1'],
      ['managed', 'runtimes/openvino-2026.5.0', '2026.5.0'],
      ['managed', 'runtimes/openvino-2026.4.1', '2026.4.1'],
      ['python', 'python/openvino/libs', '2026.4.1'],
      ['openvino-node', 'node_modules/openvino-node/bin', '2026.4.1'],
      ['intel-dir', 'intel/runtime/lib/intel64', '2026.4.1'],
      ['intel-dir', 'opt-intel/openvino_2026/runtime/lib/intel64', '2026.4.1'],
      ['system', 'loader', '2026.4.1'],
      ['system', 'usr-lib', '2026.4.1'],
    ])
    expect(found.filter(({problem}) => problem !== null)).to.deep.equal([])
  })

  it('lists a runtime once, however many ways lead to it', async () => {
    await fakeRuntime(at('one'))
    await symlink(at('one'), at('link'))
    const env = {NPUBRIDGE_RUNTIME: at('one'), LD_LIBRARY_PATH: at('link')}
    expect(await discoverRuntimes(machine({env}))).to.have.length(1)
  })

  it('takes the C library itself for its folder', async () => {
    await fakeRuntime(at('one'))
    const [found] = await discoverRuntimes(machine({explicit: at('one', 'libopenvino_c.so.2641')}))
    expect(found).to.include({folder: at('one'), problem: null})
  })

  it('says what is wrong with a place that was named', async () => {
    await mkdir(at('empty'))
    const [missing, empty] = await discoverRuntimes(
      machine({explicit: at('nowhere'), env: {NPUBRIDGE_RUNTIME: at('empty')}}),
    )
    expect(missing).to.include({source: 'explicit', library: null, problem: 'there is no such folder'})
    expect(empty!.problem).to.contain('libopenvino_c')
  })

  it('notices that a managed runtime is damaged', async () => {
    const place = await managed('2026.4.1', '2641')
    const files = [{path: 'libopenvino.so.2641', sha256: '', bytes: 5}]
    await writeManifest(place, {version: '2026.4.1', wheel: '', sha256: '', installedAt: '', files})
    const [found] = await discoverRuntimes(machine())
    expect(found!.problem).to.equal('libopenvino.so.2641 has 128 bytes, 5 were installed')
    await writeFile(path.join(place, 'runtime.json'), '{')
    const [again] = await discoverRuntimes(machine())
    expect(again!.problem).to.contain('runtime.json')
  })

  it('ignores folders that are not finished', async () => {
    await fakeRuntime(at('runtimes', '.openvino-2026.4.1.partial-1234'))
    expect(await discoverRuntimes(machine())).to.deep.equal([])
  })

  it('survives a python3 that talks nonsense', async () => {
    const {run} = recordingRunner(() => ({...SUCCEEDED, stdout: 'Welcome!'}))
    expect(await discoverRuntimes(machine({run}))).to.deep.equal([])
  })

  describe('findRuntime', () => {
    it('takes the first without a problem', async () => {
      await fakeRuntime(at('old'), '2450')
      await fakeRuntime(at('new'))
      const env = {LD_LIBRARY_PATH: `${at('old')}:${at('new')}`}
      expect((await findRuntime(machine({env}))).folder).to.equal(at('new'))
    })

    it('asks python3 only when it has to', async () => {
      await managed('2026.4.1', '2641')
      const {run, calls} = recordingRunner(() => NOT_THERE)
      await findRuntime(machine({run}))
      expect(calls).to.deep.equal([])
    })

    it('takes no other in place of one that was chosen', async () => {
      await managed('2026.4.1', '2641')
      const error = await findFailure({env: {NPUBRIDGE_RUNTIME: at('nowhere')}})
      expect(error.code).to.equal('RUNTIME_NOT_FOUND')
      expect(error.message).to.contain('NPUBRIDGE_RUNTIME').and.to.contain(at('nowhere'))
      expect(error.suggestions[0]).to.contain('unset NPUBRIDGE_RUNTIME')
      const explicit = await findFailure({explicit: at('nowhere')})
      expect(explicit.message).to.contain(at('nowhere'))
    })

    it('tells what it found instead, and the least version', async () => {
      await fakeRuntime(at('old'), '2450')
      const error = await findFailure({env: {LD_LIBRARY_PATH: at('old')}})
      expect(error.code).to.equal('RUNTIME_NOT_FOUND')
      expect(error.message).to.contain('2026.4.0').and.to.contain(at('old')).and.to.contain('2024.5.0')
      expect(error.suggestions[0]).to.equal('npubridge setup')
    })
  })
})
