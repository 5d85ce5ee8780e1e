import {expect} from 'chai'
import {execFileSync} from 'node:child_process'
import {existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {homedir} from 'node:os'
import path from 'node:path'

import {readHeader} from '../../../../src/core/migrate/wrapper/header.ts'
import {renderWrapper, type WrapperRequest} from '../../../../src/core/migrate/wrapper/render.ts'
import {
  emptyFolder,
  fixture,
  fixtureTree,
  python,
  QUIET,
  removeFolders,
  runMigrate,
  treeOf,
  V1_MODULE,
  V2_MODULE,
  withNpubridge,
  withoutProcesses,
} from '../workspace.ts'

const ACTIVE =
  'import npu_coordination_bridge as b; print(b.__npubridge__["active"], b.NPUCoordinationBridge.__module__.split(".")[0])'

async function migrated(files: Record<string, string>): Promise<string> {
  const root = treeOf(files)
  await runMigrate(root, {}, withoutProcesses())
  return root
}

describe('the wrapper', () => {
  after(removeFolders)

  describe('where npubridge can be imported', () => {
    it('gives what npubridge.compat has, without a warning', async () => {
      const root = await migrated({'npu_coordination_bridge.py': fixture('v1')})
      const {stdout, stderr} = python(root, ['-W', 'error', '-c', ACTIVE], withNpubridge())
      expect(stderr).to.equal('')
      expect(stdout.trim()).to.equal('npubridge npubridge')
    })

    it('serves both generations from either', async () => {
      const root = await migrated({'npu_coordination_bridge.py': fixture('v1')})
      const code =
        'from npu_coordination_bridge import NPUOperation, Priority, WorkflowTask, get_system_info; print(get_system_info())'
      expect(python(root, ['-c', code], withNpubridge()).stdout).to.include('{')
    })

    it('is found as a plain module, in a package and in a namespace package', async () => {
      const root = await migrated({
        'plain/npu_coordination_bridge.py': fixture('v1'),
        'package/__init__.py': 'from .npu_coordination_bridge import WorkflowTask\n',
        'package/npu_coordination_bridge.py': fixture('v1'),
        'namespace/deep/npu_coordination_bridge.py': fixture('v2'),
      })
      const code = [
        'import sys; sys.path.insert(0, "plain")',
        'import npu_coordination_bridge as a, package.npu_coordination_bridge as b, package',
        'import namespace.deep.npu_coordination_bridge as c',
        'print([m.__npubridge__["active"] for m in (a, b, c)], package.WorkflowTask is a.WorkflowTask)',
      ].join('\n')
      for (const env of [QUIET, withNpubridge()]) {
        const {stdout, stderr} = python(root, ['-c', code], env)
        const active = env === QUIET ? 'archive' : 'npubridge'
        expect(stdout.trim(), stderr).to.include(`['${active}', '${active}', '${active}']`)
      }
    })

    it('takes a name that only the original has from the archive, with a warning, and fails for one that nobody has', async () => {
      const root = await migrated({'npu_coordination_bridge.py': fixture('v1')})
      const code = 'from npu_coordination_bridge import logger, asyncio; print(logger.name, asyncio.__name__)'
      const {stdout, stderr} = python(root, ['-c', code], withNpubridge())
      expect(stdout.trim(), stderr).to.equal('npu_coordination_bridge_archived asyncio')
      expect(stderr).to.include('comes from the archived original')
      expect(python(root, ['-c', 'from npu_coordination_bridge import Nothing'], withNpubridge()).stderr).to.match(
        /ImportError: cannot import name 'Nothing'/,
      )
    })

    it('gives to "import *" what the module itself defined, and nothing more', async () => {
      const root = await migrated({'npu_coordination_bridge.py': fixture('v2')})
      const code = 'from npu_coordination_bridge import *\nprint(sorted(n for n in dir() if not n.startswith("_")))'
      expect(JSON.parse(python(root, ['-c', code], withNpubridge()).stdout.replaceAll("'", '"'))).to.deep.equal([
        'FALLBACK_MODE',
        'LegacyNPUCoordinator',
        'NPUCoordinationBridge',
        'NPUOperation',
        'NPUResult',
        'Priority',
        'RUST_BRIDGE_AVAILABLE',
        'create_npu_bridge',
        'get_bridge_status',
        'get_global_bridge',
      ])
    })

    it('does as a script what the original did', async () => {
      const root = await migrated({
        'one/npu_coordination_bridge.py': fixture('v1'),
        'two/npu_coordination_bridge.py': fixture('v2'),
      })
      const run = (file: string, env: Record<string, string>) => python(root, [file], env).stdout
      expect(run('one/npu_coordination_bridge.py', withNpubridge())).not.to.equal('')
      expect(run('two/npu_coordination_bridge.py', withNpubridge())).to.include('performance_mode')
      expect(run('two/npu_coordination_bridge.py', QUIET)).to.equal(
        "{'rust_available': False, 'fallback_mode': True, 'performance_mode': 'python'}\n",
      )
    })

    it('keeps the name of a class that was renamed, and names of its own', async () => {
      const source = fixture('v1')
        .replaceAll('NPUCoordinationBridge', 'FastBridge')
        .replace('async def performance_test', 'def own_helper():\n    return 7\n\n\nasync def performance_test')
      const root = await migrated({'lib/fast.py': source})
      const code = 'from lib.fast import *; print(FastBridge.__module__.split(".")[0], own_helper())'
      const {stdout, stderr} = python(root, ['-c', code], withNpubridge())
      expect(stdout.trim(), stderr).to.equal('npubridge 7')
    })
  })

  describe('where npubridge cannot be imported', () => {
    it('runs the original in its own place, with a visible warning at the line of the importer', async () => {
      const root = await migrated({
        'npu_coordination_bridge.py': fixture('v1'),
        'caller.py': '\n\nimport npu_coordination_bridge\nprint(npu_coordination_bridge.get_python_src_dir().name)\n',
      })
      const {stdout, stderr} = python(root, ['caller.py'])
      expect(stdout.trim()).to.equal(path.basename(root))
      expect(stderr).to.match(/caller\.py:3: RuntimeWarning: npubridge cannot be imported \(ModuleNotFoundError/)
      expect(stderr).to.include('Remedy: pip install npubridge==0.1.0')
    })

    it('falls back too when npubridge is there but broken, and says how', async () => {
      const root = await migrated({
        'npu_coordination_bridge.py': fixture('v1'),
        'broken/npubridge/__init__.py': '',
        'broken/npubridge/compat.py': 'NPU_AVAILABLE = 1 / 0\n',
      })
      const env = {...QUIET, PYTHONPATH: path.join(root, 'broken')}
      const {stdout, stderr} = python(root, ['-c', ACTIVE], env)
      expect(stdout.trim(), stderr).to.equal('archive npu_coordination_bridge')
      expect(stderr).to.include('ZeroDivisionError')
    })

    it('never imports itself, though the second generation did', async () => {
      const root = await migrated({'coordination/npu_coordination_bridge.py': fixture('v2')})
      const code = [
        'import sys; sys.path.insert(0, "coordination")',
        ACTIVE,
        'print(sorted(m for m in sys.modules if "npu_coordination" in m))',
      ].join('\n')
      const {stdout, stderr, code: status} = python(root, ['-c', code])
      expect(status, stderr).to.equal(0)
      expect(stdout).to.include("['npu_coordination_bridge']")
      expect(stderr).not.to.include('Recursion')
    })

    it('finds the archive through a symbolic link', async () => {
      const root = await migrated({'deep/er/npu_coordination_bridge.py': fixture('v1')})
      symlinkSync(path.join('deep', 'er', 'npu_coordination_bridge.py'), path.join(root, 'npu_coordination_bridge.py'))
      expect(python(root, ['-c', ACTIVE]).stdout.trim()).to.equal('archive npu_coordination_bridge')
    })

    it('names the archive and the remedy when that is gone as well', async () => {
      const root = await migrated({'npu_coordination_bridge.py': fixture('v1')})
      rmSync(path.join(root, 'deprecated'), {recursive: true})
      const {stderr} = python(root, ['-c', ACTIVE])
      expect(stderr).to.match(
        /ImportError: the archived original of npu_coordination_bridge cannot be read: .*deprecated/,
      )
    })

    it('runs what has come into its place when it was rolled back in the middle of an import', async () => {
      const root = await migrated({'npu_coordination_bridge.py': fixture('v1')})
      const wrapper = readFileSync(path.join(root, 'npu_coordination_bridge.py'), 'utf8')
      rmSync(path.join(root, 'deprecated'), {recursive: true})
      writeFileSync(path.join(root, 'npu_coordination_bridge.py'), fixture('v1'))
      writeFileSync(path.join(root, 'wrapper.txt'), wrapper)
      const code = [
        'import types; m = types.ModuleType("npu_coordination_bridge")',
        'm.__file__ = "npu_coordination_bridge.py"',
        'import sys; sys.modules[m.__name__] = m',
        'exec(compile(open("wrapper.txt").read(), m.__file__, "exec"), m.__dict__)',
        'print(m.WorkflowTask("a", "b", "c").priority)',
      ].join('\n')
      const {stdout, stderr} = python(root, ['-c', code])
      expect(stdout.trim(), stderr).to.equal('50')
    })
  })

  it('is the same text whenever it is made, ASCII, and matches its own hash', () => {
    const request: WrapperRequest = {
      version: '0.1.0',
      strategy: 'replace',
      generation: 'v1',
      className: 'NPUCoordinationBridge',
      archive: '../deprecated/x/y.py',
      archiveSha256: 'a'.repeat(64),
      exported: ['NPUCoordinationBridge'],
      archived: ['logger'],
      shebang: '#!/usr/bin/env python3',
      hasMain: true,
      lineEnd: '\n',
    }
    const text = renderWrapper(request)
    expect(renderWrapper(request)).to.equal(text)
    expect(text).to.match(/^#!\/usr\/bin\/env python3\n# npubridge wrapper:[ -~\n]*$/)
    expect(readHeader(text)).to.deep.equal({
      version: '0.1.0',
      strategy: 'replace',
      archive: '../deprecated/x/y.py',
      archiveSha256: 'a'.repeat(64),
      intact: true,
    })
    expect(readHeader(text.replace('_npubridge_lock', 'other'))?.intact).to.equal(false)
    expect(readHeader(text.replace('version: 0.1.0', 'version: 0.1.1'))?.intact).to.equal(false)
  })

  it('keeps the line ends of the module, and stays intact when git converts them', async () => {
    const root = await migrated({'npu_coordination_bridge.py': fixture('v1').replaceAll('\n', '\r\n')})
    const text = readFileSync(path.join(root, 'npu_coordination_bridge.py'), 'utf8')
    expect(text.replaceAll('\r\n', '')).not.to.include('\n')
    expect(readHeader(text)?.intact).to.equal(true)
    expect(readHeader(text.replaceAll('\r\n', '\n'))?.intact).to.equal(true)
    expect(python(root, ['-c', ACTIVE], withNpubridge()).stdout.trim()).to.equal('npubridge npubridge')
  })

  it('works on every CPython from 3.8 that is here: this one, and those of pyenv', async () => {
    const versions = path.join(process.env.PYENV_ROOT ?? path.join(homedir(), '.pyenv'), 'versions')
    const minorOf = (name: string) => Number(/^3\.(\d+)\.\d+$/.exec(name)?.[1] ?? 0)
    const found = (existsSync(versions) ? readdirSync(versions) : [])
      .filter((name) => minorOf(name) >= 8)
      .map((name) => ({interpreter: path.join(versions, name, 'bin', 'python'), hasPackage: minorOf(name) >= 10}))
    const root = await migrated({'npu_coordination_bridge.py': fixture('v2')})
    for (const {interpreter, hasPackage} of [{interpreter: 'python3', hasPackage: true}, ...found]) {
      const run = (env: Record<string, string>) =>
        execFileSync(interpreter, ['-W', 'ignore', '-c', ACTIVE], {cwd: root, encoding: 'utf8', env}).trim()
      const env = {...QUIET, PATH: process.env.PATH ?? ''}
      expect(run(env), interpreter).to.equal('archive npu_coordination_bridge')
      if (hasPackage) expect(run({...env, ...withNpubridge()}), interpreter).to.equal('npubridge npubridge')
    }
  })

  it('gives the code bases of the fixtures a wrapper each', async () => {
    for (const [name, module] of [
      ['v1', V1_MODULE],
      ['v2', V2_MODULE],
    ] as const) {
      const root = fixtureTree(name, emptyFolder())
      await runMigrate(root, {}, withoutProcesses())
      const text = readFileSync(path.join(root, module), 'utf8')
      expect(readHeader(text)?.intact).to.equal(true)
    }
  })
})
